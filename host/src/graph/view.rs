//! The pipeline as nodes and edges. The members of a matrix are one node with a count, unless that would make a circle.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::pipeline::{Command, Pipeline, Trigger};

/// What a drawing needs of a stage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StageView {
    /// Its id.
    pub id: String,
    /// Indexes of the stages that it needs.
    pub needs: Vec<usize>,
    /// Which results of them let it start.
    pub trigger: Trigger,
    /// It has a condition.
    pub when: bool,
    /// Its failure does not fail the run.
    pub allow_failure: bool,
    /// Its result may come from any earlier run.
    pub cache: bool,
    /// File name of the pipeline that it is.
    pub nested: Option<String>,
    /// What the members of its matrix have in common.
    pub member_of: Option<String>,
    /// The group that it stands in.
    pub group: Option<String>,
}

impl StageView {
    /// The stages of a pipeline, in declared order.
    pub fn of(pipeline: &Pipeline) -> Vec<Self> {
        let stages = pipeline.stages.iter().map(|stage| Self {
            id: stage.id.to_string(),
            needs: stage.needs.clone(),
            trigger: stage.trigger,
            when: stage.when.is_some(),
            allow_failure: stage.allow_failure,
            cache: stage.cache,
            nested: match &stage.command {
                Command::Pipeline(file) => Some(file.file_name().unwrap_or_default().to_string_lossy().into_owned()),
                _ => None,
            },
            member_of: stage.member.as_ref().map(|member| member.of.clone()),
            group: stage.group.clone(),
        });
        stages.collect()
    }
}

/// A stage, or all stages that a matrix made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// The id, or what the ids have in common: `{sleeve}.ingest`.
    pub label: String,
    /// Ids of its stages, in declared order; one at least.
    pub stages: Vec<String>,
    /// The first of them; all have the same settings.
    pub settings: StageView,
    /// Nodes that it needs, ascending, each once.
    pub needs: Vec<usize>,
    /// The longest way to it from a node that needs nothing.
    pub depth: usize,
}

impl Node {
    /// What is special about it, in words.
    pub fn marks(&self) -> Vec<String> {
        let StageView { trigger, when, allow_failure, cache, nested, .. } = &self.settings;
        let mut marks = Vec::new();
        if let Some(file) = nested {
            marks.push(format!("pipeline {file}"));
        }
        match trigger {
            Trigger::All => {}
            Trigger::Any => marks.push("after any".to_owned()),
            Trigger::Always => marks.push("always".to_owned()),
        }
        for (is, word) in [(*when, "when"), (*allow_failure, "may fail"), (*cache, "cached")] {
            if is {
                marks.push(word.to_owned());
            }
        }
        marks
    }

    /// The label, with the number of stages where it is more than one.
    pub fn title(&self, times: &str) -> String {
        match self.stages.len() {
            1 => self.label.clone(),
            n => format!("{} {times}{n}", self.label),
        }
    }
}

/// A pipeline as a picture of nodes and edges, without circles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The pipeline's name.
    pub name: String,
    /// Number of stages.
    pub stages: usize,
    /// In declared order of their first stages.
    pub nodes: Vec<Node>,
}

impl View {
    /// Of these stages, whose needs have no circle; `all`: a node for each stage.
    pub fn new(name: &str, stages: &[StageView], all: bool) -> Self {
        let mut unfolded: BTreeSet<usize> = BTreeSet::new();
        loop {
            let (node_of, members) = fold(stages, all, &unfolded);
            let mut needs = vec![BTreeSet::new(); members.len()];
            for (stage, node) in stages.iter().zip(&node_of) {
                needs[*node].extend(stage.needs.iter().map(|need| node_of[*need]));
            }
            let needs: Vec<Vec<usize>> = needs.into_iter().map(|needs| needs.into_iter().collect()).collect();
            match depths(&needs) {
                Ok(depths) => {
                    let nodes = members.into_iter().zip(needs).zip(depths);
                    let nodes = nodes.map(|((members, needs), depth)| node(stages, &members, needs, depth));
                    return Self { name: name.to_owned(), stages: stages.len(), nodes: nodes.collect() };
                }
                // Members that need members of their own kind, by whatever way: those stand alone. Each turn takes one fold
                // apart at least, because the stages themselves have no circle.
                Err(knotted) => unfolded.extend(knotted.into_iter().flat_map(|node| members[node].iter().copied())),
            }
        }
    }

