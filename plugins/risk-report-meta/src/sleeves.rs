//! What the report's sleeves left in their own folders: data health, audit ledgers, anomalies. Once a report, on the
//! sleeves of its risk profiles.

use forensic_guest_sdk::{Cell, Document, Severity};
use forensic_plugin_kit::inputs::{Inputs, below_run, join};
use forensic_plugin_kit::order::sorted;
use forensic_plugin_kit::sections::{As, count, input_trouble, table, trouble};

use crate::ledger::{Anomaly, ChainState, Ledger, SHARPE_LIMIT, VOLATILITY_LIMIT};
use crate::profile::{Profile, Sleeve};
use forensic_plugin_kit::health::{self, Counts, Health};

/// Anomalies that the table shows.
const SHOWN: usize = 10;

/// A sleeve of one or more of the report's risk profiles.
pub(crate) struct Member {
    sleeve: Sleeve,
    profiles: Vec<String>,
    /// The sleeve's folder below the run directory, or why there is none.
    folder: Result<String, NoFolder>,
}

/// Why a sleeve has no folder.
struct NoFolder {
    severity: Severity,
    sentence: String,
}

/// All sleeves of the profiles' manifests, each once.
pub(crate) fn members(profiles: &[Profile]) -> Vec<Member> {
    let mut members: Vec<Member> = Vec::new();
    for profile in profiles {
        for sleeve in profile.manifest.get().map_or(&[][..], |manifest| &manifest.sleeves) {
            match members.iter_mut().find(|member| member.sleeve == *sleeve) {
                Some(member) if member.profiles.contains(&profile.name) => {}
                Some(member) => member.profiles.push(profile.name.clone()),
                None => members.push(Member {
                    sleeve: sleeve.clone(),
                    profiles: vec![profile.name.clone()],
                    folder: folder(sleeve),
                }),
            }
        }
    }
    members
}

fn folder(sleeve: &Sleeve) -> Result<String, NoFolder> {
    let id = &sleeve.id;
    match (&sleeve.run_path, &sleeve.meta_profile) {
        (Some(path), _) => below_run(path).ok_or_else(|| NoFolder {
            severity: Severity::Error,
            sentence: format!("{id}: its run_path {path:?} is not below the run directory and was not followed."),
        }),
        (None, Some(meta)) => Err(NoFolder {
            severity: Severity::Info,
            sentence: format!("{id} is the meta portfolio {meta}: its sleeves are in its own report."),
        }),
        (None, None) => Err(NoFolder {
            severity: Severity::Warning,
            sentence: format!("{id}: the manifest gives no run_path, so its files can't be found."),
        }),
    }
}

fn without_manifest(document: &mut Document) {
    document.paragraph("N/A: no manifest names the sleeves (see Completeness).");
}

pub(crate) fn data_health(document: &mut Document, members: &[Member], inputs: &Inputs<'_>) {
    document.heading(2, "Data health");
    if members.is_empty() {
        return without_manifest(document);
    }
    let mut table = table(&[
        ("Sleeve", As::Text),
        ("Run ID", As::Text),
        ("Health", As::Text),
        ("Assets by status", As::Text),
        ("Folder", As::Text),
        ("Profiles", As::Text),
    ]);
    let mut troubles = Vec::new();
    for member in members {
        let id = &member.sleeve.id;
        let read = member.folder.as_ref().map(|folder| (folder, health::read(inputs, folder)));
        let (health, counts) = match read {
            Ok((_, Ok(counts))) => (Health::of(&counts), Some(counts)),
            Ok((_, Err(error))) => {
                let text = format!("{id}: {}; its data health is UNKNOWN.", error.explain());
                troubles.push((Severity::Warning, error.id().to_owned(), text));
                (Health::Unknown, None)
            }
            Err(none) => {
                troubles.push((none.severity, id.clone(), none.sentence.clone()));
                (Health::Unknown, None)
            }
        };
        if let Some(counts) = counts.as_ref().filter(|_| health != Health::Healthy) {
            let text = format!("{id}: its data health is {} ({}).", health.word(), listed(counts));
            troubles.push((health.severity(), id.clone(), text));
        }
        table.rows.push(vec![
            id.as_str().into(),
            run_id(member).into(),
            health.cell(),
            counts.as_ref().map(listed).into(),
            member.folder.as_ref().ok().map(|folder| if folder.is_empty() { "." } else { folder }).into(),
            member.profiles.join(", ").into(),
        ]);
    }
    document.push(table);
    for (severity, subject, text) in troubles {
        trouble(document, severity, &subject, &text);
    }
}

/// The manifest's run id, else the last part of the folder.
fn run_id(member: &Member) -> Option<&str> {
    let last = || member.folder.as_ref().ok()?.rsplit('/').next().filter(|part| !part.is_empty());
    member.sleeve.run_id.as_deref().or_else(last)
}

fn listed(counts: &Counts) -> String {
    counts.iter().map(|(status, count)| format!("{status} {count}")).collect::<Vec<_>>().join(", ")
}

