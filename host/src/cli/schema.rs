//! `schema`: what pipeline.toml may hold, for editors.

use super::{Exit, Outcome, print};
use crate::pipeline::SCHEMA;

pub(super) fn schema() -> Outcome {
    print(SCHEMA)?;
    Ok(Exit::Success)
}
