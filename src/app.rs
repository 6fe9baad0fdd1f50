//! Configuration → running gateway. Where everything meets, once.
//!
//! Order: mappings, backends, then the two listeners. Whatever is wrong is said before a client can
//! connect.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::admin::{self, Readiness};
use crate::auth::keyring::Keyring;
use crate::cache;
use crate::canonical::{Contract, Tenant};
use crate::config::{self, Config, Mounts, UpstreamKind};
use crate::dialect::catalog::{Catalog, MountSpec};
use crate::dialect::embedded::{Files, Unreadable};
use crate::forwarded::{self, Proxies};
use crate::limit;
use crate::sandbox::{self, Sandbox};
use crate::server::{self, Drained, Peers};
use crate::stack::{self, Parts, Upstreams};
use crate::syntax::{Diagnostics, Sources};
use crate::telemetry::{Metrics, metrics};
use crate::translate;
use crate::upstream::{self, Remote};

/// How often the way to a backend is tried, for `/ready`.
const PROBE_EVERY: Duration = Duration::from_secs(5);
/// How long such a try may take.
const PROBE_PATIENCE: Duration = Duration::from_secs(2);

/// Why the gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot be used.
    #[error("{0}")]
    Config(config::Problems),
    /// The mapping files cannot be used.
    #[error("{}", .0.render(&.1, false))]
    Mappings(Diagnostics, Box<Sources>),
    /// The folder of mapping files cannot be read.
    #[error(transparent)]
    Folder(#[from] Unreadable),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Address {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// A backend cannot be used as configured.
    #[error("upstream `{name}`: {source}")]
    Upstream {
        /// Its name.
        name: Arc<str>,
        /// Why not.
        source: upstream::Unusable,
    },
    /// The sandbox cannot be opened.
    #[error(transparent)]
    Sandbox(#[from] sandbox::OpenError),
    /// Two metrics of one name: a fault of this program.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// A gateway that listens and waits to be run.
#[derive(Debug)]
pub struct App {
    gateway: TcpListener,
    admin: TcpListener,
    parts: Parts,
    upstreams: Upstreams,
    admin_params: admin::Params,
    server_params: server::Params,
    peers: Arc<Peers>,
    health: Arc<Health>,
    probes: Vec<(usize, String)>,
}

/// What `/ready` looks at.
#[derive(Debug, Default)]
struct Health {
    draining: AtomicBool,
    /// By upstream: name, and whether a connection could be made the last time.
    upstreams: Vec<(Arc<str>, AtomicBool)>,
}

/// The mapping files that a configuration names: the embedded ones, and a folder laid over them.
///
/// # Errors
/// The folder cannot be read.
pub fn files(overlay: Option<&std::path::Path>) -> Result<Files, Unreadable> {
    let embedded = Files::embedded();
    match overlay {
        Some(dir) => embedded.overlay(dir),
        None => Ok(embedded),
    }
}

impl App {
    /// Compiles the mappings, opens the backends and binds the listeners.
    ///
    /// # Errors
    /// Everything that is wrong with configuration and mappings together; or the first thing that
    /// the system refuses.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        let files = files(config.mappings.as_deref())?;
        config.check_dialects(&files.dialects()).map_err(StartError::Config)?;
        let mut sources = Sources::default();
        let (catalog, diagnostics) =
            Catalog::load(&files, &mounts(config, &files), 1, &mut sources);
        let Some(catalog) = catalog else {
            return Err(StartError::Mappings(diagnostics, Box::new(sources)));
        };
        if !diagnostics.is_empty() {
            tracing::warn!(
                count = diagnostics.len(),
                "mapping files load with warnings: see `deskbridge check`"
            );
        }
        let gateway = bind(config.server.listen).await?;
        let admin = bind(config.admin_listen).await?;
        let listening = gateway.local_addr().unwrap_or(config.server.listen);
        let public_url =
            config.server.public_url.clone().unwrap_or_else(|| format!("http://{listening}"));

        let contract = Arc::clone(&catalog.contract);
        let metrics = Arc::new(Metrics::new(crate::VERSION, crate::REVISION)?);
        metrics.routes(catalog.dialects.iter().flat_map(|dialect| {
            dialect.routes.iter().map(|r| (Arc::clone(&dialect.name), Arc::clone(&r.name)))
        }));
        let cache = cache::layer(
            &cache::Params {
                enabled: config.cache.enabled,
                max_bytes: config.cache.max_bytes,
                stale_if_error: config.cache.stale_if_error,
                stale_while_revalidate: config.cache.stale_while_revalidate,
                ..cache::Params::default()
            },
            &contract,
        );
        measure(&metrics, &cache.stats())?;
        let peers = Arc::new(Peers::default());
        listening_metrics(&metrics, &peers)?;
        let parts = Parts {
            catalog: Arc::new(ArcSwap::from_pointee(catalog)),
            proxies: Proxies::new(&config.server.trusted_proxies),
            contract: Arc::clone(&contract),
            metrics: Arc::clone(&metrics),
            keyring: Arc::new(Keyring::new(&config.credentials)),
            cache,
            rate: limit::rate(&config.limits),
            telemetry: config.telemetry.clone(),
            limit: config.limits.clone(),
            translate: Arc::new(translate::Params {
                max_body: config.limits.max_body,
                body_timeout: config.server.body_timeout,
                compression: config.server.compression,
                values: vec![("public_url".into(), format!("{public_url:?}").into())],
            }),
        };
        let Backends { upstreams, health, probes, remotes } =
            backends(config, &parts, &contract, &public_url)?;
        let health = Arc::new(health);
        let admin_params = admin::Params {
            metrics,
            ready: Box::new({
                let health = Arc::clone(&health);
                move || health.readiness()
            }),
            version: admin::Version {
                version: crate::VERSION.to_owned(),
                revision: crate::REVISION.to_owned(),
                mappings: format!("sha256:{}", files.digest()),
            },
            routes: Box::new({
                let catalog = Arc::clone(&parts.catalog);
                move || routes(&catalog.load())
            }),
            upstreams: Box::new(move || remotes.iter().map(Remote::status).collect()),
            config: config.to_json(),
            pages: Vec::new(),
        };
        let server_params = config.server.params.clone();
        Ok(Self {
            gateway,
            admin,
            parts,
            upstreams,
            admin_params,
            server_params,
            peers,
            health,
            probes,
        })
    }

    /// Where clients connect.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.gateway.local_addr()
    }

    /// Where operators connect.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn admin_address(&self) -> std::io::Result<SocketAddr> {
        self.admin.local_addr()
    }

    /// Serves until `shutdown`, then lets what is in flight end. The admin listener stays until the
    /// last client is gone, so that the end can be watched.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Drained {
        let service = stack::inbound(&self.parts, self.upstreams.clone());
        let (ended, mut end) = watch::channel(());
        let admin = admin::service(self.admin_params);
        let admin_params =
            server::Params { grace: Duration::from_secs(1), ..self.server_params.clone() };
        let admin_listener = self.admin;
        let (_admin_params, admin_params) = watch::channel(admin_params);
        let watching = tokio::spawn(async move {
            let end = async move {
                // Ends when told, and when the sender is gone.
                let _ = end.changed().await;
            };
            let peers = Arc::default();
            server::serve(admin_listener, |_| admin.clone(), end, admin_params, &peers).await
        });
        for (index, authority) in self.probes {
            tokio::spawn(probe(Arc::clone(&self.health), index, authority, ended.subscribe()));
        }
        tokio::spawn(self.parts.rate.forgetting());
        let stats = self.parts.cache.stats();
        let keeping = tokio::spawn(async move { stats.keep().await });
        let health = Arc::clone(&self.health);
        let shutdown = async move {
            shutdown.await;
            health.draining.store(true, Ordering::Relaxed);
            tracing::info!("draining: no new connections, requests in flight end");
        };
        let (_server_params, server_params) = watch::channel(self.server_params);
        let make = |peer: SocketAddr| forwarded::of(service.clone(), peer.ip());
        let drained = server::serve(self.gateway, make, shutdown, server_params, &self.peers).await;
        keeping.abort();
        let _ = ended.send(());
        let _ = watching.await;
        drained
    }
}

