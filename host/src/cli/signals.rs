//! Signals: the first asks the run to stop, the second ends it.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

use crate::dag::{Stop, StopReason};

/// From now on INT, TERM and HUP (a closed terminal) stop the run instead of ending the program. A HUP that was ignored when the
/// program was started stays so: that is what `nohup` asks for. An INT does not: scripts and CI systems ignore it for whatever
/// they start in the background, and would have no orderly way to stop a run.
///
/// # Errors
/// Where the handlers can't be set.
pub(super) fn stop_on_signals(stop: Stop) -> std::io::Result<()> {
    // A file that grew to the limit the user set is an error of the write, like a full disk, and no reason to die.
    let wanted = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|&signal| signal != SIGHUP || !is_ignored(SIGHUP));
    let mut signals = Signals::new(wanted.chain([SIGXFSZ]))?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            // A terminal that closes says so up to three times (the kernel, the shell, the kernel again when the shell ends):
            // nobody has asked twice.
            let again = signal == SIGHUP && stop.requested().is_some();
            if signal != SIGXFSZ && !again {
                stop.stop(StopReason::Signal(signal));
            }
        }
    })?;
    Ok(())
}

/// Whether this program was started with the signal ignored (`SigIgn` of proc_pid_status(5)); where that can't be told, it was
/// not.
pub(super) fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    u32::try_from(signal - 1).ok().and_then(|bit| mask.checked_shr(bit)).is_some_and(|mask| mask & 1 == 1)
}
