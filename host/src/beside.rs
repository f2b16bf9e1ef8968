//! Two things at the same time.

use std::panic::resume_unwind;
use std::thread;

use rustix::thread::{sched_getaffinity, sched_setaffinity};

use crate::phases;

/// Does two things at the same time, the second in a thread of its own; where the system has none for it, one after the other.
pub(crate) fn beside<A, B: Send>(name: &str, here: impl FnOnce() -> A, there: impl Fn() -> B + Sync) -> (A, B) {
    let phase = phases::innermost();
    let place = Place::here();
    thread::scope(|scope| {
        let work = || {
            place.leave();
            phases::enter(phase);
            there()
        };
        let thread = thread::Builder::new().name(name.into()).spawn_scoped(scope, work);
        thread::yield_now();
        let made = here();
        let other = match thread {
            Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Err(_) => there(),
        };
        (made, other)
    })
}

/// Has a thread of its own do what will be needed soon; where the system has none for it, whoever needs it does it.
pub(crate) fn ahead(name: &str, work: fn()) {
    let place = Place::here();
    drop(thread::Builder::new().name(name.into()).spawn(move || {
        place.leave();
        work();
    }));
}

/// The processor of a thread that is about to make another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place(Option<usize>);

impl Place {
    /// That of the calling thread.
    pub(crate) fn here() -> Self {
        Self(processor())
    }

    /// What a new thread does first that is to work beside the one that made it: it goes to another processor, if it stands on
    /// this one and may use others. Its maker lets it by [`yield_now`](thread::yield_now). The processor of a virtual machine that has
    /// slept for a moment is not given to it: it waits behind its maker until the kernel balances, which takes longer than much that
    /// is done here.
    pub(crate) fn leave(self) {
        let (Some(place), Ok(all)) = (self.0, sched_getaffinity(None)) else { return };
        if processor() != self.0 || all.count() < 2 {
            return;
        }
        let mut others = all;
        others.unset(place);
        // That it can't is no harm.
        if sched_setaffinity(None, &others).is_ok() {
            let _ = sched_setaffinity(None, &all);
        }
    }
}

/// Not from rustix, which looks for the call where there is nothing under valgrind: instructions are counted with that one.
#[expect(unsafe_code, reason = "the crates at hand have no other safe wrapper")]
fn processor() -> Option<usize> {
    // SAFETY: it takes no pointer and changes nothing.
    usize::try_from(unsafe { libc::sched_getcpu() }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_are_done_and_a_panic_of_either_is_passed_on() {
        assert_eq!(beside("test", || 1, || "two"), (1, "two"));
        let panics = |here: bool, there: bool| {
            std::panic::catch_unwind(|| beside("test", || assert!(!here), || assert!(!there))).is_err()
        };
        assert_eq!([panics(false, false), panics(true, false), panics(false, true)], [false, true, true]);
    }

    #[test]
    fn a_thread_that_went_elsewhere_may_run_everywhere() {
        let all = sched_getaffinity(None).unwrap();
        let place = Place::here();
        let after = thread::spawn(move || {
            place.leave();
            sched_getaffinity(None).unwrap()
        });
        assert_eq!(after.join().unwrap(), all);
    }
}
