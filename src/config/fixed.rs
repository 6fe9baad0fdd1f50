//! What a running gateway cannot follow: sockets are bound, memory is set aside, a database is open.
//! A reload that would change one of these is refused, and says so where it was written.

use crate::config::value::{ByteSize, Time};
use crate::config::{Cache, Config, Problems, UpstreamKind};
use crate::syntax::{Code, Diagnostic, Diagnostics};
use crate::telemetry::LogForm;

/// The keys that only a restart can change, with what they say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed(Vec<(&'static str, String)>);

impl Fixed {
    /// Of a configuration.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let Cache { enabled: _, max_bytes, stale_if_error, stale_while_revalidate } = config.cache;
        let log = match config.telemetry.log {
            LogForm::Auto => "auto",
            LogForm::Text => "text",
            LogForm::Json => "json",
        };
        let mut fixed = vec![
            ("server.listen", config.server.listen.to_string()),
            ("admin.listen", config.admin_listen.to_string()),
            ("cache.max_bytes", ByteSize(max_bytes).to_string()),
            ("cache.stale_if_error", Time(stale_if_error).to_string()),
            ("cache.stale_while_revalidate", Time(stale_while_revalidate).to_string()),
            ("telemetry.log", log.to_owned()),
        ];
        if config.upstreams.iter().any(|u| matches!(u.kind, UpstreamKind::Sandbox)) {
            let path = config.sandbox_path.as_ref().map(|path| path.display().to_string());
            fixed.push(("sandbox.path", path.unwrap_or_default()));
            let time = config.sandbox_time.map(|time| time.to_string());
            fixed.push(("sandbox.fixed_time", time.unwrap_or_default()));
            // It is in links that the sandbox has written down.
            fixed.push(("server.public_url", config.server.public_url.clone().unwrap_or_default()));
        }
        Self(fixed)
    }

    /// What `config` says otherwise.
    pub(super) fn contradicted(&self, config: &Config) -> Diagnostics {
        let mut diagnostics = Diagnostics::default();
        for (key, value) in Self::of(config).0 {
            let held = self.0.iter().find(|(k, v)| *k == key && *v != value);
            if let Some((_, held)) = held {
                let held = if held.is_empty() { "not set" } else { held };
                let message = format!("`{key}` cannot change while the gateway runs");
                diagnostics.push(
                    Diagnostic::error(Code::NeedsRestart, config.places.of(key), message)
                        .label(format!("it is {held}"))
                        .help("restart the gateway, or set it back"),
                );
            }
        }
        diagnostics
    }
}

impl Config {
    /// Checks that a gateway that runs with `fixed` can follow.
    ///
    /// # Errors
    /// Every key that only a restart can change.
    pub fn check_fixed(&self, fixed: &Fixed) -> Result<(), Problems> {
        let diagnostics = fixed.contradicted(self);
        if diagnostics.is_empty() { Ok(()) } else { Err(self.problems(diagnostics)) }
    }

    /// One problem with what stands under `key` (`mappings.dir`), found where it was used.
    #[must_use]
    pub fn problem(&self, key: &str, code: Code, message: impl Into<String>) -> Problems {
        let mut diagnostics = Diagnostics::default();
        diagnostics.push(Diagnostic::error(code, self.places.of(key), message));
        self.problems(diagnostics)
    }

    pub(super) fn problems(&self, diagnostics: Diagnostics) -> Problems {
        let (sources, files) = (self.places.sources.clone(), self.files.clone());
        Problems { diagnostics, sources, files }
    }
}
