//! The bundler of `build.rs`, and what it made of the dashboard.

#[path = "../../../build/bundle.rs"]
mod bundler;

use super::super::html::style;
use bundler::{Bundle, SIZE_MAX, bundle};
use std::collections::BTreeMap;

fn made(files: &[(&str, &str)]) -> Result<Bundle, String> {
    let all = [("style.css", ":root{}")].iter().chain(files);
    bundle(&all.map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect::<BTreeMap<_, _>>(), |script| {
        Ok(script.to_owned())
    })
}

#[test]
fn modules_stand_behind_those_they_import() {
    let bundle = made(&[
        ("main.js", "// Begins.\nimport { b } from \"./b.js\";\nimport {\n  a,\n  aa,\n} from \"./a.js\";\n\nb(a + aa);\n"),
        ("a.js", "/**\n * @param {number} x\n */\nexport const a = 1;\nexport async function aa() {\n  return \"`/* kept */\" + 'it`s'; // stays\n}\n"),
        ("b.js", "import { a } from \"./a.js\";\nlet own = a;\nexport function* b(/** @type {import(\"./a.js\").X} */ x) {\n  // gone\n  return /** @type {X} */ (own);\n}\n"),
        ("b.css", "/* gone */\n.b{color:red}\n"),
        ("a.css", ".a{fill:url(#own)}"),
        ("c.css", "no module of that name"),
        ("unused.js", "export const a = 2;"),
    ])
    .unwrap();
    assert_eq!(
        bundle.script,
        "const a = 1;\nasync function aa() {\nreturn \"`/* kept */\" + 'it`s'; // stays\n}\nlet own = a;\n\
         function* b(x) {\nreturn (own);\n}\nb(a + aa);"
    );
    assert_eq!(bundle.style, ":root{}\n.a{fill:url(#own)}\n.b{color:red}");
}

#[test]
fn what_is_not_understood_is_refused() {
    let import_a = "import { a } from \"./a.js\";\n";
    for (main, a, problem) in [
        ("import { a } from \"./gone.js\";", "", "main.js:1: there is no module gone.js"),
        ("\n\nimport { b } from \"./a.js\";", "export const a = 1;", "main.js:3: a.js does not export b"),
        ("import { a as b } from \"./a.js\";", "export const a = 1;", "main.js:1: an import has the form"),
        ("import a from \"./a.js\";", "export const a = 1;", "main.js:1: an import has the form"),
        ("import \"./a.js\";", "export const a = 1;", "main.js:1: an import has the form"),
        ("import { a } from \"https://a.example/a.js\";", "", "main.js:1: an import has the form"),
        ("let x = 1;\nimport { a } from \"./a.js\";", "export const a = 1;", "main.js:2: imports stand at the top"),
        (import_a, "export default function a() {}", "a.js:1: an export has the form"),
        (import_a, "const a = 1;\nexport { a };", "a.js:2: an export has the form"),
        (import_a, "export const { a } = x;", "a.js:1: a top-level declaration has one plain name"),
        (import_a, "export const a, b = 1;", "a.js:1: a top-level declaration has one plain name"),
        (import_a, "var a = 1;", "a.js:1: a top-level declaration has one plain name"),
        (
            "import { a } from \"./a.js\";\nclass A {}\nconst a2 = 1;\nfunction own() {}",
            "export const a = 1;\nfunction own() {}",
            "main.js:4: own is a top-level name of a.js, too",
        ),
        (import_a, "import { b } from \"./b.js\";\nexport const a = b;", "imports go in a circle: a.js → b.js → a.js"),
        ("let x = \"</SCRIPT>\";", "", "main.js:1: `</script` would be read"),
        ("let x = 1 <!--y;", "", "main.js:1: `<!--` would be read"),
        ("x.innerHTML = y;", "", "main.js:1: `innerHTML` is not used in here"),
        ("const medieval = 1;\neval(x);", "", "main.js:2: `eval(` is not used in here"),
        ("new Function(x);", "", "main.js:1: `Function(` is not used in here"),
        ("const x = () => import(\"./a.js\");", "", "main.js:1: `import(` is not used in here"),
        ("const x = `a\nb`;", "", "main.js:1: a template literal ends on the line"),
        ("/* a\nb", "", "main.js: a comment does not end"),
    ] {
        let b = ("b.js", "import { a } from \"./a.js\";\nexport const b = a;");
        let why = made(&[("main.js", main), ("a.js", a), b]).expect_err(problem);
        assert!(why.starts_with(problem), "{why:?} instead of {problem:?}");
    }
    let styled = |css: &str| made(&[("main.js", ""), ("main.css", css)]).expect_err("a problem");
    assert!(styled("@import 'x.css';").starts_with("main.css:1: `@import`"));
    assert!(styled("a{}\nb{background:url(https://a.example)}").starts_with("main.css:2: `url(`"));
    assert_eq!(styled("@media (width<9px){}"), "a style sheet holds a `<`");
    assert!(bundle(&BTreeMap::new(), |script| Ok(script.to_owned())).is_err() && made(&[]).is_err());
}

#[test]
fn the_size_is_bounded() {
    let of = |n: usize| made(&[("main.js", &"let x=1\n".repeat(n)[..])]);
    assert!(of(1).is_ok());
    // Comments do not count.
    assert!(made(&[("main.js", &"// x\n".repeat(SIZE_MAX)[..])]).is_ok());
    let why = made(&[("main.js", &"x();\n".repeat(SIZE_MAX / 5)[..])]).expect_err("too large");
    assert!(why.contains("must stay below 81920 bytes together"), "{why}");
}

#[test]
fn what_build_made_is_a_bundle() {
    assert!(style::SCRIPT.len() + style::CSS.len() < SIZE_MAX);
    assert!(style::CSS.trim() == style::CSS && style::SCRIPT.trim() == style::SCRIPT);
    let left_edge = |word: &str| style::SCRIPT.lines().any(|line| line.starts_with(word));
    assert!(!left_edge("import ") && !left_edge("export "));
}
