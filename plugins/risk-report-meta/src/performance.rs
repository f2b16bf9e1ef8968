//! What the weighted sleeves returned together.

use forensic_guest_sdk::{Block, Chart, Document, Series, Severity};
use forensic_plugin_kit::sections::{As, count, table, trouble};
use forensic_plugin_kit::stats::{Annualization, Performance, weighted_sum};
use forensic_plugin_kit::table::Frame;
use forensic_plugin_kit::time;

use crate::profile::{Profile, Weights};

/// Points that the chart has at most.
const POINTS: usize = 48;

/// The one factor of the report and why: the largest that any profile's dates ask for, and the profiles that ask for
/// another. `None` if no profile has returns.
pub(crate) fn annualization(profiles: &[Profile]) -> Option<(Annualization, Vec<String>)> {
    let all: Vec<(&str, Annualization)> = profiles
        .iter()
        .filter_map(|profile| Some((profile.name.as_str(), Annualization::of(&profile.returns.get()?.times))))
        .collect();
    let chosen = all.iter().map(|(_, factor)| *factor).max_by(|left, right| left.factor.total_cmp(&right.factor))?;
    let others = all.iter().filter(|(_, own)| own.factor != chosen.factor);
    Some((chosen, others.map(|(name, own)| format!("{name} alone would have {:.0}", own.factor)).collect()))
}

pub(crate) fn section(document: &mut Document, profile: &Profile, factor: Option<Annualization>) {
    document.heading(3, "Performance");
    let (Some(optimized), Some(frame), Some(factor)) = (profile.optimized.get(), profile.returns.get(), factor) else {
        let lacking: Vec<&str> = [
            (profile.optimized.get().is_none(), profile.optimized.id.as_str()),
            (profile.returns.get().is_none(), profile.returns.id.as_str()),
        ]
        .into_iter()
        .filter_map(|(lacks, id)| lacks.then_some(id))
        .collect();
        document.paragraph(format!("N/A: it needs {} (see Completeness).", lacking.join(" and ")));
        return;
    };
    let columns: Vec<(f64, &[f64])> =
        optimized.weights.iter().filter_map(|weight| Some((weight.weight, frame.column(&weight.symbol)?))).collect();
    let returns = weighted_sum(&columns, frame.len());
    let Some(performance) = Performance::of(&returns, factor.factor).filter(|_| !columns.is_empty()) else {
        let text =
            format!("{} has a column for none of the weighted sleeves: the performance is N/A.", profile.returns.id);
        return trouble(document, Severity::Error, &profile.returns.id, &text);
    };
    let mut table = table(&[
        ("Sharpe", As::Number(4)),
        ("Ann. Return", As::Percent(2)),
        ("Ann. Volatility", As::Percent(2)),
        ("Max Drawdown", As::Percent(2)),
        ("Win Rate", As::Percent(1)),
        ("Total Return", As::Percent(2)),
        ("Days", As::Number(0)),
        ("Clipped", As::Text),
    ]);
    let clipped = performance.clipped();
    table.rows.push(vec![
        performance.sharpe.map(|sharpe| sharpe.value).into(),
        performance.annual_return.value.into(),
        performance.volatility.map(|volatility| volatility.value).into(),
        performance.max_drawdown.into(),
        performance.win_rate.into(),
        performance.total.into(),
        i64::try_from(performance.days).unwrap_or(i64::MAX).into(),
        if clipped.is_empty() { "none".into() } else { clipped.join("; ").into() },
    ]);
    document.push(table);
    document.paragraph(format!(
        "{} from {} to {}; annualization factor {:.0} ({}){}. Today's weights are held over the whole time, which is no \
         out-of-sample result.",
        count(performance.days, "return"),
        time::date_time(frame.times.first().copied().unwrap_or_default()),
        time::date_time(frame.times.last().copied().unwrap_or_default()),
        factor.factor,
        factor.reason,
        if performance.days < forensic_plugin_kit::stats::FEW_DAYS { ", fewer than 30 and so linear" } else { "" },
    ));
    if !clipped.is_empty() {
        let text = format!("{}: {}.", profile.name, clipped.join("; "));
        document.finding(Severity::Warning, &profile.returns.id, text);
    }
    if performance.sharpe.is_none() {
        document.paragraph("Sharpe is N/A: the volatility is zero or unknown.");
    }
    gaps(document, profile, optimized, frame);
    document.push(Block::Chart(chart(&profile.name, &frame.times, &returns)));
}

/// Weights without returns, returns without weights, and missing values.
fn gaps(document: &mut Document, profile: &Profile, optimized: &Weights, frame: &Frame) {
    let id = &profile.returns.id;
    let unmatched: Vec<&str> = optimized
        .weights
        .iter()
        .filter(|weight| frame.column(&weight.symbol).is_none())
        .map(|weight| weight.symbol.as_str())
        .collect();
    if !unmatched.is_empty() {
        let text =
            format!("{id} has no column for {}: their weights don't count in the performance.", unmatched.join(", "));
        trouble(document, Severity::Warning, id, &text);
    }
    let has_weight = |name: &str| optimized.weights.iter().any(|weight| weight.symbol == name);
    let idle: Vec<&str> =
        frame.columns.iter().map(|column| column.name.as_str()).filter(|name| !has_weight(name)).collect();
    if !idle.is_empty() {
        document.paragraph(format!("Without weight, so not in the performance: {}.", idle.join(", ")));
    }
    let missing = frame.columns.iter().filter(|column| has_weight(&column.name));
    let missing: usize = missing.map(|column| column.values.iter().filter(|value| value.is_nan()).count()).sum();
    if missing > 0 {
        let text = format!("{id}: {} missing and count as zero in the performance.", count(missing, "value"));
        let text = text.replacen("values missing", "values are missing", 1).replacen(
            "value missing and count",
            "value is missing and counts",
            1,
        );
        trouble(document, Severity::Warning, id, &text);
    }
}

/// The growth of 1.0, at days that are evenly spread over the whole time.
fn chart(name: &str, times: &[i64], returns: &[f64]) -> Chart {
    let mut level = 1.0;
    let growth: Vec<f64> = returns
        .iter()
        .map(|day| {
            level *= 1.0 + day.clamp(-0.9999, 10.0);
            level
        })
        .collect();
    let last = growth.len().saturating_sub(1);
    let points = growth.len().min(POINTS);
    let at: Vec<usize> = (0..points).map(|point| if points > 1 { point * last / (points - 1) } else { last }).collect();
    Chart {
        labels: at.iter().map(|row| time::date_time(times[*row])).collect(),
        series: vec![Series {
            name: name.to_owned(),
            x: (0..points).map(|point| point as f64).collect(),
            y: at.iter().map(|row| growth[*row]).collect(),
        }],
        ..Chart::line(format!("Growth of 1.0 under {name}")).with_axes("Date", "Growth of 1.0")
    }
}
