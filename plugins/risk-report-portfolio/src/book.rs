//! The optimized weights, read liberally: whatever is absent or odd is `None` and noted.

use forensic_plugin_kit::{Notes, json};
use serde_json::Value;

/// Rows with less weight are not shown.
pub(crate) const TINY: f64 = 0.001;

/// One way to weigh the sleeve's assets.
pub(crate) struct Profile {
    pub(crate) name: String,
    /// Why it was skipped, if it was.
    pub(crate) skipped: Option<String>,
    /// `None`: the file has no list.
    pub(crate) assets: Option<Vec<Asset>>,
    /// `None`: the file has no list. In file order.
    pub(crate) buckets: Option<Vec<Bucket>>,
}

/// A held asset.
pub(crate) struct Asset {
    pub(crate) symbol: String,
    /// Without a sign.
    pub(crate) weight: Option<f64>,
    /// Negative for a short.
    pub(crate) net: Option<f64>,
    pub(crate) direction: Option<String>,
    pub(crate) cluster: Option<String>,
    pub(crate) sector: Option<String>,
    pub(crate) market: Option<String>,
    pub(crate) description: Option<String>,
}

/// A cluster's share of a profile.
pub(crate) struct Bucket {
    pub(crate) label: String,
    pub(crate) gross: Option<f64>,
    pub(crate) net: Option<f64>,
    pub(crate) lead: Option<String>,
    pub(crate) count: Option<i64>,
    pub(crate) kind: Option<String>,
    pub(crate) sectors: Option<String>,
}

impl Profile {
    /// All profiles, in file order.
    pub(crate) fn all(root: &Value, notes: &mut Notes) -> Vec<Self> {
        let Some(profiles) = notes.object(root, &["profiles"], "").and_then(Value::as_object) else {
            return Vec::new();
        };
        profiles.iter().map(|(name, profile)| Self::read(name, profile, notes)).collect()
    }

    fn read(name: &str, profile: &Value, notes: &mut Notes) -> Self {
        let path = format!("profiles.{name}");
        let meta = profile.get("meta").unwrap_or(&Value::Null);
        let skipped = (meta.get("skipped").and_then(Value::as_bool) == Some(true))
            .then(|| json::text(meta, "reason").unwrap_or("no reason given").to_owned());
        let mut this = Self { name: name.to_owned(), skipped, assets: None, buckets: None };
        if this.skipped.is_some() {
            return this;
        }
        this.assets = notes.list(profile, &["assets"], &path).map(|list| {
            list.iter().enumerate().filter_map(|(at, asset)| Asset::read(at, asset, &path, notes)).collect()
        });
        this.buckets = notes
            .list(profile, &["clusters"], &path)
            .map(|list| list.iter().map(|bucket| Bucket::read(bucket, &path, notes)).collect());
        this
    }

    /// The assets; none if the file has no list.
    pub(crate) fn assets(&self) -> &[Asset] {
        self.assets.as_deref().unwrap_or_default()
    }

    /// The buckets; none if the file has no list.
    pub(crate) fn buckets(&self) -> &[Bucket] {
        self.buckets.as_deref().unwrap_or_default()
    }
}

impl Asset {
    fn read(at: usize, asset: &Value, path: &str, notes: &mut Notes) -> Option<Self> {
        let Some(symbol) = json::text(asset, "Symbol").map(str::to_owned) else {
            notes.warn("Assets without a Symbol left out", format!("{path}.assets[{at}]"));
            return None;
        };
        let path = format!("{path} {symbol}");
        let weight = notes.number(asset, &["Weight"], &path);
        let direction = label(asset, "Direction").map(|direction| direction.to_ascii_uppercase());
        if direction.is_none() {
            notes.absent(format!("{path}.Direction"));
        }
        let short = direction.as_deref() == Some("SHORT");
        let net = match (asset.get("Net_Weight").filter(|net| !net.is_null()), weight) {
            (Some(_), _) => notes.number(asset, &["Net_Weight"], &path),
            (None, Some(weight)) => {
                notes.warn("No Net_Weight: taken from Weight and Direction", &path);
                Some(if short { -weight } else { weight })
            }
            (None, None) => None,
        };
        if weight.is_some_and(|weight| weight < 0.0) {
            notes.warn("Weight is below 0", &path);
        }
        if direction.is_some() && net.is_some_and(|net| net != 0.0 && (net < 0.0) != short) {
            notes.warn("Direction and the sign of Net_Weight disagree", &path);
        }
        let cluster = label(asset, "Cluster_ID");
        if cluster.is_none() {
            notes.absent(format!("{path}.Cluster_ID"));
        }
        let text = |key| json::text(asset, key).map(str::to_owned);
        let sector = text("Sector").filter(|sector| known(sector));
        let description = text("Description");
        Some(Self { symbol, weight, net, direction, cluster, sector, market: text("Market"), description })
    }
}

impl Bucket {
    fn read(bucket: &Value, path: &str, notes: &mut Notes) -> Self {
        let label = label(bucket, "Cluster_Label").or_else(|| label(bucket, "Cluster_ID"));
        let label = label.unwrap_or_else(|| {
            notes.absent(format!("{path}.clusters.Cluster_Label"));
            "(no label)".into()
        });
        let path = format!("{path} {label}");
        let gross = notes.number(bucket, &["Gross_Weight"], &path);
        let net = notes.number(bucket, &["Net_Weight"], &path);
        let text = |key| json::text(bucket, key).map(str::to_owned);
        let sectors = match bucket.get("Sectors") {
            Some(Value::Array(list)) => {
                let names: Vec<&str> = list.iter().filter_map(Value::as_str).filter(|name| known(name)).collect();
                (!names.is_empty()).then(|| names.join(", "))
            }
            _ => text("Sectors").filter(|sectors| known(sectors)),
        };
        let (lead, kind, count) = (text("Lead_Asset"), text("Type"), json::integer(bucket, "Asset_Count"));
        Self { label, gross, net, lead, count, kind, sectors }
    }
}

/// A text or a number as text.
fn label(object: &Value, key: &str) -> Option<String> {
    match object.get(key)? {
        Value::Number(number) => Some(number.to_string()),
        _ => json::text(object, key).map(str::to_owned),
    }
}

/// Whether a text says something.
pub(crate) fn known(text: &str) -> bool {
    !matches!(text.trim().to_ascii_lowercase().as_str(), "" | "n/a" | "na" | "none" | "null" | "nan")
}
