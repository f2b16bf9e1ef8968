//! One risk profile: its numbers, its risk buckets, its assets by class.

use std::cmp::Ordering;

use forensic_guest_sdk::{Block, Cell, Chart, Column, ColumnFormat, Document, KeyValue, Severity, Table};
use forensic_plugin_kit::notes::some;
use forensic_plugin_kit::{Notes, order, sections, words};

use crate::book::{Asset, Bucket, Profile, TINY, known};
use crate::class::class;
use crate::exposure::{sensitivity, volatility};
use crate::market::Market;

/// The weight that the sectors of "Sector diversity" hold.
const MOST: f64 = 0.80;
/// Sums of weights are no more exact than this.
const ROUNDING: f64 = 1e-12;
/// The profile that should not follow the market, and the beta from which it does.
const QUIET: &str = "min_variance";
const AGGRESSIVE: f64 = 0.5;
/// Letters of a description.
const LONGEST: usize = 40;

pub(crate) fn write(document: &mut Document, profile: &Profile, market: &Market, notes: &mut Notes) {
    let name = words::title_case(&profile.name);
    document.heading(2, format!("{name} profile"));
    if let Some(reason) = &profile.skipped {
        let sentence = format!("{name} was skipped, so it has no weights: {reason}.");
        return sections::trouble(document, Severity::Warning, &profile.name, &sentence);
    }
    numbers(document, profile, market, notes.id());
    document.heading(3, "Risk buckets");
    buckets(document, profile);
    document.heading(3, "Asset classes");
    assets(document, profile);
}

/// The header: risk, then diversity. Every N/A has its reason below.
fn numbers(document: &mut Document, profile: &Profile, market: &Market, id: &str) {
    let mut reasons: Vec<String> = Vec::new();
    let (mut risk, mut beta, mut correlation, mut common) = (None, None, None, None);
    let mut to = "benchmark".to_owned();
    let mut partial = None;
    if profile.assets().is_empty() {
        reasons.push("volatility, beta and correlation: the profile holds no assets".into());
    } else if let Ok(returns) = &market.returns {
        let (positions, without) = returns.positions(profile);
        if !without.is_empty() && !positions.is_empty() {
            let held = positions.len() + without.len();
            partial = Some(format!(
                "Volatility, beta and correlation cover {} of {held} assets; without returns or weight: {}.",
                positions.len(),
                some(&without)
            ));
        }
        match volatility(&positions, returns.annualization.factor) {
            Ok(number) => risk = Some(number),
            Err(why) => reasons.push(format!("volatility: {why}")),
        }
        match &returns.benchmark {
            Err(why) => reasons.push(format!("beta and correlation: {why}")),
            Ok(benchmark) => {
                to.clone_from(benchmark);
                match sensitivity(&positions, returns.frame.column(benchmark).unwrap_or_default()) {
                    Ok(found) => {
                        (beta, correlation, common) = (Some(found.beta), found.correlation, Some(found.rows as i64));
                        if found.correlation.is_none() {
                            reasons.push("correlation: the portfolio does not move".into());
                        }
                    }
                    Err(why) => reasons.push(format!("beta and correlation: {why}")),
                }
            }
        }
    } else {
        reasons.push(format!("volatility, beta and correlation: {} can't be used", market.id));
    }

    let sum = |of: fn(&Asset) -> Option<f64>| {
        let weights: Option<Vec<f64>> = profile.assets().iter().map(of).collect();
        weights.filter(|weights| !weights.is_empty()).map(|weights| weights.iter().sum::<f64>())
    };
    let diversity = sector_diversity(profile.assets());
    let top = top_three(profile.buckets());
    for (name, missing) in [
        ("sector diversity: no asset with a weight has a sector", diversity.is_none()),
        ("top 3 concentration: no bucket has a gross weight", top.is_none()),
        ("unique buckets: the file lists none", profile.buckets.is_none()),
    ] {
        if missing {
            reasons.push(name.into());
        }
    }
    document.push(Block::KeyValues(vec![
        KeyValue::percent("Volatility (annualized)", risk, 2),
        KeyValue::number(format!("Beta ({to})"), beta, 2),
        KeyValue::number(format!("Correlation ({to})"), correlation, 2),
        KeyValue::number(format!("Bars in common ({to})"), common, 0),
        KeyValue::percent("Gross weight", sum(|asset| asset.weight), 2),
        KeyValue::percent("Net weight", sum(|asset| asset.net), 2),
        KeyValue::number("Unique buckets", profile.buckets.as_ref().map(|buckets| buckets.len() as i64), 0),
        KeyValue::number("Sector diversity", diversity, 0),
        KeyValue::percent("Top 3 concentration", top, 2),
    ]));
    if !reasons.is_empty() {
        let sentence = format!("N/A because of: {}.", reasons.join("; "));
        document.paragraph(&sentence).finding(Severity::Warning, &profile.name, sentence);
    }
    if let Some(sentence) = partial {
        sections::trouble(document, Severity::Warning, id, &sentence);
    }
    if let Some(beta) = beta.filter(|beta| profile.name == QUIET && *beta > AGGRESSIVE) {
        let sentence = format!(
            "AGGRESSIVE BETA: {beta:.2} to {to}, and a {QUIET} portfolio should stay at or below {AGGRESSIVE}."
        );
        sections::trouble(document, Severity::Warning, &profile.name, &sentence);
    }
}

