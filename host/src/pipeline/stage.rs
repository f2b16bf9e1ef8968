//! One stage as it is written: its keys understood and checked once, however many stages are made from it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use toml::de::DeValue;

use super::environment::bad_variable;
use super::executor::placement;
use super::files::Folder;
use super::layers::{Found, Layer, Layers};
use super::model::{Pool, Retries};
use super::needs::{self, Needs};
use super::settings::timeout;
use super::text::{Names, Text};
use super::{pools, retries, when};
use crate::config::read::{Field, Reader};
use crate::config::words::{clip, toml_text};

/// Keys of `[stages."id"]`.
pub(super) const KEYS: [&str; 21] = [
    "template",
    "matrix",
    "foreach",
    "exclude",
    "command",
    "run",
    "pipeline",
    "needs",
    "when",
    "allow_failure",
    "priority",
    "resources",
    "inputs",
    "outputs",
    "cache",
    "env",
    "workdir",
    "timeout",
    "retries",
    "executor",
    "ray",
];

/// Keys of `[templates.name]`: those of a stage, but no further template.
pub(super) const TEMPLATE_KEYS: [&str; 20] = [
    "matrix",
    "foreach",
    "exclude",
    "command",
    "run",
    "pipeline",
    "needs",
    "when",
    "allow_failure",
    "priority",
    "resources",
    "inputs",
    "outputs",
    "cache",
    "env",
    "workdir",
    "timeout",
    "retries",
    "executor",
    "ray",
];

/// Keys of `[groups.name]`: what its stages share, and they themselves.
pub(super) const GROUP_KEYS: [&str; 18] = [
    "template",
    "matrix",
    "foreach",
    "exclude",
    "needs",
    "when",
    "allow_failure",
    "priority",
    "resources",
    "inputs",
    "cache",
    "env",
    "workdir",
    "timeout",
    "retries",
    "executor",
    "ray",
    "stages",
];

/// What an attempt runs; one of these keys has to be there.
const RUNS: [&str; 3] = ["command", "run", "pipeline"];

const PRIORITIES: std::ops::RangeInclusive<i64> = -1_000_000..=1_000_000;
const MAX_PATTERNS: usize = 1_000;

/// A text and where it stands.
pub(super) type Placed<'d> = (Range<usize>, Text<'d>);

/// What an attempt runs, as it is written.
pub(super) enum Runs<'d> {
    Argv(Vec<Placed<'d>>),
    Shell(Placed<'d>),
    Pipeline(Placed<'d>, &'d Folder),
}

/// A stage as it is written.
pub(super) struct Blueprint<'d> {
    /// The id as it is written, and where.
    pub(super) field: Field<'d>,
    pub(super) group: Option<&'d str>,
    pub(super) runs: Option<Runs<'d>>,
    pub(super) needs: Needs<'d>,
    pub(super) when: Option<when::Written<'d>>,
    pub(super) allow_failure: bool,
    pub(super) priority: i32,
    pub(super) resources: Vec<(usize, u64)>,
    pub(super) inputs: Vec<Placed<'d>>,
    pub(super) outputs: Option<Vec<Placed<'d>>>,
    pub(super) cache: bool,
    pub(super) env: BTreeMap<&'d str, Text<'d>>,
    pub(super) workdir: Option<(Placed<'d>, &'d Folder)>,
    pub(super) timeout: Option<Duration>,
    pub(super) retries: Retries,
    pub(super) placement: placement::Written<'d>,
}

impl<'d> Blueprint<'d> {
    /// One without anything, for a stage that is no table.
    pub(super) fn empty(field: Field<'d>, group: Option<&'d str>) -> Self {
        Self {
            field,
            group,
            runs: None,
            needs: Needs::default(),
            when: None,
            allow_failure: false,
            priority: 0,
            resources: Vec::new(),
            inputs: Vec::new(),
            outputs: None,
            cache: false,
            env: BTreeMap::new(),
            workdir: None,
            timeout: None,
            retries: Retries::default(),
            placement: placement::Written::default(),
        }
    }

    /// Reads a stage. `alone`: the table is a template or a group, of which no stage needs to be complete.
    pub(super) fn read(
        reader: &mut Reader,
        field: Field<'d>,
        group: Option<&'d str>,
        layers: &Layers<'d>,
        names: &Names<'_>,
        pools: &[Pool],
        alone: bool,
    ) -> Self {
        let own = layers.0[0];
        let mut mistyped = Vec::new();
        if !alone {
            mistyped = reader.refuse_unknown(own.table, &format!("stage `{}`", clip(field.name)), &KEYS);
        }
        let runs = read_runs(reader, &field, layers, names, alone || mistyped.iter().any(|key| RUNS.contains(key)));
        let cache = layers.get("cache");
        let cached = cache.as_ref().and_then(|found| reader.boolean(&found.field)).unwrap_or_default();
        let outputs = layers.get("outputs").map(|found| patterns(reader, &found.field, names));
        if let Some(cache) = cache.filter(|_| cached && outputs.is_none() && !alone && !mistyped.contains(&"outputs")) {
            let message = format!("stage `{}` has `cache`, but no `outputs`", clip(field.name));
            let draft = reader.mistakes.error(cache.field.key_at, message);
            draft.label("a result is only used again if what it leaves behind is known");
            draft.help("add `outputs = [\"…\"]`, or `outputs = []` if it leaves nothing").may_follow_from_syntax();
        }
        let nested = matches!(runs, Some(Runs::Pipeline(..)));
        Self {
            placement: placement::read(reader, field.name, layers, names, nested),
            runs,
            needs: needs::read(reader, layers.get("needs"), names),
            when: layers.get("when").and_then(|found| when::read(reader, &found.field, names)),
            allow_failure: flag(reader, layers, "allow_failure"),
            priority: layers.get("priority").and_then(|found| priority(reader, &found.field)).unwrap_or_default(),
            resources: pools::resources(reader, layers, pools),
            inputs: layers.get("inputs").map(|found| patterns(reader, &found.field, names)).unwrap_or_default(),
            outputs,
            cache: cached,
            env: read_env(reader, layers, names),
            workdir: layers.get("workdir").and_then(|found| {
                let text = reader.line(&found.field, "a path")?;
                Some(((found.field.at.clone(), Text::read(reader, &found.field.at, text, names)?), found.folder))
            }),
            timeout: layers.get("timeout").and_then(|found| timeout(reader, &found.field)),
            retries: retries::read(reader, layers, alone),
            ..Self::empty(field, group)
        }
    }
}

