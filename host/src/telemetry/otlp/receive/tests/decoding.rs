//! Decoding without a port: equal to the whole-message decoder on what is sound, and safe on what is not.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::telemetry::otlp::receive::{Encoding, Refusal, decode};

type Found = Vec<(Option<Resource>, Option<InstrumentationScope>, Result<Span, Refusal>)>;

fn found(encoding: Encoding, body: &[u8]) -> Result<Found, String> {
    let mut all = Vec::new();
    decode(encoding, body, 1 << 20, &mut |item| {
        all.push((item.resource.cloned(), item.scope.cloned(), item.span));
    })
    .map_err(|error| error.to_string())?;
    Ok(all)
}

fn only(body: &serde_json::Value) -> Result<Span, Refusal> {
    let request = json!({"resourceSpans": [{"scopeSpans": [{"spans": [body]}]}]});
    let mut all = found(Encoding::Json, request.to_string().as_bytes()).unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0).2
}

fn value(any: serde_json::Value) -> Option<Value> {
    let span = only(&json!({"attributes": [{"key": "k", "value": any}]})).unwrap();
    span.attributes[0].value.clone().and_then(|any| any.value)
}

#[test]
fn json_is_read_liberally() {
    let span = only(&json!({
        "traceId": "0AF7651916cd43dd8448EB211C80319C", "spanId": "B7AD6B7169203331", "parentSpanId": null,
        "name": "x", "kind": 2, "unknown": {"a": [1, {}]}, "trace_state": "snake case is not read",
        "startTimeUnixNano": "1795341923579940975", "endTimeUnixNano": 1_795_341_923_579_940_976u64,
        "attributes": [{"key": "k", "value": {"intValue": "1152921504606846976"}, "unknown": 1}],
    }))
    .unwrap();
    assert_eq!((span.trace_id[0], span.span_id[0], span.parent_span_id.len()), (0x0a, 0xb7, 0));
    assert_eq!(span.start_time_unix_nano, 1_795_341_923_579_940_975);
    assert_eq!(span.end_time_unix_nano, 1_795_341_923_579_940_976);
    assert_eq!((span.kind, span.trace_state.as_str()), (2, ""));
}

#[test]
fn values_keep_their_kind_where_it_can_be_known() {
    assert_eq!(value(json!({"intValue": 1_152_921_504_606_846_976i64})), Some(Value::IntValue(1 << 60)));
    assert_eq!(value(json!({"intValue": "-1"})), Some(Value::IntValue(-1)));
    assert_eq!(value(json!({"doubleValue": 1e300})), Some(Value::DoubleValue(1e300)));
    assert_eq!(value(json!({"doubleValue": 3})), Some(Value::DoubleValue(3.0)));
    assert_eq!(value(json!({"intValue": 1e300})), Some(Value::DoubleValue(1e300)), "as the JavaScript SDK writes it");
    assert_eq!(value(json!({"doubleValue": "0.5"})), Some(Value::DoubleValue(0.5)));
    assert_eq!(value(json!({"doubleValue": "NaN"})), Some(Value::StringValue("NaN".to_owned())));
    assert_eq!(value(json!({"bytesValue": "AP8Q"})), Some(Value::BytesValue(vec![0, 255, 16])));
    assert_eq!(value(json!({"futureValue": 1})), None);
    assert_eq!(value(json!({"stringValue": null})), None);
}

#[test]
fn one_malformed_span_does_not_cost_the_others() {
    let spans = json!([{"name": "good"}, {"kind": "SPAN_KIND_SERVER"}, {"traceId": "xyz"}, 7, {"name": "good"}]);
    let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).to_string();
    let kinds: Vec<_> =
        found(Encoding::Json, body.as_bytes()).unwrap().into_iter().map(|item| item.2.is_ok()).collect();
    assert_eq!(kinds, [true, false, false, false, true]);

    // A name that is no UTF-8, in protobuf.
    let mut body = request(vec![span(1, "??"), span(2, "good")]).encode_to_vec();
    let at = body.windows(2).position(|window| window == b"??").unwrap();
    body[at..at + 2].copy_from_slice(&[0xff, 0xfe]);
    let all = found(Encoding::Protobuf, &body).unwrap();
    assert_eq!(all[0].2, Err(Refusal::Malformed));
    assert_eq!(all[1].2, Ok(span(2, "good")));
}

#[test]
fn a_broken_frame_costs_the_whole_request_and_nothing_is_visited() {
    let good = json!({"scopeSpans": [{"spans": [{}]}]});
    for bad in [json!(1), json!({"scopeSpans": {}}), json!({"scopeSpans": [{"spans": 1}]})] {
        let body = json!({"resourceSpans": [good, bad]}).to_string();
        let mut visited = 0;
        assert!(decode(Encoding::Json, body.as_bytes(), 1000, &mut |_| visited += 1).is_err());
        assert_eq!(visited, 0);
    }
    let mut body = request(vec![span(1, "x")]).encode_to_vec();
    body.extend_from_slice(&[0x0a, 0x05, 0x12]);
    let mut visited = 0;
    assert!(decode(Encoding::Protobuf, &body, 1000, &mut |_| visited += 1).is_err());
    assert_eq!(visited, 0);
}

