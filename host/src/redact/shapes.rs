//! Values that give themselves away: private keys, provider tokens, webhooks, passwords in URLs, credentials in headers and command lines.
//! One Aho-Corasick walk finds the places, and those where a telling name may stand (for `pairs`); a small check at each decides.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use memchr::memmem;

use super::keys::Keys;
use super::{Hits, MARK, RuleError, args, pairs};

/// How much of a line is read as a command line after the name of a tool.
const MAX_COMMAND: usize = 4096;
/// How long a user name and password before a host can be.
const MAX_USERINFO: usize = 512;

#[derive(Clone, Copy)]
enum Class {
    Alnum,
    Hex,
    Upper,
    /// Letters, digits, `_`, `-`.
    Word,
    /// The same and `.`.
    Dotted,
}

impl Class {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Hex => byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'),
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Word => is_word(byte),
            Self::Dotted => is_word(byte) || byte == b'.',
        }
    }
}

#[derive(Clone, Copy)]
enum Shape {
    /// A prefix, then so many characters of a class at least; `true`: not within a longer word.
    Token(&'static str, Class, usize, bool),
    /// A prefix, then exactly so many characters, then the end of the word.
    Exact(&'static str, Class, usize),
    /// A fixed path, the rest of which is the secret.
    Webhook,
    Jwt,
    Telegram,
    Terraform,
    Url,
    At,
    Scheme,
    Netrc,
    Command,
    Begin,
}

use Class::{Alnum, Dotted, Hex, Upper, Word};
use Shape::{Exact, Token};

const SHAPES: &[Shape] = &[
    Exact("AKIA", Upper, 16),
    Exact("ASIA", Upper, 16),
    Exact("ABIA", Upper, 16),
    Exact("ACCA", Upper, 16),
    Token("ghp_", Alnum, 30, false),
    Token("gho_", Alnum, 30, false),
    Token("ghu_", Alnum, 30, false),
    Token("ghs_", Alnum, 30, false),
    Token("ghr_", Alnum, 30, false),
    Token("github_pat_", Word, 22, false),
    Token("glpat-", Word, 20, false),
    Token("gldt-", Word, 20, false),
    Token("glrt-", Word, 20, false),
    Token("glcbt-", Word, 20, false),
    Token("glptt-", Word, 20, false),
    Token("glft-", Word, 20, false),
    Token("glsoat-", Word, 20, false),
    Token("glagent-", Word, 20, false),
    Token("xoxb-", Word, 10, false),
    Token("xoxa-", Word, 10, false),
    Token("xoxp-", Word, 10, false),
    Token("xoxr-", Word, 10, false),
    Token("xoxs-", Word, 10, false),
    Token("xoxe-", Word, 10, false),
    Token("xapp-", Word, 10, false),
    Token("sk_live_", Alnum, 16, false),
    Token("sk_test_", Alnum, 16, false),
    Token("rk_live_", Alnum, 16, false),
    Token("rk_test_", Alnum, 16, false),
    Token("whsec_", Alnum, 16, false),
    Token("AIza", Word, 35, true),
    Token("ya29.", Word, 20, true),
    Token("GOCSPX-", Word, 20, false),
    Token("npm_", Alnum, 36, true),
    Token("pypi-Ag", Word, 40, false),
    Token("SG.", Dotted, 60, true),
    Token("hf_", Alnum, 30, true),
    Token("api_org_", Alnum, 30, true),
    Token("sk-ant-", Word, 20, true),
    Token("sk-proj-", Word, 20, true),
    Token("sk-or-v1-", Word, 20, true),
    Token("sk-", Alnum, 32, true),
    Token("hvs.", Word, 24, true),
    Token("hvb.", Word, 24, true),
    Token("hvr.", Word, 24, true),
    Token("glsa_", Word, 32, true),
    Token("glc_", Alnum, 32, true),
    Token("AGE-SECRET-KEY-1", Upper, 40, false),
    Exact("dapi", Hex, 32),
    Exact("SK", Hex, 32),
    Exact("key-", Hex, 32),
    Token("dop_v1_", Hex, 40, false),
    Token("doo_v1_", Hex, 40, false),
    Token("dor_v1_", Hex, 40, false),
    Token("shpat_", Hex, 32, false),
    Token("shpss_", Hex, 32, false),
    Token("shpca_", Hex, 32, false),
    Token("shppa_", Hex, 32, false),
    Token("sq0csp-", Word, 30, false),
    Token("sq0atp-", Word, 20, false),
    Token("lin_api_", Alnum, 30, false),
    Token("figd_", Word, 30, true),
    Token("dp.pt.", Alnum, 30, true),
    Token("dckr_pat_", Word, 20, false),
    Token("rubygems_", Hex, 40, false),
    Token("NRAK-", Upper, 20, false),
    Token("PMAK-", Word, 40, false),
    Token("sntrys_", Word, 40, false),
    Token("sntryu_", Hex, 40, false),
    Exact("pul-", Hex, 40),
    Exact("cio", Alnum, 32),
    Token("ATATT3", Word, 60, true),
    Token("pscale_tkn_", Dotted, 30, false),
    Token("pscale_pw_", Dotted, 30, false),
    Token("tskey-", Word, 20, true),
    Token("nfp_", Alnum, 36, true),
    Token("gsk_", Alnum, 40, true),
    Token("xai-", Alnum, 60, true),
    Token("r8_", Alnum, 37, true),
    Token("pplx-", Alnum, 40, true),
    Token("sbp_", Hex, 40, true),
];

const OTHERS: &[(&str, Shape)] = &[
    ("hooks.slack.com/services/", Shape::Webhook),
    ("hooks.slack.com/workflows/", Shape::Webhook),
    ("discord.com/api/webhooks/", Shape::Webhook),
    ("discordapp.com/api/webhooks/", Shape::Webhook),
    ("webhook.office.com/webhookb2/", Shape::Webhook),
    ("outlook.office.com/webhook/", Shape::Webhook),
    ("hooks.zapier.com/hooks/catch/", Shape::Webhook),
    ("api.telegram.org/bot", Shape::Webhook),
    ("eyJ", Shape::Jwt),
    (":AA", Shape::Telegram),
    (".atlasv1.", Shape::Terraform),
    ("://", Shape::Url),
    ("@", Shape::At),
    ("bearer", Shape::Scheme),
    ("basic", Shape::Scheme),
    ("digest", Shape::Scheme),
    ("password", Shape::Netrc),
    ("-----BEGIN ", Shape::Begin),
    ("curl", Shape::Command),
    ("mysql", Shape::Command),
    ("mariadb", Shape::Command),
    ("sshpass", Shape::Command),
    ("redis-cli", Shape::Command),
    ("docker", Shape::Command),
    ("podman", Shape::Command),
    ("helm", Shape::Command),
    ("mongo", Shape::Command),
    ("ldapsearch", Shape::Command),
    ("openssl", Shape::Command),
    ("sqlcmd", Shape::Command),
    ("smbclient", Shape::Command),
    ("7z", Shape::Command),
    ("az login", Shape::Command),
    ("unzip", Shape::Command),
    ("zip", Shape::Command),
    ("plink", Shape::Command),
    ("pscp", Shape::Command),
    ("configure set", Shape::Command),
    ("config set", Shape::Command),
];

pub(super) struct Shapes {
    search: AhoCorasick,
}

/// What a walk over a text tells those that come after it.
#[derive(Default)]
pub(super) struct Seen {
    /// Blocks of public keys and certificates, whose randomness means nothing.
    pub(super) public: Vec<Range<usize>>,
    /// Where a name that stands for a secret can have its separator, or its flag the dash; ascending, apart.
    pub(super) telling: Vec<Range<usize>>,
}

impl Seen {
    /// A hint of a telling name stands at `start..end`.
    fn tell(&mut self, bytes: &[u8], start: usize, end: usize) {
        if self.telling.last().is_some_and(|last| last.start <= start && end + pairs::REACH <= last.end) {
            return;
        }
        let of_flag = |b: &&u8| is_word(**b);
        let of_key = |b: &&u8| is_word(**b) || **b == b'.';
        let before = bytes[..start].iter().rev().take(pairs::MAX_FLAG).take_while(of_flag).count();
        let after = bytes[end..].iter().take(pairs::MAX_KEY).take_while(of_key).count();
        let mut window = start - before..(end + after + pairs::REACH).min(bytes.len());
        while let Some(last) = self.telling.pop_if(|last| window.start <= last.end) {
            window = last.start.min(window.start)..last.end.max(window.end);
        }
        self.telling.push(window);
    }
}

/// A block `-----BEGIN …` without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    Private,
    Public,
}

/// The table where no further names stand for secrets, which is nearly always. It takes a millisecond.
static USUAL: LazyLock<Result<AhoCorasick, RuleError>> = LazyLock::new(|| Shapes::table(&Keys::default()));

/// Makes the usual table, if it is not there.
pub(super) fn prepare() {
    LazyLock::force(&USUAL);
}

impl Shapes {
    pub(super) fn new(keys: &Keys) -> Result<Self, RuleError> {
        let search = if keys.are_usual() { USUAL.clone() } else { Self::table(keys) };
        Ok(Self { search: search? })
    }

