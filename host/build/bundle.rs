//! One script and one style sheet from the dashboard's folder: pure functions over its files, for `build.rs` and for the tests.
//! Knows just enough of JavaScript to put modules into one scope, and refuses what it does not know.

use std::collections::{BTreeMap, HashMap};

/// Script and style sheet together stay below this.
pub(crate) const SIZE_MAX: usize = 80 << 10;
/// The module that begins.
const ENTRY: &str = "main.js";
/// The style sheet that comes first.
const STYLE: &str = "style.css";
/// What pages over many runs need besides; it does not stand in a report.
const PAGES: &str = "pages.css";
/// What would end the element around a script, or change how a parser reads it.
const MARKUP: &[&str] = &["</script", "<script", "<!--", "</style"];
/// What makes markup or code of text, or loads anything.
const FORBIDDEN: &[&str] = &[
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "document.write",
    "srcdoc",
    "eval(",
    "Function(",
    "setHTMLUnsafe",
    "createContextualFragment",
    "DOMParser",
    "import(",
    "import.meta",
    "importScripts",
];
/// What a style sheet may not load, or run.
const FORBIDDEN_STYLE: &[&str] = &["@import", "url(", "expression(", "image-set("];

/// What the page holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bundle {
    /// A module script without imports and exports.
    pub(crate) script: String,
    /// A style sheet.
    pub(crate) style: String,
    /// What the server's pages over many runs add to it.
    pub(crate) pages: String,
}

/// Makes them from files by name: modules in the order in which they need each other, and their style sheets after the first one.
/// `minify` makes a script smaller.
///
/// # Errors
/// What is wrong, in which file and line.
pub(crate) fn bundle(
    files: &BTreeMap<String, String>,
    minify: impl FnOnce(&str) -> Result<String, String>,
) -> Result<Bundle, String> {
    let mut modules: BTreeMap<&str, Module<'_>> = BTreeMap::new();
    let mut next = vec![(ENTRY, String::new())];
    while let Some((name, wanted_by)) = next.pop() {
        if modules.contains_key(name) {
            continue;
        }
        let text = files.get(name).ok_or_else(|| format!("{wanted_by}there is no module {name}"))?;
        let module = Module::read(name, text)?;
        next.extend(module.imports.iter().map(|import| (import.from, format!("{name}:{}: ", import.line))));
        modules.insert(name, module);
    }
    for module in modules.values() {
        for import in &module.imports {
            let exports = &modules[import.from].exports;
            if let Some(name) = import.names.iter().find(|name| !exports.contains(*name)) {
                return Err(format!("{}:{}: {} does not export {name}", module.name, import.line, import.from));
            }
        }
    }
    let order = in_order(&modules)?;
    let mut owners: HashMap<&str, &str> = HashMap::new();
    for module in order.iter().map(|name| &modules[name]) {
        for (name, line) in &module.names {
            if let Some(other) = owners.insert(name, module.name) {
                return Err(format!("{}:{line}: {name} is a top-level name of {other}, too", module.name));
            }
        }
    }
    let script: Vec<&str> = order.iter().flat_map(|name| &modules[name].code).map(String::as_str).collect();
    let sheets = order.iter().filter_map(|name| Some(format!("{}.css", name.strip_suffix(".js")?)));
    let sheets: Vec<String> = std::iter::once(STYLE.to_owned()).chain(sheets).collect();
    if !files.contains_key(STYLE) {
        return Err(format!("there is no style sheet {STYLE}"));
    }
    let sheet = |names: &[String]| -> Result<String, String> {
        let mut lines: Vec<String> = Vec::new();
        for (name, text) in names.iter().filter_map(|name| Some((name, files.get(name)?))) {
            lines.extend(code(name, text)?.into_iter().map(|(_, line)| line));
        }
        Ok(lines.join("\n"))
    };
    let script = minify(&script.join("\n"))?;
    if let Some(word) = MARKUP.iter().find(|word| script.to_ascii_lowercase().contains(*word)) {
        return Err(format!("the script, made small, holds {word:?}"));
    }
    let bundle = Bundle { script, style: sheet(&sheets)?, pages: sheet(&[PAGES.to_owned()])? };
    if bundle.style.contains('<') || bundle.pages.contains('<') {
        return Err("a style sheet holds a `<`".into());
    }
    let size = bundle.script.len() + bundle.style.len();
    if size >= SIZE_MAX {
        let (script, style) = (bundle.script.len(), bundle.style.len());
        return Err(format!(
            "script ({script} bytes) and style ({style} bytes) must stay below {SIZE_MAX} bytes together"
        ));
    }
    Ok(bundle)
}

