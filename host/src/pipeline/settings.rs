//! The table `[pipeline]`: what holds for the run as a whole.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::model::{FailOn, FailurePolicy};
use super::{MAX_PARALLEL, below, names};
use crate::config::read::{Field, Reader, Table};

pub(super) const KEYS: [&str; 8] =
    ["name", "profile", "max_parallel", "root", "timeout", "kill_grace", "fail_on", "on_failure"];

/// Longest duration anywhere in a pipeline file.
pub(super) const MAX_DURATION: Duration = Duration::from_secs(366 * 86_400);

const DEFAULT_KILL_GRACE: Duration = Duration::from_secs(5);
const MAX_KILL_GRACE: Duration = Duration::from_secs(3600);

/// `[pipeline]`, checked.
pub(super) struct Settings {
    pub(super) name: String,
    pub(super) profile: Option<String>,
    pub(super) max_parallel: Option<u32>,
    pub(super) root: Option<PathBuf>,
    pub(super) timeout: Option<Duration>,
    pub(super) kill_grace: Duration,
    pub(super) fail_on: FailOn,
    pub(super) on_failure: FailurePolicy,
}

/// `at` is where the file starts.
pub(super) fn read(
    reader: &mut Reader,
    document: Table<'_>,
    dir: &Path,
    mistyped: bool,
    at: usize,
) -> Option<Settings> {
    let Some(field) = document.get("pipeline") else {
        if mistyped {
            return None;
        }
        let draft = reader.mistakes.error(at..at, "the table `[pipeline]` is missing");
        draft.help("add `[pipeline]` with `name = \"…\"` at the top").may_follow_from_syntax();
        return None;
    };
    let table = reader.table(&field, "the table `[pipeline]`")?;
    let mistyped = reader.refuse_unknown(table, "`[pipeline]`", &KEYS);
    let name = match table.get("name") {
        Some(name) => short_line(reader, &name),
        None if mistyped.contains(&"name") => None,
        None => {
            let draft = reader.mistakes.error(field.key_at, "`name` is missing in `[pipeline]`");
            draft.help("add `name = \"…\"`").may_follow_from_syntax();
            None
        }
    };
    let settings = Settings {
        name: String::new(),
        profile: table.get("profile").and_then(|profile| short_line(reader, &profile)),
        max_parallel: table.get("max_parallel").and_then(|field| max_parallel(reader, &field)),
        root: table.get("root").and_then(|root| Some(below(dir, reader.line(&root, "a path")?))),
        timeout: table.get("timeout").and_then(|field| timeout(reader, &field)),
        kill_grace: table
            .get("kill_grace")
            .and_then(|grace| reader.duration(&grace, Duration::ZERO, MAX_KILL_GRACE))
            .unwrap_or(DEFAULT_KILL_GRACE),
        fail_on: table.get("fail_on").and_then(|field| fail_on(reader, &field)).unwrap_or_default(),
        on_failure: table.get("on_failure").and_then(|field| on_failure(reader, &field)).unwrap_or_default(),
    };
    Some(Settings { name: name?, ..settings })
}

fn fail_on(reader: &mut Reader, field: &Field<'_>) -> Option<FailOn> {
    let words = FailOn::ALL.map(FailOn::as_str);
    let word = reader.string(field, "\"never\", \"error\", \"warning\" or \"info\"")?;
    let found = FailOn::ALL.into_iter().find(|choice| choice.as_str() == word);
    if found.is_none() {
        let meant = reader.suggester.nearest(word, words);
        reader.bad_value(field, "expected \"never\", \"error\", \"warning\" or \"info\"").did_you_mean(meant);
    }
    found
}

fn on_failure(reader: &mut Reader, field: &Field<'_>) -> Option<FailurePolicy> {
    const EXPECTED: &str = "\"continue\", \"finish-running\" or \"stop\"";
    let words = FailurePolicy::ALL.map(FailurePolicy::as_str);
    let word = reader.string(field, EXPECTED)?;
    let found = FailurePolicy::ALL.into_iter().find(|choice| choice.as_str() == word);
    if found.is_none() {
        let meant = reader.suggester.nearest(word, words);
        reader.bad_value(field, format!("expected {EXPECTED}")).did_you_mean(meant);
    }
    found
}

fn short_line(reader: &mut Reader, field: &Field<'_>) -> Option<String> {
    let text = reader.line(field, "a string")?;
    let length = text.chars().count();
    if length > names::MAX_ID {
        reader.bad_value(field, format!("it has {length} characters, at most {} are allowed", names::MAX_ID));
        return None;
    }
    Some(text.to_owned())
}

fn max_parallel(reader: &mut Reader, field: &Field<'_>) -> Option<u32> {
    if let toml::de::DeValue::Integer(number) = field.value
        && number.as_str().bytes().all(|digit| digit == b'0')
        && !number.as_str().is_empty()
    {
        let draft = reader.bad_value(field, "with 0 at once nothing would ever run");
        draft.help("write 1 for one at a time, or leave it out for as many as there are cores");
        return None;
    }
    let value = reader.number(field, 1..=u64::from(MAX_PARALLEL))?;
    u32::try_from(value).ok()
}

/// A limit of time that isn't zero.
pub(super) fn timeout(reader: &mut Reader, field: &Field<'_>) -> Option<Duration> {
    let value = reader.any_duration(field)?;
    if value.is_zero() {
        reader.bad_value(field, "zero would end it at once").help("leave it out for no limit");
        return None;
    }
    if value > MAX_DURATION {
        let draft =
            reader.bad_value(field, format!("at most {} are allowed", crate::limits::show_duration(MAX_DURATION)));
        draft.help("leave it out for no limit");
        return None;
    }
    Some(value)
}
