//! Documents beside those that were found good.

use std::path::Path;
use std::{env, fs, io};

use serde_json::Value;
use similar::TextDiff;

use super::json::document_json;
use crate::Document;

/// Set to write golden files instead of comparing with them.
const UPDATE: &str = "UPDATE_GOLDEN";

/// Panics where a document is not what a golden file holds, and shows the difference. With `UPDATE_GOLDEN=1` in the
/// environment it writes the file instead. The file is JSON, the same that `forensic-host plugin test` keeps in
/// `tests/golden/`. A relative path starts at the crate's folder.
///
/// ```no_run
/// # use forensic_guest_sdk::{Document, assert_golden};
/// # let document = Document::new("x");
/// assert_golden!(document, "tests/golden/example.json");
/// ```
#[macro_export]
macro_rules! assert_golden {
    ($document:expr, $path:expr $(,)?) => {
        if let ::core::result::Result::Err(why) =
            $crate::testing::check_golden(&$document, ::std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join($path))
        {
            panic!("{why}");
        }
    };
}

/// What [`assert_golden!`](crate::assert_golden) does, without the panic.
///
/// # Errors
/// The difference, and how to accept it; or that the file is missing or can't be written.
pub fn check_golden(document: &Document, path: impl AsRef<Path>) -> Result<(), String> {
    let update = env::var_os(UPDATE).is_some_and(|value| !value.is_empty() && value != "0");
    check(document, path.as_ref(), update)
}

pub(super) fn check(document: &Document, path: &Path, update: bool) -> Result<(), String> {
    let made = document_json(document);
    let name = path.display();
    let found = match fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(format!("{name} can't be read: {error}")),
    };
    let parsed = found.as_deref().map(serde_json::from_str::<Value>);
    if matches!(&parsed, Some(Ok(golden)) if same(golden, &made)) {
        return Ok(());
    }
    let text = format!("{made:#}\n");
    if update {
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, text));
        return written.map_err(|error| format!("{name} can't be written: {error}"));
    }
    let advice = format!("run the test with {UPDATE}=1 to write it, and look at it before you commit it");
    let golden = match (parsed, found) {
        (Some(Ok(golden)), _) => format!("{golden:#}\n"),
        (_, Some(found)) => found,
        _ => return Err(format!("there is no golden file {name} yet: {advice}")),
    };
    let diff =
        TextDiff::from_lines(&golden, &text).unified_diff().header(&name.to_string(), "this document").to_string();
    Err(format!("the document differs from {name}:\n{diff}\nIf this is what you want, {advice}."))
}

/// Equality of values; numbers may differ by what reading them from text can cost.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a == b || matches!((a.as_f64(), b.as_f64()), (Some(a), Some(b)) if (a - b).abs() <= f64::EPSILON * a.abs())
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}
