//! Work for several threads, whose results are taken one by one, in the order of what they are of.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;
use std::{io, thread};

use crate::beside::Place;
use crate::phases;

/// How often somebody looks whether it should go on.
const LOOK: Duration = Duration::from_millis(50);

/// Has `work` done on each item, by so many threads of this kind at most, and takes what comes of it in the order of the items,
/// in this thread; which also calls `look` now and then.
///
/// # Errors
/// Where there can be no thread; then nothing was done.
pub(super) fn in_order<I: Sync, R: Send>(
    items: &[I],
    threads: usize,
    kind: impl Fn() -> thread::Builder,
    work: impl Fn(&I) -> R + Sync,
    mut look: impl FnMut(),
    mut take: impl FnMut(&I, R),
) -> io::Result<()> {
    let next = AtomicUsize::new(0);
    let (sender, results) = mpsc::channel();
    let caller = phases::innermost();
    let place = Place::here();
    thread::scope(|scope| {
        let (next, work) = (&next, &work);
        let mut started = 0;
        for number in 0..threads.min(items.len()) {
            let sender = sender.clone();
            let run = move || {
                // The first takes the place of this one, which waits.
                if number > 0 {
                    place.leave();
                }
                phases::enter(caller);
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { return };
                    if sender.send((index, work(item))).is_err() {
                        return;
                    }
                }
            };
            match kind().spawn_scoped(scope, run) {
                Ok(_) => started += 1,
                // Fewer do it too.
                Err(error) if started == 0 => return Err(error),
                Err(_) => break,
            }
        }
        drop(sender);
        let mut early = BTreeMap::new();
        let mut taken = 0;
        loop {
            match results.recv_timeout(LOOK) {
                Ok((index, result)) => {
                    early.insert(index, result);
                }
                Err(RecvTimeoutError::Timeout) => look(),
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            while let Some((item, result)) = items.get(taken).zip(early.remove(&taken)) {
                take(item, result);
                taken += 1;
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whoever_is_first() {
        for threads in [1, 2, 7] {
            let items: Vec<u64> = (0..40).collect();
            let mut taken = Vec::new();
            let work = |item: &u64| {
                thread::sleep(Duration::from_millis(item % 3));
                item * 2
            };
            in_order(&items, threads, thread::Builder::new, work, || (), |item, result| taken.push((*item, result)))
                .unwrap();
            assert_eq!(taken, items.iter().map(|item| (*item, item * 2)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn without_a_thread_nothing_is_done() {
        let kind = || thread::Builder::new().stack_size(1 << 60);
        let refused = in_order(&[1], 1, kind, |_| (), || (), |_, ()| panic!("it was done"));
        assert!(refused.is_err());
    }
}
