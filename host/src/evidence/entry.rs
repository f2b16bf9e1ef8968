//! One file of a run directory, as evidence names it.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// A file as it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Path below the run directory, with `/`. A backslash is written `\\`, a byte that is not UTF-8 `\xHH`: so each
    /// name has one text and each text one name.
    pub path: String,
    /// What it is. Nothing but a file is opened.
    #[serde(default, skip_serializing_if = "Kind::is_file")]
    pub kind: Kind,
    /// Bytes; of files only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// SHA-256 of the content, 64 lower-case hexadecimal digits; of files only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Where a symbolic link points, in the same writing as `path`. It is not followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Why there is no digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What a directory entry is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A regular file.
    #[default]
    File,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A block device.
    BlockDevice,
    /// A character device.
    CharacterDevice,
    /// A folder: listed only where it could not be read.
    Folder,
    /// Something that this host does not know.
    Other,
}

impl Kind {
    fn is_file(&self) -> bool {
        *self == Self::File
    }

    /// In words.
    pub fn word(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Symlink => "symbolic link",
            Self::Fifo => "named pipe",
            Self::Socket => "socket",
            Self::BlockDevice => "block device",
            Self::CharacterDevice => "character device",
            Self::Folder => "folder",
            Self::Other => "special file",
        }
    }
}

impl FileEntry {
    /// An entry of which nothing but the kind is known.
    pub(super) fn bare(path: String, kind: Kind) -> Self {
        Self { path, kind, size: None, sha256: None, target: None, problem: None }
    }

    /// A file by its content.
    pub(super) fn of_bytes(path: &str, bytes: &[u8]) -> Self {
        Self {
            size: Some(bytes.len() as u64),
            sha256: Some(crate::files::sha256(bytes)),
            ..Self::bare(path.to_owned(), Kind::File)
        }
    }

    /// The same with a reason why it has no digest.
    pub(super) fn problem(self, why: impl Into<String>) -> Self {
        Self { size: None, sha256: None, problem: Some(why.into()), ..self }
    }
}

/// The text of a file name, as [`FileEntry::path`] describes it.
pub(super) fn name_text(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                other => text.push(other),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02X}");
        }
    }
    text
}
