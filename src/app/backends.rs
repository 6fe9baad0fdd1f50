//! The backends of a generation. One whose parameters did not change goes on into the next, with
//! its connections and all it has learnt; another ends with the last request that asks it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::net::TcpStream;

use crate::app::ground::Ground;
use crate::config::{self, Canonical, Config, Problems, UpstreamKind};
use crate::sandbox::{self, Sandbox};
use crate::stack;
use crate::syntax::Code;
use crate::upstream::{self, Remote, resilience};

/// How often the way to a backend is tried, for `/ready`.
const PROBE_EVERY: Duration = Duration::from_secs(5);
/// How long such a try may take.
const PROBE_PATIENCE: Duration = Duration::from_secs(2);

/// A backend that is asked.
#[derive(Debug)]
pub(super) struct Backend {
    pub(super) name: Arc<str>,
    made_of: MadeOf,
    /// Stands for what it answers: another address or credential is another number, another
    /// time-out is not.
    pub(super) number: u64,
    pub(super) upstream: stack::Upstream,
    /// What there is to tell of a remote one.
    remote: Option<Remote>,
    /// Whether a connection could be made the last time.
    reachable: AtomicBool,
}

/// What makes it the one it is.
#[derive(Clone, Debug, PartialEq)]
enum MadeOf {
    /// The sandbox; with other parameters it would be another process's.
    Sandbox,
    /// Address, credential, time limits; and what is done about trouble.
    Canonical(Box<(Canonical, resilience::Params)>),
}

impl MadeOf {
    fn new(config: &Config, kind: &UpstreamKind) -> Self {
        match kind {
            UpstreamKind::Sandbox => Self::Sandbox,
            UpstreamKind::Canonical(canonical) => {
                Self::Canonical(Box::new(((**canonical).clone(), config.resilience.clone())))
            }
        }
    }

    /// Whether the same questions get the same answers: what may differ is how they are asked.
    fn answers_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Canonical(one), Self::Canonical(other)) => one.0.is_at(&other.0),
            // Each sandbox has data of its own.
            _ => false,
        }
    }
}

/// Numbers are never given twice.
static NUMBERS: AtomicU64 = AtomicU64::new(1);

/// The backends of a configuration, those of `before` that it leaves as they are among them.
pub(super) fn open(
    config: &Config,
    ground: &Ground,
    public_url: &str,
    before: &[Arc<Backend>],
) -> Result<Vec<Arc<Backend>>, Problems> {
    let named = |upstream: &config::Upstream| before.iter().find(|b| b.name == upstream.name);
    let mut opened = Vec::new();
    for upstream in &config.upstreams {
        let (known, made_of) = (named(upstream), MadeOf::new(config, &upstream.kind));
        opened.push(match known.filter(|known| known.made_of == made_of) {
            Some(kept) => Arc::clone(kept),
            None => {
                let same = known.filter(|known| known.made_of.answers_as(&made_of));
                let number = same.map(|known| known.number);
                Backend::open(config, ground, public_url, &upstream.name, made_of, number)?
            }
        });
    }
    Ok(opened)
}

impl Backend {
    fn open(
        config: &Config,
        ground: &Ground,
        public_url: &str,
        name: &Arc<str>,
        made_of: MadeOf,
        number: Option<u64>,
    ) -> Result<Arc<Self>, Problems> {
        let unusable = |message: String| {
            config.problem(&format!("upstreams.{name}"), Code::ConfigInvalid, message)
        };
        let Ground { metrics, contract, .. } = ground;
        let (upstream, remote) = match &made_of {
            MadeOf::Sandbox => {
                let params = sandbox::Params {
                    path: config.sandbox_path.clone(),
                    public_url: public_url.to_owned(),
                    busy_timeout: Duration::from_secs(2),
                    queue: 256,
                    repeatable: config.sandbox_time.is_some(),
                };
                let fixed = config.sandbox_time;
                let clock = Arc::new(move || fixed.unwrap_or_else(jiff::Timestamp::now));
                let sandbox = Sandbox::open(params, Arc::clone(contract), clock)
                    .map_err(|error| unusable(error.to_string()))?;
                (stack::upstream(metrics, contract, name, sandbox), None)
            }
            MadeOf::Canonical(remote) => {
                let (canonical, resilience) = &**remote;
                let params = upstream::Params {
                    name: Arc::clone(name),
                    url: canonical.url.clone(),
                    tls: canonical.tls.as_ref().map(|(_, tls)| tls.clone()),
                    credential: canonical.credential.clone(),
                    timeout: canonical.timeout,
                    connect_timeout: canonical.connect_timeout,
                    max_answer_bytes: usize::try_from(canonical.max_answer).unwrap_or(usize::MAX),
                    pool_idle: canonical.pool_idle,
                    resilience: resilience.clone(),
                    signals: stack::signals(metrics, name),
                };
                let remote = Remote::new(&params, contract)
                    .map_err(|error| unusable(format!("upstream `{name}`: {error}")))?;
                (stack::upstream(metrics, contract, name, remote.clone().service()), Some(remote))
            }
        };
        let way = match &made_of {
            MadeOf::Canonical(remote) => authority(&remote.0.url),
            MadeOf::Sandbox => None,
        };
        let backend = Arc::new(Self {
            name: Arc::clone(name),
            made_of,
            number: number.unwrap_or_else(|| NUMBERS.fetch_add(1, Ordering::Relaxed)),
            upstream,
            remote,
            reachable: AtomicBool::new(true),
        });
        if let Some(way) = way {
            tokio::spawn(probe(Arc::downgrade(&backend), way));
        }
        Ok(backend)
    }

    /// How a remote one is, for operators.
    pub(super) fn status(&self) -> Option<serde_json::Value> {
        self.remote.as_ref().map(Remote::status)
    }

    /// What is wrong with the way to it, or with itself.
    pub(super) fn trouble(&self) -> Option<String> {
        if !self.reachable.load(Ordering::Relaxed) {
            return Some("not reachable".to_owned());
        }
        let left_alone = self.remote.as_ref().is_some_and(Remote::is_left_alone);
        left_alone.then(|| "it fails: the breaker is open".to_owned())
    }
}

/// Host and port of a backend's address.
fn authority(url: &str) -> Option<String> {
    let uri: http::Uri = url.parse().ok()?;
    let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    Some(format!("{}:{}", uri.host()?, uri.port_u16().unwrap_or(usual)))
}

/// Tries the way to a backend now and then, as long as it is anybody's.
async fn probe(backend: Weak<Backend>, authority: String) {
    let mut every = tokio::time::interval(PROBE_EVERY);
    loop {
        every.tick().await;
        if backend.strong_count() == 0 {
            return;
        }
        let tried = tokio::time::timeout(PROBE_PATIENCE, TcpStream::connect(&authority)).await;
        let reachable = matches!(tried, Ok(Ok(_)));
        let Some(backend) = backend.upgrade() else { return };
        if backend.reachable.swap(reachable, Ordering::Relaxed) != reachable {
            tracing::warn!(upstream = &*backend.name, reachable, "the way to a backend changed");
        }
    }
}
