//! References to artifacts, `oci://host[:port]/repository[:tag][@sha256:hex]`: parsed strictly, because they are
//! written into pipelines and lock files, and an almost right one must not reach another registry than was meant.
//!
//! Repository and tag follow the OCI Distribution Specification 1.1, "Pulling manifests".

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::digest::Digest;
use crate::config::words::clip;

/// What every reference begins with.
const SCHEME: &str = "oci://";
/// Longest reference, in bytes.
const MAX: usize = 1024;
/// Longest repository: what registries take.
const MAX_REPOSITORY: usize = 255;
/// Longest tag.
const MAX_TAG: usize = 128;
/// The tag where none is given.
const LATEST: &str = "latest";

/// Where an artifact is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    host: String,
    port: Option<u16>,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Why a text is no reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is no OCI reference: {why} (character {column}); {help}")]
pub struct ReferenceError {
    /// The text, shortened and without control characters.
    pub given: String,
    /// Where, in characters from 1.
    pub column: usize,
    /// What is wrong.
    pub why: String,
    /// What to do.
    pub help: String,
}

/// A mistake at a byte of the text.
struct Mistake {
    at: usize,
    why: String,
    help: &'static str,
}

const HELP: &str = "write oci://host[:port]/repository[:tag][@sha256:digest]";
const HELP_REPOSITORY: &str =
    "a repository has parts of a-z and 0-9, inside them also `.`, `_`, `__` and `-`, with `/` between them";
const HELP_TAG: &str = "a tag has at most 128 letters, digits, `_`, `.` and `-`, and begins with neither `.` nor `-`";
const HELP_DIGEST: &str = "copy the manifest's digest as the registry or `plugin lock` shows it";

fn mistake<T>(at: usize, why: impl Into<String>, help: &'static str) -> Result<T, Mistake> {
    Err(Mistake { at, why: why.into(), help })
}

