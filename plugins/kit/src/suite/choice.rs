//! Which simulator, engine and baseline a page looks at. Whatever is picked, the page says what and why.

use super::{Basis, Entry, MARKET, Tournament};
use crate::{Notes, order};

/// The simulator with costs, looked at if it took part; else [`IDEAL`].
pub const REAL: &str = "cvxportfolio";
/// The simulator without costs.
pub const IDEAL: &str = "custom";
/// Profile of the baseline that holds the whole universe in equal parts.
pub const RAW_POOL: &str = "raw_pool_ew";
/// Profiles where the meta part names none.
pub const PROFILES: [&str; 9] =
    ["min_variance", "hrp", "max_sharpe", "barbell", "benchmark", "equal_weight", "market", "adaptive", "risk_parity"];
/// Baselines that may stand for the filtered universe in equal parts, the first that is there.
const FILTERED: [&str; 2] = ["benchmark", "equal_weight"];

impl Entry {
    /// `simulator / engine / profile`.
    pub fn name(&self) -> String {
        format!("{} / {} / {}", self.simulator, self.engine, self.profile)
    }

    /// Whether there is any number.
    pub fn has_summary(&self) -> bool {
        self.summary.basis != Basis::Nothing
    }

    /// Whether it is a baseline.
    pub fn is_baseline(&self) -> bool {
        self.engine == MARKET
    }
}

impl Tournament {
    /// What is odd about the results, for a page that reads the rest while it adds to them.
    pub fn take_notes(&mut self) -> Notes {
        let id = self.notes.id().to_owned();
        std::mem::replace(&mut self.notes, Notes::new(id))
    }

    /// Distinct names, sorted.
    pub fn distinct<'t>(&'t self, of: impl Fn(&'t Entry) -> &'t String) -> Vec<&'t str> {
        let mut names: Vec<&str> = self.entries.iter().map(|entry| of(entry).as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The simulator to look at: `wanted` if it is named, even where it has no results; else [`REAL`], else [`IDEAL`],
    /// else the first by name. `None` if there are no results.
    pub fn simulator<'t>(&'t self, wanted: Option<&'t str>) -> Option<&'t str> {
        let played = self.distinct(|entry| &entry.simulator);
        let usual = || [REAL, IDEAL].into_iter().find(|name| played.contains(name)).or(played.first().copied());
        wanted.or_else(usual)
    }

    /// The entries of a simulator, in file order.
    pub fn of<'t>(&'t self, simulator: &str) -> Vec<&'t Entry> {
        self.entries.iter().filter(|entry| entry.simulator == simulator).collect()
    }

    /// Profiles in the order of the meta part, else of [`PROFILES`]; then whatever else there is, sorted, so that no
    /// result goes unseen.
    pub fn profiles(&self) -> Vec<String> {
        let usual = || PROFILES.iter().map(|name| (*name).to_owned()).collect();
        names(self.meta.profiles.clone().unwrap_or_else(usual), self.distinct(|entry| &entry.profile))
    }

    /// Simulators in the order of the meta part; then whatever else there is, sorted.
    pub fn simulators(&self) -> Vec<String> {
        names(self.meta.simulators.clone().unwrap_or_default(), self.distinct(|entry| &entry.simulator))
    }
}

fn names(listed: Vec<String>, present: Vec<&str>) -> Vec<String> {
    let mut distinct: Vec<(String, ())> = Vec::new();
    for name in listed.into_iter().chain(present.into_iter().map(str::to_owned)) {
        order::entry(&mut distinct, name);
    }
    distinct.into_iter().map(|(name, ())| name).collect()
}

/// The engine of a profile with the highest mean Sharpe ratio of its windows, the first of equal ones; baselines,
/// engines that sat out and engines without that number are no candidates.
pub fn best<'t>(entries: &[&'t Entry], profile: &str) -> Option<&'t Entry> {
    let mut best: Option<(&Entry, f64)> = None;
    for entry in engines(entries, profile) {
        if let Some(sharpe) = entry.summary.window_sharpe
            && best.is_none_or(|(_, most)| sharpe > most)
        {
            best = Some((entry, sharpe));
        }
    }
    best.map(|(entry, _)| entry)
}

/// The engines of a profile that have numbers, in file order, without baselines.
pub fn engines<'t>(entries: &[&'t Entry], profile: &str) -> Vec<&'t Entry> {
    entries
        .iter()
        .copied()
        .filter(|entry| entry.profile == profile && !entry.is_baseline() && entry.has_summary())
        .collect()
}

/// The baseline of the profile `profile`, if it has numbers.
pub fn baseline<'t>(entries: &[&'t Entry], profile: &str) -> Option<&'t Entry> {
    let fits = |entry: &&Entry| entry.is_baseline() && entry.profile == profile && entry.has_summary();
    entries.iter().copied().find(fits)
}

/// The baseline that holds the filtered universe in equal parts: `benchmark`, else `equal_weight`, else the first other
/// one that is neither the market nor the raw pool.
pub fn filtered<'t>(entries: &[&'t Entry]) -> Option<&'t Entry> {
    let other = || {
        let fits = |entry: &&Entry| {
            entry.is_baseline() && ![MARKET, RAW_POOL].contains(&entry.profile.as_str()) && entry.has_summary()
        };
        entries.iter().copied().find(fits)
    };
    FILTERED.iter().find_map(|profile| baseline(entries, profile)).or_else(other)
}