#[test]
fn order_within_messages_does_not_matter() {
    let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"x"}],"scope":{"name":"s"}}],"resource":{"droppedAttributesCount":3}}]}"#;
    let all = found(Encoding::Json, body).unwrap();
    assert_eq!(all[0].0.as_ref().unwrap().dropped_attributes_count, 3);
    assert_eq!(all[0].1.as_ref().unwrap().name, "s");

    // scope_spans { spans { name: "x" }, scope { name: "s" } }, then resource { dropped_attributes_count: 3 }.
    let body = b"\x0a\x11\x12\x0b\x12\x03\x2a\x01x\x0a\x04\x0a\x02ss\x0a\x02\x10\x03";
    let all = found(Encoding::Protobuf, body).unwrap();
    assert_eq!(all[0].0.as_ref().unwrap().dropped_attributes_count, 3);
    assert_eq!(all[0].1.as_ref().unwrap().name, "ss");
    assert_eq!(all[0].2.as_ref().unwrap().name, "x");
}

#[test]
fn nesting_has_an_end() {
    let deep = format!("{}{}", r#"{"arrayValue":{"values":["#.repeat(50_000), "]}}".repeat(50_000));
    let body = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"attributes":[{{"key":"k","value":{deep}}}]}}]}}]}}]}}"#
    );
    let all = found(Encoding::Json, body.as_bytes());
    assert!(all.is_err() || all.unwrap()[0].2.is_err());
}

fn any_span() -> impl Strategy<Value = Span> {
    let attribute = (
        "[a-z.]{0,8}",
        prop_oneof![
            any::<i64>().prop_map(Value::IntValue),
            any::<bool>().prop_map(Value::BoolValue),
            (-1e300..1e300f64).prop_map(Value::DoubleValue),
            ".{0,12}".prop_map(Value::StringValue),
            prop::collection::vec(any::<u8>(), 0..8).prop_map(Value::BytesValue),
        ],
    )
        .prop_map(|(key, value)| KeyValue {
            key,
            value: Some(opentelemetry_proto::tonic::common::v1::AnyValue { value: Some(value) }),
            ..KeyValue::default()
        });
    let ids = (any::<[u8; 16]>(), any::<[u8; 8]>());
    (ids, ".{0,20}", 0..6i32, any::<u64>(), prop::collection::vec(attribute, 0..5)).prop_map(
        |((trace_id, span_id), name, kind, time, attributes)| Span {
            trace_id: trace_id.to_vec(),
            span_id: span_id.to_vec(),
            name,
            kind,
            start_time_unix_nano: time,
            end_time_unix_nano: time,
            attributes,
            ..Span::default()
        },
    )
}

fn any_request() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let scope_spans =
        (prop::option::of("[a-z]{0,5}"), prop::collection::vec(any_span(), 0..4)).prop_map(|(name, spans)| {
            let scope = name.map(|name| InstrumentationScope { name, ..InstrumentationScope::default() });
            ScopeSpans { scope, spans, ..ScopeSpans::default() }
        });
    let resource = prop::option::of(
        any::<u32>().prop_map(|dropped_attributes_count| Resource { dropped_attributes_count, ..Resource::default() }),
    );
    let resource_spans = (resource, prop::collection::vec(scope_spans, 0..4))
        .prop_map(|(resource, scope_spans)| ResourceSpans { resource, scope_spans, ..ResourceSpans::default() });
    prop::collection::vec(resource_spans, 0..4).prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

fn expected(request: &ExportTraceServiceRequest) -> Found {
    let mut all = Vec::new();
    for resource_spans in &request.resource_spans {
        for scope_spans in &resource_spans.scope_spans {
            for span in &scope_spans.spans {
                all.push((resource_spans.resource.clone(), scope_spans.scope.clone(), Ok(span.clone())));
            }
        }
    }
    all
}

proptest! {
    #[test]
    fn both_encodings_give_what_was_sent(request in any_request()) {
        let all = expected(&request);
        prop_assert_eq!(found(Encoding::Protobuf, &request.encode_to_vec()).unwrap(), all.clone());
        prop_assert_eq!(found(Encoding::Json, &serde_json::to_vec(&request).unwrap()).unwrap(), all);
    }

    #[test]
    fn damaged_protobuf_is_refused_or_read_as_the_whole_decoder_would(
        request in any_request(), at in any::<prop::sample::Index>(), with in any::<u8>(),
    ) {
        let mut body = request.encode_to_vec();
        if !body.is_empty() {
            let at = at.index(body.len());
            body[at] ^= with;
        }
        if let (Ok(all), Ok(whole)) = (found(Encoding::Protobuf, &body), ExportTraceServiceRequest::decode(body.as_slice())) {
            let all: Vec<_> = all.into_iter().map(|item| item.2).collect();
            let whole: Vec<_> = expected(&whole).into_iter().map(|item| item.2).collect();
            prop_assert_eq!(all, whole);
        }
    }

    #[test]
    fn noise_is_survived(body in prop::collection::vec(any::<u8>(), 0..200), text in "[\\[\\]{}:,\"a-zS0-9]{0,80}") {
        let _ = found(Encoding::Protobuf, &body);
        let _ = found(Encoding::Json, &body);
        let _ = found(Encoding::Json, text.as_bytes());
    }
}
