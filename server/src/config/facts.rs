//! What plugins are told beyond what a request holds by itself.

use std::path::PathBuf;

use super::error::ConfigError;
use super::layers::Layers;
use super::read::{list, number, path, path_of, value};

/// Most files about addresses: one for countries and one for networks, and room for a provider that splits them otherwise.
const MOST_FILES: usize = 8;
/// A week, in seconds.
const WEEK: u32 = 7 * 24 * 3600;

/// What plugins are told beyond what a request holds by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactsConfig {
    /// Databases that say in which country and network an address is, in the format of MaxMind.
    pub origin_files: Vec<PathBuf>,
    /// What coins and tokens cost.
    pub prices_file: Option<PathBuf>,
    /// Seconds after which a price is none any more.
    pub prices_max_age_seconds: u32,
}

impl Default for FactsConfig {
    fn default() -> Self {
        Self {
            origin_files: Vec::new(),
            prices_file: None,
            prices_max_age_seconds: 3600,
        }
    }
}

pub(super) fn read(layers: &Layers) -> Result<FactsConfig, ConfigError> {
    let default = FactsConfig::default();
    Ok(FactsConfig {
        origin_files: value(layers, "facts.origin_files", |entry| {
            let files = list(entry)?;
            if files.len() > MOST_FILES {
                return Err(format!("must name at most {MOST_FILES} files"));
            }
            files.iter().map(|file| path_of(file)).collect()
        })?
        .unwrap_or(default.origin_files),
        prices_file: value(layers, "facts.prices_file", path)?,
        prices_max_age_seconds: value(layers, "facts.prices_max_age_seconds", |entry| {
            number(entry, 1, WEEK, "seconds")
        })?
        .unwrap_or(default.prices_max_age_seconds),
    })
}
