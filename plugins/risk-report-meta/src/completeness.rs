//! Which of a risk profile's files are there, and who made them.

use forensic_guest_sdk::{Block, Cell, Document, Host, KeyValue, Severity};
use forensic_plugin_kit::inputs::InputError;
use forensic_plugin_kit::json;
use forensic_plugin_kit::sections::{As, problems, table, trouble};

use crate::config::Settings;
use crate::profile::{Profile, Source, Weights};

pub(crate) fn section(document: &mut Document, profile: &Profile) {
    document.heading(3, "Completeness");
    let mut table = table(&[("Artifact", As::Text), ("Path", As::Text), ("Status", As::Text)]);
    let rows = [
        row(&profile.returns, Severity::Error),
        row(&profile.optimized, Severity::Error),
        row(&profile.tree, Severity::Warning),
        row(&profile.holdings, Severity::Error),
        row(&profile.manifest, Severity::Error),
    ];
    let mut sentences = Vec::new();
    for (cells, sentence) in rows {
        table.rows.push(cells.into());
        sentences.extend(sentence);
    }
    document.push(table);
    for (severity, id, sentence) in sentences {
        trouble(document, severity, &id, &format!("{}: {sentence}.", profile.name));
    }
    if let Some(frame) = profile.returns.get() {
        problems(document, &profile.returns.id, &frame.problems);
    }
    for file in [&profile.optimized, &profile.holdings] {
        problems(document, &file.id, file.get().map_or(&[], |weights| &weights.problems));
    }
    problems(document, &profile.manifest.id, profile.manifest.get().map_or(&[], |manifest| &manifest.problems));
}

type Sentence = (Severity, String, String);

fn row<T>(file: &Source<T>, severity: Severity) -> ([Cell; 3], Option<Sentence>) {
    let status = match &file.content {
        Ok(_) if file.old_name => Cell::status(Severity::Info, "PRESENT, old name"),
        Ok(_) => Cell::status(Severity::Info, "PRESENT"),
        Err(InputError::Missing { .. }) => Cell::status(severity, "MISSING"),
        Err(InputError::Unusable { .. }) => Cell::status(severity, "UNUSABLE"),
    };
    let sentence = file.content.as_ref().err().map(|error| (severity, file.id.clone(), error.explain()));
    ([file.title.into(), file.id.as_str().into(), status], sentence)
}

/// Who made the weights, and whether that fits the profile and this run.
pub(crate) fn origin(document: &mut Document, profile: &Profile, settings: &Settings, host: &dyn Host) {
    let Some(optimized) = profile.optimized.get() else {
        document.paragraph("Meta run ID: N/A, there are no usable optimized weights.");
        return;
    };
    let text = |key| Cell::from(json::text(&optimized.metadata, key));
    let sleeves = json::integer(&optimized.metadata, "n_sleeves");
    document.push(Block::KeyValues(vec![
        KeyValue::text("Meta run ID", text("run_id")),
        KeyValue::text("Engine", text("engine")),
        KeyValue::text("Source", text("source")),
        KeyValue::text("Weights made at", text("generated_at")),
        KeyValue::number("Sleeves", sleeves, 0),
    ]));
    if let Some(number) = sleeves.filter(|number| usize::try_from(*number) != Ok(optimized.weights.len())) {
        let found = optimized.weights.len();
        let sentence = format!("{} says {number} sleeves and has weights for {found}.", profile.optimized.id);
        trouble(document, Severity::Warning, &profile.optimized.id, &sentence);
    }
    if let Some(fallback) = json::text(&optimized.metadata, "fallback") {
        let sentence =
            format!("The engine's own result for {} was not used, but a fallback: {fallback}.", profile.name);
        trouble(document, Severity::Warning, &profile.optimized.id, &sentence);
    }
    let run = host.run().ok().map(|run| run.id);
    for (file, content) in [&profile.optimized, &profile.holdings].map(|file| (file, file.get())) {
        let Some(Weights { metadata, .. }) = content else { continue };
        let expected = [
            ("meta_profile", Some(settings.meta_profile.as_str())),
            ("profile", Some(profile.name.as_str())),
            ("run_id", run.as_deref()),
        ];
        for (key, expected) in expected {
            if let (Some(found), Some(expected)) = (json::text(metadata, key), expected)
                && found != expected
            {
                let sentence = format!("{} says {key} {found}, and this report is on {expected}.", file.id);
                trouble(document, Severity::Warning, &file.id, &sentence);
            }
        }
    }
}
