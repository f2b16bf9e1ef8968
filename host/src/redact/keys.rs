//! Which names stand for secrets. A name is split into words at anything but letters and digits and at camel case.

use super::RuleError;

/// The part of a name that is looked at, from its end.
const MAX_KEY: usize = 96;
const MAX_WORDS: usize = 24;

/// How sure a name makes us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strength {
    /// Not at all.
    No,
    /// Likely: numbers and plain English words stay.
    Weak,
    /// Sure.
    Strong,
    /// Sure, and the value is many words: in free text all of the line.
    Line,
    /// A header: `Authorization`, `Cookie`; in free text all of the line.
    Header,
    /// `PWD`: a password, or the working directory.
    Folder,
}

#[derive(Default)]
pub(super) struct Keys {
    extra: Vec<Vec<String>>,
    allow: Vec<Vec<String>>,
}

const STRONG: &[&str] = &[
    "password",
    "passwords",
    "passwd",
    "pwd",
    "passphrase",
    "passphrases",
    "passcode",
    "secret",
    "secrets",
    "clientsecret",
    "apikey",
    "apikeys",
    "credential",
    "credentials",
    "creds",
    "sessionid",
    "jsessionid",
    "phpsessid",
    "accesskey",
    "secretkey",
    "privatekey",
    "authkey",
    "authtoken",
    "accesstoken",
    "refreshtoken",
    "sessiontoken",
    "apitoken",
    "csrftoken",
    "idtoken",
    "bearertoken",
];
const STRONG_END: &[&str] = &["password", "passwd", "passphrase", "clientsecret", "secretkey", "apikey"];
const WEAK_LAST: &[&str] = &["token", "auth", "pass", "sig", "signature", "bearer", "pw", "otp"];
const BEFORE_KEY: &[&str] = &[
    "api",
    "access",
    "private",
    "secret",
    "account",
    "encryption",
    "signing",
    "master",
    "storage",
    "shared",
    "auth",
    "session",
    "service",
    "deploy",
];
/// Every name that stands for a secret by the built-in rules holds one of these, in whatever case: where none of them
/// stands, no name has to be looked at.
const HINTS: &[&str] = &[
    "pass",
    "pw",
    "secret",
    "cred",
    "key",
    "token",
    "auth",
    "cookie",
    "sessionid",
    "sessid",
    "mnemonic",
    "jwt",
    "sig",
    "bearer",
    "otp",
    "otlp",
    "phrase",
];
/// A name that ends in one of these tells something about a secret, not the secret.
const ABOUT: &[&str] = &[
    "name",
    "names",
    "id",
    "ids",
    "type",
    "types",
    "count",
    "counts",
    "method",
    "methods",
    "enabled",
    "disabled",
    "policy",
    "provider",
    "file",
    "files",
    "path",
    "paths",
    "dir",
    "fingerprint",
    "version",
    "versions",
    "ttl",
    "rotation",
    "limit",
    "hash",
    "length",
    "len",
    "size",
    "min",
    "max",
    "required",
    "expired",
    "expires",
    "expiry",
    "expiration",
    "at",
    "age",
    "status",
    "state",
    "error",
    "errors",
    "url",
    "uri",
    "endpoint",
    "manager",
    "store",
    "backend",
    "field",
    "fields",
    "prompt",
    "stdin",
    "env",
    "var",
    "ref",
    "arn",
    "reset",
    "changed",
    "strength",
    "scheme",
    "mode",
    "algorithm",
    "alg",
    "kind",
    "format",
    "present",
    "exists",
    "valid",
    "verified",
    "created",
    "updated",
    "host",
    "port",
    "server",
    "user",
    "username",
    "scope",
    "scopes",
    "audience",
    "issuer",
    "hint",
    "label",
    "title",
    "description",
    "total",
    "rate",
    "usage",
    "used",
    "budget",
    "index",
    "offset",
    "jar",
    "attempt",
    "attempts",
    "failures",
    "check",
    "checker",
    "scanner",
    "scanning",
    "scan",
    "detected",
    "found",
    "redacted",
    "engine",
    "plugin",
    "helper",
    "script",
    "domain",
    "ms",
    "ns",
    "seconds",
    "bytes",
    "time",
    "duration",
    "fd",
    "protection",
    "validation",
];
/// A flag that starts with one of these takes no value.
const SWITCH: &[&str] =
    &["no", "ask", "use", "with", "without", "skip", "require", "disable", "enable", "show", "has", "is", "allow"];
