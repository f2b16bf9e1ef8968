//! WASI for guests that don't start without it: interpreters. It answers every call of the WASI 0.2 track, and none
//! of the answers says anything about this machine.
//!
//! | interface | what a guest gets |
//! |---|---|
//! | `wasi:clocks/wall-clock` | the run's end, always |
//! | `wasi:clocks/monotonic-clock`, `wasi:io/poll` | a time of its own, from 0 (`clocks`); nothing ever waits |
//! | `wasi:random` | numbers from a seed made of run and component (`random`): nothing for secrets |
//! | `wasi:cli` | no arguments, no environment, an input that is closed; output goes to the log (`output`) |
//! | `wasi:filesystem` | no folder, so no file |
//! | `wasi:sockets` | refusals (`network`) |
//!
//! What `wasmtime-wasi` has is used where it can't wait and can't see: files, addresses, terminals, exit. The calls are
//! counted and paid for like those of our own imports.

mod clocks;
mod network;
mod output;
mod random;

use wasmtime::Result;
use wasmtime::component::{HasSelf, Linker};
use wasmtime_wasi::cli::{WasiCli, WasiCliCtx, WasiCliCtxView};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemCtx, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::{self, sync};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsCtx, WasiSocketsCtxView};

use self::clocks::Time;
use self::output::Output;
use self::random::Random;
use super::inputs::Inputs;
use super::store::State;

/// What one call's WASI consists of.
pub(super) struct Wasi {
    time: Time,
    random: Random,
    pub(super) output: Output,
    cli: WasiCliCtx,
    files: WasiFilesystemCtx,
    sockets: WasiSocketsCtx,
}

impl Wasi {
    /// `digest`: of the component.
    pub(super) fn new(inputs: &Inputs, digest: &str) -> Self {
        let (run, end) = inputs.run_and_end();
        Self {
            time: Time::new(end),
            random: Random::new(run, digest),
            output: Output::default(),
            // The defaults grant nothing: no arguments, no environment, no folders, no addresses.
            cli: WasiCliCtx::default(),
            files: WasiFilesystemCtx::default(),
            sockets: WasiSocketsCtx::default(),
        }
    }
}

impl std::fmt::Debug for Wasi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wasi").field("time", &self.time).field("output", &self.output).finish_non_exhaustive()
    }
}

/// Every function of WASI is reached through one of these, which counts the call.
fn own(state: &mut State) -> &mut State {
    state.meter.enter();
    state
}

fn cli(state: &mut State) -> WasiCliCtxView<'_> {
    state.meter.enter();
    WasiCliCtxView { ctx: &mut state.wasi.cli, table: &mut state.table }
}

fn files(state: &mut State) -> WasiFilesystemCtxView<'_> {
    state.meter.enter();
    WasiFilesystemCtxView { ctx: &mut state.wasi.files, table: &mut state.table }
}

fn sockets(state: &mut State) -> WasiSocketsCtxView<'_> {
    state.meter.enter();
    WasiSocketsCtxView { ctx: &mut state.wasi.sockets, table: &mut state.table }
}

/// Adds WASI 0.2, whole: an interpreter imports most of it and calls little of it.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> Result<()> {
    type Own = HasSelf<State>;
    let l = linker;
    wasmtime_wasi_io::bindings::wasi::io::error::add_to_linker::<_, Own>(l, own)?;
    sync::io::poll::add_to_linker::<_, Own>(l, own)?;
    sync::io::streams::add_to_linker::<_, Own>(l, own)?;
    bindings::clocks::wall_clock::add_to_linker::<_, Own>(l, own)?;
    bindings::clocks::monotonic_clock::add_to_linker::<_, Own>(l, own)?;
    bindings::random::random::add_to_linker::<_, Own>(l, own)?;
    bindings::random::insecure::add_to_linker::<_, Own>(l, own)?;
    bindings::random::insecure_seed::add_to_linker::<_, Own>(l, own)?;
    bindings::cli::stdin::add_to_linker::<_, Own>(l, own)?;
    bindings::cli::stdout::add_to_linker::<_, Own>(l, own)?;
    bindings::cli::stderr::add_to_linker::<_, Own>(l, own)?;
    bindings::cli::environment::add_to_linker::<_, WasiCli>(l, cli)?;
    bindings::cli::exit::add_to_linker::<_, WasiCli>(l, cli)?;
    bindings::cli::terminal_input::add_to_linker::<_, WasiCli>(l, cli)?;
    bindings::cli::terminal_output::add_to_linker::<_, WasiCli>(l, cli)?;
    bindings::cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, cli)?;
    bindings::cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, cli)?;
    bindings::cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, cli)?;
    bindings::filesystem::preopens::add_to_linker::<_, WasiFilesystem>(l, files)?;
    sync::filesystem::types::add_to_linker::<_, WasiFilesystem>(l, files)?;
    bindings::sockets::instance_network::add_to_linker::<_, WasiSockets>(l, sockets)?;
    let options = bindings::sockets::network::LinkOptions::default();
    bindings::sockets::network::add_to_linker::<_, WasiSockets>(l, &options, sockets)?;
    bindings::sockets::ip_name_lookup::add_to_linker::<_, WasiSockets>(l, sockets)?;
    sync::sockets::tcp::add_to_linker::<_, WasiSockets>(l, sockets)?;
    sync::sockets::udp::add_to_linker::<_, WasiSockets>(l, sockets)?;
    bindings::sockets::tcp_create_socket::add_to_linker::<_, Own>(l, own)?;
    sync::sockets::udp_create_socket::add_to_linker::<_, Own>(l, own)
}
