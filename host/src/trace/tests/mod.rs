//! Tests of the read model as a whole: a file goes in, numbers come out.

mod degenerate;
mod flow;
mod foreign;
mod loading;
mod paging;
mod properties;
mod remote;
pub(in crate::trace) mod simulator;
mod worked_example;

use super::{Summary, Trace, summarize};

const WORKED: &str = include_str!("../testdata/worked_example.json");
const KILLED: &str = include_str!("../testdata/worked_example_killed.json");

fn load(text: &str) -> Trace {
    Trace::from_slice(text.as_bytes()).expect("a trace")
}

fn summary_of(text: &str) -> Summary {
    summarize(&load(text))
}
