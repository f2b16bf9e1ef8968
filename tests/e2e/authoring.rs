//! A new author's way: `plugin new`, then the commands that it prints and nothing else, up to a section in a report.
//!
//! The tools of the languages are found through `PLUGIN_TOOLS`, which tests/run sets.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{BINARY, Ran, shared_cache};

const NAME: &str = "team.some_report";
const FOLDER: &str = "team_some_report";

/// A new plugin after all commands that `plugin new` printed.
struct Made {
    folder: TempDir,
    /// What the commands said.
    said: String,
}

impl Made {
    fn project(&self) -> PathBuf {
        self.folder.path().join(FOLDER)
    }

    fn read(&self, name: &str) -> String {
        let path = self.project().join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn size(&self) -> u64 {
        fs::metadata(self.project().join("team_some_report.wasm")).unwrap().len()
    }
}

/// `PATH` with the tools of all languages in front.
fn path() -> OsString {
    let tools = env::var_os("PLUGIN_TOOLS").expect("tests/run sets PLUGIN_TOOLS");
    let all = env::split_paths(&tools).chain(env::split_paths(&env::var_os("PATH").unwrap())).collect::<Vec<_>>();
    env::join_paths(all).unwrap()
}

fn command(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env("PATH", path())
        .env("XDG_CACHE_HOME", shared_cache())
        .env("NO_COLOR", "1")
        .stdin(Stdio::null());
    command
}

fn call(program: &str, folder: &Path, arguments: &[&str]) -> Ran {
    command(program, folder).args(arguments).output().unwrap().into()
}

fn succeed(program: &str, folder: &Path, arguments: &[&str]) -> Ran {
    let ran = call(program, folder, arguments);
    assert_eq!(ran.code, Some(0), "{program} {arguments:?}:\n{}{}", ran.stdout, ran.stderr);
    ran
}

/// Makes a plugin, and does what is printed as a shell does it.
fn make(language: &str) -> Made {
    let folder = TempDir::new().unwrap();
    let printed = succeed(BINARY, folder.path(), &["plugin", "new", "--lang", language, NAME]).stdout;
    // All tools are here: nothing is to be installed.
    let expected = format!("cd {FOLDER}\n{BINARY} plugin build\n{BINARY} plugin test\n{BINARY} run\n");
    assert_eq!(printed, expected);
    let ran = succeed("sh", folder.path(), &["-e", "-c", &printed]);
    Made { said: ran.stdout + &ran.stderr, folder }
}

/// Each language is built once for all tests.
fn made(language: &'static str) -> &'static Made {
    static RUST: OnceLock<Made> = OnceLock::new();
    static PYTHON: OnceLock<Made> = OnceLock::new();
    static JS: OnceLock<Made> = OnceLock::new();
    static C: OnceLock<Made> = OnceLock::new();
    let cell = match language {
        "rust" => &RUST,
        "python" => &PYTHON,
        "js" => &JS,
        "c" => &C,
        other => panic!("no template for {other}"),
    };
    cell.get_or_init(|| make(language))
}

fn lands_in_the_report(language: &'static str, largest: u64) {
    let made = made(language);
    assert!(made.size() <= largest, "{} bytes", made.size());
    assert!(made.said.contains("\n$ "), "the build names its commands: {}", made.said);

    let reports = "data/artifacts/summaries/latest/reports";
    let page = made.read(&format!("{reports}/{NAME}.md"));
    let first = made.read(&format!("{reports}/forensic_report.md"));
    for expected in ["Slowest stages", "5 slowest of 5 stages", "train", "data/scores.csv"] {
        assert!(page.contains(expected), "{expected:?} is not in\n{page}");
        assert!(first.contains(expected), "{expected:?} is not in\n{first}");
    }
    // The span of the plugin's own work is in the run's trace.
    let trace = made.read("data/artifacts/summaries/latest/data/forensic_trace.json");
    let trace: Vec<Value> = serde_json::from_str(&trace).unwrap();
    let ranked: Vec<_> = trace.iter().filter(|span| span["name"] == "rank stages").collect();
    assert_eq!(ranked.len(), 1);
    assert_eq!(ranked[0]["attributes"]["stages"], 5);

    // The same run gives the same bytes.
    succeed(BINARY, &made.project(), &["report", "latest"]);
    assert_eq!(made.read(&format!("{reports}/forensic_report.md")), first);
}

#[test]
fn a_plugin_in_rust() {
    lands_in_the_report("rust", 150 << 10);
    let made = made("rust");
    // The lock file of the template fits the SDK: cargo had nothing to change but the order.
    let template = include_str!("../../guest-sdk/templates/rust/Cargo.lock").replace("acme_slowest", FOLDER);
    assert_eq!(
        packages(&made.read("Cargo.lock")),
        packages(&template),
        "make guest-sdk/templates/rust/Cargo.lock anew"
    );
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let ran = succeed(&cargo, &made.project(), &["test", "--locked"]);
    assert!(ran.stdout.contains("4 passed"), "{}", ran.stdout);
}

/// The packages of a lock file, in any order.
fn packages(lock: &str) -> BTreeMap<String, String> {
    let all = lock.split("[[package]]").skip(1).map(str::trim);
    all.map(|package| (package.lines().take(2).collect(), package.to_owned())).collect()
}

#[test]
fn a_plugin_in_python() {
    lands_in_the_report("python", 24 << 20);
    let made = made("python");
    let ran = succeed("python3", &made.project(), &["-m", "unittest"]);
    assert!(ran.stderr.contains("Ran 4 tests"), "{}", ran.stderr);
    // The generated modules fit the WIT.
    let fresh = TempDir::new().unwrap();
    let folder = fresh.path().to_str().unwrap();
    succeed("componentize-py", &made.project(), &["-d", "wit", "-w", "report-plugin", "bindings", folder]);
    same_files(&fresh.path().join("wit_world"), &made.project().join("wit_world"), ".py");
}

#[test]
fn a_plugin_in_javascript() {
    lands_in_the_report("js", 14 << 20);
    let made = made("js");
    let ran = succeed("node", &made.project(), &["--test", "test/"]);
    assert!(ran.stdout.contains("# fail 0") && !ran.stdout.contains("# pass 0"), "{}", ran.stdout);
    let fresh = TempDir::new().unwrap();
    let folder = fresh.path().to_str().unwrap();
    succeed("jco", &made.project(), &["guest-types", "wit", "--world-name", "report-plugin", "--out-dir", folder]);
    same_files(fresh.path(), &made.project().join("types"), ".d.ts");
}

#[test]
fn a_plugin_in_c() {
    lands_in_the_report("c", 64 << 10);
    let made = made("c");
    // Of the compiler; the run has one of its own.
    assert!(!made.said.contains("warning:"), "{}", made.said);
}

/// The files of a folder with this ending are those of another one.
fn same_files(expected: &Path, found: &Path, ending: &str) {
    for entry in fs::read_dir(expected).unwrap() {
        let path = entry.unwrap().path();
        let other = found.join(path.file_name().unwrap());
        if path.is_dir() {
            same_files(&path, &other, ending);
        } else if path.to_str().unwrap().ends_with(ending) {
            assert_eq!(fs::read_to_string(&path).unwrap(), fs::read_to_string(&other).unwrap(), "{}", other.display());
        }
    }
}

#[test]
fn all_languages_give_the_same_page() {
    // `plugin test` has compared each with the same golden files; the templates differ in nothing else.
    let golden = |language| made(language).read("tests/golden/example.md");
    assert!(golden("rust").contains("Slowest stages"));
    for language in ["python", "js", "c"] {
        assert_eq!(golden(language), golden("rust"), "{language}");
    }
}

#[test]
fn a_folder_that_is_not_empty_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let arguments = ["plugin", "new", "--lang", "c", "--out", "here", NAME];
    fs::create_dir(folder.path().join("here")).unwrap();
    succeed(BINARY, folder.path(), &arguments);
    let ran = call(BINARY, folder.path(), &arguments);
    assert_eq!(ran.code, Some(2));
    assert_eq!(ran.stderr, "error: here is there already and not empty: name another folder with `--out`\n");
}

#[test]
fn a_bad_name_is_refused_with_a_better_one() {
    let folder = TempDir::new().unwrap();
    let ran = call(BINARY, folder.path(), &["plugin", "new", "--lang", "rust", "Slowest-Stages"]);
    assert_eq!(ran.code, Some(2));
    assert_eq!(
        ran.stderr,
        "error: `Slowest-Stages` can't be the name of a plugin: only small letters, digits, `_` and `.` are allowed. \
         Did you mean `team.slowest_stages`?\n"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn missing_tools_are_named_with_the_command_that_installs_them() {
    for (language, tool, cure) in [
        (
            "python",
            "componentize-py is neither in .venv nor in PATH",
            ".venv/bin/pip install --requirement requirements.txt",
        ),
        ("js", "Node.js is not in PATH", "npm"),
        ("c", "clang is not in PATH", "apt-get install clang lld wasi-libc libclang-rt-dev-wasm32"),
    ] {
        let folder = TempDir::new().unwrap();
        let bare = |arguments: &[&str]| -> Ran {
            let mut command = command(BINARY, folder.path());
            command.env("PATH", folder.path()).env_remove("WASI_SDK_PATH").args(arguments).output().unwrap().into()
        };
        let printed = bare(&["plugin", "new", "--lang", language, "--out", "here", NAME]).stdout;
        assert!(printed.lines().count() > 4, "the commands begin with what is missing: {printed}");
        let ran = bare(&["plugin", "build", "here"]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains(tool) && ran.stderr.contains(cure), "{}", ran.stderr);
    }
}

#[test]
fn c_that_asks_for_the_time_is_told_that_there_is_none() {
    let folder = TempDir::new().unwrap();
    succeed(BINARY, folder.path(), &["plugin", "new", "--lang", "c", "--out", "here", NAME]);
    let source = folder.path().join("here/src/report.c");
    let text = fs::read_to_string(&source).unwrap();
    let text = text.replace("#include <stdlib.h>", "#include <stdlib.h>\n#include <time.h>");
    fs::write(&source, text.replace("double top = 10; ", "double top = time(NULL) > 0 ? 10 : 9; ")).unwrap();
    let ran = call(BINARY, folder.path(), &["plugin", "build", "here"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("its code needs `clock_time_get` (time, clock, clock_gettime)"), "{}", ran.stderr);
    assert!(!folder.path().join("here/team_some_report.wasm").exists());
}

#[test]
fn code_that_does_not_compile_keeps_its_own_messages_and_the_last_component() {
    let folder = TempDir::new().unwrap();
    succeed(BINARY, folder.path(), &["plugin", "new", "--lang", "c", "--out", "here", NAME]);
    succeed(BINARY, folder.path(), &["plugin", "build", "here"]);
    let component = folder.path().join("here/team_some_report.wasm");
    let before = fs::read(&component).unwrap();
    fs::write(folder.path().join("here/src/more.c"), "int broken(void) { return nothing_of_this_name; }\n").unwrap();
    let ran = call(BINARY, folder.path(), &["plugin", "build", "here"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("nothing_of_this_name"), "{}", ran.stderr);
    assert!(ran.stderr.contains("error: clang failed"), "{}", ran.stderr);
    assert_eq!(fs::read(&component).unwrap(), before);
}

#[test]
fn printing_in_c_goes_to_the_log() {
    let folder = TempDir::new().unwrap();
    succeed(BINARY, folder.path(), &["plugin", "new", "--lang", "c", "--out", "here", NAME]);
    let here = folder.path().join("here");
    let source = here.join("src/report.c");
    let text = fs::read_to_string(&source).unwrap();
    let text = text.replace("#include <stdlib.h>", "#include <stdio.h>\n#include <stdlib.h>");
    let noisy = "fr_begin(document, \"Slowest stages\");\n  printf(\"seen %s\\n\", \"by printf\");\n  abort();";
    fs::write(&source, text.replace("fr_begin(document, \"Slowest stages\");", noisy)).unwrap();
    succeed(BINARY, folder.path(), &["plugin", "build", "here"]);
    succeed(BINARY, &here, &["run", "--run-id", "R"]);
    let report = fs::read_to_string(here.join("data/artifacts/summaries/latest/reports/forensic_report.md")).unwrap();
    assert!(report.contains("seen by printf"), "{report}");
    assert!(report.contains("exports_forensic_report_plugin_render"), "a trap names its functions: {report}");
}

/// The fenced blocks of a language in a Markdown text.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        match &mut open {
            None if line == format!("```{language}") => open = Some(String::new()),
            Some(_) if line == "```" => found.extend(open.take()),
            Some(block) => *block += &format!("{line}\n"),
            None => {}
        }
    }
    found
}

#[test]
fn the_tutorial_does_what_it_says() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/tutorial.md")).unwrap();
    let commands = blocks(&text, "sh");
    assert!(commands.len() >= 6, "{} blocks", commands.len());
    let folder = TempDir::new().unwrap();
    let with_host = env::join_paths(
        env::split_paths(Path::new(BINARY).parent().unwrap().as_os_str())
            .chain(env::split_paths(&env::var_os("PATH").unwrap())),
    )
    .unwrap();
    let output = command("sh", folder.path())
        .env("PATH", with_host)
        .args(["-e", "-x", "-c", &commands.concat()])
        .output()
        .unwrap();
    let ran = Ran::from(output);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let page = folder.path().join("acme_slowest/data/artifacts/summaries/latest/reports/acme.slowest.md");
    let page = fs::read_to_string(page).unwrap();
    let shown = blocks(&text, "markdown");
    assert!(!shown.is_empty());
    for line in shown.iter().flat_map(|block| block.lines()) {
        assert!(page.lines().any(|written| written == line), "{line:?} is not in\n{page}");
    }
    assert!(ran.stderr.contains("differ") || ran.stdout.contains("differ"), "the golden page was another");
}

/// A plugin of this language that asks for the time, for chance and for a long sleep: what it shows follows from the run
/// alone, also when it is compiled anew.
fn clock_and_chance_are_the_runs(language: &'static str, file: &str, edits: [(&str, &str); 2]) {
    let folder = TempDir::new().unwrap();
    let project = folder.path().join("project");
    succeed("cp", folder.path(), &["-r", made(language).project().to_str().unwrap(), "project"]);
    fs::remove_dir_all(project.join("data")).unwrap();
    let mut source = fs::read_to_string(project.join(file)).unwrap();
    for (at, instead) in edits {
        assert!(source.contains(at), "{at:?} is not in\n{source}");
        source = source.replacen(at, instead, 1);
    }
    fs::write(project.join(file), source).unwrap();
    succeed(BINARY, &project, &["plugin", "build"]);
    succeed(BINARY, &project, &["run"]);
    let latest = project.join("data/artifacts/summaries/latest");
    let read = |name: &str| fs::read_to_string(latest.join(name)).unwrap();
    let page = format!("reports/{NAME}.md");
    let warm = read(&page);
    let record: Value = serde_json::from_str(&read("run.json")).unwrap();
    let seconds = record["end_time"].as_u64().unwrap() / 1_000_000_000;
    let line = warm.lines().find(|line| line.starts_with("clock ")).unwrap_or_else(|| panic!("{warm}"));
    assert!(line.starts_with(&format!("clock {seconds}")), "{seconds} is the run's end: {line}");

    succeed(BINARY, &project, &["report", "latest"]);
    assert_eq!(read(&page), warm, "the same, from the same machine code");
    let ran: Ran = command(BINARY, &project)
        .args(["report", "latest"])
        .env("XDG_CACHE_HOME", folder.path().join("cold"))
        .output()
        .unwrap()
        .into();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(read(&page), warm, "the same, compiled anew");
}

#[test]
fn clock_and_chance_in_python_are_the_runs() {
    let edits = [
        ("from typing import Any", "import random\nimport time\nimport uuid\nfrom typing import Any"),
        (
            "    files(document, host)\n",
            "    time.sleep(3600)\n    document.paragraph(f\"clock {time.time()} chance {random.random()} {uuid.uuid4()}\")\n",
        ),
    ];
    clock_and_chance_are_the_runs("python", "report.py", edits);
}

#[test]
fn clock_and_chance_in_javascript_are_the_runs() {
    let edits = [
        ("  files(builder, host);\n", "  builder.paragraph(`clock ${Date.now()} chance ${Math.random()}`);\n"),
        ("const NEWLINE = 10;", "const NEWLINE = 10; // edited"),
    ];
    clock_and_chance_are_the_runs("js", "report.js", edits);
}