impl Reference {
    /// Reads a reference.
    ///
    /// # Errors
    /// [`ReferenceError`]: the first mistake.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        Self::read(text).map_err(|mistake| ReferenceError {
            given: clip(text).into_owned(),
            column: 1 + text[..text.floor_char_boundary(mistake.at)].chars().count(),
            why: mistake.why,
            help: mistake.help.to_owned(),
        })
    }

    fn read(text: &str) -> Result<Self, Mistake> {
        if text.len() > MAX {
            return mistake(MAX, format!("it is longer than {MAX} bytes"), HELP);
        }
        let Some(rest) = text.strip_prefix(SCHEME) else {
            return mistake(0, format!("it does not begin with `{SCHEME}`"), HELP);
        };
        let Some((authority, path)) = rest.split_once('/') else {
            return mistake(text.len(), "there is no repository behind the host", HELP);
        };
        let (host, port) = read_authority(authority, SCHEME.len())?;
        let start = SCHEME.len() + authority.len() + 1;
        let (name, digest) = match path.split_once('@') {
            None => (path, None),
            Some((name, digest)) => {
                let at = start + name.len() + 1;
                let digest: Digest = digest.parse().or_else(|bad: super::BadDigest| {
                    let offset = digest.char_indices().nth(bad.at).map_or(digest.len(), |(byte, _)| byte);
                    mistake(at + offset, bad.to_string(), HELP_DIGEST)
                })?;
                (name, Some(digest))
            }
        };
        let (repository, tag) = match name.split_once(':') {
            None => (name, None),
            Some((repository, tag)) => (repository, Some(read_tag(tag, start + repository.len() + 1)?)),
        };
        check_repository(repository, start)?;
        Ok(Self { host, port, repository: repository.to_owned(), tag, digest })
    }

    /// Host as written, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Host and port, as in a URL.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        self.port.map_or(host.clone(), |port| format!("{host}:{port}"))
    }

    /// The repository.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, where one is given.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The manifest's digest, where one is given.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Whether it always means the same bytes.
    pub fn is_pinned(&self) -> bool {
        self.digest.is_some()
    }

    /// The same artifact, by digest.
    #[must_use]
    pub fn pinned(&self, digest: &Digest) -> Self {
        Self { digest: Some(digest.clone()), ..self.clone() }
    }

    /// Whether the host is this machine by its name or address alone: 127.0.0.0/8, `::1` or `localhost`.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// What the registry is asked for: the digest, else the tag, else `latest`.
    pub(super) fn wanted(&self) -> String {
        match &self.digest {
            Some(digest) => digest.to_string(),
            None => self.tag.clone().unwrap_or_else(|| LATEST.to_owned()),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.authority(), self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// Whether a host (an IPv6 address with or without brackets) is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || bare.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a host may be this machine, in any of the forms that a resolver takes: `localhost.`, `x.localhost`, `127.1`,
/// `2130706433`, `0.0.0.0`. Names that only DNS knows are not looked up.
pub(super) fn may_be_this_machine(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let bare = bare.strip_suffix('.').unwrap_or(bare).to_ascii_lowercase();
    let is_this = |address: Ipv4Addr| address.is_loopback() || address.is_unspecified();
    if let Ok(address) = bare.parse::<Ipv4Addr>() {
        return is_this(address);
    }
    if let Ok(address) = bare.parse::<Ipv6Addr>() {
        return address.is_loopback() || address.is_unspecified() || address.to_ipv4_mapped().is_some_and(is_this);
    }
    let last = bare.rsplit('.').next().unwrap_or_default();
    last == "localhost" || is_number(last)
}

/// No name ends in such a part: it is an IPv4 address, oddly written.
fn is_number(part: &str) -> bool {
    match part.strip_prefix("0x") {
        Some(hex) => hex.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

fn read_authority(text: &str, at: usize) -> Result<(String, Option<u16>), Mistake> {
    if let Some(user) = text.rfind('@') {
        let why = "it holds a user name before the host";
        return mistake(at + user, why, "leave it out: logins belong in Docker's config.json (`docker login`)");
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let Some((address, port)) = rest.split_once(']') else {
                return mistake(at, "`[` is not closed", HELP);
            };
            let Ok(address) = address.parse::<Ipv6Addr>() else {
                return mistake(at + 1, "this is no IPv6 address", HELP);
            };
            match port {
                "" => (address.to_string(), None),
                _ => match port.strip_prefix(':') {
                    Some(port) => (address.to_string(), Some(port)),
                    None => return mistake(at + text.len() - port.len(), "`:` and a port are expected here", HELP),
                },
            }
        }
        None => {
            let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
            check_host(host, at)?;
            (host.to_owned(), port)
        }
    };
    let Some(port) = port else { return Ok((host, None)) };
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
    match port.parse() {
        Ok(number) if digits => Ok((host, Some(number))),
        _ => mistake(at + text.len() - port.len(), "this is no port: 1 to 65535 is", HELP),
    }
}

fn check_host(host: &str, at: usize) -> Result<(), Mistake> {
    const HELP_HOST: &str = "a host is a name (`registry.example`) or an address";
    if host.is_empty() {
        return mistake(at, "the host is missing", HELP);
    }
    if host.len() > 253 {
        return mistake(at, "the host is longer than 253 characters", HELP_HOST);
    }
    if let Some((offset, c)) = host.char_indices().find(|(_, c)| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-'))
    {
        return mistake(at + offset, format!("`{}` is not allowed in a host", c.escape_debug()), HELP_HOST);
    }
    let mut start = at;
    for label in host.split('.') {
        if label.is_empty() || label.starts_with('-') || label.ends_with('-') || label.len() > 63 {
            return mistake(start, format!("`{label}` is no part of a host"), HELP_HOST);
        }
        start += label.len() + 1;
    }
    let last = host.rsplit('.').next().unwrap_or_default();
    if is_number(&last.to_ascii_lowercase()) && host.parse::<Ipv4Addr>().is_err() {
        return mistake(at, "this is no IPv4 address", "write four numbers: 10.0.0.1");
    }
    Ok(())
}

fn check_repository(repository: &str, at: usize) -> Result<(), Mistake> {
    if repository.is_empty() {
        return mistake(at, "there is no repository behind the host", HELP);
    }
    if repository.len() > MAX_REPOSITORY {
        let why = format!("the repository is longer than {MAX_REPOSITORY} characters");
        return mistake(at + MAX_REPOSITORY, why, HELP_REPOSITORY);
    }
    let allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-' | '/');
    if let Some((offset, c)) = repository.char_indices().find(|(_, c)| !allowed(*c)) {
        let why = if c.is_ascii_uppercase() {
            format!("the upper-case `{c}` is not allowed in a repository")
        } else {
            format!("`{}` is not allowed in a repository", c.escape_debug())
        };
        return mistake(at + offset, why, HELP_REPOSITORY);
    }
    let mut start = at;
    for part in repository.split('/') {
        if let Some(offset) = bad_in_part(part) {
            return mistake(start + offset, format!("`{part}` is no part of a repository"), HELP_REPOSITORY);
        }
        start += part.len() + 1;
    }
    Ok(())
}

/// Where a part breaks `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`, its characters being right.
fn bad_in_part(part: &str) -> Option<usize> {
    let bytes = part.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return Some(0) };
    if !first.is_ascii_alphanumeric() {
        return Some(0);
    }
    if !last.is_ascii_alphanumeric() {
        return Some(part.len() - 1);
    }
    let mut at = 0;
    while at < bytes.len() {
        let run = bytes[at..].iter().take_while(|byte| !byte.is_ascii_alphanumeric()).count();
        let separator = &part[at..at + run];
        if !matches!(separator, "" | "." | "_" | "__") && !separator.bytes().all(|byte| byte == b'-') {
            return Some(at);
        }
        at += run.max(1);
    }
    None
}

fn read_tag(tag: &str, at: usize) -> Result<String, Mistake> {
    if tag.is_empty() {
        return mistake(at, "the tag is missing behind `:`", HELP_TAG);
    }
    let allowed =
        |(offset, c): (usize, char)| c.is_ascii_alphanumeric() || c == '_' || (offset > 0 && ".-".contains(c));
    if let Some((offset, c)) = tag.char_indices().find(|at| !allowed(*at)) {
        return mistake(at + offset, format!("`{}` is not allowed here in a tag", c.escape_debug()), HELP_TAG);
    }
    if tag.len() > MAX_TAG {
        return mistake(at + MAX_TAG, format!("the tag is longer than {MAX_TAG} characters"), HELP_TAG);
    }
    Ok(tag.to_owned())
}
