//! Any text through redaction: nothing declared survives, once is enough, and a stream is the same however it arrives.

#![no_main]

use std::sync::LazyLock;

use forensic_host::redact::{MARK, Redactor, Rules};
use libfuzzer_sys::fuzz_target;

/// Of different lengths and kinds; none is part of the mark or of another. The dictionary has them, too.
const SECRETS: [&str; 4] = ["hunter2!", "Zq7xK2", "tr0ub4dor & \"3\"", "pässwörd-42"];

static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| {
    let rules = Rules {
        secrets: SECRETS.map(String::from).into(),
        extra_keys: vec!["wallet_address".into()],
        extra_patterns: vec![("order".into(), "ORD-[0-9]{4}".into())],
        allow_keys: vec!["market_token".into()],
        allow_patterns: vec![("demo".into(), "demo-[a-z]+".into())],
    };
    Redactor::new(&rules).expect("the rules are good")
});

fuzz_target!(|data: &[u8]| {
    if let Some((key, text)) = input(data) {
        texts(key, text);
    }
    streams(data);
});

/// The first byte is for the size of the pieces; then a line for a key, and the text.
fn input(data: &[u8]) -> Option<(&str, &str)> {
    let (_, rest) = data.split_first()?;
    std::str::from_utf8(rest).ok()?.split_once('\n')
}

fn none_left(text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret:?} is left in {text:?}");
    }
}

fn texts(key: &str, text: &str) {
    let once = REDACTOR.text(text);
    none_left(&once.text);
    assert_eq!(once.count > 0, once.text != text, "the count is wrong: {text:?}");
    let twice = REDACTOR.text(&once.text);
    assert_eq!((&twice.text, twice.count), (&once.text, 0), "twice is not once: {text:?}");

    let once = REDACTOR.value(Some(key), text);
    none_left(&once.text);
    let twice = REDACTOR.value(Some(key), &once.text);
    assert_eq!((&twice.text, twice.count), (&once.text, 0), "twice is not once: {key:?} {text:?}");

    let argv: Vec<String> = text.split('\n').map(String::from).collect();
    let (words, _) = REDACTOR.args(&argv);
    assert_eq!(words.len(), argv.len());
    words.iter().for_each(|word| none_left(word));

    if REDACTOR.secret_by_name(key, text) {
        assert!(text.trim().chars().count() >= 8 && text != MARK);
    }
}

fn streams(data: &[u8]) {
    let whole = stream(data, usize::MAX);
    let size = usize::from(data.first().copied().unwrap_or(0)) % 61 + 1;
    assert_eq!(stream(data, size), whole, "pieces of {size} give something else");
    let lossy = String::from_utf8_lossy(&whole);
    lossy.split(['\n', '\r']).for_each(none_left);
}

fn stream(data: &[u8], size: usize) -> Vec<u8> {
    let mut lines = REDACTOR.lines();
    let mut out: Vec<u8> = data.chunks(size).flat_map(|piece| lines.push(piece)).collect();
    out.extend(lines.finish());
    out
}
