//! What a request costs in the whole stack, above the wire and below it: with one tenant and with a
//! thousand, with one dialect and with a hundred.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bytes::Bytes;
use deskbridge::auth::keyring::{Credential, Keyring};
use deskbridge::cache::{self, View};
use deskbridge::canonical::outcome::Why;
use deskbridge::canonical::{Access, Actor, Outcome, Payload, ReadsAs, Request, Response, Tenant};
use deskbridge::dialect::catalog::{Catalog, MountSpec};
use deskbridge::error::Error;
use deskbridge::forwarded::{Arrived, Proxies};
use deskbridge::limit;
use deskbridge::stack::{self, Parts, Upstreams};
use deskbridge::telemetry::{self, Metrics};
use deskbridge::translate::{self, Answer};
use http_body_util::Empty;
use tokio::runtime::Runtime;
use tower::Service;
use tower::util::BoxCloneSyncService;

use crate::grown::{Text, catalog, copied, mount};
use crate::measure::{Table, Work, in_turn, ratio, shown};
use crate::shipped::conversation;

/// Requests of one round.
const ASKED: usize = 64;

/// What a client talks to.
type Stack = BoxCloneSyncService<Arrived<Empty<Bytes>>, Answer, Infallible>;

/// A gateway and what it is asked.
struct Case {
    name: String,
    stack: Stack,
    /// (host, address, secret)
    asked: Vec<[String; 3]>,
}

pub(crate) fn run() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let both = |of: &dyn Fn(bool) -> Vec<Case>| [of(true), of(false)];
    let tenants = |own: bool| {
        both(&|cache| [1, 10, 100, 1_000].map(|n| of_tenants(&runtime, n, own, cache)).into())
    };
    print(&runtime, "tenants, a host and a secret each", tenants(true));
    print(&runtime, "tenants of one secret", tenants(false));
    let dialects = both(&|cache| [1, 10, 100].map(|n| of_dialects(&runtime, n, cache)).into());
    print(&runtime, "dialects, a prefix each", dialects);
}

/// `cases`: with the cache, and without.
fn print(runtime: &Runtime, title: &str, cases: [Vec<Case>; 2]) {
    let [hits, translated] = cases;
    let mut works: Vec<Work<'_>> = Vec::new();
    for Case { stack, asked, .. } in hits.iter().chain(&translated) {
        let mut stack = stack.clone();
        works.push(Box::new(move || {
            runtime.block_on(async {
                for asked in asked {
                    black_box(stack.call(request(asked)).await).ok();
                }
            });
        }));
    }
    let took = in_turn(60, &mut works);
    let heads = [title, "a hit", "× the first", "translated", "× the first"];
    let mut table = Table::new(&heads);
    let (first, second) = took.split_at(hits.len());
    for ((case, hit), translated) in hits.iter().zip(first).zip(second) {
        let mut cells = vec![case.name.clone()];
        for (time, first) in [(hit, first[0]), (translated, second[0])] {
            cells.extend([shown(time / ASKED as f64), ratio(*time, first)]);
        }
        table.row(cells);
    }
    table.print("The whole stack, in process");
}

/// Each tenant at a host of its own, with a credential that has a secret of its own or that of all.
fn of_tenants(runtime: &Runtime, tenants: usize, own_secret: bool, cache: bool) -> Case {
    let host = |n: usize| format!("tenant-{n}.desk.example");
    let secret = |n: usize| if own_secret { format!("secret-{n}") } else { "secret".to_owned() };
    let mounts: Vec<_> =
        (0..tenants).map(|n| mount("account", &format!("tenant-{n}"), &host(n), "")).collect();
    let credentials = (0..tenants).map(|n| credential(n, &secret(n))).collect();
    let asked = spread(tenants)
        .map(|n| [host(n), "/api/v1/accounts/1/conversations/418".to_owned(), secret(n)]);
    let texts = copied("account", "account");
    let stack = stack(runtime, &texts, &mounts, credentials, cache);
    case(runtime, tenants, stack, asked.collect(), cache)
}

/// Copies of one shipped dialect, each at a prefix of its own.
fn of_dialects(runtime: &Runtime, dialects: usize, cache: bool) -> Case {
    let names: Vec<String> = (0..dialects).map(|n| format!("vendor-{n}")).collect();
    let texts: Vec<Text> = names.iter().flat_map(|name| copied("third-party", name)).collect();
    let mounts: Vec<_> =
        names.iter().map(|name| mount(name, "tenant-0", "*", &format!("/{name}"))).collect();
    let asked = spread(dialects).map(|n| {
        let address = format!("/vendor-{n}/v1/conversations/418");
        ["desk.example".to_owned(), address, "secret".to_owned()]
    });
    let stack = stack(runtime, &texts, &mounts, vec![credential(0, "secret")], cache);
    case(runtime, dialects, stack, asked.collect(), cache)
}

/// Numbers below `of`, in no order.
fn spread(of: usize) -> impl Iterator<Item = usize> {
    (0..ASKED).map(move |n| (n * 37 % ASKED) * of / ASKED)
}

/// What is asked is answered, and from the cache where there is one.
fn case(
    runtime: &Runtime,
    many: usize,
    mut stack: Stack,
    asked: Vec<[String; 3]>,
    cache: bool,
) -> Case {
    for again in [false, true] {
        for one in &asked {
            let answer = runtime.block_on(stack.call(request(one))).unwrap();
            let status = answer.headers()["cache-status"].to_str().unwrap();
            assert!(answer.status().is_success(), "{one:?}: {}", answer.status());
            assert!(!again || status.contains("; hit") == cache, "{one:?}: {status}");
        }
    }
    Case { name: many.to_string(), stack, asked }
}

fn request([host, address, secret]: &[String; 3]) -> Arrived<Empty<Bytes>> {
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

fn credential(tenant: usize, secret: &str) -> Credential {
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

/// All layers, with every feature that is on by default, over backends that have their answer ready.
fn stack(
    runtime: &Runtime,
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
    let _entered = runtime.enter();
    let parts = Parts {
        proxies: Proxies::new(&[]),
        keyring: Arc::new(Keyring::new(&credentials)),
        cache: cache::layer(&cache::Params::default(), &contract).seen(view),
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
    let own = |dialect: &Arc<deskbridge::dialect::Dialect>| {
        let name = Arc::clone(&dialect.name);
        dialect.routes.iter().map(move |r| (Arc::clone(&name), Arc::clone(&r.name))).collect()
    };
    catalog.dialects.iter().flat_map(|dialect| -> Vec<_> { own(dialect) }).collect()
}
