//! The gateway, in this process on free ports, or as the shipped binary.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};

use deskbridge::app::App;
use deskbridge::config::{self, Flags, Input};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::backend::Backend;
use super::client::Client;

/// The environment of every gateway here: a configuration's file holds no secrets.
pub(crate) const SECRETS: &[(&str, &str)] = &[
    ("BACKEND_TOKEN", "backend-secret"),
    ("ADMIN_TOKEN", "demo-admin"),
    ("AGENT_TOKEN", "demo-agent"),
    ("GATEWAY_TOKEN", "demo-gateway"),
    ("BEARER_TOKEN", "demo-bearer"),
    ("OTHER_TOKEN", "other-bearer"),
    ("EVENTS_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    ("LIMITED_TOKEN", "demo-limited"),
    ("BOT_TOKEN", "demo-bot"),
    ("PLATFORM_TOKEN", "demo-platform"),
    ("IDENTITY_TOKEN", "demo-identity"),
];

/// A running gateway. Dropped, it ends.
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) admin_address: SocketAddr,
    /// Where its configuration is, as `deskbridge.yaml`.
    pub(crate) folder: tempfile::TempDir,
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<deskbridge::server::Drained>,
}

impl Gateway {
    /// On the embedded sandbox, as without a configuration.
    pub(crate) async fn sandbox() -> Self {
        Self::start(None, None).await
    }

    /// In front of a canonical backend, every dialect mounted, with the sandbox's credentials.
    pub(crate) async fn before(backend: &Backend) -> Self {
        Self::configured(&in_front_of(&backend.address.to_string(), "")).await
    }

    /// With this configuration.
    pub(crate) async fn configured(yaml: &str) -> Self {
        Self::start(Some(yaml), None).await
    }

    /// With this configuration (the sandbox without one) and a folder of mappings laid over.
    pub(crate) async fn start(yaml: Option<&str>, mappings: Option<&Path>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = yaml.map(|yaml| {
            let file = folder.path().join("deskbridge.yaml");
            std::fs::write(&file, yaml).unwrap();
            file
        });
        let input = Input {
            file,
            environment: SECRETS
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect(),
            flags: Flags {
                listen: Some("127.0.0.1:0".to_owned()),
                admin: Some("127.0.0.1:0".to_owned()),
                mappings: mappings.map(|m| m.display().to_string()),
            },
        };
        let config = config::load(&input).unwrap_or_else(|p| panic!("{}", p.render(false)));
        let app = App::start(&config).await.unwrap_or_else(|e| panic!("{e}"));
        let (address, admin_address) = (app.address().unwrap(), app.admin_address().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let ended = tokio::spawn(app.run(async move {
            // A dropped gateway stops as well.
            let _ = stopped.await;
        }));
        Self { address, admin_address, folder, stop: Some(stop), ended }
    }

    /// A client of its public side.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// A client of its admin side.
    pub(crate) fn admin(&self) -> Client {
        Client::new(self.admin_address)
    }

    /// The value of one sample of `/metrics`, 0 where there is none: `name{label="x",…}`, labels in
    /// any order.
    pub(crate) async fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let text = self.admin().get("/metrics", &[]).await.expect(200);
        let text = String::from_utf8(text.body.to_vec()).unwrap();
        let lines = text.lines().map(|l| Ok(l.to_owned()));
        let scrape = prometheus_parse::Scrape::parse(lines).unwrap();
        let fits = |s: &&prometheus_parse::Sample| {
            s.metric == name && labels.iter().all(|(k, v)| s.labels.get(k) == Some(v))
        };
        scrape
            .samples
            .iter()
            .filter(fits)
            .map(|s| match s.value {
                prometheus_parse::Value::Counter(v)
                | prometheus_parse::Value::Gauge(v)
                | prometheus_parse::Value::Untyped(v) => v,
                _ => panic!("{name} is a histogram or summary"),
            })
            .sum()
    }

    /// Tells it to end and waits until it has.
    pub(crate) async fn stop(mut self) -> deskbridge::server::Drained {
        self.stop.take().unwrap().send(()).unwrap();
        self.ended.await.unwrap()
    }
}

/// A configuration in front of a canonical backend at `authority`, with the credentials of the
/// sandbox; `more` is further YAML.
pub(crate) fn in_front_of(authority: &str, more: &str) -> String {
    format!(
        "upstreams:
  main: {{ kind: canonical, url: \"http://{authority}/v1\", credential: \"${{env:BACKEND_TOKEN}}\" }}
tenants:
  demo: {{ upstream: main }}
mounts:
  - {{ dialect: public-inbox, tenant: demo }}
  - {{ dialect: account, tenant: demo }}
  - {{ dialect: chatwoot-public, tenant: demo, prefix: /chatwoot }}
  - {{ dialect: chatwoot-account, tenant: demo, prefix: /chatwoot }}
  - {{ dialect: third-party, tenant: demo }}
  - {{ dialect: canonical, tenant: demo }}
credentials:
  - {{ name: admin, secret: \"${{env:ADMIN_TOKEN}}\", tenant: demo, account: \"1\", actor: \"agent:n:1\", dialects: [account, chatwoot-account] }}
  - {{ name: platform, secret: \"${{env:PLATFORM_TOKEN}}\", tenant: demo, actor: \"platform:n:1\", dialects: [account, chatwoot-account, canonical] }}
  - {{ name: agent, secret: \"${{env:AGENT_TOKEN}}\", tenant: demo, account: \"1\", actor: \"agent:n:2\", dialects: [account, chatwoot-account] }}
  - {{ name: bearer, secret: \"${{env:BEARER_TOKEN}}\", tenant: demo, account: \"1\", actor: \"agent:n:2\", dialects: [third-party, canonical], act_as: true }}
{more}"
    )
}

/// Runs the shipped binary to its end.
pub(crate) fn deskbridge(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_deskbridge")).args(arguments).output().unwrap()
}
