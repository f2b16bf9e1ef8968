//! Which tools made a component, as it says itself in its `producers` sections
//! (<https://github.com/WebAssembly/tool-conventions/blob/main/ProducersSection.md>). Nobody checks what stands there: it is
//! for people, and for advice.

use serde::{Deserialize, Serialize};
use wasmparser::{BinaryReader, ProducersSectionReader};

use super::logbook::printable;

/// Name of the custom section.
pub(super) const SECTION: &str = "producers";
/// Tools that are kept.
const TOOLS_MAX: usize = 64;
/// The longest name or version.
const TEXT_MAX: usize = 64;

/// A tool that had a hand in a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Producer {
    /// `language`, `processed-by` or `sdk`.
    pub field: String,
    /// Name of the tool or language.
    pub name: String,
    /// Its version; may be empty.
    pub version: String,
}

/// Adds what a section says; as far as it can be read, and what isn't known already.
pub(super) fn read(section: &[u8], known: &mut Vec<Producer>) {
    let Ok(fields) = ProducersSectionReader::new(BinaryReader::new(section, 0)) else { return };
    for field in fields.into_iter().map_while(Result::ok) {
        for value in field.values.into_iter().map_while(Result::ok) {
            let producer = Producer {
                field: field.name.to_owned(),
                name: printable(value.name, TEXT_MAX),
                version: printable(value.version, TEXT_MAX),
            };
            add(producer, known);
        }
    }
}

/// Adds a tool that isn't known already, if there is room.
pub(super) fn add(producer: Producer, known: &mut Vec<Producer>) {
    if known.len() < TOOLS_MAX && !known.contains(&producer) {
        known.push(producer);
    }
}

/// What a module exports gives Python away, whose tool says nothing of itself: `libpython3.14.so:memory_base`.
pub(super) fn from_export(name: &str) -> Option<Producer> {
    let (version, _) = name.strip_prefix("libpython")?.split_once(".so:")?;
    Some(Producer { field: "language".into(), name: "Python".into(), version: printable(version, TEXT_MAX) })
}

/// The languages that a component was written in. Whose interpreter is written in another one comes first.
pub(super) fn languages(producers: &[Producer]) -> Vec<String> {
    let mut languages: Vec<String> = Vec::new();
    let interpreted = producers.iter().filter_map(|producer| interpreter(&producer.name)).map(str::to_owned);
    let compiled =
        producers.iter().filter(|producer| producer.field == "language").map(|producer| plain(&producer.name));
    for language in interpreted.chain(compiled) {
        if !languages.contains(&language) {
            languages.push(language);
        }
    }
    languages
}

fn interpreter(tool: &str) -> Option<&'static str> {
    let tool = tool.to_lowercase();
    let named = |names: &[&str]| names.iter().any(|name| tool.contains(name));
    if named(&["componentize-py"]) || tool == "python" {
        Some("Python")
    } else if named(&["componentize-js", "componentizejs", "componentize-qjs", "jco", "starlingmonkey"])
        || tool == "javascript"
    {
        Some("JavaScript")
    } else {
        None
    }
}

/// `C11` and `C_plus_plus_14`, as clang writes them, are C and C++.
fn plain(language: &str) -> String {
    let rest = language.strip_prefix("C_plus_plus").map(|_| "C++");
    let is_c = language.strip_prefix('C').is_some_and(|year| year.bytes().all(|byte| byte.is_ascii_digit()));
    rest.unwrap_or(if is_c { "C" } else { language }).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn producer(field: &str, name: &str) -> Producer {
        Producer { field: field.into(), name: name.into(), version: String::new() }
    }

    #[test]
    fn interpreters_come_before_what_they_are_written_in() {
        let made = [
            producer("language", "C_plus_plus_14"),
            producer("language", "Rust"),
            producer("processed-by", "clang"),
            producer("processed-by", "ComponentizeJS"),
        ];
        assert_eq!(languages(&made), ["JavaScript", "C++", "Rust"]);
        assert_eq!(languages(&[producer("language", "C11"), producer("language", "C99")]), ["C"]);
        assert_eq!(languages(&[producer("processed-by", "componentize-py")]), ["Python"]);
        assert_eq!(languages(&[producer("processed-by", "wit-component")]), [""; 0]);
        let python = from_export("libpython3.14.so:memory_base").unwrap();
        assert_eq!((&*python.name, &*python.version), ("Python", "3.14"));
        assert_eq!(languages(&[producer("language", "Rust"), python]), ["Python", "Rust"]);
        assert_eq!(from_export("memory"), None);
    }

    #[test]
    fn a_section_is_read_as_far_as_it_goes() {
        let mut section =
            b"\x02\x08language\x01\x04Rust\x00\x0cprocessed-by\x02\x05rustc\x061.95.0\x05rustc\x061.95.0".to_vec();
        let mut known = Vec::new();
        read(&section, &mut known);
        let rustc = Producer { version: "1.95.0".into(), ..producer("processed-by", "rustc") };
        assert_eq!(known, [producer("language", "Rust"), rustc]);
        for end in 0..section.len() {
            read(&section[..end], &mut known);
        }
        section.fill(0xff);
        read(&section, &mut known);
        assert_eq!(known.len(), 2);
    }
}
