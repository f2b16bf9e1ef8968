use std::io::Write as _;
use std::sync::Arc;

use proptest::prelude::*;

use crate::telemetry::otlp::forward::tail::{Tail, count};

/// A line of the journal, and if it is a span.
fn a_line() -> impl Strategy<Value = (Vec<u8>, bool)> {
    prop_oneof![
        (0..2000usize).prop_map(|length| (format!(r#"{{"name":"{}"}}"#, "n".repeat(length)).into_bytes(), true)),
        (0..2000usize).prop_map(|length| (format!(r#"{{"open":{{"n":"{}"}}}}"#, "n".repeat(length)).into(), false)),
        (0..2000usize).prop_map(|length| (format!(r#"{{"name":"{}"#, "n".repeat(length)).into(), false)),
        Just((Vec::new(), false)),
        Just((b"{}".to_vec(), true)),
    ]
}

proptest! {
    /// However the journal grows, each span is given out once, in order, and counted so.
    #[test]
    fn spans_are_given_out_once(
        lines in proptest::collection::vec(a_line(), 0..600),
        steps in proptest::collection::vec(1..50_000usize, 1..20),
    ) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut whole: Vec<u8> = Vec::new();
        for (line, _) in &lines {
            whole.extend_from_slice(line);
            whole.push(b'\n');
        }
        let mut tail = Tail::new(Arc::new(file.reopen().unwrap()));
        let mut found: Vec<serde_json::Value> = Vec::new();
        let mut rest = &whole[..];
        let mut steps = steps.into_iter();
        loop {
            let (now, later) = rest.split_at(steps.next().unwrap_or(rest.len()).min(rest.len()));
            file.write_all(now).unwrap();
            rest = later;
            let all = count(file.as_file(), 0).unwrap();
            loop {
                let chunk = tail.next().unwrap();
                let spans: Vec<serde_json::Value> = serde_json::from_slice(&chunk.text).unwrap();
                prop_assert!(spans.len() as u64 == chunk.spans && chunk.spans <= 512);
                found.extend(spans);
                prop_assert_eq!(all, found.len() as u64 + count(file.as_file(), tail.offset()).unwrap());
                if !chunk.more {
                    break;
                }
            }
            if rest.is_empty() {
                break;
            }
        }
        let wanted: Vec<serde_json::Value> = lines
            .iter()
            .filter(|(_, is_span)| *is_span)
            .map(|(line, _)| serde_json::from_slice(line).unwrap())
            .collect();
        prop_assert_eq!(found, wanted);
    }
}
