//! A tournament in one shape, whatever shape its file has.

use serde_json::Value;

use crate::{Notes, json};

/// Engine of the baselines.
pub const MARKET: &str = "market";

/// All results, and how they were made.
pub struct Tournament {
    /// How the tournament was played.
    pub meta: Meta,
    /// In file order.
    pub entries: Vec<Entry>,
    /// Engines that sat out, as `engine (simulator)`.
    pub skipped: Vec<String>,
    /// Which shape the file has, for the reader.
    pub shape: &'static str,
    /// How returns became yearly numbers, for the reader.
    pub annualization: String,
    /// What is odd about the results.
    pub notes: Notes,
}

/// How the tournament was played.
#[derive(Default)]
pub struct Meta {
    /// Training window, days.
    pub train: Option<i64>,
    /// Test window, days.
    pub test: Option<i64>,
    /// Days from one window to the next.
    pub step: Option<i64>,
    /// Simulators that took part, as listed.
    pub simulators: Option<Vec<String>>,
    /// Profiles that took part, as listed.
    pub profiles: Option<Vec<String>>,
    /// When the results were made, as written.
    pub generated: Option<String>,
}

/// One engine with one profile in one simulator.
pub struct Entry {
    /// Simulator, such as `custom`.
    pub simulator: String,
    /// Engine, such as `skfolio`; [`MARKET`] for the baselines.
    pub engine: String,
    /// Risk profile, such as `hrp`.
    pub profile: String,
    /// Numbers over all windows.
    pub summary: Summary,
    /// In their order.
    pub windows: Vec<Window>,
    /// File of its return series, if one is known.
    pub series: Option<String>,
}

/// Where a summary is from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Basis {
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
    /// A word for a table.
    pub fn text(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Stored => "as stored",
            Self::Series => "return series",
            Self::Windows => "means of windows",
        }
    }
}

/// An entry's numbers over all windows.
pub struct Summary {
    /// Where it is from.
    pub basis: Basis,
    /// Mean of the windows' Sharpe ratios.
    pub window_sharpe: Option<f64>,
    /// Sharpe ratio of the whole series.
    pub sharpe: Option<f64>,
    /// Yearly return.
    pub annual_return: Option<f64>,
    /// Yearly volatility.
    pub volatility: Option<f64>,
    /// Deepest fall; zero or negative.
    pub drawdown: Option<f64>,
    /// Mean turnover of a window, one way.
    pub turnover: Option<f64>,
    /// Number of returns; `None` unless it was computed from them.
    pub days: Option<usize>,
    /// What a limit changed, as sentence parts.
    pub clipped: Vec<String>,
}

/// One window.
pub struct Window {
    /// First day, as written.
    pub start: Option<String>,
    /// Name of the market's regime.
    pub regime: Option<String>,
    /// Return over the window.
    pub returns: Option<f64>,
    /// Yearly volatility.
    pub vol: Option<f64>,
    /// Sharpe ratio.
    pub sharpe: Option<f64>,
    /// Turnover of getting into it, one way.
    pub turnover: Option<f64>,
    /// Weights of the assets that it lists, at most five; `None` if it lists none or one has no weight.
    pub weights: Option<Vec<f64>>,
    /// Number of assets, of which it may list a part.
    pub assets: Option<i64>,
}

impl Meta {
    pub(super) fn read(meta: &Value, notes: &mut Notes) -> Self {
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
    pub(super) fn read(window: &Value) -> Self {
        let number = |keys: &[&str]| json::number_of(window, keys);
        // A bare "return" is the yearly one in the results of the reference.
        let listed = json::list(window, "top_assets");
        let weights: Option<Vec<f64>> = listed.iter().map(|asset| json::number(asset, "Weight")).collect();
        Self {
            start: json::text(window, "start_date").map(str::to_owned),
            regime: json::text(window, "regime").map(str::to_owned),
            returns: number(&["returns"]),
            vol: number(&["vol", "annualized_vol"]),
            sharpe: number(&["sharpe"]),
            turnover: number(&["turnover"]),
            weights: weights.filter(|weights| !weights.is_empty()),
            assets: json::integer(window, "n_assets"),
        }
    }
}

impl Summary {
    pub(super) fn nothing() -> Self {
        Self {
            basis: Basis::Nothing,
            window_sharpe: None,
            sharpe: None,
            annual_return: None,
            volatility: None,
            drawdown: None,
            turnover: None,
            days: None,
            clipped: Vec::new(),
        }
    }
}
