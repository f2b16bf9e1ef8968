//! Compiles the first-party plugins from source and embeds them: `builtin:NAME`. Embeds what `plugin new` writes: the
//! templates, the SDK's source and the WIT. Bundles the dashboard's script and style sheet. Tells the linker an order.

#[path = "build/bundle.rs"]
mod bundle;
#[path = "build/minify.rs"]
mod minify;
#[path = "build/order.rs"]
mod order;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use sha2::{Digest as _, Sha256};

/// Name after `builtin:`, and the package that it is built from.
const BUILTINS: &[(&str, &str)] = &[
    ("alpha.report_clusters", "alpha-report-clusters"),
    ("alpha.report_decisions", "alpha-report-decisions"),
    ("alpha.report_selection", "alpha-report-selection"),
    ("risk.report_attribution", "risk-report-attribution"),
    ("risk.report_friction", "risk-report-friction"),
    ("risk.report_index", "risk-report-index"),
    ("risk.report_meta", "risk-report-meta"),
    ("risk.report_portfolio", "risk-report-portfolio"),
    ("risk.report_tearsheet", "risk-report-tearsheet"),
    ("risk.report_tournament", "risk-report-tournament"),
];

fn main() {
    let workspace = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("..");
    let workspace = workspace.canonicalize().expect("the manifest's folder exists");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    for watched in ["plugins", "guest-sdk", "wit", "host/dashboard", "host/build", "Cargo.lock", "Cargo.toml"] {
        println!("cargo::rerun-if-changed={}", workspace.join(watched).display());
    }
    let made = bundle_dashboard(&workspace.join("host/dashboard"), &out)
        .and_then(|()| embed(&workspace, &out))
        .and_then(|()| embed_templates(&workspace, &out));
    for argument in order::arguments(&workspace.join("host/build/link-order.txt"), &out) {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
    if let Err(why) = made {
        println!("cargo::error={}", why.replace('\n', "\ncargo::error="));
    }
}

fn embed(workspace: &Path, out: &Path) -> Result<(), String> {
    let packages: Vec<&str> = BUILTINS.iter().map(|(_, package)| *package).collect();
    // Shared by all profiles and by the tests' guests: the guests' own dependencies are compiled once.
    let target = target_folder(workspace, out).join("guests");
    let components = forensic_guest_build::build_guests(workspace, &target, &packages)?;
    let mut table = String::from("static BUILTINS: &[Builtin] = &[\n");
    for ((name, package), component) in BUILTINS.iter().zip(components) {
        let file = out.join(package).with_extension("wasm");
        let sha256: String = Sha256::digest(&component).iter().map(|byte| format!("{byte:02x}")).collect();
        fs::write(&file, component).map_err(|error| format!("can't write {}: {error}", file.display()))?;
        table +=
            &format!("    Builtin {{ name: {name:?}, component: include_bytes!({file:?}), sha256: {sha256:?} }},\n");
    }
    table += "];\n";
    fs::write(out.join("builtins.rs"), table).map_err(|error| format!("can't write builtins.rs: {error}"))
}

/// Writes `dashboard.js`, `dashboard.css`, `pages.css`, and their digests.
fn bundle_dashboard(folder: &Path, out: &Path) -> Result<(), String> {
    let mut paths = Vec::new();
    collect(folder, false, &mut paths)?;
    let mut files = BTreeMap::new();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".js") || name.ends_with(".css") {
            let text = fs::read_to_string(&path).map_err(|error| format!("can't read {}: {error}", path.display()))?;
            files.insert(name, text);
        }
    }
    let made = bundle::bundle(&files, minify::minify).map_err(|why| format!("host/dashboard: {why}"))?;
    // For the policy of every page, which allows these and nothing else.
    let digests = [&made.style, &made.script, &made.pages].map(|text| <[u8; 32]>::from(Sha256::digest(text)));
    fs::write(out.join("dashboard.digests"), format!("{digests:?}"))
        .and_then(|()| fs::write(out.join("dashboard.js"), made.script))
        .and_then(|()| fs::write(out.join("dashboard.css"), made.style))
        .and_then(|()| fs::write(out.join("pages.css"), made.pages))
        .map_err(|error| format!("can't write the dashboard: {error}"))
}

/// Writes a table of paths below the workspace and contents, sorted by path.
fn embed_templates(workspace: &Path, out: &Path) -> Result<(), String> {
    let mut files = vec![workspace.join("guest-sdk/Cargo.toml"), workspace.join("Cargo.toml")];
    for folder in ["guest-sdk/src", "guest-sdk/templates"] {
        collect(&workspace.join(folder), true, &mut files)?;
    }
    collect(&workspace.join("wit"), false, &mut files)?;
    files.sort();
    let mut table = String::from("static FILES: &[(&str, &[u8])] = &[\n");
    for file in files {
        let name = file.strip_prefix(workspace).map_err(|error| error.to_string())?;
        table += &format!("    ({:?}, include_bytes!({file:?})),\n", name.display().to_string());
    }
    table += "];\n";
    fs::write(out.join("templates.rs"), table).map_err(|error| format!("can't write templates.rs: {error}"))
}

/// Files of a folder; what trying a template in place leaves behind is no part of it.
fn collect(folder: &Path, deep: bool, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let problem = |error| format!("can't read {}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(problem)? {
        let path = entry.map_err(problem)?.path();
        let name = path.file_name().unwrap_or_default();
        if path.is_file() {
            files.push(path);
        } else if deep && !["target", "build", "node_modules", ".venv", "__pycache__"].iter().any(|made| name == *made)
        {
            collect(&path, true, files)?;
        }
    }
    Ok(())
}

/// The outer cargo's target folder: the part of `OUT_DIR` before `<profile>/build/…`.
fn target_folder(workspace: &Path, out: &Path) -> PathBuf {
    out.ancestors()
        .find(|folder| folder.file_name().is_some_and(|name| name == "build"))
        .and_then(|build| build.parent()?.parent())
        .map_or_else(|| workspace.join("target"), Path::to_owned)
}