pub(crate) fn anomalies(document: &mut Document, members: &[Member], profiles: &[String], inputs: &Inputs<'_>) {
    document.heading(2, "Forensic anomalies");
    if members.is_empty() {
        return without_manifest(document);
    }
    document.paragraph(format!(
        "Simulated windows whose Sharpe is further than {SHARPE_LIMIT:.0} from zero or whose yearly volatility is above \
         {VOLATILITY_LIMIT:.0}, from every line of the sleeves' audit ledgers, for the risk profiles of this report."
    ));
    let mut ledgers = table(&[
        ("Sleeve", As::Text),
        ("Lines", As::Number(0)),
        ("Windows", As::Number(0)),
        ("Bad lines", As::Number(0)),
        ("Bad numbers", As::Number(0)),
        ("Hash chain", As::Text),
    ]);
    ledgers.caption = "Audit ledgers".into();
    let mut found: Vec<(&str, Anomaly)> = Vec::new();
    let mut read: Vec<(&Member, String, Ledger)> = Vec::new();
    for member in members {
        let id = member.sleeve.id.as_str();
        let Ok(folder) = &member.folder else {
            // Data health has said why.
            ledgers.rows.push(vec![id.into(), Cell::None, Cell::None, Cell::None, Cell::None, Cell::None]);
            continue;
        };
        let file = join(folder, "audit.jsonl");
        match Ledger::read(inputs, &file) {
            Ok(mut ledger) => {
                found.extend(std::mem::take(&mut ledger.anomalies).into_iter().map(|anomaly| (id, anomaly)));
                let integer = |number: u64| Cell::Integer(i64::try_from(number).unwrap_or(i64::MAX));
                let (bad_lines, bad_numbers) = (ledger.bad_lines.count() as u64, ledger.bad_numbers.count() as u64);
                ledgers.rows.push(vec![
                    id.into(),
                    integer(ledger.lines),
                    integer(ledger.windows),
                    integer(bad_lines),
                    integer(bad_numbers),
                    chain_cell(&ledger),
                ]);
                read.push((member, file, ledger));
            }
            Err(error) => {
                ledgers.rows.push(vec![id.into(), Cell::None, Cell::None, Cell::None, Cell::None, Cell::None]);
                input_trouble(document, Severity::Warning, &error, &format!("the anomalies of {id} are N/A"));
            }
        }
    }
    listing(document, found, profiles, read.len());
    document.push(ledgers);
    for (member, file, ledger) in &read {
        ledger_troubles(document, &member.sleeve.id, file, ledger);
    }
}

fn listing(document: &mut Document, mut found: Vec<(&str, Anomaly)>, profiles: &[String], read: usize) {
    let all = found.len();
    found.retain(|(_, anomaly)| anomaly.profile.as_ref().is_none_or(|profile| profiles.contains(profile)));
    let others = all - found.len();
    // Absent numbers come last; what is equal stays in the order of the sleeves and lines.
    let key = |anomaly: &Anomaly| (anomaly.sharpe.map_or(-1.0, f64::abs), anomaly.volatility.unwrap_or(-1.0));
    let found = sorted(found, |(_, left), (_, right)| {
        let (left, right) = (key(left), key(right));
        right.0.total_cmp(&left.0).then(right.1.total_cmp(&left.1))
    });
    if found.is_empty() {
        document.paragraph(match read {
            0 => "N/A: no ledger could be read.".to_owned(),
            _ => format!("None in the {} that could be read.", count(read, "ledger")),
        });
    } else {
        let mut table = table(&[
            ("Sleeve", As::Text),
            ("Window", As::Number(0)),
            ("Profile", As::Text),
            ("Sharpe", As::Number(2)),
            ("Ann. Ret", As::Percent(2)),
            ("Ann. Vol", As::Percent(2)),
            ("Engine", As::Text),
            ("Simulator", As::Text),
            ("Line", As::Number(0)),
        ]);
        for (sleeve, anomaly) in found.iter().take(SHOWN) {
            table.rows.push(vec![
                (*sleeve).into(),
                anomaly.window.into(),
                anomaly.profile.clone().into(),
                anomaly.sharpe.into(),
                anomaly.annual_return.into(),
                anomaly.volatility.into(),
                anomaly.engine.clone().into(),
                anomaly.simulator.clone().into(),
                i64::try_from(anomaly.line).unwrap_or(i64::MAX).into(),
            ]);
        }
        document.push(table);
        let total = count(found.len(), "anomaly").replace("anomalys", "anomalies");
        let shown = if found.len() > SHOWN { format!("; the {SHOWN} most extreme are shown") } else { String::new() };
        document.paragraph(format!("{total} in all{shown}, by |Sharpe|, then volatility."));
        document.finding(Severity::Warning, "anomalies", format!("{total} in the sleeves' ledgers."));
    }
    if others > 0 {
        document
            .paragraph(format!("{} of other risk profiles beyond the limits are left out.", count(others, "window")));
    }
}

fn chain_cell(ledger: &Ledger) -> Cell {
    match ledger.chain_state() {
        ChainState::Verified => Cell::status(Severity::Info, "VERIFIED"),
        ChainState::Cut => Cell::status(Severity::Warning, "CUT"),
        ChainState::Broken => Cell::status(Severity::Error, "BROKEN"),
        ChainState::Unhashed | ChainState::Empty => Cell::None,
    }
}

fn ledger_troubles(document: &mut Document, sleeve: &str, file: &str, ledger: &Ledger) {
    let mut say = |severity, text: String| trouble(document, severity, file, &format!("{sleeve}: {file}: {text}."));
    match ledger.chain_state() {
        ChainState::Verified => {}
        ChainState::Broken => say(Severity::Error, ledger.chain.broken().unwrap_or_default()),
        ChainState::Cut => say(Severity::Warning, "the last line is incomplete, its writer was stopped".into()),
        ChainState::Unhashed => say(Severity::Warning, "no line has a hash, so the chain can't be verified".into()),
        ChainState::Empty => say(Severity::Warning, "it has no lines, so there is nothing to verify".into()),
    }
    let sentences = [
        ledger.bad_lines.sentence(|count| format!("{count} can't be read as a JSON object and don't count")),
        ledger
            .bad_numbers
            .sentence(|count| format!("{count} with a metric that is no finite number, which is N/A here")),
        ledger.untested.sentence(|count| format!("{count} with a window that has neither Sharpe nor volatility")),
    ];
    for sentence in sentences.into_iter().flatten() {
        say(Severity::Warning, sentence);
    }
}
