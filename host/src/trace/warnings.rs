//! What was odd about a file, in words for a person, bounded however odd the file is.

/// How many warnings of one sort are told in full; the rest are counted.
const TOLD_PER_SORT: usize = 10;

/// Sorts of warnings; they are told in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sort {
    /// The file is cut or not closed.
    Cut,
    /// A span was left out.
    Skipped,
    /// A span was there twice.
    Duplicate,
    /// A time was missing or impossible.
    Time,
    /// A value was repaired.
    Repaired,
    /// Parents form a circle.
    Parents,
    /// The run and its stages do not fit together.
    Model,
}

/// A bounded list of warnings.
#[derive(Clone, Debug, Default)]
pub(super) struct Warnings {
    sorts: Vec<(Sort, Vec<String>, u64)>,
}

impl Warnings {
    /// Notes a warning. `text` is only made if it will be told.
    pub(super) fn push(&mut self, sort: Sort, text: impl FnOnce() -> String) {
        let index = match self.sorts.binary_search_by_key(&sort, |entry| entry.0) {
            Ok(index) => index,
            Err(index) => {
                self.sorts.insert(index, (sort, Vec::new(), 0));
                index
            }
        };
        let (_, told, more) = &mut self.sorts[index];
        if told.len() < TOLD_PER_SORT {
            told.push(text());
        } else {
            *more += 1;
        }
    }

    /// All warnings, worst sorts first, each sort closed by "and N more like it" where some were only counted.
    pub(super) fn texts(&self) -> Vec<String> {
        let mut texts = Vec::new();
        for (_, told, more) in &self.sorts {
            texts.extend(told.iter().cloned());
            if *more > 0 {
                texts.push(format!("and {more} more like it"));
            }
        }
        texts
    }
}
