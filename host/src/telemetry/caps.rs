//! How much of a span is kept. Every cap leaves a mark and a count; none drops a span.
//!
//! The numbers are DESIGN's (`facts/otel.md` 6), lower than what the OpenTelemetry SDKs allow by default only where a
//! trace that people read needs it.

/// Text is cut here before secrets are looked for in it; the caps below are far smaller, so no half of a secret can be left
/// at this edge.
pub(super) const HARD_CUT: usize = 256 << 10;

/// Caps of a span and of the run's file. Sizes are bytes of UTF-8.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caps {
    /// Events, links and stack traces are kept (`TV_DEBUG_TELEMETRY=1`); else only their number is.
    pub(super) debug: bool,
    /// Attributes of a span.
    pub(super) attributes: usize,
    /// Events of a span, and links.
    pub(super) events: usize,
    /// Attributes of an event, of a link, of a resource, of a scope.
    pub(super) inner_attributes: usize,
    /// One text value.
    pub(super) value: usize,
    /// The name of a span, of an event, of a scope, of an attribute.
    pub(super) name: usize,
    /// The message of an error.
    pub(super) message: usize,
    /// A stack trace.
    pub(super) stack: usize,
    /// Items of an array or a map.
    pub(super) items: usize,
    /// Arrays and maps within each other.
    pub(super) depth: usize,
    /// The whole span, as it is written.
    pub(super) record: usize,
    /// The trace of the run: beyond it, spans that stages send keep no attributes of their own.
    pub(super) file: u64,
}

impl Caps {
    /// By `TV_DEBUG_TELEMETRY`.
    pub(super) fn new(debug: bool) -> Self {
        let plain = Self {
            debug,
            attributes: 256,
            events: 8,
            inner_attributes: 32,
            value: 4 << 10,
            name: 256,
            message: 1 << 10,
            stack: 16 << 10,
            items: 64,
            depth: 4,
            record: 64 << 10,
            file: 256 << 20,
        };
        if !debug {
            return plain;
        }
        Self {
            attributes: 512,
            events: 128,
            inner_attributes: 128,
            value: 32 << 10,
            items: 1 << 10,
            record: 512 << 10,
            file: 2 << 30,
            ..plain
        }
    }
}
