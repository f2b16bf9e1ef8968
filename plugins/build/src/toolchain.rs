//! Finds a toolchain that can build guests.
//!
//! First choice: the toolchain that builds the host, where it has the standard library for the target
//! (`rustup target add`). Else Debian's `rustc-web`, `cargo-web` and `rust-web-src`, which build the standard
//! library from source, with the linker that the first toolchain brings.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{TARGET, clean_command};

/// Set to `rustup` or `debian` to insist on one of the two.
pub(crate) const CHOICE: &str = "FORENSIC_GUEST_TOOLCHAIN";
/// Where Debian's `-web` packages put what they bring.
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_SOURCE: &str = "/usr/lib/rustlib/src/rust/library";

pub(crate) enum Toolchain {
    /// The host's own, with the target's standard library.
    Host { cargo: OsString, sysroot: PathBuf },
    /// Debian's, which builds the standard library.
    Debian { linker: PathBuf },
}

impl Toolchain {
    /// The one for the package in `folder`, which may have a `rust-toolchain.toml`.
    pub(crate) fn find(folder: &Path) -> Result<Self, String> {
        let choice = env::var(CHOICE).unwrap_or_default();
        let sysroot = sysroot(folder)?;
        if choice != "debian" && sysroot.join("lib/rustlib").join(TARGET).join("lib").is_dir() {
            return Ok(Self::Host { cargo: env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), sysroot });
        }
        let linker = sysroot.join("lib/rustlib").join(host_triple()).join("bin/rust-lld");
        if choice != "rustup" && [DEBIAN_CARGO, DEBIAN_RUSTC, DEBIAN_SOURCE].iter().all(|path| Path::new(path).exists())
        {
            if !linker.is_file() {
                return Err(format!(
                    "no linker for WebAssembly guests: {} is missing. Install Rust with rustup (https://rustup.rs), \
                     whose toolchains bring it.",
                    linker.display()
                ));
            }
            return Ok(Self::Debian { linker });
        }
        Err(format!(
            "no toolchain for WebAssembly guests. Run `rustup target add {TARGET}`, or, on Debian without \
             rustup's downloads, `apt-get install rustc-web cargo-web rust-web-src`."
        ))
    }

    /// A cargo that builds for the target.
    pub(crate) fn cargo(&self) -> Command {
        match self {
            Self::Host { cargo, .. } => clean_command(cargo),
            Self::Debian { linker } => {
                let mut command = clean_command(DEBIAN_CARGO);
                command
                    .env("RUSTC", DEBIAN_RUSTC)
                    // Building the standard library is a feature of nightly toolchains.
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort")
                    .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
                command
            }
        }
    }

    /// Where the standard library's own paths begin, if known.
    pub(crate) fn sysroot(&self) -> Option<PathBuf> {
        match self {
            Self::Host { sysroot, .. } => Some(sysroot.clone()),
            Self::Debian { .. } => None,
        }
    }
}

fn host_triple() -> String {
    env::var("HOST").unwrap_or_else(|_| format!("{}-unknown-linux-gnu", env::consts::ARCH))
}

fn sysroot(folder: &Path) -> Result<PathBuf, String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = clean_command(&rustc).args(["--print", "sysroot"]).current_dir(folder).output().map_err(|error| {
        format!("can't start {}: {error}. Install Rust first (https://rustup.rs).", rustc.display())
    })?;
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}
