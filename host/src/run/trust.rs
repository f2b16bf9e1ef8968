//! Whether a component may run: what the lock file has, and who signed it.

use std::fmt;
use std::path::{Path, PathBuf};

use super::components::{Component, ComponentError};
use super::sdk::PluginSettings;
use crate::limits::{Limits, TABLE};
use crate::lock::{Change, KeyId, LOCK_FILE, Lock, LockError, Locked, Signature, Source, TrustedKeys};
use crate::pipeline::{Pipeline, PluginSource, ReportStage};
use crate::plugin::{Inspection, inspect_known};
use crate::registry::Digest;

/// Differences that a message lists.
const SHOWN: usize = 20;

/// What a component must be to run.
#[derive(Debug, Default)]
pub struct TrustPolicy {
    /// The lock file and what it holds, where there is one.
    pub lock: Option<(PathBuf, Lock)>,
    /// Whether anything that differs from the lock is refused.
    pub locked: bool,
    /// Keys whose signatures count; where there are none, signatures are not looked at.
    pub keys: TrustedKeys,
    /// Whether a component without a signature is refused; those in this program need none.
    pub require_signature: bool,
}

/// A component that may run.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The component.
    pub component: Component,
    /// Why it may.
    pub trust: Trust,
}

/// What speaks for a component. It displays as half a sentence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// It is part of this program.
    pub builtin: bool,
    /// It is as the lock file has it.
    pub locked: bool,
    /// It carries a good signature of this key.
    pub signed_by: Option<KeyId>,
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        if self.builtin {
            words.push("part of this program".to_owned());
        }
        if self.locked {
            words.push(format!("as {LOCK_FILE} has it"));
        }
        if let Some(key) = &self.signed_by {
            words.push(format!("signed by {}", key.as_str()));
        }
        if words.is_empty() { f.write_str("neither locked nor signed") } else { f.write_str(&words.join(", ")) }
    }
}

