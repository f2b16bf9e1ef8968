//! Asset classes, from the name of a market.

/// The first row of which a word is in the upper-cased market decides.
const CLASSES: &[(&str, &[&str])] = &[
    ("Bonds", &["BOND"]),
    ("Crypto", &["BINANCE", "BITGET", "BYBIT", "OKX", "CRYPTO"]),
    ("Equities", &["NASDAQ", "NYSE", "AMEX", "US_STOCKS", "US_ETF"]),
    ("Futures", &["FUTURES", "CME", "CBOT", "COMEX", "NYMEX"]),
    ("Forex", &["FOREX"]),
    ("Commodities / CFD", &["OANDA", "UNKNOWN"]),
];
/// Crypto's label, by which the benchmark is chosen.
pub(crate) const CRYPTO: &str = "Crypto";
/// Everything else, also what has no market.
const OTHER: &str = "Other";

/// The label of a market's asset class.
pub(crate) fn class(market: Option<&str>) -> &'static str {
    let Some(market) = market else { return OTHER };
    let market = market.to_ascii_uppercase();
    CLASSES.iter().find(|(_, words)| words.iter().any(|word| market.contains(word))).map_or(OTHER, |(label, _)| label)
}

#[cfg(test)]
mod tests {
    use super::class;

    #[test]
    fn the_first_match_decides() {
        for (market, label) in [
            ("NASDAQ", "Equities"),
            ("us_etf", "Equities"),
            ("BINANCE_FUTURES", "Crypto"),
            ("CME", "Futures"),
            ("US_BOND_FUTURES", "Bonds"),
            ("FOREX", "Forex"),
            ("OANDA", "Commodities / CFD"),
            ("UNKNOWN", "Commodities / CFD"),
            ("LSE", "Other"),
            ("", "Other"),
        ] {
            assert_eq!(class(Some(market)), label, "{market}");
        }
        assert_eq!(class(None), "Other");
    }
}
