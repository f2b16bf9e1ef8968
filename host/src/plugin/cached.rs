//! One compiled plugin on disk: its machine code, what its component says of itself, and the digest of both.
//!
//! | bytes | |
//! |---|---|
//! | from the start | machine code, as the compiler wrote it: a file that the engine can map |
//! | then | [`Facts`], as JSON |
//! | 4 | their length, little-endian |
//! | 32 | SHA-256 of all that stands before |
//! | 16 | [`MAGIC`] |

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt as _;

use sha2::{Digest as _, Sha256};

use super::inspect::Facts;

/// The number is the layout's version, which also counts what [`Facts`] are.
const MAGIC: &[u8; 16] = b"forensic cwasm 2";
const DIGEST: usize = 32;
const LENGTH: usize = 4;
const END: usize = LENGTH + DIGEST + MAGIC.len();
/// Bytes of facts: what has more is compiled every time.
const FACTS_MAX: usize = 1 << 20;
const BUFFER: usize = 256 << 10;

/// What lies under a key.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) facts: Facts,
    pub(super) code: Code,
}

/// Machine code whose digest fits.
#[derive(Debug)]
pub(super) enum Code {
    /// In a file that may be mapped, whose first bytes it is.
    File(File, u64),
    Bytes(Vec<u8>),
}

impl Code {
    /// The code itself, read if need be.
    pub(super) fn read(self) -> io::Result<Vec<u8>> {
        match self {
            Self::File(file, length) => read(&file, 0, length),
            Self::Bytes(bytes) => Ok(bytes),
        }
    }
}

/// Writes all of it.
pub(super) fn write(file: &mut impl Write, facts: &Facts, code: &[u8]) -> io::Result<()> {
    let facts = serde_json::to_vec(facts)?;
    if facts.len() > FACTS_MAX {
        return Err(io::Error::other("the component says too much of itself"));
    }
    let length = u32::try_from(facts.len()).map_err(io::Error::other)?.to_le_bytes();
    let mut digest = Sha256::new();
    for part in [code, &facts, &length] {
        digest.update(part);
        file.write_all(part)?;
    }
    file.write_all(&digest.finalize())?;
    file.write_all(MAGIC)
}

/// Where the parts of a file lie, by its end alone.
#[derive(Debug)]
pub(super) struct Parts {
    /// Bytes of machine code.
    code: u64,
    facts: u64,
    /// SHA-256 as it stands there.
    pub(super) digest: [u8; DIGEST],
}

impl Parts {
    /// `None` where the file is none of ours.
    pub(super) fn of(file: &File) -> Option<Self> {
        let length = file.metadata().ok()?.len();
        let start = length.checked_sub(END as u64)?;
        let mut end = [0; END];
        file.read_exact_at(&mut end, start).ok()?;
        let (facts, rest) = end.split_first_chunk::<LENGTH>()?;
        let (digest, magic) = rest.split_first_chunk::<DIGEST>()?;
        let facts = u64::from(u32::from_le_bytes(*facts));
        let code = start.checked_sub(facts)?;
        (magic == MAGIC && facts <= FACTS_MAX as u64).then_some(Self { code, facts, digest: *digest })
    }

    /// Whether the digest is that of what is in the file.
    pub(super) fn verify(&self, file: &File) -> io::Result<bool> {
        let mut digest = Sha256::new();
        let mut buffer = vec![0; BUFFER];
        let mut at = 0;
        let end = self.code + self.facts + LENGTH as u64;
        while at < end {
            let want = usize::try_from(end - at).unwrap_or(BUFFER).min(BUFFER);
            file.read_exact_at(&mut buffer[..want], at)?;
            digest.update(&buffer[..want]);
            at += want as u64;
        }
        Ok(digest.finalize()[..] == self.digest)
    }

    /// What lies in a file whose content was verified, and that may be mapped.
    pub(super) fn map(&self, file: File) -> Option<Found> {
        let facts = read(&file, self.code, self.facts).ok()?;
        Some(Found { facts: serde_json::from_slice(&facts).ok()?, code: Code::File(file, self.code) })
    }

    /// What lies in a file, read and verified in one.
    pub(super) fn read(&self, file: &File) -> Option<Found> {
        let mut bytes = read(file, 0, self.code + self.facts + LENGTH as u64).ok()?;
        if Sha256::digest(&bytes)[..] != self.digest {
            return None;
        }
        let code = usize::try_from(self.code).ok()?;
        let facts = serde_json::from_slice(bytes.get(code..bytes.len() - LENGTH)?).ok()?;
        bytes.truncate(code);
        Some(Found { facts, code: Code::Bytes(bytes) })
    }
}

fn read(file: &File, at: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, at)?;
    Ok(bytes)
}
