//! The run that this one is a stage of: known from the environment that every attempt gets, so that a stage which calls
//! this program by itself is found as well as one that the pipeline declares as nested.

use opentelemetry::KeyValue;
use serde::{Deserialize, Serialize};

use crate::conventions::{attr, env};
use crate::directory::RunId;

/// An attempt of another run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// The run.
    pub run_id: String,
    /// The stage.
    pub stage: String,
    /// Trace of that run, 32 hexadecimal digits.
    pub trace_id: String,
    /// Span of the attempt, 16 hexadecimal digits.
    pub span_id: String,
}

impl Parent {
    /// From the variables of an attempt; `None` where they are not there or not what the host writes.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let run_id = RunId::parse(&variable(env::RUN_ID)?).ok()?;
        let stage = variable(env::STAGE_ID).filter(|stage| RunId::parse(stage).is_ok())?;
        let traceparent = variable(env::TRACEPARENT)?;
        let mut parts = traceparent.split('-');
        let hex = |text: &str, length: usize| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let ("00", trace_id, span_id) = (parts.next()?, parts.next()?, parts.next()?) else { return None };
        (hex(trace_id, 32) && hex(span_id, 16)).then(|| Self {
            run_id: run_id.as_str().to_owned(),
            stage,
            trace_id: trace_id.to_owned(),
            span_id: span_id.to_owned(),
        })
    }

    /// What the run's span says of it.
    pub fn attributes(&self) -> [KeyValue; 4] {
        [
            KeyValue::new(attr::PARENT_RUN, self.run_id.clone()),
            KeyValue::new(attr::PARENT_STAGE, self.stage.clone()),
            KeyValue::new(attr::PARENT_TRACE, self.trace_id.clone()),
            KeyValue::new(attr::PARENT_SPAN, self.span_id.clone()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempts_environment_names_its_run() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        let of = |run: &str, stage: &str, context: &str| {
            Parent::from_environment(|name| match name {
                "FORENSIC_RUN_ID" => Some(run.to_owned()),
                "FORENSIC_STAGE_ID" => Some(stage.to_owned()),
                "TRACEPARENT" => Some(context.to_owned()),
                _ => None,
            })
        };
        let good = of("r1", "sleeve.a", &format!("00-{trace}-b7ad6b7169203331-01")).unwrap();
        assert_eq!((good.run_id.as_str(), good.stage.as_str(), good.trace_id.as_str()), ("r1", "sleeve.a", trace));
        assert_eq!(good.span_id, "b7ad6b7169203331");
        for (run, stage, context) in [
            ("../r1", "a", format!("00-{trace}-b7ad6b7169203331-01")),
            ("r1", "a b", format!("00-{trace}-b7ad6b7169203331-01")),
            ("r1", "a", format!("01-{trace}-b7ad6b7169203331-01")),
            ("r1", "a", format!("00-{trace}-b7ad6b716920333-01")),
            ("r1", "a", "x".to_owned()),
        ] {
            assert_eq!(of(run, stage, &context), None, "{run} {stage} {context}");
        }
        assert_eq!(Parent::from_environment(|_| None), None);
    }
}
