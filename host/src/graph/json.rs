//! The graph for programs: `forensic.graph/1`.

use serde::Serialize;

use super::view::View;

/// Name and version of the format.
const SCHEMA: &str = "forensic.graph/1";

#[derive(Serialize)]
struct GraphJson<'a> {
    schema: &'static str,
    pipeline: &'a str,
    stages: usize,
    nodes: Vec<NodeJson<'a>>,
}

#[derive(Serialize)]
struct NodeJson<'a> {
    label: &'a str,
    stages: &'a [String],
    group: Option<&'a str>,
    depth: usize,
    /// Positions in `nodes`.
    needs: &'a [usize],
    trigger: &'static str,
    when: bool,
    allow_failure: bool,
    cache: bool,
    pipeline: Option<&'a str>,
}

/// The graph as JSON, with its last line feed.
///
/// # Errors
/// None in practice: nothing in it fails to serialise.
pub fn json(view: &View) -> Result<String, serde_json::Error> {
    let nodes = view.nodes.iter().map(|node| NodeJson {
        label: &node.label,
        stages: &node.stages,
        group: node.settings.group.as_deref(),
        depth: node.depth,
        needs: &node.needs,
        trigger: node.settings.trigger.as_str(),
        when: node.settings.when,
        allow_failure: node.settings.allow_failure,
        cache: node.settings.cache,
        pipeline: node.settings.nested.as_deref(),
    });
    let graph = GraphJson { schema: SCHEMA, pipeline: &view.name, stages: view.stages, nodes: nodes.collect() };
    Ok(serde_json::to_string_pretty(&graph)? + "\n")
}
