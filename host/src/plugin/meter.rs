//! What a call asks of the host: counted against its limits, and paid for in fuel.
//!
//! Fuel alone would only count what the guest computes, and a guest that lets the host work would end by the clock,
//! at another point on every machine. So every host call costs fuel, too, by a table that depends on nothing but the
//! call and its answer. The costs stand in [`cost`]; one unit is meant to be what one instruction of a guest costs.

use std::fmt;

use wasmtime::{CallHook, Result, StoreContextMut};

use super::store::State;
use crate::limits::{Limit, Limits};

/// The cost table. `docs/plugins.md` has it for authors.
pub(super) mod cost {
    /// Every call of a host function.
    pub(crate) const CALL: u64 = 1_000;
    /// A byte that the host hands out, or takes: text, attributes, random numbers.
    pub(crate) const BYTE: u64 = 4;
    /// A span that a query looks at, whether it passes or not.
    pub(crate) const SPAN: u64 = 50;
    /// Opening a granted file, once a `read`.
    pub(crate) const FILE: u64 = 50_000;
    /// One of the handles that a `poll` waits for.
    pub(crate) const POLLABLE: u64 = 200;
    /// A page that `memory.grow` asks for: clearing it is work that no instruction pays for.
    pub(crate) const PAGE: u8 = 255;
}

/// A limit that a plugin hit; a host function returns it to end the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exceeded {
    pub(super) limit: Limit,
    /// What it would have taken, in the base of the limit's unit.
    pub(super) asked: Option<u64>,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "limit `{}` exceeded", self.limit)
    }
}

impl std::error::Error for Exceeded {}

/// Counts host calls and what they hand out.
#[derive(Debug)]
pub(super) struct Meter {
    pub(super) calls: u64,
    pub(super) bytes: u64,
    calls_max: u64,
    bytes_max: u64,
    /// Fuel that the running host call costs; paid when it returns.
    due: u64,
    /// What was hit where no error could be returned; the call ends when it returns.
    hit: Option<Exceeded>,
}

impl Meter {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            calls: 0,
            bytes: 0,
            calls_max: limits.get(Limit::HostCalls),
            bytes_max: limits.get(Limit::ReadBytes),
            due: 0,
            hit: None,
        }
    }

    /// One more host call. Every import starts with it.
    pub(super) fn call(&mut self) -> Result<(), Exceeded> {
        if self.calls >= self.calls_max {
            return Err(Exceeded { limit: Limit::HostCalls, asked: None });
        }
        self.calls += 1;
        self.work(1, cost::CALL);
        Ok(())
    }

    /// The same, for imports whose code is not ours.
    pub(super) fn enter(&mut self) {
        if let Err(exceeded) = self.call() {
            self.hit = Some(exceeded);
        }
    }

    /// Bytes that a host call is about to hand out.
    pub(super) fn hand_out(&mut self, bytes: u64) -> Result<(), Exceeded> {
        let asked = self.bytes.saturating_add(bytes);
        if asked > self.bytes_max {
            return Err(Exceeded { limit: Limit::ReadBytes, asked: Some(asked) });
        }
        self.bytes = asked;
        self.work(bytes, cost::BYTE);
        Ok(())
    }

    /// Bytes that the guest has handed in.
    pub(super) fn take_in(&mut self, bytes: usize) {
        self.work(bytes as u64, cost::BYTE);
    }

    /// Work of the host that costs `each` so many times.
    pub(super) fn work(&mut self, times: u64, each: u64) {
        self.due = self.due.saturating_add(times.saturating_mul(each));
    }
}

/// Takes the fuel for a host call from the store, when the call returns to the guest.
pub(super) fn settle(mut store: StoreContextMut<'_, State>, hook: CallHook) -> Result<()> {
    if !matches!(hook, CallHook::ReturningFromHost) {
        return Ok(());
    }
    let meter = &mut store.data_mut().meter;
    let (due, hit) = (std::mem::take(&mut meter.due), meter.hit.take());
    if due > 0 {
        let left = store.get_fuel()?;
        store.set_fuel(left.saturating_sub(due))?;
        if due > left {
            return Err(Exceeded { limit: Limit::Fuel, asked: None }.into());
        }
    }
    hit.map_or(Ok(()), |exceeded| Err(exceeded.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_calls_and_bytes_are_counted_up_to_their_limits_and_cost_fuel() {
        let mut limits = Limits::default();
        limits.set(Limit::HostCalls, 2).unwrap();
        limits.set(Limit::ReadBytes, 10).unwrap();
        let mut meter = Meter::new(&limits);
        assert_eq!((meter.call(), meter.call()), (Ok(()), Ok(())));
        assert_eq!(meter.call(), Err(Exceeded { limit: Limit::HostCalls, asked: None }));
        assert_eq!(meter.hand_out(10), Ok(()));
        assert_eq!(meter.hand_out(u64::MAX), Err(Exceeded { limit: Limit::ReadBytes, asked: Some(u64::MAX) }));
        assert_eq!((meter.calls, meter.bytes, meter.due), (2, 10, 2 * cost::CALL + 10 * cost::BYTE));
        assert_eq!(meter.hit, None);
        meter.enter();
        assert_eq!(meter.hit, Some(Exceeded { limit: Limit::HostCalls, asked: None }));
        meter.work(u64::MAX, 2);
        assert_eq!(meter.due, u64::MAX);
    }
}
