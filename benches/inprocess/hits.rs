//! What it costs to be answered from the cache, with one entry and with a million; and what a key
//! costs.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use deskbridge::cache::key::Key;
use deskbridge::cache::{self, Params as Limits, View};
use deskbridge::canonical::outcome::Why;
use deskbridge::canonical::{
    Actor, Contract, OperationId, Outcome, Params, Payload, Request, Response, Seen, Tenant,
};
use deskbridge::error::Error;
use deskbridge::telemetry::record::Record;
use futures_util::FutureExt as _;
use tower::{Layer as _, Service, ServiceExt as _};

use crate::inside;
use crate::measure::{Table, Work, in_turn, ratio, shown};

/// Hits of one round.
const ASKED: usize = 64;

pub(crate) fn run() {
    let contract = inside::catalog(&[], &[]).contract;
    entries(&contract);
    keys(&contract);
}

fn entries(contract: &Arc<Contract>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let operation = contract.operation("contacts.get").unwrap();
    let caches: Vec<_> = [1, 1_000, 100_000, 1_000_000]
        .into_iter()
        .map(|entries| {
            let limits = Limits { max_bytes: 8 << 30, ..Limits::default() };
            let view = View { enabled: true, ..View::default() };
            let cached =
                cache::layer(cache::Table::new(), &limits, contract).seen(view).layer(Backend);
            runtime.block_on(async {
                for n in 0..entries {
                    let asked = Request { fresh: true, ..request(operation, n) };
                    cached.clone().oneshot(asked).await.unwrap();
                }
            });
            (entries, cached)
        })
        .collect();
    let mut works: Vec<Work<'_>> = Vec::new();
    for (entries, cached) in &caches {
        // A few that are asked for again and again, and any.
        for most in [(*entries).min(ASKED), *entries] {
            let (mut cached, mut at, mut hits) = (cached.clone(), 0, 0_usize);
            works.push(Box::new(move || {
                for _ in 0..ASKED {
                    // As far apart as it goes: no stride that a processor could guess.
                    at = (at + 618_034) % most;
                    let answer = cached.call(request(operation, at)).now_or_never();
                    let outcome = answer.and_then(Result::ok).map(|answer| answer.outcome);
                    hits += usize::from(matches!(outcome, Some(Outcome::Hit(_))));
                }
                black_box(hits);
            }));
        }
    }
    let took = in_turn(200, &mut works);
    drop(works);
    let heads = ["entries", "one of 64", "× the first", "any of them", "× the first"];
    let mut table = Table::new(&heads);
    for ((entries, _), own) in caches.iter().zip(took.chunks(2)) {
        let mut cells = vec![entries.to_string()];
        for (time, first) in own.iter().zip(&took) {
            cells.extend([shown(time / ASKED as f64), ratio(*time, *first)]);
        }
        table.row(cells);
    }
    table.print("Cache: a hit at the layer");
}

fn keys(contract: &Arc<Contract>) {
    let short = |count: u8| {
        let mut request = request(contract.operation("conversations.list").unwrap(), 418);
        request.params = Params::default();
        for position in 0..count {
            assert!(request.params.push(position, "n:418"));
        }
        request
    };
    let mut search = short(2);
    search.body = Bytes::from(vec![b'x'; 1_000]);
    let mut theirs = short(2);
    theirs.actor = Actor::ContactIdentity("idn_5Qw".into());
    let asked = [
        ("2 parameters", short(2)),
        ("… of one actor", theirs),
        ("8 parameters", short(8)),
        ("2 parameters, 1 KB of body", search),
    ];
    let work = |request: &'_ Request| {
        let request = request.clone();
        Box::new(move || _ = black_box(Key::new(black_box(&request), 7, true))) as Work<'static>
    };
    let mut works: Vec<_> = asked.iter().map(|(_, request)| work(request)).collect();
    let took = in_turn(200, &mut works);
    let mut table = Table::new(&["asked with", "a key", "× the first"]);
    for ((name, _), time) in asked.iter().zip(&took) {
        table.row([(*name).to_owned(), shown(*time), ratio(*time, took[0])]);
    }
    table.print("Cache: making a key");
}

/// Answers with something small.
#[derive(Clone, Debug)]
struct Backend;

impl Service<Request> for Backend {
    type Response = Response;
    type Error = Error;
    type Future = std::future::Ready<Result<Response, Error>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let id = request.params.get(1).unwrap_or_default().trim_start_matches("n:");
        let body = format!(r#"{{"id":"cnt_{id}","number":{id},"identities":[]}}"#);
        let payload = Arc::new(Payload::new(200, Bytes::from(body), None));
        std::future::ready(Ok(Response { payload, outcome: Outcome::Bypass(Why::Off) }))
    }
}

fn request(operation: OperationId, contact: usize) -> Request {
    let mut params = Params::default();
    let mut digits = [b' '; 24];
    let mut rest = &mut digits[..];
    std::io::Write::write_fmt(&mut rest, format_args!("n:{contact}")).unwrap();
    let unused = rest.len();
    let name = std::str::from_utf8(&digits[..24 - unused]).unwrap();
    assert!(params.push(0, "1") && params.push(1, name));
    Request {
        tenant: Tenant(TENANT.with(Arc::clone)),
        operation,
        params,
        body: Bytes::new(),
        upload: None,
        seen: Seen::default(),
        actor: Actor::Gateway,
        viewer: None,
        fresh: false,
        record: RECORD.with(Record::clone),
    }
}

thread_local! {
    static TENANT: Arc<str> = Arc::from("acme");
    static RECORD: Record = Record::default();
}
