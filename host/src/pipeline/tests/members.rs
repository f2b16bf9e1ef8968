//! Stages made from a matrix or a list, and placeholders.

use super::*;

fn ids(pipeline: &Pipeline) -> Vec<&str> {
    pipeline.stages.iter().map(|stage| stage.id.as_str()).collect()
}

fn values(stage: &Stage) -> Vec<(&str, &str)> {
    let member = stage.member.as_ref().unwrap();
    member.values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[test]
fn a_matrix_makes_every_combination_but_those_left_out() {
    let pipeline = load_text(with(
        r#"profile = "dev"
[stages."${{ matrix.sleeve }}.ingest"]
matrix = { sleeve = ["momentum", "value"], year = [2023, 0x7e8] }
exclude = [{ sleeve = "value", year = 2023 }]
command = ["python3", "ingest.py", "${{ matrix.sleeve }}-${{matrix.year}}", "$${{ x }}", "${x}"]
env = { WHO = "${{ pipeline.name }}/${{ pipeline.profile }}" }
[stages.fit]
matrix = { gpu = [true] }
run = "fit ${{ matrix.gpu }}"
needs = ["momentum.ingest.2023"]
"#,
    ))
    .unwrap();
    assert_eq!(ids(&pipeline), ["momentum.ingest.2023", "momentum.ingest.2024", "value.ingest.2024", "fit.true"]);
    let second = &pipeline.stages[1];
    assert_eq!(second.member.as_ref().unwrap().of, "{sleeve}.ingest.{year}");
    assert_eq!(values(second), [("sleeve", "momentum"), ("year", "2024")]);
    let words = ["python3", "ingest.py", "momentum-2024", "${{ x }}", "${x}"];
    assert_eq!(second.command, Command::Argv(words.map(str::to_owned).to_vec()));
    assert_eq!(second.env["WHO"], "x/dev");
    assert_eq!(pipeline.stages[3].command, Command::Shell("fit true".to_owned()));
    assert_eq!(pipeline.stages[3].needs, [0]);
}

#[test]
fn lists_are_arrays_lines_json_and_csv() {
    let bench = Bench::new(&[
        ("lists/u.txt", "\u{feff}# all\r\nAAPL\r\n\r\n  MSFT # no comment here\n"),
        ("p.json", r#"[{"id": "a", "n": 1.50}, {"n": true, "id": "b"}]"#),
        ("q.csv", "ticker,weight\nAAPL,0.5\n\"MS,FT\", 1\n"),
        ("axis.json", r#"["x", 2]"#),
    ]);
    let pipeline = bench
        .load(with(
            r#"[stages.a]
foreach = ["one", 2, true]
run = "${{ item }}"
[stages.b]
foreach = [{ id = "x", n = 1 }, { n = 2, id = "y" }]
run = "${{ item.n }}"
[stages."c-${{ item.n }}"]
foreach = { file = "p.json" }
run = "${{ item.id }}"
[stages."d"]
foreach = { file = "axis.json" }
run = "x"
[stages."${{ item.ticker }}.e"]
foreach = [{ ticker = "AAPL" }]
run = "x"
[stages.f]
matrix = { a = { file = "axis.json" } }
foreach = ["p", "q"]
run = "${{ matrix.a }}${{ item }}"
"#,
        ))
        .unwrap();
    assert_eq!(
        ids(&pipeline),
        [
            "a.one", "a.2", "a.true", "b.x", "b.y", "c-1.50", "c-true", "d.x", "d.2", "AAPL.e", "f.x.p", "f.x.q",
            "f.2.p", "f.2.q"
        ]
    );
    assert_eq!(pipeline.stages[4].command, Command::Shell("2".to_owned()));
    assert_eq!(values(&pipeline.stages[5]), [("item.id", "a"), ("item.n", "1.50")]);
    assert_eq!(pipeline.stages[3].member.as_ref().unwrap().of, "b.{item.id}");
    let included: Vec<_> = pipeline.included.iter().map(|source| source.path.file_name().unwrap()).collect();
    assert_eq!(included, ["p.json", "axis.json"], "each once");
    assert_eq!(pipeline.included[1].text, r#"["x", 2]"#);

    let lines = with("[stages.\"x\"]\nforeach = { file = \"lists/u.txt\" }\nrun = \"${{ item }}\"");
    assert_eq!(
        bench.refusal(&lines),
        r#"error: bad stage id `x.MSFT # no comment here`
 --> pipeline.toml:3:9
  |
3 | [stages."x"]
  |         ^^^ ` ` is not allowed
  |
  = help: an id has letters, digits, `.`, `_` and `-`, starts with a letter or digit, and has at most 128 characters
  = help: this is the stage `x.MSFT # no comment here`, where item = MSFT # no comment here
"#
    );
    let csv = with("[stages.\"${{ item.ticker }}\"]\nforeach = { file = \"q.csv\" }\nrun = \"${{ item.weight }}\"");
    assert!(bench.refusal(&csv).starts_with("error: bad stage id `MS,FT`\n"));
}

#[test]
fn wrong_lists_are_told_where_they_are_wrong() {
    let bench = Bench::new(&[
        ("a.csv", "id,n\nx,1\ny\n"),
        ("b.json", "[1,\n  {\"a\": 2}, null]"),
        ("c.json", "{\"a\": 1}"),
        ("d.txt", "# nothing\n"),
        ("e.csv", "id,id\nx,1\n"),
        ("f.json", "[{\"id\": \"a\", \"n\": 1}, {\"id\": \"b\"}]"),
    ]);
    let all: String = ["a.csv", "b.json", "c.json", "d.txt", "e.csv", "f.json", "g.txt"]
        .iter()
        .enumerate()
        .map(|(i, file)| format!("[stages.s{i}]\nforeach = {{ file = \"{file}\" }}\nrun = \"x\"\n"))
        .collect();
    assert_eq!(
        bench.mistakes(with(&all)),
        [
            "pipeline.toml:13:20 the list is empty | nothing would be made from it",
            "pipeline.toml:22:20 cannot read the list `g.txt` | there is no such file | it is relative to the folder of the \
             file that names it",
            "a.csv:3:1 a row of the list can't be read | it has 1 of 2 values",
            "b.json:2:3 the items of the list differ in kind | expected a value, as the first one is",
            "b.json:2:13 an item of the list has the wrong type | expected a string, a number, a boolean, or an object of such",
            "c.json:1:1 the list is no JSON array | invalid type: map, expected a sequence",
            "e.csv:2:1 bad name `id` of a part of the list's items | names are not empty, stand there once, and have no braces",
            "f.json:1:23 the items of the list differ in kind | `n` is missing",
        ]
    );
}

#[test]
fn what_a_stage_is_made_from_is_checked() {
    for (body, expected) in [
        ("matrix = {}", "4:10 bad value for `matrix` | it has no axis | write `matrix = { year = [2023, 2024] }`"),
        ("matrix = { a = [] }", "4:16 the list is empty | nothing would be made from it"),
        (
            "matrix = { a = [1.5] }",
            "4:17 wrong type for `a` | expected a string, an integer or a boolean, found a float | write it in quotes: \"1.5\"",
        ),
        ("matrix = { a = [1, \"1\"] }", "4:20 `1` is listed twice in `a` | again here | keep one"),
        ("matrix = { \"a b\" = [1] }", "4:12 bad name `a b` of an axis | letters, digits, `_` and `-` are allowed"),
        (
            "matrix = { a = [{ b = 1 }] }",
            "4:16 bad value for `a` | an axis has plain values | use `foreach` for items with parts",
        ),
        (
            "matrix = { a = \"x\" }",
            "4:16 wrong type for `a` | expected an array of values, or `{ file = \"…\" }`, found a string",
        ),
        ("matrix = { a = { fil = \"x\" } }", "4:18 unknown key `fil` in `a` | did you mean `file`?"),
        ("exclude = [{ a = 1 }]", "4:1 `exclude` without `matrix` | there is nothing to leave out"),
        (
            "matrix = { a = [1] }\nexclude = [{ a = 2 }]",
            "5:12 `exclude` matches nothing | no member has these values | take it out, or correct the values",
        ),
        (
            "matrix = { a = [1] }\nexclude = [{ a = 1 }]",
            "5:11 bad value for `exclude` | it leaves nothing | keep one combination at least",
        ),
        ("matrix = { year = [1, 2] }\nexclude = [{ yaer = 1 }]", "5:14 `yaer` does not vary | did you mean `year`?"),
        (
            "foreach = [{ n = 1 }]",
            "3:9 the id `a` does not tell its stages apart | the items of `foreach` have no `id` | give them one, or name a part in the id: `a.${{ item.n }}`",
        ),
        (
            "foreach = [\"x\", { n = 1 }]",
            "4:17 the items of the list differ in kind | expected a value, as the first one is",
        ),
        (
            "foreach = [\"x\", \"X\"]",
            "3:9 stages `a.x` and `a.X` differ only in case | ids name folders, which some file systems would take for one; give one of them another id; this is the stage `a.X`, where item = X",
        ),
        (
            "foreach = [\"a/b\", \"c/d\"]",
            "3:9 bad stage id `a.a/b` | `/` is not allowed | an id has letters, digits, `.`, `_` and `-`, starts with a letter or digit, and has at most 128 characters; this is the stage `a.a/b`, where item = a/b; the same is wrong with 1 more that are made from this",
        ),
        (
            "foreach = [\"stages\", \"q\"]\nworkdir = \"${{ item }}\"",
            "5:11 bad working folder `q` | there is no such folder | it is relative to the pipeline file's folder; this is the stage `a.q`, where item = q",
        ),
    ] {
        assert_eq!(mistakes(stage(&format!("{body}\nrun = \"1\""))), [expected], "{body}");
    }
    let twice =
        with("[stages.\"${{ matrix.a }}\"]\nmatrix = { a = [\"x\", \"y\"] }\nrun = \"1\"\n[stages.y]\nrun = \"1\"");
    assert_eq!(
        refusal(twice),
        r#"error: stage `y` is defined twice
 --> pipeline.toml:6:9
  |
3 | [stages."${{ matrix.a }}"]
  |         ----------------- first here
...
6 | [stages.y]
  |         ^ again here
  |
  = help: give each stage an id of its own, or keep one
"#
    );
}

#[test]
fn placeholders_are_checked_where_they_stand() {
    assert_eq!(
        refusal(stage(
            "matrix = { sleeve = [\"x\"] }\nrun = \"\"\"\nfit ${{ sleeve }}\n  ${{ matrix.sleve }} ${{ item }\n\"\"\"\nenv = { P = \"${{ pipeline.profile }}\" }"
        )),
        r#"error: unknown placeholder `sleeve`
 --> pipeline.toml:6:5
  |
6 | fit ${{ sleeve }}
  |     ^^^^^^^^^^^^^ there is no such value here
  |
  = help: did you mean `${{ matrix.sleeve }}`?
  = help: for the text `${{` itself, write `$${{`

error: unknown placeholder `matrix.sleve`
 --> pipeline.toml:7:3
  |
7 |   ${{ matrix.sleve }} ${{ item }
  |   ^^^^^^^^^^^^^^^^^^^ there is no such value here
  |
  = help: did you mean `${{ matrix.sleeve }}`?
  = help: for the text `${{` itself, write `$${{`

error: a placeholder is not closed
 --> pipeline.toml:7:23
  |
7 |   ${{ matrix.sleve }} ${{ item }
  |                       ^^^^^^^^^^ expected `}}` after this
  |
  = help: for the text `${{` itself, write `$${{`

error: the pipeline has no profile
 --> pipeline.toml:9:14
  |
9 | env = { P = "${{ pipeline.profile }}" }
  |              ^^^^^^^^^^^^^^^^^^^^^^^ this stands for it
  |
  = help: add `profile = "…"` to `[pipeline]`
"#
    );
    assert_eq!(
        mistakes(with("[stages.\"${{ matrix.x }}\"]\nrun = \"1\"")),
        [
            "3:10 unknown placeholder `matrix.x` | there is no such value here | known here: pipeline.name, pipeline.profile; \
          for the text `${{` itself, write `$${{`"
        ]
    );
}

#[test]
fn there_are_limits() {
    let axis = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>().join(",");
    let large = format!("matrix = {{ a = [{}], b = [{}] }}\nrun = \"1\"", axis(400), axis(251));
    assert_eq!(mistakes(stage(&large)), ["4:1 it makes 100400 stages | at most 100000 can be made from one"]);
    let parts: String = (0..21).map(|i| format!("p{i},")).collect();
    let rows = format!("{parts}id\n") + &(0..96_000).map(|i| format!("{}{i}\n", ",".repeat(21))).collect::<String>();
    let bench = Bench::new(&[("wide.csv", &rows), ("folder/x", "")]);
    assert_eq!(
        bench.mistakes(stage("foreach = { file = \"wide.csv\" }\nrun = \"1\"")),
        ["pipeline.toml:4:20 the list is too long | at most 100000 items, and 2000000 values of all, are allowed"]
    );
    assert_eq!(
        bench.mistakes(stage("foreach = { file = \"folder\" }\nrun = \"1\"")),
        ["pipeline.toml:4:20 cannot read the list `folder` | this is not a file"]
    );
    let hundred_thousand = format!("matrix = {{ a = [{}], b = [{}] }}\nrun = \"1\"", axis(400), axis(250));
    let three = with(&["x", "y", "z"].map(|id| format!("[stages.{id}]\n{hundred_thousand}\n")).concat());
    assert_eq!(mistakes(three), ["9:9 the pipeline has more than 200000 stages | from here on they are too many"]);
}
