//! The binary: parses the command line, hands over, turns the outcome into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    forensic_host::cli::main()
}
