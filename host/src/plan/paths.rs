//! Paths as text: pure functions, nothing is looked up.

use std::path::{Component, Path, PathBuf};

/// An absolute path without `.` and `..` parts, by its text alone.
pub(super) fn clean(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}

/// The way from one folder to a path, both absolute and clean: `stages/a.py`, `../shared/b.py`, `.`. Where it is not UTF-8, stand-ins.
pub(super) fn relative(from: &Path, to: &Path) -> String {
    let mut from = from.components().peekable();
    let mut to = to.components().peekable();
    while from.peek().is_some() && from.peek() == to.peek() {
        from.next();
        to.next();
    }
    let names = to.map(|component| component.as_os_str().to_string_lossy().into_owned());
    let way: Vec<String> = from.map(|_| "..".to_owned()).chain(names).collect();
    if way.is_empty() { ".".to_owned() } else { way.join("/") }
}

/// Whether a path may name a file below a folder in data from outside: relative, with plain names only, of a bearable length.
pub(super) fn is_plain(path: &str) -> bool {
    const MAX_PATH: usize = 4096;
    !path.is_empty()
        && path.len() <= MAX_PATH
        && !path.contains('\0')
        && path.split('/').all(|name| !name.is_empty() && name != "." && name != "..")
}
