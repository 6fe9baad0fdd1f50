//! A run: the sandbox in one process, the gateway in another, the proxy that fails on purpose between
//! them, and clients of every dialect that read and write the same conversations while faults are
//! switched on and off.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use deskbridge::mapping::law::rng::Rng;
use http::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::judge::OURS;
use super::record::{Held, History, Message, Shown};
use super::speak::{Dialect, Lives, Place, Talker};
use crate::support::client::Client;
use crate::support::copy;
use crate::support::desk::{BEARER, NONE};
use crate::support::faulty::{At, Fault, Faulty, Seen, When};
use crate::support::gateway::in_front_of;
use crate::support::shipped::{Shipped, configuration};

/// One call to the backend may take so long.
pub(super) const TIMEOUT: Duration = Duration::from_millis(500);

/// JSON, with members of the right names and the wrong types.
const WRONG: &str = r#"{"id":7,"number":"x","body":3,"messages":"no","data":"no","labels":7}"#;

/// How large a run is.
#[derive(Clone, Debug)]
pub(super) struct Size {
    pub(super) seed: u64,
    pub(super) conversations: usize,
    /// Clients of each dialect: so many write, so many read.
    pub(super) writers: usize,
    pub(super) readers: usize,
    /// What each of them does in a phase.
    pub(super) steps: usize,
    /// The phases are gone through again until so much time is over; at least once.
    pub(super) time: Duration,
    /// Times to live that are laid over the contract's.
    pub(super) lives: Option<Lives>,
}

/// What came of it.
pub(super) struct Ran {
    pub(super) history: History,
    /// What passed between the gateway and the backend.
    pub(super) seen: Vec<Seen>,
    pub(super) phases: usize,
    pub(super) took: Duration,
    /// Conditional reads that were answered with: the same as before.
    pub(super) same: usize,
}

/// A phase: what is wrong in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Calm,
    Slow,
    Reset,
    Broken,
    Busy,
    Silent,
    Refused,
}

const PHASES: [Phase; 8] = [
    Phase::Calm,
    Phase::Slow,
    Phase::Reset,
    Phase::Broken,
    Phase::Refused,
    Phase::Busy,
    Phase::Silent,
    Phase::Calm,
];

impl Phase {
    fn begin(self, proxy: &Faulty) {
        let inject = |when: When, chance: usize, fault: Fault| {
            proxy.inject(when.chance(chance), fault);
        };
        let posts = || When::method(Method::POST);
        match self {
            Self::Calm | Self::Refused => {}
            Self::Slow => {
                let (some, more) = (Duration::from_millis(1), Duration::from_millis(20));
                inject(When::any(), 250, Fault::latency(some).jitter(more));
                inject(When::any(), 250, Fault::lag(more));
                inject(When::reads(), 100, Fault::drip(400, Duration::from_micros(200)));
            }
            Self::Reset => {
                inject(When::writes(), 120, Fault::reset(At::Request).carried_out());
                inject(When::writes(), 100, Fault::reset(At::Request));
                inject(When::writes(), 60, Fault::reset(At::Head));
                inject(When::any(), 80, Fault::reset(At::Headers));
                inject(When::any(), 80, Fault::reset(At::Half));
                inject(When::reads(), 120, Fault::reset(At::Request));
            }
            Self::Broken => {
                inject(When::any(), 70, Fault::body(WRONG));
                inject(When::any(), 70, Fault::body("<p>not JSON</p>"));
                inject(When::any(), 70, Fault::truncated());
                inject(When::any(), 70, Fault::half_body());
                inject(When::writes(), 70, Fault::html(500).carried_out());
                inject(When::any(), 70, Fault::html(500));
            }
            Self::Busy => {
                inject(When::any(), 100, Fault::throttled(1));
                inject(When::any(), 100, Fault::unavailable());
                inject(When::writes(), 70, Fault::unavailable().carried_out());
            }
            Self::Silent => {
                inject(When::writes(), 25, Fault::black_hole().carried_out());
                inject(When::any(), 15, Fault::black_hole());
                // The gateway has given up when the backend gets it.
                inject(posts(), 40, Fault::latency(TIMEOUT + TIMEOUT / 5));
            }
        }
    }
}

