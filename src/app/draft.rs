//! A configuration and the mappings it names, read and compiled whole: what a generation will be, if
//! nothing is wrong with it. Nothing is opened yet.

use crate::app::files;
use crate::app::ground::Ground;
use crate::app::refused::Refused;
use crate::config::{Config, Mounts, Problems};
use crate::dialect::catalog::{Catalog, MountSpec};
use crate::dialect::embedded::{CONTRACT, Files};
use crate::syntax::{Code, Diagnostic, Sources, Span};

/// Everything that is served, compiled.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) catalog: Catalog,
    /// The digest of the mapping files.
    pub(super) mappings: String,
    pub(super) contract_text: String,
    /// What somebody should look at; nothing that keeps it from being served.
    pub(super) warnings: Problems,
}

/// The mapping files that a configuration names.
pub(super) fn mappings(config: &Config) -> Result<Files, Problems> {
    files(config.mappings.as_deref())
        .map_err(|error| config.problem("mappings.dir", Code::MissingFile, error.to_string()))
}

impl Draft {
    /// Compiles them. `ground` is that of a running gateway, which cannot follow everywhere.
    pub(super) fn new(
        config: &Config,
        files: &Files,
        number: u64,
        ground: Option<&Ground>,
    ) -> Result<Self, Refused> {
        let mut refused = Refused::default();
        if let Some(ground) = ground {
            refused.take(config.check_fixed(&ground.fixed));
        }
        let known = config.check_dialects(&files.dialects());
        let unknown = known.is_err();
        refused.take(known);
        if unknown {
            // Whatever is mounted, it is not what was meant.
            return Err(refused);
        }
        let mut sources = Sources::default();
        let (catalog, mut diagnostics) =
            Catalog::load(files, &mounts(config, files), number, &mut sources);
        let contract_text = files.read(CONTRACT).unwrap_or_default().into_owned();
        if ground.is_some_and(|ground| ground.contract_text != contract_text) {
            let at = sources.add(files.shown(CONTRACT), contract_text.as_str());
            diagnostics.push(
                Diagnostic::error(
                    Code::NeedsRestart,
                    Span::start_of(at),
                    "the contract cannot change while the gateway runs",
                )
                .help("restart the gateway, or set it back"),
            );
        }
        let wrong = catalog.is_none() || diagnostics.has_errors();
        let problems = Problems { diagnostics, sources, files: config.files.clone() };
        match catalog {
            Some(catalog) if !wrong && refused.is_empty() => {
                Ok(Self { catalog, mappings: files.digest(), contract_text, warnings: problems })
            }
            _ => {
                if wrong {
                    refused.take(Err(problems));
                }
                Err(refused)
            }
        }
    }
}

fn mounts(config: &Config, files: &Files) -> Vec<MountSpec> {
    match &config.mounts {
        Mounts::Every(tenant) => files
            .dialects()
            .into_iter()
            .map(|dialect| MountSpec {
                dialect: dialect.to_owned(),
                tenant: tenant.clone(),
                host: "*".to_owned(),
                prefix: None,
            })
            .collect(),
        Mounts::Listed(mounts) => mounts
            .iter()
            .map(|m| MountSpec {
                dialect: m.dialect.clone(),
                tenant: m.tenant.clone(),
                host: m.host.clone(),
                prefix: Some(m.prefix.clone()),
            })
            .collect(),
    }
}
