//! A drawing for a terminal: a line a stage, in an order in which it can run, and beside it rails, one for each result that is
//! still needed further down. A rail that ends in a stage's line, from left or right, is something that it needs.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::view::{Node, View};
use crate::report::visible;

/// What is drawn on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canvas {
    /// Columns.
    pub width: usize,
    /// Whether lines and bullets can be shown, or only ASCII.
    pub unicode: bool,
}

/// The rails may take this part of the width.
const RAILS: usize = 2;
/// Columns that a label wants.
const LABEL: usize = 24;

/// Lines and bullets.
struct Signs {
    start: char,
    stage: char,
    passing: char,
    across: char,
    /// A rail that goes on, with a branch to the right, to the left, to both.
    on: [char; 3],
    /// A rail that ends, likewise.
    end: [char; 3],
    arrow: &'static str,
    times: &'static str,
    more: &'static str,
}

const UNICODE: Signs = Signs {
    start: '○',
    stage: '●',
    passing: '│',
    across: '─',
    on: ['├', '┤', '┼'],
    end: ['└', '┘', '┴'],
    arrow: "←",
    times: "×",
    more: "…",
};

const ASCII: Signs = Signs {
    start: 'o',
    stage: '*',
    passing: '|',
    across: '-',
    on: ['+', '+', '+'],
    end: ['`', '\'', '^'],
    arrow: "<-",
    times: "x",
    more: "...",
};

/// The drawing; ends with a line feed. Where the rails would take too much of the width, what a stage needs is listed instead.
pub fn text(view: &View, canvas: &Canvas) -> String {
    let signs = if canvas.unicode { &UNICODE } else { &ASCII };
    let mut lines = vec![headline(view)];
    let order = order(view);
    let room = (canvas.width / RAILS).min(canvas.width.saturating_sub(LABEL));
    match rails(view, &order, signs, room / 2) {
        Some(rows) => {
            let width = rows.iter().map(|row| row.chars().count()).max().unwrap_or_default();
            for (node, row) in order.iter().zip(rows) {
                let pad = width - row.chars().count() + 1;
                lines.push(format!("{row}{}{}", " ".repeat(pad), label(&view.nodes[*node], signs)));
            }
            let (start, stage) = (signs.start, signs.stage);
            if view.nodes.iter().any(|node| !node.needs.is_empty()) {
                lines.push(format!("{start} needs nothing   {stage} needs what its lines come from, all of it above"));
            }
        }
        None => {
            for node in order {
                let node = &view.nodes[node];
                let needs: Vec<String> = node.needs.iter().map(|need| view.nodes[*need].title(signs.times)).collect();
                let needs =
                    if needs.is_empty() { String::new() } else { format!(" {} {}", signs.arrow, needs.join(", ")) };
                lines.push(format!("{:>4}  {}{needs}", node.depth, label(node, signs)));
            }
            lines.push(format!(
                "the number: how many stages it has to wait for, one after the other; {} what it needs",
                signs.arrow
            ));
        }
    }
    lines.iter().map(|line| clip(line, canvas.width, signs.more) + "\n").collect()
}

fn headline(view: &View) -> String {
    let s = |n: usize| if n == 1 { "" } else { "s" };
    let deep = view.nodes.iter().map(|node| node.depth + 1).max().unwrap_or_default();
    let folded =
        if view.nodes.len() < view.stages { format!(", drawn as {}", view.nodes.len()) } else { String::new() };
    format!("{}: {} stage{}{folded}, {deep} deep", visible(&view.name).replace('\n', " "), view.stages, s(view.stages))
}

fn label(node: &Node, signs: &Signs) -> String {
    let mut marks = node.marks();
    marks.extend(node.settings.group.as_ref().map(|group| format!("group {group}")));
    let marks = if marks.is_empty() { String::new() } else { format!("  ({})", visible(&marks.join(", "))) };
    node.title(signs.times) + &marks
}

