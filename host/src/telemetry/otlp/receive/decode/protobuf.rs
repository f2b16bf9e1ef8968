//! Finds the spans in a protobuf request without decoding them. Tags are those of opentelemetry-proto's
//! `trace_service.proto`, `trace.proto`, `metrics.proto` and `logs.proto` (1.x, stable); the wire format is protobuf's
//! (developer guide, "Encoding"). Groups, long gone from the language, are refused.

use super::{Raw, Undecodable};

const TRACES: &str = "ExportTraceServiceRequest";
const METRICS: &str = "ExportMetricsServiceRequest";
const LOGS: &str = "ExportLogsServiceRequest";

/// `resource_spans`, `scope_spans.spans` and so on: the same numbers for all signals.
const RESOURCE_ITEMS: u32 = 1;
const RESOURCE: u32 = 1;
const SCOPE_ITEMS: u32 = 2;
const SCOPE: u32 = 1;
const ITEMS: u32 = 2;

/// Calls `found` for each span, in order.
pub(super) fn walk<'a>(body: &'a [u8], found: &mut dyn FnMut(Raw<'a>)) -> Result<(), Undecodable> {
    scopes(TRACES, body, &mut |resource, scope_spans| {
        // A scope may stand after its spans.
        let scope = last(TRACES, scope_spans, SCOPE)?;
        each(TRACES, scope_spans, &[ITEMS], &mut |span| {
            found(Raw { resource, scope, span });
            Ok(())
        })
    })
}

pub(super) fn count_log_records(body: &[u8]) -> Result<u64, Undecodable> {
    let mut count = 0;
    scopes(LOGS, body, &mut |_, scope_logs| {
        each(LOGS, scope_logs, &[ITEMS], &mut |_| {
            count += 1;
            Ok(())
        })
    })?;
    Ok(count)
}

pub(super) fn count_metric_points(body: &[u8]) -> Result<u64, Undecodable> {
    // gauge, sum, histogram, exponential_histogram, summary; in each of them `data_points` is 1.
    const DATA: [u32; 5] = [5, 7, 9, 10, 11];
    const POINTS: u32 = 1;
    let mut count = 0;
    scopes(METRICS, body, &mut |_, scope_metrics| {
        each(METRICS, scope_metrics, &[ITEMS], &mut |metric| {
            each(METRICS, metric, &DATA, &mut |data| {
                each(METRICS, data, &[POINTS], &mut |_| {
                    count += 1;
                    Ok(())
                })
            })
        })
    })?;
    Ok(count)
}

type Visit<'v, T> = &'v mut dyn FnMut(T) -> Result<(), Undecodable>;

/// Calls `visit` with the resource and the message that holds scope and items.
fn scopes<'a>(
    message: &'static str,
    body: &'a [u8],
    visit: &mut dyn FnMut(Option<&'a [u8]>, &'a [u8]) -> Result<(), Undecodable>,
) -> Result<(), Undecodable> {
    each(message, body, &[RESOURCE_ITEMS], &mut |resource_items| {
        let resource = last(message, resource_items, RESOURCE)?;
        each(message, resource_items, &[SCOPE_ITEMS], &mut |scope_items| visit(resource, scope_items))
    })
}

fn each<'a>(
    message: &'static str,
    bytes: &'a [u8],
    tags: &[u32],
    visit: Visit<'_, &'a [u8]>,
) -> Result<(), Undecodable> {
    let mut fields = Fields { message, whole: bytes, rest: bytes };
    while let Some((tag, content)) = fields.next()? {
        match content {
            Some(content) if tags.contains(&tag) => visit(content)?,
            None if tags.contains(&tag) => return Err(fields.broken("a number where a message belongs")),
            _ => {}
        }
    }
    Ok(())
}

/// Of a field that may be there once, the last one counts.
fn last<'a>(message: &'static str, bytes: &'a [u8], tag: u32) -> Result<Option<&'a [u8]>, Undecodable> {
    let mut found = None;
    each(message, bytes, &[tag], &mut |content| {
        found = Some(content);
        Ok(())
    })?;
    Ok(found)
}

/// Number of a field, with its content where it is bytes, text or a message.
type Field<'a> = (u32, Option<&'a [u8]>);

struct Fields<'a> {
    message: &'static str,
    whole: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn next(&mut self) -> Result<Option<Field<'a>>, Undecodable> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let tag = match u32::try_from(key >> 3) {
            Ok(tag @ 1..=0x1fff_ffff) => tag,
            _ => return Err(self.broken("a field number that can't be")),
        };
        let content = match key & 7 {
            0 => {
                self.varint()?;
                None
            }
            1 => {
                self.take(8)?;
                None
            }
            2 => {
                let len = self.varint()?;
                Some(self.take(usize::try_from(len).unwrap_or(usize::MAX))?)
            }
            5 => {
                self.take(4)?;
                None
            }
            _ => return Err(self.broken("an unknown wire type")),
        };
        Ok(Some((tag, content)))
    }

    fn varint(&mut self) -> Result<u64, Undecodable> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let Some((&byte, rest)) = self.rest.split_first() else {
                return Err(self.broken("a number that is cut off"));
            };
            self.rest = rest;
            // The tenth byte has room for one bit.
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.broken("a number that is too long"))
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Undecodable> {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else {
            return Err(self.broken("a field that is cut off"));
        };
        self.rest = rest;
        Ok(taken)
    }

    fn broken(&self, problem: &'static str) -> Undecodable {
        Undecodable::Protobuf { message: self.message, problem, at: self.whole.len() - self.rest.len() }
    }
}
