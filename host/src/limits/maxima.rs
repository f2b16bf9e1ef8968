//! The most that a pipeline may set: the table's maxima, or lower ones where whoever runs the host wants it so.

use std::fmt;

use super::{COUNT, Limit, TABLE};

/// A maximum for every row of [`TABLE`]. They can be lowered, never raised: the table's are what the host is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Maxima([u64; COUNT]);

impl Default for Maxima {
    fn default() -> Self {
        Self(std::array::from_fn(|i| TABLE[i].max))
    }
}

impl Maxima {
    /// The maximum, in the base of the limit's unit.
    pub fn get(&self, limit: Limit) -> u64 {
        self.0[limit as usize]
    }

    /// Sets a maximum, in the base of the limit's unit.
    ///
    /// # Errors
    /// [`BadSetting`] where it is above what the host is built for, or below the least that may be set.
    pub fn set(&mut self, limit: Limit, max: u64) -> Result<(), BadSetting> {
        let spec = limit.spec();
        if max < spec.min || max > spec.max {
            let range = format!("{} to {} are allowed", spec.unit.show(spec.min), spec.unit.show(spec.max));
            return Err(BadSetting(format!("maximum of limit `{}`: {}, and {range}", spec.key, spec.unit.show(max))));
        }
        self.0[limit as usize] = max;
        Ok(())
    }

    /// Sets a maximum from text, as the command line has it: `memory=128MiB`.
    ///
    /// # Errors
    /// [`BadSetting`] where it is no pair, no limit, no value of its unit, or out of range.
    pub fn set_text(&mut self, text: &str) -> Result<(), BadSetting> {
        let pair = text.split_once('=').ok_or_else(|| BadSetting(format!("`{text}` is no `limit=value`")))?;
        let (key, value) = (pair.0.trim(), pair.1);
        let limit = Limit::from_key(key).ok_or_else(|| {
            let known: Vec<&str> = TABLE.iter().map(|spec| spec.key).collect();
            BadSetting(format!("there is no limit `{key}`; there are {}", known.join(", ")))
        })?;
        let value = limit.spec().unit.parse(value);
        self.set(limit, value.map_err(|advice| BadSetting(format!("`{text}`: {advice}")))?)
    }

    /// What to add to a message about the maximum: who raises it, where it is not what the host is built for.
    pub(super) fn raised_by(&self, limit: Limit) -> String {
        raised_by(limit, self.get(limit))
    }
}

pub(super) fn raised_by(limit: Limit, max: u64) -> String {
    let spec = limit.spec();
    if max >= spec.max {
        return String::new();
    }
    format!(
        "; whoever runs the host raises that with `plugins.limits.{}` in forensic-host.toml, up to {}",
        spec.key,
        spec.unit.show(spec.max)
    )
}

/// A maximum that can't be set; says which, why, and what may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadSetting(pub(super) String);

impl fmt::Display for BadSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadSetting {}

#[cfg(test)]
mod tests {
    use super::super::Limits;
    use super::*;

    #[test]
    fn a_lowered_maximum_holds_for_defaults_and_settings_and_is_told() {
        let mut maxima = Maxima::default();
        maxima.set_text("memory=32MiB").unwrap();
        maxima.set_text(" fuel = 1000").unwrap();
        let mut limits = Limits::below(maxima);
        assert_eq!((limits.get(Limit::Memory), limits.get(Limit::Fuel)), (32 << 20, 1000));
        assert_eq!(
            limits.set(Limit::Memory, 64 << 20).unwrap_err().to_string(),
            "limit `memory`: 64MiB asked for, above the host maximum of 32MiB; whoever runs the host raises that with \
             `plugins.limits.memory` in forensic-host.toml, up to 1GiB"
        );
        limits.set(Limit::Memory, 16 << 20).unwrap();
        assert_eq!(
            limits.exceeded(Limit::Memory, None),
            "limit `memory` (all memories together) is 16MiB; raise it with `limits.memory`, up to 32MiB"
        );
        assert_eq!(
            limits.exceeded(Limit::Fuel, None),
            "limit `fuel` (fuel of the call) is 1000; this is the host's maximum; whoever runs the host raises that with \
             `plugins.limits.fuel` in forensic-host.toml, up to 1000000000000"
        );
    }

    #[test]
    fn what_is_no_maximum_is_refused_in_words() {
        for (text, why) in [
            ("memory", "`memory` is no `limit=value`"),
            ("memory=2GiB", "maximum of limit `memory`: 2GiB, and 64KiB to 1GiB are allowed"),
            ("time=0s", "maximum of limit `time`: 0s, and 1ms to 10m are allowed"),
            ("time=5", "`time=5`: write a duration with its unit, such as `5s`"),
            ("memory=5MB", "`memory=5MB`: write a size with its unit, such as `64MiB`"),
            ("fuel=-1", "`fuel=-1`: write a whole number"),
        ] {
            let mut maxima = Maxima::default();
            assert_eq!(maxima.set_text(text).unwrap_err().to_string(), why);
            assert_eq!(maxima, Maxima::default());
        }
        let stranger = Maxima::default().set_text("ram=1").unwrap_err().to_string();
        assert!(stranger.starts_with("there is no limit `ram`; there are time, fuel, memory, "), "{stranger}");
    }
}
