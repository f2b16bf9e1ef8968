//! A sleeve's tournament of engines, profiles and simulators: what the suite of report pages reads, in one shape.
//!
//! - [`load`] finds the results, nested or flat, as JSON or CSV;
//! - [`Tournament`] holds them, whatever shape the file has;
//! - [`choice`] picks simulator, engine and baselines by the suite's rules.

pub mod choice;
mod flat;
mod model;
mod nested;
mod series;
mod source;

pub use model::{Basis, Entry, MARKET, Meta, Summary, Tournament, Window};
pub use source::load;

use forensic_guest_sdk::PluginError;

use crate::config::{self, Config};

/// The key `periods_per_year` of a report stage's config; `None` if it is absent.
///
/// # Errors
/// If it is no number above 0.
pub fn periods_per_year(config: &Config) -> Result<Option<f64>, PluginError> {
    let periods = config.number("periods_per_year")?;
    match periods {
        Some(periods) if !(periods > 0.0 && periods.is_finite()) => {
            Err(config::invalid("`periods_per_year` must be above 0"))
        }
        periods => Ok(periods),
    }
}
