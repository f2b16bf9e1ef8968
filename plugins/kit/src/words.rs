//! How names, ids and time stamps of the artifacts are written.

use forensic_guest_sdk::{Cell, ColumnFormat, KeyValue};

use crate::time;

/// `min_variance` as `Min Variance`.
pub fn title_case(name: &str) -> String {
    let mut start = true;
    let mut out = String::with_capacity(name.len());
    for letter in name.chars().map(|letter| if letter == '_' { ' ' } else { letter }) {
        if start {
            out.extend(letter.to_uppercase());
        } else {
            out.extend(letter.to_lowercase());
        }
        start = !letter.is_alphabetic();
    }
    out
}

/// Sorting by this puts whole numbers first, in their order, then other ids as text.
pub fn id_order(id: &str) -> (bool, i64, &str) {
    let number = id.trim().parse::<i64>();
    (number.is_err(), number.unwrap_or_default(), id)
}

/// `7` as `Cluster 7`; other labels as they are.
pub fn cluster_label(id: &str) -> String {
    if id_order(id).0 { id.to_owned() } else { format!("Cluster {}", id.trim()) }
}

/// A time stamp of a file as a value in UTC; the key says so where the file names no time zone. A text that is no
/// time stamp stays as it is.
pub fn timestamp(key: &str, text: Option<&str>) -> KeyValue {
    let Some(text) = text else { return KeyValue::text(key, Cell::None) };
    let Some(nanoseconds) = time::parse(text).and_then(|seconds| seconds.checked_mul(1_000_000_000)) else {
        return KeyValue::text(key, text);
    };
    let zone = text.trim().get(10..).is_some_and(|rest| rest.contains(['Z', 'z', '+', '-']));
    let key = if zone { format!("{key} (UTC)") } else { format!("{key} (no time zone in the file, taken as UTC)") };
    KeyValue { key, value: nanoseconds.into(), format: ColumnFormat::Time, decimals: 0, unit: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ids() {
        assert_eq!(title_case("min_variance"), "Min Variance");
        assert_eq!(title_case("HRP2x_ew"), "Hrp2X Ew");
        let mut ids = ["10", "x", "2", "-1", ""];
        ids.sort_by_key(|id| id_order(id));
        assert_eq!(ids, ["-1", "2", "10", "", "x"]);
        assert_eq!((cluster_label("3"), cluster_label("Cluster 3")), ("Cluster 3".into(), "Cluster 3".into()));
    }

    #[test]
    fn time_stamps_are_utc() {
        let value = |text| timestamp("At", Some(text)).value;
        assert_eq!(value("1970-01-01T02:00:00+02:00"), Cell::Integer(0));
        assert_eq!(value("1970-01-01T00:00:01Z"), Cell::Integer(1_000_000_000));
        assert_eq!(timestamp("At", Some("1970-01-01 00:00:00")).key, "At (no time zone in the file, taken as UTC)");
        assert_eq!(value("yesterday"), Cell::Text("yesterday".into()));
        assert_eq!(value("9999-12-31"), Cell::Text("9999-12-31".into()));
        assert_eq!(timestamp("At", None).value, Cell::None);
    }
}
