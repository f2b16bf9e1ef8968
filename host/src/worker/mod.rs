//! The worker: runs one attempt on a node of a cluster and tells the host about it as it goes.
//!
//! `forensic-host worker` is started by a cluster's own process, so the first thing that it does is to get out of that one's
//! reach (`detach`). One thread decides (`attempt`) and never waits for anybody: not for the reader of its output, which may be
//! behind a cut cable (`output`), and so it can always end the stage when the host is not heard of any more.
//!
//! | module | |
//! |---|---|
//! | [`protocol`] | the lines, for both sides |
//! | `detach` | leaves the process that started it |
//! | `guard` | ends what a worker leaves that was killed |
//! | `input` | job and orders from standard input |
//! | `control` | orders from a socket |
//! | `output` | the queue of lines to standard output |
//! | `logs`, `spans`, `ship` | what goes into that queue |
//! | `folder` | the worker's own folder on the node |
//! | `attempt` | the one that decides |
//! | `closing` | the last words |
//!
//! May live here: what runs on the node. What the host does with a cluster is in `dag`.

mod attempt;
mod closing;
mod control;
mod detach;
mod folder;
mod guard;
mod input;
mod logs;
mod output;
pub mod protocol;
mod ship;
mod spans;

use std::process::ExitCode;

/// The hidden command.
pub const COMMAND: &str = "worker";
/// Tells the second process that it is the one.
const DETACHED: &str = "--detached";
/// Shifts the worker's clock, in nanoseconds: with it, tests have clocks that disagree.
const SKEW_VARIABLE: &str = "FORENSIC_TEST_CLOCK_SKEW_NS";

/// What a worker exits with that was given no job it can do.
const USAGE: u8 = 2;
/// What it exits with where the machine does not let it work.
const INTERNAL: u8 = 3;

/// Runs the worker with the arguments of this process.
pub fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(2).collect();
    match &arguments[..] {
        [] => match detach::start_detached() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(INTERNAL, &format!("can't start the worker's own process: {error}")),
        },
        [argument] if argument == DETACHED => match detach::leave().and_then(|()| guard::divide()) {
            Ok(guard::Half::Guard(worker)) => guard::stand_by(worker),
            Ok(guard::Half::Worker) => match detach::settle() {
                Ok(streams) => work(streams),
                Err(error) => fail(INTERNAL, &format!("the worker can't take its streams: {error}")),
            },
            Err(error) => fail(INTERNAL, &format!("the worker can't leave the process that started it: {error}")),
        },
        _ => fail(
            USAGE,
            "`worker` takes no arguments: a cluster's node starts it and writes a job to its standard input",
        ),
    }
}

fn work(streams: detach::Streams) -> ExitCode {
    let mut lines = input::Lines::new(streams.input);
    let job = match lines.next_line() {
        Ok(Some(line)) => input::read_job(line),
        Ok(None) => return fail(USAGE, "the worker got no job: its standard input has ended"),
        Err(error) => return fail(INTERNAL, &format!("the worker can't read its job: {error}")),
    };
    match job {
        Ok(job) => attempt::run(job, lines, streams.output),
        Err(bad) => {
            if let Some(id) = bad.id {
                attempt::refuse(id, bad.why.clone(), streams.output);
            }
            fail(USAGE, &bad.why)
        }
    }
}

fn fail(code: u8, why: &str) -> ExitCode {
    use std::io::Write as _;
    // Where nobody listens there is nobody to tell.
    drop(writeln!(std::io::stderr(), "forensic-host worker: {why}"));
    code.into()
}
