//! Whatever the text: a pipeline or mistakes that can be shown.

use std::path::Path;

use proptest::prelude::*;

use super::*;

/// Pieces that make pipelines, right and wrong, so that random texts get past the parser.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "[pipeline]\n",
        "name = \"x\"\n",
        "[stages.a]\n",
        "[stages.\"b.c\"]\n",
        "[stages]\n",
        "[[report]]\n",
        "[report]\n",
        "run = \"1\"\n",
        "command = [\"a\", \"b\"]\n",
        "needs = [\"a\", \"b.c\", \"q\"]\n",
        "env = { A = \"1\", \"\" = 2 }\n",
        "retries = { max = 1, backoff = \"1s\" }\n",
        "timeout = \"1M\"\n",
        "workdir = \"é\"\n",
        "id = \"r\"\n",
        "plugin = \"builtin:x\"\n",
        "artifacts = [\"{a\", \"**\"]\n",
        "config = { a = nan, b = [[1]] }\n",
        "limits = { time = \"1h\", fuel = 99999999999999999999 }\n",
        "x",
        "=",
        "\"",
        "\"\"\"",
        "[",
        "]",
        "{",
        "}",
        ",",
        "\r",
        "\n",
        "\t",
        "\0",
        "\u{feff}",
        "é",
        "#",
        "a.b.c = 1\n",
        "on_failure = 1\n",
        "[secrets]\n",
        "[redaction]\n",
        "[telemetry]\n",
        "env = [\"A\", \"A\", \"$B\"]\n",
        "files = [\"f\", \"f/\"]\n",
        "keys = [\"-\", \"k\"]\n",
        "patterns = { a = \"(\", b = \"x*\" }\n",
        "bytes_per_attempt = 1\n",
        "max_parallel = 0\n",
        "1979-05-27",
        "include = [\"a.toml\", \"p.toml\"]\n",
        "[pools]\ngpu = 1\n",
        "[environment]\n",
        "inherit = [\"A*\"]\nset = { A = \"${{ x }}\" }\n",
        "[templates.t]\n",
        "[groups.g]\n",
        "[groups.g.stages.a]\n",
        "[stages.\"${{ matrix.m }}-${{ item }}\"]\n",
        "template = [\"t\", \"u\"]\n",
        "matrix = { m = [1, \"é\", true], n = [\"..\"] }\n",
        "foreach = [\"x\", \"y/z\"]\n",
        "foreach = [{ id = 1 }, { id = \"A\" }]\n",
        "foreach = { file = \"/dev/null\" }\n",
        "exclude = [{ m = 1 }]\n",
        "needs = { any = [\"*\", \"a.*\", \"group:g\", \"${{ item.id }}\"] }\n",
        "when = { not = { any = [{ env = { A = true } }] }, result = { a = \"skip\" }, exists = [\"run:x\"] }\n",
        "resources = { gpu = 2 }\npriority = 1\n",
        "inputs = [\"*\", \"${{ item }}\"]\n",
        "outputs = [\"run:${{ matrix.m }}\"]\n",
        "cache = true\nallow_failure = true\n",
        "pipeline = \"p.toml\"\n",
        "${{",
        "}}",
        "$",
        "0x",
        "'",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn must_not_panic(text: String) {
    if let Err(found) = parse(Path::new("/nowhere/p.toml"), text, &BUILTINS) {
        assert!(found.count() > 0);
        found.render(false);
        found.render(true);
        serde_json::to_string(&found).unwrap();
    }
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        must_not_panic(text);
    }

    #[test]
    fn arbitrary_pieces_never_panic(text in pieces()) {
        must_not_panic(text);
    }
}