/// A module, read.
struct Module<'a> {
    name: &'a str,
    imports: Vec<Import<'a>>,
    exports: Vec<String>,
    /// Top-level names and their lines.
    names: Vec<(String, usize)>,
    /// Lines without imports and `export`.
    code: Vec<String>,
}

struct Import<'a> {
    line: usize,
    from: &'a str,
    names: Vec<String>,
}

impl<'a> Module<'a> {
    fn read(name: &'a str, text: &'a str) -> Result<Self, String> {
        let mut module = Self { name, imports: vec![], exports: vec![], names: vec![], code: vec![] };
        let mut lines = code(name, text)?.into_iter();
        while let Some((number, line)) = lines.next() {
            let problem = |what: &str| Err(format!("{name}:{number}: {what}: `{}`", line.trim()));
            if line.strip_prefix("import").is_some_and(|rest| !rest.starts_with(in_name)) {
                if !module.code.is_empty() {
                    return problem("imports stand at the top");
                }
                let mut whole = line.clone();
                while !whole.ends_with(';')
                    && let Some((_, more)) = lines.next()
                {
                    whole += &more;
                }
                let Some(import) = import(&whole, number, text) else {
                    return problem("an import has the form `import { a, b } from \"./x.js\";`");
                };
                module.imports.push(import);
                continue;
            }
            // At the left edge: a statement of the module itself.
            let mut kept = line.as_str();
            let exported = line.strip_prefix("export ");
            if let Some(rest) = exported {
                kept = rest;
            } else if line.starts_with("export") {
                return problem("an export has the form `export function|const|class|let NAME`");
            }
            match declared(kept) {
                Some(Ok(declared)) => {
                    if exported.is_some() {
                        module.exports.push(declared.to_owned());
                    }
                    module.names.push((declared.to_owned(), number));
                }
                Some(Err(())) => return problem("a top-level declaration has one plain name"),
                None if exported.is_some() => {
                    return problem("an export has the form `export function|const|class|let NAME`");
                }
                None => {}
            }
            module.code.push(kept.trim_start().to_owned());
        }
        Ok(module)
    }
}

/// `import { a, b } from "./x.js";`
fn import<'a>(statement: &str, line: usize, text: &'a str) -> Option<Import<'a>> {
    let rest = statement.strip_prefix("import")?.trim_start().strip_prefix('{')?;
    let (names, rest) = rest.split_once('}')?;
    let file = rest.trim().strip_prefix("from")?.trim_start().strip_prefix("\"./")?.strip_suffix("\";")?;
    let names: Vec<String> =
        names.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
    let plain = names.iter().all(|name| is_name(name)) && !names.is_empty() && file.ends_with(".js");
    // The same text again, which lives longer than the statement.
    let start = text.find(&format!("\"./{file}\""))? + 3;
    plain.then(|| Import { line, from: &text[start..start + file.len()], names })
}

/// The name that a line at the left edge declares; `None` if it declares nothing.
fn declared(line: &str) -> Option<Result<&str, ()>> {
    let line = line.strip_prefix("async ").unwrap_or(line);
    let (word, rest) = line.split_once([' ', '*'])?;
    if !matches!(word, "function" | "const" | "let" | "class" | "var" | "function*") {
        return None;
    }
    let rest = rest.trim_start_matches(['*', ' ']);
    let end = rest.find(|c| !in_name(c)).unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    let alone = !after.trim_start().starts_with(',');
    Some(if is_name(name) && alone && word != "var" { Ok(name) } else { Err(()) })
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| in_name(c) && !c.is_ascii_digit()) && text.chars().all(in_name)
}

