//! Pipelines that stages run.

use super::*;

fn nested(file: &str) -> String {
    format!("[pipeline]\nname = \"x\"\n[stages.sub]\npipeline = \"{file}\"\n")
}

#[test]
fn nested_pipelines_are_checked_and_their_files_kept() {
    let inner =
        "include = [\"common.toml\"]\n[pipeline]\nname = \"inner\"\n[stages.a]\ntemplate = \"t\"\nworkdir = \"w\"\n";
    let bench = Bench::new(&[
        ("sub/p.toml", inner),
        ("sub/common.toml", "[templates.t]\nrun = \"1\"\n"),
        ("sub/w/x", ""),
        ("sub/q.toml", "[pipeline]\nname = \"q\"\n"),
    ]);
    let text = with(
        "[stages.\"${{ matrix.f }}\"]\nmatrix = { f = [\"p\", \"q\"] }\npipeline = \"sub/${{ matrix.f }}.toml\"\n[stages.again]\npipeline = \"sub/./p.toml\"",
    );
    let pipeline = bench.load(text).unwrap();
    assert_eq!(pipeline.stages[0].command, Command::Pipeline(pipeline.dir.join("sub/p.toml")));
    assert_eq!(pipeline.stages[2].command, Command::Pipeline(pipeline.dir.join("sub/p.toml")));
    let included: Vec<String> =
        pipeline.included.iter().map(|file| bench.bare(&file.path.display().to_string())).collect();
    assert_eq!(included, ["sub/p.toml", "sub/common.toml", "sub/q.toml"]);
}

#[test]
fn mistakes_of_nested_pipelines_are_shown_there() {
    let bench = Bench::new(&[("sub/p.toml", "[pipeline]\n[stages.a]\ncomand = [\"x\"]\n"), ("sub/q.toml", "[")]);
    assert_eq!(
        bench.mistakes(with("[stages.a]\npipeline = \"sub/p.toml\"\n[stages.b]\npipeline = \"sub/p.toml\"\n[stages.c]\npipeline = \"no.toml\"\n[stages.d]\npipeline = \"sub/q.toml\"\n[stages.e]\npipeline = \" \"")),
        [
            "pipeline.toml:8:12 cannot read the pipeline `no.toml` | there is no such file | it is relative to the folder of the \
             file that names it",
            "pipeline.toml:12:12 bad value for `pipeline` | it is empty",
            "sub/p.toml:1:2 `name` is missing in `[pipeline]` | add `name = \"…\"`",
            "sub/p.toml:3:1 unknown key `comand` in stage `a` | did you mean `command`?",
            "sub/q.toml:1:2 unquoted keys cannot be empty | expected letters, numbers, `-`, `_`",
        ]
    );
}

#[test]
fn pipelines_neither_run_themselves_nor_nest_without_end() {
    let bench = Bench::new(&[("a.toml", &nested("b/b.toml")), ("b/b.toml", &nested("../pipeline.toml"))]);
    assert_eq!(
        bench.refusal(nested("a.toml")),
        r#"error: the pipeline `b/../pipeline.toml` would run itself
 --> b/b.toml:4:12
  |
4 | pipeline = "../pipeline.toml"
  |            ^^^^^^^^^^^^^^^^^^ pipeline.toml → a.toml → b.toml → pipeline.toml
  |
  = help: run another one, or take the stage out
"#
    );
    let mut files: Vec<(String, String)> =
        (1..9).map(|i| (format!("{i}.toml"), nested(&format!("{}.toml", i + 1)))).collect();
    files.push(("9.toml".to_owned(), "[pipeline]\nname = \"x\"\n".to_owned()));
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let bench = Bench::new(&files);
    assert_eq!(
        bench.mistakes(nested("1.toml")),
        ["8.toml:4:12 pipelines are nested deeper than 8 | this one is too deep"]
    );
    assert!(bench.load(nested("2.toml")).is_ok());
}
