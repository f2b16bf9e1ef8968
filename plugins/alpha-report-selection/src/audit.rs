//! The audit in one shape. The selection stands below `selection`, or at the root of an older file.

use forensic_plugin_kit::{Notes, json, order, words};
use serde_json::{Map, Value};

/// What the page reads of the audit.
pub(crate) struct Audit<'v> {
    /// The whole file.
    pub(crate) root: &'v Value,
    /// Where the selection stands in it, for messages: `selection`, or empty.
    pub(crate) path: &'static str,
    pub(crate) selection: Selection<'v>,
    /// Earlier ones or other modes, in file order.
    pub(crate) history: Vec<(&'v str, Selection<'v>)>,
}

/// One selection.
pub(crate) struct Selection<'v> {
    pub(crate) object: &'v Value,
    /// `None` where neither clusters nor winners are listed.
    pub(crate) winners: Option<Vec<Winner<'v>>>,
    /// By id.
    pub(crate) clusters: Vec<Cluster<'v>>,
    /// Alpha score by symbol; `None` where there are none.
    pub(crate) scores: Option<&'v Map<String, Value>>,
}

/// A symbol that was taken.
pub(crate) struct Winner<'v> {
    pub(crate) symbol: &'v str,
    /// Of the cluster that it won in.
    pub(crate) cluster: Option<&'v str>,
    /// What the list of winners says of it; `Null` where there is no such list.
    pub(crate) facts: &'v Value,
}

/// A cluster: how many it had, and how many were taken.
pub(crate) struct Cluster<'v> {
    pub(crate) id: &'v str,
    pub(crate) size: Option<i64>,
    pub(crate) taken: usize,
}

impl<'v> Audit<'v> {
    pub(crate) fn read(root: &'v Value, notes: &mut Notes) -> Self {
        let nested = root.get("selection").filter(|selection| !selection.is_null());
        if let Some(odd) = nested.filter(|selection| !selection.is_object()) {
            notes.odd("selection", "an object", odd);
        }
        let nested = nested.filter(|selection| selection.is_object());
        let (path, object) = nested.map_or(("", root), |selection| ("selection", selection));
        let selection = Selection::read(object, path, notes);
        let mut history = Vec::new();
        match root.get("selection_history") {
            Some(Value::Object(modes)) => {
                for (mode, object) in modes {
                    if object.is_object() {
                        let path = format!("selection_history.{mode}");
                        history.push((mode.as_str(), Selection::read(object, &path, notes)));
                    } else {
                        notes.odd(&format!("selection_history.{mode}"), "an object", object);
                    }
                }
            }
            None | Some(Value::Null) => {}
            Some(odd) => notes.odd("selection_history", "an object", odd),
        }
        Self { root, path, selection, history }
    }
}

impl<'v> Selection<'v> {
    fn read(object: &'v Value, path: &str, notes: &mut Notes) -> Self {
        let at = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        let (mut winners, mut clusters): (Vec<Winner<'v>>, Vec<Cluster<'v>>) = (Vec::new(), Vec::new());
        let mut add = |winner: Winner<'v>| match winners.iter_mut().find(|known| known.symbol == winner.symbol) {
            // Named by the list and by a cluster: one winner.
            Some(known) if known.facts.is_null() => known.facts = winner.facts,
            Some(_) => {}
            None => winners.push(winner),
        };
        let by_id =
            |a: &(&'v String, &'v Value), b: &(&'v String, &'v Value)| words::id_order(a.0).cmp(&words::id_order(b.0));
        let listed = object.get("clusters").and_then(Value::as_object);
        if let Some(odd) = object.get("clusters").filter(|clusters| !clusters.is_object()) {
            notes.odd(&at("clusters"), "an object by id", odd);
        }
        for (id, cluster) in order::sorted(listed.into_iter().flatten().collect(), by_id) {
            let path = at(&format!("clusters.{id}"));
            let selected = notes.list(cluster, &["selected"], &path).unwrap_or_default();
            let symbols: Vec<&str> = selected.iter().filter_map(symbol).collect();
            if let Some(odd) = selected.iter().find(|value| symbol(value).is_none()) {
                notes.odd(&format!("{path}.selected"), "a text", odd);
            }
            clusters.push(Cluster { id, size: json::integer(cluster, "size"), taken: symbols.len() });
            for symbol in symbols {
                add(Winner { symbol, cluster: Some(id), facts: &Value::Null });
            }
        }
        let named = object.get("winners").and_then(Value::as_array);
        for winner in named.into_iter().flatten() {
            match symbol(winner).or_else(|| json::text(winner, "symbol")) {
                Some(symbol) => add(Winner { symbol, cluster: None, facts: winner }),
                None => notes.odd(&at("winners"), "a text or an object with `symbol`", winner),
            }
        }
        let known = listed.is_some_and(|clusters| !clusters.is_empty()) || named.is_some();
        let scores = object.get("metrics").and_then(|metrics| metrics.get("alpha_scores")).and_then(Value::as_object);
        let scores = scores.filter(|scores| !scores.is_empty());
        Self { object, winners: known.then_some(winners), clusters, scores }
    }

    /// Alpha score of a symbol.
    pub(crate) fn score(&self, symbol: &str) -> Option<f64> {
        self.scores?.get(symbol)?.as_f64().filter(|score| score.is_finite())
    }
}

fn symbol(value: &Value) -> Option<&str> {
    value.as_str().map(str::trim).filter(|symbol| !symbol.is_empty())
}
