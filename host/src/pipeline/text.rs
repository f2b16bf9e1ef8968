//! Placeholders: `${{ matrix.year }}` in a text of the file, checked once and filled in for each member.

use std::borrow::Cow;
use std::ops::Range;

use crate::config::read::Reader;
use crate::config::words::clip;

/// How a placeholder begins, and how it ends.
pub(super) const OPEN: &str = "${{";
const CLOSE: &str = "}}";

/// What placeholders may name.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    /// What varies from member to member, as it stands in placeholders, such as `matrix.year`.
    pub(super) varying: Vec<String>,
    /// `pipeline.name`, where it is known.
    pub(super) pipeline: Option<&'a str>,
    /// `pipeline.profile`.
    pub(super) profile: Option<&'a str>,
    /// Any name will do: what varies is not known.
    pub(super) any: bool,
}

/// A text with its placeholders understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Text<'d> {
    /// Without any.
    Plain(&'d str),
    /// With some.
    Pieces(Vec<Piece>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Literal(String),
    /// What varies, by its number.
    Value(usize),
}

/// A member's values, name and value, in the order of [`Names::varying`].
pub(super) type Values = [(String, String)];

impl<'d> Text<'d> {
    /// Understands a text that stands at `at`; a wrong placeholder is recorded.
    pub(super) fn read(reader: &mut Reader, at: &Range<usize>, text: &'d str, names: &Names<'_>) -> Option<Self> {
        if !text.contains(OPEN) {
            return Some(Self::Plain(text));
        }
        let mut pieces = Vec::new();
        let mut good = true;
        let mut rest = text;
        while let Some(start) = rest.find(OPEN) {
            let before = &rest[..start];
            rest = &rest[start + OPEN.len()..];
            if let Some(before) = before.strip_suffix('$') {
                literal(&mut pieces, before);
                literal(&mut pieces, OPEN);
                continue;
            }
            literal(&mut pieces, before);
            let Some((name, after)) = rest.split_once(CLOSE) else {
                let line = rest.lines().next().unwrap_or_default();
                let draft = reader.mistakes.error(at.clone(), "a placeholder is not closed");
                draft.narrow_to(format!("{OPEN}{line}"));
                draft.label("expected `}}` after this").help("for the text `${{` itself, write `$${{`");
                return None;
            };
            let whole = &text[text.len() - rest.len() - OPEN.len()..text.len() - after.len()];
            rest = after;
            match names.piece(name.trim()) {
                Some(piece) => pieces.push(piece),
                None => {
                    names.refuse(reader, at, name.trim(), whole);
                    good = false;
                }
            }
        }
        literal(&mut pieces, rest);
        good.then_some(Self::Pieces(pieces))
    }

    /// The text of a member.
    pub(super) fn fill(&self, values: &Values) -> Cow<'d, str> {
        match self {
            Self::Plain(text) => Cow::Borrowed(text),
            Self::Pieces(pieces) => Cow::Owned(joined(pieces, |value| Cow::Borrowed(values[value].1.as_str()))),
        }
    }

    /// The text with the names of what varies in braces.
    pub(super) fn pattern(&self, names: &[String]) -> String {
        match self {
            Self::Plain(text) => (*text).to_owned(),
            Self::Pieces(pieces) => joined(pieces, |value| Cow::Owned(format!("{{{}}}", names[value]))),
        }
    }

    /// Whether the text is the same for all members.
    #[cfg(test)]
    pub(super) fn is_fixed(&self) -> bool {
        match self {
            Self::Plain(_) => true,
            Self::Pieces(pieces) => pieces.iter().all(|piece| matches!(piece, Piece::Literal(_))),
        }
    }

    /// Whether a placeholder stands for what varies under this number.
    pub(super) fn names(&self, number: usize) -> bool {
        matches!(self, Self::Pieces(pieces) if pieces.contains(&Piece::Value(number)))
    }

    /// The text, a full stop and what varies.
    pub(super) fn and(self, number: usize) -> Self {
        let mut pieces = match self {
            Self::Plain(text) => vec![Piece::Literal(text.to_owned())],
            Self::Pieces(pieces) => pieces,
        };
        literal(&mut pieces, ".");
        pieces.push(Piece::Value(number));
        Self::Pieces(pieces)
    }
}

