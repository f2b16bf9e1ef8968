//! From core modules to components.

use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Makes a component of a core module that carries the WIT of its world.
///
/// # Errors
/// Where the module is none, or has imports that its world does not name.
pub fn componentize(module: &[u8]) -> Result<Vec<u8>, String> {
    ComponentEncoder::default()
        .module(module)
        .and_then(|encoder| encoder.validate(true).encode())
        .map_err(|error| format!("{error:#}"))
}

/// The same for a module that does not carry its WIT: that of `world` in the folder `wit` is added first.
///
/// # Errors
/// As for [`componentize`], or where the WIT can't be read or has no such world.
pub fn componentize_for(module: &[u8], wit: &Path, world: &str) -> Result<Vec<u8>, String> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit).map_err(|error| format!("{error:#}"))?;
    let world = resolve.select_world(&[package], Some(world)).map_err(|error| format!("{error:#}"))?;
    let mut module = module.to_vec();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .map_err(|error| format!("{error:#}"))?;
    componentize(&module)
}
