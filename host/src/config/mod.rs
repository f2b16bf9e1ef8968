//! Configuration files: TOML read with the place of every value, and every mistake told at once with file, line, column,
//! a caret and the cure. It knows TOML, not what any file means.
//!
//! `parse` is the way through: `syntax` words what the parser found, the caller turns tables into its own types with
//! the typed getters of `read`, `units` and `words`, `collect` gathers the mistakes, and `diagnostic` shows them. Where a file
//! leads to others, `open` reads them along with it.

pub(crate) mod collect;
mod diagnostic;
pub(crate) mod read;
mod syntax;
pub(crate) mod units;
pub(crate) mod words;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::DeTable;

pub use diagnostic::{Diagnostic, Diagnostics, Label, MAX_LISTED};

use collect::Collector;
use read::{Reader, Table};
use syntax::Damage;

/// Stack for reading a document. The parser bounds nesting and dotted keys to 80 each, not their product, and freeing
/// 6,400 nested tables takes more than a thread's usual 2 MiB.
const STACK: usize = 64 << 20;

/// Why a file gives nothing.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file could not be read: does it exist, is it a file, may we read it?
    #[error("cannot read {}: {io}", path.display())]
    Unreadable {
        /// The path as given.
        path: PathBuf,
        /// The system's reason.
        #[source]
        io: std::io::Error,
    },
    /// The file is too large; it is probably not the one that was meant.
    #[error("{} is larger than {}, the most that such a file may have", path.display(), crate::limits::show_bytes(*most))]
    TooLarge {
        /// The path as given.
        path: PathBuf,
        /// What it may have, in bytes.
        most: u64,
    },
    /// The file has mistakes; all of them are listed.
    #[error(transparent)]
    Invalid(#[from] Diagnostics),
}

/// Reads a file of at most `most` bytes as text.
///
/// # Errors
/// [`LoadError`]: the file can't be read, is too large, or is no UTF-8.
pub(crate) fn read_text(path: &Path, most: u64) -> Result<String, LoadError> {
    let unreadable = |io| LoadError::Unreadable { path: path.to_owned(), io };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(most + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > most {
        return Err(LoadError::TooLarge { path: path.to_owned(), most });
    }
    Ok(String::from_utf8(bytes).map_err(|error| not_utf8(path, &error))?)
}

fn not_utf8(path: &Path, error: &std::string::FromUtf8Error) -> Diagnostics {
    let at = error.utf8_error().valid_up_to();
    let byte = error.as_bytes()[at];
    let mut mistakes = Collector::new(error.as_bytes().len());
    mistakes
        .error(at..at + '\u{fffd}'.len_utf8(), "the file is not UTF-8 text")
        .label(format!("the byte 0x{byte:02X} is not allowed here"))
        .help("save the file as UTF-8");
    mistakes.finish(path, String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Turns the text of a file into a value: `read` gets the document's root, records what is wrong with it, and gives
/// `None` only where it recorded something. The text comes back.
///
/// # Errors
/// [`Diagnostics`]: every mistake in the text.
pub(crate) fn parse<T: Send>(
    path: &Path,
    text: String,
    read: impl FnOnce(&mut Reader, Table<'_>) -> Option<T> + Send,
) -> Result<(T, String), Diagnostics> {
    let outcome = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("config-reader".to_owned()).stack_size(STACK);
        let text = &text;
        match thread.spawn_scoped(scope, move || read_document(text, read)) {
            Ok(handle) => handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(error) => {
                let mut mistakes = Collector::new(text.len());
                mistakes.error(0..0, format!("the file can't be read: no thread can be started ({error})"));
                Err(Box::new(mistakes))
            }
        }
    });
    match outcome {
        Ok(value) => Ok((value, text)),
        Err(mistakes) => Err(mistakes.finish(path, text)),
    }
}

/// The value, or the mistakes.
fn read_document<T>(text: &str, read: impl FnOnce(&mut Reader, Table<'_>) -> Option<T>) -> Result<T, Box<Collector>> {
    let mut reader = Reader::new(text.len());
    let Some(document) = parsed(&mut reader, 0, text) else { return Err(Box::new(reader.mistakes)) };
    let value = read(&mut reader, Table::new(document.get_ref()));
    reader.mistakes.drop_consequences(text);
    match value {
        Some(value) if reader.mistakes.is_empty() => Ok(value),
        _ => Err(Box::new(reader.mistakes)),
    }
}

/// A further file's document, and the base of its places for [`Table::at`]. `None`: it can't be believed, and why is recorded.
pub(crate) fn open<'t>(reader: &mut Reader, path: &Path, text: &'t Arc<str>) -> (usize, Option<Spanned<DeTable<'t>>>) {
    let base = reader.mistakes.add_source(path, text.clone());
    (base, parsed(reader, base, text))
}

/// A text's document, if it can be believed at all.
fn parsed<'t>(reader: &mut Reader, base: usize, text: &'t str) -> Option<Spanned<DeTable<'t>>> {
    let (document, errors) = syntax::parse(text);
    let mut found = Collector::new(text.len());
    let damage = syntax::record(&mut found, text, &errors);
    reader.mistakes.absorb(base, found, damage);
    (damage != Damage::Structure).then_some(document)
}
