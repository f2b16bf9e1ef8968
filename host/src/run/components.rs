//! Where the components of report plugins come from: the binary itself, a file, or an OCI registry, whose answers are kept.
//! What is fetched is the same for a run, for `plugin lock` and for `--explain`; whether it may run is `trust`'s to say.

use std::borrow::Cow;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use crate::builtins;
use crate::files::{sha256, write_bytes};
use crate::limits::Limit;
use crate::lock::{BadSource, SignatureError};
use crate::pipeline::{PluginSource, ReportStage};
use crate::registry::{Access, Digest, PullOptions, Reference, RegistryError, pull};

/// Most bytes of a signature's file.
const SIGNATURE_MAX: u64 = 16 << 10;
/// Ending of a detached minisign signature.
const MINISIG: &str = "minisig";
/// Ending of a detached Ed25519 signature.
const SIG: &str = "sig";

/// A component and what came with it.
#[derive(Clone, Debug)]
pub struct Component {
    /// Its bytes.
    pub bytes: Cow<'static, [u8]>,
    /// SHA-256 of the bytes, hexadecimal.
    pub sha256: String,
    /// Where it was: `builtin:NAME`, a path, or a reference with the digest that was fetched.
    pub source: String,
    /// Digest of the manifest; `None` where it did not come from a registry.
    pub manifest: Option<Digest>,
    /// A detached signature that lay beside it.
    pub signature: Option<Vec<u8>>,
}

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
pub enum ComponentError {
    /// The file can't be read.
    #[error("report {report}: can't read the plugin {}: {source}", path.display())]
    Unreadable {
        /// Id of the report stage.
        report: String,
        /// The component.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is too large.
    #[error("report {report}: the plugin {} is too large: {why}", path.display())]
    TooLarge {
        /// Id of the report stage.
        report: String,
        /// The component.
        path: PathBuf,
        /// The limit and how to raise it.
        why: String,
    },
    /// A reference names no digest, and no lock file does.
    #[error(
        "report {report}: `{reference}` names no digest, so nobody knows what will run: write the digest behind it \
         (`…@sha256:…`), or let `forensic-host plugin lock` write it into forensic.lock"
    )]
    Unpinned {
        /// Id of the report stage.
        report: String,
        /// The reference.
        reference: Box<Reference>,
    },
    /// Its signature is not good.
    #[error("report {report}: the signature of {plugin} does not count: {source}")]
    Signature {
        /// Id of the report stage.
        report: String,
        /// The component.
        plugin: String,
        /// Why not.
        source: Box<SignatureError>,
    },
    /// It has no signature, and must have one.
    #[error(
        "report {report}: {plugin} has no signature, and this host wants one (`require_signature`): put `FILE.minisig` or \
         `FILE.sig` beside it, or push it with one"
    )]
    Unsigned {
        /// Id of the report stage.
        report: String,
        /// The component.
        plugin: String,
    },
    /// The plugins are not those of the lock file.
    #[error(
        "the plugins are not as {} has them, and `--locked` refuses that:\n{changes}\nLook at the changes, then accept them with \
         `forensic-host plugin lock`", path.display()
    )]
    Changed {
        /// The lock file.
        path: PathBuf,
        /// A line each.
        changes: String,
    },
    /// The path of a component can't be written into a lock file.
    #[error("report {report}: {} can't be locked: {source}", path.display())]
    Path {
        /// Id of the report stage.
        report: String,
        /// The component.
        path: PathBuf,
        /// Why not.
        source: Box<BadSource>,
    },
    /// The registry did not give it.
    #[error("report {report}: {source}")]
    Registry {
        /// Id of the report stage.
        report: String,
        /// Why not.
        source: Box<RegistryError>,
    },
}

/// How components are fetched.
#[derive(Clone, Debug, Default)]
pub struct Fetching {
    /// Folder in which fetched components are kept; `None`: they are fetched each time.
    pub store: Option<PathBuf>,
    /// How a registry is reached.
    pub access: Access,
}

impl Fetching {
    /// Fetches the component of a report stage. `pinned`: the digest that a lock file has for its reference.
    ///
    /// # Errors
    /// [`ComponentError`].
    pub fn fetch(&self, report: &ReportStage, pinned: Option<&Digest>) -> Result<Component, ComponentError> {
        match &report.plugin {
            // Checked with the pipeline.
            PluginSource::Builtin(name) => Ok(builtin(name)),
            PluginSource::Path(path) => file(report, path),
            PluginSource::Oci(reference) => {
                let wanted = match (reference.is_pinned(), pinned) {
                    (true, _) => reference.clone(),
                    (false, Some(digest)) => reference.pinned(digest),
                    (false, None) => {
                        let (report, reference) = (report.id.clone(), Box::new(reference.clone()));
                        return Err(ComponentError::Unpinned { report, reference });
                    }
                };
                self.pinned(report, &wanted)
            }
        }
    }

