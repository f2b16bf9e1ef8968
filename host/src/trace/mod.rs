//! The read model of a run: a trace file becomes spans, spans become a run with stages and attempts, and those
//! become metrics and a summary. Everything comes from the file alone, so a report is the same whether the run has
//! just ended or ended last year; nothing in here knows the scheduler.
//!
//! | module | job |
//! |---|---|
//! | `json` | a forgiving JSON reader over bytes |
//! | [`span`] | one span as written, compact in memory |
//! | [`load`] | a file, however damaged, into a [`Trace`] |
//! | [`model`] | a trace into a [`Run`] with stages and attempts |
//! | [`metrics`] | pure functions over intervals and the DAG |
//! | [`inside`](mod@inside) | where time went inside attempts, from the spans that stages sent |
//! | [`columns`] | what a page draws, as columns |
//! | [`summary`] | all of it as one object, JSON or text |
//! | [`query`] | filtered, paged access to spans |
//! | [`export`](mod@export) | a trace in the formats of other tools |
//! | [`merge`](mod@merge) | several trace files into one |

pub mod columns;
pub mod export;
pub mod inside;
mod json;
pub mod load;
pub mod merge;
pub mod metrics;
pub mod model;
pub mod query;
pub mod span;
pub mod summary;
#[cfg(test)]
mod tests;
mod warnings;

pub use columns::Columns;
pub use inside::{Inside, inside};
pub use load::{Aligned, Trace, TraceError};
pub use model::{Attempt, Remote, Run, Stage};
pub use query::{Page, Query};
pub use span::{Kind, Part, Span, Status, Value};
pub use summary::{Summary, render_text, summarize, summarize_run};
