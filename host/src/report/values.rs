//! Cells of plugins' tables and values of their charts as people read them. Plain text: whoever draws it escapes it.

use super::escape::clip;
use crate::plugin::document::{Cell, Column, ColumnFormat, KeyValue, Severity};
use crate::units::{bar, bytes, duration, number};
use std::borrow::Cow;

/// What stands for a value that is unknown or no number.
pub(super) const NOT_AVAILABLE: &str = "N/A";
/// Characters of a cell.
pub(super) const CELL_MAX: usize = 2_000;
/// Characters of a heading, a column's title, a unit, a name in a chart.
pub(super) const TITLE_MAX: usize = 200;

/// How the values of a column are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Format {
    pub(super) format: ColumnFormat,
    decimals: u8,
    signed: bool,
    /// Digits of the second, one choice for the whole column.
    digits: u8,
}

impl Format {
    /// For a column with these cells.
    pub(super) fn of<'a>(column: &Column, cells: impl IntoIterator<Item = &'a Cell>) -> Self {
        let whole = |cell: &Cell| match cell {
            Cell::Integer(ns) => ns % 1_000_000_000 == 0,
            Cell::Number(ns) => ns % 1e9 == 0.0,
            _ => true,
        };
        let time = column.format == ColumnFormat::Time;
        let digits = if time && !cells.into_iter().all(whole) { 3 } else { 0 };
        Self { format: column.format, decimals: column.decimals, signed: column.signed, digits }
    }

    pub(super) fn new(format: ColumnFormat, decimals: u8) -> Self {
        Self { format, decimals, signed: false, digits: 0 }
    }

    /// A cell in plain words, at most [`CELL_MAX`] characters and a mark.
    pub(super) fn write<'c>(&self, value: &'c Cell) -> Cow<'c, str> {
        match value {
            Cell::None => NOT_AVAILABLE.into(),
            Cell::Text(text) => clip(text, CELL_MAX),
            Cell::Status(status) => format!("{} {}", mark(status.severity), clip(&status.text, CELL_MAX)).into(),
            Cell::Number(value) => self.number(*value).into(),
            Cell::Integer(value) => self.amount(*value as f64, Some(*value)).into(),
        }
    }

    pub(super) fn number(&self, value: f64) -> String {
        if value.is_finite() { self.amount(value, None) } else { NOT_AVAILABLE.into() }
    }

    /// `exact`: the same number, where it is whole.
    fn amount(&self, value: f64, exact: Option<i64>) -> String {
        let sign = match (value < 0.0, self.signed && value > 0.0) {
            (true, _) => "-",
            (false, true) => "+",
            (false, false) => "",
        };
        // Saturates, which only matters for amounts that no run has.
        let amount = exact.map_or(value.abs().round() as u64, i64::unsigned_abs);
        match self.format {
            ColumnFormat::Text => exact.map_or_else(|| general(value), |value| value.to_string()),
            ColumnFormat::Number if self.decimals == 0 && exact.is_some() => format!("{sign}{amount}"),
            ColumnFormat::Number => number(value, self.decimals, self.signed),
            ColumnFormat::Percent => format!("{} %", number(value * 100.0, self.decimals, self.signed)),
            ColumnFormat::Duration => format!("{sign}{}", duration(amount)),
            ColumnFormat::Bytes => format!("{sign}{}", bytes(amount)),
            ColumnFormat::Time => {
                let time = exact.map_or(value as i128, i128::from);
                let stamp = jiff::Timestamp::from_nanosecond(time);
                stamp.map_or_else(|_| NOT_AVAILABLE.into(), |stamp| format!("{stamp:.*}", usize::from(self.digits)))
            }
            ColumnFormat::Bar => bar(value, self.decimals),
        }
    }
}

/// The value of a pair, with its unit where it is a number.
pub(super) fn pair(pair: &KeyValue) -> String {
    let format = Format {
        digits: match (pair.format, &pair.value) {
            (ColumnFormat::Time, Cell::Integer(ns)) if ns % 1_000_000_000 != 0 => 3,
            (ColumnFormat::Time, Cell::Number(ns)) if ns % 1e9 != 0.0 => 3,
            _ => 0,
        },
        ..Format::new(pair.format, pair.decimals)
    };
    let value = format.write(&pair.value);
    let is_number = match pair.value {
        Cell::Number(value) => value.is_finite(),
        Cell::Integer(_) => true,
        _ => false,
    };
    if is_number && !pair.unit.trim().is_empty() {
        format!("{value} {}", clip(&pair.unit, TITLE_MAX))
    } else {
        value.into_owned()
    }
}

