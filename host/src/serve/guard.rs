//! Who may ask, and how: method, host, origin, token. What is refused here has opened no file.

use std::net::{IpAddr, Ipv4Addr};

use hyper::header::{AUTHORIZATION, COOKIE, HOST, HeaderMap};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use hyper::{Method, StatusCode};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::answer::Problem;
use super::params::Params;
use crate::files;

/// Fewest characters of a token.
pub(super) const TOKEN_MIN: usize = 16;
/// Most.
pub(super) const TOKEN_MAX: usize = 1024;

/// Why a token can't be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadToken {
    /// It could be guessed.
    #[error("the token has {0} characters, and needs at least {TOKEN_MIN}: make one with `openssl rand -hex 32`")]
    Short(usize),
    /// No header could hold it.
    #[error(
        "the token must be at most {TOKEN_MAX} visible ASCII characters without spaces: make one with `openssl rand -hex 32`"
    )]
    Unusable,
}

/// What a request must show. Kept as hashes, so that comparing takes as long whatever was given, and no memory dump has it.
pub(super) struct Secret {
    token: [u8; 32],
    session: [u8; 32],
    /// What the cookie holds: not the token, because browsers send cookies to every port of a host.
    cookie: String,
}

/// How far a request came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pass {
    /// It is answered.
    Granted,
    /// It brought the token in its address: the browser gets this cookie, and is sent to the address without it.
    Welcome { cookie: String, location: String },
}

/// The rules of one server.
pub(super) struct Guard {
    /// The port is open on a loopback address only.
    loopback: bool,
    port: u16,
    secret: Option<Secret>,
}

impl Secret {
    /// Checks a token.
    ///
    /// # Errors
    /// It can't be used.
    pub(super) fn new(token: &str) -> Result<Self, BadToken> {
        let length = token.chars().count();
        if length < TOKEN_MIN {
            return Err(BadToken::Short(length));
        }
        if length > TOKEN_MAX || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(BadToken::Unusable);
        }
        let mut random = [0u8; 32];
        // Where the system has no random numbers the session is that of the token: as good, but for other ports of this host.
        if !matches!(rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty()), Ok(32)) {
            random = Sha256::digest(format!("forensic-host session {token}")).into();
        }
        let cookie = files::hex(&random);
        Ok(Self { token: digest(token), session: digest(&cookie), cookie })
    }

    fn is_token(&self, given: &str) -> bool {
        digest(given).ct_eq(&self.token).into()
    }

    fn is_session(&self, given: &str) -> bool {
        digest(given).ct_eq(&self.session).into()
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

impl Guard {
    /// For a port on `address`.
    pub(super) fn new(address: std::net::SocketAddr, secret: Option<Secret>) -> Self {
        Self { loopback: address.ip().is_loopback(), port: address.port(), secret }
    }

    /// Whether a request is answered.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn check(&self, head: &Parts) -> Result<Pass, Problem> {
        if self.loopback {
            check_host(head)?;
        }
        check_origin(&head.headers)?;
        let pass = self.check_token(head)?;
        if head.method != Method::GET && head.method != Method::HEAD {
            return Err(Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                format!("{} is not understood", head.method.as_str().escape_debug()),
                "This server only reads: use GET or HEAD.",
            ));
        }
        Ok(pass)
    }

    fn check_token(&self, head: &Parts) -> Result<Pass, Problem> {
        let Some(secret) = &self.secret else { return Ok(Pass::Granted) };
        let bearer = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer);
        if bearer.is_some_and(|token| secret.is_token(token)) {
            return Ok(Pass::Granted);
        }
        // Before the cookie: a token does not stay in the address of somebody who is known already.
        let query = Params::parse(head.uri.query().unwrap_or_default())?;
        if query.get("token").is_some_and(|token| secret.is_token(token)) {
            let cookie = format!("{}={}; HttpOnly; SameSite=Strict; Path=/", self.cookie_name(), secret.cookie);
            // A path of two slashes would be another host.
            let path = match head.uri.path() {
                path if path.starts_with("//") || path.contains('\\') => "/",
                path => path,
            };
            return Ok(Pass::Welcome { cookie, location: format!("{path}{}", query.with(&[("token", None)])) });
        }
        if cookies(&head.headers, &self.cookie_name()).any(|value| secret.is_session(value)) {
            return Ok(Pass::Granted);
        }
        Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "this server wants its token, and this request has none, or a wrong one",
            "Open `/?token=…` once with the token that the server was started with, or send it as `Authorization: Bearer …`.",
        ))
    }

    /// With the port: cookies are shared by all servers of a host.
    fn cookie_name(&self) -> String {
        format!("forensic_host_{}", self.port)
    }
}

/// Whether the host that a request names is this machine itself: a page of another host, whose name was made to lead here, is not to
/// read our answers (DNS rebinding). The port does not matter: a tunnel has another one.
fn check_host(head: &Parts) -> Result<(), Problem> {
    let refused = |what: String| {
        Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            what,
            "Use http://127.0.0.1 or http://localhost with the server's port; a proxy must set the Host header so.",
        )
    };
    let mut hosts = head.headers.get_all(HOST).iter();
    let host = hosts.next().ok_or_else(|| refused("the request has no Host header".into()))?;
    if hosts.next().is_some() {
        return Err(refused("the request has several Host headers".into()));
    }
    let host = host.to_str().unwrap_or_default();
    let named = |authority: &Authority| is_loopback(authority.host()) && !authority.as_str().contains('@');
    let all = host.parse::<Authority>().is_ok_and(|host| named(&host)) && head.uri.authority().is_none_or(named);
    if all { Ok(()) } else { Err(refused(format!("this server is not {:?}", clipped(host)))) }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A page of another site may lead here, and may not load anything from here.
