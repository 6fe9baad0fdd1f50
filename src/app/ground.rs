//! What stays as long as the process does, whatever is reloaded.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::app::StartError;
use crate::app::draft::Draft;
use crate::app::measured;
use crate::cache::{self, CacheLayer};
use crate::canonical::Contract;
use crate::config::{Config, Fixed};
use crate::events;
use crate::limit::InFlight;
use crate::server::Peers;
use crate::telemetry::Metrics;

/// What every generation stands on.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) metrics: Arc<Metrics>,
    /// The sandbox, the cache and the metrics know its operations by number.
    pub(super) contract: Arc<Contract>,
    /// The SHA-256 of its file.
    pub(super) contract_file: Option<[u8; 32]>,
    pub(super) cache: CacheLayer,
    /// Of events about writes made elsewhere.
    pub(super) heard: events::Counts,
    pub(super) in_flight: InFlight,
    pub(super) fixed: Fixed,
    pub(super) draining: AtomicBool,
    /// Who is connected.
    pub(super) peers: Arc<Peers>,
    listening: SocketAddr,
}

impl Ground {
    /// For the first generation.
    pub(super) fn new(
        config: &Config,
        draft: &Draft,
        table: cache::Table,
        listening: SocketAddr,
    ) -> Result<Self, StartError> {
        let contract = Arc::clone(&draft.catalog.contract);
        let metrics = Arc::new(Metrics::new(crate::VERSION, crate::REVISION)?);
        let cache = cache::layer(
            table,
            &cache::Params {
                enabled: config.cache.enabled,
                max_bytes: config.cache.max_bytes,
                stale_if_error: config.cache.stale_if_error,
                stale_while_revalidate: config.cache.stale_while_revalidate,
                ..cache::Params::default()
            },
            &contract,
        );
        measured::cache(&metrics, &cache.stats())?;
        let heard = events::Counts::default();
        heard.measure(&metrics)?;
        let peers = Arc::new(Peers::default());
        measured::peers(&metrics, &peers)?;
        Ok(Self {
            metrics,
            contract,
            contract_file: draft.contract,
            cache,
            heard,
            in_flight: InFlight::default(),
            fixed: Fixed::of(config),
            draining: AtomicBool::new(false),
            peers,
            listening,
        })
    }

    /// What addresses in answers begin with.
    pub(super) fn public_url(&self, config: &Config) -> String {
        let listening = || format!("http://{}", self.listening);
        config.server.public_url.clone().unwrap_or_else(listening)
    }
}
