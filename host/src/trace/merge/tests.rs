use super::*;
use crate::trace::tests::simulator::{plan, simulate};
use proptest::prelude::*;

const WORKED: &str = include_str!("../testdata/worked_example.json");
const KILLED: &str = include_str!("../testdata/worked_example_killed.json");

fn load(text: &str) -> Trace {
    Trace::from_slice(text.as_bytes()).unwrap()
}

fn merged(texts: &[&str]) -> (String, Merged) {
    let mut out = Vec::new();
    let merged = merge(texts.iter().map(|text| load(text)).collect(), &mut out).unwrap();
    (String::from_utf8(out).unwrap(), merged)
}

#[test]
fn one_file_of_the_host_stays_as_it_is() {
    assert_eq!(merged(&[WORKED]), (WORKED.to_owned(), Merged { spans: 18, duplicates: 0 }));
}

#[test]
fn a_file_twice_is_the_file_once() {
    assert_eq!(merged(&[WORKED, WORKED]), (WORKED.to_owned(), Merged { spans: 18, duplicates: 18 }));
}

#[test]
fn a_whole_trace_completes_one_that_was_killed() {
    let (text, counts) = merged(&[KILLED, WORKED]);
    assert_eq!(text, WORKED);
    assert_eq!(counts.spans, 18);
}

#[test]
fn nothing_gives_an_empty_trace() {
    let (text, counts) = merged(&[]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), serde_json::json!([]));
    assert_eq!(counts, Merged::default());
}

#[test]
fn parts_and_numbers_stay_as_they_were_written() {
    let text = r#"[
{"name":"a \"é\u0001","start_time":5,"end_time":1000005,"duration_ms":1.0,"status":"Error","attributes":{"z":1.50,"a":-0,"big":18446744073709551616,"e":1e999,"n":null,"t":true,"l":[1,{"x":2.0}]},"trace_id":"0000000000000000000000000000000a","span_id":"000000000000000b","parent_span_id":"000000000000000c","status_message":"why","kind":"CLIENT","scope":{"name":"s"},"resource":{"service.name":"x"},"links":[{"trace_id":"0000000000000000000000000000000a","span_id":"000000000000000d","attributes":{}}],"events":[{"name":"e","time":7,"attributes":{"k":1}}],"dropped":{"attributes":1}}
]
"#;
    assert_eq!(merged(&[text]).0, text);
}

#[test]
fn a_missing_end_is_marked() {
    for attributes in ["{}", r#"{"forensic.inferred":false}"#] {
        let text = format!(r#"[{{"name":"a","start_time":1,"span_id":"1","attributes":{attributes}}}]"#);
        let (once, _) = merged(&[&text]);
        assert!(once.contains(r#""attributes":{"forensic.inferred":true},"trace_id":null,"#), "{once}");
        assert_eq!(merged(&[&once]).0, once);
    }
}

#[test]
fn spans_without_an_id_are_kept_as_often_as_one_file_has_them() {
    let one = r#"{"name":"a","start_time":1,"end_time":2}"#;
    let (twice, thrice) = (format!("[{one},{one}]"), format!("[{one},{one},{one}]"));
    assert_eq!(merged(&[&twice, &thrice, &twice]).1, Merged { spans: 3, duplicates: 4 });
}

#[test]
fn a_failing_writer_is_an_error() {
    let mut full = [0; 100];
    assert!(merge(vec![load(WORKED)], &mut &mut full[..]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// However the workers' spans are spread over files, whatever the order of those and however often one is given.
    #[test]
    fn a_host_and_its_workers_are_one_trace(
        plan in plan(), skew in -9_000i64..9_000, files in 1usize..5, of in prop::collection::vec(0usize..5, 40), seed: usize, again: bool,
    ) {
        let run = simulate(&plan);
        let (host, made) = (run.spans(), run.worker_spans(skew));
        let file = |spans: &[String]| format!("[\n{}\n]\n", spans.join(",\n"));
        let (whole, counts) = merged(&[&file(&[host.clone(), made.clone()].concat())]);
        prop_assert_eq!(counts.spans as usize, host.len() + made.len());
        let mut parts = vec![Vec::new(); files];
        for (at, span) in made.iter().enumerate() {
            parts[of[at % of.len()] % files].push(span.clone());
        }
        let mut texts: Vec<String> = parts.iter().map(|part| file(part)).chain([file(&host)]).collect();
        if again {
            texts.push(texts[seed % texts.len()].clone());
        }
        let turn = seed % texts.len();
        texts.rotate_left(turn);
        let (together, _) = merged(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        prop_assert_eq!(&together, &whole);
        prop_assert_eq!(together.matches(r#""x.unknown":{"deep":[1,null]}"#).count(), made.len() / 2);
    }
}

/// Files with few ids and times, so that they collide in every way.
fn file() -> impl Strategy<Value = String> {
    let span = (0u8..4, 0u8..6, 0u8..3, 0u64..4, proptest::option::of(0u64..6), 0u8..3, any::<bool>());
    proptest::collection::vec(span, 0..12).prop_map(|spans| {
        let lines: Vec<String> = spans
            .into_iter()
            .map(|(name, id, parent, start, end, attribute, inferred)| {
                let end = end.map_or("null".to_owned(), |end| end.to_string());
                format!(
                    r#"{{"name":"n{name}","start_time":{start},"end_time":{end},"span_id":"{id:016x}","trace_id":"{:032x}","parent_span_id":"{parent:016x}","attributes":{{"a":{attribute},"forensic.inferred":{inferred}}}}}"#,
                    id % 2 + 1,
                )
            })
            .collect();
        format!("[{}]", lines.join(",\n"))
    })
}

proptest! {
    #[test]
    fn order_repetition_and_grouping_do_not_matter(a in file(), b in file(), c in file()) {
        let (all, counts) = merged(&[&a, &b, &c]);
        prop_assert_eq!(&merged(&[&c, &a, &b]).0, &all);
        prop_assert_eq!(&merged(&[&b, &a, &c, &b, &a]).0, &all);
        prop_assert_eq!(merged(&[&all]), (all.clone(), Merged { duplicates: 0, ..counts }));
        prop_assert_eq!(&merged(&[&all, &a]).0, &all);
        prop_assert_eq!(&merged(&[&merged(&[&a, &b]).0, &c]).0, &all);
        prop_assert_eq!(&merged(&[&a, &merged(&[&b, &c]).0]).0, &all);
        let read = [&a, &b, &c].iter().map(|text| load(text).len() as u64).sum::<u64>();
        prop_assert_eq!(counts.spans + counts.duplicates, read);
        // One object a line, strict JSON, in start order.
        let spans: Vec<serde_json::Value> = serde_json::from_str(&all).unwrap();
        prop_assert_eq!(spans.len() as u64, counts.spans);
        prop_assert!(spans.is_sorted_by_key(|span| span["start_time"].as_u64()));
        prop_assert_eq!(all.lines().count(), spans.len() + 2);
    }
}
