//! Finds the spans in a JSON request and decodes them one by one. `opentelemetry-proto` reads the messages; where it is
//! stricter than protobuf's JSON mapping ([`message`]) its input is brought into shape. Unknown keys are ignored
//! everywhere, as OTLP wants it.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, DeserializeSeed, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Number, Value};

use super::{Raw, Undecodable};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    #[serde(borrow, default)]
    resource_spans: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'a> {
    #[serde(borrow, default)]
    resource: Option<&'a RawValue>,
    #[serde(borrow, default)]
    scope_spans: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ScopeSpans<'a> {
    #[serde(borrow, default)]
    scope: Option<&'a RawValue>,
    #[serde(borrow, default)]
    spans: Option<&'a RawValue>,
}

/// Calls `found` for each span, in order.
pub(super) fn walk<'a>(body: &'a [u8], found: &mut dyn FnMut(Raw<'a>)) -> Result<(), Undecodable> {
    walk_raw(body, found).map_err(broken("ExportTraceServiceRequest"))
}

fn walk_raw<'a>(body: &'a [u8], found: &mut dyn FnMut(Raw<'a>)) -> serde_json::Result<()> {
    let request: Request<'a> = serde_json::from_slice(body)?;
    each(request.resource_spans, &mut |resource_spans| {
        let ResourceSpans { resource, scope_spans } = serde_json::from_str(resource_spans.get())?;
        each(scope_spans, &mut |scope_spans| {
            let ScopeSpans { scope, spans } = serde_json::from_str(scope_spans.get())?;
            each(spans, &mut |span| {
                found(Raw { resource: resource.map(bytes), scope: scope.map(bytes), span: bytes(span) });
                Ok(())
            })
        })
    })
}

fn bytes(raw: &RawValue) -> &[u8] {
    raw.get().as_bytes()
}

fn broken(message: &'static str) -> impl Fn(serde_json::Error) -> Undecodable {
    move |source| Undecodable::Json { message, source }
}

/// One message; `None` if it can't be read even with allowance for what other writers do.
pub(super) fn message<T: DeserializeOwned>(text: &[u8]) -> Option<T> {
    serde_json::from_slice(text).ok().or_else(|| {
        let mut value: Value = serde_json::from_slice(text).ok()?;
        ease(&mut value);
        serde_json::from_value(value).ok()
    })
}

/// Protobuf's JSON mapping allows `null` for any default and numbers as text. `"doubleValue": "NaN"`, for which JSON has no
/// number, becomes text; `"intValue": 1e300`, which the JavaScript SDK writes for any float without a fraction, becomes a
/// float. Depth is that of the parser, at most 128.
fn ease(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(ease),
        Value::Object(entries) => {
            entries.retain(|_, value| !value.is_null());
            let number = match (entries.get("intValue"), entries.get("doubleValue")) {
                (Some(int), _) if !is_i64(int) => entries.remove("intValue"),
                (_, Some(Value::String(_))) => entries.remove("doubleValue"),
                _ => None,
            };
            if let Some(number) = number {
                match as_float(&number) {
                    Some(float) => entries.insert("doubleValue".to_owned(), Value::Number(float)),
                    None => entries.insert("stringValue".to_owned(), number),
                };
            }
            entries.values_mut().for_each(ease);
        }
        _ => {}
    }
}

fn is_i64(value: &Value) -> bool {
    value.as_i64().is_some() || value.as_str().is_some_and(|text| text.parse::<i64>().is_ok())
}

fn as_float(value: &Value) -> Option<Number> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).and_then(Number::from_f64)
}

/// Calls `visit` for each element of an array, without collecting them; nothing is an empty array.
fn each<'a>(
    array: Option<&'a RawValue>,
    visit: &mut dyn FnMut(&'a RawValue) -> serde_json::Result<()>,
) -> serde_json::Result<()> {
    struct Each<'v, 'a>(&'v mut dyn FnMut(&'a RawValue) -> serde_json::Result<()>);

    impl<'a> DeserializeSeed<'a> for Each<'_, 'a> {
        type Value = ();
        fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
            deserializer.deserialize_seq(self)
        }
    }

    impl<'a> Visitor<'a> for Each<'_, 'a> {
        type Value = ();
        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an array")
        }
        fn visit_seq<A: SeqAccess<'a>>(self, mut items: A) -> Result<(), A::Error> {
            while let Some(item) = items.next_element()? {
                (self.0)(item).map_err(serde::de::Error::custom)?;
            }
            Ok(())
        }
    }

    let Some(array) = array else { return Ok(()) };
    Each(visit).deserialize(&mut serde_json::Deserializer::from_str(array.get()))
}

/// Something that holds items which are counted and not kept.
trait Counted {
    fn count(&self) -> u64;
}

impl Counted for IgnoredAny {
    fn count(&self) -> u64 {
        1
    }
}

/// An array of which only the number of items within is kept.
struct Sum<T>(u64, PhantomData<T>);

impl<T> Default for Sum<T> {
    fn default() -> Self {
        Self(0, PhantomData)
    }
}

impl<'de, T: Counted + Deserialize<'de>> Deserialize<'de> for Sum<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T>(PhantomData<T>);

        impl<'de, T: Counted + Deserialize<'de>> Visitor<'de> for Items<T> {
            type Value = u64;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an array")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<u64, A::Error> {
                let mut sum = 0;
                while let Some(item) = items.next_element::<T>()? {
                    sum += item.count();
                }
                Ok(sum)
            }
        }

        deserializer.deserialize_seq(Items(PhantomData::<T>)).map(|sum| Self(sum, PhantomData))
    }
}

/// Declares messages that are nothing but arrays to count through.
macro_rules! counted {
    ($($name:ident { $($field:ident: $item:ty),+ })+) => {$(
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct $name { $(#[serde(default)] $field: Sum<$item>),+ }

        impl Counted for $name {
            fn count(&self) -> u64 { 0 $(+ self.$field.0)+ }
        }
    )+};
}

counted! {
    Logs { resource_logs: ResourceLogs }
    ResourceLogs { scope_logs: ScopeLogs }
    ScopeLogs { log_records: IgnoredAny }
    Metrics { resource_metrics: ResourceMetrics }
    ResourceMetrics { scope_metrics: ScopeMetrics }
    ScopeMetrics { metrics: Metric }
    Data { data_points: IgnoredAny }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metric {
    gauge: Option<Data>,
    sum: Option<Data>,
    histogram: Option<Data>,
    exponential_histogram: Option<Data>,
    summary: Option<Data>,
}

impl Counted for Metric {
    fn count(&self) -> u64 {
        let kinds = [&self.gauge, &self.sum, &self.histogram, &self.exponential_histogram, &self.summary];
        kinds.into_iter().flatten().map(Counted::count).sum()
    }
}

pub(super) fn count_log_records(body: &[u8]) -> Result<u64, Undecodable> {
    serde_json::from_slice(body).map(|logs: Logs| logs.count()).map_err(broken("ExportLogsServiceRequest"))
}

pub(super) fn count_metric_points(body: &[u8]) -> Result<u64, Undecodable> {
    serde_json::from_slice(body).map(|metrics: Metrics| metrics.count()).map_err(broken("ExportMetricsServiceRequest"))
}
