//! Ways out of the live view that are not its end: Ctrl-Z, Ctrl-\, a panic. The terminal is put in order first.

use std::sync::{Arc, Weak};

use rustix::process::{getpid, getsid};
use signal_hook::consts::{SIGQUIT, SIGTSTP};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::printer::Shared;

/// From now on the live area is taken away before any of them. That there can be no handlers is no reason not to run.
pub(super) fn watch(shared: &Arc<Shared>) {
    panics(Arc::downgrade(shared));
    let wanted = [SIGTSTP, SIGQUIT].into_iter().filter(|&signal| !crate::cli::signals::is_ignored(signal));
    let Ok(mut signals) = Signals::new(wanted) else { return };
    let shared = Arc::downgrade(shared);
    // A thread that can't be had leaves these signals without effect, which harms nobody.
    drop(std::thread::Builder::new().name("suspend".into()).spawn(move || {
        for signal in signals.forever() {
            let end = || drop(emulate_default_handler(signal));
            // Who leads a session has nobody who could wake it up again.
            if signal == SIGTSTP && getsid(None).is_ok_and(|leader| leader == getpid()) {
                continue;
            }
            match shared.upgrade() {
                Some(shared) => shared.without_area(false, end),
                None => end(),
            }
        }
    }));
}

fn panics(shared: Weak<Shared>) {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| match shared.upgrade() {
        Some(shared) => shared.without_area(true, || before(panic)),
        None => before(panic),
    }));
}
