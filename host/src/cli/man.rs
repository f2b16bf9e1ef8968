//! `man`: the manual, made of the same grammar as `--help`.

use std::path::Path;

use clap::CommandFactory as _;
use clap_mangen::Man;

use super::args::{Arguments, ManCommand};
use super::{Exit, Failure, Outcome, print};

pub(super) fn man(command: &ManCommand) -> Outcome {
    let grammar = Arguments::command();
    match &command.out {
        None => {
            let mut page = Vec::new();
            Man::new(grammar).render(&mut page).map_err(Failure::internal)?;
            print(&String::from_utf8_lossy(&page))?;
        }
        Some(folder) => write_all(grammar, folder).map_err(|error| {
            Failure::usage(anyhow::Error::new(error).context(format!("can't write to {}", folder.display())))
        })?,
    }
    Ok(Exit::Success)
}

/// `forensic-host.1`, `forensic-host-run.1`, `forensic-host-plugin-new.1`.
fn write_all(grammar: clap::Command, folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(grammar, folder)
}
