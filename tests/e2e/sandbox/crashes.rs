//! Panics, traps and refusals, as the operator reads them.

use forensic_host::plugin::CallFailure;
use forensic_host::plugin::document::{Level, PluginError};

use super::by_hand::by_hand_failure;
use super::failure;

#[test]
fn a_panic_is_told_with_its_text_and_place() {
    let (failure, text) = failure("trap", &[]);
    let rest =
        text.strip_prefix("The plugin crashed: it panicked: panicked at tests/guests/hostile/src/lib.rs:").unwrap();
    let rest = rest.trim_start_matches(|char: char| char.is_ascii_digit() || char == ':');
    assert_eq!(
        rest,
        "\\na deliberate panic\\nin two lines, in <hostile_guest::Hostile as forensic_guest_sdk::plugin::ReportPlugin>::render, called \
         by <hostile_guest::_::Exported as forensic_guest_sdk::bindings::exports::forensic::report::plugin::Guest>::render, \
         called by forensic_guest_sdk::bindings::exports::forensic::report::plugin::_export_render_cabi, called by \
         forensic:report/plugin@0.1.0#render. The run itself is not touched; this is a fault of the plugin, and running it \
         again will not help. For its author: return a `plugin-error` where an input may be bad, and keep panics for bugs."
    );
    let CallFailure::Trap(trap) = &failure else { panic!("{failure:?}") };
    assert_eq!(trap.log.len(), 1);
    assert_eq!(failure.log()[0].level, Level::Error);
    assert!(trap.functions.len() > 2, "{:?}", trap.functions);
}

#[test]
fn a_plugins_own_refusal_is_passed_on() {
    let (failure, text) = failure("error", &[]);
    assert_eq!(text, "The plugin misses data that it needs: the file that never was.");
    assert_eq!(failure, CallFailure::Plugin(PluginError::MissingData("the file that never was".into())));
    let (_, text) = self::failure("dance", &[]);
    assert_eq!(text, "The plugin does not accept its config: `do` is \"dance\".");
}

#[test]
fn crashes_of_all_kinds_are_told_in_words() {
    let operator = "The run itself is not touched; this is a fault of the plugin, and running it again will not help.";
    let memory = r#"(memory (export "memory") 1)"#;
    let border = "For its author: a value that crossed to the host was not what the WIT says; look at the bindings, and at \
                  code that writes to memory by itself.";
    let place = "in describe";
    for (code, describe, text) in [
        (
            "",
            "unreachable",
            format!(
                "it gave up without a word (`unreachable`), {place}. {operator} For its author: send the text of a panic \
                 through `log` with level `error`, as the Rust SDK does, and it will stand here."
            ),
        ),
        (
            "",
            "(i32.div_u (i32.const 1) (i32.const 0))",
            format!(
                "it divided by zero, {place}. {operator} For its author: check the divisor, and report a missing figure \
                 as `none`."
            ),
        ),
        (
            "(type $t (func)) (table 1 funcref)",
            "(call_indirect (type $t) (i32.const 0)) (i32.const 0)",
            format!(
                "it called a function pointer that is none, {place}. {operator} For its author: look for code that writes \
                 to memory by itself, or casts function pointers."
            ),
        ),
        (
            r#"(data (i32.const 0) "\20\00\00\00\01\00\00\00") (data (i32.const 32) "\ff")"#,
            "(i32.const 0)",
            format!("invalid utf-8 sequence of 1 bytes from index 0. {operator} {border}"),
        ),
        (
            r#"(data (i32.const 0) "\ff\ff\ff\7f\ff\ff\00\00")"#,
            "(i32.const 0)",
            format!("string pointer/length out of bounds of memory. {operator} {border}"),
        ),
        ("", "(i32.const -4)", format!("pointer out of bounds of memory. {operator} {border}")),
    ] {
        let said = by_hand_failure(&format!("{memory} {code}"), describe, &[]);
        assert_eq!(said, format!("The plugin crashed: {text}"), "{describe}");
    }
}
