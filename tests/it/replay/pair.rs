//! Two ways to the same data: a gateway that has the sandbox in its own process, and one that asks
//! another process for everything. What is sent is sent to both, and their answers are compared.

use std::cell::RefCell;

use bytes::Bytes;
use http::{HeaderMap, Method};

use super::data::Data;
use crate::support::answers_last;
use crate::support::client::{Answer, Client, Sends};
use crate::support::gateway::Gateway;
use crate::support::shipped::{Shipped, configuration};

/// Both ways, and what was found.
pub(crate) struct Pair {
    one: Client,
    two: Client,
    admins: [Client; 2],
    data: Data,
    found: RefCell<Found>,
    _processes: Processes,
}

/// What keeps running as long as the pair.
enum Processes {
    /// In this process, over sockets all the same.
    Here { _all: [Gateway; 3], _folder: tempfile::TempDir },
    /// The shipped binary.
    Shipped { _all: [Shipped; 3], _folders: [tempfile::TempDir; 2] },
}

/// What was compared.
#[derive(Default)]
pub(crate) struct Found {
    pub(super) compared: usize,
    /// Of those, how many were answered with success.
    pub(super) successes: usize,
    pub(super) differences: Vec<String>,
}

/// The same but for where the data is: addresses in answers begin alike, and so do clients'
/// credentials.
fn common(data: &Data) -> String {
    format!(
        "
tenants: {{ demo: {{ upstream: main }} }}
server: {{ public_url: http://desk.example }}
sandbox: {{ fixed_time: \"{}\" }}
mounts:
  - {{ dialect: public-inbox, tenant: demo }}
  - {{ dialect: account, tenant: demo }}
  - {{ dialect: chatwoot-public, tenant: demo, prefix: /chatwoot }}
  - {{ dialect: chatwoot-account, tenant: demo, prefix: /chatwoot }}
  - {{ dialect: third-party, tenant: demo }}
  - {{ dialect: canonical, tenant: demo }}
credentials:
  - {{ name: gateway, secret: \"${{env:GATEWAY_TOKEN}}\", tenant: demo, actor: gateway, act_as: true }}
  - {{ name: admin, secret: \"${{env:ADMIN_TOKEN}}\", tenant: demo, account: \"1\", actor: \"agent:n:1\", dialects: [account, chatwoot-account] }}
  - {{ name: agent, secret: \"${{env:AGENT_TOKEN}}\", tenant: demo, account: \"1\", actor: \"agent:n:2\", dialects: [account, chatwoot-account] }}
  - {{ name: bearer, secret: \"${{env:BEARER_TOKEN}}\", tenant: demo, account: \"1\", actor: \"agent:n:1\", dialects: [third-party, canonical], act_as: true }}
  - {{ name: limited, secret: \"${{env:LIMITED_TOKEN}}\", tenant: demo, account: \"1\", actor: \"agent:n:5\", reads_as: actor }}
  - {{ name: bot, secret: \"${{env:BOT_TOKEN}}\", tenant: demo, account: \"1\", actor: \"bot:n:1\" }}
  - {{ name: platform, secret: \"${{env:PLATFORM_TOKEN}}\", tenant: demo, actor: \"platform:n:1\" }}
  - {{ name: identity, secret: \"${{env:IDENTITY_TOKEN}}\", tenant: demo, account: \"1\", actor: \"contact-identity:n:1\", reads_as: actor }}
",
        data.time
    )
}

pub(super) fn sandbox(data: &Data) -> String {
    format!("upstreams: {{ main: {{ kind: sandbox }} }}{}", common(data))
}

pub(super) fn before(backend: impl std::fmt::Display, data: &Data) -> String {
    format!(
        "upstreams:\n  main: {{ kind: canonical, url: \"http://{backend}/v1\", credential: \"${{env:GATEWAY_TOKEN}}\" }}{}",
        common(data)
    )
}

/// A folder of mappings: what is compared takes longer than most answers hold.
fn lasting() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    answers_last(folder.path());
    folder
}

impl Pair {
    /// Both ways in this process.
    pub(crate) async fn here() -> Self {
        let data = Data::read();
        let alone = sandbox(&data);
        let mappings = lasting();
        let start = async |yaml: &str| Gateway::start(Some(yaml), Some(mappings.path())).await;
        let (one, backend) = (start(&alone).await, start(&alone).await);
        let two = start(&before(backend.address, &data)).await;
        let (clients, admins) = ((one.client(), two.client()), [one.admin(), two.admin()]);
        Self::of(
            clients,
            admins,
            data,
            Processes::Here { _all: [one, two, backend], _folder: mappings },
        )
    }

    /// Both ways as the shipped binary.
    pub(crate) async fn shipped() -> Self {
        let data = Data::read();
        let (folder, file) = configuration(&sandbox(&data));
        let lasting = lasting();
        let mappings = lasting.path().display().to_string();
        let start =
            async |file: &str| Shipped::start(&["--config", file, "--mappings", &mappings]).await;
        let one = start(&file).await;
        let backend = start(&file).await;
        // A file of its own: the others read theirs again when that changes.
        let file = folder.path().join("gateway.yaml").display().to_string();
        std::fs::write(&file, before(backend.address, &data)).unwrap();
        let two = start(&file).await;
        let (clients, admins) = ((one.client(), two.client()), [one.admin(), two.admin()]);
        Self::of(
            clients,
            admins,
            data,
            Processes::Shipped { _all: [one, two, backend], _folders: [folder, lasting] },
        )
    }

    fn of(
        (one, two): (Client, Client),
        admins: [Client; 2],
        data: Data,
        processes: Processes,
    ) -> Self {
        Self { one, two, admins, data, found: RefCell::default(), _processes: processes }
    }

    pub(super) fn data(&self) -> &Data {
        &self.data
    }

    /// Waits until nobody is asked. A refusal does not wait for the calls that were begun beside it,
    /// and the next request would find them on one way and not on the other.
    async fn calm(&self) {
        for admin in &self.admins {
            let page = async || admin.get("/metrics", &[]).await.expect(200).body;
            let calm = b"\ndeskbridge_cache_flights 0\n";
            while memchr::memmem::find(&page().await, calm).is_none() {
                tokio::task::yield_now().await;
            }
        }
    }

    /// How many were compared, and how many of them were successes; a panic if any differ.
    #[track_caller]
    pub(crate) fn settle(self) -> (usize, usize) {
        let found = self.found.into_inner();
        assert!(
            found.differences.is_empty(),
            "{} of {} answers differ\n{}",
            found.differences.len(),
            found.compared,
            found.differences.join("\n")
        );
        (found.compared, found.successes)
    }
}

impl Sends for Pair {
    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Answer {
        let id = format!("replay-{}", self.found.borrow().compared);
        let headers = [headers, &[("x-request-id", id.as_str())]].concat();
        let one = self.one.send(method.clone(), path, &headers, body.clone()).await;
        let two = self.two.send(method.clone(), path, &headers, body.clone()).await;
        if !one.status.is_success() {
            self.calm().await;
        }
        let mut found = self.found.borrow_mut();
        found.compared += 1;
        found.successes += usize::from(one.status.is_success());
        let (a, b) = (shown(&one, &self.data), shown(&two, &self.data));
        if a != b || one.body != two.body {
            let body = String::from_utf8_lossy(&body);
            found.differences.push(format!("{method} {path} {body}\n one: {a}\n two: {b}"));
        }
        one
    }
}

/// All of an answer but what cannot be equal.
fn shown(answer: &Answer, data: &Data) -> String {
    let headers: &HeaderMap = &answer.headers;
    let mut lines: Vec<String> = headers
        .iter()
        .filter(|(name, _)| !data.headers.contains_key(name.as_str()))
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            format!("{name}: {}", masked(name.as_str(), value, data))
        })
        .collect();
    lines.sort();
    let body = String::from_utf8_lossy(&answer.body);
    format!("{} {}\n      {body}", answer.status, lines.join(", "))
}

fn masked(name: &str, value: String, data: &Data) -> String {
    data.digits.get(name).into_iter().flatten().fold(value, |value, digits| {
        let mut parts = value.split(&*digits.after);
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| {
            let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{text}{}{}{rest}", digits.after, if rest == part { "" } else { "*" })
        })
    })
}
