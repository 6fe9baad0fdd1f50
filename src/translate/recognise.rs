//! Which dialect and route a request is for. Never refuses: what nobody claims is refused further
//! down, by the layers whose business it is, and written by `rescue`.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::Method;
use http::request::Parts;
use tower::{Layer, Service};

use crate::dialect::catalog::Catalog;
use crate::dialect::recognise::Recognition;
use crate::forwarded::Proxies;
use crate::telemetry::Traced;

use crate::call::lines::Lines;
use crate::call::memo::{Memo, Memory};
use crate::call::{Call, Claim, Claimed, mounted};

use super::authority;

/// The layer. A request keeps this catalog to its last byte.
pub fn layer<S>(
    catalog: Arc<Catalog>,
    proxies: Proxies,
) -> impl Layer<S, Service = Recognise<S>> + Clone {
    let memo = Arc::new(Memo::new(&catalog));
    tower::layer::layer_fn(move |inner| Recognise {
        catalog: Arc::clone(&catalog),
        proxies: proxies.clone(),
        memo: Arc::clone(&memo),
        inner,
    })
}

/// The service.
#[derive(Clone, Debug)]
pub struct Recognise<S> {
    catalog: Arc<Catalog>,
    proxies: Proxies,
    memo: Arc<Memo>,
    inner: S,
}

impl<S, B> Service<Traced<B>> for Recognise<S>
where
    S: Service<Call<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, traced: Traced<B>) -> Self::Future {
        let Traced { head, body, record, peer, client } = traced;
        let catalog = Arc::clone(&self.catalog);
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        let named = self.proxies.origin(peer, &head.headers).host;
        let memory = match head.method {
            Method::GET => self.memo.recall(&head, named),
            _ => Memory::Nothing,
        };
        let claim = match memory.known() {
            Some(known) => Claim::Route(known.claimed.clone()),
            None => match host(&head, named) {
                Ok(host) => claim(catalog.recognise(host, head.method.as_str(), target)),
                Err(why) => Claim::Misaddressed(why),
            },
        };
        if let Some((_, dialect)) = mounted(&catalog, &claim) {
            let route = match &claim {
                Claim::Route(claimed) => catalog.route(claimed.route),
                _ => None,
            };
            let route = route.map_or_else(|| Arc::from("none"), |r| Arc::clone(&r.name));
            record.route(Arc::clone(&dialect.name), route);
        }
        let lines = Lines::of(&head.headers);
        self.inner.call(Call { head, lines, body, catalog, claim, record, client, memory })
    }
}

/// The host that a client asked for, by a proxy's word (`named`) or its own.
fn host<'h>(head: &'h Parts, named: Option<&'h str>) -> Result<&'h str, &'static str> {
    let own = authority::of(head)?;
    match named {
        Some(host) if authority::is_valid(host) => Ok(host),
        Some(_) => Err("The host that a proxy names is none"),
        None => Ok(own),
    }
}

fn claim(recognition: Recognition<'_>) -> Claim {
    match recognition {
        Recognition::Route { mount, route, path } => {
            Claim::Route(Claimed { mount: mount.index, route: route.number, path })
        }
        Recognition::Method { mount, allow } => Claim::Method { mount: mount.index, allow },
        Recognition::Nothing { mount, malformed } => {
            Claim::Nothing { mount: mount.index, malformed }
        }
        Recognition::Unclaimed => Claim::Unclaimed,
    }
}
