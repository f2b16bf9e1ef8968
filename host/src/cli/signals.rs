//! Signals: the first asks the run to stop, the second ends it.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

use crate::dag::{Stop, StopReason};

/// From now on INT, TERM and HUP (a closed terminal) stop the run instead of ending the program.
///
/// # Errors
/// Where the handlers can't be set.
pub(super) fn stop_on_signals(stop: Stop) -> std::io::Result<()> {
    // A file that grew to the limit the user set is an error of the write, like a full disk, and no reason to die.
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGXFSZ])?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            if signal != SIGXFSZ {
                stop.stop(StopReason::Signal(signal));
            }
        }
    })?;
    Ok(())
}