    fn table(keys: &Keys) -> Result<AhoCorasick, RuleError> {
        let prefixes = SHAPES.iter().map(|shape| match shape {
            Token(prefix, ..) | Exact(prefix, ..) => *prefix,
            _ => "",
        });
        let words = prefixes.chain(OTHERS.iter().map(|(word, _)| *word)).chain(keys.hints());
        // A full table: every byte of every text goes through it.
        let search = AhoCorasick::builder().ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA)).build(words);
        search.map_err(|error| RuleError::Table(error.to_string()))
    }

    /// Reports secrets, and what others have to know of the text.
    pub(super) fn scan(&self, text: &str, keys: &Keys, hits: &mut Hits) -> Seen {
        let bytes = text.as_bytes();
        let mut seen = Seen::default();
        // Where the last finding, block, token without a dot, or command ended: nothing is read twice.
        let (mut done, mut block, mut no_jwt, mut command) = (0, 0, 0, 0);
        for found in self.search.find_overlapping_iter(bytes) {
            let (start, end) = (found.start(), found.end());
            let index = found.pattern().as_usize();
            let shape = SHAPES.get(index).or_else(|| Some(&OTHERS.get(index - SHAPES.len())?.1));
            let Some(&shape) = shape else {
                seen.tell(bytes, start, end);
                continue;
            };
            if start < done {
                continue;
            }
            let hit = match shape {
                Token(prefix, class, least, apart) => {
                    let fits = text[start..].starts_with(prefix) && (!apart || apart_left(bytes, start));
                    let len = if fits { bytes[end..].iter().take_while(|&&b| class.has(b)).count() } else { 0 };
                    let digits = prefix != "sk-" || bytes[end..end + len].iter().any(u8::is_ascii_digit);
                    // A run that is long enough is a hit and skipped from then on; a shorter one was short to read.
                    (fits && len >= least && digits).then_some(start..end + len)
                }
                Exact(prefix, class, len) => {
                    let tail = bytes.get(end..end + len);
                    let fits = text[start..].starts_with(prefix)
                        && apart_left(bytes, start)
                        && tail.is_some_and(|tail| tail.iter().all(|&b| class.has(b)))
                        && !bytes.get(end + len).is_some_and(u8::is_ascii_alphanumeric);
                    fits.then_some(start..end + len)
                }
                Shape::Webhook => {
                    let len = bytes[end..]
                        .iter()
                        .take_while(|&&b| b > b' ' && !matches!(b, b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\'))
                        .count();
                    (len >= 8 && !text[end..].starts_with(MARK)).then_some(end..end + len)
                }
                Shape::Jwt if start >= no_jwt && text[start..].starts_with("eyJ") => {
                    jwt(bytes, start).map_err(|end| no_jwt = end).ok()
                }
                Shape::Telegram => telegram(bytes, start),
                Shape::Terraform => terraform(bytes, start, end),
                Shape::Url => userinfo(text, end),
                Shape::At => bare_userinfo(text, start),
                Shape::Scheme => scheme(text, start, end),
                Shape::Netrc => netrc(text, start, end),
                Shape::Command if start >= command => {
                    let name = start == 0 || !is_word(bytes[start - 1]);
                    if name {
                        let line = bytes[start..].iter().take(MAX_COMMAND).take_while(|&&b| b != b'\n').count();
                        let line = text.floor_char_boundary(start + line);
                        command = line;
                        args::scan_line(text, start..line, keys, hits);
                    }
                    None
                }
                Shape::Begin if start >= block => {
                    if let Some((kind, range)) = pem(text, start) {
                        block = range.end;
                        match kind {
                            Block::Private => Some(range),
                            Block::Public => {
                                seen.public.push(range);
                                None
                            }
                        }
                    } else {
                        None
                    }
                }
                _ => None,
            };
            if let Some(range) = hit {
                done = done.max(range.end);
                hits.push(range);
            }
        }
        seen
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Whether a word can start here: nothing of a word before it, or an escape (`%3D`, `\n`).
fn apart_left(bytes: &[u8], at: usize) -> bool {
    match bytes[..at] {
        [] => true,
        [.., b'%', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => true,
        [.., b'\\', b'n' | b'r' | b't'] => true,
        [.., last] => !is_word(last),
    }
}

/// The block that starts here, to its end, or the end of the text.
fn pem(text: &str, start: usize) -> Option<(Block, Range<usize>)> {
    let label_at = start + "-----BEGIN ".len();
    let label_end = label_at + text.as_bytes()[label_at..].iter().take(64).position(|&b| b == b'-')?;
    if !text[label_end..].starts_with("-----") {
        return None;
    }
    let kind = if text[label_at..label_end].contains("PRIVATE KEY") { Block::Private } else { Block::Public };
    let body = label_end + 5;
    let end = memmem::find(&text.as_bytes()[body..], b"-----END ").map(|at| {
        let label = body + at + "-----END ".len();
        let rest = &text.as_bytes()[label..];
        let close = rest.iter().take(64).position(|&b| b == b'-').unwrap_or(0);
        label + close + rest[close..].iter().take(5).take_while(|&&b| b == b'-').count()
    });
    Some((kind, start..end.unwrap_or(text.len())))
}

/// The kind of the block that the text leaves open.
pub(super) fn open_block(text: &str) -> Option<Block> {
    static BEGIN: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new("-----BEGIN "));
    let first = BEGIN.find(text.as_bytes())?;
    let start = first + memmem::rfind(&text.as_bytes()[first..], b"-----BEGIN ")?;
    if memmem::find(&text.as_bytes()[start..], b"-----END ").is_some() {
        return None;
    }
    pem(text, start).map(|(kind, _)| kind)
}

/// `header.payload.signature`; else where the look ended.
fn jwt(bytes: &[u8], start: usize) -> Result<Range<usize>, usize> {
    let mut at = start;
    let mut parts = 0;
    loop {
        let len = bytes[at..].iter().take_while(|&&b| is_word(b)).count();
        if len < 8 {
            break;
        }
        parts += 1;
        at += len;
        if bytes.get(at) != Some(&b'.') {
            break;
        }
        at += 1;
    }
    if parts >= 2 { Ok(start..at) } else { Err(at) }
}

/// `123456789:AA…`
fn telegram(bytes: &[u8], colon: usize) -> Option<Range<usize>> {
    let digits = bytes[..colon].iter().rev().take(11).take_while(|b| b.is_ascii_digit()).count();
    let len = bytes[colon + 1..].iter().take(64).take_while(|&&b| is_word(b)).count();
    (bytes[colon + 1..].starts_with(b"AA") && (8..=10).contains(&digits) && (33..=37).contains(&len))
        .then_some(colon - digits..colon + 1 + len)
}

/// `xxxxxxxxxxxxxx.atlasv1.…`
fn terraform(bytes: &[u8], start: usize, end: usize) -> Option<Range<usize>> {
    let before = bytes[..start].iter().rev().take(20).take_while(|b| b.is_ascii_alphanumeric()).count();
    let len = bytes[end..].iter().take_while(|&&b| is_word(b)).count();
    (before >= 10 && len >= 40).then_some(start - before..end + len)
}

/// After `://`: `user:password@` or `token@`.
fn userinfo(text: &str, start: usize) -> Option<Range<usize>> {
    let rest = &text.as_bytes()[start..];
    let stop = |b: u8| b <= b' ' || matches!(b, b'/' | b'?' | b'#' | b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\' | b',');
    let len = rest.iter().take(MAX_USERINFO).position(|&b| stop(b)).unwrap_or(rest.len().min(MAX_USERINFO));
    let at = memchr::memrchr(b'@', &rest[..len])?;
    let info = &text[start..start + at];
    match info.split_once(':') {
        Some((user, "" | "x-oauth-basic")) => {
            (user.len() >= 8 && !user.contains(MARK)).then(|| start..start + user.len())
        }
        Some((user, password))
            if !(pairs::placeholder(password) || user.is_empty() && password.starts_with("pserver:")) =>
        {
            Some(start + user.len() + 1..start + at)
        }
        Some(_) => None,
        None => (info.len() >= 20 && info.bytes().any(|b| b.is_ascii_digit()) && !info.contains(['%', '.']))
            .then(|| start..start + at),
    }
}

/// `user:password@host` without a scheme.
fn bare_userinfo(text: &str, at: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let word = |b: u8| {
        b > b' ' && !matches!(b, b'"' | b'\'' | b'`' | b'<' | b'>' | b'(' | b'/' | b'\\' | b',' | b'=' | b'@' | b'&')
    };
    let len = bytes[..at].iter().rev().take(160).take_while(|&&b| word(b)).count();
    let start = text.ceil_char_boundary(at - len);
    if start > 0 && matches!(bytes[start - 1], b'/' | b'@') {
        return None;
    }
    let (user, password) = text[start..at].split_once(':')?;
    let version = password.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let tag = matches!(
        user,
        "mailto" | "sip" | "npm" | "workspace" | "acct" | "xmpp" | "pkg" | "git" | "file" | "docker" | "image"
    );
    if !user.bytes().any(|b| b.is_ascii_alphabetic())
        || !user.bytes().all(|b| is_word(b) || b == b'.')
        || password.len() < 3
        || version
        || tag
        || pairs::placeholder(password)
    {
        return None;
    }
    let host_len = bytes[at + 1..].iter().take(254).take_while(|&&b| is_word(b) || b == b'.').count();
    let host = text[at + 1..at + 1 + host_len].trim_end_matches('.');
    let last = host.rsplit('.').next().unwrap_or("");
    let dotted = host.contains('.') && last.len() >= 2 && last.bytes().all(|b| b.is_ascii_alphabetic());
    let address = host.split('.').count() == 4 && host.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let next = bytes.get(at + 1 + host_len);
    let port = next == Some(&b':') && bytes.get(at + 2 + host_len).is_some_and(u8::is_ascii_digit);
    let known = host == "localhost" || dotted || address || (!host.is_empty() && port);
    (known && host != "sha256").then_some(start + user.len() + 1..at)
}

/// `Bearer …`, `Basic …`: the word after it, if it looks like a token.
fn scheme(text: &str, start: usize, end: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    if !apart_left(bytes, start) {
        return None;
    }
    let mut at = end;
    while bytes.get(at) == Some(&b' ') && at < end + 4 {
        at += 1;
    }
    if text[at..].starts_with("%20") {
        at += 3;
    } else if bytes.get(at) == Some(&b'+') {
        at += 1;
    }
    if at == end {
        return None;
    }
    let class = |b: u8| is_word(b) || matches!(b, b'.' | b'~' | b'+' | b'/' | b'=' | b'%');
    let len = bytes[at..].iter().take_while(|&&b| class(b)).count();
    let word = &text[at..at + len];
    token_like(word.trim_end_matches('.')).then_some(at..at + len)
}

/// Whether a word is rather a token than a word of a language.
pub(super) fn token_like(word: &str) -> bool {
    let body = word.trim_end_matches('=');
    if body.len() < 8 || body.contains('=') {
        return false;
    }
    let core = body.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits_inside = core.bytes().any(|b| b.is_ascii_digit());
    let all_digits = core.is_empty();
    if digits_inside || all_digits || body.len() - core.len() > 2 {
        return true;
    }
    let humps =
        core.as_bytes().windows(2).filter(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase()).count();
    let plain = core.bytes().all(|b| b.is_ascii_alphabetic());
    word.ends_with('=') || humps >= 1 && body.len() >= 10 || plain && body.len() >= 24
}

/// `login joe password s3cret` and a line `password s3cret`.
fn netrc(text: &str, start: usize, end: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let gap = bytes[end..].iter().take(8).take_while(|&&b| matches!(b, b' ' | b'\t')).count();
    if gap == 0 || start > 0 && is_word(bytes[start - 1]) {
        return None;
    }
    let at = end + gap;
    let len = bytes[at..].iter().take_while(|&&b| b > b' ').count();
    let from = text.ceil_char_boundary(start.saturating_sub(256));
    let line = text[from..start].rsplit('\n').next().unwrap_or("");
    let mut words = line.split_ascii_whitespace();
    let login = words.any(|word| matches!(word, "login" | "account" | "machine")) && len > 0;
    let alone = line.trim().is_empty() && matches!(bytes.get(at + len), None | Some(b'\n' | b'\r')) && {
        let word = &bytes[at..at + len];
        len >= 6 && word.iter().any(|b| b.is_ascii_digit() || b"!#$%&*+^~?".contains(b)) && !word.contains(&b'=')
    };
    let value = &text[at..at + len];
    ((login || alone) && !pairs::placeholder(value) && !value.starts_with(['=', ':'])).then_some(at..at + len)
}
