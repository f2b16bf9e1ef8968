//! The config of a report stage: a JSON object with known keys.

use forensic_guest_sdk::{PluginError, Request};
use serde_json::{Map, Value};

/// A config whose keys are all allowed.
#[derive(Debug, Clone)]
pub struct Config {
    keys: Map<String, Value>,
}

impl Config {
    /// Reads the request's config.
    ///
    /// # Errors
    /// [`PluginError::InvalidConfig`] if it is not a JSON object, or has a key that is not in `allowed`; all
    /// unknown keys are named at once.
    pub fn read(request: &Request, allowed: &[&str]) -> Result<Self, PluginError> {
        let value: Value = serde_json::from_str(&request.config)
            .map_err(|error| invalid(format!("the config is not valid JSON: {error}")))?;
        let Value::Object(keys) = value else {
            return Err(invalid(format!("the config must be an object, not {}", crate::json::kind(&value))));
        };
        let unknown: Vec<String> =
            keys.keys().filter(|key| !allowed.contains(&key.as_str())).map(|key| format!("`{key}`")).collect();
        if unknown.is_empty() {
            return Ok(Self { keys });
        }
        let allowed: Vec<String> = allowed.iter().map(|key| format!("`{key}`")).collect();
        let (noun, keys) = (if unknown.len() == 1 { "key" } else { "keys" }, unknown.join(", "));
        Err(invalid(match allowed.len() {
            0 => format!("unknown config {noun} {keys}: this report has no config"),
            1 => format!("unknown config {noun} {keys}: the only key is {}", allowed.join(", ")),
            _ => format!("unknown config {noun} {keys}: the keys are {}", allowed.join(", ")),
        }))
    }

    /// A text without blanks around it; `None` if the key is absent.
    ///
    /// # Errors
    /// If it is no text, or empty.
    pub fn text(&self, key: &str) -> Result<Option<String>, PluginError> {
        match self.keys.get(key) {
            None => Ok(None),
            Some(Value::String(text)) if !text.trim().is_empty() => Ok(Some(text.trim().to_owned())),
            Some(other) => Err(expected(key, "a text that is not empty", other)),
        }
    }

    /// A list of texts without blanks around them, none of them empty or there twice; `None` if the key is absent.
    ///
    /// # Errors
    /// If it is no such list.
    pub fn texts(&self, key: &str) -> Result<Option<Vec<String>>, PluginError> {
        let Some(value) = self.keys.get(key) else { return Ok(None) };
        let wanted = "a list of texts that are not empty";
        let list = value.as_array().ok_or_else(|| expected(key, wanted, value))?;
        let mut texts: Vec<String> = Vec::new();
        for item in list {
            let text = item.as_str().map(str::trim).filter(|text| !text.is_empty());
            let text = text.ok_or_else(|| expected(key, wanted, item))?;
            if texts.iter().any(|other| other == text) {
                return Err(invalid(format!("`{key}` has {text:?} twice")));
            }
            texts.push(text.to_owned());
        }
        Ok(Some(texts))
    }

    /// A number; `None` if the key is absent.
    ///
    /// # Errors
    /// If it is no number.
    pub fn number(&self, key: &str) -> Result<Option<f64>, PluginError> {
        match self.keys.get(key) {
            None => Ok(None),
            Some(value) => value.as_f64().map(Some).ok_or_else(|| expected(key, "a number", value)),
        }
    }

    /// `true` or `false`; `None` if the key is absent.
    ///
    /// # Errors
    /// If it is neither.
    pub fn flag(&self, key: &str) -> Result<Option<bool>, PluginError> {
        match self.keys.get(key) {
            None => Ok(None),
            Some(value) => value.as_bool().map(Some).ok_or_else(|| expected(key, "true or false", value)),
        }
    }

    /// A folder below the run directory, such as `data`, without slashes at its ends; `default` if the key is
    /// absent, empty for the run directory itself.
    ///
    /// # Errors
    /// If it is no text or leads out of the run directory.
    pub fn folder(&self, key: &str, default: &str) -> Result<String, PluginError> {
        let text = self.text(key)?.unwrap_or_else(|| default.to_owned());
        crate::inputs::below_run(&text)
            .ok_or_else(|| invalid(format!("`{key}` must be a folder below the run directory, not {text:?}")))
    }
}

/// [`PluginError::InvalidConfig`] with this sentence.
pub fn invalid(sentence: impl Into<String>) -> PluginError {
    PluginError::InvalidConfig(sentence.into())
}

fn expected(key: &str, wanted: &str, found: &Value) -> PluginError {
    invalid(format!("`{key}` must be {wanted}, not {}", crate::json::kind(found)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Config, PluginError> {
        Config::read(&Request::new("report").with_config(json), &["dir", "names"])
    }

    fn sentence<T: std::fmt::Debug>(result: Result<T, PluginError>) -> String {
        match result.unwrap_err() {
            PluginError::InvalidConfig(text) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn unknown_keys_are_named_with_the_known_ones() {
        let text = sentence(read(r#"{"dri": "x", "name": 1}"#));
        assert_eq!(text, "unknown config keys `dri`, `name`: the keys are `dir`, `names`");
        assert_eq!(sentence(read("[]")), "the config must be an object, not a list");
        assert!(sentence(read("{")).starts_with("the config is not valid JSON"));
    }

    #[test]
    fn values_have_their_type() {
        let config = read(r#"{"names": [" a ", "b"], "dir": "data/"}"#).unwrap();
        assert_eq!(config.texts("names").unwrap().unwrap(), ["a", "b"]);
        assert_eq!(config.folder("dir", "x").unwrap(), "data");
        assert_eq!(read("{}").unwrap().folder("dir", "data").unwrap(), "data");
        assert_eq!(read(r#"{"dir": "."}"#).unwrap().folder("dir", "data").unwrap(), "");
        assert!(sentence(read(r#"{"names": ["a", "a"]}"#).unwrap().texts("names")).contains("twice"));
        assert!(sentence(read(r#"{"names": ["a", 1]}"#).unwrap().texts("names")).contains("not a number"));
        assert!(sentence(read(r#"{"dir": "../x"}"#).unwrap().folder("dir", "")).contains("below the run directory"));
        assert!(sentence(read(r#"{"dir": 5}"#).unwrap().folder("dir", "")).contains("not a number"));
    }
}
