//! `[pools]` and a stage's `resources`: what stages share, and how much of it each takes.

use std::collections::HashMap;

use toml::de::DeValue;

use super::include::Document;
use super::layers::{Layers, unique};
use super::model::{Capacity, Pool};
use super::names::{id_problem, repaired_id};
use crate::config::read::{Field, Reader};
use crate::config::words::clip;
use crate::limits::show_bytes;

pub(super) fn read(reader: &mut Reader, documents: &[Document<'_>]) -> Vec<Pool> {
    let mut first = HashMap::new();
    let mut pools = Vec::new();
    for document in documents {
        let Some(field) = document.table.get("pools") else { continue };
        let Some(table) = reader.table(&field, "a table such as `{ gpu = 1 }`") else { continue };
        for field in table.fields() {
            if let Some(problem) = id_problem(field.name) {
                let message = format!("bad name `{}` of a pool", clip(field.name));
                let draft = reader.mistakes.error(field.key_at.clone(), message);
                draft.label(problem).did_you_mean(repaired_id(field.name).as_deref());
            } else if unique(reader, &mut first, &field, "pool") {
                let name = field.name.to_owned();
                // What has a bad capacity still is there: what takes from it is not wrong.
                let (capacity, bytes) = read_capacity(reader, &field).unwrap_or((Capacity::Cores, true));
                pools.push(Pool { name, capacity, bytes });
            }
        }
    }
    pools.sort_by(|a, b| a.name.cmp(&b.name));
    pools
}

fn read_capacity(reader: &mut Reader, field: &Field<'_>) -> Option<(Capacity, bool)> {
    const EXPECTED: &str = "a number, a size such as \"8GiB\", \"cores\" or \"memory\"";
    let (amount, bytes) = match field.value {
        DeValue::String(word) if word == "cores" => return Some((Capacity::Cores, false)),
        DeValue::String(word) if word == "memory" => return Some((Capacity::Memory, true)),
        DeValue::String(word) if word.starts_with(|c: char| c.is_ascii_digit()) => (reader.size(field)?, true),
        DeValue::String(word) => {
            let meant = reader.suggester.nearest(word, ["cores", "memory"]);
            reader.bad_value(field, format!("expected {EXPECTED}")).did_you_mean(meant);
            return None;
        }
        DeValue::Integer(_) => (reader.count(field)?, false),
        _ => {
            reader.wrong_type(field, EXPECTED);
            return None;
        }
    };
    if amount == 0 {
        reader.bad_value(field, "nothing could ever be taken from it").help("leave it out, or give it 1 at least");
        return None;
    }
    Some((Capacity::Fixed(amount), bytes))
}

/// What a stage takes: pool and amount, each pool once, by pool.
pub(super) fn resources(reader: &mut Reader, layers: &Layers<'_>, pools: &[Pool]) -> Vec<(usize, u64)> {
    let mut taken: Vec<(usize, u64)> = Vec::new();
    for field in layers.all("resources") {
        let Some(table) = reader.table(&field, "a table such as `{ gpu = 1 }`") else { continue };
        for field in table.fields() {
            let Ok(number) = pools.binary_search_by(|pool| pool.name.as_str().cmp(field.name)) else {
                unknown(reader, &field, pools);
                continue;
            };
            let Some(amount) = read_amount(reader, &field, &pools[number]) else { continue };
            taken.retain(|(pool, _)| *pool != number);
            taken.push((number, amount));
        }
    }
    // Nothing of it: that is how a stage takes back what its template says.
    taken.retain(|(_, amount)| *amount > 0);
    taken.sort_unstable();
    taken
}

fn unknown(reader: &mut Reader, field: &Field<'_>, pools: &[Pool]) {
    let names = || pools.iter().map(|pool| pool.name.as_str());
    let meant = reader.suggester.nearest(field.name, names());
    let draft = reader.mistakes.error(field.key_at.clone(), format!("unknown pool `{}`", clip(field.name)));
    draft.may_follow_from_lost_names();
    match meant {
        Some(_) => draft.did_you_mean(meant),
        None if pools.is_empty() => {
            draft.help(format!("say how much there is: `[pools]` with `{} = 1`", clip(field.name)))
        }
        None => draft.help(format!("pools: {}", names().collect::<Vec<_>>().join(", "))),
    };
}

fn read_amount(reader: &mut Reader, field: &Field<'_>, pool: &Pool) -> Option<u64> {
    let amount = match field.value {
        DeValue::String(_) if !pool.bytes => {
            let draft = reader.wrong_type(field, "a number");
            draft.help(format!("the pool `{}` is no size", clip(&pool.name)));
            return None;
        }
        _ if pool.bytes => reader.size(field)?,
        _ => reader.count(field)?,
    };
    if let Capacity::Fixed(most) = pool.capacity
        && amount > most
    {
        let show = |amount| if pool.bytes { show_bytes(amount) } else { amount.to_string() };
        let why = format!("the pool has {}", show(most));
        let message = format!("{} of `{}` are more than there is", show(amount), clip(&pool.name));
        reader
            .mistakes
            .error(field.at.clone(), message)
            .label(why)
            .help("it would never start; take less, or enlarge the pool");
        return None;
    }
    Some(amount)
}
