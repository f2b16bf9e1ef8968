//! `init`: a first pipeline that runs at once and teaches by its comments. Never overwrites anything.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use super::args::{Common, InitCommand, InitTemplate};
use super::progress::say;
use super::{Exit, Failure, Outcome};
use crate::directory::DEFAULT_ROOT;

/// Files of a template: path, text.
type Files = [(&'static str, &'static str); 3];

const PYTHON: Files = [
    ("pipeline.toml", include_str!("init/python/pipeline.toml")),
    ("stages/prices.py", include_str!("init/python/stages/prices.py")),
    ("stages/combine.py", include_str!("init/python/stages/combine.py")),
];

const SHELL: Files = [
    ("pipeline.toml", include_str!("init/shell/pipeline.toml")),
    ("stages/prices.sh", include_str!("init/shell/stages/prices.sh")),
    ("stages/combine.sh", include_str!("init/shell/stages/combine.sh")),
];

/// What to try next, below the new folder.
const NEXT: [(&str, &str); 4] = [
    ("forensic-host validate", "checks the file"),
    ("forensic-host graph", "draws what needs what"),
    ("forensic-host run", "runs it and writes a report"),
    ("forensic-host run --resume latest", "again: only what changed is run"),
];

pub(super) fn init(command: &InitCommand, common: &Common) -> Outcome {
    let files = match command.template {
        InitTemplate::Python => &PYTHON,
        InitTemplate::Shell => &SHELL,
    };
    let folder = &command.folder;
    if let Some((there, _)) = files.iter().find(|(path, _)| folder.join(path).symlink_metadata().is_ok()) {
        return Err(Failure::usage(anyhow::anyhow!(
            "{} is there already, so nothing was written: name another folder, such as `forensic-host init first`",
            folder.join(there).display()
        )));
    }
    for (path, text) in files {
        create(&folder.join(path), text).map_err(|error| failed(&folder.join(path), error))?;
    }
    let ignore = folder.join(".gitignore");
    ignore_runs(&ignore).map_err(|error| failed(&ignore, error))?;
    if !common.quiet {
        tell(folder);
    }
    Ok(Exit::Success)
}

fn failed(path: &Path, error: io::Error) -> Failure {
    Failure::usage(anyhow::Error::new(error).context(format!("can't write {}", path.display())))
}

fn create(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}

/// Adds the folder of runs to what git ignores, unless it is there.
fn ignore_runs(path: &Path) -> io::Result<()> {
    let there = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    let ignored = |line: &str| {
        let line = line.trim().trim_matches('/');
        line == DEFAULT_ROOT || DEFAULT_ROOT.split('/').next() == Some(line)
    };
    if there.lines().any(ignored) {
        return Ok(());
    }
    let gap = if there.is_empty() || there.ends_with('\n') { "" } else { "\n" };
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    write!(file, "{gap}# What runs of forensic-host leave behind.\n/{DEFAULT_ROOT}/\n")
}

fn tell(folder: &Path) {
    say(format_args!("A pipeline of five stages and a report is in {}. Next:\n", folder.display()));
    if folder != Path::new(".") {
        say(format_args!("  cd {}", shell_word(&folder.display().to_string())));
    }
    for (line, why) in NEXT {
        say(format_args!("  {line:<34}  # {why}"));
    }
}

/// As one types it.
fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_runs_is_ignored_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".gitignore");
        ignore_runs(&path).unwrap();
        let first = std::fs::read_to_string(&path).unwrap();
        assert!(first.ends_with("/data/artifacts/\n"), "{first}");
        ignore_runs(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), first);
        for (there, added) in [("a", true), ("data/\n", false), ("data/artifacts\n", false), ("!data\n", true)] {
            std::fs::write(&path, there).unwrap();
            ignore_runs(&path).unwrap();
            let now = std::fs::read_to_string(&path).unwrap();
            assert_eq!(now != there, added, "{now}");
            assert!(now.starts_with(there));
        }
    }

    #[test]
    fn a_folder_is_typed_as_a_shell_reads_it() {
        assert_eq!(shell_word("a/b-c.d"), "a/b-c.d");
        assert_eq!(shell_word("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(shell_word("-x"), "'-x'");
    }
}
