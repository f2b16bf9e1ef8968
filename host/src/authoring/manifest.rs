//! `plugin.toml`. A stand-in with the interface of helper X's reader: to be replaced by it.
#![allow(missing_docs, reason = "to be replaced")]

use std::path::{Path, PathBuf};

pub const MANIFEST: &str = "plugin.toml";

#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    pub folder: PathBuf,
    pub name: String,
    pub language: Language,
    pub component: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Rust,
    Python,
    JavaScript,
    C,
}

impl Language {
    pub const ALL: [Self; 4] = [Self::Rust, Self::Python, Self::JavaScript, Self::C];

    pub fn word(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::JavaScript => "js",
            Self::C => "c",
        }
    }

    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.word() == word)
    }
}

impl Manifest {
    pub(super) fn read(folder: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(folder.join(MANIFEST)).map_err(|error| error.to_string())?;
        let root = toml::de::DeTable::parse(&text).map_err(|error| error.to_string())?;
        let plugin =
            root.get_ref().get("plugin").and_then(|plugin| plugin.get_ref().as_table()).ok_or("no [plugin]")?;
        let field = |key: &str| {
            let value = plugin.get(key).and_then(|value| value.get_ref().as_str());
            value.map(str::to_owned).ok_or_else(|| format!("no {key}"))
        };
        Ok(Self {
            folder: folder.to_owned(),
            name: field("name")?,
            language: Language::of(&field("language")?).ok_or("unknown language")?,
            component: field("component")?.into(),
        })
    }

    pub fn component_path(&self) -> PathBuf {
        self.folder.join(&self.component)
    }
}
