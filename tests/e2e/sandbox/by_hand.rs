//! Plugins in WebAssembly text: what Rust guests can't do.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use forensic_host::limits::Limit;

use super::{engine, limits, nothing, request};
use crate::support::hostile_guest;

/// A plugin written by hand. `code` goes into the module beside the exports.
fn by_hand(code: &str, describe: &str) -> Vec<u8> {
    by_hand_with("", code, describe, None)
}

/// The same, with imports before the code, and the world that has those that are not the report API's: WIT, or nothing.
pub(super) fn by_hand_with(imports: &str, code: &str, describe: &str, world: Option<&str>) -> Vec<u8> {
    let module = format!(
        r#"(module
            {imports}
            {code}
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
            (func $describe (export "forensic:report/plugin@0.1.0#describe") (result i32) {describe})
            (func (export "forensic:report/plugin@0.1.0#render") (param i32 i32 i32 i32) (result i32) unreachable))"#
    );
    let mut module = wat::parse_str(module).unwrap();
    // The type of its world, which `wit-bindgen` writes into a section of its own.
    let core = core_module();
    for payload in wasmparser::Parser::new(0).parse_all(core) {
        if let wasmparser::Payload::CustomSection(section) = payload.unwrap()
            && section.name().starts_with("component-type")
        {
            custom_section(&mut module, section.name(), section.data());
        }
    }
    if let Some(wit) = world {
        let mut resolve = wit_parser::Resolve::default();
        let package = resolve.push_str("world.wit", wit).unwrap();
        let world = resolve.select_world(&[package], None).unwrap();
        let encoded =
            wit_component::metadata::encode(&resolve, world, wit_component::StringEncoding::UTF8, None).unwrap();
        custom_section(&mut module, "component-type:more", &encoded);
    }
    forensic_guest_build::componentize(&module).unwrap()
}

pub(super) fn custom_section(module: &mut Vec<u8>, name: &str, data: &[u8]) {
    module.push(0);
    let mut body = Vec::new();
    leb(&mut body, name.len());
    body.extend(name.as_bytes());
    body.extend(data);
    leb(module, body.len());
    module.extend(body);
}

/// The module that the hostile plugin was made of, which still has its type section.
pub(super) fn core_module() -> &'static [u8] {
    static MODULE: OnceLock<Vec<u8>> = OnceLock::new();
    MODULE.get_or_init(|| {
        hostile_guest();
        let guests = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests");
        fs::read(guests.join("wasm32-unknown-unknown/guest/hostile_guest.wasm")).unwrap()
    })
}

fn leb(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(super) fn by_hand_failure(code: &str, describe: &str, changes: &[(Limit, u64)]) -> String {
    let limits = limits(changes);
    let plugin = engine().load("by hand", &by_hand(code, describe), &limits).unwrap();
    engine().call(&plugin, request("behave"), &nothing(), &limits).outcome.unwrap_err().to_string()
}
