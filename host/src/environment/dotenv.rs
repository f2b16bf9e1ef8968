//! Files of `NAME=value` lines, as dotenvy reads them.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::rc::Rc;

use super::EnvironmentError;

/// Largest file of variables, bytes.
pub const MAX_FILE_BYTES: u64 = 1 << 20;
/// Longest variable, name, `=` and value together, bytes: Linux starts no program with a longer one
/// (`MAX_ARG_STRLEN`, execve(2), less the zero at its end).
pub const MAX_VARIABLE_BYTES: usize = (128 << 10) - 1;

/// The file's variables in its order; none if it may be missing and is. Of a name that comes twice the last holds.
pub(super) fn read(path: &Path, optional: bool) -> Result<Vec<(String, String)>, EnvironmentError> {
    let unreadable = |why: String| EnvironmentError::Unreadable { path: path.to_owned(), why };
    let bytes = match bytes(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound && optional => return Ok(Vec::new()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(unreadable(format!(
                "there is no such file; if it may be missing, write `{{ file = {:?}, optional = true }}`",
                path.file_name().unwrap_or(path.as_os_str())
            )));
        }
        Err(error) => return Err(unreadable(error.to_string())),
    };
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(unreadable(format!("it has more than {MAX_FILE_BYTES} bytes; is it a list of variables?")));
    }
    let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
    let fail = |line, why: String| EnvironmentError::Line { path: path.to_owned(), line, why };
    if let Err(error) = std::str::from_utf8(text) {
        let line = 1 + text[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        return Err(fail(line, "this line is not UTF-8 text; save the file as UTF-8".to_owned()));
    }
    parse(text, &fail)
}

/// Takes apart text that is UTF-8.
fn parse(
    text: &[u8],
    fail: &dyn Fn(usize, String) -> EnvironmentError,
) -> Result<Vec<(String, String)>, EnvironmentError> {
    let begun = Rc::new(Cell::new(0));
    let lines = Lines { rest: text, in_line: false, begun: Rc::clone(&begun) };
    let mut variables = Vec::new();
    for item in dotenvy::from_read_iter(lines) {
        let (name, value) = item.map_err(|error| {
            // Its own text holds the line, and with it what may be a secret.
            let of_value = match &error {
                dotenvy::Error::LineParse(text, _) => text.lines().count().max(1),
                _ => 1,
            };
            let line = (begun.get() + 1).saturating_sub(of_value).max(1);
            let what = "this is no `NAME=value`: a name has letters, digits, `_` and `.`; a value with spaces, `#` or \
                        quotes needs quotes around it (`'…'` takes all as it is, `$` too)";
            fail(line, what.to_owned())
        })?;
        if value.contains('\0') {
            return Err(fail(begun.get(), format!("the value of {name} has a NUL, which no variable can have")));
        }
        if name.len() + 1 + value.len() > MAX_VARIABLE_BYTES {
            let why = format!(
                "the value of {name} is too long: no program can be started with a variable of more than \
                 {MAX_VARIABLE_BYTES} bytes; put it into a file and name that"
            );
            return Err(fail(begun.get(), why));
        }
        variables.push((name, value));
    }
    Ok(variables)
}

/// The file's content, up to a byte more than it may have.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let kind = fs::metadata(path)?;
    if !kind.is_file() {
        // Opening a pipe would wait for a writer, a device might never end.
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES + 4).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Hands out one line at a time, so that it is known in which line the parser is: its errors don't say.
struct Lines<'a> {
    rest: &'a [u8],
    /// Part of a line has been handed out.
    in_line: bool,
    /// How many lines have begun.
    begun: Rc<Cell<usize>>,
}

impl Read for Lines<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let line = self.rest.iter().position(|byte| *byte == b'\n').map_or(self.rest.len(), |end| end + 1);
        let length = line.min(buffer.len());
        if length > 0 {
            self.begun.set(self.begun.get() + usize::from(!self.in_line));
            self.in_line = length < line;
        }
        let (now, rest) = self.rest.split_at(length);
        buffer[..length].copy_from_slice(now);
        self.rest = rest;
        Ok(length)
    }
}
