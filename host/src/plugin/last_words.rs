//! What a guest printed before it crashed, as a few words: pure functions over the end of its standard error. The formats are
//! those of the interpreters; whatever else it is, its last lines are shown.

use super::logbook::printable;

/// The longest text.
const TEXT_MAX: usize = 1 << 10;
/// Lines that are shown of an unknown format.
const LINES: usize = 4;
/// Between them.
const SEPARATOR: &str = " | ";
/// What CPython prints before the frames of an exception (`traceback` of its standard library).
const PYTHON: &str = "Traceback (most recent call last):";

/// `None` where nothing was printed.
pub(super) fn last_words(text: &str) -> Option<String> {
    let known = python(text).or_else(|| rust(text)).or_else(|| javascript(text));
    known.map(|words| printable(&words, TEXT_MAX)).or_else(|| last_lines(text))
}

/// The exception and the innermost of its frames: `ValueError: no (app.py, line 7, in render)`.
fn python(text: &str) -> Option<String> {
    // Of chained exceptions the last one was not caught.
    let (_, trace) = text.rsplit_once(PYTHON)?;
    let is_frame = |line: &&str| line.is_empty() || line.starts_with([' ', '\t']);
    let frame = trace.lines().take_while(is_frame).filter_map(|line| line.trim().strip_prefix("File ")).last();
    let exception = trace.lines().find(|line| !is_frame(line))?;
    Some(match frame {
        Some(frame) => format!("{exception} ({})", frame.replace('"', "")),
        None => exception.to_owned(),
    })
}

/// What Rust's own panic handler prints: place and text.
fn rust(text: &str) -> Option<String> {
    let (_, panic) = text.rsplit_once("panicked at ")?;
    let panic = panic.split("note: run with").next().unwrap_or(panic);
    let lines: Vec<&str> = panic.lines().map(str::trim).filter(|line| !line.is_empty()).take(LINES).collect();
    Some(format!("panicked at {}", lines.join(" ")))
}

/// An error with the frames of its stack, as SpiderMonkey writes them (`render@app.js:3:11`): the error and the innermost.
fn javascript(text: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let is_frame = |line: &str| {
        let (place, column) = line.rsplit_once(':').unwrap_or_default();
        let row = place.rsplit(':').next().unwrap_or_default();
        let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        line.contains('@') && !line.contains(' ') && number(column) && number(row)
    };
    let last = lines.iter().rposition(|line| is_frame(line))?;
    let first = lines[..last].iter().rposition(|line| !is_frame(line)).map_or(0, |before| before + 1);
    let error = lines[..first].iter().rev().find(|line| !line.eq_ignore_ascii_case("stack:"))?;
    Some(format!("{error} ({})", lines[first]))
}

fn last_lines(text: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let shown = lines[lines.len().saturating_sub(LINES)..].iter();
    // Each line has its share, because the last one says the most.
    let shown: Vec<String> = shown.map(|line| printable(line, TEXT_MAX / LINES - SEPARATOR.len())).collect();
    (!shown.is_empty()).then(|| shown.join(SEPARATOR))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_of_python_is_told_with_its_place() {
        let text = "starting\nTraceback (most recent call last):\n  File \"/0/app.py\", line 3, in outer\n    inner()\n    \
                    ^^^^^^^\n  File \"/0/app.py\", line 9, in inner\n    raise ValueError(\"no\\n\")\nValueError: no\n\n\
                    During handling of the above exception, another exception occurred:\n\n\
                    Traceback (most recent call last):\n  File \"/0/app.py\", line 12, in render\nKeyError: 'k'\n";
        assert_eq!(last_words(text).as_deref(), Some("KeyError: 'k' (/0/app.py, line 12, in render)"));
        assert_eq!(
            last_words("Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\nMemoryError\n")
                .as_deref(),
            Some("MemoryError (a.py, line 1, in <module>)")
        );
    }

    #[test]
    fn an_error_of_javascript_is_told_with_its_place() {
        let text =
            "Exception while evaluating\nTypeError: x is undefined\nStack:\n  inner@app.js:3:11\n  render@app.js:9:1\n";
        assert_eq!(last_words(text).as_deref(), Some("TypeError: x is undefined (inner@app.js:3:11)"));
    }

    #[test]
    fn a_panic_and_anything_else_are_shown_as_printed() {
        let panic = "\nthread 'main' panicked at src/lib.rs:3:5:\nboom\nnote: run with `RUST_BACKTRACE=1` …\n";
        assert_eq!(last_words(panic).as_deref(), Some("panicked at src/lib.rs:3:5: boom"));
        assert_eq!(last_words("1\n2\n3\n\n4\u{1b}\n5\n").as_deref(), Some("2 | 3 | 4\\u{1b} | 5"));
        assert_eq!(last_words(" \n\n"), None);
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_short_printable_words_or_none(
            text in "(Traceback \\(most recent call last\\):|\n|  File |panicked at |stack:|@|:1|[ -~]|\\PC|\u{1b}){0,40}"
        ) {
            if let Some(words) = last_words(&text) {
                proptest::prop_assert!(words.len() <= TEXT_MAX && !words.chars().any(char::is_control));
            }
        }
    }
}
