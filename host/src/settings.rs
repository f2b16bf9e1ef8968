//! `forensic-host.toml`: what the operator of a machine says about every pipeline that runs on it. It is never looked for
//! beside a pipeline, because whoever wrote the pipeline is not who it binds.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::config::read::{Field, Reader, Table};
use crate::config::{self, LoadError};
use crate::lock::{KeysError, TrustedKeys};
use crate::run::TrustPolicy;

/// Names the file, wherever it is.
pub const VARIABLE: &str = "FORENSIC_HOST_CONFIG";
/// Below the user's or the system's folder for settings.
const PLACE: &str = "forensic-host/forensic-host.toml";
/// Most bytes of the file.
const MAX_FILE: u64 = 1 << 20;
/// Keys of `[plugins]`.
const KEYS: [&str; 3] = ["keys", "require_signature", "require_lock"];

/// The settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostSettings {
    /// `keys`: files and folders with public keys, absolute.
    pub keys: Vec<PathBuf>,
    /// `require_signature`: whether a plugin that isn't part of this program needs a good signature.
    pub require_signature: bool,
    /// `require_lock`: whether every run is as with `--locked`.
    pub require_lock: bool,
}

impl HostSettings {
    /// Reads the settings: the file that [`VARIABLE`] names, which must exist, else the user's, else the machine's, else
    /// the defaults.
    ///
    /// # Errors
    /// [`LoadError`]: the file can't be read or has mistakes.
    pub fn find(environment: impl Fn(&str) -> Option<OsString>) -> Result<Self, LoadError> {
        let given = |name: &str| environment(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(path) = given(VARIABLE) {
            return Self::read(&path);
        }
        let user = given("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
        let user = user.or_else(|| given("HOME").map(|home| home.join(".config")));
        let folders = user.into_iter().chain([PathBuf::from("/etc")]);
        match folders.map(|folder| folder.join(PLACE)).find(|path| path.exists()) {
            Some(path) => Self::read(&path),
            None => Ok(Self::default()),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        let text = config::read_text(path, MAX_FILE)?;
        let folder = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let folder = folder.parent().map(Path::to_owned).unwrap_or_default();
        let (settings, _) = config::parse(path, text, move |reader, document| Some(root(reader, document, &folder)))?;
        Ok(settings)
    }

    /// What follows for components.
    ///
    /// # Errors
    /// Where a key can't be read or is none.
    pub fn policy(&self) -> Result<TrustPolicy, KeysError> {
        Ok(TrustPolicy {
            lock: None,
            locked: self.require_lock,
            keys: TrustedKeys::load(&self.keys)?,
            require_signature: self.require_signature,
        })
    }
}

fn root(reader: &mut Reader, document: Table<'_>, folder: &Path) -> HostSettings {
    let mut settings = HostSettings::default();
    reader.refuse_unknown(document, "the settings file", &["plugins"]);
    let Some(field) = document.get("plugins") else { return settings };
    let Some(table) = reader.table(&field, "the table `[plugins]`") else { return settings };
    reader.refuse_unknown(table, "`[plugins]`", &KEYS);
    settings.keys = table.get("keys").map(|field| paths(reader, &field, folder)).unwrap_or_default();
    let mut switch = |key| table.get(key).and_then(|field| reader.boolean(&field)).unwrap_or_default();
    settings.require_signature = switch("require_signature");
    settings.require_lock = switch("require_lock");
    settings
}

fn paths(reader: &mut Reader, field: &Field<'_>, folder: &Path) -> Vec<PathBuf> {
    let texts = reader.strings(field, "an array of paths").unwrap_or_default();
    texts.into_iter().map(|(_, text)| folder.join(text)).collect()
}
