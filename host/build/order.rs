//! Has the linker put side by side what ordinary commands run (`link-order.txt`, made by tests/bench/link_order.py), so that
//! a run holds half as much of the program's code in memory. Only lld and its like take such a list; others link as they would.

use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

/// The linker's arguments; none where it does not know them.
pub(crate) fn arguments(list: &Path, out: &Path) -> Vec<String> {
    // A name that is not there any more is no mistake: the list is older than the program.
    let arguments = [format!("-Wl,--symbol-ordering-file={}", list.display()), "-Wl,--no-warn-symbol-ordering".into()];
    if list.is_file() && links(&arguments, out) { arguments.into() } else { Vec::new() }
}

/// Whether a program can be linked with these, in the way that this one is.
fn links(arguments: &[String], out: &Path) -> bool {
    let source = out.join("linker_probe.rs");
    let (Some(compiler), Some(target)) = (env::var_os("RUSTC"), env::var_os("TARGET")) else { return false };
    if fs::write(&source, "fn main() {}\n").is_err() {
        return false;
    }
    let mut probe = Command::new(compiler);
    probe.arg(&source).arg("-o").arg(out.join("linker_probe")).arg("--target").arg(target);
    probe.args(
        env::var("CARGO_ENCODED_RUSTFLAGS")
            .iter()
            .flat_map(|flags| flags.split('\x1f'))
            .filter(|flag| !flag.is_empty()),
    );
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        let mut option = std::ffi::OsString::from("-Clinker=");
        option.push(linker);
        probe.arg(option);
    }
    probe.args(arguments.iter().map(|argument| format!("-Clink-arg={argument}")));
    probe.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}