fn flag(reader: &mut Reader, layers: &Layers<'_>, key: &str) -> bool {
    layers.get(key).and_then(|found| reader.boolean(&found.field)).unwrap_or_default()
}

fn priority(reader: &mut Reader, field: &Field<'_>) -> Option<i32> {
    let value = reader.signed(field, PRIORITIES)?;
    i32::try_from(value).ok()
}

fn patterns<'d>(reader: &mut Reader, field: &Field<'d>, names: &Names<'_>) -> Vec<Placed<'d>> {
    let elements = reader.strings(field, "an array of file patterns").unwrap_or_default();
    if elements.len() > MAX_PATTERNS {
        reader.bad_value(field, format!("it has {} patterns, at most {MAX_PATTERNS} are allowed", elements.len()));
        return Vec::new();
    }
    let mut texts = Vec::with_capacity(elements.len());
    for (element, text) in elements {
        texts.extend(Text::read(reader, &element.at, text, names).map(|text| (element.at, text)));
    }
    texts
}

fn read_env<'d>(reader: &mut Reader, layers: &Layers<'d>, names: &Names<'_>) -> BTreeMap<&'d str, Text<'d>> {
    let mut env = BTreeMap::new();
    for field in layers.all("env") {
        let Some(table) = reader.table(&field, "a table of strings") else { continue };
        for variable in table.fields() {
            bad_variable(reader, &variable);
            if let Some(value) = reader.string(&variable, "a string")
                && let Some(value) = Text::read(reader, &variable.at, value, names)
            {
                env.insert(variable.name, value);
            }
        }
    }
    env
}

/// `excused`: it is no mistake that nothing is there.
fn read_runs<'d>(
    reader: &mut Reader,
    stage: &Field<'d>,
    layers: &Layers<'d>,
    names: &Names<'_>,
    excused: bool,
) -> Option<Runs<'d>> {
    let id = clip(stage.name);
    let has = |layer: &&Layer<'d>| RUNS.iter().any(|key| layer.table.get(key).is_some());
    let Some(layer) = layers.0.iter().find(has) else {
        if !excused {
            let draft = reader.mistakes.error(stage.key_at.clone(), format!("stage `{id}` has nothing to run"));
            draft
                .help("add `command = [\"program\", \"argument\"]`, or `run = \"shell text\"`")
                .may_follow_from_syntax()
                .may_follow_from_lost_names();
        }
        return None;
    };
    let fields: Vec<Field<'d>> = RUNS.iter().filter_map(|key| layer.table.get(key)).collect();
    if let [first, second, ..] = fields.as_slice() {
        let message = format!("stage `{id}` has both `{}` and `{}`", first.name, second.name);
        let draft = reader.mistakes.error(second.key_at.clone(), message);
        draft.also(first.key_at.clone(), "the other one").help("keep one of them");
        return None;
    }
    let found = Found { field: fields.into_iter().next()?, folder: layer.folder };
    let field = &found.field;
    match field.name {
        "command" => read_argv(reader, field, names).map(Runs::Argv),
        "run" => {
            let text = reader.string(field, "a string of shell text")?;
            if text.trim().is_empty() {
                reader.bad_value(field, "it is empty");
                return None;
            }
            Some(Runs::Shell((field.at.clone(), Text::read(reader, &field.at, text, names)?)))
        }
        _ => {
            let text = reader.line(field, "the path of a pipeline file")?;
            Some(Runs::Pipeline((field.at.clone(), Text::read(reader, &field.at, text, names)?), found.folder))
        }
    }
}

fn read_argv<'d>(reader: &mut Reader, field: &Field<'d>, names: &Names<'_>) -> Option<Vec<Placed<'d>>> {
    const EXPECTED: &str = "an array of strings, program first";
    if let DeValue::String(text) = field.value {
        let words: Vec<String> = text.split_whitespace().take(20).map(toml_text).collect();
        let draft = reader.wrong_type(field, EXPECTED);
        if !words.is_empty() {
            draft.help(format!(
                "write `command = [{}]`, or `run = {}` for the shell",
                words.join(", "),
                toml_text(text)
            ));
        }
        return None;
    }
    let wanted = reader.array(field, EXPECTED)?.len();
    let words = reader.strings(field, EXPECTED)?;
    if wanted == 0 {
        reader
            .bad_value(field, "it is empty")
            .help("name the program and its arguments: `command = [\"program\", \"argument\"]`");
        return None;
    }
    if words.len() < wanted {
        return None;
    }
    let (program, name) = &words[0];
    if name.trim().is_empty() {
        reader.bad_value(program, "the program's name is empty");
        return None;
    }
    let mut argv = Vec::with_capacity(words.len());
    for (element, word) in words {
        argv.extend(Text::read(reader, &element.at, word, names).map(|text| (element.at, text)));
    }
    (argv.len() == wanted).then_some(argv)
}
