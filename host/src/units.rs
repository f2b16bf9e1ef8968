//! Numbers as people read them: computed in nanoseconds and bytes, rounded once, here, each with its unit.

/// What stands where nothing is known or a ratio is undefined.
pub(crate) const NONE: &str = "–";

const MS: u64 = 1_000_000;
const SEC: u64 = 1_000 * MS;

/// A time span: to the millisecond below 10 s, to a tenth of a second above: `412 µs`, `500 ms`, `4.000 s`, `30.3 s`,
/// `2 h 5 min 0.1 s`.
pub(crate) fn duration(ns: u64) -> String {
    if ns == 0 {
        return "0 ms".into();
    }
    if ns < 1_000 {
        return format!("{ns} ns");
    }
    if div_round(ns, 1_000) < 1_000 {
        return format!("{} µs", div_round(ns, 1_000));
    }
    let ms = div_round(ns, MS);
    if ms < 1_000 {
        return format!("{ms} ms");
    }
    if ms < 10_000 {
        return format!("{}.{:03} s", ms / 1_000, ms % 1_000);
    }
    let tenths = div_round(ns, SEC / 10);
    let (minutes, tenths) = (tenths / 600, tenths % 600);
    let seconds = format!("{}.{} s", tenths / 10, tenths % 10);
    let (hours, minutes) = (minutes / 60, minutes % 60);
    match (hours / 24, hours % 24) {
        (0, 0) if minutes == 0 => seconds,
        (0, 0) => format!("{minutes} min {seconds}"),
        (0, hours) => format!("{hours} h {minutes} min {seconds}"),
        (days, hours) => format!("{days} d {hours} h {minutes} min {seconds}"),
    }
}

/// A change of a time span: `+4.100 s`, `-500 ms`, `0 ms`.
pub(crate) fn signed_duration(from: u64, to: u64) -> String {
    match to.cmp(&from) {
        std::cmp::Ordering::Equal => duration(0),
        std::cmp::Ordering::Greater => format!("+{}", duration(to - from)),
        std::cmp::Ordering::Less => format!("-{}", duration(from - to)),
    }
}

/// A time span that may be missing.
pub(crate) fn maybe_duration(ns: Option<u64>) -> String {
    ns.map_or_else(|| NONE.into(), duration)
}

/// `1.29×`
pub(crate) fn ratio(value: Option<f64>) -> String {
    value.filter(|v| v.is_finite()).map_or_else(|| NONE.into(), |v| format!("{}×", number(v, 2, false)))
}

/// `64.5 %` of a fraction.
pub(crate) fn percent(value: Option<f64>) -> String {
    value.filter(|v| v.is_finite()).map_or_else(|| NONE.into(), |v| format!("{} %", number(v * 100.0, 1, false)))
}

/// `64.5 %` of two amounts.
pub(crate) fn share(part: u64, whole: u64) -> String {
    percent((whole > 0).then(|| part as f64 / whole as f64))
}

/// `+15.7 %`, the change of an amount.
pub(crate) fn change(from: u64, to: u64) -> String {
    if from == 0 {
        return NONE.into();
    }
    format!("{} %", number((to as f64 - from as f64) / from as f64 * 100.0, 1, true))
}

/// `512 B`, `12.4 MiB`, `812 MiB`.
pub(crate) fn bytes(value: u64) -> String {
    if value < 1024 {
        return format!("{value} B");
    }
    let mut scaled = value as f64;
    for unit in ["KiB", "MiB", "GiB", "TiB", "PiB"] {
        scaled /= 1024.0;
        let text = if scaled < 99.95 { format!("{scaled:.1}") } else { format!("{scaled:.0}") };
        if scaled < 1023.5 {
            return format!("{text} {unit}");
        }
    }
    format!("{:.1} EiB", scaled / 1024.0)
}

/// A number with `decimals` digits; very large ones as `1.5e20`. No negative zero.
pub(crate) fn number(value: f64, decimals: u8, signed: bool) -> String {
    let decimals = usize::from(decimals.min(15));
    let text =
        if value.abs() >= 1e15 { format!("{value:.*e}", decimals.min(6)) } else { format!("{value:.decimals$}") };
    let digits = text.strip_prefix('-').unwrap_or(&text);
    let zero = digits.bytes().all(|b| matches!(b, b'0' | b'.'));
    match (zero, signed && value > 0.0) {
        (true, _) => digits.into(),
        (false, true) => format!("+{text}"),
        (false, false) => text,
    }
}

