//! The clusters with what the files say of their members.

use forensic_guest_sdk::{Document, PluginError, Severity};
use forensic_plugin_kit::stats::Annualization;
use forensic_plugin_kit::{Frame, InputError, Inputs, Notes, inputs, json, order, returns, sections, words};
use serde_json::Value;

use crate::correlation::varies;

/// The members of each cluster: the main input.
const CLUSTERS: &str = "portfolio_clusters.json";
/// Description, sector and market of each symbol.
const META: &str = "portfolio_meta.json";
/// Antifragility score of each symbol.
const ANTIFRAGILITY: &str = "antifragility_stats.json";
/// Returns of each symbol.
const RETURNS: &str = "returns_matrix.csv";

/// All that the page is about.
pub(crate) struct Book {
    /// The file with the clusters, for findings.
    pub(crate) id: String,
    /// By id.
    pub(crate) clusters: Vec<Cluster>,
    /// Else why there are none.
    pub(crate) returns: Result<Returns, String>,
    pub(crate) notes: Notes,
}

/// Returns by symbol.
pub(crate) struct Returns {
    /// The file.
    pub(crate) id: String,
    pub(crate) frame: Frame,
    pub(crate) annualization: Annualization,
}

pub(crate) struct Cluster {
    pub(crate) id: String,
    pub(crate) members: Vec<Member>,
}

pub(crate) struct Member {
    pub(crate) symbol: String,
    pub(crate) description: Option<String>,
    pub(crate) sector: Option<String>,
    pub(crate) market: Option<String>,
    pub(crate) antifragility: Option<f64>,
    /// Whether its returns are there and vary: the one filter for everything that correlates.
    pub(crate) usable: bool,
}

impl Book {
    /// Returns of a member, if it is there.
    pub(crate) fn column(&self, member: &Member) -> Option<&[f64]> {
        self.returns.as_ref().ok()?.frame.column(&member.symbol)
    }

    /// The members of a cluster whose returns vary, with these.
    pub(crate) fn usable<'b>(&'b self, cluster: &'b Cluster) -> Vec<(&'b Member, &'b [f64])> {
        let members = cluster.members.iter().filter(|member| member.usable);
        members.filter_map(|member| Some((member, self.column(member)?))).collect()
    }
}

pub(crate) fn load(
    files: &Inputs<'_>,
    dir: &str,
    periods: Option<f64>,
    document: &mut Document,
) -> Result<Book, PluginError> {
    let id = inputs::join(dir, CLUSTERS);
    let missing = |sentence: String| PluginError::MissingData(format!("{sentence}."));
    let parsed = files.json(&id).map_err(|error| missing(error.explain()))?;
    let Value::Object(listed) = &parsed.value else {
        return Err(missing(format!("{id} must be an object of lists, not {}", json::kind(&parsed.value))));
    };
    let mut notes = Notes::new(&id);
    let facts = Facts::load(files, &inputs::join(dir, META), document);
    let scores = scores(files, &inputs::join(dir, ANTIFRAGILITY), document);
    let matrix = inputs::join(dir, RETURNS);
    let frame = files.frame(&matrix);
    let mut clusters: Vec<Cluster> = Vec::new();
    let mut seen: Vec<(String, usize)> = Vec::new();
    let by_id = |a: &(&String, &Value), b: &(&String, &Value)| words::id_order(a.0).cmp(&words::id_order(b.0));
    for (cluster, symbols) in order::sorted(listed.iter().collect(), by_id) {
        let Some(list) = symbols.as_array() else {
            notes.odd(cluster, "a list of symbols", symbols);
            continue;
        };
        let mut members: Vec<Member> = Vec::new();
        for symbol in list {
            let Some(symbol) = symbol.as_str().map(str::trim).filter(|symbol| !symbol.is_empty()) else {
                notes.odd(cluster, "a list of symbols", symbol);
                continue;
            };
            if members.iter().any(|member| member.symbol == symbol) {
                notes.warn("Members that a cluster lists twice", symbol);
                continue;
            }
            *order::entry(&mut seen, symbol.to_owned()) += 1;
            let column = frame.as_ref().ok().and_then(|frame| frame.column(symbol));
            let text = |key| facts.text(symbol, key);
            members.push(Member {
                symbol: symbol.to_owned(),
                description: text("description"),
                sector: text("sector"),
                market: text("market"),
                antifragility: scores.iter().find(|(name, _)| name == symbol).map(|(_, score)| *score),
                usable: column.is_some_and(varies),
            });
        }
        clusters.push(Cluster { id: cluster.clone(), members });
    }
    for (symbol, _) in seen.iter().filter(|(_, count)| *count > 1) {
        notes.warn("Members of two clusters", symbol);
    }
    let names = seen.iter().map(|(symbol, _)| symbol.as_str());
    let returns = match frame {
        Ok(frame) => {
            sections::problems(document, &matrix, &frame.problems);
            let held: Vec<&str> = names.filter(|symbol| frame.column(symbol).is_some()).collect();
            let annualization = match periods {
                Some(factor) => Annualization { factor, reason: "set in the config" },
                None => returns::annualization(&frame.times, held),
            };
            Ok(Returns { id: matrix, frame, annualization })
        }
        Err(error) => {
            let so = "correlations, volatilities and all that follows from returns are N/A";
            sections::input_trouble(document, Severity::Warning, &error, so);
            Err(error.explain())
        }
    };
    Ok(Book { id, clusters, returns, notes })
}

/// What is known of symbols: an object by symbol, or a list of records with `symbol`.
struct Facts(Value);

impl Facts {
    fn load(files: &Inputs<'_>, id: &str, document: &mut Document) -> Self {
        let read = files.json(id).and_then(|parsed| match parsed.value {
            value @ (Value::Object(_) | Value::Array(_)) => Ok(value),
            other => Err(files.unusable(id, format!("must be an object or a list, not {}", json::kind(&other)))),
        });
        let so = "descriptions, sectors and markets are N/A";
        Self(or_trouble(read, document, so).unwrap_or_default())
    }

    fn text(&self, symbol: &str, key: &str) -> Option<String> {
        let record = match &self.0 {
            Value::Array(records) => records.iter().find(|record| json::text(record, "symbol") == Some(symbol)),
            by_symbol => by_symbol.get(symbol),
        };
        let text = json::text(record?, key)?;
        (text != "N/A").then(|| text.to_owned())
    }
}

/// Antifragility score by symbol.
fn scores(files: &Inputs<'_>, id: &str, document: &mut Document) -> Vec<(String, f64)> {
    let read = files.json(id).and_then(|parsed| match parsed.value {
        Value::Array(records) => Ok(records),
        other => Err(files.unusable(id, format!("must be a list, not {}", json::kind(&other)))),
    });
    let score =
        |record: &Value| Some((json::text(record, "Symbol")?.to_owned(), json::number(record, "Antifragility_Score")?));
    or_trouble(read, document, "antifragility is N/A").unwrap_or_default().iter().filter_map(score).collect()
}

fn or_trouble<T>(read: Result<T, InputError>, document: &mut Document, so: &str) -> Option<T> {
    read.map_err(|error| sections::input_trouble(document, Severity::Warning, &error, so)).ok()
}
