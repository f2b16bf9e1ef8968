//! A sleeve's audit ledger: its hash chain, and the windows in it that are out of the ordinary.
//!
//! Each line is a JSON object whose `prev_hash` is the `hash` of the line before it and whose `hash` is the SHA-256
//! of the line without it (see [`canonical`](crate::canonical)). The whole file is read, whatever is wrong in it.

use forensic_plugin_kit::inputs::{InputError, Inputs, Line};
use forensic_plugin_kit::json;
use forensic_plugin_kit::table::Tally;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::canonical::{self, Layout};

/// A window is out of the ordinary if its Sharpe is further from zero than this …
pub(crate) const SHARPE_LIMIT: f64 = 10.0;
/// … or its yearly volatility above this.
pub(crate) const VOLATILITY_LIMIT: f64 = 2.0;

/// What a ledger says.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Lines that are not blank.
    pub(crate) lines: u64,
    /// Successful simulations of a window.
    pub(crate) windows: u64,
    /// Lines that are no JSON object.
    pub(crate) bad_lines: Tally,
    /// Windows with a number that is none.
    pub(crate) bad_numbers: Tally,
    /// Windows that have neither Sharpe nor volatility.
    pub(crate) untested: Tally,
    pub(crate) chain: Chain,
    /// In file order.
    pub(crate) anomalies: Vec<Anomaly>,
}

/// A window beyond a limit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Anomaly {
    pub(crate) line: u64,
    pub(crate) window: Option<i64>,
    pub(crate) profile: Option<String>,
    pub(crate) engine: Option<String>,
    pub(crate) simulator: Option<String>,
    pub(crate) sharpe: Option<f64>,
    pub(crate) annual_return: Option<f64>,
    pub(crate) volatility: Option<f64>,
}

/// The state of the hash chain.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    layout: Option<Layout>,
    previous: Option<String>,
    hashed: u64,
    breaks: Tally,
    cut: bool,
}

/// What is to be said of the chain.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ChainState {
    Verified,
    /// Only the last line is incomplete: the writer was stopped.
    Cut,
    Broken,
    /// No line has a hash.
    Unhashed,
    /// There is no line.
    Empty,
}

impl Ledger {
    /// Reads a ledger to its end.
    pub(crate) fn read(inputs: &Inputs<'_>, id: &str) -> Result<Self, InputError> {
        let (mut ledger, mut scratch) = (Self::default(), String::new());
        inputs.lines(id, |line| ledger.line(line, &mut scratch))?;
        Ok(ledger)
    }

    fn line(&mut self, line: Line<'_>, scratch: &mut String) {
        self.lines += 1;
        let parsed = std::str::from_utf8(line.bytes)
            .map_err(|_| "is not UTF-8".to_owned())
            .and_then(|text| Ok((text, json::parse(text)?)))
            .and_then(|(text, parsed)| match parsed.value {
                Value::Object(_) => Ok((text, parsed)),
                other => Err(format!("is {} and no object", json::kind(&other))),
            });
        let (text, parsed) = match parsed {
            Ok(parsed) => parsed,
            Err(why) if line.ended => {
                self.bad_lines.add(line.number, || why.clone());
                return self.chain.unreadable(line.number, why);
            }
            Err(why) => {
                self.chain.cut = true;
                return self.bad_lines.add(line.number, || why);
            }
        };
        let entry = parsed.value;
        self.chain.link(line.number, self.lines == 1, text, &entry, scratch);
        let is = |key: &str, word: &str| entry.get(key).and_then(Value::as_str) == Some(word);
        if is("type", "action") && is("status", "success") && is("step", "backtest_simulate") {
            self.window(line.number, &entry, parsed.not_finite > 0);
        }
    }

