//! What `forensic-host serve` reads from elsewhere: the address of a request, and the `forensic_report.json` of a run. An address never
//! leaves the run's directory; a report that is read can be drawn.

#![no_main]

use forensic_host::report::{ReportInput, RunFacts, exercise_reading, render};
use forensic_host::serve::exercise_address;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(address) = std::str::from_utf8(data)
        && address.starts_with('/')
    {
        return exercise_address(address);
    }
    match exercise_reading(data) {
        Ok(sections) => {
            let record = RunFacts::default();
            let input = ReportInput {
                record: &record,
                summary: None,
                trace_problem: None,
                run: None,
                inside: None,
                columns: None,
                tails: &[],
                baseline: None,
                sections: &sections,
            };
            assert!(!render(&input).html.contains("<script>"));
        }
        Err(error) => assert!(!error.is_empty()),
    }
});
