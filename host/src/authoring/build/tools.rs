//! Finds tools in the project, then in `PATH`, and runs them.

use std::env;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::BuildError;

/// A tool by its path in the project, if it is there, else by its name in `PATH`. A path in the project stays relative to
/// it, because that is where commands run.
pub(super) fn find(folder: &Path, local: &str, name: &str) -> Option<PathBuf> {
    let own = Path::new(local).join(name);
    if folder.join(&own).exists() {
        return Some(Path::new(".").join(own));
    }
    in_path(name).map(|_| name.into())
}

/// Where a program of this name is, as the shell looks for it.
pub(super) fn in_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Runs a command in `folder`. What it says on either stream goes to standard error: standard output is for data.
pub(super) fn run(folder: &Path, mut command: Command, say: &mut dyn FnMut(&str)) -> Result<(), BuildError> {
    say(&shown(&command));
    let program = name_of(&command);
    // `Command` looks for a relative program from our own folder, not from the one that it runs in.
    if let Ok(own) = Path::new(command.get_program()).strip_prefix(".") {
        let mut moved = Command::new(std::path::absolute(folder.join(own)).unwrap_or_else(|_| folder.join(own)));
        moved.args(command.get_args());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => moved.env(key, value),
                None => moved.env_remove(key),
            };
        }
        command = moved;
    }
    let status = command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .status()
        .map_err(|source| BuildError::Start { program: program.clone(), source })?;
    if status.success() { Ok(()) } else { Err(BuildError::Failed { program, status }) }
}

/// What a command writes to standard output; nothing where it does not run.
pub(super) fn output(program: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

fn name_of(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// A command as one can paste it into a shell.
pub(super) fn shown(command: &Command) -> String {
    let mut text = String::new();
    for (key, value) in command.get_envs() {
        if let Some(value) = value {
            // Writing to a text can't fail.
            _ = write!(text, "{}={} ", key.display(), quoted(&value.to_string_lossy()));
        }
    }
    text += &quoted(&command.get_program().to_string_lossy());
    for argument in command.get_args() {
        text.push(' ');
        text += &quoted(&argument.to_string_lossy());
    }
    text
}

/// A word for the shell, in quotes where it needs them.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
