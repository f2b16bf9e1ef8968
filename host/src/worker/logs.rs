//! The stage's two streams, redacted by the executor, on their way to the host.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::thread::{self, JoinHandle};

use super::output::Output;
use super::protocol::{Channel, Event, LOG_MAX, Log};

/// A file for the executor to write a stream to, and the thread that sends on what comes: at once, in whatever pieces. The
/// thread ends with the last copy of the file.
pub(super) fn forward(channel: Channel, output: Output) -> io::Result<(File, JoinHandle<()>)> {
    let (mut reader, writer) = io::pipe()?;
    let thread = thread::Builder::new().name("log".into()).spawn(move || {
        let mut buffer = vec![0; LOG_MAX];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return,
                Ok(length) => output.push(Event::Log(Log { s: channel, bytes: buffer[..length].to_vec() })),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    })?;
    Ok((File::from(OwnedFd::from(writer)), thread))
}
