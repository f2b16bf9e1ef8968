//! The stages of a pipeline: from what is declared to what runs, and the graph of their needs.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;

use super::files::{Files, Folder};
use super::include::Document;
use super::layers::{self, Layers};
use super::model::{Command, Member, Pool, Stage, StageId};
use super::names::{id_problem, repaired_id};
use super::needs::Index;
use super::places::Places;
use super::stage::{Blueprint, Runs};
use super::text::{Names, Text, Values};
use super::{MAX_STAGES, graph, nested, vary, when};
use crate::config::collect::Draft;
use crate::config::read::{Field, Reader};
use crate::config::words::clip;

/// Most stages of a cycle that a message names.
const SHOWN_OF_CYCLE: usize = 12;

/// A stage that is made from what is written.
pub(super) struct Made<'m> {
    pub(super) id: String,
    pub(super) blueprint: &'m Blueprint<'m>,
    pub(super) member: Option<Member>,
}

impl Made<'_> {
    /// What its placeholders stand for.
    pub(super) fn values(&self) -> &Values {
        self.member.as_ref().map(|member| member.values.as_slice()).unwrap_or_default()
    }

    /// Says in a message which of many stages it is about.
    pub(super) fn told(&self, draft: &mut Draft) {
        draft.maybe_help(self.member.as_ref().map(|member| {
            let values: Vec<String> =
                member.values.iter().take(6).map(|(name, value)| format!("{name} = {}", clip(value))).collect();
            format!("this is the stage `{}`, where {}", clip(&self.id), values.join(", "))
        }));
    }
}

/// Of a stage that is one of many and doesn't name what varies: the id as it is written, and that of the member.
pub(super) fn family<'m>(made: &'m Made<'m>) -> Option<(&'m str, &'m str)> {
    let written = made.blueprint.field.name;
    (made.member.is_some() && made.id.strip_prefix(written)?.starts_with('.')).then_some((written, made.id.as_str()))
}

/// Id and members of a blueprint.
struct Cast {
    ids: Vec<(String, Option<Member>)>,
}

pub(super) fn read(
    reader: &mut Reader,
    files: &mut Files<'_>,
    documents: &[Document<'_>],
    pools: &[Pool],
    names: &Names<'_>,
) -> Vec<Stage> {
    let declarations = layers::read(reader, documents);
    for (field, layers) in declarations.alone {
        let any = Names { any: true, ..Names::default() };
        Blueprint::read(reader, field, None, &layers, &any, pools, true);
    }
    let (mut blueprints, mut casts) = (Vec::new(), Vec::new());
    blueprints.reserve(declarations.stages.len());
    casts.reserve(declarations.stages.len());
    for declared in declarations.stages {
        if files.stages_left == 0 {
            take(reader, files, &declared.field, 1);
            break;
        }
        let Some(layers) = declared.layers else {
            take(reader, files, &declared.field, 1);
            casts.push(Cast { ids: vec![(declared.field.name.to_owned(), None)] });
            blueprints.push(Blueprint::empty(declared.field, declared.group));
            continue;
        };
        let (cast, blueprint) = cast(reader, files, declared.field, declared.group, &layers, names, pools);
        casts.push(cast);
        blueprints.push(blueprint);
    }
    let mut made: Vec<Made<'_>> = Vec::with_capacity(blueprints.len());
    for (blueprint, cast) in blueprints.iter().zip(casts) {
        made.extend(cast.ids.into_iter().map(|(id, member)| Made { id, blueprint, member }));
    }
    check_ids(reader, &made);
    let mut index = Index::new(&made, &declarations.groups);
    let needs: Vec<Vec<usize>> = (0..made.len()).map(|stage| index.resolve(reader, stage)).collect();
    refuse_cycles(reader, &made, &needs, &index);
    let mut making = Making { folder: &documents[0].folder, places: Places::default(), ids: &made };
    let mut stages = Vec::with_capacity(made.len());
    for (made, needs) in made.iter().zip(needs) {
        stages.extend(making.stage(reader, files, made, needs));
    }
    stages
}

/// What a stage is made from, and the stage as it is written.
fn cast<'d>(
    reader: &mut Reader,
    files: &mut Files<'_>,
    field: Field<'d>,
    group: Option<&'d str>,
    layers: &Layers<'d>,
    names: &Names<'_>,
    pools: &[Pool],
) -> (Cast, Blueprint<'d>) {
    let outer = Names { varying: Vec::new(), any: false, ..*names };
    let varying = vary::read(reader, files, layers);
    if varying.is_err() {
        // What depends on the values can't be judged.
        reader.mistakes.names_are_lost();
        let any = Names { any: true, ..outer };
        return (Cast { ids: Vec::new() }, Blueprint::read(reader, field, group, layers, &any, pools, false));
    }
    let Some(mut vary) = varying.unwrap_or_default() else {
        let id = Text::read(reader, &field.key_at, field.name, &outer);
        let ids = id.map(|id| (id.fill(&[]).into_owned(), None)).into_iter().collect::<Vec<_>>();
        if ids.is_empty() {
            reader.mistakes.names_are_lost();
        }
        take(reader, files, &field, ids.len());
        return (Cast { ids }, Blueprint::read(reader, field, group, layers, &outer, pools, false));
    };
    let inner = Names { varying: std::mem::take(&mut vary.names), ..outer };
    let id = Text::read(reader, &field.key_at, field.name, &inner);
    vary.names = inner.varying;
    let complete = id.map(|id| vary.complete(id));
    if let Some(Err(())) = complete {
        let part = vary.names.last().cloned().unwrap_or_default();
        let message = format!("the id `{}` does not tell its stages apart", clip(field.name));
        let draft = reader.mistakes.error(field.key_at.clone(), message);
        draft.label("the items of `foreach` have no `id`");
        draft.help(format!("give them one, or name a part in the id: `{}.${{{{ {part} }}}}`", clip(field.name)));
    }
    let inner = Names { varying: vary.names, ..outer };
    let blueprint = Blueprint::read(reader, field, group, layers, &inner, pools, false);
    let Some(Ok(id)) = complete else {
        reader.mistakes.names_are_lost();
        return (Cast { ids: Vec::new() }, blueprint);
    };
    let most = take(reader, files, &blueprint.field, vary.members.len());
    let of = id.pattern(&vary.shown);
    let member =
        |values: Vec<(String, String)>| (id.fill(&values).into_owned(), Some(Member { of: of.clone(), values }));
    (Cast { ids: vary.members.into_iter().take(most).map(member).collect() }, blueprint)
}

