//! Perfetto's native protobuf: one track a lane, a begin and an end of each span, and its attributes as annotations.
//! Field numbers from `protos/perfetto/trace/*.proto`. Times are Unix nanoseconds, exact; packets of spans are in
//! order of time, so that readers that do not sort get along, too.

use super::lanes::{self, Lanes};
use super::{MAX_DEPTH, parts};
use crate::trace::span::{Span, Value};
use crate::trace::{Run, Trace};
use prost::Message;
use serde_json::Value as Json;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Write};

/// `Trace`: a file is a sequence of these one-packet messages, which add up to one.
#[derive(Clone, PartialEq, Message)]
struct File {
    #[prost(message, optional, tag = "1")]
    packet: Option<Packet>,
}

#[derive(Clone, PartialEq, Message)]
struct Packet {
    #[prost(uint64, optional, tag = "8")]
    timestamp: Option<u64>,
    #[prost(uint32, optional, tag = "10")]
    trusted_packet_sequence_id: Option<u32>,
    #[prost(message, optional, tag = "11")]
    track_event: Option<TrackEvent>,
    #[prost(uint32, optional, tag = "13")]
    sequence_flags: Option<u32>,
    #[prost(message, optional, tag = "60")]
    track_descriptor: Option<TrackDescriptor>,
}

#[derive(Clone, PartialEq, Message)]
struct TrackDescriptor {
    #[prost(uint64, optional, tag = "1")]
    uuid: Option<u64>,
    #[prost(string, optional, tag = "2")]
    name: Option<String>,
    #[prost(uint64, optional, tag = "5")]
    parent_uuid: Option<u64>,
    #[prost(int32, optional, tag = "11")]
    child_ordering: Option<i32>,
    #[prost(int32, optional, tag = "12")]
    sibling_order_rank: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
struct TrackEvent {
    #[prost(message, repeated, tag = "4")]
    debug_annotations: Vec<Annotation>,
    #[prost(int32, optional, tag = "9")]
    kind: Option<i32>,
    #[prost(uint64, optional, tag = "11")]
    track_uuid: Option<u64>,
    #[prost(string, repeated, tag = "22")]
    categories: Vec<String>,
    #[prost(string, optional, tag = "23")]
    name: Option<String>,
}

/// `DebugAnnotation`.
#[derive(Clone, PartialEq, Message)]
struct Annotation {
    #[prost(bool, optional, tag = "2")]
    bool_value: Option<bool>,
    #[prost(int64, optional, tag = "4")]
    int_value: Option<i64>,
    #[prost(double, optional, tag = "5")]
    double_value: Option<f64>,
    #[prost(string, optional, tag = "6")]
    string_value: Option<String>,
    #[prost(string, optional, tag = "10")]
    name: Option<String>,
    #[prost(message, repeated, tag = "11")]
    dict_entries: Vec<Annotation>,
    #[prost(message, repeated, tag = "12")]
    array_values: Vec<Annotation>,
}

const BEGIN: i32 = 1;
const END: i32 = 2;
const INSTANT: i32 = 3;
/// The one sequence of the file; not 0.
const SEQUENCE: u32 = 1;
/// `SEQ_INCREMENTAL_STATE_CLEARED`: nothing before this file matters.
const CLEARED: u32 = 1;
/// `ChildTracksOrdering.EXPLICIT`: lanes in their own order, not by name.
const EXPLICIT: i32 = 3;
/// Track above all lanes; lane n is this + 1 + n.
const ROOT: u64 = 0x666f_7265_0000_0000;

/// Writes the file.
pub(super) fn write(trace: &Trace, out: &mut impl Write) -> io::Result<()> {
    let lanes = Lanes::new(trace);
    let mut writer = Writer { out, buffer: Vec::new(), first: true };
    writer.track(TrackDescriptor {
        uuid: Some(ROOT),
        name: Some(super::title(&Run::of(trace))),
        child_ordering: Some(EXPLICIT),
        ..TrackDescriptor::default()
    })?;
    for lane in 0..lanes.count() {
        writer.track(TrackDescriptor {
            uuid: Some(uuid(lane)),
            name: Some(lanes::name(lane)),
            parent_uuid: Some(ROOT),
            sibling_order_rank: i32::try_from(lane).ok(),
            ..TrackDescriptor::default()
        })?;
    }
    // Ends to come: of those at one time the last begun first, for it is the innermost.
    let mut open: BinaryHeap<(Reverse<u64>, usize, u32)> = BinaryHeap::new();
    for (begun, placed) in lanes.placed(trace).enumerate() {
        let span = placed.span;
        while let Some(&(Reverse(end), _, lane)) = open.peek()
            && end <= span.start_time()
        {
            open.pop();
            writer.event(end, lane, END, TrackEvent::default())?;
        }
        let event = TrackEvent {
            name: Some(span.name().to_owned()),
            categories: vec![super::category(span).to_owned()],
            debug_annotations: annotations(span),
            ..TrackEvent::default()
        };
        writer.event(span.start_time(), placed.lane, BEGIN, event)?;
        for event in parts::events(span).0 {
            let message = TrackEvent {
                name: Some(event.name),
                categories: vec!["event".to_owned()],
                debug_annotations: entries(event.attributes, MAX_DEPTH),
                ..TrackEvent::default()
            };
            writer.event(event.time, placed.lane, INSTANT, message)?;
        }
        open.push((Reverse(span.end_time()), begun, placed.lane));
    }
    while let Some((Reverse(end), _, lane)) = open.pop() {
        writer.event(end, lane, END, TrackEvent::default())?;
    }
    Ok(())
}

fn uuid(lane: u32) -> u64 {
    ROOT + 1 + u64::from(lane)
}

struct Writer<'a, W> {
    out: &'a mut W,
    buffer: Vec<u8>,
    first: bool,
}

