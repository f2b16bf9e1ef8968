//! Durations and sizes as people write them. Pure functions: text in, number or advice out.

use std::time::Duration;

/// Why a text is no duration or no size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadUnit {
    /// What is wrong with it, without the text itself.
    pub(crate) problem: String,
    /// What to write instead.
    pub(crate) advice: Option<String>,
}

impl BadUnit {
    fn new(problem: impl Into<String>, advice: Option<String>) -> Self {
        Self { problem: problem.into(), advice }
    }
}

/// Units of fixed length, as accepted in durations.
const DURATION_UNITS: &str = "ms, s, m, h, d";

/// Reads `250ms`, `10m`, `1h 30m`, `1.5s`.
///
/// Months and years are refused although `humantime` knows them: they have no fixed length, and `M` is nearly always
/// a mistyped `m`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, BadUnit> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(BadUnit::new("it is empty", None));
    }
    if trimmed.bytes().all(|b| b.is_ascii_digit()) {
        return Err(BadUnit::new("it has no unit", Some(format!("did you mean `{trimmed}s`?"))));
    }
    for unit in trimmed.split(|c: char| !c.is_alphabetic()).filter(|unit| !unit.is_empty()) {
        if matches!(unit, "M" | "y" | "yr" | "yrs") || unit.starts_with("month") || unit.starts_with("year") {
            let advice = if unit == "M" { "`m` stands for minutes" } else { "write it in days (`d`)" };
            return Err(BadUnit::new(format!("`{unit}` has no fixed length"), Some(advice.to_owned())));
        }
    }
    humantime::parse_duration(trimmed).map_err(|error| match error {
        humantime::DurationError::UnknownUnit { unit, value, .. } if unit.is_empty() => {
            BadUnit::new(format!("`{value}` has no unit"), Some(format!("use one of {DURATION_UNITS}")))
        }
        humantime::DurationError::UnknownUnit { unit, value, .. } => {
            let lower = unit.to_lowercase();
            let known = ["ms", "s", "m", "h", "d", "us", "ns", "min", "sec"].contains(&lower.as_str());
            let advice =
                if known { format!("did you mean `{value}{lower}`?") } else { format!("use one of {DURATION_UNITS}") };
            BadUnit::new(format!("`{unit}` is no unit of time"), Some(advice))
        }
        humantime::DurationError::NumberOverflow => BadUnit::new("it is too long or too precise", None),
        _ => BadUnit::new(
            "it is no number with a unit",
            Some(format!("write a number and one of {DURATION_UNITS}, such as `10m` or `1h 30m`")),
        ),
    })
}

const SIZE_UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Reads `64MiB`, `1.5 GiB`, `100kB`, `4096B` as bytes. `64M` is refused: it means two things.
pub(crate) fn parse_size(text: &str) -> Result<u64, BadUnit> {
    let trimmed = text.trim();
    let split = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(split);
    let unit = unit.trim_start();
    let number = number.replace('_', "");
    if number.is_empty() {
        let problem = if trimmed.is_empty() { "it is empty" } else { "it doesn't start with a number" };
        return Err(BadUnit::new(problem, Some("write a number and a unit, such as `64MiB`".to_owned())));
    }
    if unit.is_empty() {
        return Err(BadUnit::new("it has no unit", Some(format!("write `{number}MiB`, or `{number}B` for bytes"))));
    }
    let Some((_, factor)) = SIZE_UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)) else {
        let letter = unit.chars().next().map(|c| c.to_ascii_uppercase());
        let advice = match letter {
            Some(letter @ ('K' | 'M' | 'G' | 'T')) => format!("did you mean `{number}{letter}iB`?"),
            _ => "use one of B, KiB, MiB, GiB, TiB, kB, MB, GB, TB".to_owned(),
        };
        return Err(BadUnit::new(format!("`{}` is no unit of size", super::words::clip(unit)), Some(advice)));
    };
    decimal_times(&number, *factor).ok_or_else(|| {
        BadUnit::new(format!("`{}` {unit} is no whole number of bytes within range", super::words::clip(&number)), None)
    })
}

/// `number` (digits, at most one point) times `factor`, where that is whole and fits.
fn decimal_times(number: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.len() > 12 || fraction.contains('.') {
        return None;
    }
    let scale = 10u128.pow(u32::try_from(fraction.len()).ok()?);
    let parts = whole.parse::<u64>().ok()? as u128 * scale + fraction.parse::<u128>().ok()?;
    let scaled = parts.checked_mul(u128::from(factor))?;
    if scaled % scale != 0 {
        return None;
    }
    u64::try_from(scaled / scale).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, millis) in [("250ms", 250), ("10m", 600_000), ("1h 30m", 5_400_000), (" 1.5s ", 1_500), ("0s", 0)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn bad_durations_come_with_advice() {
        for (text, problem, advice) in [
            ("", "it is empty", None),
            ("10", "it has no unit", Some("did you mean `10s`?")),
            ("1M", "`M` has no fixed length", Some("`m` stands for minutes")),
            ("10S", "`S` is no unit of time", Some("did you mean `10s`?")),
            ("10 parsecs", "`parsecs` is no unit of time", Some("use one of ms, s, m, h, d")),
            (
                "-5s",
                "it is no number with a unit",
                Some("write a number and one of ms, s, m, h, d, such as `10m` or `1h 30m`"),
            ),
            ("99999999999999999999s", "it is too long or too precise", None),
        ] {
            let bad = parse_duration(text).unwrap_err();
            assert_eq!((bad.problem.as_str(), bad.advice.as_deref()), (problem, advice), "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("64MiB", 64 << 20),
            ("1.5 GiB", 3 << 29),
            ("100kB", 100_000),
            ("4096b", 4096),
            ("1_000 B", 1000),
            ("0B", 0),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn bad_sizes_come_with_advice() {
        for (text, problem, advice) in [
            ("64M", "`M` is no unit of size", Some("did you mean `64MiB`?")),
            ("64", "it has no unit", Some("write `64MiB`, or `64B` for bytes")),
            ("MiB", "it doesn't start with a number", Some("write a number and a unit, such as `64MiB`")),
            ("1.5B", "`1.5` B is no whole number of bytes within range", None),
            ("99999999999TiB", "`99999999999` TiB is no whole number of bytes within range", None),
            ("1..5MiB", "`1..5` MiB is no whole number of bytes within range", None),
        ] {
            let bad = parse_size(text).unwrap_err();
            assert_eq!((bad.problem.as_str(), bad.advice.as_deref()), (problem, advice), "{text}");
        }
    }
}
