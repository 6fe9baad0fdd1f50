//! Everything a request can meet, from one reading of configuration and mappings. Immutable; a
//! reload makes the next one and puts it in place whole.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;

use crate::admin::{self, Readiness, Version};
use crate::app::backends::{self, Backend};
use crate::app::draft::Draft;
use crate::app::ground::Ground;
use crate::auth::keyring::Keyring;
use crate::cache;
use crate::canonical::{Links, Tenant};
use crate::config::{Config, Problems};
use crate::events;
use crate::forwarded::Proxies;
use crate::limit;
use crate::server;
use crate::stack::{Parts, Upstreams};
use crate::translate;

/// One reading of configuration and mappings, at work.
#[derive(Debug)]
pub(super) struct Generation {
    /// 1 since the start, one more with each reload; that of its catalog.
    pub(super) number: u64,
    /// When it began.
    pub(super) since: Timestamp,
    /// The digest of the mapping files.
    mappings: String,
    /// The configuration, secrets left out.
    pub(super) config: serde_json::Value,
    pub(super) parts: Parts,
    pub(super) by_tenant: Upstreams,
    /// Whose events are heard.
    pub(super) events: Arc<events::Told>,
    backends: Vec<Arc<Backend>>,
    /// For the listener.
    pub(super) server: server::Params,
}

impl Generation {
    /// Opens what `draft` needs, keeping what `before` has of it.
    ///
    /// # Errors
    /// A backend that cannot be used.
    pub(super) fn new(
        ground: &Ground,
        config: &Config,
        draft: Draft,
        before: Option<&Self>,
    ) -> Result<Self, Problems> {
        let public_url = ground.public_url(config);
        let known = before.map_or(&[][..], |before| &before.backends);
        let backends = backends::open(config, ground, &public_url, known)?;
        let of_tenants = || {
            let pairs = config.tenants.iter();
            pairs.filter_map(|(tenant, index)| Some((tenant.clone(), backends.get(*index)?)))
        };
        let files = draft.catalog.files();
        let mut known_links: HashMap<&str, Option<Arc<Links>>> = HashMap::new();
        let mut links = |tenant: &Tenant| {
            let at = files.get(tenant)?;
            let made = || Links::new(&ground.contract, &format!("{public_url}{at}")).map(Arc::new);
            known_links.entry(at).or_insert_with(made).clone()
        };
        let by_tenant: BTreeMap<Tenant, _> = of_tenants()
            .map(|(tenant, backend)| {
                let links = links(&tenant);
                (tenant, (backend.upstream.clone(), links))
            })
            .collect();
        let numbers: HashMap<Tenant, u64, _> =
            of_tenants().map(|(tenant, backend)| (tenant, backend.number)).collect();
        let view = cache::View { enabled: config.cache.enabled, backends: numbers };
        let same_rate = before.filter(|before| {
            let (was, is) = (&before.parts.limit, &config.limits);
            was.rate == is.rate && was.rate_per_address == is.rate_per_address
        });
        let rate = match same_rate {
            Some(before) => before.parts.rate.clone(),
            None => {
                let rate = limit::rate(&config.limits);
                tokio::spawn(rate.forgetting());
                rate
            }
        };
        let number = draft.catalog.number;
        Ok(Self {
            number,
            since: Timestamp::now(),
            mappings: draft.mappings,
            config: config.to_json(),
            parts: Parts {
                catalog: Arc::new(draft.catalog),
                contract: Arc::clone(&ground.contract),
                proxies: Proxies::new(&config.server.trusted_proxies),
                metrics: Arc::clone(&ground.metrics),
                keyring: Arc::new(Keyring::new(&config.credentials)),
                cache: ground.cache.seen(view),
                rate,
                in_flight: ground.in_flight.clone(),
                telemetry: config.telemetry.clone(),
                limit: config.limits.clone(),
                translate: Arc::new(translate::Params {
                    max_body: config.limits.max_body,
                    uploads: config.limits.uploads.clone(),
                    body_timeout: config.server.body_timeout,
                    compression: config.server.compression,
                    values: vec![("public_url".into(), format!("{public_url:?}").into())],
                }),
            },
            events: Arc::new(events::Told {
                tenants: by_tenant.keys().cloned().collect(),
                key: config.events_key.clone(),
            }),
            by_tenant: Upstreams::new(by_tenant),
            backends,
            server: config.server.params.clone(),
        })
    }

    /// Its routes are those that are counted.
    pub(super) fn is_counted(&self) {
        let dialects = &self.parts.catalog.dialects;
        self.parts.metrics.routes(dialects.iter().flat_map(|dialect| {
            dialect.routes.iter().map(|r| (Arc::clone(&dialect.name), Arc::clone(&r.name)))
        }));
    }

    /// For `/version`.
    pub(super) fn version(&self) -> Version {
        Version {
            version: crate::VERSION.to_owned(),
            revision: crate::REVISION.to_owned(),
            mappings: format!("sha256:{}", self.mappings),
            generation: self.number,
        }
    }

    /// For `/upstreams`.
    pub(super) fn upstreams(&self) -> serde_json::Value {
        self.backends.iter().filter_map(|backend| backend.status()).collect()
    }

    /// For `/ready`.
    pub(super) fn readiness(&self, ground: &Ground) -> Readiness {
        let mut checks = vec![("mappings".to_owned(), None)];
        for backend in &self.backends {
            checks.push((format!("upstream {}", backend.name), backend.trouble()));
        }
        let draining = ground.draining.load(Ordering::Relaxed).then(|| "draining".to_owned());
        checks.push((admin::SERVING.to_owned(), draining));
        Readiness { checks }
    }
}
