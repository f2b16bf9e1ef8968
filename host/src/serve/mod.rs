//! `forensic-host serve`: the runs of a root folder in a browser. It only reads: no request changes a file, starts a run or calls a
//! plugin.
//!
//! | module | job |
//! |---|---|
//! | `connection` | a connection and its patience |
//! | `guard` | who may ask: host, origin, token, method |
//! | `route` | from a path to what is asked for, pure |
//! | `params` | queries, decoded and encoded |
//! | `handler` | one request from its head to its answer |
//! | `answer` | status, headers, body; what went wrong |
//! | `app` | what all requests share |
//! | `view` | one run, read from its directory |
//! | `files` | files and exports, piece by piece |
//! | `live` | server-sent events of a run that goes on |
//! | `pages` | the pages |
//! | `limits` | what is done at most |
//!
//! A run directory is not trusted here: stages wrote into it, and it may come from another machine. Every file of it is opened below
//! it, no link out of it is followed, and what is not drawn by this program is sent with a policy that lets a browser do nothing
//! with it.

mod answer;
mod app;
mod connection;
mod files;
mod guard;
mod handler;
mod limits;
mod live;
mod pages;
mod params;
mod route;
mod view;

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

pub use guard::BadToken;
pub(crate) use guard::LISTEN;

use crate::accept::accept;
use app::App;
use guard::{Guard, Secret};
use handler::{Handler, Tell};
use limits::{CONNECTIONS, FAREWELL};

/// What is served, and where.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The root folder of the runs.
    pub root: PathBuf,
    /// Where to listen; port 0: one of the system's choice.
    pub listen: SocketAddr,
    /// What a browser must show; needed where `listen` is no loopback address.
    pub token: Option<String>,
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// There is no such folder.
    #[error("can't serve {}: {why}: name the folder that runs are below with `--root`", root.display())]
    Root {
        /// What was given.
        root: PathBuf,
        /// Why not.
        why: io::Error,
    },
    /// Anybody could read.
    #[error(
        "{0} can be reached by other machines, and there is no token: give one with `--token-file` or in FORENSIC_HOST_TOKEN, or \
         listen on 127.0.0.1"
    )]
    Open(SocketAddr),
    /// The token is of no use.
    #[error(transparent)]
    Token(#[from] BadToken),
    /// The port can't be had.
    #[error("can't listen on {address}: {why}: choose another port with `--listen`, 0 for any free one")]
    Listen {
        /// What was given.
        address: SocketAddr,
        /// Why not.
        why: io::Error,
    },
}

/// A server that has its port and does nothing yet.
pub struct Server {
    listener: StdListener,
    address: SocketAddr,
    handler: Arc<Handler>,
}

impl Server {
    /// Checks the options and opens the port. `tell` gets a line for each answer that could not be given.
    ///
    /// # Errors
    /// [`ServeError`].
    pub fn open(options: ServeOptions, tell: impl Fn(&str) + Send + Sync + 'static) -> Result<Self, ServeError> {
        let ServeOptions { root, listen, token } = options;
        let secret = token.as_deref().map(Secret::new).transpose()?;
        if secret.is_none() && !listen.ip().is_loopback() {
            return Err(ServeError::Open(listen));
        }
        let folder = std::fs::read_dir(&root);
        if let Err(why) = folder {
            return Err(ServeError::Root { root, why });
        }
        let bound = StdListener::bind(listen).and_then(|listener| {
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        });
        let (listener, address) = bound.map_err(|why| ServeError::Listen { address: listen, why })?;
        let tell: Tell = Arc::new(tell);
        let handler = Arc::new(Handler::new(Guard::new(address, secret), App::new(root), tell));
        Ok(Self { listener, address, handler })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`, then for a short time what is under way. To be run on a runtime with its I/O and time drivers.
    ///
    /// # Errors
    /// The port is of no use to the runtime.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let listener = TcpListener::from_std(self.listener)?;
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let (stopping, watched) = watch::channel(false);
        let serve = |stream, room| connection::serve(stream, Arc::clone(&self.handler), watched.clone(), room);
        tokio::select! {
            () = accept(&listener, &places, serve) => {}
            () = stop => {}
        }
        drop((listener, watched));
        let _ = stopping.send(true);
        let all = u32::try_from(CONNECTIONS).unwrap_or(u32::MAX);
        let _ = timeout(FAREWELL, places.acquire_many(all)).await;
        Ok(())
    }
}

/// For the fuzz target `served`: what an address asks for never leaves the run's directory, and a query that is read can be written.
#[cfg(fuzzing)]
pub fn exercise_address(address: &str) {
    let Ok(uri) = address.parse::<http::Uri>() else { return };
    if let Some(route::Route::File(_, file)) = route::route(&uri) {
        assert!(!file.path().starts_with('/') && !file.path().contains('\0'));
        assert!(file.path().split('/').all(|name| !matches!(name, "" | "." | "..")));
    }
    if let Ok(query) = params::Params::parse(uri.query().unwrap_or_default()) {
        let again = query.with(&[]);
        assert!(params::Params::parse(again.trim_start_matches('?')).is_ok(), "{again:?}");
    }
}
