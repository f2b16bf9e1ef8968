//! A Mermaid flowchart, as GitHub, GitLab and others draw it in Markdown.

use std::fmt::Write as _;

use super::view::{Node, View};
use crate::pipeline::Trigger;
use crate::report::visible;

/// Edges that Mermaid draws (`maxEdges`), where nobody set another number; more, and it shows an error.
const EDGES_MAX: usize = 500;
/// Characters that it reads (`maxTextSize`), likewise.
const TEXT_MAX: usize = 50_000;

/// It would be more than Mermaid draws.
#[derive(Debug, thiserror::Error)]
#[error(
    "the graph has {nodes} nodes, {edges} edges and takes {bytes} bytes; Mermaid draws at most {EDGES_MAX} edges and reads at most \
     {TEXT_MAX} characters: use `--format dot`{}", if *.all { ", or leave out `--all`" } else { "" }
)]
pub struct TooLarge {
    nodes: usize,
    edges: usize,
    bytes: usize,
    all: bool,
}

/// The flowchart. `all`: whether every stage has a node of its own, for the advice in an error.
///
/// # Errors
/// [`TooLarge`]: Mermaid would not draw it.
pub fn mermaid(view: &View, all: bool) -> Result<String, TooLarge> {
    let mut out = String::from("flowchart TD\n");
    // Writing to a String cannot fail.
    let _ = write(&mut out, view);
    let edges = view.edges();
    if edges > EDGES_MAX || out.chars().count() > TEXT_MAX {
        return Err(TooLarge { nodes: view.nodes.len(), edges, bytes: out.len(), all });
    }
    Ok(out)
}

fn write(out: &mut String, view: &View) -> std::fmt::Result {
    for (number, (group, nodes)) in view.groups().into_iter().enumerate() {
        let indent = match group {
            Some(name) => {
                writeln!(out, "  subgraph g{number}[\"{}\"]", label(name))?;
                "    "
            }
            None => "  ",
        };
        for index in nodes {
            writeln!(out, "{indent}{}", shape(index, &view.nodes[index]))?;
        }
        if group.is_some() {
            writeln!(out, "  end")?;
        }
    }
    for (index, node) in view.nodes.iter().enumerate() {
        let arrow = match node.settings.trigger {
            Trigger::All => "-->",
            Trigger::Any => "-. any .->",
            Trigger::Always => "-. always .->",
        };
        for need in &node.needs {
            writeln!(out, "  s{need} {arrow} s{index}")?;
        }
    }
    Ok(())
}

/// Ids are numbers, because words such as `end` and `default` mean something to Mermaid. The shape says what it is: a frame with
/// bars is a pipeline of its own, a hexagon has a condition.
fn shape(index: usize, node: &Node) -> String {
    let mut text = label(&node.title("×"));
    let marks = node.marks();
    if !marks.is_empty() {
        text += &format!("<br/><i>{}</i>", label(&marks.join(", ")));
    }
    match &node.settings {
        settings if settings.nested.is_some() => format!("s{index}[[\"{text}\"]]"),
        settings if settings.when => format!("s{index}{{{{\"{text}\"}}}}"),
        _ => format!("s{index}[\"{text}\"]"),
    }
}

/// A label between quotes. Mermaid's own entities, because it reads labels as Markdown and HTML.
fn label(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            'a'..='z'
            | 'A'..='Z'
            | '0'..='9'
            | ' '
            | '.'
            | '-'
            | '_'
            | ','
            | ':'
            | '/'
            | '='
            | '('
            | ')'
            | '{'
            | '}' => out.push(c),
            c if !c.is_ascii() && !c.is_control() => out.push(c),
            c => out.push_str(&format!("#{};", u32::from(c))),
        }
    }
    out
}
