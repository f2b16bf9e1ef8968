//! The imports. Each one counts itself, takes what it needs from the inputs, and counts what it hands out; none
//! waits for anything, none changes anything.

use wasmtime::Result;

use super::bindings::artifacts::{self, ArtifactError};
use super::bindings::log::{self, Level};
use super::bindings::trace::{
    self, HealthMetrics, RunSummary, SpanPage, SpanQuery, SpanTimes, StageSummary, TraceError,
};
use super::bindings::types;
use super::meter::cost;
use super::store::State;
use super::view::Weight;

impl State {
    /// Counts an answer, or ends the call.
    fn give<T>(&mut self, answer: T, weight: u64) -> Result<T> {
        self.meter.hand_out(weight)?;
        Ok(answer)
    }
}

impl types::Host for State {}

impl trace::Host for State {
    fn run(&mut self) -> Result<Result<RunSummary, TraceError>> {
        self.meter.call()?;
        let run = self.inputs.trace.run();
        let weight = run.as_ref().map_or(0, Weight::weight);
        self.give(run, weight)
    }

    fn health(&mut self) -> Result<Result<HealthMetrics, TraceError>> {
        self.meter.call()?;
        let health = self.inputs.trace.health();
        let weight = health.as_ref().map_or(0, Weight::weight);
        self.give(health, weight)
    }

    fn stages(&mut self, offset: u32, max: u32) -> Result<Vec<StageSummary>> {
        self.meter.call()?;
        let stages = self.inputs.trace.stages(offset, max);
        let weight = stages.weight();
        self.give(stages, weight)
    }

    fn spans(&mut self, query: SpanQuery, cursor: u64, max: u32) -> Result<SpanPage> {
        self.meter.call()?;
        let (page, seen) = self.inputs.trace.spans(&query, cursor, max);
        self.meter.work(seen, cost::SPAN);
        let weight = page.spans.weight();
        self.give(page, weight)
    }

    fn times(&mut self, query: SpanQuery, cursor: u64, max: u32) -> Result<SpanTimes> {
        self.meter.call()?;
        let (times, seen) = self.inputs.trace.times(&query, cursor, max);
        self.meter.work(seen, cost::SPAN);
        let weight = times.weight();
        self.give(times, weight)
    }

    fn history(&mut self, max: u32) -> Result<Vec<RunSummary>> {
        self.meter.call()?;
        let history = self.inputs.trace.history(max);
        let weight = history.weight();
        self.give(history, weight)
    }
}

impl artifacts::Host for State {
    fn list(&mut self) -> Result<Vec<artifacts::Artifact>> {
        self.meter.call()?;
        let weight = self.inputs.artifacts.iter().map(Weight::weight).sum();
        self.meter.hand_out(weight)?;
        let list = self.inputs.artifacts.iter().map(|artifact| artifacts::Artifact {
            id: artifact.id.clone(),
            size: artifact.size,
            sha256: artifact.sha256.clone(),
        });
        Ok(list.collect())
    }

    fn read(&mut self, id: String, offset: u64, len: u32) -> Result<Result<Vec<u8>, ArtifactError>> {
        self.meter.call()?;
        self.meter.work(1, cost::FILE);
        let bytes = match self.inputs.artifacts.read(&id, offset, len) {
            None => Err(ArtifactError::NotGranted),
            Some(bytes) => bytes.map_err(ArtifactError::Failed),
        };
        let weight = bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        self.give(bytes, weight)
    }
}

impl log::Host for State {
    fn log(&mut self, level: Level, text: String) -> Result<()> {
        self.meter.call()?;
        self.meter.take_in(text.len());
        self.log.push(level, &text);
        Ok(())
    }
}