/// Counts stages, and gives how many of them there may be.
fn take(reader: &mut Reader, files: &mut Files<'_>, field: &Field<'_>, count: usize) -> usize {
    if count > files.stages_left {
        let message = format!("the pipeline has more than {MAX_STAGES} stages");
        reader.mistakes.error(field.key_at.clone(), message).label("from here on they are too many");
        reader.mistakes.names_are_lost();
    }
    let taken = count.min(files.stages_left);
    files.stages_left -= taken;
    taken
}

fn check_ids(reader: &mut Reader, all: &[Made<'_>]) {
    // Ids become folder names, and not every file system tells `A` from `a`.
    let mut folded: HashMap<Cow<'_, str>, usize> = HashMap::with_capacity(all.len());
    for (index, made) in all.iter().enumerate() {
        let at = &made.blueprint.field.key_at;
        if let Some(problem) = id_problem(&made.id) {
            let draft = reader.mistakes.error_once("id", at.clone(), format!("bad stage id `{}`", clip(&made.id)));
            draft.label(problem);
            if made.member.is_none() {
                draft.did_you_mean(repaired_id(&made.id).as_deref());
            }
            draft.help("an id has letters, digits, `.`, `_` and `-`, starts with a letter or digit, and has at most 128 characters");
            made.told(draft);
            continue;
        }
        let upper = made.id.bytes().any(|b| b.is_ascii_uppercase());
        let key = if upper { Cow::Owned(made.id.to_ascii_lowercase()) } else { Cow::Borrowed(made.id.as_str()) };
        let first = match folded.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(index);
                continue;
            }
            Entry::Occupied(entry) => &all[*entry.get()],
        };
        let same = first.id == made.id;
        let message = if same {
            format!("stage `{}` is defined twice", clip(&made.id))
        } else {
            format!("stages `{}` and `{}` differ only in case", clip(&first.id), clip(&made.id))
        };
        let other = &first.blueprint.field.key_at;
        let draft = reader.mistakes.error_once("same", at.clone(), message);
        if same && other != at {
            draft.label("again here").also(other.clone(), "first here");
        } else if other != at {
            draft.also(other.clone(), "the other one");
        }
        draft.help(match same {
            true if other == at => "name what tells its stages apart in the id",
            true => "give each stage an id of its own, or keep one",
            false => "ids name folders, which some file systems would take for one; give one of them another id",
        });
        made.told(draft);
    }
}

