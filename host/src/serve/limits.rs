//! What the server does at most: all its limits, in one table (docs/serve.md has the same).

use std::time::Duration;

/// Headers of a request.
pub(super) const HEADERS: usize = 64;
/// Connections at the same time; others wait in the system's queue until one ends.
pub(super) const CONNECTIONS: usize = 256;
/// Watchers of running runs at the same time; others are told to reload the page.
pub(super) const WATCHERS: usize = 64;
/// Requests that are worked on at the same time; others wait, at most [`TURN`].
pub(super) const WORKERS: usize = 4;
/// How long a request waits for its turn before it is told to come again.
pub(super) const TURN: Duration = Duration::from_secs(30);
/// Bytes of a request's head.
pub(super) const HEAD_MAX: usize = 16 << 10;
/// How long a head may take to arrive, and how long a connection may be idle.
pub(super) const HEAD_TIME: Duration = Duration::from_secs(5);
/// How long a connection may refuse to take what is sent to it.
pub(super) const STALLED: Duration = Duration::from_secs(30);
/// Bytes of a query.
pub(super) const QUERY_MAX: usize = 4 << 10;
/// Bytes of a value of a query.
pub(super) const VALUE_MAX: usize = 1 << 10;
/// Values of a query.
pub(super) const PARAMS_MAX: usize = 32;
/// Bytes of a path.
pub(super) const PATH_MAX: usize = 2 << 10;
/// Bytes of drawn pages that are kept.
pub(super) const PAGES_MAX: usize = 64 << 20;
/// Bytes of `forensic_report.json` that are read.
pub(super) const REPORT_MAX: u64 = 64 << 20;
/// Bytes of a trace that is read to be drawn or exported.
pub(super) const TRACE_MAX: u64 = 1 << 30;
/// Bytes of a piece of a file that is sent.
pub(super) const PIECE: usize = 64 << 10;
/// How often a running run is looked at.
pub(super) const LOOK: Duration = Duration::from_secs(1);
/// How often its page is drawn again even if nothing was written: what is open grows.
pub(super) const REFRESH: Duration = Duration::from_secs(5);
/// Reading a running run rests this many times as long as it took.
pub(super) const SHARE: u32 = 9;
/// How often a watcher hears something, even if nothing has happened.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(15);
/// Runs on a page of the list.
pub(super) const LIST_PAGE: usize = 50;
/// How long requests that are under way may take to end when the server is asked to stop.
pub(super) const FAREWELL: Duration = Duration::from_secs(2);
