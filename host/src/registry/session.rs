//! A conversation with one registry about one repository: requests with the login that it asks for, redirects, and
//! answers that are no success, in words.

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION, USER_AGENT};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use serde::Deserialize;

use super::auth::{self, Challenge};
use super::credentials::{self, Login};
use super::transport::{Transport, clean, host_of, is_same_origin};
use super::{Access, Reference, RegistryError};

/// Most redirects in a row.
const MAX_REDIRECTS: usize = 5;
/// Most bytes of a token service's answer.
const MAX_TOKEN: u64 = 256 << 10;
/// Most bytes of an error's body.
const MAX_ERROR: u64 = 16 << 10;
/// Where Docker Hub's registry is; its name stands for a web site.
const DOCKER_HUB: &str = "registry-1.docker.io";

/// What the session is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Pull,
    Push,
}

/// A request, before it has a login.
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) accept: Option<&'static str>,
    /// Media type and bytes.
    pub(super) body: Option<(&'static str, Bytes)>,
    /// What it is, for messages: "asking for the manifest".
    pub(super) doing: &'static str,
}

/// An answer and where it came from.
pub(super) struct Answer {
    pub(super) response: Response<Incoming>,
    pub(super) uri: Uri,
    doing: &'static str,
}

pub(super) struct Session {
    pub(super) transport: Transport,
    base: Uri,
    scope: String,
    login: Login,
    authorization: Option<HeaderValue>,
}

impl Session {
    pub(super) fn new(reference: &Reference, access: &Access, purpose: Purpose) -> Result<Self, RegistryError> {
        let transport = Transport::new(reference, access)?;
        let authority = match reference.authority().to_ascii_lowercase().as_str() {
            "docker.io" | "index.docker.io" => DOCKER_HUB.to_owned(),
            _ => reference.authority(),
        };
        let base = format!("{}://{authority}/v2/{}/", transport.scheme(), reference.repository());
        let base = base.parse().map_err(|error: http::uri::InvalidUri| RegistryError::Unreachable {
            subject: reference.to_string(),
            host: authority.clone(),
            why: error.to_string(),
        })?;
        let actions = if purpose == Purpose::Push { "pull,push" } else { "pull" };
        let scope = format!("repository:{}:{actions}", reference.repository());
        let login = credentials::find(access.docker_config.as_deref(), &reference.authority())?;
        Ok(Self { transport, base, scope, login, authorization: None })
    }

    /// The address of something in the repository: `manifests/latest`.
    pub(super) fn address(&self, path: &str) -> Result<Uri, RegistryError> {
        self.transport.resolve(&self.base, &format!("{}{path}", self.base.path()))
    }

    /// Host and port, for messages.
    pub(super) fn host(&self) -> String {
        host_of(&self.base)
    }

    /// Sends a request; logs in and sends it again where the registry asks for that. Redirects of what only reads are
    /// followed.
    pub(super) async fn ask(&mut self, ask: &Ask) -> Result<Answer, RegistryError> {
        let mut uri = ask.uri.clone();
        let mut logged_in = false;
        for _ in 0..=MAX_REDIRECTS {
            let response = self.transport.send(self.request(ask, &uri), ask.doing).await?;
            let status = response.status();
            if status == StatusCode::UNAUTHORIZED && !logged_in && is_same_origin(&uri, &self.base) {
                logged_in = true;
                match self.log_in(&response).await? {
                    Some(authorization) => self.authorization = Some(authorization),
                    None => return Err(self.failure(Answer { response, uri, doing: ask.doing }).await),
                }
                continue;
            }
            let follows = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
                && ask.body.is_none()
                && ask.method != Method::POST;
            if !follows {
                return Ok(Answer { response, uri, doing: ask.doing });
            }
            let to = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
            uri = self.transport.resolve(&uri, to)?;
        }
        Err(RegistryError::Elsewhere {
            subject: self.transport.subject(),
            host: self.host(),
            to: format!("{}://{}{}", self.transport.scheme(), host_of(&uri), uri.path()),
            why: format!("more than {MAX_REDIRECTS} redirects in a row lead nowhere"),
        })
    }

