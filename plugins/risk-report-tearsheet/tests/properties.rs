//! What holds for every series.

use forensic_plugin_kit::stats::max_drawdown;
use forensic_plugin_kit::time::DAY;
use proptest::prelude::*;
use risk_report_tearsheet::calendar;
use risk_report_tearsheet::drawdowns::{falls, find};
use risk_report_tearsheet::metrics::{METRICS, Series, quantile};

fn value(name: &str, returns: &[f64], factor: f64) -> Option<f64> {
    let metric = METRICS.iter().find(|metric| metric.name == name).expect(name);
    metric.of(&Series::new(returns, factor)?).ok()
}

fn same(left: f64, right: f64) -> bool {
    (left - right).abs() <= 1e-9 * left.abs().max(right.abs()).max(1.0)
}

/// Daily returns of a market, some of them zero.
fn returns() -> impl Strategy<Value = Vec<f64>> {
    proptest::collection::vec(prop_oneof![4 => -0.2..0.2_f64, 1 => Just(0.0)], 2..300)
}

/// Dates that ascend, a few days apart.
fn dates(gaps: &[i64]) -> Vec<i64> {
    let mut at = 1_500_000_000;
    gaps.iter()
        .map(|gap| {
            at += gap * DAY;
            at
        })
        .collect()
}

proptest! {
    #[test]
    fn measures_hang_together(returns in returns(), factor in 1.0..7000.0_f64) {
        let of = |name| value(name, &returns, factor);
        let deepest = of("Max drawdown").expect("there is always one");
        prop_assert!((-1.0..=0.0).contains(&deepest));
        prop_assert!(same(deepest, max_drawdown(&returns)), "as on the tournament's page");
        if let (Some(factor), Some(gain)) = (of("Profit factor (Omega)"), of("Gain/Pain")) {
            prop_assert!(same(factor, gain + 1.0));
        }
        if let (Some(calmar), Some(cagr)) = (of("Calmar"), of("CAGR")) {
            prop_assert!(same(calmar * deepest.abs(), cagr));
        }
        if let (Some(cvar), Some(var)) = (of("CVaR 95"), of("VaR 95")) {
            prop_assert!(cvar <= var);
        }
        if let (Some(payoff), Some(wins), Some(omega)) = (of("Payoff"), of("Win days"), of("Profit factor (Omega)")) {
            prop_assert!(same(payoff * wins / (1.0 - wins), omega));
        }
        prop_assert!(of("Ulcer").expect("always") <= deepest.abs() * 2.0_f64.sqrt() + 1e-12);
    }

    #[test]
    fn the_order_of_days_matters_to_drawdowns_only(returns in returns()) {
        let mut turned = returns.clone();
        turned.reverse();
        for metric in METRICS.iter().filter(|m| !["Max drawdown", "Ulcer", "Calmar", "Recovery"].contains(&m.name)) {
            let (before, after) = (value(metric.name, &returns, 252.0), value(metric.name, &turned, 252.0));
            prop_assert!(before.zip(after).is_none_or(|(before, after)| same(before, after)), "{}", metric.name);
            prop_assert_eq!(before.is_some(), after.is_some());
        }
    }

    #[test]
    fn a_longer_year_scales_by_its_root(returns in returns(), factor in 1.0..400.0_f64) {
        for name in ["Sharpe", "Sortino", "Volatility"] {
            if let (Some(one), Some(four)) = (value(name, &returns, factor), value(name, &returns, 4.0 * factor)) {
                prop_assert!(same(2.0 * one, four));
            }
        }
    }

    #[test]
    fn any_numbers_give_a_value_or_a_reason(
        returns in proptest::collection::vec(proptest::num::f64::NORMAL | proptest::num::f64::ZERO, 0..40)
    ) {
        if let Some(series) = Series::new(&returns, 252.0) {
            for metric in METRICS {
                prop_assert!(metric.of(&series).is_ok_and(f64::is_finite) || metric.of(&series).is_err());
            }
        }
    }

    #[test]
    fn months_make_years_and_years_make_the_total(
        returns in returns(), gaps in proptest::collection::vec(1..40_i64, 300)
    ) {
        let times = dates(&gaps[..returns.len()]);
        let years = calendar::years(&times, &returns);
        prop_assert_eq!(years.iter().map(|year| year.observations).sum::<usize>(), returns.len());
        let grown = |values: &mut dyn Iterator<Item = f64>| values.map(|value| 1.0 + value).product::<f64>();
        for year in &years {
            prop_assert!(same(grown(&mut year.months.iter().copied().flatten()), 1.0 + year.total));
        }
        prop_assert!(years.is_sorted_by_key(|year| year.year));
        prop_assert!(same(grown(&mut years.iter().map(|year| year.total)), grown(&mut returns.iter().copied())));
    }

    #[test]
    fn drawdowns_are_the_runs_below_the_peak(returns in returns(), gaps in proptest::collection::vec(1..5_i64, 300)) {
        let times = dates(&gaps[..returns.len()]);
        let falls = falls(&returns);
        let found = find(&times, &falls);
        let below = |from: i64, to: i64| times.iter().zip(&falls).filter(move |(at, _)| (from..=to).contains(*at));
        let mut counted = 0;
        for one in &found {
            prop_assert!(below(one.start, one.end).all(|(_, fall)| *fall < 0.0));
            prop_assert!((one.start..=one.end).contains(&one.valley));
            prop_assert!(one.days > (one.end - one.start) / DAY);
            prop_assert!(one.without_outliers.is_none_or(|usual| one.deepest < usual && usual < 0.0));
            prop_assert_eq!(one.open, Some(&one.end) == times.last());
            counted += below(one.start, one.end).count();
        }
        prop_assert_eq!(counted, falls.iter().filter(|fall| **fall < 0.0).count());
        prop_assert!(found.windows(2).all(|pair| pair[0].end < pair[1].start));
        let deepest = found.iter().map(|one| one.deepest).fold(0.0, f64::min);
        prop_assert_eq!(Some(deepest), value("Max drawdown", &returns, 252.0));
    }

    #[test]
    fn quantiles_lie_between_the_ends(values in proptest::collection::vec(-1e6..1e6_f64, 1..50), share in 0.0..=1.0_f64) {
        let (low, high) = (quantile(&values, 0.0), quantile(&values, 1.0));
        let found = quantile(&values, share);
        prop_assert!(low <= found && found <= high);
        prop_assert_eq!(low, values.iter().copied().fold(f64::INFINITY, f64::min));
    }
}

// numpy.quantile([0.3, -0.1, 0.2, 0.05], [0.05, 0.5, 0.95])
#[test]
fn quantiles_interpolate() {
    let values = [0.3, -0.1, 0.2, 0.05];
    for (share, expected) in [(0.05, -0.0775), (0.5, 0.125), (0.95, 0.285)] {
        assert!((quantile(&values, share) - expected).abs() < 1e-15, "{share}");
    }
}
