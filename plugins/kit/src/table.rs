//! CSV: records of text, and frames of numbers by date.

use crate::order::sorted;
use crate::time;

/// One line of a [`Records`] table.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Line of the file, from 1.
    pub line: u64,
    /// As many fields as there are columns.
    pub fields: Vec<String>,
}

/// A CSV table of texts with a header.
#[derive(Debug, Clone, Default)]
pub struct Records {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The rows that could be read.
    pub rows: Vec<Record>,
    /// What was left out, as sentences.
    pub problems: Vec<String>,
}

impl Records {
    /// Reads CSV text.
    ///
    /// # Errors
    /// A sentence's end, if there is no header.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim_start_matches('\u{feff}');
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
        let mut table = Self::default();
        let mut record = csv::ByteRecord::new();
        let mut wrong = Tally::default();
        loop {
            match reader.read_byte_record(&mut record) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return Err(format!("is not valid CSV: {error}")),
            }
            let line = record.position().map_or(0, csv::Position::line);
            let fields: Vec<String> =
                record.iter().map(|field| String::from_utf8_lossy(field).trim().to_owned()).collect();
            if table.columns.is_empty() {
                table.columns = fields;
            } else if fields.len() == table.columns.len() {
                table.rows.push(Record { line, fields });
            } else {
                wrong.add(line, || format!("{} fields", fields.len()));
            }
        }
        if table.columns.is_empty() {
            return Err("is empty: a header line is expected".into());
        }
        let columns = table.columns.len();
        table
            .problems
            .extend(wrong.sentence(|count| format!("{count} without the header's {columns} fields left out")));
        Ok(table)
    }

    /// Index of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// Indexes of all of `names`.
    ///
    /// # Errors
    /// A sentence's end that names the missing columns.
    pub fn expect<const N: usize>(&self, names: [&str; N]) -> Result<[usize; N], String> {
        let missing: Vec<&str> = names.into_iter().filter(|name| self.column(name).is_none()).collect();
        if missing.is_empty() {
            return Ok(names.map(|name| self.column(name).unwrap_or_default()));
        }
        Err(format!("lacks the columns {}; it has {}", missing.join(", "), self.columns.join(", ")))
    }
}

/// One column of a [`Frame`].
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The column's title.
    pub name: String,
    /// One value a row; NaN is missing.
    pub values: Vec<f64>,
}

/// Numbers by date: the first column of the file is the date, whatever its title; an empty field is missing.
/// Rows ascend and no date is there twice.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    /// Unix seconds of each row.
    pub times: Vec<i64>,
    /// The other columns.
    pub columns: Vec<Series>,
    /// What was left out or put right, as sentences.
    pub problems: Vec<String>,
}

