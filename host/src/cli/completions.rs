//! `completions`: what a shell needs to complete this program's arguments.

use clap::CommandFactory as _;

use super::args::{Arguments, CompletionsCommand};
use super::{Exit, Outcome, print};

pub(super) fn completions(command: &CompletionsCommand) -> Outcome {
    let mut grammar = Arguments::command();
    let name = grammar.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(command.shell, &mut grammar, name, &mut script);
    print(&mended(&String::from_utf8_lossy(&script)))?;
    Ok(Exit::Success)
}

/// clap_complete 4.6 spells the hyphen of this program's name in two ways in its script for bash, so that nothing is completed
/// behind a command (github.com/clap-rs/clap/issues/6421). Where that is mended, this finds nothing to do.
fn mended(script: &str) -> String {
    script.replace("forensic__subcmd__host", "forensic__host")
}