/// A folder of mappings in which the contract's times to live are these.
fn overlay(lives: Lives) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings/canonical");
    let to = folder.path().join("canonical");
    copy(&from, &to);
    let file = to.join("openapi.yaml");
    let mut text = std::fs::read_to_string(&file).unwrap();
    for (operation, seconds) in [
        ("messages.list", lives.list),
        ("conversations.get", lives.conversation),
        ("conversations.labels.list", lives.labels),
    ] {
        let at = text.find(&format!("operationId: {operation}\n")).unwrap();
        let ttl = at + text[at..].find("ttl: ").unwrap();
        let end = ttl + text[ttl..].find('\n').unwrap();
        text.replace_range(ttl..end, &format!("ttl: {seconds}s"));
    }
    std::fs::write(file, text).unwrap();
    folder
}

/// The times to live of the contract.
const CONTRACT: Lives = Lives { list: 15, conversation: 30, labels: 30 };

pub(super) async fn run(size: &Size) -> Ran {
    let quiet = "telemetry: { level: error }\n";
    let sandbox = format!(
        "upstreams: {{ main: {{ kind: sandbox }} }}\ntenants: {{ demo: {{ upstream: main }} }}\n\
         mounts: [ {{ dialect: canonical, tenant: demo }} ]\n\
         credentials:\n  - {{ name: gateway, secret: \"${{env:BACKEND_TOKEN}}\", tenant: demo, account: \"1\", actor: \"gateway\", dialects: [canonical], act_as: true }}\n\
         {quiet}"
    );
    let (_sandbox, file) = configuration(&sandbox);
    let backend = Shipped::start(&["--config", &file]).await;
    let proxy = Faulty::seeded(backend.address, size.seed).await;
    let mappings = size.lives.map(overlay);
    // It gives up soon and comes back soon, so that there is time for everything.
    let soon = "resilience:\n  attempt_timeout: 300ms\n  backoff: { min: 5ms, max: 50ms }\n  \
                breaker: { window: 2s, open_for: 200ms }\n";
    let mut yaml = in_front_of(&proxy.address.to_string(), &format!("{quiet}{soon}"));
    let timeout = format!(", timeout: {}ms }}\ntenants:", TIMEOUT.as_millis());
    yaml = yaml.replacen(" }\ntenants:", &timeout, 1);
    assert!(yaml.contains(&timeout));
    if let Some(folder) = &mappings {
        yaml.push_str(&format!("mappings: {{ dir: {:?} }}\n", folder.path()));
    }
    let (_gateway, file) = configuration(&yaml);
    let gateway = Shipped::start(&["--config", &file]).await;
    let places = open(&gateway.client(), size.conversations).await;
    let began = Instant::now();
    let mut talkers: Vec<Talker> = Vec::new();
    for dialect in Dialect::ALL {
        for _ in 0..size.writers + size.readers {
            talkers.push(Talker {
                who: talkers.len(),
                dialect,
                client: gateway.client(),
                lives: size.lives.unwrap_or(CONTRACT),
                began,
                calls: Vec::new(),
                remembered: Vec::new(),
                same: 0,
            });
        }
    }
    let mut phases = 0;
    while phases == 0 || began.elapsed() < size.time {
        for phase in PHASES {
            talkers = act(size, phase, phases, &proxy, &places, talkers).await;
            phases += 1;
        }
    }
    // What is still under way at the proxy comes to its end, then everybody looks once more.
    proxy.heal();
    proxy.idle().await;
    calm(&talkers[0].client, &places[0]).await;
    let mut last = tokio::task::JoinSet::new();
    for mut talker in talkers {
        let places = places.clone();
        // One of each dialect is enough.
        let looks = talker.who % (size.writers + size.readers) == 0;
        last.spawn(async move {
            if !looks {
                return talker;
            }
            for place in &places {
                talker.walk(place, usize::MAX, false).await;
                talker.conversation(place, false).await;
                talker.value(place, false).await;
            }
            talker
        });
    }
    let talkers = last.join_all().await;
    let took = began.elapsed();
    let mut held = BTreeMap::new();
    for place in &places {
        held.insert(place.number, hold(&backend.client(), place.number).await);
    }
    let same = talkers.iter().map(|t| t.same).sum();
    let mut calls: Vec<_> = talkers.into_iter().flat_map(|t| t.calls).collect();
    calls.sort_by_key(|call| call.invoked);
    Ran { history: History { calls, held }, seen: proxy.seen(), phases, took, same }
}

