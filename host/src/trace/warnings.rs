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

/// How many sorts there are.
const SORTS: usize = 7;

/// How far a list of warnings had come: for each sort, how many were told and how many only counted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark([(usize, u64); SORTS]);

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

    /// How far the list has come.
    pub(super) fn mark(&self) -> Mark {
        let mut mark = Mark::default();
        for (sort, told, more) in &self.sorts {
            mark.0[*sort as usize] = (told.len(), *more);
        }
        mark
    }

    /// Takes back what came after the mark.
    pub(super) fn back_to(&mut self, mark: &Mark) {
        for (sort, told, more) in &mut self.sorts {
            let (length, counted) = mark.0[*sort as usize];
            told.truncate(length);
            *more = counted;
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
