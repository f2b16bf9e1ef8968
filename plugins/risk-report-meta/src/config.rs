//! The config: which meta portfolio, which risk profiles, where the files are.

use forensic_guest_sdk::{PluginError, Request};
use forensic_plugin_kit::config::{Config, invalid};
use forensic_plugin_kit::inputs::{Inputs, join};

/// All keys of the config.
const KEYS: [&str; 3] = ["meta_profile", "profiles", "dir"];
/// The meta profile without config.
const META_PROFILE: &str = "meta_production";
/// The folder of the files without config.
const FOLDER: &str = "data";

/// What the config says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    /// Name of the meta portfolio.
    pub(crate) meta_profile: String,
    /// Risk profiles in the order of the report.
    pub(crate) profiles: Vec<String>,
    /// Whether the profiles are those that have files, for lack of the key.
    pub(crate) found: bool,
    /// Folder below the run directory.
    pub(crate) folder: String,
}

impl Settings {
    /// Reads the config; without `profiles` these are the ones that have a `meta_optimized` file.
    pub(crate) fn read(request: &Request, inputs: &Inputs<'_>) -> Result<Self, PluginError> {
        let config = Config::read(request, &KEYS)?;
        let meta_profile = config.text("meta_profile")?.unwrap_or_else(|| META_PROFILE.to_owned());
        let folder = config.folder("dir", FOLDER)?;
        let listed = config.texts("profiles")?;
        let found = listed.is_none();
        let profiles = listed.unwrap_or_else(|| {
            let start = join(&folder, &format!("meta_optimized_{meta_profile}_"));
            let profile = |id: &str| Some(id.strip_prefix(&start)?.strip_suffix(".json")?.to_owned());
            inputs.ids().filter_map(profile).filter(|name| !name.is_empty() && !name.contains('/')).collect()
        });
        if profiles.is_empty() && !found {
            return Err(invalid("`profiles` is empty: name at least one risk profile, or leave the key out"));
        }
        for (key, name) in profiles.iter().map(|name| ("profiles", name)).chain([("meta_profile", &meta_profile)]) {
            if name.contains(['/', '\\']) || name.chars().any(char::is_control) {
                return Err(invalid(format!("`{key}` has {name:?}, which can't be part of a file name")));
            }
        }
        Ok(Self { meta_profile, profiles, found, folder })
    }

    /// A file in the folder.
    pub(crate) fn file(&self, name: &str) -> String {
        join(&self.folder, name)
    }
}
