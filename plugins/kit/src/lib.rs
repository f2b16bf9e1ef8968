//! What the first-party report plugins share. It stands on the SDK alone, as any author's own library would.
//!
//! - [`config`]: the report stage's config, with unknown keys refused by name;
//! - [`health`]: the data health of a sleeve: counts by status, and the word that sums them up;
//! - [`inputs`]: granted files as text, JSON or tables, and the list of what was used and what was missing;
//! - [`json`] and [`table`]: the two formats, with errors that are sentences;
//! - [`stats`]: return-series statistics by the specification's formulas;
//! - [`sections`]: pieces that every report has: title block, Pipeline Health, troubles, inputs;
//! - [`suite`]: a sleeve's tournament in one shape, and the suite's rules for picking simulator, engine and baseline;
//! - [`notes`]: troubles of one file, gathered into few sentences;
//! - [`order`]: one sort for all, that adds little to a component;
//! - `testing`: documents as text, not part of a component;
//! - [`time`]: dates without a clock;
//! - [`words`]: how names, ids and time stamps are written.

pub mod config;
pub mod health;
pub mod inputs;
pub mod json;
pub mod notes;
pub mod order;
pub mod sections;
pub mod stats;
pub mod suite;
pub mod table;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
pub mod time;
pub mod words;

pub use config::Config;
pub use inputs::{InputError, Inputs};
pub use notes::Notes;
pub use table::{Frame, Records};
