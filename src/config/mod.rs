//! What the operator wrote → parameters that cannot be wrong.
//!
//! ```text
//! deskbridge.yaml < DESKBRIDGE__SECTION__KEY < flags ──load──▶ merged ──resolve──▶ Config
//! ```
//!
//! Every problem is reported, each where it was written. Without a file there is the embedded
//! sandbox on loopback; a file without `upstreams` is an error, never a silent sandbox.
//!
//! Only `app`, `cli` and `main` see this room: each stage has parameters of its own.

mod files;
mod fixed;
pub mod glance;
pub mod keys;
pub mod load;
mod raw;
mod redacted;
mod resolve;
mod secret;
pub mod value;

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use crate::auth::keyring;
use crate::canonical::Tenant;
use crate::syntax::{Code, Diagnostic, Diagnostics, Sources, Span, closest};
use crate::{limit, server, telemetry, upstream};

pub use files::FilesRead;
pub use fixed::Fixed;
pub use load::{DEFAULT_FILE, Flags, Input, default_file, load};

use load::Places;

/// A configuration that was checked: nothing in it needs to be checked again.
#[derive(Clone, Debug)]
pub struct Config {
    /// What it was read from, to be read again.
    pub input: Arc<Input>,
    /// The files among that.
    pub files: FilesRead,
    /// Whether it is the set-up without any configuration: the sandbox and its credentials.
    pub sandbox_only: bool,
    /// The listener for clients.
    pub server: Server,
    /// Where the admin listener listens (`admin.listen`). Default `127.0.0.1:8081`.
    pub admin_listen: SocketAddr,
    /// What signs events of writes made elsewhere (`admin.events_secret`); without it none is heard.
    pub events_key: Option<crate::events::Key>,
    /// The backends.
    pub upstreams: Vec<Upstream>,
    /// `resilience`: what is done about any backend in trouble.
    pub resilience: upstream::resilience::Params,
    /// Whose backend is which: tenant, and index into `upstreams`.
    pub tenants: Vec<(Tenant, usize)>,
    /// What is mounted where.
    pub mounts: Mounts,
    /// The credentials of clients.
    pub credentials: keyring::Params,
    /// `cache`
    pub cache: Cache,
    /// Dialect folders laid over the embedded ones (`mappings.dir`).
    pub mappings: Option<PathBuf>,
    /// Whether changes of files are noticed (`reload.watch`). Default: where there are files.
    pub watch: bool,
    /// `limits`, but for what the listeners hold.
    pub limits: limit::Params,
    /// `telemetry`
    pub telemetry: telemetry::Params,
    /// The sandbox's file (`sandbox.path`); `None` starts from the same data each time.
    pub sandbox_path: Option<PathBuf>,
    /// Where the sandbox's clock stands still (`sandbox.fixed_time`).
    pub sandbox_time: Option<Timestamp>,
    /// Where the dialects of credentials stand, in the order of `credentials`.
    credential_spans: Vec<Vec<Span>>,
    places: Places,
}

/// The listener for clients.
#[derive(Clone, Debug)]
pub struct Server {
    /// Default `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// What URLs in answers begin with, without a trailing slash; `None` is `http://` and the
    /// address that is listened on.
    pub public_url: Option<String>,
    /// Peers whose `Forwarded` and `X-Forwarded-*` are believed. Default none.
    pub trusted_proxies: Vec<server::Network>,
    /// Whether answers are compressed for clients that take it. Default true.
    pub compression: bool,
    /// How long a client may take between two pieces of a body. Default 10 s.
    pub body_timeout: Duration,
    /// Connections, their time limits and the end.
    pub params: server::Params,
}

/// A backend.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Its name: the key under `upstreams`.
    pub name: Arc<str>,
    /// What it is.
    pub kind: UpstreamKind,
}

/// What a backend is.
#[derive(Clone, Debug)]
pub enum UpstreamKind {
    /// The embedded one.
    Sandbox,
    /// An HTTP server of the canonical contract.
    Canonical(Box<Canonical>),
}

