//! A look at a real run directory: `FORENSIC_SAMPLE=/path/to/run cargo test -p risk-report-meta --test sample -- --nocapture`
//! prints the report. Without the variable there is nothing to test.

use forensic_guest_sdk::testing::MockHost;
use forensic_guest_sdk::{ReportPlugin, Request, Severity};
use forensic_plugin_kit::testing::dump;
use risk_report_meta::ReportMeta;

#[test]
fn a_real_run_gives_a_report_without_errors() {
    let Some(folder) = std::env::var_os("FORENSIC_SAMPLE") else { return };
    let host = MockHost::from_folder(folder).unwrap();
    let config = std::env::var("FORENSIC_SAMPLE_CONFIG").unwrap_or_else(|_| "{}".into());
    let document = ReportMeta::render(&Request::new("meta").with_config(config), &host).unwrap();
    println!("{}", dump(&document));
    let errors: Vec<_> = document.findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
    // A folder has no trace that a stand-in for the host could read.
    assert!(errors.iter().all(|finding| finding.subject == "data/forensic_trace.json"), "{errors:#?}");
}
