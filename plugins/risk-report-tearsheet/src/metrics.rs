//! What a return series is measured by. r are simple returns, n their number, f the periods of a year, dd the fall of
//! the compounded curve below its running peak, which starts at 1.0.
//!
//! The formulas are those of quantstats 0.0.77, with f instead of its 252; where it would divide by zero, the value is
//! absent here, with the reason.

use forensic_plugin_kit::stats;

/// The 5% quantile of the standard normal distribution.
const NORMAL_5_PERCENT: f64 = -1.644_853_626_951_472_9;

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A fraction, as a percentage.
    Percent,
    /// A number without a unit.
    Ratio,
}

/// One measure.
pub struct Metric {
    /// Its usual name.
    pub name: &'static str,
    /// How it is written.
    pub kind: Kind,
    /// How it is computed, for the reader.
    pub definition: &'static str,
    compute: fn(&Series) -> Measured,
}

/// A value, or why there is none.
pub type Measured = Result<f64, &'static str>;

/// All measures, in the order of the page.
pub const METRICS: &[Metric] = &[
    Metric { name: "Total return", kind: Kind::Percent, definition: "Π(1+r) − 1", compute: |s| Ok(s.total) },
    Metric { name: "CAGR", kind: Kind::Percent, definition: "(1 + total)^(f/n) − 1", compute: Series::cagr },
    Metric { name: "Volatility", kind: Kind::Percent, definition: "sd·√f", compute: |s| Ok(s.sd * s.factor.sqrt()) },
    Metric { name: "Max drawdown", kind: Kind::Percent, definition: "min dd", compute: |s| Ok(s.deepest()) },
    Metric {
        name: "VaR 95",
        kind: Kind::Percent,
        definition: "normal 5% quantile of mean and sd",
        compute: |s| Ok(s.var()),
    },
    Metric { name: "CVaR 95", kind: Kind::Percent, definition: "mean of r below VaR", compute: Series::cvar },
    Metric { name: "Win days", kind: Kind::Percent, definition: "r > 0 among r ≠ 0", compute: Series::wins },
    Metric { name: "Ulcer", kind: Kind::Percent, definition: "√(Σdd²/(n−1))", compute: |s| Ok(s.ulcer()) },
    Metric { name: "Sharpe", kind: Kind::Ratio, definition: "mean/sd·√f", compute: Series::sharpe },
    Metric {
        name: "Sortino", kind: Kind::Ratio, definition: "mean/√(Σmin(r,0)²/n)·√f", compute: Series::sortino
    },
    Metric {
        name: "Calmar",
        kind: Kind::Ratio,
        definition: "CAGR/|max drawdown|",
        compute: |s| s.per_drawdown(s.cagr()?),
    },
    Metric { name: "Payoff", kind: Kind::Ratio, definition: "mean gain/|mean loss|", compute: Series::payoff },
    Metric {
        name: "Profit factor (Omega)",
        kind: Kind::Ratio,
        definition: "Σ gains/|Σ losses|",
        compute: |s| s.per_losses(s.gains.iter().sum()),
    },
    Metric {
        name: "Gain/Pain",
        kind: Kind::Ratio,
        definition: "Σr/|Σ losses|",
        compute: |s| s.per_losses(s.returns.iter().sum()),
    },
    Metric { name: "Tail ratio", kind: Kind::Ratio, definition: "|q95/q05|, linear quantiles", compute: Series::tail },
    Metric {
        name: "Recovery",
        kind: Kind::Ratio,
        definition: "|Σr|/|max drawdown|",
        compute: |s| s.per_drawdown(s.returns.iter().sum::<f64>().abs()),
    },
];

impl Metric {
    /// The value for a series.
    ///
    /// # Errors
    /// Why there is none: a sentence's end.
    pub fn of(&self, series: &Series) -> Measured {
        let value = (self.compute)(series)?;
        if value.is_finite() { Ok(value) } else { Err("the numbers are too large to compute with") }
    }
}