/// An HTTP server of the canonical contract.
#[derive(Clone, Debug)]
pub struct Canonical {
    /// Where the contract's paths begin, without a trailing slash.
    pub url: String,
    /// What `https://` needs: as it was written, and ready to be used.
    pub tls: Option<(upstream::tls::Params, upstream::tls::Tls)>,
    /// The gateway's own bearer token there.
    pub credential: SecretString,
    /// How long a call may take. Default 10 s.
    pub timeout: Duration,
    /// How long an attempt to connect may take. Default 2 s.
    pub connect_timeout: Duration,
    /// How long an unused connection is kept; less than the backend keeps it. Default 4 s.
    pub pool_idle: Duration,
    /// Most bytes of an answer. Default 16 MiB.
    pub max_answer: u64,
}

impl PartialEq for Canonical {
    fn eq(&self, other: &Self) -> bool {
        // Nothing left out by mistake: what differs here is another backend.
        let Self { url: _, tls, credential: _, timeout, connect_timeout, pool_idle, max_answer } =
            self;
        self.is_at(other)
            && *tls == other.tls
            && *timeout == other.timeout
            && *connect_timeout == other.connect_timeout
            && *pool_idle == other.pool_idle
            && *max_answer == other.max_answer
    }
}

impl Canonical {
    /// Whether it is the same server, and the gateway the same to it.
    #[must_use]
    pub fn is_at(&self, other: &Self) -> bool {
        // Where its certificate and ours are, not what is in them: they are renewed.
        let way = |canonical: &Self| canonical.tls.as_ref().map(|(params, _)| params.clone());
        self.url == other.url
            && way(self) == way(other)
            && self.credential.expose_secret() == other.credential.expose_secret()
    }
}

/// What is mounted where.
#[derive(Clone, Debug)]
pub enum Mounts {
    /// Every dialect at its own prefix, at any host, for the only tenant.
    Every(Tenant),
    /// What is listed.
    Listed(Vec<Mount>),
}

/// A dialect at an address.
#[derive(Clone, Debug)]
pub struct Mount {
    /// Name of a dialect; [`Config::check_dialects`] checks it.
    pub dialect: String,
    /// Whose backend.
    pub tenant: Tenant,
    /// `Host` it answers to, lower-case, without port; `*` is any. Default `*`.
    pub host: String,
    /// Before the dialect's own paths, without a trailing slash. Default empty.
    pub prefix: String,
    span: Span,
}

/// What the cache may keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cache {
    /// Default true.
    pub enabled: bool,
    /// Most bytes of answers and their renderings. Default 256 MiB.
    pub max_bytes: u64,
    /// Longest time past its own that an answer is given where the backend fails. Default 5 minutes.
    pub stale_if_error: Duration,
    /// Longest time past its own that an answer is given while the backend is asked. Default 1 minute.
    pub stale_while_revalidate: Duration,
}

impl Config {
    /// Checks the dialects that mounts and credentials name against those that there are.
    ///
    /// # Errors
    /// Every name that is no dialect's.
    pub fn check_dialects(&self, known: &[&str]) -> Result<(), Problems> {
        let mut diagnostics = Diagnostics::default();
        let mut check = |name: &str, span: Span| {
            if !known.contains(&name) {
                let message = format!("there is no dialect `{name}`");
                diagnostics.push(
                    Diagnostic::error(Code::UnknownDialect, span, message)
                        .suggest(closest(name, known.iter().copied())),
                );
            }
        };
        if let Mounts::Listed(mounts) = &self.mounts {
            mounts.iter().for_each(|mount| check(&mount.dialect, mount.span));
        }
        for (credential, spans) in self.credentials.iter().zip(&self.credential_spans) {
            for (dialect, span) in credential.dialects.iter().zip(spans) {
                check(dialect, *span);
            }
        }
        // The credentials of the sandbox may name dialects that a folder laid over took away.
        if diagnostics.is_empty() || self.sandbox_only {
            return Ok(());
        }
        Err(self.problems(diagnostics))
    }

    /// The whole configuration as it holds, defaults included and secrets left out.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        redacted::json(self)
    }
}

/// Why a configuration cannot be used: all there is to say, and the text to show it in.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    /// What is wrong.
    pub diagnostics: Diagnostics,
    /// Where.
    pub sources: Sources,
    /// What was read until then: with a change to one of these it may be usable.
    pub files: FilesRead,
}

impl Problems {
    /// Every problem with its line underlined.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        self.diagnostics.render(&self.sources, colour)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}
