//! `forensic-host.toml`: what the operator of a machine says about every pipeline that runs on it. It is never looked for
//! beside a pipeline, because whoever wrote the pipeline is not who it binds.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::read::{Field, Reader, Table};
use crate::config::{self, LoadError};
use crate::limits::{CompileLimits, HostLimits, Limit, TABLE, Unit};
use crate::lock::{KeysError, TrustedKeys};
use crate::run::TrustPolicy;

/// Names the file, wherever it is.
pub const VARIABLE: &str = "FORENSIC_HOST_CONFIG";
/// Below the user's or the system's folder for settings.
const PLACE: &str = "forensic-host/forensic-host.toml";
/// Most bytes of the file.
const MAX_FILE: u64 = 1 << 20;
/// Keys of `[plugins]`.
const KEYS: [&str; 5] = ["keys", "require_signature", "require_lock", "limits", "compile"];

/// The settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostSettings {
    /// `keys`: files and folders with public keys, absolute.
    pub keys: Vec<PathBuf>,
    /// `require_signature`: whether a plugin that isn't part of this program needs a good signature.
    pub require_signature: bool,
    /// `require_lock`: whether every run is as with `--locked`.
    pub require_lock: bool,
    /// `limits` and `compile`: maxima, and what compiling may take.
    pub limits: HostLimits,
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
    if let Some(field) = table.get("limits") {
        maxima(reader, &field, &mut settings.limits);
    }
    if let Some(field) = table.get("compile") {
        compile(reader, &field, &mut settings.limits.compile);
    }
    settings
}

fn paths(reader: &mut Reader, field: &Field<'_>, folder: &Path) -> Vec<PathBuf> {
    let texts = reader.strings(field, "an array of paths").unwrap_or_default();
    texts.into_iter().map(|(_, text)| folder.join(text)).collect()
}

/// `[plugins.limits]`: the most that a pipeline may set.
fn maxima(reader: &mut Reader, field: &Field<'_>, limits: &mut HostLimits) {
    let Some(table) = reader.table(field, "the table `[plugins.limits]`") else { return };
    reader.refuse_unknown(table, "`[plugins.limits]`", &TABLE.map(|spec| spec.key));
    for field in table.fields() {
        let Some(limit) = Limit::from_key(field.name) else { continue };
        let Some(value) = number(reader, &field, limit.spec().unit) else { continue };
        if let Err(bad) = limits.maxima.set(limit, value) {
            reader.bad_value(&field, bad.to_string());
        }
    }
}

/// `[plugins.compile]`.
fn compile(reader: &mut Reader, field: &Field<'_>, limits: &mut CompileLimits) {
    let Some(table) = reader.table(field, "the table `[plugins.compile]`") else { return };
    reader.refuse_unknown(table, "`[plugins.compile]`", &CompileLimits::KEYS.map(|row| row.0));
    for (key, unit, min, max) in CompileLimits::KEYS {
        let Some(field) = table.get(key) else { continue };
        let Some(value) = number(reader, &field, unit) else { continue };
        if !(min..=max).contains(&value) {
            reader.bad_value(&field, format!("{} to {} are allowed", unit.show(min), unit.show(max)));
        } else if key == "time" {
            limits.time = Duration::from_nanos(value);
        } else {
            limits.memory = value;
        }
    }
}

fn number(reader: &mut Reader, field: &Field<'_>, unit: Unit) -> Option<u64> {
    match unit {
        Unit::Time => reader.any_duration(field).map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)),
        Unit::Bytes => reader.size(field),
        Unit::Count => reader.count(field),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<HostSettings, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("forensic-host.toml");
        std::fs::write(&path, text).unwrap();
        HostSettings::read(&path).map_err(|error| match error {
            LoadError::Invalid(diagnostics) => diagnostics.render(false),
            other => other.to_string(),
        })
    }

    #[test]
    fn maxima_and_compile_limits_are_read() {
        let settings = read(
            "[plugins]\nrequire_lock = true\n[plugins.limits]\nmemory = \"128MiB\"\ntime = \"30s\"\nfuel = 7\n\
             [plugins.compile]\ntime = \"90s\"\n",
        )
        .unwrap();
        let maxima = settings.limits.maxima;
        assert_eq!((maxima.get(Limit::Memory), maxima.get(Limit::Fuel)), (128 << 20, 7));
        assert_eq!(settings.limits.compile.time, Duration::from_secs(90));
        assert!(settings.require_lock && !settings.require_signature);
        assert_eq!(read("").unwrap(), HostSettings::default());
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let told =
            read("[plugins.limits]\nmemroy = 1\nmemory = \"9TiB\"\n[plugins.compile]\ntime = \"1ms\"\n").unwrap_err();
        for part in [
            "forensic-host.toml:2:1",
            "did you mean `memory`?",
            "forensic-host.toml:3:10",
            "forensic-host.toml:5:8",
            "1s to 1h",
        ] {
            assert!(told.contains(part), "{part} is missing in:\n{told}");
        }
    }
}