/// A return series, and what several measures need of it.
pub struct Series {
    returns: Vec<f64>,
    factor: f64,
    gains: Vec<f64>,
    losses: Vec<f64>,
    total: f64,
    mean: f64,
    sd: f64,
    falls: Vec<f64>,
}

impl Series {
    /// Returns without gaps; `None` if there are fewer than two. `factor` is the number of periods in a year.
    pub fn new(returns: &[f64], factor: f64) -> Option<Self> {
        let (mean, sd) = (stats::mean(returns)?, stats::sample_sd(returns)?);
        let of_sign = |sign: f64| returns.iter().copied().filter(|value| value * sign > 0.0).collect();
        Some(Self {
            returns: returns.to_vec(),
            factor,
            gains: of_sign(1.0),
            losses: of_sign(-1.0),
            total: returns.iter().map(|value| 1.0 + value).product::<f64>() - 1.0,
            mean,
            sd,
            falls: crate::drawdowns::falls(returns),
        })
    }

    fn cagr(&self) -> Measured {
        let grown = 1.0 + self.total;
        if grown < 0.0 {
            return Err("the curve fell below zero");
        }
        Ok(grown.powf(self.factor / self.returns.len() as f64) - 1.0)
    }

    fn sharpe(&self) -> Measured {
        // A constant series has a deviation that is not quite zero.
        if self.sd <= 1e-12 * self.mean.abs() {
            return Err("the returns do not vary");
        }
        Ok(self.mean / self.sd * self.factor.sqrt())
    }

    fn sortino(&self) -> Measured {
        if self.losses.is_empty() {
            return Err("no return is below zero");
        }
        let squares: f64 = self.losses.iter().map(|value| value * value).sum();
        Ok(self.mean / (squares / self.returns.len() as f64).sqrt() * self.factor.sqrt())
    }

    fn deepest(&self) -> f64 {
        self.falls.iter().copied().fold(0.0, f64::min)
    }

    fn var(&self) -> f64 {
        self.mean + NORMAL_5_PERCENT * self.sd
    }

    fn cvar(&self) -> Measured {
        let limit = self.var();
        let worst: Vec<f64> = self.returns.iter().copied().filter(|value| *value < limit).collect();
        stats::mean(&worst).ok_or("no return is below VaR")
    }

    fn wins(&self) -> Measured {
        let moved = self.gains.len() + self.losses.len();
        if moved == 0 {
            return Err("every return is zero");
        }
        Ok(self.gains.len() as f64 / moved as f64)
    }

    fn ulcer(&self) -> f64 {
        let squares: f64 = self.falls.iter().map(|fall| fall * fall).sum();
        (squares / (self.returns.len() - 1) as f64).sqrt()
    }

    fn payoff(&self) -> Measured {
        let loss = stats::mean(&self.losses).ok_or("no return is below zero")?;
        Ok(stats::mean(&self.gains).ok_or("no return is above zero")? / loss.abs())
    }

    fn per_losses(&self, sum: f64) -> Measured {
        let lost: f64 = self.losses.iter().sum();
        if lost == 0.0 { Err("no return is below zero") } else { Ok(sum / lost.abs()) }
    }

    fn per_drawdown(&self, value: f64) -> Measured {
        let deepest = self.deepest();
        if deepest == 0.0 { Err("there was no drawdown") } else { Ok(value / deepest.abs()) }
    }

    fn tail(&self) -> Measured {
        let (low, high) = (quantile(&self.returns, 0.05), quantile(&self.returns, 0.95));
        if low == 0.0 { Err("the 5% quantile is zero") } else { Ok((high / low).abs()) }
    }
}

/// Quantile with linear interpolation; NaN of nothing.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else { return f64::NAN };
    let place = share * last as f64;
    let below = place.floor();
    let (low, high) = (values[below as usize], values[(below as usize + 1).min(last)]);
    low + (high - low) * (place - below)
}