/// A title with its unit: `Cost (USD)`.
pub(super) fn titled(title: &str, unit: &str) -> String {
    let (title, unit) = (clip(title, TITLE_MAX), clip(unit, TITLE_MAX));
    match (title.trim().is_empty(), unit.trim().is_empty()) {
        (_, true) => title.into_owned(),
        (true, false) => unit.into_owned(),
        (false, false) => format!("{title} ({unit})"),
    }
}

/// A column of text, left or right.
pub(super) fn text_column(title: &str, align_right: bool) -> Column {
    let (format, unit) = (ColumnFormat::Text, String::new());
    Column { title: title.into(), format, decimals: 0, unit, signed: false, align_right }
}

/// Whether [`Format::write`] leaves some of it out.
pub(super) fn is_cut(cell: &Cell) -> bool {
    let text = match cell {
        Cell::Text(text) => text,
        Cell::Status(status) => &status.text,
        _ => return false,
    };
    text.chars().nth(CELL_MAX).is_some()
}

/// The mark of a status: its words say the same.
fn mark(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "✅",
        Severity::Warning => "⚠",
        Severity::Error => "❌",
    }
}

/// A number of unknown meaning: six significant digits at most.
pub(super) fn general(value: f64) -> String {
    if !value.is_finite() {
        return NOT_AVAILABLE.into();
    }
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e15).contains(&size) {
        return format!("{value:.3e}");
    }
    let decimals = if size == 0.0 { 0 } else { (5 - size.log10().floor() as i32).clamp(0, 9) as u8 };
    let text = number(value, decimals, false);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_unknown_meaning() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (-1234.5678, "-1234.57"),
            (0.000_123_456_7, "0.000123457"),
            (1e-9, "1.000e-9"),
            (123_456_789.0, "123456789"),
            (1e20, "1.000e20"),
            (f64::NAN, "N/A"),
        ] {
            assert_eq!(general(value), text);
        }
    }

    #[test]
    fn column_formats() {
        let format = |format, decimals, signed, cell: Cell| {
            let column = Column { format, decimals, signed, ..text_column("", true) };
            Format::of(&column, [&cell]).write(&cell).into_owned()
        };
        use ColumnFormat as F;
        for (written, text) in [
            (format(F::Number, 2, true, Cell::Number(1.005)), "+1.00"),
            (format(F::Number, 0, true, Cell::Integer(i64::MIN)), "-9223372036854775808"),
            (format(F::Number, 2, false, Cell::Number(f64::INFINITY)), "N/A"),
            (format(F::Percent, 1, true, Cell::Number(-0.1234)), "-12.3 %"),
            (format(F::Duration, 0, true, Cell::Integer(1_500_000_000)), "+1.500 s"),
            (format(F::Duration, 0, false, Cell::Number(-2e6)), "-2 ms"),
            (format(F::Bytes, 0, false, Cell::Integer(2048)), "2.0 KiB"),
            (format(F::Time, 0, false, Cell::Integer(0)), "1970-01-01T00:00:00Z"),
            (format(F::Time, 0, false, Cell::Integer(-1_500_000_000)), "1969-12-31T23:59:58.500Z"),
            (format(F::Time, 0, false, Cell::Number(1e300)), "N/A"),
            (format(F::Bar, 0, false, Cell::Number(0.25)), "███░░░░░░░ 25 %"),
            (format(F::Text, 0, false, Cell::Number(0.1)), "0.1"),
            (format(F::Text, 0, false, Cell::None), "N/A"),
        ] {
            assert_eq!(written, text);
        }
    }

    #[test]
    fn units_stand_behind_numbers_and_titles() {
        let written = |value, unit: &str| {
            let (key, unit) = ("k".into(), unit.into());
            pair(&KeyValue { key, value, format: ColumnFormat::Number, decimals: 1, unit })
        };
        assert_eq!(written(Cell::Number(2.0), "bps"), "2.0 bps");
        assert_eq!(written(Cell::Number(2.0), " "), "2.0");
        assert_eq!(written(Cell::Number(f64::NAN), "bps"), "N/A");
        assert_eq!(written(Cell::Text("much".into()), "bps"), "much");
        assert_eq!(titled("Cost", "USD"), "Cost (USD)");
        assert_eq!(titled("", "USD"), "USD");
        assert_eq!(titled("Cost", ""), "Cost");
    }
}
