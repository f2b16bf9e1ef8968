//! The first-party plugins, compiled from source by `build.rs` and shipped in the binary: `builtin:NAME`. To the
//! sandbox they are plugins like any other.

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// Name, without `builtin:`.
    pub name: &'static str,
    /// The component.
    pub component: &'static [u8],
    /// Its SHA-256, hexadecimal.
    pub sha256: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/builtins.rs"));

/// All names.
pub fn names() -> Vec<&'static str> {
    BUILTINS.iter().map(|builtin| builtin.name).collect()
}

/// The one with this name.
pub fn find(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|builtin| builtin.name == name)
}
