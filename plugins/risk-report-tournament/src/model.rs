//! A tournament in one shape, whatever shape its file has.

use forensic_plugin_kit::{Notes, json};
use serde_json::Value;

/// Engine of the baselines.
pub(crate) const MARKET: &str = "market";

/// All results, and how they were made.
pub(crate) struct Tournament {
    pub(crate) meta: Meta,
    /// In file order.
    pub(crate) entries: Vec<Entry>,
    /// Engines that sat out, as `engine (simulator)`.
    pub(crate) skipped: Vec<String>,
    /// Which shape the file has, for the reader.
    pub(crate) shape: &'static str,
    /// How returns became yearly numbers, for the reader.
    pub(crate) annualization: String,
    /// What is odd about the results.
    pub(crate) notes: Notes,
}

/// How the tournament was played.
#[derive(Default)]
pub(crate) struct Meta {
    pub(crate) train: Option<i64>,
    pub(crate) test: Option<i64>,
    pub(crate) step: Option<i64>,
    pub(crate) simulators: Option<Vec<String>>,
    pub(crate) profiles: Option<Vec<String>>,
    pub(crate) generated: Option<String>,
}

/// One engine with one profile in one simulator.
pub(crate) struct Entry {
    pub(crate) simulator: String,
    pub(crate) engine: String,
    pub(crate) profile: String,
    pub(crate) summary: Summary,
    pub(crate) windows: Vec<Window>,
    /// File of its return series, if one is known.
    pub(crate) series: Option<String>,
}

/// Where a summary is from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Basis {
    /// The file has none, and no window to make one of.
    Nothing,
    /// As the file has it.
    Stored,
    /// Computed from the whole return series.
    Series,
    /// Means over the windows.
    Windows,
}

impl Basis {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Stored => "as stored",
            Self::Series => "return series",
            Self::Windows => "means of windows",
        }
    }
}

/// An entry's numbers over all windows.
pub(crate) struct Summary {
    pub(crate) basis: Basis,
    /// Mean of the windows' Sharpe ratios.
    pub(crate) window_sharpe: Option<f64>,
    /// Sharpe ratio of the whole series.
    pub(crate) sharpe: Option<f64>,
    pub(crate) annual_return: Option<f64>,
    pub(crate) volatility: Option<f64>,
    pub(crate) drawdown: Option<f64>,
    pub(crate) turnover: Option<f64>,
    /// What a limit changed, as sentence parts.
    pub(crate) clipped: Vec<String>,
}

/// One window.
pub(crate) struct Window {
    pub(crate) regime: Option<String>,
    pub(crate) returns: Option<f64>,
    pub(crate) vol: Option<f64>,
    pub(crate) sharpe: Option<f64>,
    /// Weights of the assets that it lists, at most five; `None` if it lists none or one has no weight.
    pub(crate) weights: Option<Vec<f64>>,
    /// Number of assets, of which it may list a part.
    pub(crate) assets: Option<i64>,
}

impl Meta {
    pub(crate) fn read(meta: &Value, notes: &mut Notes) -> Self {
        let mut days = |key: &str| notes.integer(meta, &[key], "meta");
        let (train, test, step) = (days("train_window"), days("test_window"), days("step_size"));
        let mut names = |key: &str| {
            let value = meta.get(key).filter(|value| !value.is_null())?;
            let Some(list) = value.as_array() else {
                notes.odd(&format!("meta.{key}"), "a list", value);
                return None;
            };
            Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        };
        let (simulators, profiles) = (names("simulators"), names("profiles"));
        let generated = json::text(meta, "generated_at").map(str::to_owned);
        Self { train, test, step, simulators, profiles, generated }
    }
}

impl Window {
    /// From a window of the nested shape, or the metrics of a flat row.
    pub(crate) fn read(window: &Value) -> Self {
        let number = |keys: &[&str]| json::number_of(window, keys);
        // A bare "return" is the yearly one in the results of the reference.
        let listed = json::list(window, "top_assets");
        let weights: Option<Vec<f64>> = listed.iter().map(|asset| json::number(asset, "Weight")).collect();
        Self {
            regime: json::text(window, "regime").map(str::to_owned),
            returns: number(&["returns"]),
            vol: number(&["vol", "annualized_vol"]),
            sharpe: number(&["sharpe"]),
            weights: weights.filter(|weights| !weights.is_empty()),
            assets: json::integer(window, "n_assets"),
        }
    }
}

impl Summary {
    pub(crate) fn nothing() -> Self {
        Self {
            basis: Basis::Nothing,
            window_sharpe: None,
            sharpe: None,
            annual_return: None,
            volatility: None,
            drawdown: None,
            turnover: None,
            clipped: Vec::new(),
        }
    }
}
