//! Completions, the manual and the schema: loaded by the programs that they are for.

use std::process::{Command, Output, Stdio};

use crate::support::Bench;

/// The output of a program on this input; `None` where it isn't installed.
fn through(program: &str, arguments: &[&str], input: &str) -> Option<Output> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().ok()?;
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || drop(std::io::Write::write_all(&mut stdin, input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Some(output)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn bash_completes_commands_and_flags() {
    let bench = Bench::new("");
    let script = bench.call(&["completions", "bash"]).stdout;
    let cases = [
        ("forensic-host va", "validate"),
        ("forensic-host plugin pre", "precompile"),
        ("forensic-host run --fail", "--fail-on"),
        ("forensic-host graph --format m", "mermaid"),
    ];
    for (typed, expected) in cases {
        let words: Vec<&str> = typed.split(' ').collect();
        let ask = format!(
            "{script}\nCOMP_WORDS=({typed}); COMP_CWORD={}; COMP_LINE='{typed}'; COMP_POINT=${{#COMP_LINE}}\n\
             complete=$(complete -p forensic-host) && function=${{complete#*-F }} && ${{function%% *}} forensic-host '{}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
            words.len() - 1,
            words[words.len() - 1],
            words[words.len() - 2],
        );
        let output = through("bash", &["--norc"], &ask).unwrap();
        assert_eq!(text(&output.stdout).trim(), expected, "{typed}: {}", text(&output.stderr));
    }
}

#[test]
fn other_shells_read_their_completions_too() {
    let bench = Bench::new("");
    for (shell, check) in [("zsh", &["-n"][..]), ("fish", &["--no-execute"][..]), ("elvish", &["-compileonly"][..])] {
        let ran = bench.call(&["completions", shell]);
        assert!(ran.stdout.contains("precompile") && ran.stdout.contains("fail-on"), "{shell}");
        bench.write("script", &ran.stdout);
        let file = bench.path().join("script");
        if let Some(output) = through(shell, &[check, &[file.to_str().unwrap()]].concat(), "") {
            assert!(output.status.success(), "{shell}: {}", text(&output.stderr));
        }
    }
    assert!(bench.call(&["completions", "powershell"]).stdout.contains("Register-ArgumentCompleter"));
    assert_eq!(bench.call(&["completions", "tcsh"]).code, Some(2));
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    let bench = Bench::new("");
    let ran = bench.call(&["man", "--out", "man1"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let mut pages: Vec<_> =
        std::fs::read_dir(bench.path().join("man1")).unwrap().map(|page| page.unwrap().path()).collect();
    pages.sort();
    let names: Vec<String> =
        pages.iter().map(|page| page.file_name().unwrap().to_string_lossy().into_owned()).collect();
    for expected in
        ["forensic-host.1", "forensic-host-run.1", "forensic-host-plugin-new.1", "forensic-host-trace-merge.1"]
    {
        assert!(names.iter().any(|name| name == expected), "{expected} in {names:?}");
    }
    assert!(!names.iter().any(|name| name.contains("help")), "{names:?}");
    for page in &pages {
        let roff = std::fs::read_to_string(page).unwrap();
        assert!(
            roff.contains(".TH ") && roff.contains(".SH NAME") && roff.contains(".SH SYNOPSIS"),
            "{}",
            page.display()
        );
        // Each warns in its own words where it does not understand a page.
        if let Some(output) = through("mandoc", &["-T", "lint", "-W", "error", page.to_str().unwrap()], "") {
            assert!(output.status.success(), "{}: {}", page.display(), text(&output.stdout));
        }
        if let Some(output) = through("groff", &["-man", "-Tutf8", "-ww", page.to_str().unwrap()], "") {
            let shown = text(&output.stdout);
            assert!(output.status.success() && shown.contains("forensic-host"), "{}: {shown}", page.display());
        }
    }
    let main = bench.call(&["man"]).stdout;
    assert_eq!(main, std::fs::read_to_string(bench.path().join("man1/forensic-host.1")).unwrap());
    assert!(main.contains("Exit codes"), "{main}");
}

#[test]
fn the_schema_is_json_for_editors() {
    let ran = Bench::new("").call(&["schema"]);
    let schema: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(schema["$schema"].as_str().unwrap().contains("json-schema.org"), "{schema}");
}