/// A bar of ten blocks and the number: `███████░░░ 65 %`. Outside 0 to 1 the bar is full or empty, the number true.
pub(crate) fn bar(value: f64, decimals: u8) -> String {
    let full = (value.clamp(0.0, 1.0) * 10.0).round() as usize;
    format!("{}{} {} %", "█".repeat(full), "░".repeat(10 - full), number(value * 100.0, decimals, false))
}

/// A time, UTC, to the millisecond.
pub(crate) fn time(ns: u64) -> String {
    crate::clock::utc(ns, 3)
}

/// `1 stage`, `2 stages`.
pub(crate) fn count(n: usize, word: &str) -> String {
    if n == 1 { format!("1 {word}") } else { format!("{} {word}s", integer(n as u64)) }
}

/// A count with thousands parted: `1,234,567`.
pub(crate) fn integer(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn div_round(value: u64, by: u64) -> u64 {
    value / by + u64::from(value % by >= by.div_ceil(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The dashboard writes numbers in the same words: `tests/browser/unit/format.test.mjs` reads the same cases.
    #[test]
    fn numbers_read_the_same_on_both_sides() {
        let cases: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/browser/unit/format.json")).unwrap();
        let written = |kind: &str, value: &serde_json::Value| match kind {
            "duration" => maybe_duration(value.as_u64()),
            "bytes" => value.as_u64().map_or_else(|| NONE.to_owned(), bytes),
            "percent" => percent(value.as_f64()),
            "integer" => integer(value.as_u64().unwrap()),
            other => panic!("no such kind: {other}"),
        };
        for (kind, pairs) in cases.as_object().unwrap() {
            for pair in pairs.as_array().unwrap() {
                assert_eq!(written(kind, &pair[0]), pair[1], "{kind} of {}", pair[0]);
            }
        }
    }

    #[test]
    fn durations() {
        for (ns, text) in [
            (0, "0 ms"),
            (999, "999 ns"),
            (999_499, "999 µs"),
            (999_500, "1 ms"),
            (500 * MS, "500 ms"),
            (999_500_000, "1.000 s"),
            (4 * SEC, "4.000 s"),
            (9_999_499_999, "9.999 s"),
            (9_999_500_000, "10.0 s"),
            (30_250 * MS, "30.3 s"),
            (59_950 * MS, "1 min 0.0 s"),
            (7_530_100 * MS, "2 h 5 min 30.1 s"),
            (90_000 * SEC, "1 d 1 h 0 min 0.0 s"),
            (u64::MAX, "213503 d 23 h 34 min 33.7 s"),
        ] {
            assert_eq!(duration(ns), text);
        }
        assert_eq!(signed_duration(SEC, SEC / 2), "-500 ms");
        assert_eq!(signed_duration(0, SEC), "+1.000 s");
    }

    #[test]
    fn amounts() {
        for (value, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (102_348, "99.9 KiB"),
            (102_400, "100 KiB"),
            (1_048_575, "1.0 MiB"),
            (851_443_712, "812 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(bytes(value), text, "{value}");
        }
        assert_eq!(integer(1_234_567), "1,234,567");
        assert_eq!(count(1, "stage"), "1 stage");
    }

    #[test]
    fn numbers() {
        assert_eq!(number(-0.001, 2, true), "0.00");
        assert_eq!(number(1.005, 1, true), "+1.0");
        assert_eq!(number(-2.5, 1, true), "-2.5");
        assert_eq!(number(1.5e20, 2, false), "1.50e20");
        assert_eq!(ratio(Some(39.0 / 30.25)), "1.29×");
        assert_eq!(ratio(Some(f64::NAN)), "–");
        assert_eq!(percent(Some(0.6446)), "64.5 %");
        assert_eq!(change(26, 30), "+15.4 %");
        assert_eq!(bar(0.65, 0), "███████░░░ 65 %");
        assert_eq!(bar(-3.0, 1), "░░░░░░░░░░ -300.0 %");
        assert_eq!(time(1_790_000_000_250_000_000), "2026-09-21T14:13:20.250Z");
    }
}
