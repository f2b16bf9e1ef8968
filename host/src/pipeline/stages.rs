//! The tables `[stages."id"]`: what each runs, and the graph of their needs.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::model::{Command, Retries, Stage, StageId, Trigger};
use super::names::{env_problem, id_problem, repaired_id};
use super::settings::timeout;
use super::{below, graph};
use crate::config::read::{Field, Reader, Table};
use crate::config::words::{clip, toml_text};

const KEYS: [&str; 7] = ["command", "run", "needs", "env", "workdir", "timeout", "retries"];
const MAX_RETRIES: u64 = 100;
const MAX_BACKOFF: Duration = Duration::from_secs(86_400);

/// Most stages of a cycle that a message names.
const SHOWN_OF_CYCLE: usize = 12;

/// A stage's need: where it is written, and which stage it is.
#[derive(Clone)]
struct Need {
    at: Range<usize>,
    stage: usize,
}

pub(super) fn read(reader: &mut Reader, field: &Field<'_>, dir: &Path) -> Vec<Stage> {
    let Some(table) = stages_table(reader, field) else { return Vec::new() };
    let fields = table.fields();
    let by_id: HashMap<&str, usize> = fields.iter().enumerate().map(|(i, field)| (field.name, i)).collect();
    check_ids(reader, &fields);
    let mut folders = Folders::new(dir);
    let mut needs = Vec::with_capacity(fields.len());
    let mut seen = vec![usize::MAX; fields.len()];
    let mut stages = Vec::with_capacity(fields.len());
    for (index, field) in fields.iter().enumerate() {
        let Some(table) = reader.table(field, "a table: write `[stages.\"id\"]`") else {
            needs.push(Vec::new());
            continue;
        };
        let wanted = read_needs(reader, index, table, &fields, &by_id, &mut seen);
        let stage = read_stage(reader, field, table, &mut folders);
        stages.extend(stage.map(|stage| Stage { needs: wanted.iter().map(|need| need.stage).collect(), ..stage }));
        needs.push(wanted);
    }
    refuse_cycles(reader, &fields, &needs);
    stages
}

fn stages_table<'d>(reader: &mut Reader, field: &Field<'d>) -> Option<Table<'d>> {
    match field.value {
        toml::de::DeValue::Array(_) => {
            let draft = reader.wrong_type(field, "a table for each stage");
            draft.help("write `[stages.\"id\"]` instead of `[[stages]]`");
            None
        }
        _ => reader.table(field, "a table for each stage"),
    }
}

