//! The whole stack in one process, without sockets, over mappings that grow: what the growth gates
//! count, and what `benches/` measures.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bytes::Bytes;
use deskbridge::auth::keyring::{Credential, Keyring};
use deskbridge::cache::{self, View};
use deskbridge::canonical::outcome::Why;
use deskbridge::canonical::{Access, Actor, Outcome, Payload, ReadsAs, Request, Response, Tenant};
use deskbridge::dialect::Dialect;
use deskbridge::dialect::catalog::{Catalog, MountSpec};
use deskbridge::dialect::embedded::{CONTRACT, Files};
use deskbridge::error::Error;
use deskbridge::forwarded::{Arrived, Proxies};
use deskbridge::limit;
use deskbridge::stack::{self, Parts, Upstreams};
use deskbridge::syntax::Sources;
use deskbridge::telemetry::{self, Metrics};
use deskbridge::translate::{self, Answer};
use http_body_util::Empty;
use tower::util::BoxCloneSyncService;

use crate::shipped::conversation;

/// A mapping file: its path and its text.
pub(crate) type Text = (String, String);

/// What a client talks to.
pub(crate) type Stack = BoxCloneSyncService<Arrived<Empty<Bytes>>, Answer, Infallible>;

/// The shipped dialect `of` under another name, without its examples.
pub(crate) fn copied(of: &str, name: &str) -> Vec<Text> {
    let files = Files::embedded();
    let inside = |path: &str| Some(path.strip_prefix(of)?.strip_prefix('/')?.to_owned());
    let own = |path: &&str| inside(path).is_some_and(|inside| !inside.starts_with("examples/"));
    let copy = |path: &str| {
        let text = files.read(path).unwrap_or_default();
        let text = text.replace(&format!("dialect: {of}\n"), &format!("dialect: {name}\n"));
        (path.replacen(of, name, 1), text)
    };
    files.paths().filter(own).map(copy).collect()
}

/// These dialects, so mounted.
pub(crate) fn catalog(texts: &[Text], mounts: &[MountSpec]) -> Catalog {
    let contract = contract();
    let texts = texts.iter().map(|(path, text)| (path.as_str(), text.as_str()));
    let files = Files::from_texts(texts.chain([(CONTRACT, contract.as_str())]));
    let mut sources = Sources::default();
    let (catalog, diagnostics) = Catalog::load(&files, mounts, 1, &mut sources);
    catalog.unwrap_or_else(|| panic!("{}", diagnostics.render(&sources, false)))
}

pub(crate) fn mount(dialect: &str, tenant: &str, host: &str, prefix: &str) -> MountSpec {
    MountSpec {
        dialect: dialect.to_owned(),
        tenant: Tenant(tenant.into()),
        host: host.to_owned(),
        prefix: Some(prefix.to_owned()),
    }
}

/// The shipped contract, but what is kept is kept for long.
pub(crate) fn contract() -> String {
    let files = Files::embedded();
    let text = files.read(CONTRACT).unwrap_or_default();
    let lines = text.lines().map(|line| match line.trim_start().starts_with("ttl: ") {
        true => line.split("ttl: ").next().unwrap_or_default().to_owned() + "ttl: 1h\n",
        false => format!("{line}\n"),
    });
    lines.collect()
}

/// All layers, with every feature that is on by default, over backends that have their answer ready.
/// To be called in a runtime.
pub(crate) fn stack(
    texts: &[Text],
    mounts: &[MountSpec],
    credentials: Vec<Credential>,
    cache: bool,
) -> Stack {
    let catalog = Arc::new(catalog(texts, mounts));
    let metrics = Arc::new(Metrics::new("0", "0").unwrap());
    metrics.routes(routes(&catalog));
    let contract = Arc::clone(&catalog.contract);
    let body = Bytes::from(conversation(1));
    let backend = tower::service_fn(move |_: Request| {
        let payload = Arc::new(Payload::new(200, body.clone(), Some("r1".into())));
        std::future::ready(Ok::<_, Error>(Response { payload, outcome: Outcome::Bypass(Why::Off) }))
    });
    let upstream = stack::upstream(&metrics, &contract, "main", backend);
    let by_tenant: BTreeMap<Tenant, _> =
        mounts.iter().map(|mount| (mount.tenant.clone(), (upstream.clone(), None))).collect();
    let view = View {
        enabled: cache,
        backends: by_tenant.keys().map(|tenant| (tenant.clone(), 1)).collect(),
    };
    let parts = Parts {
        proxies: Proxies::new(&[]),
        keyring: Arc::new(Keyring::new(&credentials)),
        cache: cache::layer(cache::Table::new(), &cache::Params::default(), &contract).seen(view),
        rate: limit::rate(&limit::Params::default()),
        in_flight: limit::InFlight::default(),
        telemetry: telemetry::Params::default(),
        limit: limit::Params::default(),
        translate: Arc::new(translate::Params {
            values: vec![("public_url".into(), "\"http://desk.example\"".into())],
            ..translate::Params::default()
        }),
        catalog,
        contract,
        metrics,
    };
    BoxCloneSyncService::new(stack::inbound(&parts, Upstreams::new(by_tenant)))
}

fn routes(catalog: &Catalog) -> Vec<(Arc<str>, Arc<str>)> {
    let own = |dialect: &Arc<Dialect>| {
        let name = Arc::clone(&dialect.name);
        dialect.routes.iter().map(move |r| (Arc::clone(&name), Arc::clone(&r.name))).collect()
    };
    catalog.dialects.iter().flat_map(|dialect| -> Vec<_> { own(dialect) }).collect()
}

pub(crate) fn credential(tenant: usize, secret: &str) -> Credential {
    Credential {
        name: format!("credential-{tenant}").into(),
        secret: secret.into(),
        tenant: Tenant(format!("tenant-{tenant}").into()),
        account: Some("1".into()),
        actor: Actor::Agent("n:2".into()),
        dialects: Vec::new(),
        access: Access::Write,
        act_as: false,
        reads_as: ReadsAs::default(),
    }
}

/// Asks for the conversation 418 of whoever has this host, address and secret.
pub(crate) fn request([host, address, secret]: &[String; 3]) -> Arrived<Empty<Bytes>> {
    let request = http::Request::get(address)
        .header("host", host)
        .header("accept", "*/*")
        // One dialect reads the one, another the other.
        .header("api_access_token", secret)
        .header("authorization", format!("Bearer {secret}"))
        .body(Empty::new())
        .unwrap();
    Arrived { request, peer: IpAddr::V4(Ipv4Addr::LOCALHOST) }
}
