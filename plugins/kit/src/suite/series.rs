//! Return series of the entries: where they are, by an index that keeps the three names apart, and what they did.

use forensic_guest_sdk::Severity;

use crate::stats::{Annualization, Performance};
use crate::{Inputs, Notes, inputs, json, order};

/// Folder of the series below the sleeve's.
const FOLDER: &str = "returns";
/// The index in it.
const INDEX: &str = "index.json";
/// Parts of names that only crypto pairs have.
const STABLE: [&str; 2] = ["USDT", "USDC"];

/// A series that was found.
pub(super) struct Series {
    id: String,
}

impl Series {
    pub(super) fn into_id(self) -> String {
        self.id
    }
}

/// All series of a sleeve.
pub(super) struct Store<'f, 'h> {
    files: &'f Inputs<'h>,
    dir: String,
    /// File by simulator, engine and profile.
    index: Vec<([String; 3], String)>,
    /// One for the whole report: as configured, or by the first series.
    annualization: Option<Annualization>,
}

impl<'f, 'h> Store<'f, 'h> {
    /// Reads the index: a list, or `{"series": [{"simulator", "engine", "profile", "file" or "name"}]}`. Without one, only names that can be put together from the three parts are looked for;
    /// a name is never taken apart.
    pub(super) fn open(files: &'f Inputs<'h>, dir: &str, periods: Option<f64>, notes: &mut Notes) -> Self {
        let annualization = periods.map(|factor| Annualization { factor, reason: "set in the config" });
        let mut this = Self { files, dir: dir.to_owned(), index: Vec::new(), annualization };
        let id = inputs::join(dir, &format!("{FOLDER}/{INDEX}"));
        let parsed = match files.json(&id) {
            Ok(parsed) => parsed.value,
            Err(error) => {
                let sentence = format!("{}; return series are found by their file names only", error.explain());
                notes.add(Severity::Info, sentence, "");
                return this;
            }
        };
        let list = parsed.as_array().map_or_else(|| json::list(&parsed, "series"), Vec::as_slice);
        if list.is_empty() {
            notes.warn(format!("{id} lists no series"), "");
        }
        for (at, item) in list.iter().enumerate() {
            let text = |key: &str| json::text(item, key).map(str::to_owned);
            let names = (|| Some([text("simulator")?, text("engine")?, text("profile")?]))();
            let file = text("file").or_else(|| text("name").map(|name| format!("{FOLDER}/{name}.csv")));
            match names.zip(file) {
                Some((names, file)) => *order::entry(&mut this.index, names) = file,
                None => {
                    notes.warn(format!("Entries of {id} without simulator, engine, profile or file"), at.to_string())
                }
            }
        }
        this
    }

    /// The file that the index names.
    fn listed(&self, names: &[String; 3]) -> Option<&str> {
        self.index.iter().find(|(listed, _)| listed == names).map(|(_, file)| file.as_str())
    }

    /// The series of an entry, if there is one and it was granted.
    pub(super) fn find(&self, names: &[String; 3]) -> Option<Series> {
        let [simulator, engine, profile] = names;
        let candidates = match self.listed(names) {
            Some(file) => vec![file.to_owned(), format!("{FOLDER}/{file}")],
            None if !self.index.is_empty() => Vec::new(),
            None => vec![
                format!("{FOLDER}/{simulator}_{engine}_{profile}.csv"),
                format!("{FOLDER}/{engine}_{simulator}_{profile}.csv"),
            ],
        };
        let id = candidates.iter().map(|file| inputs::join(&self.dir, file)).find(|id| self.files.has(id))?;
        Some(Series { id })
    }

    /// File of an entry's series as the index names it, granted or not.
    pub(super) fn named(&self, names: &[String; 3]) -> Option<String> {
        let listed = self.listed(names).map(|file| inputs::join(&self.dir, file));
        listed.or_else(|| self.find(names).map(Series::into_id))
    }

    /// What a series did; `None` if it can't be used.
    pub(super) fn performance(&mut self, series: &Series, notes: &mut Notes) -> Option<Performance> {
        let frame = match self.files.frame(&series.id) {
            Ok(frame) => frame,
            Err(error) => {
                notes.warn("Series that can't be used", error.explain());
                return None;
            }
        };
        for problem in &frame.problems {
            notes.warn(problem.clone(), &series.id);
        }
        let column =
            frame.column("returns").or_else(|| frame.columns.first().map(|column| column.values.as_slice()))?;
        let own = annualization(&frame.times, &series.id);
        let shared = *self.annualization.get_or_insert(own);
        if own.factor != shared.factor && shared.reason != "set in the config" {
            notes.warn(
                format!("Series with other dates than the {} periods a year of the first", shared.factor),
                &series.id,
            );
        }
        Performance::of(column, shared.factor)
    }

    /// The factor, for the reader; `None` if nothing was annualized here.
    pub(super) fn annualization(&self) -> Option<Annualization> {
        self.annualization
    }
}

fn annualization(times: &[i64], name: &str) -> Annualization {
    let by_dates = Annualization::of(times);
    if by_dates == Annualization::DAILY && times.len() > 1 && STABLE.iter().any(|part| name.contains(part)) {
        return Annualization { factor: 365.0, reason: "a crypto pair (USDT, USDC)" };
    }
    by_dates
}
