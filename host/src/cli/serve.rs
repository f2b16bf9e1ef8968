//! `serve`: shows the runs of a root folder in a browser.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tokio::sync::oneshot;

use super::args::Common;
use super::progress::say;
use super::signals::is_ignored;
use super::{Exit, Failure, Outcome, print};
use crate::directory::DEFAULT_ROOT;
use crate::serve::{LISTEN, ServeOptions, Server};

/// Bytes of a token's file that are read.
const TOKEN_FILE_MAX: u64 = 4 << 10;
/// Threads that may read runs at the same time; those that wait for the network are others.
const BLOCKING: usize = 32;
/// Where a token may stand, beside a file.
const TOKEN_VARIABLE: &str = "FORENSIC_HOST_TOKEN";

#[derive(Debug, Args)]
pub(super) struct ServeCommand {
    /// Folder that runs are below
    #[arg(long, value_name = "FOLDER", default_value = DEFAULT_ROOT)]
    root: PathBuf,
    /// Address and port to listen on; port 0: any free one
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address, default_value_t = SocketAddr::from(LISTEN))]
    listen: SocketAddr,
    /// File with a token that browsers must show once (else FORENSIC_HOST_TOKEN); needed for other than loopback addresses
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

pub(super) fn serve(command: &ServeCommand, common: &Common) -> Outcome {
    let token = match &command.token_file {
        Some(file) => Some(token_of(file, common)?),
        None => std::env::var(TOKEN_VARIABLE).ok().filter(|token| !token.is_empty()),
    };
    let options = ServeOptions { root: command.root.clone(), listen: command.listen, token };
    let server = Server::open(options, |line| say(format_args!("serve: {line}"))).map_err(Failure::usage)?;
    let stop = stopped().map_err(Failure::internal)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(BLOCKING)
        .enable_io()
        .enable_time()
        .build()
        .map_err(Failure::internal)?;
    super::give_memory_back();
    // Scripts wait for this line: it is there before anything is answered, and the port is open already.
    print(&format!("serving {} at http://{}/\n", command.root.display(), server.address()))?;
    std::io::stdout().flush().map_err(Failure::internal)?;
    let served = runtime.block_on(server.serve(async {
        // The other end is never dropped before the process ends.
        let _ = stop.await;
    }));
    // What still reads for a browser that nobody answers any more needn't be waited for.
    runtime.shutdown_background();
    served.map_err(Failure::internal)?;
    Ok(Exit::Success)
}

/// Ends with the first INT, TERM or HUP; for a server that is the orderly way, so it is no failure. A HUP that was ignored when the
/// program was started stays so.
fn stopped() -> std::io::Result<oneshot::Receiver<()>> {
    let wanted = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|&signal| signal != SIGHUP || !is_ignored(SIGHUP));
    let mut signals = Signals::new(wanted)?;
    let (asked, stop) = oneshot::channel();
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        signals.forever().next();
        let _ = asked.send(());
        // Whoever asks twice does not want to wait for what is under way.
        if signals.forever().next().is_some() {
            std::process::exit(0);
        }
    })?;
    Ok(stop)
}

/// `ADDRESS:PORT`, or `localhost:PORT`.
fn address(text: &str) -> Result<SocketAddr, String> {
    let local = text.strip_prefix("localhost:").and_then(|port| port.parse().ok());
    match local {
        Some(port) => Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)),
        None => text.parse().map_err(|_| "write it like 127.0.0.1:7171, localhost:7171 or [::1]:7171".to_owned()),
    }
}

fn token_of(file: &Path, common: &Common) -> Result<String, Failure> {
    let failed = |why: String| Failure::usage(anyhow::anyhow!("can't read the token in {}: {why}", file.display()));
    let metadata = std::fs::metadata(file).map_err(|error| failed(error.to_string()))?;
    if !metadata.is_file() {
        return Err(failed("it is no regular file".into()));
    }
    if metadata.permissions().mode() & 0o077 != 0 && !common.quiet {
        say(format_args!("warning: {} can be read by others: `chmod 600` it", file.display()));
    }
    let mut text = String::new();
    let opened = std::fs::File::open(file).map_err(|error| failed(error.to_string()))?;
    opened.take(TOKEN_FILE_MAX).read_to_string(&mut text).map_err(|error| failed(error.to_string()))?;
    Ok(text.trim().to_owned())
}
