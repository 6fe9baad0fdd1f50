//! Configuration → running gateway. Where everything meets, once.
//!
//! ```text
//! start   draft (read, compiled) ─ listeners bound ─ ground (for life) ─ generation 1 (backends opened)
//! reload  draft ─ generation n+1, on the same ground ─ in place
//! ```
//!
//! Whatever is wrong is said before a client can connect.

mod backends;
mod draft;
mod generation;
mod ground;
mod measured;
mod refused;
mod reload;

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::Service;

use crate::admin;
use crate::cache;
use crate::config::Config;
use crate::dialect::catalog::Catalog;
use crate::dialect::embedded::{Files, Unreadable};
use crate::events::Events;
use crate::forwarded::{self, Arrived};
use crate::server::{self, Current, Drained};
use crate::stack;
use crate::telemetry::subscriber;
use crate::translate::Answer;

use generation::Generation;
use ground::Ground;
use reload::Reloads;

pub use refused::Refused;
pub use reload::{Outcome, Reloader, Report, Trigger};

/// Why the gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration, or a mapping, or a backend cannot be used.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Address {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// Two metrics of one name: a fault of this program.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// A gateway that listens and waits to be run.
pub struct App {
    gateway: TcpListener,
    admin: TcpListener,
    ground: Arc<Ground>,
    current: Arc<ArcSwap<Generation>>,
    reloads: Reloads,
    reloader: Reloader,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("gateway", &self.gateway).finish_non_exhaustive()
    }
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
        let table = cache::Table::new();
        let (draft, warnings) = draft::first(config)?;
        if warnings > 0 {
            tracing::warn!(
                count = warnings,
                "mapping files load with warnings: see `deskbridge check`"
            );
        }
        let gateway = bind(config.server.listen).await?;
        let admin = bind(config.admin_listen).await?;
        let listening = gateway.local_addr().unwrap_or(config.server.listen);
        let ground = Arc::new(Ground::new(config, &draft, table, listening)?);
        let digest = draft.mappings.clone();
        let first = Generation::new(&ground, config, draft, None).map_err(Refused::from)?;
        first.is_counted();
        let current = Arc::new(ArcSwap::from_pointee(first));
        let (reloads, reloader) = Reloads::new(&ground, &current, config, digest)?;
        Ok(Self { gateway, admin, ground, current, reloads, reloader })
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

    /// Asks for reloads once it runs.
    #[must_use]
    pub fn reloader(&self) -> Reloader {
        self.reloader.clone()
    }

    /// Serves until `shutdown`, then lets what is in flight end. The admin listener stays until the
    /// last client is gone, so that the end can be watched.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Drained {
        let Self { gateway, admin, ground, current, reloads, reloader } = self;
        let first = current.load_full();
        let service = Current::new(path(&first));
        let (change_params, params) = watch::channel(first.server.clone());

        let (ended, mut end) = watch::channel(());
        let pages = admin::service(pages(&ground, &current, &reloader));
        let grace = Duration::from_secs(1);
        let (_, admin_params) = watch::channel(server::Params { grace, ..first.server.clone() });
        let watching = tokio::spawn(async move {
            let end = async move {
                // Ends when told, and when the sender is gone.
                let _ = end.changed().await;
            };
            let peers = Arc::default();
            server::serve(admin, |_| pages.clone(), end, admin_params, &peers).await
        });
        drop(first);

        let put_in_place = service.clone();
        let reloading = tokio::spawn(reloads.run(move |next| {
            put_in_place.replace(path(next));
            change_params.send_replace(next.server.clone());
            subscriber::set_level(next.parts.telemetry.level);
        }));
        let stats = current.load().parts.cache.stats();
        let keeping = tokio::spawn(async move { stats.keep().await });
        let peers = Arc::clone(&ground.peers);
        let shutdown = async move {
            shutdown.await;
            ground.draining.store(true, Ordering::Relaxed);
            tracing::info!("draining: no new connections, requests in flight end");
        };
        let make = |peer: SocketAddr| forwarded::of(service.clone(), peer.ip());
        let drained = server::serve(gateway, make, shutdown, params, &peers).await;
        reloading.abort();
        keeping.abort();
        let _ = ended.send(());
        let _ = watching.await;
        drained
    }
}

/// What a client of a generation talks to.
fn path(
    generation: &Generation,
) -> impl Service<Arrived<server::RequestBody>, Response = Answer, Error = Infallible, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static
+ use<> {
    stack::inbound(&generation.parts, generation.by_tenant.clone())
}

/// What the admin listener tells of whatever is current, and does.
fn pages(
    ground: &Arc<Ground>,
    current: &Arc<ArcSwap<Generation>>,
    reloader: &Reloader,
) -> admin::Params {
    let now = || Arc::clone(current);
    let (version, table, config, health, backends) = (now(), now(), now(), now(), now());
    let ground = Arc::clone(ground);
    let told = now();
    let (cache, contract) = (ground.cache.clone(), Arc::clone(&ground.contract));
    let events =
        Events::new(cache, contract, ground.heard.clone(), move || Arc::clone(&told.load().events));
    admin::Params {
        metrics: Arc::clone(&ground.metrics),
        ready: Box::new(move || health.load().readiness(&ground)),
        version: Box::new(move || version.load().version()),
        routes: Box::new(move || routes(&table.load().parts.catalog)),
        upstreams: Box::new(move || backends.load().upstreams()),
        config: Box::new(move || config.load().config.clone()),
        pages: vec![reload::page(reloader, current), events.page()],
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Address { address, source })
}

/// Every route as JSON, for the admin listener and `deskbridge routes`.
#[must_use]
pub fn routes(catalog: &Catalog) -> serde_json::Value {
    catalog
        .routes()
        .map(|route| {
            let mut listed = serde_json::json!({
                "dialect": route.dialect,
                "method": route.method,
                "path": route.template,
                "route": route.name,
                "operations": route.operations,
            });
            if let (Some((id, title)), Some(listed)) = (route.documented, listed.as_object_mut()) {
                let operation = serde_json::json!({ "id": id, "title": title });
                listed.insert("documented".to_owned(), operation);
            }
            if let (Some(evidence), Some(listed)) = (route.evidence, listed.as_object_mut()) {
                listed.insert("evidence".to_owned(), evidence.word().into());
            }
            listed
        })
        .collect()
}