fn check_origin(headers: &HeaderMap) -> Result<(), Problem> {
    let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let foreign = matches!(value("sec-fetch-site"), Some("cross-site" | "same-site"));
    if foreign && value("sec-fetch-mode") != Some("navigate") {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "another site wants to load this",
            "Open the address in a window of its own.",
        ));
    }
    Ok(())
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn cookies<'h>(headers: &'h HeaderMap, name: &str) -> impl Iterator<Item = &'h str> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';'))
        .filter_map(move |pair| pair.trim().split_once('='))
        .filter(move |(key, _)| *key == name)
        .map(|(_, value)| value)
}

fn clipped(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Where the server listens unless something else is said.
pub(crate) const LISTEN: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7171);

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;

    const TOKEN: &str = "0123456789abcdef";

    fn head(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::get(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn status(guard: &Guard, head: &Parts) -> u16 {
        guard.check(head).map_or_else(|problem| problem.status.as_u16(), |_| 200)
    }

    fn guard(address: &str, token: Option<&str>) -> Guard {
        Guard::new(address.parse().unwrap(), token.map(|token| Secret::new(token).unwrap()))
    }

    #[test]
    fn only_names_of_this_machine_are_answered() {
        let guard = guard("127.0.0.1:7171", None);
        for host in ["localhost:7171", "LOCALHOST", "127.0.0.1:7171", "127.0.0.2", "[::1]:8000"] {
            assert_eq!(status(&guard, &head("/", &[("host", host)])), 200, "{host}");
        }
        for host in [
            "",
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.",
            "0.0.0.0",
            "10.0.0.1",
            "x@localhost",
            "::1",
            "a b",
        ] {
            assert_eq!(status(&guard, &head("/", &[("host", host)])), 421, "{host}");
        }
        assert_eq!(status(&guard, &head("/", &[])), 421);
        assert_eq!(status(&guard, &head("/", &[("host", "localhost"), ("host", "localhost")])), 421);
        assert_eq!(status(&guard, &head("http://evil.example/", &[("host", "localhost")])), 421);
        assert_eq!(status(&guard, &head("http://localhost/", &[("host", "localhost")])), 200);
    }

    #[test]
    fn other_sites_load_nothing() {
        let guard = guard("127.0.0.1:7171", None);
        for (site, mode, expected) in [
            ("cross-site", "no-cors", 403),
            ("cross-site", "navigate", 200),
            ("same-site", "cors", 403),
            ("same-origin", "cors", 200),
            ("none", "navigate", 200),
        ] {
            let head = head("/", &[("host", "localhost"), ("sec-fetch-site", site), ("sec-fetch-mode", mode)]);
            assert_eq!(status(&guard, &head), expected, "{site} {mode}");
        }
    }

    #[test]
    fn a_token_opens_and_nothing_else() {
        let guard = guard("0.0.0.0:7171", Some(TOKEN));
        let bearer = |value: &str| status(&guard, &head("/", &[("host", "any.example"), ("authorization", value)]));
        assert_eq!(bearer("Bearer 0123456789abcdef"), 200);
        assert_eq!(bearer("bearer 0123456789abcdef"), 200);
        for wrong in [
            "Bearer 0123456789abcdeg",
            "Bearer ",
            "Bearer 0123456789abcdef0",
            "Basic 0123456789abcdef",
            "0123456789abcdef",
        ] {
            assert_eq!(bearer(wrong), 401, "{wrong}");
        }
        assert_eq!(
            status(&guard, &head("/", &[("cookie", "forensic_host_7171=0123456789abcdef")])),
            401,
            "no cookie holds the token"
        );
        let welcome = guard.check(&head("/runs/R?a=1&token=0123456789abcdef", &[])).unwrap();
        let Pass::Welcome { cookie, location } = welcome else { panic!("{welcome:?}") };
        assert_eq!(location, "/runs/R?a=1");
        assert!(cookie.ends_with("; HttpOnly; SameSite=Strict; Path=/") && !cookie.contains(TOKEN), "{cookie}");
        let pair = cookie.split(';').next().unwrap();
        assert_eq!(status(&guard, &head("/", &[("cookie", &format!("x=1; {pair}"))])), 200);
        let known = guard.check(&head("/?token=0123456789abcdef", &[("cookie", pair)])).unwrap();
        assert!(matches!(known, Pass::Welcome { .. }), "the token would stay in the address");
        let other = Guard::new("0.0.0.0:7171".parse().unwrap(), Some(Secret::new(TOKEN).unwrap()));
        assert_eq!(status(&other, &head("/", &[("cookie", pair)])), 401, "the cookie of another server");
        assert_eq!(status(&guard, &head("/?token=0123456789abcde", &[])), 401);
        let Ok(Pass::Welcome { location, .. }) = guard.check(&head("//evil.example/?token=0123456789abcdef", &[]))
        else {
            panic!("not welcome")
        };
        assert_eq!(location, "/");
    }

    #[test]
    fn bad_tokens_are_refused() {
        assert_eq!(Secret::new("short").err(), Some(BadToken::Short(5)));
        assert_eq!(Secret::new("0123456789 abcdef").err(), Some(BadToken::Unusable));
        assert_eq!(Secret::new("0123456789äabcdef").err(), Some(BadToken::Unusable));
        assert_eq!(Secret::new(&"x".repeat(TOKEN_MAX + 1)).err(), Some(BadToken::Unusable));
    }
}