/// An order in which the stages can run that keeps chains together: of those that could stand next, the one that became ready
/// last; else as declared.
fn order(view: &View) -> Vec<usize> {
    let dependents = view.dependents();
    let mut waiting: Vec<usize> = view.nodes.iter().map(|node| node.needs.len()).collect();
    let mut ready: Vec<usize> = (0..waiting.len()).filter(|node| waiting[*node] == 0).rev().collect();
    let mut order = Vec::with_capacity(waiting.len());
    while let Some(node) = ready.pop() {
        order.push(node);
        for &dependent in dependents[node].iter().rev() {
            waiting[dependent] -= 1;
            if waiting[dependent] == 0 {
                ready.push(dependent);
            }
        }
    }
    order
}

/// For each line its rails; `None` if they need more than `most`.
fn rails(view: &View, order: &[usize], signs: &Signs, most: usize) -> Option<Vec<String>> {
    let mut wanted: Vec<usize> = view.dependents().iter().map(Vec::len).collect();
    // What each rail carries.
    let mut rails: Vec<Option<usize>> = Vec::new();
    // A bullet right below one that nobody needs would look as if it needed it.
    let mut blocked = None;
    let mut rows = Vec::with_capacity(order.len());
    for &node in order {
        let needs = &view.nodes[node].needs;
        let mut inputs: Vec<usize> = Vec::new();
        let mut ending: Vec<usize> = Vec::new();
        for (rail, carried) in rails.iter().enumerate() {
            if let Some(need) = carried.filter(|need| needs.binary_search(need).is_ok()) {
                inputs.push(rail);
                wanted[need] -= 1;
                if wanted[need] == 0 {
                    ending.push(rail);
                }
            }
        }
        let free = |rails: &[Option<usize>]| {
            (0..rails.len()).find(|rail| rails[*rail].is_none() && Some(*rail) != blocked).unwrap_or(rails.len())
        };
        let own = ending.first().copied().unwrap_or_else(|| free(&rails));
        if own == rails.len() {
            rails.push(None);
            if rails.len() > most {
                return None;
            }
        }
        rows.push(row(&rails, own, &inputs, &ending, signs));
        ending.iter().for_each(|rail| rails[*rail] = None);
        let is_needed = wanted[node] > 0;
        rails[own] = is_needed.then_some(node);
        blocked = (!is_needed).then_some(own);
    }
    Some(rows)
}

fn row(rails: &[Option<usize>], own: usize, inputs: &[usize], ending: &[usize], signs: &Signs) -> String {
    let first = inputs.first().copied().unwrap_or(own).min(own);
    let last = inputs.last().copied().unwrap_or(own).max(own);
    let mut row = String::new();
    for (rail, carried) in rails.iter().enumerate() {
        // 0: the branch goes right; 1: left; 2: the line of others passes, too.
        let side = if first < rail && rail < last { 2 } else { usize::from(rail > own) };
        row.push(match carried {
            _ if rail == own && inputs.is_empty() => signs.start,
            _ if rail == own => signs.stage,
            Some(_) if ending.contains(&rail) => signs.end[side],
            Some(_) if inputs.contains(&rail) => signs.on[side],
            Some(_) => signs.passing,
            None if first < rail && rail < last => signs.across,
            None => ' ',
        });
        row.push(if first <= rail && rail < last { signs.across } else { ' ' });
    }
    row.truncate(row.trim_end().len());
    row
}

/// A line of at most so many columns, as a terminal counts them.
fn clip(line: &str, width: usize, more: &str) -> String {
    if line.width() <= width {
        return line.to_owned();
    }
    let mut left = width.saturating_sub(more.width());
    let fits = |c: &char| {
        let taken = c.width().unwrap_or_default();
        let fits = taken <= left;
        left = left.saturating_sub(taken);
        fits
    };
    line.chars().take_while(fits).collect::<String>() + more
}
