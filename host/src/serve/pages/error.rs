//! The page that says why there is no other.

use super::skeleton;
use super::{Area, Page};
use crate::report::html::Html;
use crate::serve::answer::Problem;

/// Draws it. `known`: whether the reader may see the rest, so that a way back makes sense.
pub(in crate::serve) fn draw(problem: &Problem, known: bool) -> String {
    let reason = problem.status.canonical_reason().unwrap_or("Refused");
    let mut body = Html::default();
    body.within("div", &[("class", "callout bad"), ("role", "alert")], |html| {
        let mut what = problem.what.chars();
        let sentence = what.next().map(|first| format!("{}{}.", first.to_uppercase(), what.as_str()));
        html.element("p", &[], &format!("✗ {}", sentence.unwrap_or_default()));
        html.element("p", &[], &problem.advice);
    });
    if known {
        body.within("p", &[], |html| html.element("a", &[("href", "/")], "All runs"));
    }
    let title = format!("{} {reason}", problem.status.as_u16());
    skeleton::draw(&Page::new(title, Area::Runs, body), None)
}
