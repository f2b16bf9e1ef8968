//! Builds a real plugin with the toolchain at hand. `FORENSIC_GUEST_TOOLCHAIN=debian` insists on the way for
//! machines where rustup can download nothing.

use std::path::Path;

#[test]
fn a_plugin_becomes_a_component_without_paths_of_this_machine() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let choice = std::env::var("FORENSIC_GUEST_TOOLCHAIN").unwrap_or_default();
    // A folder for each toolchain: they would rebuild each other's dependencies.
    let target = workspace.join("target").join(if choice == "debian" { "guests-debian" } else { "guests" });
    let components = forensic_guest_build::build_guests(&workspace, &target, &["hostile-guest"]).unwrap();
    let [component] = components.as_slice() else { panic!("one package, {} components", components.len()) };
    let contains = |needle: &[u8]| component.windows(needle.len()).any(|window| window == needle);
    assert!(component.starts_with(b"\0asm\x0d\0\x01\0"), "not a component");
    assert!(contains(b"forensic:api"), "no API version");
    assert!(contains(b"forensic:report/plugin@0.1.0"), "no export");
    assert!(!contains(workspace.to_str().unwrap().as_bytes()), "a path of this machine");
    assert!(component.len() < 300 << 10, "{} bytes", component.len());
}

#[test]
fn a_package_that_does_not_exist_is_an_error_that_names_it() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let why = forensic_guest_build::build_guests(&workspace, &workspace.join("target/guests"), &["no-such-guest"]);
    assert!(why.unwrap_err().contains("no-such-guest"));
}
