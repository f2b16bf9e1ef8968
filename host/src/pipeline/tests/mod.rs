//! The loader as its users meet it: a file in, a pipeline or the whole text of the refusal out.

use std::fs;

use super::*;

mod any_text;
mod executor;
mod file;
mod flow;
mod layers;
mod members;
mod nested;
mod properties;
mod schema;
mod stages;
mod tables;

const BUILTINS: [&str; 2] = ["risk.report_meta", "alpha.report_decisions"];

/// A folder with some files.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(files: &[(&str, &str)]) -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        for (path, text) in files {
            let path = bench.folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        bench
    }

    /// Loads a text as its `pipeline.toml`.
    fn load(&self, text: impl AsRef<[u8]>) -> Result<Pipeline, LoadError> {
        let path = self.folder.path().join("pipeline.toml");
        fs::write(&path, text).unwrap();
        load(&path, &BUILTINS)
    }

    fn invalid(&self, text: impl AsRef<[u8]>) -> Diagnostics {
        match self.load(text) {
            Err(LoadError::Invalid(mistakes)) => mistakes,
            other => panic!("not refused as invalid: {other:?}"),
        }
    }

    /// A text of messages without the folder.
    fn bare(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.folder.path().display()), "")
    }

    /// The refusal of a text.
    fn refusal(&self, text: impl AsRef<[u8]>) -> String {
        self.bare(&self.invalid(text).render(false))
    }

    /// The mistakes of a text as `path:line:column message`.
    fn mistakes(&self, text: impl AsRef<[u8]>) -> Vec<String> {
        let said = |item: &Diagnostic| {
            let mut said = format!("{}:{}:{} {}", item.path.display(), item.line, item.column, item.message);
            for text in [&item.labels[0].message, &item.help.join("; ")] {
                if !text.is_empty() {
                    said.push_str(" | ");
                    said.push_str(text);
                }
            }
            self.bare(&said)
        };
        self.invalid(text).items().iter().map(said).collect()
    }
}

/// A folder with `stages/`, `plugin.wasm` and nothing else.
fn plain() -> Bench {
    Bench::new(&[("stages/x.py", ""), ("plugin.wasm", "\0asm")])
}

/// Loads a text as `pipeline.toml` of such a folder.
fn load_text(text: impl AsRef<[u8]>) -> Result<Pipeline, LoadError> {
    plain().load(text)
}

/// The refusal of a text.
fn refusal(text: impl AsRef<[u8]>) -> String {
    plain().refusal(text)
}

/// The mistakes of a text as `line:column message`.
fn mistakes(text: impl AsRef<[u8]>) -> Vec<String> {
    let all = plain().mistakes(text);
    all.iter().map(|said| said.strip_prefix("pipeline.toml:").unwrap_or(said).to_owned()).collect()
}

fn stage(body: &str) -> String {
    format!("[pipeline]\nname = \"x\"\n[stages.a]\n{body}\n")
}

fn report(body: &str) -> String {
    format!("[pipeline]\nname = \"x\"\n[[report]]\n{body}\n")
}

fn with(tables: &str) -> String {
    format!("[pipeline]\nname = \"x\"\n{tables}\n")
}
