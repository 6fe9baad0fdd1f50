//! A way to the backend: name, connection and TLS handshake, within one time.

use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{
    DefaultServerNameResolver, FixedServerNameResolver, HttpsConnector, MaybeHttpsStream,
    ResolveServerName,
};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

use crate::upstream::tls::Tls;

/// Makes connections.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    way: Way,
    patience: Duration,
}

#[derive(Clone, Debug)]
enum Way {
    Plain(HttpConnector),
    Tls(HttpsConnector<HttpConnector>),
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreached {
    /// The time for it was over: of the name, of the connection, or of the handshake.
    #[error("no connection within {0:?} (connect_timeout)")]
    Timeout(Duration),
    /// What the system or TLS say.
    #[error("no connection")]
    Failed(#[source] Box<dyn StdError + Send + Sync>),
}

impl Connector {
    pub(super) fn new(tls: Option<&Tls>, patience: Duration) -> Self {
        let mut plain = HttpConnector::new();
        plain.set_nodelay(true);
        // Shared among the addresses of a name, so that one that is dead leaves time for the others.
        plain.set_connect_timeout(Some(patience));
        let Some(tls) = tls else { return Self { way: Way::Plain(plain), patience } };
        plain.enforce_http(false);
        let name: Arc<dyn ResolveServerName + Send + Sync> = match &tls.name {
            Some(name) => Arc::new(FixedServerNameResolver::new(name.clone())),
            None => Arc::new(DefaultServerNameResolver::default()),
        };
        let connector = HttpsConnector::new(plain, Arc::clone(&tls.config), true, name);
        Self { way: Way::Tls(connector), patience }
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = Unreached;
    // Once a connection, which is seldom.
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Unreached>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Unreached>> {
        match &mut self.way {
            Way::Plain(way) => way.poll_ready(cx).map_err(|e| Unreached::Failed(e.into())),
            Way::Tls(way) => way.poll_ready(cx).map_err(Unreached::Failed),
        }
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let patience = self.patience;
        match &mut self.way {
            Way::Plain(way) => {
                let made = way.call(to);
                Box::pin(within(patience, async move {
                    made.await.map(MaybeHttpsStream::from).map_err(Into::into)
                }))
            }
            Way::Tls(way) => Box::pin(within(patience, way.call(to))),
        }
    }
}

async fn within<T>(
    patience: Duration,
    made: impl Future<Output = Result<T, Box<dyn StdError + Send + Sync>>>,
) -> Result<T, Unreached> {
    match tokio::time::timeout(patience, made).await {
        Ok(made) => made.map_err(Unreached::Failed),
        Err(_elapsed) => Err(Unreached::Timeout(patience)),
    }
}
