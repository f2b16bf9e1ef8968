//! Logins from Docker's `config.json`: its `auths` only. Credential helpers are programs, and none is run here; where a
//! login is left to one, the error on a refusal says so.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::RegistryError;
use crate::config::words::clip;

/// Most bytes of the file.
const MAX: u64 = 1 << 20;
/// How Docker names its own registry.
const DOCKER_HUB: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// The login for a registry.
#[derive(Default)]
pub(super) struct Login {
    /// User and password.
    pub(super) basic: Option<(String, Zeroizing<String>)>,
    /// What to do where it isn't enough.
    pub(super) advice: String,
}

/// Where Docker's configuration is: `$DOCKER_CONFIG/config.json`, else `$HOME/.docker/config.json`. `environment`:
/// `|name| std::env::var_os(name)`.
pub fn docker_config(environment: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let variable = |name: &str| environment(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = variable("DOCKER_CONFIG").or_else(|| Some(variable("HOME")?.join(".docker")))?;
    Some(folder.join("config.json"))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default, deserialize_with = "wiped")]
    auth: Option<Zeroizing<String>>,
    username: Option<String>,
    #[serde(default, deserialize_with = "wiped")]
    password: Option<Zeroizing<String>>,
    #[serde(default, deserialize_with = "wiped")]
    identitytoken: Option<Zeroizing<String>>,
}

/// A secret, wiped when it is dropped.
fn wiped<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Zeroizing<String>>, D::Error> {
    Ok(Option::deserialize(deserializer)?.map(Zeroizing::new))
}

/// The login for a registry, by its host and port. Without a file there is none.
pub(super) fn find(path: Option<&Path>, registry: &str) -> Result<Login, RegistryError> {
    let anonymous = |advice: &str| Ok(Login { basic: None, advice: advice.to_owned() });
    let Some(path) = path else {
        return anonymous("logins are not read here; the artifact must be public");
    };
    let unusable = |why: String| RegistryError::Credentials { path: path.to_owned(), why };
    let mut bytes = Zeroizing::new(Vec::new());
    match File::open(path).and_then(|file| file.take(MAX + 1).read_to_end(&mut bytes)) {
        Ok(_) if bytes.len() as u64 <= MAX => {}
        Ok(_) => return Err(unusable(format!("it is larger than {MAX} bytes"))),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return anonymous(&format!("log in with `docker login {registry}`; {} does not exist", path.display()));
        }
        Err(error) => return Err(unusable(format!("can't read it ({error})"))),
    }
    // The position alone: the library's words may repeat a secret.
    let config: Config = serde_json::from_slice(&bytes)
        .map_err(|error| unusable(format!("it is no configuration of Docker (line {})", error.line())))?;
    let found = config.auths.iter().find(|(name, _)| is_for(name, registry));
    if let Some((name, entry)) = found
        && let Some(basic) = entry.basic().map_err(|why| unusable(format!("the login for `{}` {why}", clip(name))))?
    {
        let advice = format!("the login in {} is not enough, or no longer valid", path.display());
        return Ok(Login { basic: Some(basic), advice });
    }
    if found.is_some_and(|(_, entry)| entry.identitytoken.is_some()) {
        return anonymous(&format!(
            "{} holds an identity token for it, which forensic-host does not use: put a user and an access token there",
            path.display()
        ));
    }
    let helper = config.cred_helpers.iter().find(|(name, _)| is_for(name, registry)).map(|(_, helper)| helper);
    match helper.or(config.creds_store.as_ref()) {
        Some(helper) => anonymous(&format!(
            "{} leaves its login to the credential helper `{}`, and forensic-host runs none: point DOCKER_CONFIG to a \
             folder whose config.json holds it under `auths`",
            path.display(),
            clip(helper)
        )),
        None => anonymous(&format!("log in with `docker login {registry}`; {} has no login for it", path.display())),
    }
}

impl Entry {
    fn basic(&self) -> Result<Option<(String, Zeroizing<String>)>, &'static str> {
        if let (Some(user), Some(password)) = (&self.username, &self.password) {
            return Ok(Some((user.clone(), password.clone())));
        }
        let Some(auth) = self.auth.as_ref().filter(|auth| !auth.is_empty()) else { return Ok(None) };
        let bytes = BASE64_STANDARD.decode(auth.trim()).map(Zeroizing::new).map_err(|_| "is no Base64")?;
        let text = std::str::from_utf8(&bytes).map_err(|_| "is no UTF-8")?;
        let (user, password) = text.split_once(':').ok_or("has no `:` between user and password")?;
        // Docker pads with NULs.
        let password = Zeroizing::new(password.trim_end_matches('\0').to_owned());
        if user.is_empty() || password.is_empty() { Ok(None) } else { Ok(Some((user.to_owned(), password))) }
    }
}

/// Whether an entry's name (`host`, `host:port`, `https://host/v1/`) means this registry.
fn is_for(name: &str, registry: &str) -> bool {
    let bare = name.strip_prefix("https://").or_else(|| name.strip_prefix("http://")).unwrap_or(name);
    let host = bare.split('/').next().unwrap_or_default();
    host.eq_ignore_ascii_case(registry)
        || [host, registry].iter().all(|host| DOCKER_HUB.iter().any(|hub| hub.eq_ignore_ascii_case(host)))
}
