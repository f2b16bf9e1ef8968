//! Builds one package as a component: `build_guest WORKSPACE PACKAGE OUT`.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [workspace, package, out] = arguments.as_slice() else {
        eprintln!("usage: build_guest WORKSPACE PACKAGE OUT");
        return ExitCode::from(2);
    };
    let target = std::env::temp_dir().join("forensic-build-guest");
    let built =
        Path::new(workspace).canonicalize().map_err(|error| format!("{workspace}: {error}")).and_then(|workspace| {
            let component = forensic_guest_build::build_guests(&workspace, &target, &[package])?.remove(0);
            std::fs::write(out, &component).map_err(|error| format!("{out}: {error}"))?;
            Ok(component.len())
        });
    match built {
        Ok(size) => println!("{out}: {size} bytes"),
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