/// Heaviest first; what has no weight last.
fn heavier(a: &&Asset, b: &&Asset) -> Ordering {
    order::falling(a.weight, b.weight)
}

/// Distinct sectors from the heaviest asset down to a cumulated weight of 80%, that asset included.
fn sector_diversity(assets: &[Asset]) -> Option<i64> {
    let weighed = assets.iter().filter(|asset| asset.weight.is_some()).collect();
    let mut sectors: Vec<(&str, ())> = Vec::new();
    let mut sum = 0.0;
    for asset in order::sorted(weighed, heavier) {
        if let Some(sector) = &asset.sector {
            order::entry(&mut sectors, sector.as_str());
        }
        sum += asset.weight.unwrap_or_default();
        if sum >= MOST - ROUNDING {
            break;
        }
    }
    (!sectors.is_empty()).then_some(sectors.len() as i64)
}

/// Gross weight of the three largest buckets.
fn top_three(buckets: &[Bucket]) -> Option<f64> {
    let gross: Vec<f64> = buckets.iter().filter_map(|bucket| bucket.gross).collect();
    let gross = order::sorted(gross, |a, b| b.total_cmp(a));
    (!gross.is_empty()).then(|| gross.iter().take(3).sum())
}

fn buckets(document: &mut Document, profile: &Profile) {
    let all = profile.buckets();
    let shown: Vec<&Bucket> = all.iter().filter(|bucket| bucket.gross.is_none_or(|gross| gross >= TINY)).collect();
    if shown.is_empty() {
        let why = if all.is_empty() { "The profile has no risk buckets." } else { "No bucket has 0.10% or more." };
        document.paragraph(why);
        return;
    }
    let mut table = Table::new([
        Column::text("Cluster"),
        Column::percent("Gross", 2),
        Column::percent("Net", 2).signed(),
        Column::bar("Concentration"),
        Column::text("Lead Asset"),
        Column::integer("Assets"),
        Column::text("Type"),
        Column::text("Sectors"),
    ]);
    for bucket in &shown {
        table.row([
            bucket.label.as_str().into(),
            bucket.gross.into(),
            bucket.net.into(),
            bucket.gross.into(),
            bucket.lead.as_deref().into(),
            bucket.count.into(),
            bucket.kind.as_deref().into(),
            bucket.sectors.as_deref().into(),
        ]);
    }
    gaps(document, &table);
    document.push(table);
    hidden(document, all.len() - shown.len(), "bucket");
    chart(document, &shown);
}

/// Gross and net weights side by side, where there is something to compare.
fn chart(document: &mut Document, shown: &[&Bucket]) {
    let bars: Vec<(&str, f64, f64)> =
        shown.iter().filter_map(|bucket| Some((bucket.label.as_str(), bucket.gross?, bucket.net?))).collect();
    if bars.len() < 2 {
        return;
    }
    let mut chart = Chart::bar("Weight by cluster", bars.iter().map(|bar| bar.0))
        .with_axes("Cluster", "Weight")
        .with_format(ColumnFormat::Percent, 2);
    chart.values("Gross", bars.iter().map(|bar| bar.1));
    chart.values("Net", bars.iter().map(|bar| bar.2));
    document.push(chart);
}

fn assets(document: &mut Document, profile: &Profile) {
    let all = profile.assets();
    let mut classes: Vec<(&str, Vec<&Asset>)> = Vec::new();
    for asset in all.iter().filter(|asset| asset.weight.is_none_or(|weight| weight >= TINY)) {
        order::entry(&mut classes, class(asset.market.as_deref())).push(asset);
    }
    if classes.is_empty() {
        let why = if all.is_empty() { "The profile holds no assets." } else { "No asset has 0.10% or more." };
        document.paragraph(why);
        return;
    }
    let shown: usize = classes.iter().map(|(_, assets)| assets.len()).sum();
    for (label, assets) in order::sorted(classes, |a, b| a.0.cmp(b.0)) {
        document.heading(4, label);
        let mut table = Table::new([
            Column::text("Symbol"),
            Column::text("Description"),
            Column::text("Cluster"),
            Column::percent("Weight", 2),
            Column::bar("Bar"),
            Column::text("Direction"),
            Column::text("Market"),
        ]);
        for asset in order::sorted(assets, heavier) {
            table.row([
                asset.symbol.as_str().into(),
                describe(asset).into(),
                asset.cluster.as_deref().into(),
                asset.weight.into(),
                asset.weight.into(),
                asset.direction.as_deref().into(),
                asset.market.as_deref().into(),
            ]);
        }
        gaps(document, &table);
        document.push(table);
    }
    hidden(document, all.len() - shown, "asset");
}

/// The description, else the symbol without its exchange; at most 40 letters.
fn describe(asset: &Asset) -> String {
    let described = asset.description.as_deref().filter(|text| known(text));
    let text = described.unwrap_or_else(|| asset.symbol.rsplit(':').next().unwrap_or_default());
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(LONGEST - 3).collect();
    short.push_str("...");
    short
}

/// Says what an N/A in a table means.
fn gaps(document: &mut Document, table: &Table) {
    if table.rows.iter().any(|row| row.contains(&Cell::None)) {
        document.paragraph("N/A in this table: the weights' file does not say it.");
    }
}

fn hidden(document: &mut Document, count: usize, what: &str) {
    if count > 0 {
        document.paragraph(format!("{} below 0.10% not shown.", sections::count(count, what)));
    }
}
