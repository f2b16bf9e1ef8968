//! Queries as plugins make them.

use super::*;
use crate::trace::{Kind, Query};

fn names(trace: &Trace, query: &Query) -> Vec<String> {
    trace
        .query(query, 0, 100)
        .spans
        .iter()
        .map(|span| {
            format!(
                "{}{}",
                span.name(),
                span.attribute("forensic.attempt").and_then(|v| v.as_u64()).map(|n| n.to_string()).unwrap_or_default()
            )
        })
        .collect()
}

#[test]
fn filters() {
    let trace = load(WORKED);
    let all = Query::default();
    assert_eq!(trace.query(&all, 0, 100).spans.len(), 18);
    assert_eq!(names(&trace, &Query { stage: Some("C".into()), ..all.clone() }), ["C", "python31", "python32"]);
    assert_eq!(names(&trace, &Query { only_errors: true, ..all.clone() }), ["python31"]);
    assert_eq!(names(&trace, &Query { kind: Some(Kind::Run), ..all.clone() }), ["RUN worked.example"]);
    assert_eq!(names(&trace, &Query { name: Some("G".into()), ..all.clone() }), ["G"]);
    assert_eq!(
        names(&trace, &Query { stage: Some("C".into()), kind: Some(Kind::Stage), only_errors: true, ..all.clone() }),
        [""; 0]
    );
    assert_eq!(names(&trace, &Query { stage: Some("nope".into()), ..all }), [""; 0]);
}

#[test]
fn pages_cover_everything_once() {
    let trace = load(WORKED);
    let query = Query { kind: Some(Kind::Stage), ..Query::default() };
    for max in [0, 1, 2, 9, 10, usize::MAX] {
        let (mut cursor, mut seen) = (Some(0), Vec::new());
        while let Some(at) = cursor {
            let page = trace.query(&query, at, max);
            assert!(page.spans.len() <= max.max(1));
            seen.extend(page.spans.iter().map(|span| span.name().to_owned()));
            cursor = page.next;
        }
        assert_eq!(seen, ["A", "B", "C", "D", "E", "S", "F", "G", "H"], "{max}");
    }
    for cursor in [18, 19, u64::MAX] {
        let page = trace.query(&query, cursor, 5);
        assert!(page.spans.is_empty() && page.next.is_none());
    }
}
