//! What differs between a lock and the pipeline as it is now, each difference by name and in one line.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::model::{Lock, Locked, failure_text};
use crate::config::units::{parse_duration, parse_size};
use crate::limits::{Limit, Unit};

/// Most characters of a value that a line repeats.
const MAX_SHOWN: usize = 160;

/// A difference between the lock and the pipeline. `Display` gives one line, without control characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The report stage.
    pub report: String,
    /// What differs.
    pub aspect: Aspect,
    /// What it means for the plugin's rights.
    pub effect: Effect,
    /// Which interface, glob or limit, where the aspect has several.
    pub item: Option<String>,
    /// What is locked; `None`: nothing.
    pub locked: Option<String>,
    /// What is there now; `None`: nothing.
    pub now: Option<String>,
}

/// What differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Aspect {
    /// The report stage itself: only the pipeline or only the lock has it.
    Report,
    /// Where the component comes from.
    Source,
    /// The manifest in the registry.
    Manifest,
    /// The component's bytes.
    Component,
    /// The plugin's name.
    Name,
    /// The plugin's version.
    Version,
    /// The report API that it was built for.
    Api,
    /// An interface that it imports.
    Interface,
    /// A glob of artifacts that it may read.
    Artifacts,
    /// A limit.
    Limit,
    /// What its failure means.
    OnFailure,
    /// Who signed it.
    SignedBy,
}

/// What a difference means for the plugin's rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It may do more than what is locked.
    Wider,
    /// It may do less.
    Narrower,
    /// It is something else, or it can't be told.
    Other,
}

impl Lock {
    /// Everything in which the pipeline's plugins as they are now differ from the lock, sorted by report stage. Empty:
    /// nothing. The order of imports and of globs is no difference.
    pub fn compare(&self, now: &[Locked]) -> Vec<Change> {
        let mut changes = Vec::new();
        let now = Lock::new(now.to_vec());
        let stages: BTreeSet<&str> =
            self.plugins().iter().chain(now.plugins()).map(|locked| locked.report.as_str()).collect();
        for stage in stages {
            match (self.get(stage), now.get(stage)) {
                (Some(locked), Some(now)) => compare_one(locked, now, &mut changes),
                (locked, now) => {
                    let effect = if now.is_some() { Effect::Wider } else { Effect::Narrower };
                    let show = |locked: &Locked| format!("{} {} from {}", locked.name, locked.version, locked.source);
                    changes.push(Change {
                        report: stage.to_owned(),
                        aspect: Aspect::Report,
                        effect,
                        item: None,
                        locked: locked.map(show),
                        now: now.map(show),
                    });
                }
            }
        }
        changes
    }
}

fn compare_one(locked: &Locked, now: &Locked, changes: &mut Vec<Change>) {
    let mut differ = |aspect, one: Option<String>, other: Option<String>, effect, item: Option<String>| {
        if one != other {
            changes.push(Change { report: locked.report.clone(), aspect, effect, item, locked: one, now: other });
        }
    };
    let text = |text: &dyn fmt::Display| Some(text.to_string());
    differ(Aspect::Source, text(&locked.source), text(&now.source), Effect::Other, None);
    let manifest = |locked: &Locked| locked.manifest.as_ref().map(ToString::to_string);
    differ(Aspect::Manifest, manifest(locked), manifest(now), Effect::Other, None);
    differ(Aspect::Component, text(&locked.sha256), text(&now.sha256), Effect::Other, None);
    differ(Aspect::Name, text(&locked.name), text(&now.name), Effect::Other, None);
    differ(Aspect::Version, text(&locked.version), text(&now.version), Effect::Other, None);
    differ(Aspect::Api, text(&locked.api), text(&now.api), Effect::Other, None);
    for (aspect, one, other) in [
        (Aspect::Interface, &locked.interfaces, &now.interfaces),
        (Aspect::Artifacts, &locked.artifacts, &now.artifacts),
    ] {
        let (one, other): (BTreeSet<&String>, BTreeSet<&String>) = (one.iter().collect(), other.iter().collect());
        for item in other.difference(&one) {
            differ(aspect, None, Some((*item).clone()), Effect::Wider, Some((*item).clone()));
        }
        for item in one.difference(&other) {
            differ(aspect, Some((*item).clone()), None, Effect::Narrower, Some((*item).clone()));
        }
    }
    let keys: BTreeSet<&String> = locked.limits.keys().chain(now.limits.keys()).collect();
    for key in keys {
        let (one, other) = (locked.limits.get(key).cloned(), now.limits.get(key).cloned());
        let effect = limit_effect(key, one.as_deref(), other.as_deref());
        differ(Aspect::Limit, one, other, effect, Some(key.clone()));
    }
    let (one, other) = (failure_text(locked.on_failure), failure_text(now.on_failure));
    differ(Aspect::OnFailure, text(&one), text(&other), Effect::Other, None);
    let key = |locked: &Locked| locked.signed_by.as_ref().map(ToString::to_string);
    differ(Aspect::SignedBy, key(locked), key(now), Effect::Other, None);
}

