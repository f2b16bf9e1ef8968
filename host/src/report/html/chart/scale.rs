//! Axes: a range with round ticks, whatever the values are.

use crate::plugin::document::ColumnFormat;
use crate::units::{bytes, duration, integer, number};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// Larger values are drawn at this end: beyond, differences overflow.
const MOST: f64 = 1e300;
/// Smaller differences, against the values, are rounding errors.
const FLAT: f64 = 1e-12;
/// Ticks of an axis at most, whatever rounding does.
const TICKS_MAX: usize = 20;

/// A range of values with its ticks.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    low: f64,
    high: f64,
    /// Value and what is written beside it.
    pub(crate) ticks: Vec<(f64, String)>,
    /// What the ticks leave unsaid: `2026-01-01, UTC`; empty for numbers and names.
    pub(super) about: String,
}

impl Axis {
    /// Where a finite value stands, from 0 to 1.
    pub(crate) fn at(&self, value: f64) -> f64 {
        ((value.clamp(-MOST, MOST) - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// Values with round ends.
    pub(crate) fn rounded(low: f64, high: f64, format: ColumnFormat) -> Self {
        let (low, high) = widened(low, high);
        let step = step(high - low, format);
        let (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
        Self { low, high, ticks: ticks(low, high, step, format), about: String::new() }
    }

    /// Numbers from the first to the last.
    pub(super) fn exact(low: f64, high: f64) -> Self {
        let (low, high) = widened(low, high);
        let format = ColumnFormat::Number;
        Self { low, high, ticks: ticks(low, high, step(high - low, format), format), about: String::new() }
    }

    /// Unix nanoseconds, with round times in UTC.
    pub(super) fn times(low: f64, high: f64) -> Self {
        let (low, high) = widened(low, high);
        match time_ticks(low, high) {
            Some((ticks, about)) => Self { low, high, ticks, about },
            None => Self::exact(low, high),
        }
    }

    /// Names at whole numbers.
    pub(crate) fn labels(low: f64, high: f64, name: impl Fn(f64) -> String) -> Self {
        let (low, high) = widened(low, high);
        let step = ((high - low) / 6.0).ceil().max(1.0);
        let first = low.ceil();
        let places = (0..TICKS_MAX).map(|i| first + i as f64 * step).take_while(|place| *place <= high);
        Self { low, high, ticks: places.map(|place| (place, name(place))).collect(), about: String::new() }
    }
}

/// A range that has a size.
fn widened(low: f64, high: f64) -> (f64, f64) {
    let (low, high) = (low.clamp(-MOST, MOST), high.clamp(-MOST, MOST));
    let size = low.abs().max(high.abs());
    if high - low > size * FLAT && high - low > 1e-290 {
        (low, high)
    } else if size < 1e-280 {
        (-1.0, 1.0)
    } else {
        (low - size / 10.0, high + size / 10.0)
    }
}

/// The distance of about five ticks: 1, 2 or 5 times a power of ten, of two for bytes, and as clocks go for long times.
fn step(range: f64, format: ColumnFormat) -> f64 {
    const MINUTES: [f64; 11] = [15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 21_600.0];
    let wanted = range / 5.0;
    match format {
        ColumnFormat::Bytes if wanted > 1.0 => 2f64.powf(wanted.log2().ceil()),
        ColumnFormat::Duration if wanted > 10e9 && wanted <= 21_600e9 => {
            MINUTES.iter().map(|s| s * 1e9).find(|step| *step >= wanted).unwrap_or(wanted)
        }
        _ => {
            let power = 10f64.powf(wanted.log10().floor());
            let times = [1.0, 2.0, 5.0].into_iter().find(|times| times * power >= wanted * 0.999);
            times.unwrap_or(10.0) * power
        }
    }
}

fn ticks(low: f64, high: f64, step: f64, format: ColumnFormat) -> Vec<(f64, String)> {
    let first = (low / step - 1e-9).ceil();
    let places = (0..TICKS_MAX).map(|i| (first + i as f64) * step);
    places.take_while(|place| *place <= high + step * 1e-6).map(|place| (place, write(place, step, format))).collect()
}

/// A round number, as short as it can be.
fn write(value: f64, step: f64, format: ColumnFormat) -> String {
    let sign = if value < 0.0 { "-" } else { "" };
    let short = |text: String| match text.split_once(' ') {
        Some((digits, unit)) if digits.contains('.') => {
            format!("{sign}{} {unit}", digits.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => format!("{sign}{text}"),
    };
    let amount = value.abs().round() as u64;
    match format {
        ColumnFormat::Duration if amount >= 60_000_000_000 => {
            let text = duration(amount);
            format!("{sign}{}", text.trim_end_matches(" 0.0 s").trim_end_matches(" 0 min"))
        }
        ColumnFormat::Duration => short(duration(amount)),
        ColumnFormat::Bytes => short(bytes(amount)),
        ColumnFormat::Percent => format!("{} %", number(value * 100.0, decimals(step * 100.0), false)),
        _ if value == 0.0 => "0".into(),
        _ if (1e4..1e15).contains(&value.abs()) && step >= 1.0 => format!("{sign}{}", integer(amount)),
        _ if value.abs() >= 1e15 || step < 1e-9 => format!("{value:.2e}"),
        _ => number(value, decimals(step), false),
    }
}

fn decimals(step: f64) -> u8 {
    (-(step * 1.001).log10().floor()).clamp(0.0, 12.0) as u8
}

/// `None` where the calendar ends.
fn time_ticks(low: f64, high: f64) -> Option<(Vec<(f64, String)>, String)> {
    const SEC: f64 = 1e9;
    const DAY: f64 = 86_400.0 * SEC;
    const STEPS: [f64; 17] = [
        1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 10_800.0,
        21_600.0, 43_200.0,
    ];
    let at = |ns: f64| Timestamp::from_nanosecond(ns as i128).ok().map(|at| at.to_zoned(TimeZone::UTC));
    let (from, to) = (at(low)?, at(high)?);
    let wanted = (high - low) / 5.0;
    if wanted > 20.0 * DAY {
        return Some((months(&from, &to, wanted / (30.4 * DAY)), "UTC".into()));
    }
    let step = if wanted < SEC {
        step(wanted * 5.0, ColumnFormat::Number).max(1.0)
    } else {
        let days = [1.0, 2.0, 7.0, 14.0, 28.0].map(|days| days * DAY);
        STEPS.map(|s| s * SEC).into_iter().chain(days).find(|step| *step >= wanted)?
    };
    let digits = decimals(step / SEC).min(9);
    // Whole numbers: a time in nanoseconds has more digits than a float.
    let first = (low / step).ceil() as i128;
    let places = (0..TICKS_MAX as i128).map(|i| (first + i) * step as i128).take_while(|place| *place as f64 <= high);
    let same_day = from.date() == to.date();
    let about = match step {
        _ if step >= DAY => "UTC".into(),
        _ if same_day => format!("{}, UTC", from.date()),
        // Hours come with month and day.
        _ if step >= 60.0 * SEC => format!("{}, UTC", from.year()),
        _ => format!("{} to {}, UTC", from.date(), to.date()),
    };
    let ticks = places
        .map(|place| {
            let at = Timestamp::from_nanosecond(place).ok()?.to_zoned(TimeZone::UTC);
            let place = place as f64;
            let time = match step {
                _ if step >= DAY => at.strftime("%Y-%m-%d").to_string(),
                _ if step >= 60.0 * SEC && same_day => at.strftime("%H:%M").to_string(),
                _ if step >= 60.0 * SEC => at.strftime("%m-%d %H:%M").to_string(),
                _ if step >= SEC => at.strftime("%H:%M:%S").to_string(),
                _ => {
                    let fraction = format!("{:09}", at.subsec_nanosecond());
                    format!("{}.{}", at.strftime("%M:%S"), &fraction[..usize::from(digits)])
                }
            };
            Some((place, time))
        })
        .collect::<Option<Vec<_>>>()?;
    Some((ticks, about))
}

/// The first days of every so many months, or years.
fn months(from: &Zoned, to: &Zoned, wanted: f64) -> Vec<(f64, String)> {
    let step = match wanted {
        ..=1.0 => 1,
        ..=3.0 => 3,
        ..=6.0 => 6,
        _ => {
            let years = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000];
            12 * years.into_iter().find(|years| f64::from(*years) * 12.0 >= wanted).unwrap_or(5_000)
        }
    };
    let months = |at: &Zoned| i32::from(at.year()) * 12 + i32::from(at.month()) - 1;
    let first = (months(from) + i32::from(from.day() > 1)).div_euclid(step) * step;
    let place = |month: i32| {
        let (year, month) = (i16::try_from(month.div_euclid(12)).ok()?, month.rem_euclid(12) as i8 + 1);
        let at = Date::new(year, month, 1).ok()?.to_zoned(TimeZone::UTC).ok()?;
        let label = if step < 12 { at.strftime("%Y-%m") } else { at.strftime("%Y") }.to_string();
        let ns = at.timestamp().as_nanosecond() as f64;
        (at >= *from && at <= *to).then_some((ns, label))
    };
    (0..2 * TICKS_MAX as i32).filter_map(|i| place(first + i * step)).take(TICKS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn ticks_are_round() {
        use ColumnFormat as F;
        let rounded = |low, high, format| labels(&Axis::rounded(low, high, format)).join(" | ");
        assert_eq!(rounded(95.0, 108.25, F::Number), "95 | 100 | 105 | 110");
        assert_eq!(rounded(-0.031, 0.012, F::Percent), "-4 % | -3 % | -2 % | -1 % | 0 % | 1 % | 2 %");
        assert_eq!(rounded(0.0, 4.2e9, F::Duration), "0 ms | 1 s | 2 s | 3 s | 4 s | 5 s");
        assert_eq!(rounded(0.0, 400e9, F::Duration), "0 ms | 2 min | 4 min | 6 min | 8 min");
        assert_eq!(rounded(0.0, 3e6, F::Bytes), "0 B | 1 MiB | 2 MiB | 3 MiB");
        assert_eq!(rounded(0.0, 2e6, F::Number), "0 | 500,000 | 1,000,000 | 1,500,000 | 2,000,000");
        assert_eq!(labels(&Axis::exact(0.0, 7.0)), ["0", "2", "4", "6"]);
        assert_eq!(labels(&Axis::labels(0.0, 1.0, |at| format!("n{at}"))), ["n0", "n1"]);
    }

    #[test]
    fn times_are_round() {
        let start = 1_767_225_600e9; // 2026-01-01
        let times = |low: f64, high: f64| labels(&Axis::times(start + low * 1e9, start + high * 1e9)).join(" | ");
        assert_eq!(times(1.0, 27.0), "00:00:10 | 00:00:20");
        assert_eq!(times(0.0, 7_200.0), "00:00 | 00:30 | 01:00 | 01:30 | 02:00");
        assert_eq!(
            times(-3_600.0, 12.0 * 3_600.0),
            "01-01 00:00 | 01-01 03:00 | 01-01 06:00 | 01-01 09:00 | 01-01 12:00"
        );
        assert_eq!(times(0.0, 86_400.0 * 4.0), "2026-01-01 | 2026-01-02 | 2026-01-03 | 2026-01-04 | 2026-01-05");
        assert_eq!(times(0.0, 86_400.0 * 400.0), "2026-01 | 2026-04 | 2026-07 | 2026-10 | 2027-01");
        assert_eq!(times(0.0, 86_400.0 * 3_000.0), "2026 | 2028 | 2030 | 2032 | 2034");
        assert_eq!(times(0.0, 0.004), "00:00.000 | 00:00.001 | 00:00.002 | 00:00.003 | 00:00.004");
        assert!(!Axis::times(1e200, 2e200).ticks.is_empty());
        assert_eq!(Axis::times(start, start + 60e9).about, "2026-01-01, UTC");
    }

    proptest! {
        #[test]
        fn any_range_has_an_axis(a in any::<f64>(), b in any::<f64>(), format in 0..4) {
            prop_assume!(a.is_finite() && b.is_finite());
            use ColumnFormat as F;
            let format = [F::Number, F::Percent, F::Duration, F::Bytes][format as usize];
            let (low, high) = (a.min(b), a.max(b));
            for axis in [Axis::rounded(low, high, format), Axis::exact(low, high), Axis::times(low, high)] {
                prop_assert!(axis.ticks.len() <= TICKS_MAX);
                for value in [low, high] {
                    let at = axis.at(value);
                    prop_assert!((0.0..=1.0).contains(&at), "{value} at {at} of {axis:?}");
                }
                prop_assert!(axis.ticks.iter().all(|(place, _)| place.is_finite()));
            }
        }
    }
}
