//! Files written whole or not at all, and read without waiting, below a directory that nothing leaves.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};
use sha2::{Digest, Sha256};

/// Stack of a thread that only waits for the disk.
const SYNC_STACK: usize = 64 << 10;

/// Opens a file for reading. A stage may have left a pipe under the name, where whoever opens it waits for ever: what is no regular
/// file is refused.
///
/// # Errors
/// `NotFound`; `InvalidInput` where it is no regular file; what the file system says.
pub fn open_regular(folder: &Dir, name: &str) -> io::Result<cap_std::fs::File> {
    let mut options = OpenOptions::new();
    // Has no meaning for regular files.
    options.read(true).custom_flags(libc::O_NONBLOCK);
    let file = folder.open_with(name, &options)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")),
    }
}

/// Writes `name` in `folder` through a temporary file: write, fsync, rename, fsync of the folder.
///
/// # Errors
/// Where any of it fails; then `name` is as it was, and the temporary file is gone.
pub fn write_atomically(folder: &Dir, name: &str, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    replace(folder, name, write)?;
    sync_folder(folder)
}

/// The same without the fsync of the folder, for many files at once: [`sync_folder`] follows the last.
///
/// # Errors
/// As [`write_atomically`].
pub fn replace(folder: &Dir, name: &str, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    put(folder, name, |file| {
        write(file)?;
        file.sync_all()
    })
    .map(drop)
}

/// The same without any fsync: a crash of this process leaves it whole, a power cut may not, until [`sync`] follows.
///
/// # Errors
/// As [`write_atomically`].
pub fn put(folder: &Dir, name: &str, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<File> {
    let temporary = format!(".{name}.{}.tmp", std::process::id());
    let outcome = (|| {
        let mut file =
            folder.open_with(&temporary, OpenOptions::new().write(true).create(true).truncate(true))?.into_std();
        write(&mut file)?;
        folder.rename(&temporary, folder, name)?;
        Ok(file)
    })();
    if outcome.is_err() {
        // Nothing to add to the error at hand if this fails too.
        drop(folder.remove_file(&temporary));
    }
    outcome
}

/// Has the disk take a file that was [`put`] in a folder.
///
/// # Errors
/// Where the file system says no.
pub fn sync(folder: &Dir, file: &File) -> io::Result<()> {
    file.sync_all()?;
    sync_folder(folder)
}

/// Writes a file whole, and has a thread see to it that the disk takes it: nobody waits for that. For what is written again
/// later; where the disk says no, that tells it.
///
/// # Errors
/// As [`write_atomically`], but for what only the disk knows.
pub fn write_soon(folder: &Dir, name: &str, bytes: &[u8]) -> io::Result<()> {
    let file = put(folder, name, |file| file.write_all(bytes))?;
    let own = folder.try_clone()?;
    let thread = std::thread::Builder::new().name("disk".into()).stack_size(SYNC_STACK);
    match thread.spawn(move || drop(sync(&own, &file))) {
        Ok(_) => Ok(()),
        Err(_) => sync_folder(folder),
    }
}

/// The same as [`write_atomically`] for bytes at hand.
///
/// # Errors
/// As [`write_atomically`].
pub fn write_bytes(folder: &Dir, name: &str, bytes: &[u8]) -> io::Result<()> {
    write_atomically(folder, name, |file| file.write_all(bytes))
}

/// Makes the names in a folder last.
///
/// # Errors
/// Where the file system says no.
pub fn sync_folder(folder: &Dir) -> io::Result<()> {
    folder.open(Path::new("."))?.into_std().sync_all()
}

/// SHA-256 of `bytes`, hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half & 0xF)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_hexadecimal() {
        assert_eq!(hex(&[0, 0x0f, 0xa0, 0xff]), "000fa0ff");
        assert_eq!(sha256(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
