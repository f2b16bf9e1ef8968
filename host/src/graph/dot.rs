//! A Graphviz digraph.

use std::fmt::Write as _;

use super::view::{Node, View};
use crate::pipeline::Trigger;
use crate::report::visible;

/// The digraph.
pub fn dot(view: &View) -> String {
    let mut out = format!("digraph {} {{\n", quoted(&view.name));
    // Writing to a String cannot fail.
    let _ = write(&mut out, view);
    out + "}\n"
}

fn write(out: &mut String, view: &View) -> std::fmt::Result {
    writeln!(out, "  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];")?;
    for (number, (group, nodes)) in view.groups().into_iter().enumerate() {
        let indent = match group {
            Some(name) => {
                writeln!(out, "  subgraph cluster_{number} {{\n    label={};", quoted(name))?;
                "    "
            }
            None => "  ",
        };
        for index in nodes {
            writeln!(out, "{indent}{}", node(index, &view.nodes[index]))?;
        }
        if group.is_some() {
            writeln!(out, "  }}")?;
        }
    }
    for (index, node) in view.nodes.iter().enumerate() {
        let how = match node.settings.trigger {
            Trigger::All => "",
            Trigger::Any => " [style=dashed, label=\"any\"]",
            Trigger::Always => " [style=dashed, label=\"always\"]",
        };
        for need in &node.needs {
            writeln!(out, "  s{need} -> s{index}{how};")?;
        }
    }
    Ok(())
}

/// Double sides: a pipeline of its own. A hexagon: it has a condition. Dashed: it may fail.
fn node(index: usize, node: &Node) -> String {
    let mut lines = vec![node.title("×")];
    let marks = node.marks();
    if !marks.is_empty() {
        lines.push(marks.join(", "));
    }
    let mut out = format!("s{index} [label={}", quoted(&lines.join("\n")));
    let settings = &node.settings;
    if settings.nested.is_some() {
        out += ", shape=box, peripheries=2";
    } else if settings.when {
        out += ", shape=hexagon";
    }
    if settings.allow_failure {
        out += ", style=\"rounded,dashed\"";
    }
    out + "];"
}

/// A string. In it `\"` is the only escape of the language; labels know more of them and HTML's entities, too.
fn quoted(text: &str) -> String {
    let text = visible(text);
    let text = text.replace('&', "&amp;").replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{text}\"")
}
