//! The part of the tournament that the page is about: one simulator, its baselines, the engine of each profile.

use forensic_plugin_kit::suite::choice::{self, IDEAL};
use forensic_plugin_kit::suite::{Entry, Tournament};

/// One simulator's results.
pub(crate) struct View<'t> {
    pub(crate) tournament: &'t Tournament,
    /// `None` where there are no results.
    pub(crate) simulator: Option<&'t str>,
    /// The engine that the config names.
    pub(crate) engine: Option<&'t str>,
    entries: Vec<&'t Entry>,
}

impl<'t> View<'t> {
    pub(crate) fn new(tournament: &'t Tournament, simulator: Option<&'t str>, engine: Option<&'t str>) -> Self {
        let simulator = tournament.simulator(simulator);
        let entries = simulator.map(|simulator| tournament.of(simulator)).unwrap_or_default();
        Self { tournament, simulator, engine, entries }
    }

    /// The whole universe in equal parts.
    pub(crate) fn raw(&self) -> Option<&'t Entry> {
        choice::baseline(&self.entries, choice::RAW_POOL)
    }

    /// What was selected, in equal parts.
    pub(crate) fn filtered(&self) -> Option<&'t Entry> {
        choice::filtered(&self.entries)
    }

    /// Engines of a profile that have numbers.
    pub(crate) fn engines(&self, profile: &str) -> Vec<&'t Entry> {
        choice::engines(&self.entries, profile)
    }

    /// The engine that stands for a profile: the configured one; else the best; else, where no engine has a Sharpe
    /// ratio, `custom`.
    pub(crate) fn chosen(&self, profile: &str) -> Option<&'t Entry> {
        let named = |name: &str| self.engines(profile).into_iter().find(|entry| entry.engine == name);
        match self.engine {
            Some(engine) => named(engine),
            None => choice::best(&self.entries, profile).or_else(|| named(IDEAL)),
        }
    }

    /// The simulator and the verb of a sentence.
    pub(crate) fn has(&self) -> String {
        match self.simulator {
            Some(simulator) => format!("the simulator {simulator} has"),
            None => "the results have".into(),
        }
    }
}
