//! What a component's bytes say before anything is compiled: its digest, its API version, its imports and exports.

use serde::{Deserialize, Serialize};
use wasmparser::{Encoding, Parser, Payload, Validator, WasmFeatures};

use super::nesting::Nesting;
use super::producers::{self, Producer};
use super::{LoadError, grants};
use crate::files::sha256;
use crate::limits::{Limit, Limits};

/// The custom section with the API version that the SDK writes; other toolchains leave it out.
const API_SECTION: &str = "forensic:api";
/// The longest version that is believed.
const API_SECTION_MAX: usize = 32;

/// What `plugin inspect` shows of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// SHA-256 of the bytes, hexadecimal.
    pub digest: String,
    /// Size of the component.
    pub size: u64,
    /// Version of the report API that it was built for: the one that its SDK stamped into it, else the newest one that its
    /// imports and exports name.
    pub api: Option<String>,
    /// Names of its imports, in the order of the file.
    pub imports: Vec<String>,
    /// Names of its exports, in the order of the file.
    pub exports: Vec<String>,
    /// The imports that this host does not grant.
    pub refused: Vec<Refusal>,
    /// It imports nothing but the report API: it needs no WASI, and what it does depends on nothing else.
    pub pure: bool,
    /// Languages that it is written in, as far as its tools say: `Rust`; `Python` before what the interpreter is made of.
    pub languages: Vec<String>,
    /// The tools that made it, by their own account.
    pub producers: Vec<Producer>,
}

/// An import that a plugin doesn't get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The import's name.
    pub import: String,
    /// Why, in our own words.
    pub why: String,
}

/// What stands in a component, word for word; what this host thinks of it is in [`Inspection`]. It is kept beside the machine
/// code: whoever changes what is in here, or how it is found, gives that layout a new number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Facts {
    size: u64,
    api: Option<String>,
    imports: Vec<String>,
    exports: Vec<String>,
    producers: Vec<Producer>,
}

/// Reads what a component says of itself, without compiling or validating its code.
///
/// # Errors
/// Where the bytes are too many, or are no component.
pub fn inspect(bytes: &[u8], limits: &Limits) -> Result<Inspection, LoadError> {
    Ok(Facts::read(bytes, limits)?.inspection(sha256(bytes)))
}

/// The same for bytes whose SHA-256 is known.
pub(crate) fn inspect_known(bytes: &[u8], sha256: &str, limits: &Limits) -> Result<Inspection, LoadError> {
    Ok(Facts::read(bytes, limits)?.inspection(sha256.to_owned()))
}

/// Whether a component of that size is taken.
pub(super) fn fits(size: u64, limits: &Limits) -> Result<(), LoadError> {
    if size > limits.get(Limit::Component) {
        return Err(LoadError::TooLarge(limits.exceeded(Limit::Component, Some(size))));
    }
    Ok(())
}

impl Facts {
    fn read(bytes: &[u8], limits: &Limits) -> Result<Self, LoadError> {
        let size = bytes.len() as u64;
        fits(size, limits)?;
        if wasmtime::Engine::detect_precompiled(bytes).is_some() {
            return Err(LoadError::Precompiled);
        }
        if !bytes.starts_with(b"\0asm") {
            return Err(LoadError::NotWasm);
        }
        let mut seen = Seen::default();
        seen.walk(bytes)?;
        if let Some(why) = seen.nesting.verdict() {
            return Err(LoadError::CompileLimit(why));
        }
        let api = seen.api.clone().or_else(|| seen.named_api());
        let Seen { imports, exports, producers, .. } = seen;
        Ok(Self { size, api, imports, exports, producers })
    }

    /// What this host thinks of them.
    pub(super) fn inspection(self, digest: String) -> Inspection {
        let Self { size, api, imports, exports, producers } = self;
        let refused = imports
            .iter()
            .filter_map(|import| Some(Refusal { import: import.clone(), why: grants::refuse(import)? }))
            .collect();
        Inspection {
            digest,
            size,
            api,
            pure: imports.iter().all(|import| grants::api(import).is_some()),
            languages: producers::languages(&producers),
            producers,
            imports,
            exports,
            refused,
        }
    }

    /// Those of an inspection.
    pub(super) fn of(inspection: &Inspection) -> Self {
        let Inspection { size, api, imports, exports, producers, .. } = inspection.clone();
        Self { size, api, imports, exports, producers }
    }
}

impl Inspection {
    /// Whether it needs WASI to start: it brings an interpreter along, or a library that expects an operating system.
    pub fn uses_wasi(&self) -> bool {
        self.imports.iter().any(|import| grants::is_wasi(import))
    }

