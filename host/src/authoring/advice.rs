//! Remarks that follow from a component's bytes and its manifest, without running anything.

use wasmparser::{Encoding, KnownCustom, Name, Parser, Payload};

use super::check::{Grade, Remark};
use super::manifest::{Language, Manifest};
use super::world::{World, interface};
use crate::plugin::document::PluginInfo;
use crate::plugin::{API_VERSION, Inspection};
use crate::units::{bytes, count};

/// Whether some module in a component tells the names of its functions: without them the place of a crash is a number.
pub fn has_function_names(component: &[u8]) -> bool {
    // Whatever can't be read tells no names.
    let payloads = Parser::new(0).parse_all(component).map_while(Result::ok);
    // Components have sections of names of their own, for other things.
    let mut inside = Vec::new();
    for payload in payloads {
        match payload {
            Payload::Version { encoding, .. } => inside.push(encoding),
            Payload::End(_) => drop(inside.pop()),
            Payload::CustomSection(section) if inside.last() == Some(&Encoding::Module) => {
                if let KnownCustom::Name(mut names) = section.as_known()
                    && names.any(|name| matches!(name, Ok(Name::Function(functions)) if functions.count() > 0))
                {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

pub(super) fn function_names(component: &[u8]) -> Option<Remark> {
    if has_function_names(component) {
        return Some(Remark::new(Grade::Ok, "names", "function names are kept: the place of a crash can be told"));
    }
    let text = "function names are stripped: a crash is told without its place";
    Some(Remark::new(Grade::Note, "names", text).for_author(
        "Strip debug information only (Rust: `strip = \"debuginfo\"`; lld: `--strip-debug` instead of `--strip-all`).",
    ))
}

pub(super) fn size(inspection: &Inspection, manifest: Option<&Manifest>) -> Remark {
    let made_with = inspection.languages.iter().filter_map(|language| Language::of_producer(language));
    // An interpreter is the larger part of a component, whatever it is written in itself.
    let told = made_with.max_by_key(|language| language.size_budget());
    let Some(language) = manifest.map(|manifest| manifest.language).or(told) else {
        return Remark::new(Grade::Ok, "size", bytes(inspection.size));
    };
    let (size, budget) = (bytes(inspection.size), bytes(language.size_budget()));
    if inspection.size <= language.size_budget() {
        return Remark::new(Grade::Ok, "size", format!("{size}; a plugin in {} has up to {budget}", language.word()));
    }
    let advice = match language {
        Language::Rust => {
            "Build with `opt-level = \"s\"`, `lto = \"fat\"`, `codegen-units = 1`, `panic = \"abort\"`, and look for a large dependency."
        }
        Language::C => "Build with `-Os` and `-Wl,--gc-sections`, and leave `stdio` out.",
        Language::JavaScript | Language::Python => {
            "Most of it is the interpreter: look for large modules or data that are bundled."
        }
    };
    let text = format!("{size} is more than the {budget} that a plugin in {} should need", language.word());
    Remark::new(Grade::Warning, "size", text).for_author(advice)
}

pub(super) fn api(inspection: &Inspection) -> Remark {
    let needs = inspection.api.as_deref().unwrap_or("of no version");
    Remark::new(Grade::Ok, "api", format!("built for report API {needs}; this host has {API_VERSION}"))
}

pub(super) fn imports(inspection: &Inspection) -> Remark {
    let world = World::of(inspection);
    if inspection.pure {
        let imports: Vec<&str> = inspection.imports.iter().filter_map(|import| interface(import)).collect();
        let what = if imports.is_empty() { "nothing".to_owned() } else { imports.join(", ") };
        return Remark::new(
            Grade::Ok,
            "imports",
            format!("pure: it imports {what} of the report API, and nothing else ({world})"),
        );
    }
    let text = format!(
        "not pure: it fits the world {world}; of what is no part of the report API it gets a locked, deterministic stand-in"
    );
    Remark::new(Grade::Note, "imports", text)
        .for_operator("It can't reach files, network, environment, clock or chance of this machine through it.")
}

/// The plugin's own name beside that of the manifest.
pub(super) fn info(info: &PluginInfo, manifest: Option<&Manifest>) -> Option<Remark> {
    let name = &manifest?.name;
    (info.name != *name).then(|| {
        let text = format!("`describe` says {:?}, and plugin.toml says {name:?}", info.name);
        Remark::new(Grade::Warning, "name", text)
            .for_author("Use one name in both: reports show the first, people look for the second.")
    })
}

/// What the manifest asks for, beside what the component can use.
pub(super) fn grants(manifest: &Manifest, inspection: &Inspection) -> Vec<Remark> {
    let grants = &manifest.grants;
    let mut remarks = Vec::new();
    let reads = inspection.imports.iter().any(|import| interface(import) == Some("artifacts"));
    let wishes = grants.artifacts.len();
    if wishes > 0 {
        remarks.push(Remark::new(
            Grade::Note,
            "grants",
            format!("it asks for the files {}", grants.artifacts.join(", ")),
        ));
    }
    for &limit in &grants.asked {
        let spec = limit.spec();
        let (wish, default) = (grants.limits.get(limit), spec.default);
        let show = |value| spec.unit.show(value);
        let text =
            format!("it asks for limits.{} = {} (default {}): {}", spec.key, show(wish), show(default), spec.what);
        remarks.push(Remark::new(Grade::Note, "grants", text));
        if wish == default {
            let text = format!("limits.{} is the default", spec.key);
            remarks.push(
                Remark::new(Grade::Note, "grants", text)
                    .for_author("Leave it out: what is not asked for needs no decision."),
            );
        }
    }
    match &grants.reason {
        Some(reason) => remarks.push(Remark::new(Grade::Note, "grants", format!("its reason: {reason}"))),
        None if wishes + grants.asked.len() > 0 => remarks.push(
            Remark::new(
                Grade::Warning,
                "grants",
                format!("it asks for {} and gives no reason", count(wishes + grants.asked.len(), "grant")),
            )
            .for_author("Say why in `[grants] reason`: whoever owns the pipeline has to decide on it."),
        ),
        None => {}
    }
    if wishes > 0 && !reads {
        remarks.push(
            Remark::new(Grade::Warning, "grants", "it asks for files, and does not import `forensic:report/artifacts`")
                .for_author("Leave `artifacts` out of `[grants]`: nothing in the component reads files."),
        );
    }
    if wishes == 0 && reads {
        remarks.push(
            Remark::new(Grade::Warning, "grants", "it imports `forensic:report/artifacts`, and asks for no files")
                .for_author(
                    "Name the files in `[grants] artifacts`, or don't read any: without a grant the list is empty.",
                ),
        );
    }
    for glob in grants.artifacts.iter().filter(|glob| glob.starts_with("**") || glob.as_str() == "data/**") {
        remarks.push(
            Remark::new(Grade::Note, "grants", format!("`{glob}` covers nearly every file of a run"))
                .for_author("Narrow it: an owner grants a few known files more easily."),
        );
    }
    remarks
}
