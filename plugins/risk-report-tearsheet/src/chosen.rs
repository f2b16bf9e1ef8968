//! Which series the page is about: the configured one, else the tournament's best, with the reason.

use forensic_guest_sdk::{Document, PluginError};
use forensic_plugin_kit::returns::{self, Listed};
use forensic_plugin_kit::suite::{self, Entry, MARKET, Tournament};
use forensic_plugin_kit::{Inputs, Notes, config, inputs, notes};

use crate::Settings;

/// The series of the page.
pub(crate) struct Chosen {
    /// File of the series, as an id of a granted file.
    pub(crate) id: String,
    pub(crate) simulator: String,
    pub(crate) engine: String,
    pub(crate) profile: String,
    /// Why this one, for the reader.
    pub(crate) why: String,
}

impl Chosen {
    pub(crate) fn title(&self) -> String {
        format!("{} / {} ({})", self.engine, self.profile, self.simulator)
    }

    /// Whether it is a baseline, which is compared with nothing.
    pub(crate) fn is_baseline(&self) -> bool {
        self.engine == MARKET
    }
}

pub(crate) fn choose(files: &Inputs<'_>, settings: &Settings, document: &mut Document) -> Result<Chosen, PluginError> {
    match &settings.series {
        Some(name) => configured(files, &settings.dir, name, document),
        None => best(files, settings, document),
    }
}

fn configured(files: &Inputs<'_>, dir: &str, name: &str, document: &mut Document) -> Result<Chosen, PluginError> {
    let index = inputs::join(dir, returns::INDEX);
    let mut odd = Notes::new(index.as_str());
    let listed = returns::index(files, dir, &mut odd).map_err(|error| missing(&error.explain()))?;
    odd.write(document);
    let Some(Listed { file, simulator, engine, profile, .. }) = listed.iter().find(|entry| entry.name == name).cloned()
    else {
        let names: Vec<String> = listed.into_iter().map(|entry| entry.name).collect();
        let known = if names.is_empty() { "no series".into() } else { notes::some(&names) };
        return Err(config::invalid(format!("`series` is {name:?}, and {index} lists {known}")));
    };
    let why = format!("`series` of the config: {name} in {index}");
    Ok(Chosen { id: inputs::join(dir, &file), simulator, engine, profile, why })
}

/// The entry with the highest mean Sharpe ratio of its windows, in the simulator that the whole suite looks at.
fn best(files: &Inputs<'_>, settings: &Settings, document: &mut Document) -> Result<Chosen, PluginError> {
    let tournament = suite::load(files, &settings.dir, settings.periods_per_year, document).map_err(|error| {
        let PluginError::MissingData(why) = error else { return error };
        PluginError::MissingData(format!("`series` is not set, and the tournament's best can't be told: {why}"))
    })?;
    let Some(entry) = winner(&tournament, settings.simulator.as_deref()) else {
        let simulator =
            settings.simulator.as_ref().map_or_else(String::new, |name| format!(" in the simulator {name}"));
        return Err(missing(&format!(
            "`series` is not set, and no entry of the tournament but baselines has a mean Sharpe of its windows{simulator}"
        )));
    };
    let Some(id) = entry.series.clone() else {
        let index = inputs::join(&settings.dir, returns::INDEX);
        return Err(missing(&format!(
            "{} has the best Sharpe of the tournament, and no return series of it is known: {index} does not list it",
            entry.name()
        )));
    };
    let sharpe = entry.summary.window_sharpe.unwrap_or(f64::NAN);
    Ok(Chosen {
        id,
        simulator: entry.simulator.clone(),
        engine: entry.engine.clone(),
        profile: entry.profile.clone(),
        why: format!(
            "the highest mean Sharpe of the windows ({sharpe:.2}) in the simulator {}, picked after the fact",
            entry.simulator
        ),
    })
}

fn winner<'t>(tournament: &'t Tournament, simulator: Option<&'t str>) -> Option<&'t Entry> {
    let mut best: Option<(&Entry, f64)> = None;
    for entry in tournament.of(tournament.simulator(simulator)?) {
        if let Some(sharpe) = entry.summary.window_sharpe.filter(|_| !entry.is_baseline())
            && best.is_none_or(|(_, most)| sharpe > most)
        {
            best = Some((entry, sharpe));
        }
    }
    best.map(|(entry, _)| entry)
}

fn missing(sentence: &str) -> PluginError {
    PluginError::MissingData(format!("{sentence}."))
}