fn in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$')
}

/// Modules after those they import.
fn in_order<'a>(modules: &BTreeMap<&'a str, Module<'a>>) -> Result<Vec<&'a str>, String> {
    let mut order: Vec<&str> = Vec::new();
    // The way down to the module that is looked at, each with the import that comes next.
    let mut path: Vec<(&str, usize)> = vec![(ENTRY, 0)];
    while let Some((name, next)) = path.last_mut() {
        let Some(import) = modules[*name].imports.get(*next) else {
            order.push(*name);
            path.pop();
            continue;
        };
        *next += 1;
        let from = import.from;
        if let Some(at) = path.iter().position(|(above, _)| *above == from) {
            let circle: Vec<&str> = path[at..].iter().map(|(name, _)| *name).chain([from]).collect();
            return Err(format!("imports go in a circle: {}", circle.join(" → ")));
        }
        if !order.contains(&from) {
            path.push((from, 0));
        }
    }
    Ok(order)
}

/// The lines of a file without those that only comment, with their numbers; checks what no file may hold.
fn code(name: &str, text: &str) -> Result<Vec<(usize, String)>, String> {
    let mut kept = Vec::new();
    let mut comment = false;
    let is_script = name.ends_with(".js");
    for (number, whole) in (1..).zip(text.lines()) {
        let problem = |what: String| Err(format!("{name}:{number}: {what}"));
        let mut rest = whole.trim();
        // A comment at a line's beginning goes; code after it stays.
        while comment || rest.starts_with("/*") {
            let from = if comment { rest } else { &rest[2..] };
            let after = from.split_once("*/").map(|(_, after)| after.trim_start());
            comment = after.is_none();
            rest = after.unwrap_or_default();
            if comment {
                break;
            }
        }
        if rest.is_empty() || is_script && rest.starts_with("//") {
            continue;
        }
        // What stood at the left edge still does.
        let indented = if whole.starts_with(char::is_whitespace) { " " } else { "" };
        let line = format!("{indented}{}", without_comments(rest));
        let lower = line.to_ascii_lowercase();
        if let Some(found) = MARKUP.iter().find(|markup| lower.contains(**markup)) {
            return problem(format!("`{found}` would be read by the page's parser"));
        }
        let forbidden = if is_script { FORBIDDEN } else { FORBIDDEN_STYLE };
        // What is drawn already may be named.
        let foreign = line.replace("url(#", "");
        if let Some(found) = forbidden.iter().find(|word| holds(&foreign, word)) {
            return problem(format!(
                "`{found}` is not used in here: text goes in through textContent, and nothing is loaded"
            ));
        }
        // Lines are taken for themselves, and their indentation goes.
        if is_script && line.matches('`').count() % 2 == 1 {
            return problem("a template literal ends on the line on which it begins".into());
        }
        kept.push((number, line));
    }
    if comment { Err(format!("{name}: a comment does not end")) } else { Ok(kept) }
}

/// A line without the `/* … */` between its code: types, mostly. What looks like one in a text stays.
fn without_comments(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut quote: Option<char> = None;
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let mut taken = c.len_utf8();
        match quote {
            Some(_) if c == '\\' => taken += rest[taken..].chars().next().map_or(0, char::len_utf8),
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if rest.starts_with("/*") && rest.contains("*/") => {
                let (_, after) = rest.split_once("*/").unwrap_or_default();
                rest = if out.ends_with([' ', '(']) { after.trim_start() } else { after };
                continue;
            }
            None if matches!(c, '"' | '\'' | '`') => quote = Some(c),
            None => {}
        }
        out.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    out.truncate(out.trim_end().len());
    out
}

/// Whether a line holds something that is not the end of a longer word.
fn holds(line: &str, word: &str) -> bool {
    let is_inside = |at: usize| line[..at].ends_with(in_name);
    line.match_indices(word).any(|(at, _)| !is_inside(at))
}
