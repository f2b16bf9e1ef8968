//! The schema for editors says of every table what the parser says.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::pipeline::executor::{placement, table};
use crate::pipeline::{environment, needs, reports, retries, secrets, settings, stage, telemetry, when};

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

fn keys(schema: &Value, pointer: &str) -> BTreeSet<String> {
    let table = schema.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is missing"));
    assert_eq!(table["additionalProperties"], false, "{pointer}");
    table["properties"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn every_table_has_the_keys_of_its_parser() {
    let schema = schema();
    let limits = crate::limits::TABLE.map(|spec| spec.key);
    let tables: [(&str, &[&str]); 18] = [
        ("", &super::super::TABLES),
        ("/properties/pipeline", &settings::KEYS),
        ("/properties/environment", &environment::KEYS),
        ("/properties/environment/properties/dotenv/items/oneOf/1", &environment::DOTENV_KEYS),
        ("/properties/secrets", &secrets::KEYS),
        ("/properties/redaction", &secrets::RULE_KEYS),
        ("/properties/telemetry", &telemetry::KEYS),
        ("/properties/executor", &table::KEYS),
        ("/$defs/ray", &placement::KEYS),
        ("/$defs/stage", &stage::KEYS),
        ("/$defs/template", &stage::TEMPLATE_KEYS),
        ("/$defs/group", &stage::GROUP_KEYS),
        ("/$defs/stage/properties/needs/oneOf/1", &needs::KEYS),
        ("/$defs/when", &when::KEYS),
        ("/$defs/retries", &retries::KEYS),
        ("/$defs/report", &reports::KEYS),
        ("/$defs/limits", &limits),
        ("/$defs/list/oneOf/2", &["file"]),
    ];
    for (pointer, expected) in tables {
        let expected: BTreeSet<String> = expected.iter().map(|key| (*key).to_owned()).collect();
        assert_eq!(keys(&schema, pointer), expected, "{pointer}");
    }
    // A table that is closed to other keys is one of those above.
    fn closed(value: &Value, count: &mut usize) {
        match value {
            Value::Object(fields) => {
                *count += usize::from(fields.get("additionalProperties") == Some(&Value::Bool(false)));
                fields.values().for_each(|value| closed(value, count));
            }
            Value::Array(items) => items.iter().for_each(|value| closed(value, count)),
            _ => {}
        }
    }
    let mut count = 0;
    closed(&schema, &mut count);
    assert_eq!(count, tables.len());
}

#[test]
fn words_and_references_are_right() {
    let schema = schema();
    let words = |pointer: &str| -> Vec<String> {
        let list = schema.pointer(pointer).unwrap().as_array().unwrap();
        list.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(words("/properties/pipeline/properties/on_failure/enum"), FailurePolicy::ALL.map(FailurePolicy::as_str));
    assert_eq!(words("/properties/pipeline/properties/fail_on/enum"), FailOn::ALL.map(FailOn::as_str));
    assert_eq!(words("/properties/executor/properties/kind/enum"), ExecutorKind::ALL.map(ExecutorKind::as_str));
    assert_eq!(words("/properties/executor/properties/on_lost/enum"), OnLost::ALL.map(OnLost::as_str));
    assert_eq!(words("/properties/executor/properties/files/enum"), Files::ALL.map(Files::as_str));
    assert_eq!(words("/$defs/stage/properties/executor/enum"), ExecutorKind::ALL.map(ExecutorKind::as_str));
    assert_eq!(words("/$defs/when/properties/result/additionalProperties/enum"), when::RESULTS);
    fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    references(&schema, &mut found);
    assert!(found.len() > 50);
    for reference in found {
        assert!(schema.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
    }
    let stage = schema.pointer("/$defs/stage/properties").unwrap().as_object().unwrap();
    assert!(stage.values().all(|key| key["description"].is_string()));
}
