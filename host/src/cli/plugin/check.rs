//! `plugin check`: whether it runs here, what it asks for, what could be better.

use std::fmt::Write as _;

use serde::Serialize;

use super::super::args::{CheckCommand, Format};
use super::super::{Exit, Failure, Outcome, print};
use super::visible;
use crate::authoring::{Grade, Project, Remark, check as check_plugin};
use crate::files::sha256;
use crate::units::count;

pub(super) fn check(command: &CheckCommand) -> Outcome {
    let Project { file, component, manifest } = super::find(&command.plugin)?;
    let checked = check_plugin(&super::engine()?, &component, manifest.as_ref());
    let runs_here = checked.runs_here();
    let file = file.display().to_string();
    let text = match command.format {
        Format::Json => {
            let json = Json {
                file: &file,
                sha256: sha256(&component),
                size: component.len() as u64,
                runs_here,
                remarks: &checked.remarks,
            };
            serde_json::to_string_pretty(&json).map_err(Failure::internal)? + "\n"
        }
        Format::Text => text(&file, &checked.remarks, runs_here),
    };
    print(&text)?;
    Ok(if runs_here { Exit::Success } else { Exit::Usage })
}

#[derive(Serialize)]
struct Json<'a> {
    file: &'a str,
    sha256: String,
    size: u64,
    runs_here: bool,
    remarks: &'a [Remark],
}

fn text(file: &str, remarks: &[Remark], runs_here: bool) -> String {
    let mut out = format!("{file}\n");
    for Remark { grade, subject, text, operator, author } in remarks {
        // Writing to a text can't fail.
        _ = writeln!(out, "  {:<8} {subject:<9} {}", grade.word(), visible(text));
        for (whom, advice) in [("operator", operator), ("author", author)] {
            if let Some(advice) = advice {
                _ = writeln!(out, "  {:<18} for the {whom}: {}", "", visible(advice));
            }
        }
    }
    let of = |grade| remarks.iter().filter(|remark| remark.grade == grade).count();
    let verdict = if runs_here { "It runs here" } else { "It can't run here" };
    let (errors, warnings) = (of(Grade::Error), of(Grade::Warning));
    let counts = format!("{}, {}", count(errors, "error"), count(warnings, "warning"));
    out + &format!("{verdict}: {counts}.\n")
}
