//! What an attempt is told by its environment, wherever it runs.

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::Path;

use crate::conventions::env;
use crate::directory::DATA;
use crate::evidence::{KEY_PEM_VARIABLE, KEY_VARIABLE};
use crate::telemetry::otlp::environment::{AttemptContext, variables};

/// Changes to an inherited environment: a value, or `None` for what is not inherited. The last of a name holds.
pub(crate) type Changes<'a> = Vec<(Cow<'a, str>, Option<OsString>)>;

/// Who an attempt is.
#[derive(Clone, Copy)]
pub(crate) struct AttemptFacts<'a> {
    pub(crate) run_id: &'a str,
    /// The run directory, absolute.
    pub(crate) directory: &'a Path,
    pub(crate) stage: &'a str,
    /// From 1.
    pub(crate) attempt: u32,
    pub(crate) traceparent: &'a str,
    /// Port and token; `None`: it has no place to send spans to.
    pub(crate) receiver: Option<(u16, &'a str)>,
}

impl AttemptFacts<'_> {
    /// Adds them to what the pipeline sets. `inherited`: what the attempt inherits; `own`: what the pipeline sets for it.
    pub(crate) fn tell(
        &self,
        environment: &mut Changes<'_>,
        inherited: &dyn Fn(&str) -> Option<OsString>,
        own: &dyn Fn(&str) -> Option<OsString>,
    ) {
        if let Some((port, token)) = self.receiver {
            let attempt = AttemptContext {
                port,
                token,
                traceparent: self.traceparent,
                tracestate: "",
                run_id: self.run_id,
                stage: self.stage,
            };
            environment.extend(variables(inherited, own, &attempt));
        }
        // Whoever can read the key could sign what it likes.
        environment.extend([KEY_VARIABLE, KEY_PEM_VARIABLE].map(|name| (name.into(), None)));
        // Last, so that a stage can't be told that it is another one.
        let facts: [(&str, OsString); 6] = [
            (env::RUN_ID, self.run_id.into()),
            (env::RUN_DIR, self.directory.into()),
            (env::DATA_DIR, self.directory.join(DATA).into()),
            (env::STAGE_ID, self.stage.into()),
            (env::ATTEMPT, self.attempt.to_string().into()),
            (env::TRACEPARENT, self.traceparent.into()),
        ];
        environment.extend(facts.into_iter().map(|(name, value)| (name.into(), Some(value))));
    }
}
