//! The end of processes that left their attempt's group: TERM, then KILL, without a pause for those who listen.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::orphans::{Kin, Orphans, Whose};

/// From TERM to KILL.
const GRACE: Duration = Duration::from_millis(500);
/// A process that even KILL doesn't end, as it waits for a device, is not waited for any longer than this.
const GIVE_UP: Duration = Duration::from_secs(3);
/// A look that proves nothing, for what was listed had just ended, is repeated at once so often; then after a pause.
const MOST_REPEATS: usize = 8;
/// Between two looks: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// The end of one attempt's processes, or of all that a run left.
#[derive(Debug)]
pub(super) struct Ending {
    /// Until there is nothing left to do.
    orphans: Option<Arc<Orphans>>,
    whose: Whose,
    kin: Kin,
    /// Processes that were asked to end, with when they started.
    asked: HashMap<i32, u64>,
    count: u64,
    start: Instant,
    next: Instant,
    pause: Duration,
}

impl Ending {
    /// Looks for the first time, and asks what it finds to end.
    pub(super) fn start(orphans: Arc<Orphans>, whose: Whose) -> Self {
        let start = Instant::now();
        let (kin, asked) = (Kin::default(), HashMap::new());
        let mut ending =
            Self { orphans: Some(orphans), whose, kin, asked, count: 0, start, next: start, pause: FIRST_PAUSE };
        ending.tick();
        ending
    }

    /// How long until the next look; `None`: nothing is left.
    pub(super) fn wait(&self) -> Option<Duration> {
        self.orphans.as_ref().map(|_| self.next.saturating_duration_since(Instant::now()))
    }

    /// Looks, if it is time to.
    pub(super) fn tick(&mut self) {
        let now = Instant::now();
        let first = self.asked.is_empty();
        let Some(orphans) = self.orphans.as_ref().filter(|_| now >= self.next) else { return };
        let mut sight = orphans.look(&self.whose, &mut self.kin);
        for _ in 0..MOST_REPEATS {
            if !sight.found.is_empty() || !sight.changed {
                break;
            }
            sight = orphans.look(&self.whose, &mut self.kin);
        }
        let found = sight.found;
        let age = now - self.start;
        if (found.is_empty() && !sight.changed) || age >= GIVE_UP {
            self.orphans = None;
            return;
        }
        for process in found.iter().filter(|process| !process.in_group) {
            let new = self.asked.insert(process.pid, process.start) != Some(process.start);
            self.count += u64::from(new);
            if age >= GRACE {
                process.signal(Signal::KILL);
            } else if new && first {
                // What begins later is how those who were asked put their things in order.
                process.signal(Signal::TERM);
                // A stopped process takes no TERM before it goes on.
                process.signal(Signal::CONT);
            }
        }
        self.next = now + self.pause;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }

    /// Goes on until nothing is left; how many processes had left the group and were ended.
    pub(super) fn finish(mut self) -> u64 {
        while let Some(wait) = self.wait() {
            std::thread::sleep(wait);
            self.tick();
        }
        self.count
    }
}