    fn window(&mut self, line: u64, entry: &Value, had_bare_words: bool) {
        self.windows += 1;
        let metrics = entry.get("outcome").and_then(|outcome| outcome.get("metrics")).unwrap_or(&Value::Null);
        let mut odd = None;
        let mut number = |keys: &[&str]| {
            let (key, value) = keys.iter().find_map(|key| Some((*key, metrics.get(*key)?)))?;
            let number = match value {
                Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
                value => value.as_f64(),
            };
            if number.is_none() && (had_bare_words || !value.is_null()) {
                odd.get_or_insert_with(|| format!("{key} is {}", described(value)));
            }
            number
        };
        let sharpe = number(&["sharpe"]);
        let annual_return = number(&["annualized_return"]);
        let volatility = number(&["annualized_vol", "vol"]);
        match odd {
            Some(odd) => self.bad_numbers.add(line, || odd),
            None if sharpe.is_none() && volatility.is_none() => {
                self.untested.add(line, || "no Sharpe, no volatility".into())
            }
            None => {}
        }
        if sharpe.is_some_and(|sharpe| sharpe.abs() > SHARPE_LIMIT)
            || volatility.is_some_and(|volatility| volatility > VOLATILITY_LIMIT)
        {
            let context = entry.get("context").unwrap_or(&Value::Null);
            let text = |key| json::text(context, key).map(str::to_owned);
            self.anomalies.push(Anomaly {
                line,
                window: json::integer(context, "window_index"),
                profile: text("profile"),
                engine: text("engine"),
                simulator: text("simulator"),
                sharpe,
                annual_return,
                volatility,
            });
        }
    }
}

impl Chain {
    fn link(&mut self, line: u64, first: bool, text: &str, entry: &Value, scratch: &mut String) {
        let Some(stated) = entry.get("hash").and_then(Value::as_str) else {
            self.previous = None;
            if self.hashed > 0 {
                self.breaks.add(line, || "it has no hash".into());
            }
            return;
        };
        if self.hashed == 0 && !first {
            self.breaks.add(line, || "the lines before it have no hash".into());
        }
        self.hashed += 1;
        if first {
            if entry.get("type").and_then(Value::as_str) != Some("genesis") {
                self.breaks.add(line, || "it is the first and not the genesis line".into());
            }
        } else if self.previous.is_some() && self.previous.as_deref() != entry.get("prev_hash").and_then(Value::as_str)
        {
            self.breaks.add(line, || "its prev_hash is not the hash of the line before it".into());
        }
        if !self.hash_holds(text, stated, scratch) {
            self.breaks.add(line, || "its hash is not that of its content".into());
        }
        self.previous = Some(stated.to_owned());
    }

    /// Both layouts are good for a line; the one that held last time is tried first.
    fn hash_holds(&mut self, text: &str, stated: &str, scratch: &mut String) -> bool {
        let first = self.layout.unwrap_or(Layout::Compact);
        let second = if first == Layout::Compact { Layout::Spaced } else { Layout::Compact };
        for layout in [first, second] {
            let written = canonical::write(text, layout, scratch);
            if written.is_some() && is_digest(stated, &Sha256::digest(scratch.as_bytes())) {
                self.layout = Some(layout);
                return true;
            }
        }
        false
    }

    fn unreadable(&mut self, line: u64, why: String) {
        self.previous = None;
        self.breaks.add(line, || why);
    }

    pub(crate) fn state(&self) -> ChainState {
        match (self.hashed, self.breaks.count()) {
            (0, _) => ChainState::Unhashed,
            (_, 1..) => ChainState::Broken,
            _ if self.cut => ChainState::Cut,
            _ => ChainState::Verified,
        }
    }

    /// How often it is broken and where first.
    pub(crate) fn broken(&self) -> Option<String> {
        self.breaks.sentence(|count| format!("the hash chain is broken at {count}"))
    }
}

impl Ledger {
    /// The state of the chain, or that there is none.
    pub(crate) fn chain_state(&self) -> ChainState {
        if self.lines == 0 { ChainState::Empty } else { self.chain.state() }
    }
}

fn described(value: &Value) -> String {
    match value {
        Value::Null => "not finite".into(),
        Value::String(text) => format!("{text:?}"),
        value => json::kind(value).into(),
    }
}

fn is_digest(stated: &str, digest: &[u8]) -> bool {
    let nibble = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    stated.len() == digest.len() * 2
        && stated.as_bytes().chunks(2).zip(digest).all(|(pair, byte)| {
            matches!((nibble(pair[0]), nibble(pair[1])), (Some(high), Some(low)) if high << 4 | low == *byte)
        })
}