fn joined<'t>(pieces: &'t [Piece], value: impl Fn(usize) -> Cow<'t, str>) -> String {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Literal(part) => text.push_str(part),
            Piece::Value(number) => text.push_str(&value(*number)),
        }
    }
    text
}

fn literal(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(Piece::Literal(before)) => before.push_str(text),
        _ => pieces.push(Piece::Literal(text.to_owned())),
    }
}

impl Names<'_> {
    fn piece(&self, name: &str) -> Option<Piece> {
        if let Some(number) = self.varying.iter().position(|known| known == name) {
            return Some(Piece::Value(number));
        }
        match name {
            "pipeline.name" => Some(Piece::Literal(self.pipeline.unwrap_or("x").to_owned())),
            "pipeline.profile" if self.profile.is_some() => Some(Piece::Literal(self.profile?.to_owned())),
            _ => self.any.then(|| Piece::Literal("x".to_owned())),
        }
    }

    fn refuse(&self, reader: &mut Reader, at: &Range<usize>, name: &str, whole: &str) {
        let known = || self.varying.iter().map(String::as_str).chain(["pipeline.name", "pipeline.profile"]);
        if name == "pipeline.profile" {
            let draft = reader.mistakes.error(at.clone(), "the pipeline has no profile").narrow_to(whole);
            draft.label("this stands for it").help("add `profile = \"…\"` to `[pipeline]`");
            return;
        }
        // `sleeve` for `matrix.sleeve`: the word alone is what people forget most.
        let alone = known().find(|known| known.split_once('.').is_some_and(|(_, last)| last == name));
        let meant = alone.or_else(|| reader.suggester.nearest(name, known())).map(|name| format!("${{{{ {name} }}}}"));
        let draft = reader.mistakes.error(at.clone(), format!("unknown placeholder `{}`", clip(name)));
        draft.narrow_to(whole).label("there is no such value here");
        match meant {
            Some(meant) => draft.did_you_mean(Some(&meant)),
            None => draft.help(format!("known here: {}", known().collect::<Vec<_>>().join(", "))),
        };
        draft.help("for the text `${{` itself, write `$${{`");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Option<Text<'_>> {
        let varying = vec!["matrix.a".to_owned(), "item.n".to_owned()];
        let names = Names { varying, pipeline: Some("big"), ..Names::default() };
        Text::read(&mut Reader::new(text.len()), &(0..text.len()), text, &names)
    }

    #[test]
    fn placeholders_are_filled_in() {
        let values = [("a".to_owned(), "1".to_owned()), ("item.n".to_owned(), "${{ matrix.a }}".to_owned())];
        for (text, filled, pattern) in [
            ("plain ${x} $$ {{ }}", "plain ${x} $$ {{ }}", "plain ${x} $$ {{ }}"),
            ("${{ matrix.a }}-${{item.n}}", "1-${{ matrix.a }}", "{a}-{item.n}"),
            ("$${{ matrix.a }} ${{ matrix.a }}", "${{ matrix.a }} 1", "${{ matrix.a }} {a}"),
            ("${{ pipeline.name }}$", "big$", "big$"),
        ] {
            let read = read(text).unwrap();
            assert_eq!(read.fill(&values), filled, "{text}");
            assert_eq!(read.pattern(&["a".to_owned(), "item.n".to_owned()]), pattern, "{text}");
        }
        for bad in ["${{ matrix.b }}", "${{", "${{ matrix.a }", "${{}}", "${{ pipeline.profile }}"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn escaped_text_comes_back(text in "[$ab{} ]{0,30}") {
            let escaped = text.replace(OPEN, "$${{");
            let read = read(&escaped).unwrap();
            prop_assert!(read.is_fixed());
            prop_assert_eq!(read.fill(&[]).into_owned(), text);
        }
    }
}
