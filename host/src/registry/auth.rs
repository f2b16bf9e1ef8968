//! What a registry wants when it answers 401, and the token that it gets: RFC 7235 challenges, RFC 7617 `Basic`, and
//! the token protocol of the Distribution project ("Token Authentication Specification").

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use zeroize::Zeroizing;

/// What may stand in a query's value as it is.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How a registry wants to be told who asks.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User and password with every request.
    Basic,
    /// A token, given out at another address.
    Bearer {
        /// Address of the token service.
        realm: String,
        /// Its name for the registry.
        service: Option<String>,
    },
}

impl Challenge {
    /// The challenge of an answer: the one for a token where there are several.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let found = |challenge: &Self| matches!(challenge, Self::Bearer { .. });
        let mut all: Vec<Self> =
            headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| Self::parse(value.to_str().ok()?)).collect();
        let at = all.iter().position(found).unwrap_or(0);
        (at < all.len()).then(|| all.swap_remove(at))
    }

    /// Reads the value of a `WWW-Authenticate` header with one challenge.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let (scheme, rest) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let mut realm = None;
        let mut service = None;
        let mut rest = rest.trim_start();
        while let Some((name, value)) = rest.split_once('=') {
            let (value, after) = read_value(value.trim_start())?;
            match name.trim().to_ascii_lowercase().as_str() {
                "realm" => realm = Some(value),
                "service" => service = Some(value),
                _ => {}
            }
            rest = after.trim_start().strip_prefix(',').unwrap_or("").trim_start();
        }
        Some(Self::Bearer { realm: realm?, service })
    }

    /// The address that gives out the token; `scope` is what it is for: `repository:NAME:pull`.
    pub(super) fn token_url(realm: &str, service: Option<&str>, scope: &str) -> String {
        let mut url = realm.to_owned();
        let mut separator = if realm.contains('?') { '&' } else { '?' };
        for (key, value) in service.map(|service| ("service", service)).into_iter().chain([("scope", scope)]) {
            url.push(separator);
            url.push_str(key);
            url.push('=');
            url.extend(utf8_percent_encode(value, QUERY));
            separator = '&';
        }
        url
    }
}

/// A token or a quoted string (RFC 9110, 5.6.4), and what follows it.
fn read_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ']).unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            c => value.push(c),
        }
    }
    None
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    token: String,
    #[serde(default)]
    access_token: String,
}

/// The header that carries the token of a token service's answer.
pub(super) fn bearer(answer: &[u8]) -> Option<HeaderValue> {
    let answer: Token = serde_json::from_slice(answer).ok()?;
    let (token, access_token) = (Zeroizing::new(answer.token), Zeroizing::new(answer.access_token));
    let token = if token.is_empty() { access_token } else { token };
    if token.is_empty() { None } else { secret(&Zeroizing::new(format!("Bearer {}", *token))) }
}

/// The header that carries user and password.
pub(super) fn basic(user: &str, password: &str) -> Option<HeaderValue> {
    let pair = Zeroizing::new(format!("{user}:{password}"));
    secret(&Zeroizing::new(format!("Basic {}", BASE64_STANDARD.encode(pair.as_bytes()))))
}

fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