/// A value under a name that ends so is random and public.
const PUBLIC: &[&str] = &[
    "id",
    "ids",
    "hash",
    "digest",
    "checksum",
    "fingerprint",
    "integrity",
    "etag",
    "md5",
    "sha",
    "uuid",
    "revision",
    "commit",
    "public",
    "certificate",
    "cert",
    "pubkey",
    "path",
    "file",
    "sum",
];

/// The words of a name, lower case, in a fixed buffer.
pub(super) struct Words {
    text: [u8; MAX_KEY],
    ends: [(u8, u8); MAX_WORDS],
    count: usize,
}

impl Words {
    pub(super) fn of(key: &str) -> Self {
        let bytes = key.as_bytes();
        let bytes = &bytes[bytes.len().saturating_sub(MAX_KEY)..];
        let mut words = Self { text: [0; MAX_KEY], ends: [(0, 0); MAX_WORDS], count: 0 };
        let mut start = None;
        for (i, &byte) in bytes.iter().enumerate() {
            words.text[i] = byte.to_ascii_lowercase();
            if !byte.is_ascii_alphanumeric() {
                words.close(&mut start, i);
                continue;
            }
            if let Some(begin) = start
                && byte.is_ascii_uppercase()
                && i > begin
            {
                let hump = bytes[i - 1].is_ascii_lowercase()
                    || bytes[i - 1].is_ascii_uppercase() && bytes.get(i + 1).is_some_and(u8::is_ascii_lowercase);
                if hump {
                    words.close(&mut start, i);
                }
            }
            start = start.or(Some(i));
        }
        words.close(&mut start, bytes.len());
        words
    }

    fn close(&mut self, start: &mut Option<usize>, end: usize) {
        let Some(begin) = start.take() else { return };
        // `password2`, `token1`: the number is no part of the word.
        let bare = self.text[begin..end].iter().rposition(|b| !b.is_ascii_digit()).map_or(end, |last| begin + last + 1);
        if self.count == MAX_WORDS {
            self.ends.rotate_left(1);
            self.count -= 1;
        }
        // Fits: both are at most MAX_KEY.
        self.ends[self.count] = (begin as u8, bare as u8);
        self.count += 1;
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.ends[..self.count]
            .iter()
            .map(|&(begin, end)| std::str::from_utf8(&self.text[begin as usize..end as usize]).unwrap_or(""))
    }

    /// See [`names_public_value`].
    pub(super) fn name_public_value(&self) -> bool {
        self.iter().next_back().is_some_and(|last| PUBLIC.contains(&last))
            || self.iter().any(|word| matches!(word, "public" | "sha"))
    }
}

