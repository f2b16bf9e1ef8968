//! Time: the monotonic clock, anchored once to wall time.
//!
//! Every time that the host records comes from one [`Clock`] per run, so that a step of the wall clock can
//! neither stretch a stage nor make it end before it began.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A point in time: Unix nanoseconds.
pub type UnixNanos = u64;

/// The run's clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    anchor: Instant,
    wall: UnixNanos,
}

impl Clock {
    /// Anchors the monotonic clock to the wall clock as it stands now.
    pub fn start() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { anchor: Instant::now(), wall: nanos(wall) }
    }

    /// The same, ahead by so many nanoseconds (behind, where negative): for tests of clocks that disagree.
    #[must_use]
    pub fn shifted(self, by: i64) -> Self {
        Self { wall: self.wall.saturating_add_signed(by), ..self }
    }

    /// When it was anchored.
    pub fn started(&self) -> UnixNanos {
        self.wall
    }

    /// Now.
    pub fn now(&self) -> UnixNanos {
        self.wall + nanos(self.anchor.elapsed())
    }
}

/// A duration in nanoseconds; 584 years and more are one and the same.
pub fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The form that the OpenTelemetry SDK wants.
pub fn system_time(time: UnixNanos) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(time)
}

/// `2026-11-22T09:16:00Z`, or with `digits` digits of the second.
pub fn utc(time: UnixNanos, digits: u8) -> String {
    match jiff::Timestamp::from_nanosecond(i128::from(time)) {
        Ok(stamp) => format!("{stamp:.*}", usize::from(digits)),
        Err(_) => "–".into(),
    }
}