fn refuse_cycles(reader: &mut Reader, made: &[Made<'_>], needs: &[Vec<usize>], index: &Index<'_>) {
    for knot in graph::knots(needs) {
        if reader.mistakes.is_full() {
            reader.mistakes.count_unlisted(1);
            continue;
        }
        let name = |node: usize| clip(&made[node].id).into_owned();
        let mut path: Vec<String> = knot.cycle.iter().take(SHOWN_OF_CYCLE).map(|node| name(*node)).collect();
        let hidden = knot.cycle.len() - path.len();
        if hidden > 0 {
            path.push(format!("… {hidden} more …"));
        }
        path.push(name(knot.cycle[0]));
        let edge = |i: usize| {
            let (from, to) = (knot.cycle[i], knot.cycle[(i + 1) % knot.cycle.len()]);
            let at = index.place(from, to).unwrap_or_else(|| made[from].blueprint.field.key_at.clone());
            (at, format!("`{}` needs `{}`", name(from), name(to)))
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

/// Makes stages from what is written.
struct Making<'m> {
    /// The pipeline file's.
    folder: &'m Folder,
    places: Places,
    ids: &'m [Made<'m>],
}

impl Making<'_> {
    /// `None` where something is wrong; it is recorded.
    fn stage(
        &mut self,
        reader: &mut Reader,
        files: &mut Files<'_>,
        made: &Made<'_>,
        needs: Vec<usize>,
    ) -> Option<Stage> {
        let blueprint = made.blueprint;
        let values = made.values();
        let command = self.command(reader, files, made);
        let workdir = match &blueprint.workdir {
            Some(((at, text), folder)) => self.places.folder(reader, made, at, &text.fill(values), folder),
            None => Some(self.folder.dir.clone()),
        };
        let mut inputs = Vec::with_capacity(blueprint.inputs.len());
        for (at, text) in &blueprint.inputs {
            inputs.extend(self.places.input(reader, made, at, &text.fill(values)));
        }
        let outputs = blueprint.outputs.as_ref().map(|patterns| {
            let mut outputs = Vec::with_capacity(patterns.len());
            for (at, text) in patterns {
                outputs.extend(self.places.output(reader, made, at, &text.fill(values)));
            }
            outputs
        });
        let workdir = workdir?;
        let ids = self.ids;
        let when = blueprint.when.as_ref().and_then(|written| {
            let find = |id: &str| needs.iter().copied().find(|need| ids[*need].id == id);
            let known = || needs.iter().map(|need| ids[*need].id.as_str()).collect();
            when::fill(reader, written, made, &workdir, &find, &known)
        });
        Some(Stage {
            id: StageId(made.id.clone()),
            command: command?,
            needs,
            trigger: blueprint.needs.trigger,
            when,
            allow_failure: blueprint.allow_failure,
            priority: blueprint.priority,
            resources: blueprint.resources.clone(),
            inputs,
            outputs,
            cache: blueprint.cache,
            member: made.member.clone(),
            group: blueprint.group.map(str::to_owned),
            env: blueprint
                .env
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.fill(values).into_owned()))
                .collect(),
            workdir,
            timeout: blueprint.timeout,
            retries: blueprint.retries.clone(),
            placement: blueprint.placement.fill(reader, values, &|draft| made.told(draft)),
        })
    }

    fn command(&self, reader: &mut Reader, files: &mut Files<'_>, made: &Made<'_>) -> Option<Command> {
        let values = made.values();
        let blank = |reader: &mut Reader, at: &Range<usize>, why: &str| {
            made.told(reader.mistakes.error_once("blank", at.clone(), why));
        };
        match made.blueprint.runs.as_ref()? {
            Runs::Argv(words) => {
                let argv: Vec<String> = words.iter().map(|(_, word)| word.fill(values).into_owned()).collect();
                if argv[0].trim().is_empty() {
                    blank(reader, &words[0].0, "the program's name is empty");
                    return None;
                }
                Some(Command::Argv(argv))
            }
            Runs::Shell((at, text)) => {
                let text = text.fill(values).into_owned();
                if text.trim().is_empty() {
                    blank(reader, at, "there is nothing to run");
                    return None;
                }
                Some(Command::Shell(text))
            }
            Runs::Pipeline((at, text), folder) => {
                nested::check(reader, files, made, at, &text.fill(values), folder).map(Command::Pipeline)
            }
        }
    }
}
