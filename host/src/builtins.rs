//! The first-party plugins, compiled from source by `build.rs` and shipped in the binary: `builtin:NAME`. To the
//! sandbox they are plugins like any other.

include!(concat!(env!("OUT_DIR"), "/builtins.rs"));

/// Their names, without `builtin:`.
pub fn names() -> Vec<&'static str> {
    BUILTINS.iter().map(|(name, _)| *name).collect()
}

/// The component of one of them.
pub fn component(name: &str) -> Option<&'static [u8]> {
    BUILTINS.iter().find(|(known, _)| *known == name).map(|(_, component)| *component)
}
