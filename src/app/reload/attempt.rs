//! One attempt: everything is read, and what is new is compiled and opened, before anything changes.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::app::draft::{self, Draft};
use crate::app::generation::Generation;
use crate::app::ground::Ground;
use crate::app::refused::Refused;
use crate::config::{self, Config, FilesRead, Input};
use crate::syntax::{Code, Diagnostic, Diagnostics, Sources, Span};

/// What an attempt knows.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) ground: Arc<Ground>,
    pub(super) current: Arc<Generation>,
    pub(super) input: Arc<Input>,
    pub(super) held: Inputs,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Tried {
    pub(super) read: Inputs,
    /// A generation with warnings; nothing where the same was read as before.
    pub(super) result: Result<Option<(Arc<Generation>, Refused)>, Refused>,
    pub(super) took: Duration,
}

/// Everything that was read: where it is, and what it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Inputs {
    pub(super) files: FilesRead,
    /// The folder of mappings, and the digest of what is in it.
    pub(super) mappings: Option<(std::path::PathBuf, Option<String>)>,
    /// Whether changes are watched for.
    pub(super) watch: bool,
}

impl Inputs {
    pub(super) fn of(config: &Config, digest: impl Into<Option<String>>) -> Self {
        Self {
            files: config.files.clone(),
            mappings: config.mappings.clone().map(|folder| (folder, digest.into())),
            watch: config.watch,
        }
    }

    /// Whether there is no file that could change.
    pub(super) fn is_nothing(&self) -> bool {
        self.mappings.is_none() && self.files.paths().next().is_none()
    }
}

/// Tries, on a thread that may be kept busy.
pub(super) async fn attempt(attempt: Attempt) -> Tried {
    let started = Instant::now();
    let held = attempt.held.clone();
    let tried = tokio::task::spawn_blocking(move || attempt.run()).await;
    let (read, result) = tried.unwrap_or_else(|gone| {
        // A fault of ours: it must not take the gateway with it.
        tracing::error!(error = %gone, "a reload ended early");
        (held, Err(internal()))
    });
    Tried { read, result, took: started.elapsed() }
}

type Outcome = Result<Option<(Arc<Generation>, Refused)>, Refused>;

impl Attempt {
    fn run(self) -> (Inputs, Outcome) {
        let config = match config::load(&self.input) {
            Ok(config) => config,
            Err(problems) => {
                // What it says of mappings and watching is not known, so that stays as it is.
                let mut read = Inputs { files: problems.files.clone(), ..self.held };
                if let Some((_, digest)) = &mut read.mappings {
                    *digest = None;
                }
                return (read, Err(problems.into()));
            }
        };
        let files = match draft::mappings(&config) {
            Ok(files) => files,
            Err(problems) => return (Inputs::of(&config, None), Err(problems.into())),
        };
        let read = Inputs::of(&config, files.digest());
        if read == self.held {
            return (read, Ok(None));
        }
        let number = self.current.number + 1;
        let next = Draft::new(&config, &files, number, Some(&self.ground)).and_then(|mut draft| {
            let warnings = std::mem::take(&mut draft.warnings);
            let next = Generation::new(&self.ground, &config, draft, Some(&self.current))?;
            Ok(Some((Arc::new(next), Refused::from(warnings))))
        });
        (read, next)
    }
}

fn internal() -> Refused {
    let mut sources = Sources::default();
    let nowhere = Span::start_of(sources.add("(deskbridge)", ""));
    let mut diagnostics = Diagnostics::default();
    let message = "the reload failed inside the gateway: its log says why";
    diagnostics.push(Diagnostic::error(Code::ConfigInvalid, nowhere, message));
    config::Problems { diagnostics, sources, files: FilesRead::default() }.into()
}