    /// Asks the registry what a reference means now, digest or not: only for `plugin lock`.
    ///
    /// # Errors
    /// [`ComponentError`].
    pub fn resolve(&self, report: &ReportStage) -> Result<Component, ComponentError> {
        match &report.plugin {
            PluginSource::Oci(reference) if !reference.is_pinned() => self.ask(report, reference),
            _ => self.fetch(report, None),
        }
    }

    fn pinned(&self, report: &ReportStage, reference: &Reference) -> Result<Component, ComponentError> {
        let kept = reference.digest().and_then(|digest| self.kept(reference, digest));
        kept.map_or_else(|| self.ask(report, reference), Ok)
    }

    fn ask(&self, report: &ReportStage, reference: &Reference) -> Result<Component, ComponentError> {
        let options = PullOptions { max_bytes: report.limits.get(Limit::Component), access: self.access.clone() };
        let pulled = pull(reference, &options)
            .map_err(|source| ComponentError::Registry { report: report.id.clone(), source: Box::new(source) })?;
        let component = Component {
            sha256: pulled.component_digest.hex().to_owned(),
            bytes: pulled.component.into(),
            source: reference.pinned(&pulled.manifest_digest).to_string(),
            manifest: Some(pulled.manifest_digest),
            signature: pulled.signature.map(String::into_bytes),
        };
        self.keep(&component);
        Ok(component)
    }

    /// What was fetched before: the manifest's digest names the folder, the component's own its file.
    fn kept(&self, reference: &Reference, manifest: &Digest) -> Option<Component> {
        let folder = self.store.as_ref()?.join(manifest.hex());
        let component = fs::read_dir(&folder).ok()?.flatten().find_map(|entry| {
            let name = entry.file_name();
            let digest = Path::new(&name).file_stem()?.to_str()?;
            let bytes = (Path::new(&name).extension()? == "wasm").then(|| fs::read(entry.path()).ok())??;
            // A damaged file is fetched again.
            (sha256(&bytes) == digest).then(|| (digest.to_owned(), bytes))
        });
        let (sha256, bytes) = component?;
        Some(Component {
            bytes: bytes.into(),
            sha256,
            source: reference.to_string(),
            manifest: Some(manifest.clone()),
            signature: fs::read(folder.join(MINISIG)).ok(),
        })
    }

    /// Keeps it for the next run; that it can't be kept costs time and nothing else.
    fn keep(&self, component: &Component) {
        let (Some(store), Some(manifest)) = (&self.store, &component.manifest) else { return };
        let folder = store.join(manifest.hex());
        let opened = fs::create_dir_all(&folder).and_then(|()| Dir::open_ambient_dir(&folder, ambient_authority()));
        let Ok(folder) = opened else { return };
        if let Some(signature) = &component.signature {
            drop(write_bytes(&folder, MINISIG, signature));
        }
        drop(write_bytes(&folder, &format!("{}.wasm", component.sha256), &component.bytes));
    }
}

fn builtin(name: &str) -> Component {
    let found = builtins::find(name);
    Component {
        bytes: Cow::Borrowed(found.map_or(&[][..], |builtin| builtin.component)),
        sha256: found.map_or_else(String::new, |builtin| builtin.sha256.to_owned()),
        source: format!("builtin:{name}"),
        manifest: None,
        signature: None,
    }
}

fn file(report: &ReportStage, path: &Path) -> Result<Component, ComponentError> {
    let unreadable = |source| ComponentError::Unreadable { report: report.id.clone(), path: path.to_owned(), source };
    let most = report.limits.get(Limit::Component);
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(unreadable)?;
    file.take(most + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > most {
        let why = report.limits.exceeded(Limit::Component, fs::metadata(path).ok().map(|found| found.len()));
        return Err(ComponentError::TooLarge { report: report.id.clone(), path: path.to_owned(), why });
    }
    Ok(Component {
        sha256: sha256(&bytes),
        bytes: bytes.into(),
        source: path.display().to_string(),
        manifest: None,
        signature: [MINISIG, SIG].iter().find_map(|ending| beside(path, ending)),
    })
}

/// `plugin.wasm.minisig` for `plugin.wasm`.
fn beside(path: &Path, ending: &str) -> Option<Vec<u8>> {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    let mut bytes = Vec::new();
    fs::File::open(name).ok()?.take(SIGNATURE_MAX).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
