//! C: clang and the WASI C library make a core module that imports nothing of WASI; we add its WIT and make the component.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use forensic_guest_build::componentize_for;
use wasmparser::{Parser, Payload};

use super::{BuildError, OUT, WIT, WORLD, file, read, tools};

/// Folders with sources, in the order of the command.
const SOURCES: [&str; 2] = ["src", "sdk"];
const TARGET: &str = "--target=wasm32-wasi";
const CURE: &str = "On Debian: apt-get install clang lld wasi-libc libclang-rt-dev-wasm32. Elsewhere take the WASI SDK \
                    (https://github.com/WebAssembly/wasi-sdk) and set WASI_SDK_PATH to its folder";
/// The module of WASI's calls, as the C library knows it.
const WASI: &str = "wasi_snapshot_preview1";

/// A clang that has all that it needs for WebAssembly.
pub(super) fn find() -> Result<PathBuf, BuildError> {
    let missing = |what: String| BuildError::Missing { what, cure: CURE.into() };
    let clang = match env::var_os("WASI_SDK_PATH") {
        Some(sdk) => PathBuf::from(sdk).join("bin/clang"),
        None => {
            tools::in_path("clang").map(|_| "clang".into()).ok_or_else(|| missing("clang is not in PATH".into()))?
        }
    };
    // It answers with a bare name where it finds nothing.
    for (question, what) in [
        ("-print-prog-name=wasm-ld", "the linker wasm-ld"),
        ("-print-file-name=libc.a", "the C library for WebAssembly"),
        ("-print-libgcc-file-name", "the compiler's runtime library for WebAssembly"),
    ] {
        let answer = tools::output(&clang, &[TARGET, "--rtlib=compiler-rt", question]);
        if !Path::new(&answer).is_absolute() || !Path::new(&answer).exists() {
            return Err(missing(format!("{} does not find {what}", clang.display())));
        }
    }
    Ok(clang)
}

pub(super) fn build(folder: &Path, say: &mut dyn FnMut(&str)) -> Result<Vec<u8>, BuildError> {
    let clang = find()?;
    let core = Path::new(OUT).join("plugin.core.wasm");
    let made = folder.join(OUT);
    std::fs::create_dir_all(&made).map_err(|error| file(&made, format!("it can't be made: {error}")))?;
    let mut command = Command::new(clang);
    command
        // A reactor: a library with an initialization and no `main`.
        .args([TARGET, "-mexec-model=reactor", "-std=c11", "-Wall", "-Wextra", "-Isdk"])
        // Not `-Os` itself: with that, clang runs whatever wasm-opt is in PATH (jco brings one), which drops all names.
        .args(["-Xclang", "-Os"])
        // The stack before the data, so that an overflow traps and overwrites nothing.
        .args(["-Wl,--stack-first", "-Wl,-z,stack-size=131072", "-Wl,--gc-sections", "-o"])
        .arg(&core)
        .args(sources(folder)?);
    tools::run(folder, command, say)?;
    say(&format!(
        "wasm-tools strip --delete '^[.]debug' {} | wasm-tools component embed {WIT} --world {WORLD} | wasm-tools component \
         new # here forensic-host does that itself",
        core.display()
    ));
    let core = folder.join(core);
    let module = without_debug(&read(&core, "clang has not written it")?);
    let calls = wasi_calls(&module);
    if !calls.is_empty() {
        let calls: Vec<_> = calls.iter().map(|call| explain(call)).collect();
        return Err(BuildError::NoPlugin(format!(
            "its code needs {}. A plugin has no files, clock, environment or chance: times are in the trace, files are \
             read with `fr_read_all`",
            calls.join(", ")
        )));
    }
    componentize_for(&module, &folder.join(WIT), WORLD).map_err(BuildError::NoPlugin)
}

/// The C files of the project, below its folder, sorted.
fn sources(folder: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let mut all = Vec::new();
    for name in SOURCES {
        let path = folder.join(name);
        let entries = path.read_dir().map_err(|error| file(&path, format!("it can't be read: {error}")))?;
        let names = entries.flatten().map(|entry| entry.file_name());
        let mut own: Vec<PathBuf> = names.map(|file| Path::new(name).join(file)).collect();
        own.retain(|path| path.extension().is_some_and(|ending| ending == "c"));
        own.sort();
        all.extend(own);
    }
    Ok(all)
}

/// A module without the debug information that the C library brings along. The linker's own `--strip-debug` takes the names
/// of functions too, which a trap is told with.
fn without_debug(module: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(module.len());
    let mut copied = 0;
    let mut section = 0;
    for payload in Parser::new(0).parse_all(module) {
        // What can't be read is told by whoever makes the component.
        let Ok(payload) = payload else { return module.to_vec() };
        let end = match &payload {
            Payload::Version { range, .. } => range.end,
            Payload::CodeSectionStart { range, .. } => range.end,
            Payload::CodeSectionEntry(_) | Payload::End(_) => continue,
            other => match other.as_section() {
                Some((_, range)) => range.end,
                None => continue,
            },
        };
        if matches!(&payload, Payload::CustomSection(custom) if custom.name().starts_with(".debug")) {
            kept.extend_from_slice(&module[copied..section]);
            copied = end;
        }
        section = end;
    }
    kept.extend_from_slice(&module[copied..]);
    kept
}

/// The calls of WASI that a module imports.
fn wasi_calls(module: &[u8]) -> BTreeSet<String> {
    let mut calls = BTreeSet::new();
    for payload in Parser::new(0).parse_all(module).flatten() {
        if let Payload::ImportSection(section) = payload {
            let imports = section.into_imports().flatten();
            calls.extend(imports.filter(|import| import.module == WASI).map(|import| import.name.to_owned()));
        }
    }
    calls
}

/// A call of WASI with the functions of C that use it.
fn explain(call: &str) -> String {
    let functions = match call {
        "clock_time_get" | "clock_res_get" => "time, clock, clock_gettime",
        "environ_get" | "environ_sizes_get" => "getenv",
        "args_get" | "args_sizes_get" => "the arguments of main",
        "random_get" => "getentropy, arc4random",
        "poll_oneoff" => "sleep, poll",
        call if call.starts_with("path_") || call.starts_with("fd_") => "fopen, open, read",
        call if call.starts_with("sock_") => "sockets",
        _ => return format!("`{call}`"),
    };
    format!("`{call}` ({functions})")
}
