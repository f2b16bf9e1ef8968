//! The formulas against numbers from numpy 2.4, and properties.
//!
//! Recipe of the literals (`f` is the annualization factor):
//! ```python
//! def series(n, scale, drift, seed):            # a linear congruential generator, the same as below
//!     x, out = seed, []
//!     for _ in range(n):
//!         x = (x * 1103515245 + 12345) % 2**31
//!         out.append((x / 2**31 - 0.5) * scale + drift)
//!     return out
//! def perf(r, f):
//!     r = np.asarray(r); win = (r > 0).mean(); r = np.clip(r, -0.9999, 10); n = len(r)
//!     total = np.prod(1 + r) - 1; sd = r.std(ddof=1); vol = sd * np.sqrt(f)
//!     ann, sh = ((1 + total)**(f / n) - 1, r.mean() / sd * np.sqrt(f)) if n >= 30 else (r.mean() * f, r.mean() * f / (vol + 1e-9))
//!     curve = np.concatenate([[1.0], np.cumprod(1 + r)]); dd = (curve / np.maximum.accumulate(curve) - 1).min()
//!     sh = min(max(sh, -4), 5); sh = min(-5, sh) if total <= -0.95 else sh
//!     return total, np.clip(ann, -0.9999, 5), np.clip(vol, 0, 5), sh, dd, win
//! # correlation: np.corrcoef and np.cov over the rows where both are known
//! ```

use forensic_plugin_kit::stats::{
    Annualization, Performance, covariance, effective_number, max_drawdown, pearson, weighted_sum,
};
use forensic_plugin_kit::time;
use proptest::prelude::*;

fn series(count: usize, scale: f64, drift: f64, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = (state * 1_103_515_245 + 12_345) % (1 << 31);
        (state as f64 / (1_u64 << 31) as f64 - 0.5) * scale + drift
    };
    (0..count).map(|_| next()).collect()
}

fn close(left: f64, right: f64) {
    assert!((left - right).abs() <= 1e-9 * right.abs().max(1.0), "{left} is not {right}");
}

#[test]
fn performance_agrees_with_numpy() {
    // count, scale, drift, factor; total, annual return, volatility, Sharpe, drawdown, win rate
    let cases = [
        (
            (260, 0.03, 0.0004, 252.0),
            [
                0.07346849966719904,
                0.07112940434492776,
                0.13852696504240739,
                0.5650663479835837,
                -0.07161009015399178,
                0.5192307692307693,
            ],
        ),
        (
            (20, 0.03, 0.002, 365.0),
            [0.05077837144887609, 0.9214675067481587, 0.1860677162590546, 4.952323381627972, -0.02487409427794085, 0.5],
        ),
        (
            (100, 0.004, -0.0001, 6048.0),
            [-0.007343375404945118, -0.35966645148852194, 0.09171830555835514, -4.0, -0.014595647380774679, 0.49],
        ),
        (
            (60, 0.3, -0.06, 252.0),
            [-0.9844222703959271, -0.9999, 1.4122931489109818, -5.0, -0.9844222703959271, 0.2833333333333333],
        ),
        ((40, 0.02, 0.05, 252.0), [6.1805539713037385, 5.0, 0.09686187233912809, 5.0, 0.0, 1.0]),
    ];
    for ((count, scale, drift, factor), [total, annual, volatility, sharpe, drawdown, win_rate]) in cases {
        let performance = Performance::of(&series(count, scale, drift, 7), factor).unwrap();
        close(performance.total, total);
        close(performance.annual_return.value, annual);
        close(performance.volatility.unwrap().value, volatility);
        close(performance.sharpe.unwrap().value, sharpe);
        close(performance.max_drawdown, drawdown);
        close(performance.win_rate, win_rate);
    }
}

#[test]
fn clipped_values_are_marked() {
    let boom = Performance::of(&series(40, 0.02, 0.05, 7), 252.0).unwrap();
    let parts = boom.clipped().join("; ");
    assert!(parts.contains("Sharpe clipped from") && parts.contains("annual return clipped from"), "{parts}");
    let ruin = Performance::of(&series(60, 0.3, -0.06, 7), 252.0).unwrap();
    assert!(ruin.clipped()[0].starts_with("Sharpe clipped from"));
    let calm = Performance::of(&series(260, 0.03, 0.0004, 7), 252.0).unwrap();
    assert!(calm.clipped().is_empty());
    let days = Performance::of(&[20.0, -2.0, 0.1], 252.0).unwrap();
    assert_eq!(days.clipped_days, 2);
}