impl<W: Write> Writer<'_, W> {
    fn track(&mut self, track: TrackDescriptor) -> io::Result<()> {
        self.packet(Packet { track_descriptor: Some(track), ..Packet::default() })
    }

    fn event(&mut self, time: u64, lane: u32, kind: i32, event: TrackEvent) -> io::Result<()> {
        let event = TrackEvent { kind: Some(kind), track_uuid: Some(uuid(lane)), ..event };
        self.packet(Packet { timestamp: Some(time), track_event: Some(event), ..Packet::default() })
    }

    fn packet(&mut self, mut packet: Packet) -> io::Result<()> {
        packet.trusted_packet_sequence_id = Some(SEQUENCE);
        packet.sequence_flags = std::mem::take(&mut self.first).then_some(CLEARED);
        self.buffer.clear();
        File { packet: Some(packet) }.encode(&mut self.buffer)?;
        self.out.write_all(&self.buffer)
    }
}

fn annotations(span: Span<'_>) -> Vec<Annotation> {
    let mut all = vec![text("span_id", span.span_id_hex()), text("status", span.status().as_str().to_owned())];
    all.extend(span.parent_span_id_hex().map(|parent| text("parent_span_id", parent)));
    all.extend(span.status_message().map(|message| text("status_message", message.to_owned())));
    all.extend(span.attributes().map(|(key, value)| {
        let mut annotation = match value {
            Value::Int(value) => Annotation { int_value: Some(value), ..Annotation::default() },
            Value::Text(text) => Annotation { string_value: Some(text.to_owned()), ..Annotation::default() },
            other => annotation(other.to_json(), MAX_DEPTH),
        };
        annotation.name = Some(key.to_owned());
        annotation
    }));
    all
}

fn text(name: &str, text: String) -> Annotation {
    Annotation { name: Some(name.to_owned()), string_value: Some(text), ..Annotation::default() }
}

fn entries(map: serde_json::Map<String, Json>, depth: usize) -> Vec<Annotation> {
    map.into_iter().map(|(key, value)| Annotation { name: Some(key), ..annotation(value, depth) }).collect()
}

/// A JSON value; below `depth` as its text. There is no null: it becomes its text, too, and so does what is empty.
fn annotation(value: Json, depth: usize) -> Annotation {
    let mut annotation = Annotation::default();
    match value {
        Json::Bool(value) => annotation.bool_value = Some(value),
        Json::String(text) => annotation.string_value = Some(text),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(value), _) => annotation.int_value = Some(value),
            (None, Some(value)) if number.is_f64() => annotation.double_value = Some(value),
            _ => annotation.string_value = Some(number.to_string()),
        },
        Json::Array(items) if depth > 0 && !items.is_empty() => {
            annotation.array_values = items.into_iter().map(|item| self::annotation(item, depth - 1)).collect();
        }
        Json::Object(map) if depth > 0 && !map.is_empty() => annotation.dict_entries = entries(map, depth - 1),
        other => annotation.string_value = Some(other.to_string()),
    }
    annotation
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// `Trace` as a reader sees it.
    #[derive(Clone, PartialEq, Message)]
    struct Whole {
        #[prost(message, repeated, tag = "1")]
        packet: Vec<Packet>,
    }

    #[test]
    fn slices_nest_and_last_as_long_as_their_spans() {
        for text in [include_str!("../testdata/worked_example.json"), include_str!("rich.json")] {
            let trace = Trace::from_slice(text.as_bytes()).unwrap();
            let mut file = Vec::new();
            write(&trace, &mut file).unwrap();
            let whole = Whole::decode(&file[..]).unwrap();
            assert_eq!(whole.packet[0].sequence_flags, Some(CLEARED));
            let mut open: HashMap<u64, Vec<(String, u64)>> = HashMap::new();
            let (mut found, mut last) = (Vec::new(), 0);
            for packet in whole.packet.into_iter().filter(|packet| packet.track_event.is_some()) {
                let (event, time) = (packet.track_event.unwrap(), packet.timestamp.unwrap());
                let stack = open.entry(event.track_uuid.unwrap()).or_default();
                match event.kind.unwrap() {
                    INSTANT => continue,
                    BEGIN => stack.push((event.name.unwrap(), time)),
                    _ => {
                        let (name, start) = stack.pop().unwrap();
                        found.push((start, time, name));
                    }
                }
                assert!(last <= time);
                last = time;
            }
            let mut wanted: Vec<_> =
                trace.spans().map(|span| (span.start_time(), span.end_time(), span.name().to_owned())).collect();
            wanted.sort();
            found.sort();
            assert_eq!(found, wanted);
        }
    }
}