impl TrustPolicy {
    /// Reads the lock file beside a pipeline, if there is one.
    ///
    /// # Errors
    /// Where it can't be read or has mistakes; with `locked` also where there is none.
    pub fn find_lock(&mut self, pipeline: &Path) -> Result<(), LockError> {
        let path = lock_path(pipeline);
        match Lock::read(&path) {
            Ok(lock) => self.lock = Some((path, lock)),
            Err(LockError::Missing(_)) if !self.locked => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn entry(&self, report: &ReportStage) -> Option<&Locked> {
        self.lock.as_ref().and_then(|(_, lock)| lock.get(&report.id))
    }
}

/// Where the lock file of a pipeline is.
pub fn lock_path(pipeline: &Path) -> PathBuf {
    pipeline.with_file_name(LOCK_FILE)
}

impl PluginSettings {
    /// Fetches and judges the components of all report stages. The second: what the user should know of the lock.
    ///
    /// # Errors
    /// [`ComponentError`]: the first component that can't be had or may not run.
    pub fn components(&self, pipeline: &Pipeline) -> Result<(Vec<Checked>, Vec<String>), ComponentError> {
        let mut checked = Vec::with_capacity(pipeline.reports.len());
        let mut now = Vec::new();
        for report in &pipeline.reports {
            let entry = self.policy.entry(report);
            let component = self.fetching.fetch(report, entry.and_then(|entry| entry.manifest.as_ref()))?;
            let expected = entry.map(|entry| (entry.name.as_str(), entry.version.as_str()));
            let mut one = self.judge(report, component, expected)?;
            if let Some((path, _)) = &self.policy.lock {
                // Name and version are those of the lock: the digest tells when they may be others.
                let (name, version) = expected.unwrap_or_default();
                let (name, version) = (name.to_owned(), version.to_owned());
                now.push(as_locked(report, &one.component, one.trust.signed_by.clone(), path, name, version)?);
            }
            one.trust.locked = entry.is_some_and(|entry| entry.sha256.hex() == one.component.sha256);
            checked.push(one);
        }
        let Some((path, lock)) = &self.policy.lock else { return Ok((checked, Vec::new())) };
        let changes = lock.compare(&now);
        if changes.is_empty() {
            return Ok((checked, Vec::new()));
        }
        if self.policy.locked {
            return Err(ComponentError::Changed { path: path.clone(), changes: told(&changes) });
        }
        let text = format!(
            "the plugins are not as {} has them (review it and run `forensic-host plugin lock`; with `--locked` this run would \
             have been refused):\n{}",
            path.display(),
            told(&changes)
        );
        Ok((checked, vec![text]))
    }
}

impl PluginSettings {
    /// Checks the signature of a component, where the policy wants it. `expected`: the plugin's name and version, where
    /// they are known.
    ///
    /// # Errors
    /// [`ComponentError`]: it may not run.
    pub fn judge(
        &self,
        report: &ReportStage,
        component: Component,
        expected: Option<(&str, &str)>,
    ) -> Result<Checked, ComponentError> {
        let signed_by = self.policy.signer(report, &component, expected)?;
        let builtin = matches!(report.plugin, PluginSource::Builtin(_));
        Ok(Checked { component, trust: Trust { builtin, locked: false, signed_by } })
    }
}

fn told(changes: &[Change]) -> String {
    let mut lines: Vec<String> = changes.iter().take(SHOWN).map(|change| format!("  {change}")).collect();
    if changes.len() > SHOWN {
        lines.push(format!("  and {} more", changes.len() - SHOWN));
    }
    lines.join("\n")
}

impl TrustPolicy {
    /// Who signed a component; `None` where nobody did and nobody has to.
    fn signer(
        &self,
        report: &ReportStage,
        component: &Component,
        expected: Option<(&str, &str)>,
    ) -> Result<Option<KeyId>, ComponentError> {
        if matches!(report.plugin, PluginSource::Builtin(_)) || self.keys.is_empty() && !self.require_signature {
            return Ok(None);
        }
        let of = || (report.id.clone(), component.source.clone());
        let Some(bytes) = &component.signature else {
            let (report, plugin) = of();
            return if self.require_signature { Err(ComponentError::Unsigned { report, plugin }) } else { Ok(None) };
        };
        let verified = Signature::parse(bytes)
            .and_then(|signature| self.keys.verify(&component.bytes, &signature, expected))
            .map_err(|source| {
                let (report, plugin) = of();
                ComponentError::Signature { report, plugin, source: Box::new(source) }
            })?;
        Ok(Some(verified.key))
    }
}

/// A component as the lock file would have it.
///
/// # Errors
/// Where the path of the component can't be written.
pub(crate) fn as_locked(
    report: &ReportStage,
    component: &Component,
    signed_by: Option<KeyId>,
    lock: &Path,
    name: String,
    version: String,
) -> Result<Locked, ComponentError> {
    // What is wrong with the component is told when it is loaded.
    let inspected = inspect_known(&component.bytes, &component.sha256, &report.limits).ok();
    let (api, interfaces) = match inspected {
        Some(Inspection { api, imports, .. }) => (api.unwrap_or_default(), imports),
        None => (String::new(), Vec::new()),
    };
    let folder = std::path::absolute(lock).unwrap_or_else(|_| lock.to_owned());
    let folder = folder.parent().unwrap_or(Path::new("/"));
    let source = match &report.plugin {
        PluginSource::Builtin(name) => Source::Builtin(name.clone()),
        PluginSource::Path(path) => Source::of_path(path, folder).map_err(|source| ComponentError::Path {
            report: report.id.clone(),
            path: path.clone(),
            source: Box::new(source),
        })?,
        PluginSource::Oci(reference) => Source::Oci(reference.clone()),
    };
    Ok(Locked {
        report: report.id.clone(),
        name,
        version,
        source,
        manifest: component.manifest.clone(),
        sha256: Digest::from_hex(&component.sha256).unwrap_or_else(|| Digest::of(&component.bytes)),
        api,
        interfaces,
        artifacts: report.artifacts.clone(),
        limits: set_limits(&report.limits),
        on_failure: report.on_failure,
        signed_by,
    })
}

/// The limits that the pipeline sets.
fn set_limits(limits: &Limits) -> std::collections::BTreeMap<String, String> {
    let set = TABLE.iter().filter(|row| limits.is_set(row.limit));
    set.map(|row| (row.key.to_owned(), row.unit.show(limits.get(row.limit)))).collect()
}
