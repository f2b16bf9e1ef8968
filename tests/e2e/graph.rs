//! A pipeline as a picture.

use std::process::{Command, Stdio};

use crate::support::{Bench, workspace};

const DIAMOND: &str = "[pipeline]\nname = \"diamond\"\n\
    [stages.load]\nrun = 'true'\nenv = { TOKEN = \"s3cret-value\" }\n\
    [stages.left]\nrun = 'true'\nneeds = [\"load\"]\n\
    [stages.right]\nrun = 'true'\nneeds = [\"load\"]\n\
    [stages.end]\nrun = 'true'\nneeds = [\"left\", \"right\"]\n";

#[test]
fn each_format_shows_the_same_graph() {
    let bench = Bench::new(DIAMOND);
    let draw = |format: &str, locale: &str| {
        let mut command = bench.command(&["graph", "--format", format]);
        let ran: crate::support::Ran = command.env("LC_ALL", locale).output().unwrap().into();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(!ran.stdout.contains("s3cret") && !ran.stdout.contains("true\n"), "{}", ran.stdout);
        ran.stdout
    };
    let drawn = draw("text", "C.UTF-8");
    assert!(drawn.starts_with("diamond: 4 stages, 3 deep\n○   load\n├─● left\n● │ right\n●─┘ end\n"), "{drawn}");
    assert!(draw("text", "C").starts_with("diamond: 4 stages, 3 deep\no   load\n+-* left\n* | right\n*-' end\n"));
    let mermaid = draw("mermaid", "C");
    assert!(mermaid.starts_with("flowchart TD\n  s0[\"load\"]\n"), "{mermaid}");
    assert_eq!(mermaid.matches(" --> ").count(), 4);
    assert_eq!(draw("dot", "C").matches(" -> ").count(), 4);
    let json: serde_json::Value = serde_json::from_str(&draw("json", "C")).unwrap();
    assert_eq!(json["nodes"][3]["needs"], serde_json::json!([1, 2]));
}

#[test]
fn the_example_fits_a_terminal() {
    let example = workspace().join("example/pipeline.toml");
    let bench = Bench::new("");
    for all in [&[][..], &["--all"][..]] {
        let mut command = bench.command(&[&["graph", example.to_str().unwrap()], all].concat());
        let ran: crate::support::Ran = command.env("LC_ALL", "C.UTF-8").output().unwrap().into();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(ran.stdout.contains('●'), "drawn with rails: {}", ran.stdout);
        assert!(!ran.stdout.contains('…'), "nothing cut: {}", ran.stdout);
        assert!(ran.stdout.lines().all(|line| line.chars().count() <= 100), "{}", ran.stdout);
    }
    if let Ok(child) = Command::new("dot").arg("-Tsvg").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() {
        let dot = bench.call(&["graph", example.to_str().unwrap(), "--format", "dot", "--all"]).stdout;
        let mut child = child;
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), dot.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let svg = String::from_utf8(output.stdout).unwrap();
        assert_eq!(svg.matches("class=\"edge\"").count(), dot.matches(" -> ").count());
        assert!(svg.contains("momentum.ingest"));
    }
}

#[test]
fn a_pipeline_with_mistakes_is_not_drawn() {
    let bench = Bench::new("[pipeline]\nname = \"x\"\n[stages.a]\nrun = 'true'\nneeds = [\"a\"]\n");
    let ran = bench.call(&["graph"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{}", ran.stderr);
}
