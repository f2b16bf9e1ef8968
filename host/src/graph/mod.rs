//! A pipeline as a picture, before anything runs: for Mermaid, for Graphviz, for a terminal, for programs. Pure functions; what
//! is drawn are ids and settings, never commands, environments or other values.
//!
//! | module | job |
//! |---|---|
//! | [`view`] | the pipeline as nodes and edges, members of a matrix folded |
//! | [`text`] | a drawing for a terminal |
//! | [`mermaid`] | a Mermaid flowchart |
//! | [`dot`] | a Graphviz digraph |
//! | [`json`] | nodes and edges for programs |

pub mod dot;
pub mod json;
pub mod mermaid;
#[cfg(test)]
mod tests;
pub mod text;
pub mod view;

pub use mermaid::TooLarge;
pub use text::Canvas;
pub use view::{Node, StageView, View};
