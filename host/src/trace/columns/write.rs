//! The tables as JSON, each column on one line where the text around it has lines. Written for `serde_json` alone.

use super::{Attempts, Chain, Columns, Log, Spans, Stages};
use serde::ser::{Error as _, SerializeMap};
use serde::{Serialize, Serializer};
use serde_json::value::to_raw_value;

/// A column that is always there.
fn always<M: SerializeMap, T: Serialize>(map: &mut M, key: &'static str, column: &[T]) -> Result<(), M::Error> {
    let column = to_raw_value(column).map_err(M::Error::custom)?;
    map.serialize_entry(key, &column)
}

/// A column that is left out where nothing in it is known.
fn known<M: SerializeMap, T: Serialize>(map: &mut M, key: &'static str, column: &[Option<T>]) -> Result<(), M::Error> {
    if column.iter().all(Option::is_none) { Ok(()) } else { always(map, key, column) }
}

/// A column of flags, left out where none is set.
fn flags<M: SerializeMap>(map: &mut M, key: &'static str, column: &[bool]) -> Result<(), M::Error> {
    if !column.contains(&true) {
        return Ok(());
    }
    always(map, key, &column.iter().map(|flag| u8::from(*flag)).collect::<Vec<_>>())
}

/// A column of amounts of which most are zero.
fn amounts<M: SerializeMap>(map: &mut M, key: &'static str, column: &[u64]) -> Result<(), M::Error> {
    if column.iter().all(|amount| *amount == 0) { Ok(()) } else { always(map, key, column) }
}

fn logs<M: SerializeMap>(map: &mut M, key: &'static str, column: &[Log]) -> Result<(), M::Error> {
    if column.iter().all(|log| *log == Log::None) { Ok(()) } else { always(map, key, column) }
}

/// Columns in their order in the file, each with how it is written.
macro_rules! table {
    ($table:ident: $($how:ident $column:ident,)*) => {
        impl Serialize for $table {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                $($how(&mut map, stringify!($column), &self.$column)?;)*
                map.end()
            }
        }
    };
}

table! { Stages:
    always id, always result, always start_ns, always end_ns, known ready_ns, known needs, known cost_ns, known queue_ns,
    known slack_ns, known drag_ns, flags critical, flags cached, known saved_ns, flags inferred, known cpu_ns,
    known peak_memory_bytes, known exit_code, known error, known group, known member_of, flags allow_failure,
    known skip_reason, known cached_from, known waited_for_pool, known child_run, known typical_ns, known change,
}

table! { Attempts:
    always stage, always number, always result, always start_ns, always end_ns, known ready_ns, amounts backoff_ns,
    known exit_code, known signal, known error, known cpu_user_ns, known cpu_system_ns, known peak_memory_bytes,
    known tree_peak_memory_bytes, known io_read_bytes, known io_written_bytes, flags oom, known waited_for_pool,
    known submitted_ns, known worker, known node, flags inferred, logs stdout, logs stderr,
}

table! { Chain: always class, always stage, always attempt, always start_ns, always end_ns, }

table! { Spans:
    always names, always name, always attempt, always parent, always start_ns, always duration_ns, flags error,
}

impl Serialize for Log {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_none(),
            Self::Usual => serializer.serialize_u8(1),
            Self::At(path) => serializer.serialize_str(path),
        }
    }
}

impl Serialize for Columns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("start_time", &self.start_time)?;
        map.serialize_entry("wall_ns", &self.wall_ns)?;
        map.serialize_entry("slots", &self.slots)?;
        map.serialize_entry("cores", &self.cores)?;
        if self.inferred {
            map.serialize_entry("inferred", &true)?;
        }
        map.serialize_entry("stages", &self.stages)?;
        map.serialize_entry("attempts", &self.attempts)?;
        if !self.chain.class.is_empty() {
            map.serialize_entry("chain", &self.chain)?;
        }
        if !self.spans.is_empty() {
            map.serialize_entry("spans", &self.spans)?;
        }
        if self.spans_left_out > 0 {
            map.serialize_entry("spans_left_out", &self.spans_left_out)?;
        }
        if !self.tails.is_empty() {
            let tails: Result<Vec<_>, _> = self.tails.iter().map(to_raw_value).collect();
            map.serialize_entry("tails", &tails.map_err(S::Error::custom)?)?;
        }
        map.end()
    }
}
