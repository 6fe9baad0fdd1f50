//! Which dialect and route a request is for. Never refuses: what nobody claims is refused further
//! down, by the layers whose business it is, and written by `rescue`.

use std::sync::Arc;
use std::task::{Context, Poll};

use arc_swap::ArcSwap;
use http::header::HOST;
use tower::{Layer, Service};

use crate::dialect::catalog::Catalog;
use crate::dialect::recognise::Recognition;
use crate::telemetry::Traced;

use crate::call::{Call, Claim, Claimed, mounted};

/// The layer. A request keeps the catalog that is current when it arrives.
pub fn layer<S>(catalog: Arc<ArcSwap<Catalog>>) -> impl Layer<S, Service = Recognise<S>> + Clone {
    tower::layer::layer_fn(move |inner| Recognise { catalog: Arc::clone(&catalog), inner })
}

/// The service.
#[derive(Clone, Debug)]
pub struct Recognise<S> {
    catalog: Arc<ArcSwap<Catalog>>,
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
        let Traced { request, record, request_id } = traced;
        let (head, body) = request.into_parts();
        let catalog = self.catalog.load_full();
        let host = head
            .uri
            .host()
            .or_else(|| head.headers.get(HOST).and_then(|h| h.to_str().ok()))
            .unwrap_or_default();
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        let claim = claim(catalog.recognise(host, head.method.as_str(), target));
        if let Some((_, dialect)) = mounted(&catalog, &claim) {
            let route = match &claim {
                Claim::Route(claimed) => catalog.route(claimed.route),
                _ => None,
            };
            let route = route.map_or_else(|| Arc::from("none"), |r| Arc::clone(&r.name));
            record.route(Arc::clone(&dialect.name), route);
        }
        self.inner.call(Call { head, body, catalog, claim, record, request_id })
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