/// Whether a limit was raised or lowered; one that isn't set has its default. That of the memory depends on the
/// component's language, so nothing is said of it.
fn limit_effect(key: &str, locked: Option<&str>, now: Option<&str>) -> Effect {
    let Some(limit) = Limit::from_key(key) else { return Effect::Other };
    let spec = limit.spec();
    let number = |text: Option<&str>| match (text, spec.unit) {
        (None, _) if limit == Limit::Memory => None,
        (None, _) => Some(u128::from(spec.default)),
        (Some(text), Unit::Time) => parse_duration(text).ok().map(|duration| duration.as_nanos()),
        (Some(text), Unit::Bytes) => parse_size(text).ok().map(u128::from),
        (Some(text), Unit::Count) => text.parse().ok(),
    };
    match (number(locked), number(now)) {
        (Some(locked), Some(now)) if now > locked => Effect::Wider,
        (Some(locked), Some(now)) if now < locked => Effect::Narrower,
        _ => Effect::Other,
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { report, aspect, effect, item, locked, now } = self;
        let show = |text: &Option<String>| text.as_deref().map_or_else(|| "nothing".to_owned(), shown);
        let (locked, now, item) = (show(locked), show(now), show(item));
        let is_new = *effect == Effect::Wider;
        write!(f, "{}: ", shown(report))?;
        match aspect {
            Aspect::Report if is_new => write!(f, "this report stage is not in the lock ({now})")?,
            Aspect::Report => write!(f, "this report stage is locked, but no longer in the pipeline ({locked})")?,
            Aspect::Interface if is_new => write!(f, "wider: it now imports `{item}` too")?,
            Aspect::Interface => write!(f, "narrower: it no longer imports `{item}`")?,
            Aspect::Artifacts if is_new => write!(f, "wider: it may now read the artifacts `{item}` too")?,
            Aspect::Artifacts => write!(f, "narrower: it may no longer read the artifacts `{item}`")?,
            Aspect::Limit => {
                let word = match effect {
                    Effect::Wider => "wider: ",
                    Effect::Narrower => "narrower: ",
                    Effect::Other => "",
                };
                let show = |text: &Option<String>| text.as_deref().map_or_else(|| "the default".to_owned(), shown);
                write!(
                    f,
                    "{word}the limit `{item}` is locked as {}, now it is {}",
                    show(&self.locked),
                    show(&self.now)
                )?;
            }
            aspect => write!(f, "{} is locked as {locked}, now it is {now}", aspect.words())?,
        }
        f.write_str("; run `forensic-host plugin lock` and review")
    }
}

impl Aspect {
    fn words(self) -> &'static str {
        match self {
            Self::Report => "the report stage",
            Self::Source => "the source",
            Self::Manifest => "the manifest in the registry",
            Self::Component => "the component",
            Self::Name => "the plugin's name",
            Self::Version => "the plugin's version",
            Self::Api => "the report API",
            Self::Interface => "an import",
            Self::Artifacts => "an artifact",
            Self::Limit => "a limit",
            Self::OnFailure => "`on_failure`",
            Self::SignedBy => "the signature's key",
        }
    }
}

/// A value for a line of text.
fn shown(text: &str) -> String {
    let mut line: String = text.chars().take(MAX_SHOWN).flat_map(visible).collect();
    if text.chars().nth(MAX_SHOWN).is_some() {
        line.push('…');
    }
    line
}

/// A character as it is, or escaped where it would show as nothing or as something else: `char::escape_debug` knows
/// which are not printable, and leaves the rest.
fn visible(c: char) -> Vec<char> {
    if matches!(c, '"' | '\'' | '\\') { vec![c] } else { c.escape_debug().collect() }
}