impl Frame {
    /// Reads CSV text.
    ///
    /// # Errors
    /// A sentence's end, if there is no header, no column of numbers or no row with a date.
    pub fn parse(text: &str) -> Result<Self, String> {
        let records = Records::parse(text)?;
        if records.columns.len() < 2 {
            return Err("needs a date column and at least one column of numbers".into());
        }
        let mut problems = records.problems;
        let (mut undated, mut odd) = (Tally::default(), Tally::default());
        let mut rows: Vec<(i64, Vec<f64>)> = Vec::with_capacity(records.rows.len());
        for record in &records.rows {
            let Some(time) = time::parse(&record.fields[0]) else {
                undated.add(record.line, || format!("{:?}", record.fields[0]));
                continue;
            };
            let numbers = record.fields[1..].iter().map(|field| {
                number(field).unwrap_or_else(|| {
                    odd.add(record.line, || format!("{field:?}"));
                    f64::NAN
                })
            });
            rows.push((time, numbers.collect()));
        }
        problems.extend(undated.sentence(|count| format!("{count} whose first field is no ISO 8601 date left out")));
        problems
            .extend(odd.sentence(|count| format!("{count} with a field that is no finite number: read as missing")));
        if rows.is_empty() {
            return Err("has no rows with a date".into());
        }
        if !rows.is_sorted_by_key(|row| row.0) {
            problems.push("rows were not in the order of their dates: sorted".into());
            rows = sorted(rows, |left, right| left.0.cmp(&right.0));
        }
        let before = rows.len();
        rows.reverse();
        rows.dedup_by_key(|row| row.0);
        rows.reverse();
        if rows.len() < before {
            problems.push(format!("{} rows repeat a date: the last one counts", before - rows.len()));
        }
        let mut columns: Vec<Series> = Vec::new();
        for (at, name) in records.columns.iter().enumerate().skip(1) {
            if columns.iter().any(|column| column.name == *name) {
                problems.push(format!("column {name:?} is there twice: the first one counts"));
                continue;
            }
            columns.push(Series { name: name.clone(), values: rows.iter().map(|row| row.1[at - 1]).collect() });
        }
        Ok(Self { times: rows.iter().map(|row| row.0).collect(), columns, problems })
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Values of a column, NaN where missing.
    pub fn column(&self, name: &str) -> Option<&[f64]> {
        self.columns.iter().find(|column| column.name == name).map(|column| column.values.as_slice())
    }

    /// How many values are missing.
    pub fn missing(&self) -> usize {
        self.columns.iter().map(|column| column.values.iter().filter(|value| value.is_nan()).count()).sum()
    }
}

/// A field as a number: NaN if it says that there is none, `None` if it is none or not finite.
pub fn number(field: &str) -> Option<f64> {
    let field = field.trim();
    if field.is_empty() || ["nan", "na", "n/a", "null", "none", "nat"].contains(&field.to_ascii_lowercase().as_str()) {
        return Some(f64::NAN);
    }
    field.parse::<f64>().ok().filter(|number| number.is_finite())
}

/// Counts lines with the same trouble and remembers the first.
#[derive(Debug, Default)]
pub struct Tally {
    count: usize,
    first: Option<(u64, String)>,
}

impl Tally {
    /// Counts a line; `what` is asked for the first only.
    pub fn add(&mut self, line: u64, what: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.is_none() {
            self.first = Some((line, what()));
        }
    }

    /// How many there were.
    pub fn count(&self) -> usize {
        self.count
    }

    /// `text("3 lines")` and the first one; `None` if there were none.
    pub fn sentence(&self, text: impl FnOnce(&str) -> String) -> Option<String> {
        self.first.as_ref()?;
        let text = text(&crate::sections::count(self.count, "line"));
        Some(self.with_first(text))
    }

    #[inline(never)]
    fn with_first(&self, mut text: String) -> String {
        if let Some((line, what)) = &self.first {
            text.push_str(&format!(" (the first: line {line}, {what})"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_frame_is_sorted_and_says_what_it_left_out() {
        let frame = Frame::parse(
            "date,a,\"b,c\"\n2024-01-03,1,\n2024-01-02,0.5,x\nnever,1,1\n2024-01-03,2,nan\n2024-01-04,1\n",
        )
        .unwrap();
        assert_eq!(frame.times.len(), 2);
        assert_eq!(frame.column("a"), Some(&[0.5, 2.0][..]));
        assert!(frame.column("b,c").unwrap().iter().all(|value| value.is_nan()));
        assert_eq!(frame.missing(), 2);
        let all = frame.problems.join("; ");
        for part in ["header's 3 fields", "line 4, \"never\"", "line 3, \"x\"", "sorted", "1 rows repeat a date"] {
            assert!(all.contains(part), "{part}: {all}");
        }
    }

    #[test]
    fn what_is_no_frame_says_why() {
        assert!(Frame::parse("").unwrap_err().contains("empty"));
        assert!(Frame::parse("date\n").unwrap_err().contains("at least one column"));
        assert!(Frame::parse("date,a\n").unwrap_err().contains("no rows"));
        assert!(Records::parse("a,b\n").unwrap().expect(["a", "c"]).unwrap_err().contains("columns c; it has a, b"));
    }

    #[test]
    fn quoted_fields_keep_quotes_and_commas() {
        let records = Records::parse("w,m\n1,\"{\"\"a\"\": 1, \"\"b\"\": 2}\"\n").unwrap();
        assert_eq!(records.rows[0].fields[1], r#"{"a": 1, "b": 2}"#);
        assert_eq!(records.rows[0].line, 2);
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "[date,0-9\\-\"\n.x]{0,200}") {
            let _ = Frame::parse(&text);
        }
    }
}
