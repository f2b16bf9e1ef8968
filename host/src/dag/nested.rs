//! Stages that are pipelines of their own: run by this program as a child process, with a run directory beside the
//! parent's. The child's trace says which attempt it is (`forensic.parent.*`), the attempt's says which run.

use super::runner::Nested;
use crate::directory::RunId;
use crate::pipeline::Command;
use std::borrow::Cow;

/// The command that is really run, and the id of the run that it makes.
pub(super) fn resolve<'a>(
    command: &'a Command,
    nested: &Nested,
    run_id: &str,
    stage: &str,
    attempt: u32,
) -> (Cow<'a, Command>, Option<String>) {
    let Command::Pipeline(file) = command else { return (Cow::Borrowed(command), None) };
    // An id that would be too long is left to the child to make.
    let child = RunId::parse(&format!("{run_id}.{stage}.{attempt}")).ok();
    let mut argv = vec![nested.program.display().to_string(), "run".to_owned(), file.display().to_string()];
    argv.extend(["--root".to_owned(), nested.root.display().to_string()]);
    if let Some(child) = &child {
        argv.extend(["--run-id".to_owned(), child.as_str().to_owned()]);
    }
    argv.extend(nested.arguments.iter().cloned());
    (Cow::Owned(Command::Argv(argv)), child.map(|child| child.to_string()))
}
