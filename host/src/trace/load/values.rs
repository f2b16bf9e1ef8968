//! One scalar of a span into a value: times, ids and status words as various writers spell them. Pure functions.

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Time {
    #[default]
    Missing,
    Unusable,
    At(u64),
}

/// Unix nanoseconds from an integer, a decimal number or RFC 3339 text. Times before 1970 are unusable.
pub(super) fn parse_time(text: &str) -> Time {
    let text = text.trim();
    if let Ok(time) = text.parse::<u64>() {
        return Time::At(time);
    }
    // Exact for decimals without an exponent, where a float would be off by up to 128 ns.
    if let Some((whole, fraction)) = text.split_once('.')
        && !fraction.is_empty()
        && fraction.bytes().all(|b| b.is_ascii_digit())
        && let Ok(time) = whole.parse::<u64>()
    {
        return Time::At(time.saturating_add(u64::from(fraction.as_bytes()[0] >= b'5')));
    }
    if let Ok(time) = text.parse::<f64>() {
        return if (0.0..u64::MAX as f64).contains(&time) { Time::At(time.round() as u64) } else { Time::Unusable };
    }
    match text.parse::<jiff::Timestamp>().ok().and_then(|time| u64::try_from(time.as_nanosecond()).ok()) {
        Some(time) => Time::At(time),
        None => Time::Unusable,
    }
}

/// An id from hexadecimal digits, at most 32 of them; no digits are 0. Three ids a span: `from_str_radix` took a
/// tenth of the loading time.
pub(super) fn hexadecimal(digits: &str) -> Option<u128> {
    if digits.len() > 32 {
        return None;
    }
    let half = |digits: &[u8]| {
        digits.iter().try_fold(0u64, |id, digit| {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                b'A'..=b'F' => digit - b'A' + 10,
                _ => return None,
            };
            Some(id << 4 | u64::from(value))
        })
    };
    let (high, low) = digits.as_bytes().split_at(digits.len().saturating_sub(16));
    Some(u128::from(half(high)?) << 64 | u128::from(half(low)?))
}

/// Folds an id that is longer than a span id should be.
pub(super) fn fold(id: u128) -> u64 {
    match id as u64 ^ (id >> 64) as u64 {
        0 => 1,
        id => id,
    }
}

/// Whether a status word means an error; `None` if it is unknown. Knows this format's words, OpenTelemetry's
/// (also as `StatusCode.ERROR`, `STATUS_CODE_ERROR` and numbers) and the six results.
pub(super) fn is_error(word: &str) -> Option<bool> {
    let word = word.rsplit('.').next().unwrap_or(word);
    let word = word.trim().to_ascii_lowercase();
    match word.strip_prefix("status_code_").unwrap_or(&word) {
        "success" | "ok" | "unset" | "" | "0" | "1" | "skip" | "skipped" | "cached" => Some(false),
        "error" | "2" | "failure" | "failed" | "timeout" | "cancellation" | "cancelled" | "canceled" => Some(true),
        _ => None,
    }
}
