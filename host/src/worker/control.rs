//! The way to the worker past its busy standard input: a socket that only this user can reach, for `cancel`.

use std::fs::{Permissions, set_permissions};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use super::attempt::Event;
use super::input::order;

/// Whoever connects and says nothing must not keep others out.
const PATIENCE: Duration = Duration::from_secs(2);
/// Most that one connection may say.
const MOST: u64 = 4096;
/// After an error that may last, such as too many open files.
const BREATHER: Duration = Duration::from_millis(100);

/// Takes orders at `path` from now on.
pub(super) fn listen(path: &Path, events: Sender<Event>) -> io::Result<()> {
    let listener = UnixListener::bind(path)?;
    set_permissions(path, Permissions::from_mode(0o600))?;
    thread::Builder::new().name("control".into()).spawn(move || {
        loop {
            match listener.accept() {
                Ok((stream, _)) => hear(stream, &events),
                Err(_) => thread::sleep(BREATHER),
            }
        }
    })?;
    Ok(())
}

fn hear(stream: UnixStream, events: &Sender<Event>) {
    if stream.set_read_timeout(Some(PATIENCE)).is_err() {
        return;
    }
    for line in BufReader::new(stream.take(MOST)).split(b'\n') {
        let Ok(line) = line else { return };
        // A lease is the relay's to give.
        if let Some(event @ Event::Cancel { .. }) = order(&line) {
            // Whoever decides may be done already.
            let _ = events.send(event);
        }
    }
}
