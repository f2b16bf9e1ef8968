//! Any text as `pipeline.toml`: a checked pipeline, or mistakes that can be shown in all three ways.

#![no_main]

use std::path::Path;

use forensic_host::pipeline::{self, MAX_LISTED};
use libfuzzer_sys::fuzz_target;

/// Nothing stands there, so that what the text says of files is never true and never depends on the machine.
const PATH: &str = "/nonexistent/forensic-fuzz/pipeline.toml";
const BUILTINS: &[&str] = &["risk.report_meta", "risk.report_portfolio"];

fuzz_target!(
    init: {
        // A seed that is no good any more would leave most of the code unseen.
        let seed = pipeline::parse(Path::new(PATH), include_str!("../corpus/pipeline_parse/good.toml").into(), BUILTINS);
        assert!(seed.is_ok(), "{}", seed.unwrap_err());
    },
    |text: &str| fuzz(text)
);

fn fuzz(text: &str) {
    match pipeline::parse(Path::new(PATH), text.to_owned(), BUILTINS) {
        Ok(pipeline) => {
            assert_eq!(pipeline.source.text, text);
            let stages = pipeline.stages.len();
            let mut place = vec![usize::MAX; stages];
            for (at, stage) in pipeline.execution_order().into_iter().enumerate() {
                assert_eq!(place[stage], usize::MAX, "a stage stands twice in the order");
                place[stage] = at;
            }
            for (index, stage) in pipeline.stages.iter().enumerate() {
                assert!(stage.needs.iter().all(|&need| place[need] < place[index]), "a need comes later");
                assert!(pipeline.stage_index(stage.id.as_str()) == Some(index), "an id that is there twice");
                let id = stage.id.as_str();
                assert!(!id.is_empty() && id.len() <= 128 && !id.contains(['/', '\0', '\\']) && !id.contains(".."));
            }
            assert_eq!(pipeline.dependents().len(), stages);
            assert!(pipeline.reports.iter().all(|report| report.config.is_object()));
        }
        Err(mistakes) => {
            assert!(mistakes.count() >= mistakes.items().len() && (1..=MAX_LISTED).contains(&mistakes.items().len()));
            let lines = text.split('\n').count().max(1);
            for item in mistakes.items() {
                assert!(!item.message.is_empty() && !item.labels.is_empty());
                for (line, column) in
                    item.labels.iter().map(|label| (label.line, label.column)).chain([(item.line, item.column)])
                {
                    assert!((1..=lines + 1).contains(&line) && (1..=text.len() + 2).contains(&column), "{item:?}");
                }
            }
            let harmful = |c: char| c.is_control() && c != '\n';
            let plain = mistakes.render(false);
            assert!(plain.ends_with('\n') && !plain.contains(harmful), "{plain:?}");
            assert!(mistakes.render(true).len() >= plain.len());
            assert_eq!(mistakes.to_string(), plain.trim_end());
            let json = serde_json::to_string(&mistakes).expect("mistakes are JSON");
            let rows: Vec<serde_json::Value> = serde_json::from_str(&json).expect("a list");
            assert_eq!(rows.len(), mistakes.items().len());
        }
    }
}