    /// Whether this host can run it.
    ///
    /// # Errors
    /// The API that it needs, everything that it wants and doesn't get, or that it isn't a report plugin.
    pub fn check(&self) -> Result<(), LoadError> {
        if let Some(needs) = &self.api
            && !grants::serves(needs)
        {
            return Err(LoadError::OtherApi { needs: needs.clone() });
        }
        if !self.refused.is_empty() {
            return Err(LoadError::Refused(self.refused.clone()));
        }
        if self.exports.iter().any(|export| grants::is_plugin_export(export)) {
            return Ok(());
        }
        match self.exports.iter().find_map(|export| grants::foreign_plugin_export(export)) {
            Some(needs) => Err(LoadError::OtherApi { needs: needs.to_owned() }),
            None => Err(LoadError::NotAPlugin { exports: self.exports.clone() }),
        }
    }
}

#[derive(Default)]
struct Seen {
    api: Option<String>,
    imports: Vec<String>,
    exports: Vec<String>,
    producers: Vec<Producer>,
    nesting: Nesting,
}

impl Seen {
    fn walk(&mut self, bytes: &[u8]) -> Result<(), LoadError> {
        // Depth 1 is the component itself: only its own imports and exports are promises.
        let mut depth = 0;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(malformed)?;
            self.nesting.see(&payload);
            match payload {
                Payload::Version { encoding, .. } => {
                    if depth == 0 && encoding == Encoding::Module {
                        return Err(LoadError::CoreModule);
                    }
                    depth += 1;
                }
                Payload::End(_) => depth -= 1,
                Payload::ComponentImportSection(section) if depth == 1 => {
                    for import in section {
                        self.imports.push(import.map_err(malformed)?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 1 => {
                    for export in section {
                        self.exports.push(export.map_err(malformed)?.name.name.to_owned());
                    }
                }
                Payload::CustomSection(section) if section.name() == API_SECTION => {
                    self.api(section.data())?;
                }
                Payload::CustomSection(section) if section.name() == producers::SECTION => {
                    producers::read(section.data(), &mut self.producers);
                }
                Payload::ExportSection(section) => {
                    // The interpreter's own exports are thousands; one is enough.
                    let mut exports = section.into_iter().flatten();
                    if let Some(python) = exports.find_map(|export| producers::from_export(export.name)) {
                        producers::add(python, &mut self.producers);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn named_api(&self) -> Option<String> {
        let versions = self.imports.iter().chain(&self.exports).filter_map(|name| grants::api(name));
        versions.max_by_key(|version| grants::numbers(version)).map(str::to_owned)
    }

    fn api(&mut self, data: &[u8]) -> Result<(), LoadError> {
        let version = std::str::from_utf8(data).ok().map(str::trim);
        match version.filter(|text| text.len() <= API_SECTION_MAX && is_version(text)) {
            Some(version) => {
                // A component may hold several modules; the one that this host can't serve counts.
                if self.api.as_deref().is_none_or(grants::serves) {
                    self.api = Some(version.to_owned());
                }
                Ok(())
            }
            None => Err(LoadError::Malformed(format!("its section `{API_SECTION}` holds no version"))),
        }
    }
}

/// `0.1`, `0.1.0`, or with a pre-release, `0.1.0-rc.1`: a version that no host serves is still one to be told of.
fn is_version(text: &str) -> bool {
    let (numbers, pre) = text.split_once('-').map_or((text, None), |(numbers, pre)| (numbers, Some(pre)));
    let parts =
        |text: &str, fits: fn(u8) -> bool| text.split('.').all(|part| !part.is_empty() && part.bytes().all(fits));
    parts(numbers, |b| b.is_ascii_digit())
        && pre.is_none_or(|pre| parts(pre, |b| b.is_ascii_alphanumeric() || b == b'-'))
}

/// Checks all of it, the code of every function too. Once for each digest: what was compiled was valid.
pub(super) fn validate(bytes: &[u8]) -> Result<(), LoadError> {
    let refused = WasmFeatures::GC
        | WasmFeatures::FUNCTION_REFERENCES
        | WasmFeatures::EXCEPTIONS
        | WasmFeatures::THREADS
        | WasmFeatures::MEMORY64;
    let features = WasmFeatures::default().difference(refused);
    Validator::new_with_features(features).validate_all(bytes).map_err(malformed)?;
    Ok(())
}

fn malformed(error: wasmparser::BinaryReaderError) -> LoadError {
    LoadError::Malformed(error.to_string())
}
