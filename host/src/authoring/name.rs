//! What a plugin may be called: `team.report`, as the first-party plugins are.

/// The most characters of a name.
const MAX: usize = 64;

/// The name of a plugin, such as `acme.slowest`: at least two parts, joined by points, each of small letters, digits and
/// `_` and beginning with a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginName(String);

/// Why a text is no name of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` can't be the name of a plugin: {why}.{}", .suggestion.as_ref().map(|name| format!(" Did you mean `{name}`?")).unwrap_or_default())]
pub struct NameError {
    /// What was given.
    pub name: String,
    /// What is wrong with it.
    pub why: &'static str,
    /// A name that is near and good.
    pub suggestion: Option<String>,
}

impl PluginName {
    /// Reads a name.
    ///
    /// # Errors
    /// What is wrong with it, with a suggestion.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        match problem(text) {
            None => Ok(Self(text.to_owned())),
            Some(why) => Err(NameError { name: text.chars().take(MAX).collect(), why, suggestion: repaired(text) }),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What files, crates and packages are called after it: `acme_slowest`.
    pub fn file_stem(&self) -> String {
        self.0.replace('.', "_")
    }
}

impl std::fmt::Display for PluginName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn problem(text: &str) -> Option<&'static str> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '.';
    if text.is_empty() {
        Some("it is empty")
    } else if text.len() > MAX {
        Some("it is longer than 64 characters")
    } else if !text.chars().all(allowed) {
        Some("only small letters, digits, `_` and `.` are allowed")
    } else if !text.contains('.') {
        Some("it is not of the form `team.report`")
    } else if !text.split('.').all(|part| part.starts_with(|c: char| c.is_ascii_lowercase())) {
        Some("each part begins with a letter")
    } else {
        None
    }
}

fn repaired(text: &str) -> Option<String> {
    let mut fixed = String::new();
    for c in text.chars() {
        match c {
            'a'..='z' | '0'..='9' | '_' | '.' => fixed.push(c),
            'A'..='Z' => fixed.push(c.to_ascii_lowercase()),
            '/' | ':' => fixed.push('.'),
            _ => fixed.push('_'),
        }
    }
    let parts: Vec<&str> = fixed
        .split('.')
        .map(|part| part.trim_start_matches(|c: char| !c.is_ascii_lowercase()).trim_end_matches('_'))
        .filter(|part| !part.is_empty())
        .collect();
    let name = if parts.len() == 1 { format!("team.{}", parts[0]) } else { parts.join(".") };
    problem(&name).is_none().then_some(name)
}