    /// Number of edges.
    pub fn edges(&self) -> usize {
        self.nodes.iter().map(|node| node.needs.len()).sum()
    }

    /// For each node those that need it.
    pub fn dependents(&self) -> Vec<Vec<usize>> {
        let mut dependents = vec![Vec::new(); self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            node.needs.iter().for_each(|need| dependents[*need].push(index));
        }
        dependents
    }

    /// The nodes by group, those without one under `None`; groups by name.
    pub fn groups(&self) -> BTreeMap<Option<&str>, Vec<usize>> {
        let mut groups: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            groups.entry(node.settings.group.as_deref()).or_default().push(index);
        }
        groups
    }
}

/// For each stage its node, and for each node its stages.
fn fold(stages: &[StageView], all: bool, unfolded: &BTreeSet<usize>) -> (Vec<usize>, Vec<Vec<usize>>) {
    let mut known: HashMap<_, usize> = HashMap::new();
    let mut members: Vec<Vec<usize>> = Vec::new();
    let mut node_of = Vec::with_capacity(stages.len());
    for (index, stage) in stages.iter().enumerate() {
        let of = stage.member_of.as_deref().filter(|_| !all && !unfolded.contains(&index));
        let node = match of {
            // What is drawn of a stage has to be true of all members.
            Some(of) => {
                let marks = (stage.trigger.as_str(), stage.when, stage.allow_failure, stage.cache);
                let key = (of, stage.group.as_deref(), stage.nested.as_deref(), marks);
                *known.entry(key).or_insert(members.len())
            }
            None => members.len(),
        };
        if node == members.len() {
            members.push(Vec::new());
        }
        members[node].push(index);
        node_of.push(node);
    }
    (node_of, members)
}

fn node(stages: &[StageView], members: &[usize], needs: Vec<usize>, depth: usize) -> Node {
    let settings = members.first().map(|first| stages[*first].clone()).unwrap_or_default();
    let label = match &settings.member_of {
        Some(of) if members.len() > 1 => of.clone(),
        _ => settings.id.clone(),
    };
    Node { label, stages: members.iter().map(|member| stages[*member].id.clone()).collect(), settings, needs, depth }
}

/// The longest way to each node; where there are circles, the nodes in them and between them.
fn depths(needs: &[Vec<usize>]) -> Result<Vec<usize>, Vec<usize>> {
    let mut waiting: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut dependents = vec![Vec::new(); needs.len()];
    for (node, needs) in needs.iter().enumerate() {
        needs.iter().for_each(|need| dependents[*need].push(node));
    }
    let mut depths = vec![0; needs.len()];
    let mut ready: Vec<usize> = (0..needs.len()).filter(|node| waiting[*node] == 0).collect();
    let mut reached = 0;
    while let Some(node) = ready.pop() {
        reached += 1;
        for &dependent in &dependents[node] {
            depths[dependent] = depths[dependent].max(depths[node] + 1);
            waiting[dependent] -= 1;
            if waiting[dependent] == 0 {
                ready.push(dependent);
            }
        }
    }
    if reached == needs.len() {
        return Ok(depths);
    }
    // What only comes after a circle is peeled off from the end, so that it need not be taken apart.
    let mut wanted: Vec<usize> = dependents.iter().map(Vec::len).collect();
    let mut last: Vec<usize> = (0..needs.len()).filter(|node| wanted[*node] == 0).collect();
    while let Some(node) = last.pop() {
        waiting[node] = 0;
        for &need in &needs[node] {
            wanted[need] -= 1;
            if wanted[need] == 0 {
                last.push(need);
            }
        }
    }
    Err((0..needs.len()).filter(|node| waiting[*node] > 0).collect())
}