    fn request(&self, ask: &Ask, uri: &Uri) -> Request<Full<Bytes>> {
        let (kind, body) = ask.body.as_ref().map_or((None, Bytes::new()), |(kind, body)| (Some(*kind), body.clone()));
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = ask.method.clone();
        *request.uri_mut() = uri.clone();
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("forensic-host/", env!("CARGO_PKG_VERSION"))));
        if let Some(accept) = ask.accept {
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
        }
        if let Some(kind) = kind {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        // What storage another host redirects to must not see the login.
        if let Some(authorization) = self.authorization.as_ref().filter(|_| is_same_origin(uri, &self.base)) {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        request
    }

    /// The header that the registry asks for with this answer; `None` where there is no login to make one of.
    async fn log_in(&self, response: &Response<Incoming>) -> Result<Option<HeaderValue>, RegistryError> {
        const DOING: &str = "asking for a token";
        let basic = self.login.basic.as_ref().and_then(|(user, password)| auth::basic(user, password));
        let (realm, service) = match Challenge::of(response.headers()) {
            Some(Challenge::Bearer { realm, service }) => (realm, service),
            Some(Challenge::Basic) => return Ok(basic),
            None => return Ok(None),
        };
        let url = Challenge::token_url(&realm, service.as_deref(), &self.scope);
        let uri = self.transport.resolve(&self.base, &url)?;
        let mut request = Request::new(Full::new(Bytes::new()));
        *request.uri_mut() = uri.clone();
        if let Some(basic) = basic {
            request.headers_mut().insert(AUTHORIZATION, basic);
        }
        let answer = Answer { response: self.transport.send(request, DOING).await?, uri, doing: DOING };
        if !answer.response.status().is_success() {
            return Err(self.failure(answer).await);
        }
        let host = host_of(&answer.uri);
        let bytes = self.transport.read(answer.response.into_body(), MAX_TOKEN, &host, DOING).await?;
        let token = bytes.as_deref().and_then(auth::bearer);
        let broken = || RegistryError::Broken {
            subject: self.transport.subject(),
            host,
            doing: DOING.to_owned(),
            why: "the answer holds no token".to_owned(),
        };
        token.map(Some).ok_or_else(broken)
    }

    /// The answer, if it has one of these statuses.
    pub(super) async fn expect(&self, answer: Answer, statuses: &[StatusCode]) -> Result<Answer, RegistryError> {
        if statuses.contains(&answer.response.status()) { Ok(answer) } else { Err(self.failure(answer).await) }
    }

    /// An answer that is no success, in words.
    async fn failure(&self, answer: Answer) -> RegistryError {
        let Answer { response, uri, doing } = answer;
        let (subject, host) = (self.transport.subject(), host_of(&uri));
        let status = response.status();
        // The status has decided: a body that doesn't come, or doesn't end, changes nothing but the words.
        let body = self.transport.read(response.into_body(), MAX_ERROR, &host, doing).await;
        let said =
            body.ok().flatten().and_then(|body| said(&body)).map(|said| format!(" ({said})")).unwrap_or_default();
        let status = status.as_u16();
        match status {
            401 | 403 => RegistryError::Refused { subject, host, status, said, advice: self.login.advice.clone() },
            404 => RegistryError::NotFound { subject, host, said },
            _ => RegistryError::Status { subject, host, doing: doing.to_owned(), status, said },
        }
    }
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<ErrorEntry>,
}

#[derive(Deserialize)]
struct ErrorEntry {
    code: String,
    #[serde(default)]
    message: Option<String>,
}

/// The first error of an answer, as the specification lays it out.
fn said(body: &[u8]) -> Option<String> {
    let errors: Errors = serde_json::from_slice(body).ok()?;
    let first = errors.errors.into_iter().next()?;
    Some(clean(&match first.message.filter(|message| !message.is_empty()) {
        Some(message) => format!("{}: {message}", first.code),
        None => first.code,
    }))
}