impl Keys {
    pub(super) fn new(extra: &[String], allow: &[String]) -> Result<Self, RuleError> {
        let split = |list: &'static str, keys: &[String]| {
            keys.iter()
                .map(|key| {
                    let words = words(key);
                    if words.is_empty() { Err(RuleError::EmptyKey { list, key: key.clone() }) } else { Ok(words) }
                })
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Self { extra: split("extra_keys", extra)?, allow: split("allow_keys", allow)? })
    }

    /// No further names stand for secrets, so that the hints are the built-in ones.
    pub(super) fn are_usual(&self) -> bool {
        self.extra.is_empty()
    }

    /// What a text has to hold, in whatever case, before any name in it can stand for a secret.
    pub(super) fn hints(&self) -> Vec<&str> {
        let extra = self.extra.iter().filter_map(|words| words.iter().max_by_key(|word| word.len()));
        HINTS.iter().copied().chain(extra.map(String::as_str)).collect()
    }

    /// What the name says of its value.
    pub(super) fn classify(&self, key: &str) -> Strength {
        self.classify_words(&Words::of(key))
    }

    /// The same of a name's words.
    pub(super) fn classify_words(&self, words: &Words) -> Strength {
        if words.count == 0 {
            return Strength::No;
        }
        let mut list = [""; MAX_WORDS];
        for (slot, word) in list.iter_mut().zip(words.iter()) {
            *slot = word;
        }
        let list = &list[..words.count];
        if self.allow.iter().any(|allowed| same(list, allowed)) {
            return Strength::No;
        }
        if self.extra.iter().any(|extra| list.windows(extra.len()).any(|part| same(part, extra))) {
            return Strength::Strong;
        }
        let last = list[list.len() - 1];
        // Most names are harmless: the long list is asked last.
        match Self::strength(list, last) {
            Strength::No => Strength::No,
            _ if ABOUT.contains(&last) => Strength::No,
            strength => strength,
        }
    }

    fn strength(list: &[&str], last: &str) -> Strength {
        match last {
            "authorization" | "cookie" | "cookies" => return Strength::Header,
            "mnemonic" => return Strength::Line,
            "pwd" if list.len() == 1 => return Strength::Folder,
            "oldpwd" => return Strength::No,
            _ => {}
        }
        for (i, word) in list.iter().enumerate() {
            if STRONG.contains(word) || STRONG_END.iter().any(|end| word.len() > end.len() && word.ends_with(end)) {
                return Strength::Strong;
            }
            if matches!(*word, "authorization" | "cookie" | "mnemonic" | "jwt") {
                return Strength::Weak;
            }
            match list.get(i + 1) {
                Some(&("key" | "keys")) if BEFORE_KEY.contains(word) => return Strength::Strong,
                Some(&"headers") if *word == "otlp" => return Strength::Strong,
                Some(&"phrase") if matches!(*word, "seed" | "recovery") => return Strength::Line,
                Some(&"data") if *word == "key" => return Strength::Strong,
                _ => {}
            }
        }
        // `single_pass`, `FirstPass`: a pass of a compiler.
        let pass = last == "pass"
            && list.len() > 1
            && matches!(
                list[list.len() - 2],
                "single" | "first" | "second" | "last" | "one" | "two" | "multi" | "next" | "test" | "render"
            );
        if WEAK_LAST.contains(&last) && !pass { Strength::Weak } else { Strength::No }
    }

    /// The same for the name of a flag, of which some are switches.
    pub(super) fn classify_flag(&self, flag: &str) -> Strength {
        match Words::of(flag).iter().next() {
            Some(first) if SWITCH.contains(&first) => Strength::No,
            _ => self.classify(flag),
        }
    }
}

/// The words of a name, lower case, without numbers at their ends.
pub(super) fn words(key: &str) -> Vec<String> {
    Words::of(key).iter().map(String::from).collect()
}

fn same(words: &[&str], rule: &[String]) -> bool {
    words.len() == rule.len() && words.iter().zip(rule).all(|(a, b)| a == b)
}

/// Whether values under this name are random and yet public, such as digests and ids.
pub(super) fn names_public_value(key: &str) -> bool {
    Words::of(key).name_public_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_telling_name_holds_a_hint() {
        let keys = Keys::new(&["wallet_address2".into()], &[]).unwrap();
        let hints = keys.hints();
        let built_in = STRONG
            .iter()
            .chain(WEAK_LAST)
            .map(|word| (*word).to_owned())
            .chain(STRONG_END.iter().map(|end| format!("x{end}")));
        let pairs = BEFORE_KEY.iter().flat_map(|word| [format!("{word}_key"), format!("{word}Keys")]);
        let others = [
            "authorization",
            "cookie",
            "cookies",
            "mnemonic",
            "jwt",
            "pwd",
            "otlp.headers",
            "seed_phrase",
            "recovery phrase",
            "key-data",
            "x_mnemonic_y",
            "x.cookie.y",
            "walletAddress",
        ];
        for name in built_in.chain(pairs).chain(others.map(String::from)) {
            assert_ne!(keys.classify(&name), Strength::No, "{name}");
            assert!(hints.iter().any(|hint| name.to_ascii_lowercase().contains(hint)), "{name}");
        }
    }
}
