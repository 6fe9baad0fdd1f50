//! A gateway in front of a proxy that fails on purpose, in front of the sandbox; and what is seen
//! from each side of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use super::data::{Ask, Outcome, Row, Table};
use crate::support::client::{Answer, Client};
use crate::support::faulty::{Faulty, Seen, When};
use crate::support::gateway::{Gateway, in_front_of};

/// No breaker, no cache: each request is asked by itself. Nothing ends an attempt but the fault.
pub(super) const PATIENT: (&str, &str) = ("timeout: 60s", "attempt_timeout: 50s");
/// For what takes too long. The time of an attempt ends while there is one left; the last one has
/// what is left of the call's.
pub(super) const IMPATIENT: (&str, &str) =
    ("timeout: 1200ms", "attempts: 2, attempt_timeout: 400ms");

/// Who asks.
const CREDENTIALS: [(&str, &str); 2] =
    [("api_access_token", "demo-agent"), ("authorization", "Bearer demo-bearer")];

pub(super) struct Rig {
    table: Table,
    proxy: Faulty,
    gateway: Gateway,
    client: Client,
    /// Requests so far, for their ids.
    asked: AtomicUsize,
    _backend: Gateway,
}

impl Rig {
    pub(super) async fn new((upstream, resilience): (&str, &str)) -> Self {
        let backend = Gateway::sandbox().await;
        let proxy = Faulty::before(backend.address).await;
        let more = format!(
            "cache: {{ enabled: false }}\nresilience: {{ {resilience}, backoff: {{ min: 1ms, max: 5ms }}, \
             budget: {{ ratio: 100%, min_per_second: 1000 }}, breaker: {{ enabled: false }} }}\n"
        );
        let yaml = in_front_of(&proxy.address.to_string(), &more)
            .replace("env:BACKEND_TOKEN", "env:BEARER_TOKEN")
            .replace("kind: canonical,", &format!("kind: canonical, {upstream},"));
        let gateway = Gateway::configured(&yaml).await;
        let client = gateway.client();
        Self {
            table: Table::read(),
            proxy,
            gateway,
            client,
            asked: AtomicUsize::new(0),
            _backend: backend,
        }
    }

    /// Does every fault of a test to every kind of operation in every dialect; how many requests
    /// that were.
    pub(super) async fn run(&self, test: &str) -> usize {
        let mut wrong = Vec::new();
        let mut count = 0;
        for row in self.table.faults.iter().filter(|row| row.test == test) {
            let before = self.counted().await;
            let mut due = Counted::default();
            for kind in &self.table.kinds {
                let outcome = row.outcome(kind);
                let asks = kind.asks();
                asks.iter().for_each(|_| due.add(outcome));
                count += asks.len();
                let all = self.all(row, &asks, outcome).await;
                wrong.extend(all.into_iter().map(|w| format!("{}, {}: {w}", row.name, kind.name)));
                // Who is refused once is refused until somebody listens again.
                if outcome.retries.is_empty() || row.does.refused {
                    continue;
                }
                let outcome = recovered(outcome);
                for ask in &asks {
                    due.add(&outcome);
                    count += 1;
                    let (method, end) = &ask.strikes;
                    let when = When::method(method.clone()).ending(end).next(1);
                    self.proxy.inject(when, row.does.fault());
                    let found = self.one(ask, &outcome).await;
                    self.proxy.heal();
                    let what = format!("{}, {}, once", row.name, kind.name);
                    wrong.extend(found.into_iter().map(|w| format!("{what}: {w}")));
                }
            }
            let counted = self.counted().await.since(&before);
            if counted != due {
                wrong.push(format!("{}: counted {counted:?}, due {due:?}", row.name));
            }
        }
        assert!(wrong.is_empty(), "{} of {count} are wrong\n{}", wrong.len(), wrong.join("\n"));
        assert!(count > 0, "no fault is of {test}");
        count
    }

    /// Without a fault everything is answered, and what is to be hit is asked once.
    pub(super) async fn healthy(&self) -> usize {
        let mut count = 0;
        for kind in &self.table.kinds {
            for ask in kind.asks() {
                let id = format!("healthy-{count}");
                let answer = self.send(&ask, &id).await;
                let sent = self.sent(&ask, &id);
                let what = format!("{}, {}: {}", kind.name, ask.dialect, answer.text());
                assert!(answer.status.is_success() && sent == 1, "{what}, sent {sent}");
                count += 1;
            }
        }
        count
    }

    /// The fault strikes every time: every dialect asks at once.
    async fn all(&self, row: &Row, asks: &[Ask], due: &Outcome) -> Vec<String> {
        if row.does.refused {
            self.proxy.refuse().await;
        }
        let strikes = asks.iter().map(|ask| (ask.strikes.0.as_str(), &*ask.strikes.1));
        for (method, end) in strikes.collect::<BTreeSet<_>>() {
            let when = When::method(method.parse().unwrap()).ending(end);
            self.proxy.inject(when, row.does.fault());
        }
        let found = futures_util::future::join_all(asks.iter().map(|ask| self.one(ask, due))).await;
        self.proxy.heal();
        if row.does.refused {
            self.proxy.reopen().await;
        }
        found.into_iter().flatten().collect()
    }

