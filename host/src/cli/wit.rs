//! `wit`: the contract, as files for authors in any language.

use super::args::WitCommand;
use super::{Exit, Failure, Outcome, print};

/// The files of the package. Each begins with the same `package` line.
const FILES: [(&str, &str); 3] = [
    ("types.wit", include_str!("../../../wit/types.wit")),
    ("trace.wit", include_str!("../../../wit/trace.wit")),
    ("report.wit", include_str!("../../../wit/report.wit")),
];
const PACKAGE: &str = "package forensic:report@0.1.0;\n";

pub(super) fn wit(command: &WitCommand) -> Outcome {
    match &command.out {
        None => {
            let mut text = PACKAGE.to_owned();
            for (_, file) in FILES {
                text += file.strip_prefix(PACKAGE).unwrap_or(file);
            }
            print(&text)?;
        }
        Some(folder) => {
            let io = |error| {
                Failure::usage(anyhow::Error::new(error).context(format!("can't write to {}", folder.display())))
            };
            std::fs::create_dir_all(folder).map_err(io)?;
            for (name, text) in FILES {
                std::fs::write(folder.join(name), text).map_err(io)?;
            }
        }
    }
    Ok(Exit::Success)
}
