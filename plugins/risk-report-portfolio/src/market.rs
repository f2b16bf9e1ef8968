//! The returns: how many periods a year has, which column is the benchmark, and a profile's positions in it.

use forensic_plugin_kit::stats::Annualization;
use forensic_plugin_kit::{Frame, InputError, Inputs, inputs, json, order};
use serde_json::Value;

use crate::RETURNS;
use crate::book::Profile;
use crate::class;
use crate::exposure::Position;
use crate::settings::Settings;

/// The stock market.
const STOCKS: &str = "AMEX:SPY";
/// The crypto market, with or without an exchange before it.
const COIN: &str = "BTCUSDT";
/// Parts of names that only crypto pairs have.
const STABLE: [&str; 2] = ["USDT", "USDC"];

/// The returns and what follows from them; without them, why there are none.
pub(crate) struct Market {
    /// The file.
    pub(crate) id: String,
    pub(crate) returns: Result<Returns, InputError>,
}

/// Usable returns.
pub(crate) struct Returns {
    pub(crate) frame: Frame,
    pub(crate) annualization: Annualization,
    /// Name of the benchmark's column, or why there is none.
    pub(crate) benchmark: Result<String, String>,
}

impl Market {
    pub(crate) fn load(files: &Inputs<'_>, settings: &Settings, root: &Value, profiles: &[Profile]) -> Self {
        let id = inputs::join(&settings.dir, RETURNS);
        let returns = files.frame(&id).map(|frame| {
            let annualization = match settings.periods_per_year {
                Some(factor) => Annualization { factor, reason: "set in the config" },
                None => annualization(&frame, profiles),
            };
            let stated = root.get("metadata").and_then(|metadata| json::text(metadata, "benchmark"));
            let crypto = annualization.factor == Annualization::EVERY_DAY.factor || mostly_crypto(profiles);
            let benchmark = benchmark(&frame, settings.benchmark.as_deref(), stated, crypto);
            Returns { frame, annualization, benchmark }
        });
        Self { id, returns }
    }
}

impl Returns {
    /// A profile's net weights with their columns; and the symbols that have no column or no weight.
    pub(crate) fn positions<'a>(&'a self, profile: &'a Profile) -> (Vec<Position<'a>>, Vec<String>) {
        let mut weights: Vec<(&str, Vec<Option<f64>>)> = Vec::new();
        for asset in profile.assets() {
            // The same symbol long and short is one position.
            order::entry(&mut weights, asset.symbol.as_str()).push(asset.net);
        }
        let (mut positions, mut without) = (Vec::new(), Vec::new());
        for (symbol, weights) in weights {
            let weight: Option<f64> = weights.into_iter().sum();
            match weight.zip(self.frame.column(symbol)) {
                Some((weight, returns)) => positions.push(Position { weight, returns }),
                None => without.push(symbol.to_owned()),
            }
        }
        (positions, without)
    }
}

/// The rule on dates; where these say nothing, crypto pairs trade every day.
fn annualization(frame: &Frame, profiles: &[Profile]) -> Annualization {
    let by_dates = Annualization::of(&frame.times);
    let mut held = profiles.iter().flat_map(Profile::assets).map(|asset| &asset.symbol).peekable();
    let pairs = held.peek().is_some() && held.all(|symbol| STABLE.iter().any(|part| symbol.contains(part)));
    if by_dates == Annualization::DAILY && frame.len() > 1 && pairs {
        return Annualization { factor: 365.0, reason: "all that is held are crypto pairs (USDT, USDC)" };
    }
    by_dates
}

fn mostly_crypto(profiles: &[Profile]) -> bool {
    let assets = || profiles.iter().flat_map(Profile::assets);
    let coins = assets().filter(|asset| class::class(asset.market.as_deref()) == class::CRYPTO).count();
    2 * coins > assets().count()
}

/// The configured benchmark, else the one that the weights' file states, else the sleeve's own market, else the
/// other one.
fn benchmark(frame: &Frame, configured: Option<&str>, stated: Option<&str>, crypto: bool) -> Result<String, String> {
    let has = |name: &str| frame.column(name).is_some();
    if let Some(name) = configured {
        return has(name)
            .then(|| name.to_owned())
            .ok_or_else(|| format!("the configured benchmark {name} is no column of the returns"));
    }
    if let Some(name) = stated.filter(|name| has(name)) {
        return Ok(name.to_owned());
    }
    let stocks = || has(STOCKS).then(|| STOCKS.to_owned());
    let coin = || {
        let is_coin = |name: &&String| name.rsplit(':').next() == Some(COIN);
        frame.columns.iter().map(|column| &column.name).find(is_coin).cloned()
    };
    let found = if crypto { coin().or_else(stocks) } else { stocks().or_else(coin) };
    found.ok_or_else(|| {
        format!("no benchmark is configured, and neither {STOCKS} nor {COIN} is a column of the returns")
    })
}