    /// One request; what was not as the table says.
    async fn one(&self, ask: &Ask, due: &Outcome) -> Vec<String> {
        let id = format!("fault-{}", self.asked.fetch_add(1, Ordering::Relaxed));
        let answer = self.send(ask, &id).await;
        let mut wrong = self.told(ask, &answer, due);
        let sent = self.sent(ask, &id);
        if sent != due.sent {
            wrong.push(format!("sent {sent} times"));
        }
        wrong.into_iter().map(|wrong| format!("{}, {id}: {wrong}", ask.dialect)).collect()
    }

    async fn send(&self, ask: &Ask, id: &str) -> Answer {
        let headers = [&CREDENTIALS[..], &[("x-request-id", id)]].concat();
        let method = ask.method.clone();
        match &ask.body {
            Some(body) => self.client.json(method, &ask.path, &headers, body).await,
            None => self.client.send(method, &ask.path, &headers, Bytes::new()).await,
        }
    }

    /// How often the backend was sent what is hit, for the request of this id.
    fn sent(&self, ask: &Ask, id: &str) -> usize {
        let (method, end) = &ask.strikes;
        let hit = |seen: &&Seen| {
            seen.headers.get("x-request-id").is_some_and(|own| own == id)
                && seen.method == *method
                && seen.path().ends_with(&**end)
        };
        self.proxy.seen().iter().filter(hit).count()
    }

    /// What the client may not have been told, or should have been.
    fn told(&self, ask: &Ask, answer: &Answer, due: &Outcome) -> Vec<String> {
        let mut wrong = Vec::new();
        let text = answer.text();
        let here = self.proxy.address.to_string();
        for secret in self.table.secrets.iter().chain([&here]) {
            if text.contains(secret) {
                wrong.push(format!("tells {secret}: {text}"));
            }
        }
        let told = answer.header("proxy-status");
        let proxy = due.proxy.as_ref().map(|p| format!("deskbridge; {p}")).unwrap_or_default();
        if told != proxy {
            wrong.push(format!("Proxy-Status: {told}"));
        }
        let wait = due.retry_after.map(|s| s.to_string()).unwrap_or_default();
        if answer.header("retry-after") != wait {
            wrong.push(format!("Retry-After: {}", answer.header("retry-after")));
        }
        let Some(status) = due.status else {
            if !answer.status.is_success() {
                wrong.push(format!("answers {text}"));
            }
            return wrong;
        };
        if answer.status != status {
            wrong.push(format!("answers {text}"));
            return wrong;
        }
        if !self.table.shapes[&ask.dialect].fits(status, &answer.body) {
            wrong.push(format!("its error is {text}"));
        }
        wrong
    }

    async fn counted(&self) -> Counted {
        let text = self.gateway.admin().get("/metrics", &[]).await.expect(200);
        let text = String::from_utf8(text.body.to_vec()).unwrap();
        let scrape = prometheus_parse::Scrape::parse(text.lines().map(|l| Ok(l.to_owned())));
        let mut counted = Counted::default();
        for sample in scrape.unwrap().samples {
            let prometheus_parse::Value::Counter(value) = sample.value else { continue };
            let label = |name: &str| sample.labels.get(name).unwrap().to_owned();
            match sample.metric.as_str() {
                "deskbridge_upstream_requests_total" => {
                    *counted.outcomes.entry(label("outcome")).or_default() += value as u32;
                }
                "deskbridge_upstream_retries_total" => {
                    *counted.retries.entry(label("reason")).or_default() += value as u32;
                }
                _ => {}
            }
        }
        counted
    }
}

/// What comes of it, if the fault strikes once: what is asked again is answered.
fn recovered(outcome: &Outcome) -> Outcome {
    Outcome {
        status: None,
        proxy: None,
        retry_after: None,
        sent: 2,
        retries: outcome.retries.keys().map(|reason| (reason.clone(), 1)).collect(),
        outcome: "success".to_owned(),
    }
}

/// What operators see: calls by what became of them, and retries by reason.
#[derive(Clone, Debug, Default, PartialEq)]
struct Counted {
    outcomes: BTreeMap<String, u32>,
    retries: BTreeMap<String, u32>,
}

impl Counted {
    fn add(&mut self, outcome: &Outcome) {
        for (reason, n) in &outcome.retries {
            *self.retries.entry(reason.clone()).or_default() += n;
        }
        // Calls that succeed beside the one that is hit are not told apart by the table.
        if outcome.outcome != "success" {
            *self.outcomes.entry(outcome.outcome.clone()).or_default() += 1;
        }
    }

    fn since(mut self, before: &Self) -> Self {
        let less = |now: &mut BTreeMap<String, u32>, then: &BTreeMap<String, u32>| {
            for (name, n) in now.iter_mut() {
                *n -= then.get(name).copied().unwrap_or_default();
            }
            now.retain(|name, n| *n > 0 && name != "success");
        };
        less(&mut self.outcomes, &before.outcomes);
        less(&mut self.retries, &before.retries);
        self
    }
}
