//! What one call owns: its limits, its space, its log. It is dropped after the call, whatever happened.

use wasmtime::ResourceLimiter;
use wasmtime::component::ResourceTable;

use super::inputs::Inputs;
use super::logbook::Logbook;
use super::meter::{Exceeded, Meter};
use super::telemetry::Recorder;
use super::wasi::Wasi;
use crate::limits::{Limit, Limits};

/// Handles that a guest may hold at once, beside those of its spans.
pub(super) const HANDLES_MAX: usize = 1_000;

/// The data of a store.
#[derive(Debug)]
pub(super) struct State {
    pub(super) inputs: Inputs,
    pub(super) meter: Meter,
    pub(super) space: Space,
    pub(super) log: Logbook,
    pub(super) spans: Recorder,
    pub(super) table: ResourceTable,
    pub(super) wasi: Wasi,
}

impl State {
    /// `digest`: of the component.
    pub(super) fn new(inputs: Inputs, digest: &str, limits: &Limits) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES_MAX + limits.size(Limit::Spans));
        Self {
            wasi: Wasi::new(&inputs, digest),
            inputs,
            meter: Meter::new(limits),
            space: Space::new(limits),
            log: Logbook::new(limits),
            spans: Recorder::new(limits),
            table,
        }
    }

    /// The guest is done, one way or another: what it printed without an end is logged, too.
    pub(super) fn finish_output(&mut self) {
        self.wasi.output.finish(&mut self.log);
    }
}

/// Counts what the guest's memories and tables take, all together: `wasmtime`'s own limits hold for each alone.
#[derive(Debug)]
pub(super) struct Space {
    memory: Sum,
    table: Sum,
    instances: usize,
    memories: usize,
    tables: usize,
    /// The last wish that was refused: the guest sees a failed `memory.grow` and usually gives up soon after.
    pub(super) refused: Option<Exceeded>,
}

/// A sum with a limit and a high-water mark.
#[derive(Debug)]
struct Sum {
    limit: Limit,
    max: u64,
    now: u64,
    peak: u64,
    /// What was granted last, in case that it is not taken.
    granted: u64,
}

impl Sum {
    fn new(limit: Limit, limits: &Limits) -> Self {
        Self { limit, max: limits.get(limit), now: 0, peak: 0, granted: 0 }
    }

    fn grow(&mut self, current: usize, desired: usize) -> Result<(), Exceeded> {
        let more = desired.saturating_sub(current) as u64;
        let asked = self.now.saturating_add(more);
        if asked > self.max {
            self.granted = 0;
            return Err(Exceeded { limit: self.limit, asked: Some(asked) });
        }
        (self.now, self.granted) = (asked, more);
        self.peak = self.peak.max(asked);
        Ok(())
    }

    fn take_back(&mut self) {
        self.now -= std::mem::take(&mut self.granted);
    }
}

impl Space {
    fn new(limits: &Limits) -> Self {
        Self {
            memory: Sum::new(Limit::Memory, limits),
            table: Sum::new(Limit::TableElements, limits),
            instances: limits.size(Limit::Instances),
            memories: limits.size(Limit::Memories),
            tables: limits.size(Limit::Tables),
            refused: None,
        }
    }

    /// The most that all memories took together.
    pub(super) fn peak_memory(&self) -> u64 {
        self.memory.peak
    }

    fn remember(&mut self, grown: Result<(), Exceeded>) -> bool {
        if let Err(refused) = grown {
            self.refused = Some(refused);
        }
        grown.is_ok()
    }
}

impl ResourceLimiter for Space {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let grown = self.memory.grow(current, desired);
        Ok(self.remember(grown))
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory.take_back();
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let grown = self.table.grow(current, desired);
        Ok(self.remember(grown))
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.table.take_back();
        Ok(())
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.tables
    }

    fn memories(&self) -> usize {
        self.memories
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_limited_together() {
        let mut space = Space::new(&Limits::default());
        assert!(space.memory_growing(0, 40 << 20, None).unwrap());
        assert!(space.memory_growing(0, 20 << 20, None).unwrap());
        assert!(!space.memory_growing(20 << 20, 30 << 20, None).unwrap());
        assert_eq!(space.refused, Some(Exceeded { limit: Limit::Memory, asked: Some(70 << 20) }));
        assert_eq!(space.peak_memory(), 60 << 20);
    }

    #[test]
    fn growth_that_fails_is_taken_back_once() {
        let mut space = Space::new(&Limits::default());
        let failed = || wasmtime::Error::msg("no memory");
        assert!(space.memory_growing(0, 40 << 20, None).unwrap());
        assert!(space.memory_growing(40 << 20, 60 << 20, None).unwrap());
        space.memory_grow_failed(failed()).unwrap();
        space.memory_grow_failed(failed()).unwrap();
        assert!(!space.memory_growing(40 << 20, 65 << 20, None).unwrap());
        // A refusal is reported as a failure too, and takes nothing back.
        space.memory_grow_failed(failed()).unwrap();
        assert!(space.memory_growing(40 << 20, 64 << 20, None).unwrap());
        assert!(!space.table_growing(0, 20_001, None).unwrap());
        assert_eq!(space.refused, Some(Exceeded { limit: Limit::TableElements, asked: Some(20_001) }));
    }
}
