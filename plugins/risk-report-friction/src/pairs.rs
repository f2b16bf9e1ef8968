//! The same engine and profile in both simulators.

use forensic_plugin_kit::stats;
use forensic_plugin_kit::suite::{Entry, Window};

/// What both simulators made of one engine and profile.
pub(crate) struct Pair<'t> {
    pub(crate) ideal: &'t Entry,
    pub(crate) real: &'t Entry,
    /// Yearly return, ideal less real.
    pub(crate) return_decay: Option<f64>,
    /// Mean Sharpe ratio of the windows, ideal less real.
    pub(crate) sharpe_decay: Option<f64>,
    /// Return that a window lost, over its one-way turnover: means over the windows where all is known.
    pub(crate) cost: Option<f64>,
}

/// Pairs, and engines and profiles that only one simulator has numbers of.
pub(crate) struct Pairs<'t> {
    pub(crate) pairs: Vec<Pair<'t>>,
    pub(crate) only_ideal: Vec<String>,
    pub(crate) only_real: Vec<String>,
}

/// Baselines are left out.
pub(crate) fn find<'t>(ideal: &[&'t Entry], real: &[&'t Entry]) -> Pairs<'t> {
    let plays = |entry: &&&'t Entry| !entry.is_baseline() && entry.has_summary();
    let same = |one: &Entry, other: &Entry| (&one.engine, &one.profile) == (&other.engine, &other.profile);
    let name = |entry: &Entry| format!("{} / {}", entry.engine, entry.profile);
    let (mut pairs, mut only_ideal) = (Vec::new(), Vec::new());
    for one in ideal.iter().filter(plays) {
        match real.iter().filter(plays).find(|other| same(one, other)) {
            Some(other) => pairs.push(Pair::new(one, other)),
            None => only_ideal.push(name(one)),
        }
    }
    let unmatched = real.iter().filter(plays).filter(|other| !pairs.iter().any(|pair| same(pair.ideal, other)));
    let only_real = unmatched.map(|entry| name(entry)).collect();
    Pairs { pairs, only_ideal, only_real }
}

impl<'t> Pair<'t> {
    fn new(ideal: &'t Entry, real: &'t Entry) -> Self {
        let less = |one: Option<f64>, other: Option<f64>| one.zip(other).map(|(one, other)| one - other);
        Self {
            return_decay: less(ideal.summary.annual_return, real.summary.annual_return),
            sharpe_decay: less(ideal.summary.window_sharpe, real.summary.window_sharpe),
            cost: cost(&ideal.windows, &real.windows),
            ideal,
            real,
        }
    }

    /// Engine and profile.
    pub(crate) fn name(&self) -> String {
        format!("{} / {}", self.ideal.engine, self.ideal.profile)
    }
}

/// Only windows that begin on the same day are compared; windows without dates by their place, if there are as many.
fn cost(ideal: &[Window], real: &[Window]) -> Option<f64> {
    let known = ideal.len() == real.len() && ideal.iter().zip(real).all(|(one, other)| one.start == other.start);
    if !known {
        return None;
    }
    let rows = ideal.iter().zip(real).filter_map(|(one, other)| Some((one.returns? - other.returns?, other.turnover?)));
    let (lost, turnover): (Vec<f64>, Vec<f64>) = rows.unzip();
    let turnover = stats::mean(&turnover).filter(|turnover| *turnover > 1e-9)?;
    Some(stats::mean(&lost)? / turnover)
}