impl Health {
    fn readiness(&self) -> Readiness {
        let mut checks = vec![("mappings".to_owned(), None)];
        for (name, reachable) in &self.upstreams {
            let wrong = (!reachable.load(Ordering::Relaxed)).then(|| "not reachable".to_owned());
            checks.push((format!("upstream {name}"), wrong));
        }
        let draining = self.draining.load(Ordering::Relaxed).then(|| "draining".to_owned());
        checks.push((admin::SERVING.to_owned(), draining));
        Readiness { checks }
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Address { address, source })
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

struct Backends {
    upstreams: Upstreams,
    health: Health,
    /// What of `health` is tried, and where.
    probes: Vec<(usize, String)>,
    remotes: Vec<Remote>,
}

fn backends(
    config: &Config,
    parts: &Parts,
    contract: &Arc<Contract>,
    public_url: &str,
) -> Result<Backends, StartError> {
    let mut made = Vec::new();
    let mut health = Health::default();
    let mut probes = Vec::new();
    let mut remotes = Vec::new();
    for upstream in &config.upstreams {
        made.push(match &upstream.kind {
            UpstreamKind::Sandbox => {
                let params = sandbox::Params {
                    path: config.sandbox_path.clone(),
                    public_url: public_url.to_owned(),
                    busy_timeout: Duration::from_secs(2),
                    queue: 256,
                    repeatable: config.sandbox_time.is_some(),
                };
                let fixed = config.sandbox_time;
                let clock = Arc::new(move || fixed.unwrap_or_else(jiff::Timestamp::now));
                let sandbox = Sandbox::open(params, Arc::clone(contract), clock)?;
                health.upstreams.push((Arc::clone(&upstream.name), AtomicBool::new(true)));
                stack::upstream(parts, &upstream.name, sandbox)
            }
            UpstreamKind::Canonical(canonical) => {
                let params = upstream::Params {
                    name: Arc::clone(&upstream.name),
                    url: canonical.url.clone(),
                    credential: canonical.credential.clone(),
                    timeout: canonical.timeout,
                    connect_timeout: canonical.connect_timeout,
                    max_answer_bytes: usize::try_from(canonical.max_answer).unwrap_or(usize::MAX),
                    pool_idle: canonical.pool_idle,
                    resilience: config.resilience.clone(),
                    signals: stack::signals(parts, &upstream.name),
                };
                let remote = Remote::new(&params, contract).map_err(|source| {
                    StartError::Upstream { name: Arc::clone(&upstream.name), source }
                })?;
                probes.extend(authority(&canonical.url).map(|a| (health.upstreams.len(), a)));
                health.upstreams.push((Arc::clone(&upstream.name), AtomicBool::new(true)));
                remotes.push(remote.clone());
                stack::upstream(parts, &upstream.name, remote.service())
            }
        });
    }
    let by_tenant: BTreeMap<Tenant, stack::Upstream> = config
        .tenants
        .iter()
        .filter_map(|(tenant, index)| Some((tenant.clone(), made.get(*index)?.clone())))
        .collect();
    Ok(Backends { upstreams: Upstreams::new(by_tenant), health, probes, remotes })
}

/// Host and port of a backend's address.
fn authority(url: &str) -> Option<String> {
    let uri: http::Uri = url.parse().ok()?;
    Some(format!("{}:{}", uri.host()?, uri.port_u16().unwrap_or(80)))
}

/// Tries the way to a backend now and then, until the gateway ends.
async fn probe(
    health: Arc<Health>,
    index: usize,
    authority: String,
    mut ended: watch::Receiver<()>,
) {
    let mut every = tokio::time::interval(PROBE_EVERY);
    loop {
        tokio::select! {
            _ = ended.changed() => return,
            _ = every.tick() => {}
        }
        let tried = tokio::time::timeout(PROBE_PATIENCE, TcpStream::connect(&authority)).await;
        let reachable = matches!(tried, Ok(Ok(_)));
        if let Some((name, known)) = health.upstreams.get(index)
            && known.swap(reachable, Ordering::Relaxed) != reachable
        {
            tracing::warn!(upstream = &**name, reachable, "the way to a backend changed");
        }
    }
}

/// What is counted of the connections of clients.
fn listening_metrics(metrics: &Metrics, peers: &Arc<Peers>) -> Result<(), StartError> {
    #[expect(clippy::cast_precision_loss, reason = "counters are floats")]
    let read = |of: fn(&Peers) -> u64| {
        let peers = Arc::clone(peers);
        move || of(&peers) as f64
    };
    metrics.register_gauge(
        "deskbridge_connections_open",
        "Connections of clients.",
        read(Peers::open),
    )?;
    metrics.register_total(
        "deskbridge_connections_accepted_total",
        "Connections that clients made, refused ones included.",
        read(Peers::accepted),
    )?;
    let refused = server::Refusal::ALL.map(|reason| {
        let peers = Arc::clone(peers);
        #[expect(clippy::cast_precision_loss, reason = "counters are floats")]
        let read: metrics::Read = Box::new(move || peers.refused(reason) as f64);
        (reason.label(), read)
    });
    metrics.register_counter(
        "deskbridge_connections_refused_total",
        "Connections that were not served, or no longer.",
        "reason",
        refused.into(),
    )?;
    Ok(())
}

fn measure(metrics: &Metrics, stats: &cache::Stats) -> Result<(), StartError> {
    #[expect(clippy::cast_precision_loss, reason = "gauges are floats; bytes below 2^53 are exact")]
    let as_gauge = |n: u64| n as f64;
    let (bytes, entries, flights) = (stats.clone(), stats.clone(), stats.clone());
    metrics.register_gauge(
        "deskbridge_cache_bytes",
        "Bytes of answers and renderings in the cache.",
        move || as_gauge(bytes.bytes()),
    )?;
    metrics.register_gauge("deskbridge_cache_entries", "Answers in the cache.", move || {
        as_gauge(entries.entries())
    })?;
    metrics.register_gauge(
        "deskbridge_cache_flights",
        "Questions under way that others who ask the same wait for.",
        move || as_gauge(flights.flights() as u64),
    )?;
    let evictions = cache::Removal::ALL
        .iter()
        .map(|cause| {
            let stats = stats.clone();
            let read: Box<dyn Fn() -> f64 + Send + Sync> =
                Box::new(move || as_gauge(stats.removed(*cause)));
            (cause.label(), read)
        })
        .collect();
    metrics.register_counter(
        "deskbridge_cache_evictions_total",
        "Answers that left the cache, by cause.",
        "cause",
        evictions,
    )?;
    Ok(())
}

/// Every route as JSON, for the admin listener and `deskbridge routes`.
#[must_use]
pub fn routes(catalog: &Catalog) -> serde_json::Value {
    catalog
        .routes()
        .map(|route| {
            serde_json::json!({
                "dialect": route.dialect,
                "method": route.method,
                "path": route.template,
                "route": route.name,
                "operations": route.operations,
            })
        })
        .collect()
}
