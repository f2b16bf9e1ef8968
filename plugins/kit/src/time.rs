//! Dates without a clock: reading ISO 8601 and writing UTC.

/// Seconds of a day.
pub const DAY: i64 = 86_400;

/// Reads `2024-01-31`, `2024-01-31T12:30:00`, with a blank instead of `T`, a fraction (cut off), and `Z` or an
/// offset such as `+02:00`; without one it is UTC. Unix seconds.
pub fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    let (date, clock) = match text.split_at_checked(10)? {
        (date, "") => (date, ""),
        (date, rest) => (date, rest.strip_prefix(['T', 't', ' '])?),
    };
    let mut parts = date.split('-');
    let (year, month, day) = (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=month_length(year, month)).contains(&day) {
        return None;
    }
    let start = days_from_civil(year, month, day) * DAY;
    if clock.is_empty() {
        return (text.len() == 10).then_some(start);
    }
    let (clock, offset) = split_offset(clock)?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut parts = clock.split(':');
    let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let second = parts.next().map_or(Some(0), |part| digits(part, 2))?;
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(start + hour * 3600 + minute * 60 + second - offset)
}

/// Clock without zone, and the zone's offset in seconds.
fn split_offset(clock: &str) -> Option<(&str, i64)> {
    if let Some(clock) = clock.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let Some(at) = clock.find(['+', '-']) else { return Some((clock, 0)) };
    let sign = if clock[at..].starts_with('-') { -1 } else { 1 };
    let zone = &clock[at + 1..];
    let (hours, minutes) = match zone.split_once(':') {
        Some(pair) => pair,
        None if zone.len() == 2 => (zone, "00"),
        None => zone.split_at_checked(2)?,
    };
    Some((&clock[..at], sign * (digits(hours, 2)? * 3600 + digits(minutes, 2)? * 60)))
}

fn digits(text: &str, count: usize) -> Option<i64> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

fn month_length(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date of the Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of Unix seconds.
pub fn civil(seconds: i64) -> (i64, i64, i64) {
    let days = seconds.div_euclid(DAY) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days - era * 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let (day, month) = (day_of_year - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Whether Unix seconds fall on a Saturday or Sunday, in UTC.
pub fn is_weekend(seconds: i64) -> bool {
    // 1970-01-01 was a Thursday.
    matches!((seconds.div_euclid(DAY) + 3).rem_euclid(7), 5 | 6)
}

/// `2024-01-31`.
pub fn date(seconds: i64) -> String {
    let (year, month, day) = civil(seconds);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `2024-01-31`, with ` 12:30` behind it unless it is midnight.
pub fn date_time(seconds: i64) -> String {
    let of_day = seconds.rem_euclid(DAY);
    match of_day {
        0 => date(seconds),
        _ => format!("{} {:02}:{:02}", date(seconds), of_day / 3600, of_day / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_iso_8601() {
        assert_eq!(parse("1970-01-01"), Some(0));
        assert_eq!(parse("2024-02-29"), Some(1_709_164_800));
        assert_eq!(parse("2024-02-29T12:30:15Z"), Some(1_709_164_800 + 45_015));
        assert_eq!(parse("2024-02-29 12:30:15.250+02:00"), Some(1_709_164_800 + 45_015 - 7200));
        assert_eq!(parse("2024-02-29T12:30-0530"), Some(1_709_164_800 + 45_000 + 19_800));
        for bad in
            ["", "2023-02-29", "2024-13-01", "29.02.2024", "2024-02-29T", "2024-02-29T25:00", "2024-2-9", "ääääää"]
        {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn knows_weekends() {
        assert_eq!(date(1_709_164_800), "2024-02-29");
        let saturday = parse("2024-03-02").unwrap();
        assert!(is_weekend(saturday) && is_weekend(saturday + DAY) && is_weekend(saturday + DAY - 1));
        assert!(!is_weekend(saturday - 1) && !is_weekend(saturday + 2 * DAY));
        assert_eq!(date_time(saturday + 3660), "2024-03-02 01:01");
    }

    proptest! {
        #[test]
        fn writing_then_reading_changes_nothing(day in -200_000_i64..2_000_000) {
            prop_assert_eq!(parse(&date(day * DAY)), Some(day * DAY));
        }
        #[test]
        fn reading_never_panics(text in "\\PC{0,30}") {
            let _ = parse(&text);
        }
    }
}
