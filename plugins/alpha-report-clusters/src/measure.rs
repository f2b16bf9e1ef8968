//! The numbers of each cluster.

use forensic_plugin_kit::{order, stats};

use crate::correlation::Correlations;
use crate::linkage::{Method, Tree};
use crate::model::{Book, Cluster};

/// Clusters with more members than this are looked into.
const SMALL: usize = 5;
/// Members of a sub-cluster are nearer than this: their mean correlation is above 0.92.
const NEAR: f64 = 0.2;
/// Most members that are looked into: time and memory grow with the square.
const LARGE: usize = 400;

/// What was found of a cluster.
pub(crate) struct Measured {
    /// Most frequent sector, and its share of the members whose sector is known.
    pub(crate) sector: Option<(String, f64)>,
    /// Mean over all pairs of members that vary.
    pub(crate) correlation: Option<f64>,
    /// Yearly volatility of the members' mean.
    pub(crate) volatility: Option<f64>,
    /// Mean over the members that have a score.
    pub(crate) antifragility: Option<f64>,
    /// Distinct, sorted.
    pub(crate) markets: Vec<String>,
    pub(crate) inside: Inside,
}

/// What is inside a cluster.
pub(crate) enum Inside {
    /// Too few members, or too many, or too few that vary: why.
    Unknown(String),
    /// All members are near each other.
    One,
    /// Sub-clusters: the symbols of each.
    Several(Vec<Vec<String>>),
}

pub(crate) fn all(book: &mut Book) -> Vec<Measured> {
    let mut said: Vec<(&'static str, String)> = Vec::new();
    let measured = book.clusters.iter().map(|cluster| one(book, cluster, &mut said)).collect();
    said.into_iter().for_each(|(what, name)| book.notes.warn(what, name));
    measured
}

fn one(book: &Book, cluster: &Cluster, said: &mut Vec<(&'static str, String)>) -> Measured {
    let mut sectors: Vec<(&str, usize)> = Vec::new();
    for member in &cluster.members {
        match &member.sector {
            Some(sector) => *order::entry(&mut sectors, sector.as_str()) += 1,
            None => said.push(("Sector unknown, so not counted in the homogeneity", member.symbol.clone())),
        }
    }
    let counted: usize = sectors.iter().map(|(_, count)| count).sum();
    let sectors = order::sorted(sectors, |a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let sector = sectors.first().map(|(name, count)| ((*name).to_owned(), *count as f64 / counted as f64));

    let mut markets: Vec<String> = cluster.members.iter().filter_map(|member| member.market.clone()).collect();
    markets.sort_unstable();
    markets.dedup();
    let scores: Vec<f64> = cluster.members.iter().filter_map(|member| member.antifragility).collect();

    let usable = book.usable(cluster);
    if book.returns.is_ok() {
        for member in cluster.members.iter().filter(|member| !member.usable) {
            said.push(match book.column(member) {
                None => ("No column of the returns, so in no correlation and no volatility", member.symbol.clone()),
                Some(_) => ("Returns that do not vary, so in no correlation", member.symbol.clone()),
            });
        }
    }
    let columns: Vec<&[f64]> = usable.iter().map(|(_, column)| *column).collect();
    let symbols: Vec<&str> = usable.iter().map(|(member, _)| member.symbol.as_str()).collect();
    let (correlation, inside) = if usable.len() > LARGE {
        said.push(("Too many members for correlations", cluster.id.clone()));
        (None, Inside::Unknown(format!("more than {LARGE} members")))
    } else {
        let correlations = Correlations::of(&columns);
        (mean(&correlations, cluster, said), inside(&correlations, &symbols, cluster.members.len()))
    };
    Measured {
        sector,
        correlation,
        volatility: volatility(book, cluster),
        antifragility: stats::mean(&scores),
        markets,
        inside,
    }
}

/// A cluster of one member is one with itself; one of which one varies is unknown.
fn mean(correlations: &Correlations, cluster: &Cluster, said: &mut Vec<(&'static str, String)>) -> Option<f64> {
    if cluster.members.len() == 1 && correlations.len() == 1 {
        return Some(1.0);
    }
    let (mean, unknown) = correlations.mean();
    if unknown > 0 {
        said.push(("Clusters with pairs of members that share too few rows, left out of the mean", cluster.id.clone()));
    }
    mean
}

/// Of the mean of whatever members are known in a row.
fn volatility(book: &Book, cluster: &Cluster) -> Option<f64> {
    let returns = book.returns.as_ref().ok()?;
    let columns: Vec<&[f64]> = cluster.members.iter().filter_map(|member| book.column(member)).collect();
    let row = |at: usize| {
        let known: Vec<f64> = columns.iter().map(|column| column[at]).filter(|value| value.is_finite()).collect();
        stats::mean(&known)
    };
    let means: Vec<f64> = (0..returns.frame.len()).filter_map(row).collect();
    Some(stats::sample_sd(&means)? * returns.annualization.factor.sqrt())
}

fn inside(correlations: &Correlations, symbols: &[&str], members: usize) -> Inside {
    if members <= SMALL {
        return Inside::Unknown(format!("not looked for in {SMALL} members or fewer"));
    }
    let kept = correlations.complete();
    let distance = |one: usize, other: usize| {
        correlations.get(kept[one], kept[other]).map_or(f64::NAN, |value| ((1.0 - value) / 2.0).sqrt())
    };
    let tree = Tree::build(kept.len(), Method::Average, distance).filter(|_| kept.len() > 1);
    let Some(tree) = tree else { return Inside::Unknown("fewer than 2 members vary".into()) };
    let labels = tree.cut(NEAR);
    let mut groups: Vec<Vec<String>> = Vec::new();
    for (at, label) in labels.into_iter().enumerate() {
        groups.resize(groups.len().max(label + 1), Vec::new());
        groups[label].push(symbols[kept[at]].to_owned());
    }
    if groups.len() < 2 { Inside::One } else { Inside::Several(groups) }
}