fn check_ids(reader: &mut Reader, fields: &[Field<'_>]) {
    // Ids become folder names, and not every file system tells `A` from `a`.
    let mut folded: HashMap<String, usize> = HashMap::with_capacity(fields.len());
    for (index, field) in fields.iter().enumerate() {
        if let Some(problem) = id_problem(field.name) {
            let draft = reader.mistakes.error(field.key_at.clone(), format!("bad stage id `{}`", clip(field.name)));
            draft.label(problem).did_you_mean(repaired_id(field.name).as_deref());
            draft.help("an id has letters, digits, `.`, `_` and `-`, starts with a letter or digit, and has at most 128 characters");
            continue;
        }
        if let Some(first) = folded.insert(field.name.to_ascii_lowercase(), index) {
            let message =
                format!("stages `{}` and `{}` differ only in case", clip(fields[first].name), clip(field.name));
            let draft = reader.mistakes.error(field.key_at.clone(), message);
            draft.also(fields[first].key_at.clone(), "the other one");
            draft.help("ids name folders, which some file systems would take for one; give one of them another id");
        }
    }
}

fn read_needs(
    reader: &mut Reader,
    index: usize,
    table: Table<'_>,
    fields: &[Field<'_>],
    by_id: &HashMap<&str, usize>,
    seen: &mut [usize],
) -> Vec<Need> {
    let Some(field) = table.get("needs") else { return Vec::new() };
    let mut needs: Vec<Need> = Vec::new();
    for (element, id) in reader.strings(&field, "an array of stage ids").unwrap_or_default() {
        let Some(&stage) = by_id.get(id) else {
            let meant = reader.suggester.nearest(id, fields.iter().map(|field| field.name));
            let message = format!("stage `{}` needs an unknown stage `{}`", clip(fields[index].name), clip(id));
            let draft = reader.mistakes.error(element.at, message);
            draft.label("there is no such stage").did_you_mean(meant);
            continue;
        };
        if stage == index {
            let draft = reader.mistakes.error(element.at, format!("stage `{}` needs itself", clip(id)));
            draft.help("take it out of `needs`");
        } else if seen[stage] == index {
            let first = needs.iter().find(|need| need.stage == stage).map(|need| need.at.clone());
            let message = format!("stage `{}` needs `{}` twice", clip(fields[index].name), clip(id));
            let draft = reader.mistakes.error(element.at, message);
            draft.label("again here").help("keep one");
            if let Some(first) = first {
                draft.also(first, "first here");
            }
        } else {
            seen[stage] = index;
            needs.push(Need { at: element.at, stage });
        }
    }
    needs
}

fn refuse_cycles(reader: &mut Reader, fields: &[Field<'_>], needs: &[Vec<Need>]) {
    let edges: Vec<Vec<usize>> = needs.iter().map(|needs| needs.iter().map(|need| need.stage).collect()).collect();
    for knot in graph::knots(&edges) {
        let name = |node: usize| clip(fields[node].name).into_owned();
        let mut path: Vec<String> = knot.cycle.iter().take(SHOWN_OF_CYCLE).map(|node| name(*node)).collect();
        let hidden = knot.cycle.len() - path.len();
        if hidden > 0 {
            path.push(format!("… {hidden} more …"));
        }
        path.push(name(knot.cycle[0]));
        let edge = |i: usize| {
            let (from, to) = (knot.cycle[i], knot.cycle[(i + 1) % knot.cycle.len()]);
            let need = needs[from].iter().find(|need| need.stage == to).expect("the cycle follows needs");
            (need.at.clone(), format!("`{}` needs `{}`", name(from), name(to)))
        };
        let (at, text) = edge(0);
        let draft = reader.mistakes.error(at, format!("stages need each other in a cycle: {}", path.join(" → ")));
        draft.label(text);
        for i in 1..knot.cycle.len().min(SHOWN_OF_CYCLE) {
            let (at, text) = edge(i);
            draft.also(at, text);
        }
        draft.help("take out one of these needs");
        let others = knot.size - knot.cycle.len();
        if others > 0 {
            let stages = if others == 1 { "1 more stage is".to_owned() } else { format!("{others} more stages are") };
            draft.help(format!("{stages} entangled in further cycles with these"));
        }
    }
}

/// A stage without its needs. `None` where it is too broken to go on with; the mistakes are recorded.
fn read_stage(reader: &mut Reader, field: &Field<'_>, table: Table<'_>, folders: &mut Folders) -> Option<Stage> {
    let id = field.name;
    let mistyped = reader.refuse_unknown(table, &format!("stage `{}`", clip(id)), &KEYS);
    let command = read_command(reader, field, table, &mistyped);
    let env = table.get("env").map(|env| read_env(reader, &env)).unwrap_or_default();
    let workdir = match table.get("workdir") {
        Some(workdir) => folders.find(reader, &workdir),
        None => Some(folders.dir.clone()),
    };
    let timeout = table.get("timeout").and_then(|field| timeout(reader, &field));
    let retries = table.get("retries").map(|retries| read_retries(reader, &retries)).unwrap_or_default();
    Some(Stage {
        id: StageId(id.to_owned()),
        command: command?,
        needs: Vec::new(),
        trigger: Trigger::default(),
        when: None,
        allow_failure: false,
        priority: 0,
        resources: Vec::new(),
        inputs: Vec::new(),
        outputs: None,
        cache: false,
        member: None,
        group: None,
        env,
        workdir: workdir?,
        timeout,
        retries,
    })
}

fn read_command(reader: &mut Reader, stage: &Field<'_>, table: Table<'_>, mistyped: &[&str]) -> Option<Command> {
    let id = clip(stage.name);
    match (table.get("command"), table.get("run")) {
        (Some(command), Some(run)) => {
            let draft = reader.mistakes.error(run.key_at, format!("stage `{id}` has both `command` and `run`"));
            draft.also(command.key_at.clone(), "the other one").help("keep one of them");
            None
        }
        (None, None) if mistyped.contains(&"command") || mistyped.contains(&"run") => None,
        (None, None) => {
            let draft = reader.mistakes.error(stage.key_at.clone(), format!("stage `{id}` has nothing to run"));
            draft
                .help("add `command = [\"program\", \"argument\"]`, or `run = \"shell text\"`")
                .may_follow_from_syntax();
            None
        }
        (Some(command), None) => read_argv(reader, &command),
        (None, Some(run)) => {
            let text = reader.string(&run, "a string of shell text")?;
            if text.trim().is_empty() {
                reader.bad_value(&run, "it is empty");
                return None;
            }
            Some(Command::Shell(text.to_owned()))
        }
    }
}

fn read_argv(reader: &mut Reader, field: &Field<'_>) -> Option<Command> {
    const EXPECTED: &str = "an array of strings, program first";
    if let toml::de::DeValue::String(text) = field.value {
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
    Some(Command::Argv(words.iter().map(|(_, word)| (*word).to_owned()).collect()))
}

fn read_env(reader: &mut Reader, field: &Field<'_>) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    let Some(table) = reader.table(field, "a table of strings") else { return env };
    for variable in table.fields() {
        if let Some(problem) = env_problem(variable.name) {
            let message = format!("bad name `{}` of an environment variable", clip(variable.name));
            reader.mistakes.error(variable.key_at.clone(), message).label(problem);
        }
        if let Some(value) = reader.string(&variable, "a string") {
            env.insert(variable.name.to_owned(), value.to_owned());
        }
    }
    env
}

fn read_retries(reader: &mut Reader, field: &Field<'_>) -> Retries {
    let mut retries = Retries::default();
    let table = match field.value {
        toml::de::DeValue::Integer(number) => {
            let advice = format!("write `retries = {{ max = {number} }}`");
            reader.wrong_type(field, "a table").help(advice);
            return retries;
        }
        _ => match reader.table(field, "a table such as `{ max = 2, backoff = \"1s\" }`") {
            Some(table) => table,
            None => return retries,
        },
    };
    let mistyped = reader.refuse_unknown(table, "`retries`", &["max", "backoff", "on_exit"]);
    match table.get("max") {
        Some(max) => {
            let max = reader.number(&max, 0..=MAX_RETRIES).and_then(|max| u32::try_from(max).ok());
            retries.max = max.unwrap_or_default();
        }
        None if mistyped.contains(&"max") => {}
        None => {
            let draft = reader.mistakes.error(field.key_at.clone(), "`max` is missing in `retries`");
            draft.help("add `max = 2` for two more attempts").may_follow_from_syntax();
        }
    }
    if let Some(backoff) = table.get("backoff")
        && let Some(backoff) = reader.duration(&backoff, Duration::ZERO, MAX_BACKOFF)
    {
        retries.backoff = backoff;
    }
    retries.on_exit = table.get("on_exit").and_then(|codes| read_exit_codes(reader, &codes));
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

/// Working folders: each is looked up once, however many stages share it.
struct Folders {
    dir: PathBuf,
    known: HashMap<String, (PathBuf, Option<&'static str>)>,
}

impl Folders {
    fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), known: HashMap::new() }
    }

    fn find(&mut self, reader: &mut Reader, field: &Field<'_>) -> Option<PathBuf> {
        let text = reader.line(field, "a path")?;
        if !self.known.contains_key(text) {
            let path = below(&self.dir, text);
            let problem = match std::fs::metadata(&path) {
                Ok(found) if found.is_dir() => None,
                Ok(_) => Some("this is not a folder"),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some("there is no such folder"),
                Err(_) => Some("this folder cannot be reached"),
            };
            self.known.insert(text.to_owned(), (path, problem));
        }
        let (path, problem) = &self.known[text];
        let Some(problem) = problem else { return Some(path.clone()) };
        let draft = reader.mistakes.error(field.at.clone(), format!("bad working folder `{}`", clip(text)));
        draft.label(*problem);
        if Path::new(text).is_relative() {
            draft.help("it is relative to the pipeline file's folder");
        }
        None
    }
}