#[test]
fn what_is_undefined_is_none() {
    assert_eq!(Performance::of(&[], 252.0), None);
    assert_eq!(Performance::of(&[f64::NAN], 252.0), None);
    let one = Performance::of(&[0.01], 252.0).unwrap();
    assert_eq!((one.volatility, one.sharpe), (None, None));
    assert_eq!(Performance::of(&[0.001; 50], 252.0).unwrap().sharpe, None);
    assert_eq!(pearson(&[1.0, 1.0, 1.0], &[1.0, 2.0, 3.0]), None);
    assert_eq!(pearson(&[1.0, f64::NAN], &[1.0, 2.0]), None);
    assert_eq!(effective_number(&[0.0]), None);
}

#[test]
fn correlation_is_pairwise_complete() {
    let (mut left, noise) = (series(50, 0.02, 0.0, 1), series(50, 0.02, 0.0, 2));
    let mut right: Vec<f64> = left.iter().zip(&noise).map(|(l, n)| l * 0.5 + n).collect();
    left[3] = f64::NAN;
    right[10] = f64::NAN;
    close(pearson(&left, &right).unwrap(), 0.3969986189429384);
    assert!((covariance(&left, &right).unwrap() - 1.440575026023333e-05).abs() < 1e-15);
}

#[test]
fn the_factor_follows_the_dates() {
    let times = |texts: &[&str]| texts.iter().map(|text| time::parse(text).unwrap()).collect::<Vec<_>>();
    // A Friday and a Monday; a Saturday; two hours of a Saturday; too few rows.
    assert_eq!(Annualization::of(&times(&["2024-03-01", "2024-03-04"])).factor, 252.0);
    assert_eq!(Annualization::of(&times(&["2024-03-01", "2024-03-02"])).factor, 365.0);
    assert_eq!(Annualization::of(&times(&["2024-03-02 10:00", "2024-03-02 11:00"])).factor, 6048.0);
    assert_eq!(Annualization::of(&times(&["2024-03-02"])).factor, 252.0);
}

proptest! {
    #[test]
    fn bounds_hold(returns in prop::collection::vec(-1.5..12.0_f64, 1..80), factor in prop::sample::select(vec![252.0, 365.0, 6048.0])) {
        let performance = Performance::of(&returns, factor).unwrap();
        prop_assert!((-0.9999..=5.0).contains(&performance.annual_return.value));
        prop_assert!((-1.0..=0.0).contains(&performance.max_drawdown));
        prop_assert!((0.0..=1.0).contains(&performance.win_rate));
        if let Some(sharpe) = performance.sharpe {
            prop_assert!((-5.0..=5.0).contains(&sharpe.value));
        }
        prop_assert!(performance.volatility.is_none_or(|volatility| (0.0..=5.0).contains(&volatility.value)));
        prop_assert!(performance.max_drawdown <= (performance.total.min(0.0)) + 1e-9);
    }

    #[test]
    fn correlation_is_symmetric_and_bounded(rows in prop::collection::vec((-1.0..1.0_f64, -1.0..1.0_f64), 2..50)) {
        let (left, right): (Vec<f64>, Vec<f64>) = rows.into_iter().unzip();
        prop_assert_eq!(pearson(&left, &right), pearson(&right, &left));
        if let Some(itself) = pearson(&left, &left) {
            prop_assert!((itself - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn equal_weights_count_themselves(count in 1_usize..50) {
        let weights = vec![1.0 / count as f64; count];
        prop_assert!((effective_number(&weights).unwrap() - count as f64).abs() < 1e-9);
        let column = vec![0.5, f64::NAN];
        let columns: Vec<(f64, &[f64])> = weights.iter().map(|weight| (*weight, column.as_slice())).collect();
        let sums = weighted_sum(&columns, 2);
        prop_assert!((sums[0] - 0.5).abs() < 1e-12 && sums[1] == 0.0);
    }

    #[test]
    fn a_rising_curve_never_falls(returns in prop::collection::vec(0.0..1.0_f64, 0..40)) {
        prop_assert_eq!(max_drawdown(&returns), 0.0);
    }
}