/// Contacts, each with a conversation of its own.
async fn open(client: &Client, count: usize) -> Vec<Place> {
    let inbox = "/public/api/v1/inboxes/demo-inbox/contacts";
    let mut places = Vec::new();
    for n in 0..count {
        let contact =
            json!({ "name": format!("Contact {n}"), "identifier": format!("history-{n}") });
        let made = client.json(Method::POST, inbox, NONE, &contact).await.expect(200).value();
        let source = made["source_id"].as_str().unwrap().to_owned();
        let path = format!("{inbox}/{source}/conversations");
        let opened = client.json(Method::POST, &path, NONE, &json!({})).await.expect(200).value();
        places.push(Place { number: opened["id"].as_u64().unwrap(), source });
    }
    places
}

/// Every client does its steps of a phase, all at once.
async fn act(
    size: &Size,
    phase: Phase,
    number: usize,
    proxy: &Faulty,
    places: &[Place],
    talkers: Vec<Talker>,
) -> Vec<Talker> {
    if phase == Phase::Refused {
        proxy.refuse().await;
        proxy.reset_connections(3);
    }
    phase.begin(proxy);
    let each = size.writers + size.readers;
    let mut tasks = tokio::task::JoinSet::new();
    for mut talker in talkers {
        let (places, size, proxy) = (places.to_vec(), size.clone(), proxy.clone());
        tasks.spawn(async move {
            let name = format!("client {} in phase {number}", talker.who);
            let mut lots = Rng::of(size.seed, &name, 0);
            for step in 0..size.steps {
                if phase == Phase::Refused && talker.who == 0 && step == size.steps / 2 {
                    proxy.reopen().await;
                }
                let place = &places[lots.below(places.len())];
                if talker.who % each < size.writers {
                    write(&mut talker, place, &mut lots, &format!("{number}-{step}")).await;
                } else {
                    read(&mut talker, place, &mut lots).await;
                }
            }
            talker
        });
    }
    let mut talkers = tasks.join_all().await;
    talkers.sort_by_key(|t| t.who);
    proxy.heal();
    proxy.reset_connections(0);
    proxy.reopen().await;
    calm(&talkers[0].client, &places[0]).await;
    talkers
}

async fn write(talker: &mut Talker, place: &Place, lots: &mut Rng, name: &str) {
    let text = format!("{OURS}{}-{name}", talker.who);
    match lots.below(10) {
        0..2 if matches!(talker.dialect, Dialect::Account | Dialect::Canonical) => {
            talker.set(place, &format!("value-{}-{name}", talker.who)).await;
        }
        2 => {
            let patience = Duration::from_micros(u64::try_from(lots.below(8000)).unwrap());
            talker.write(place, &text, Some(patience)).await;
        }
        _ => talker.write(place, &text, None).await,
    }
    // Who writes looks, as often as not.
    if lots.once_in(2) {
        talker.walk(place, 1, false).await;
    }
}

async fn read(talker: &mut Talker, place: &Place, lots: &mut Rng) {
    let again = lots.once_in(3);
    match lots.below(8) {
        0..4 => talker.walk(place, 1, again).await,
        4 => talker.walk(place, 3, again).await,
        5 => talker.value(place, again).await,
        _ => talker.conversation(place, again).await,
    }
}

/// Waits until the gateway trusts the backend again.
async fn calm(client: &Client, place: &Place) {
    let path = format!(
        "/public/api/v1/inboxes/demo-inbox/contacts/{}/conversations/{}/messages?before=999999999",
        place.source, place.number
    );
    let patience = Instant::now() + Duration::from_secs(30);
    while client.try_send(Method::GET, &path, NONE, "").await.is_none_or(|a| a.status != 200) {
        assert!(Instant::now() < patience, "the gateway does not come back");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What the backend itself holds.
async fn hold(backend: &Client, number: u64) -> Held {
    let list = format!("/v1/accounts/1/conversations/n:{number}/messages?limit=1000&order=asc");
    let credential = &[("authorization", "Bearer backend-secret")];
    assert_ne!(BEARER[0].1, credential[0].1, "the gateway's own");
    let mut path = list.clone();
    let mut held = Held::new();
    loop {
        let page = backend.get(&path, credential).await.expect(200).value();
        for message in page["data"].as_array().unwrap() {
            let text = |member: &Value| member.as_str().unwrap_or_default().to_owned();
            let kind = text(&message["kind"]);
            let shown = match (kind.as_str(), message["visibility"] == "public") {
                ("activity", _) => Shown::Staff,
                ("note", _) | (_, false) => Shown::Inside,
                _ => Shown::Everybody,
            };
            let id = message["number"].as_u64().unwrap();
            held.push(Message { id, text: text(&message["body"]["text"]), shown });
        }
        let Some(next) = page["page"]["next"].as_str() else { return held };
        path = format!("{list}&cursor={next}");
    }
}
