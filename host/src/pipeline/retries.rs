//! `retries = { max, backoff, on_exit }`, merged key by key.

use std::time::Duration;

use super::layers::Layers;
use super::model::Retries;
use crate::config::read::{Field, Reader};

pub(super) const KEYS: [&str; 3] = ["max", "backoff", "on_exit"];
const MAX_RETRIES: u64 = 100;
const MAX_BACKOFF: Duration = Duration::from_secs(86_400);

/// `alone`: it need not be complete.
pub(super) fn read(reader: &mut Reader, layers: &Layers<'_>, alone: bool) -> Retries {
    let mut retries = Retries::default();
    let (mut told, mut last) = (alone, None);
    for field in layers.all("retries") {
        if let toml::de::DeValue::Integer(number) = field.value {
            let advice = format!("write `retries = {{ max = {number} }}`");
            reader.wrong_type(&field, "a table").help(advice);
            told = true;
            continue;
        }
        let Some(table) = reader.table(&field, "a table such as `{ max = 2, backoff = \"1s\" }`") else {
            told = true;
            continue;
        };
        told |= reader.refuse_unknown(table, "`retries`", &KEYS).contains(&"max");
        if let Some(max) = table.get("max") {
            told = true;
            let max = reader.number(&max, 0..=MAX_RETRIES).and_then(|max| u32::try_from(max).ok());
            retries.max = max.unwrap_or_default();
        }
        if let Some(backoff) = table.get("backoff")
            && let Some(backoff) = reader.duration(&backoff, Duration::ZERO, MAX_BACKOFF)
        {
            retries.backoff = backoff;
        }
        if let Some(codes) = table.get("on_exit") {
            retries.on_exit = read_exit_codes(reader, &codes);
        }
        last = Some(field);
    }
    if let Some(field) = last.filter(|_| !told) {
        let draft = reader.mistakes.error(field.key_at, "`max` is missing in `retries`");
        draft.help("add `max = 2` for two more attempts").may_follow_from_syntax();
    }
    retries
}

fn read_exit_codes(reader: &mut Reader, field: &Field<'_>) -> Option<Vec<i32>> {
    let elements = reader.array(field, "an array of exit codes, such as `[75]`")?;
    if elements.is_empty() {
        reader
            .bad_value(field, "no exit code would ever be tried again")
            .help("leave it out to try again after every failure");
        return None;
    }
    let mut codes = Vec::new();
    for element in elements {
        codes.extend(reader.number(&element, 1..=255).and_then(|code| i32::try_from(code).ok()));
    }
    codes.sort_unstable();
    codes.dedup();
    Some(codes)
}
