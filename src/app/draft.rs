//! A configuration and the mappings it names, read and compiled whole: what a generation will be, if
//! nothing is wrong with it. Nothing is opened yet.

use std::panic::resume_unwind;
use std::thread::scope;

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
    /// The SHA-256 of the contract's file.
    pub(super) contract: Option<[u8; 32]>,
    /// What somebody should look at; nothing that keeps it from being served.
    pub(super) warnings: Problems,
}

/// The mapping files that a configuration names.
pub(super) fn mappings(config: &Config) -> Result<Files, Problems> {
    files(config.mappings.as_deref())
        .map_err(|error| config.problem("mappings.dir", Code::MissingFile, error.to_string()))
}

/// Reads and compiles what a process begins with, and says how many warnings there were: on a thread
/// of its own, as what the allocator has kept of all that is thrown away again goes with the thread.
pub(super) fn first(config: &Config) -> Result<(Draft, usize), Refused> {
    let work = || {
        let files = mappings(config)?;
        let mut draft = Draft::new(config, &files, 1, None)?;
        let warnings = std::mem::take(&mut draft.warnings);
        Ok((draft, warnings.diagnostics.len()))
    };
    scope(|scope| scope.spawn(work).join().unwrap_or_else(|panic| resume_unwind(panic)))
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
        let contract = files.hash(CONTRACT);
        if ground.is_some_and(|ground| ground.contract_file != contract) {
            let text = files.read(CONTRACT).unwrap_or_default();
            let at = sources.add(files.shown(CONTRACT), text);
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
                Ok(Self { catalog, mappings: files.digest(), contract, warnings: problems })
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
