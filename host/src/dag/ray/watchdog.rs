//! The host's own patience: a bridge that hangs, because its part of the cluster does, must not keep a run waiting for ever.
//!
//! The bridge has the same limits and is quicker; what is here counts only when it says nothing.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use super::super::executor::{Again, Fate, Fault};
use super::reader::cancel;
use super::route::Route;
use super::shared::{Settings, Shared};
use crate::conventions::error_type;
use crate::limits::show_duration;

/// The bridge answers a forced end within 10 s, and keeps its other limits to a few seconds.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(500);

/// Watches until the run's executor is gone. Without a thread the bridge's own word is all there is.
pub(super) fn start(shared: &Arc<Shared>) {
    let shared = Arc::downgrade(shared);
    let thread = thread::Builder::new().name("ray-watchdog".into()).stack_size(256 << 10);
    drop(thread.spawn(move || {
        while look(&shared) {
            thread::sleep(LOOK);
        }
    }));
}

fn look(shared: &Weak<Shared>) -> bool {
    let Some(shared) = shared.upgrade() else { return false };
    let mut given_up = Vec::new();
    {
        let mut state = shared.lock();
        let state = &mut *state;
        let due = |route: &Route| verdict(route, &shared.settings, false).is_some();
        let ids: Vec<String> = state.live.iter().filter(|(_, route)| due(route)).map(|(id, _)| id.clone()).collect();
        for id in ids {
            if let Some(route) = state.live.remove(&id)
                && let Some(fault) = {
                    let may_repeat = shared.may_repeat(state, &route.sender.stage);
                    verdict(&route, &shared.settings, may_repeat)
                }
            {
                shared.finish(state, route, Fate::Fault(fault));
                given_up.push(id);
            }
        }
    }
    // Not under the lock: the bridge may be waiting for us to read.
    given_up.iter().for_each(|id| cancel(&shared, id, true));
    true
}

/// Why an attempt is given up, if it is.
fn verdict(route: &Route, settings: &Settings, may_repeat: bool) -> Option<Fault> {
    let config = &settings.config;
    let silent = route.heard.elapsed();
    if route.killed.is_some_and(|killed| killed.elapsed() > PATIENCE) {
        let message = "the bridge to Ray did not answer when it was asked to end it".to_owned();
        return Some(Fault { cause: error_type::BRIDGE_LOST, message, again: None });
    }
    if route.started.is_none() && silent > config.queue_timeout + PATIENCE {
        let waited = show_duration(config.queue_timeout);
        let why = route.pending.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        let message = format!("the cluster had no place for it within {waited}{why}");
        return Some(Fault { cause: error_type::QUEUE_TIMEOUT, message, again: None });
    }
    if route.started.is_some() && silent > config.lost_after + PATIENCE {
        let message = format!("nothing was heard of it for {}", show_duration(config.lost_after));
        // It has been silent for longer than its lease lets it run.
        let again = may_repeat.then_some(Again { after: Duration::ZERO, fenced: true });
        return Some(Fault { cause: error_type::WORKER_LOST, message, again });
    }
    None
}
