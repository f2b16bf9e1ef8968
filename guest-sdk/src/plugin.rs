//! The trait that a plugin implements, and the glue that makes a component of it.

use crate::{Document, Host, PluginError, PluginInfo, Request};

/// A report plugin. Both functions are pure: what they return follows from the request and the host alone,
/// and the host calls them in a fresh instance each time.
pub trait ReportPlugin {
    /// Name, version and one line of description.
    fn describe() -> PluginInfo;

    /// Makes the document.
    ///
    /// # Errors
    /// [`PluginError`] where the config is wrong or a main input is missing. An input that is merely useful
    /// should be a sentence in the document and a finding instead.
    fn render(request: &Request, host: &dyn Host) -> Result<Document, PluginError>;
}

/// Makes a component of a [`ReportPlugin`]: exports it, stamps the API version into the artifact, and sends
/// the text of a panic to the host's log before the instance ends. Does nothing on targets other than
/// `wasm32`, so that the same crate runs under `cargo test`.
#[macro_export]
macro_rules! export_plugin {
    ($plugin:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Exported;

            impl $crate::bindings::exports::forensic::report::plugin::Guest for Exported {
                fn describe() -> $crate::PluginInfo {
                    $crate::glue::report_panics();
                    <$plugin as $crate::ReportPlugin>::describe()
                }
                fn render(request: $crate::Request) -> ::core::result::Result<$crate::Document, $crate::PluginError> {
                    $crate::glue::report_panics();
                    <$plugin as $crate::ReportPlugin>::render(&request, &$crate::glue::WasmHost)
                }
            }

    $crate::bindings::export_bindings!(Exported with_types_in $crate::bindings);

            /// Read by the host before anything is compiled, so that a mismatch is explained in words.
            #[used]
            #[unsafe(link_section = "forensic:api")]
            static API: [u8; $crate::API_VERSION.len()] = {
                let mut bytes = [0; $crate::API_VERSION.len()];
                let mut at = 0;
                while at < bytes.len() {
                    bytes[at] = $crate::API_VERSION.as_bytes()[at];
                    at += 1;
                }
                bytes
            };
        };
    };
}

/// Sends the message and place of a panic to the host's log; without it the host sees a bare `unreachable`.
#[cfg(target_arch = "wasm32")]
pub fn report_panics() {
    use crate::bindings::forensic::report::log::{Level, log};
    std::panic::set_hook(Box::new(|panic| log(Level::Error, &panic.to_string())));
}
