//! Which of the WIT package's worlds a component fits.

use std::fmt;

use crate::plugin::Inspection;

/// The smallest world that has all that a component imports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum World {
    /// It can read the trace and log, and nothing else.
    TraceOnly,
    /// It uses the report API and nothing else.
    Report,
    /// It wants more: these packages.
    More(Vec<String>),
}

impl World {
    /// The world of a component.
    pub fn of(inspection: &Inspection) -> Self {
        let package = |import: &String| import.split(['/', '@']).next().unwrap_or_default().to_owned();
        let mut more: Vec<String> =
            inspection.imports.iter().map(package).filter(|package| package != "forensic:report").collect();
        more.sort();
        more.dedup();
        if !more.is_empty() {
            return Self::More(more);
        }
        let small = ["types", "trace", "log"];
        let fits = |import: &String| interface(import).is_some_and(|name| small.contains(&name));
        if inspection.imports.iter().all(fits) { Self::TraceOnly } else { Self::Report }
    }

    /// A word for programs: `trace-only-plugin`, `report-plugin`, `more`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::TraceOnly => "trace-only-plugin",
            Self::Report => "report-plugin",
            Self::More(_) => "more",
        }
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::More(packages) => write!(f, "report-plugin and more: {}", packages.join(", ")),
            fits => f.write_str(fits.word()),
        }
    }
}

/// The interface of the report API that an import names: `trace` of `forensic:report/trace@0.1.0`.
pub(super) fn interface(import: &str) -> Option<&str> {
    import.strip_prefix("forensic:report/")?.split('@').next()
}
