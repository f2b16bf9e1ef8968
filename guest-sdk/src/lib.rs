//! Write report plugins for forensic-host in plain Rust.
//!
//! A plugin is a type that implements [`ReportPlugin`]: it reads the run's trace and the artifacts it was
//! granted through [`Host`], and returns a [`Document`] of typed blocks and findings. The host draws the
//! document; a plugin has no files, no network, no clock and no markup of its own.
//!
//! ```
//! use forensic_guest_sdk::{Document, Host, PluginError, PluginInfo, ReportPlugin, Request};
//!
//! struct Slowest;
//!
//! impl ReportPlugin for Slowest {
//!     fn describe() -> PluginInfo {
//!         PluginInfo::new("example.slowest", "0.1.0", "The slowest stage")
//!     }
//!
//!     fn render(_request: &Request, host: &dyn Host) -> Result<Document, PluginError> {
//!         let mut document = Document::new("The slowest stage");
//!         match host.all_stages().into_iter().max_by_key(|stage| stage.duration_ns) {
//!             Some(stage) => document.paragraph(format!("{} took {} ns.", stage.id, stage.duration_ns)),
//!             None => document.paragraph("No stage ran."),
//!         };
//!         Ok(document)
//!     }
//! }
//!
//! forensic_guest_sdk::export_plugin!(Slowest);
//!
//! // The same code, tested without WebAssembly:
//! let host = forensic_guest_sdk::testing::MockHost::new();
//! let document = Slowest::render(&Request::new("slowest"), &host).unwrap();
//! assert_eq!(document.blocks.len(), 1);
//! ```
//!
//! The plain types come from the WIT package `forensic:report` and are the same on every target.

mod config;
mod document;
mod host;
mod plugin;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

/// What `wit-bindgen` makes of the WIT package. Use the re-exports of the crate's root instead.
#[doc(hidden)]
#[allow(missing_docs, clippy::all, reason = "generated code")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../wit",
        world: "report-plugin",
        pub_export_macro: true,
        export_macro_name: "export_bindings",
        default_bindings_module: "forensic_guest_sdk::bindings",
        additional_derives: [Clone, PartialEq],
        generate_unused_types: true,
    });
}

pub use bindings::forensic::report::artifacts::{Artifact, ArtifactError};
pub use bindings::forensic::report::log::Level;
pub use bindings::forensic::report::trace::{
    HealthMetrics, RunSummary, Span, SpanPage, SpanQuery, SpanTimes, StageSummary, TraceError,
};
pub use bindings::forensic::report::types::{
    Attribute, AttributeValue, Block, Callout, Cell, Chart, ChartKind, CodeBlock, Column, ColumnFormat, Document,
    Finding, Heading, HealthDetail, KeyValue, Link, LinkTarget, PluginError, PluginInfo, Request, Series, Severity,
    StatusCell, Table,
};
pub use config::Config;
pub use host::{Host, OpenSpan};
pub use plugin::ReportPlugin;

/// Version of the report API that this SDK speaks: that of the WIT package.
pub const API_VERSION: &str = "0.1.0";

#[doc(hidden)]
pub mod glue {
    //! What [`export_plugin!`](crate::export_plugin) expands to; not for direct use.
    #[cfg(target_arch = "wasm32")]
    pub use crate::host::wasm::WasmHost;
    #[cfg(target_arch = "wasm32")]
    pub use crate::plugin::report_panics;
}
