//! Documents that are too large, or make no sense.

use forensic_host::limits::Limit;
use forensic_host::plugin::CallFailure;

use super::{MIB, assert_limit, failure};

#[test]
fn documents_end_at_their_limits() {
    let room = (Limit::Memory, 256 * MIB);
    assert_limit(
        "flood-document",
        &[room],
        Limit::Document,
        "The plugin was stopped: limit `document` (the document) is 4MiB; raise it with `limits.document`, up to 64MiB.",
    );
    assert_limit(
        "flood-document",
        &[room, (Limit::Document, 60 * MIB)],
        Limit::Document,
        "The plugin was stopped: limit `document` (the document) is 60MiB, 67111455B asked for; raise it with \
         `limits.document`, up to 64MiB.",
    );
    assert_limit(
        "flood-block",
        &[],
        Limit::Block,
        "The plugin was stopped: block 1, a paragraph: limit `block` (one block of the document) is 1MiB, 1048617B asked \
         for; raise it with `limits.block`, up to 16MiB.",
    );
    assert_limit(
        "behave",
        &[(Limit::Block, 16)],
        Limit::Block,
        "The plugin was stopped: what `describe` returned: limit `block` (one block of the document) is 16B, 62B asked for; \
         raise it with `limits.block`, up to 16MiB.",
    );
    assert_limit(
        "argument",
        &[room],
        Limit::Document,
        "The plugin was stopped: <forensic_guest_sdk::host::wasm::WasmHost as forensic_guest_sdk::host::Host>::log hands the \
         host a text larger than any document: limit `document` (the document) is 4MiB; raise it with `limits.document`, up to 64MiB.",
    );
}

#[test]
fn bad_documents_are_named() {
    for (deed, text) in [
        ("ragged", "block 1 is a table, and row 1 is ragged: 1 cell for 2 columns"),
        ("level", "block 1 is a heading, and its level is 9, and levels go from 1 to 4"),
        ("chart", r#"block 1 is a chart, and series "lopsided" has 1 x value and 0 y values"#),
    ] {
        let (failure, said) = failure(deed, &[]);
        assert_eq!(said, format!("The plugin made a bad document: {text}."));
        assert!(matches!(failure, CallFailure::BadDocument { block: 1, .. }));
    }
}
