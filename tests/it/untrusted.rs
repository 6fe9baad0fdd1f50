//! Answers of a backend that are not what the contract says, place by place: a value of a wrong type
//! is 502 in the dialect where it is read, with the place in the log, and changes nothing where it is
//! not. No word of it reaches a client. Places and types come from the contract.

use std::collections::{BTreeMap, BTreeSet};

use deskbridge::canonical::Contract;
use deskbridge::canonical::contract::{Additional, Kind, SchemaId};
use http::Method;
use serde_json::{Value, json};

use crate::faults::data::Table;
use crate::support::backend::Backend;
use crate::support::client::{Answer, Client};
use crate::support::desk::{self, ACCOUNT, AGENT, BEARER, CANONICAL, NONE, PUBLIC, THIRD_PARTY};
use crate::support::gateway::in_front_of;
use crate::support::records::catalog;
use crate::support::shipped::{Shipped, configuration};

/// A word that no client may read.
const WORD: &str = "hunter2";
const CONTACT: &str = "/v1/accounts/1/contacts/n:902";

/// The backend, and the shipped binary in front of it, whose log is read.
struct Hops {
    backend: Backend,
    gateway: Shipped,
    client: Client,
    _folder: tempfile::TempDir,
}

async fn set_up() -> Hops {
    let backend = Backend::start().await;
    desk::serve(&backend);
    backend.tell(Method::GET, CONTACT, 200, contact().to_string());
    let more = "cache: { enabled: false }
resilience: { attempts: 1, breaker: { enabled: false } }
telemetry: { log: json, level: warn }
";
    let (folder, file) = configuration(&in_front_of(&backend.address.to_string(), more));
    let gateway = Shipped::start(&["--config", &file]).await;
    let client = gateway.client();
    Hops { backend, gateway, client, _folder: folder }
}

fn contact() -> Value {
    let text = include_str!("../../mappings/canonical/examples/contact.rich.json");
    serde_json::from_str(text).unwrap()
}

type Read = (&'static str, String, &'static [(&'static str, &'static str)]);

/// Every way to read an answer of the backend: dialect, address, credential.
fn reads(of: &str) -> Vec<Read> {
    let contact = |base: &str| base.replace("conversations/418", "contacts/902");
    match of {
        "contact" => vec![
            ("account", contact(ACCOUNT), AGENT),
            ("chatwoot-account", format!("/chatwoot{}", contact(ACCOUNT)), AGENT),
            ("third-party", THIRD_PARTY.replace("conversations/418", "profiles/902"), BEARER),
            ("canonical", CONTACT.to_owned(), BEARER),
        ],
        _ => {
            let rest = if of == "messages" { "/messages" } else { "" };
            vec![
                ("public-inbox", format!("{PUBLIC}{rest}"), NONE),
                ("chatwoot-public", format!("/chatwoot{PUBLIC}{rest}"), NONE),
                ("account", format!("{ACCOUNT}{rest}"), AGENT),
                ("chatwoot-account", format!("/chatwoot{ACCOUNT}{rest}"), AGENT),
                ("third-party", format!("{THIRD_PARTY}{rest}"), BEARER),
                ("canonical", format!("{CANONICAL}{rest}"), BEARER),
            ]
        }
    }
}

/// The places of a value that the contract gives a type, and for each a value of another type.
fn places(
    contract: &Contract,
    schema: SchemaId,
    value: &Value,
    at: &str,
    found: &mut BTreeMap<String, Value>,
    seen: &mut BTreeSet<String>,
) {
    let kind = &contract.schema(schema).kind;
    // Of a list one element of each shape is enough.
    let shape = value.get("type").and_then(Value::as_str).unwrap_or_default();
    let place: String = at
        .split('/')
        .map(|s| if s.parse::<usize>().is_ok() { "*" } else { s })
        .collect::<Vec<_>>()
        .join("/");
    // These are messages as all others.
    if place.starts_with("/last_inbound_message/") || place.starts_with("/last_note/") {
        return;
    }
    let fresh = seen.insert(format!("{place} {shape}"));
    let wrong = match kind {
        _ if value.is_null() && !matches!(kind, Kind::Any(_)) => Some(json!([WORD])),
        Kind::String(_) => Some(json!({ "word": WORD })),
        Kind::Integer { .. } | Kind::Number { .. } | Kind::Boolean | Kind::Value(_) => {
            Some(json!(WORD))
        }
        Kind::List { .. } | Kind::Object { .. } | Kind::Union(_) => Some(json!(WORD)),
        Kind::Any(_) => None,
    };
    if let (true, Some(wrong)) = (fresh, wrong) {
        found.insert(at.to_owned(), wrong);
    }
    match (kind, value) {
        (Kind::Object { properties, additional, .. }, Value::Object(members)) => {
            for (name, value) in members {
                let property = properties.iter().find(|p| *p.name == **name);
                let schema = match (property, additional) {
                    (Some(property), _) => property.schema,
                    (None, Additional::Typed(schema)) => *schema,
                    _ => continue,
                };
                places(contract, schema, value, &format!("{at}/{name}"), found, seen);
            }
        }
        (Kind::List { items, .. }, Value::Array(list)) => {
            for (number, value) in list.iter().enumerate() {
                places(contract, *items, value, &format!("{at}/{number}"), found, seen);
            }
        }
        (Kind::Union(variants), Value::Object(_)) => {
            // The one that this value is of.
            let fits = |schema: &SchemaId| {
                let mut faults = Vec::new();
                let text = value.to_string();
                deskbridge::canonical::validate::validate(
                    contract,
                    *schema,
                    text.as_bytes(),
                    &mut faults,
                );
                faults.is_empty()
            };
            if let Some(schema) = variants.iter().copied().find(fits) {
                places(contract, schema, value, at, found, seen);
            }
        }
        _ => {}
    }
}

/// What one answer with one wrong value came to.
#[derive(Default)]
struct Came {
    refused: usize,
    unread: usize,
    passed: usize,
    absent: Vec<String>,
    wrong: Vec<String>,
}

/// Spoils an answer of the backend place by place and reads it in every dialect.
async fn spoil(hops: &mut Hops, of: &str, path: &str, schema: &str, healthy: &Value) -> Came {
    let catalog = catalog();
    let contract = &catalog.contract;
    let table = Table::read();
    let schema = contract.schema_named(schema).unwrap();
    let mut found = BTreeMap::new();
    let inner = if of == "messages" { "/data/0" } else { "" };
    let value = healthy.pointer(inner).unwrap();
    places(contract, schema, value, inner, &mut found, &mut BTreeSet::new());
    let mut before = Vec::new();
    for (_, path, credential) in &reads(of) {
        before.push(hops.client.get(path, credential).await.expect(200).body);
    }
    let mut came = Came::default();
    for (place, wrong) in &found {
        let mut spoilt = healthy.clone();
        match spoilt.pointer_mut(place) {
            Some(value) => *value = wrong.clone(),
            None => panic!("{place}"),
        }
        hops.backend.tell(Method::GET, path, 200, spoilt.to_string());
        for ((dialect, path, credential), before) in reads(of).iter().zip(&before) {
            if *dialect == "canonical" && place.matches('/').count() > 2 {
                continue;
            }
            let answer = hops.client.get(path, credential).await;
            let what = format!("{of} {place}, {dialect}");
            let text = answer.text();
            match answer.status.as_u16() {
                200 if answer.body == before => came.unread += 1,
                // Its clients know the contract themselves: they get the answer as it is.
                200 if *dialect == "canonical" => came.passed += 1,
                502 => {
                    came.refused += 1;
                    if !table.shapes[*dialect].fits(502, &answer.body) || text.contains(WORD) {
                        came.wrong.push(format!("{what}: {text}"));
                    }
                    let line = hops.gateway.line(|line| line.contains("the backend failed")).await;
                    // A list that holds something else than texts is told as a list.
                    let list =
                        place.rsplit_once('/').filter(|(_, last)| last.parse::<u8>().is_ok());
                    let places = [Some(place.as_str()), list.map(|(list, _)| list)];
                    let told = places.into_iter().flatten().any(|place| {
                        [":", " must be"]
                            .iter()
                            .any(|after| line.contains(&format!("{place}{after}")))
                    });
                    // What is no object lacks what an object has to have there.
                    let inside = format!("{place}/");
                    let lacking = line.split_once(&inside).is_some_and(|(_, rest)| {
                        let told = rest.split(';').next().unwrap_or_default();
                        told.strip_suffix(": missing").is_some_and(|member| !member.contains(' '))
                    });
                    if !(told || lacking) || line.contains(WORD) {
                        came.wrong.push(format!("{what}: logged {line}"));
                    }
                }
                // An object, a list or an element that is none counts as one that is not there, and
                // what a credential's rules cannot be sure of is kept back.
                200 if !text.contains(WORD) => came.absent.push(what),
                // What is not the caller's is not there.
                404 if dialect.contains("public") => came.refused += 1,
                _ => came.wrong.push(format!("{what}: {}", around(&text))),
            }
        }
    }
    hops.backend.tell(Method::GET, path, 200, healthy.to_string());
    came
}

/// What stands around the word in a text; else its beginning.
fn around(text: &str) -> String {
    let at = text.find(WORD).map_or(0, |at| text[..at].chars().count());
    text.chars().skip(at.saturating_sub(60)).take(160).collect()
}

#[tokio::test]
async fn a_wrong_type_is_refused_where_it_is_read_and_nothing_where_it_is_not() {
    let mut hops = set_up().await;
    let page: Value =
        serde_json::from_str(&desk::page(&[desk::message(5003), desk::message(5001)])).unwrap();
    let (mut refused, mut unread, mut wrong) = (0, 0, Vec::new());
    for (of, path, schema, healthy) in [
        ("conversation", CANONICAL, "Conversation", desk::conversation()),
        ("messages", desk::MESSAGES, "Message", page),
        ("contact", CONTACT, "Contact", contact()),
    ] {
        let came = spoil(&mut hops, of, path, schema, &healthy).await;
        let Came { refused: no, unread: not, passed, absent, .. } = &came;
        let absent = absent.len();
        println!("{of}: {no} refused, {not} not read, {passed} passed on, {absent} as if absent");
        (refused, unread) = (refused + came.refused, unread + came.unread);
        wrong.extend(came.wrong);
    }
    assert!(wrong.is_empty(), "{} are wrong\n{}", wrong.len(), wrong.join("\n"));
    assert!(refused > 100 && unread > 100, "{refused}, {unread}");
}

/// Those of the monsters that are objects of acceptable JSON.
const WELL_FORMED: [&str; 3] = ["a number of 400 digits", "a huge exponent", "a fraction"];

/// Answers that are no JSON of ours at all, whatever is in them.
fn monsters() -> Vec<(&'static str, Vec<u8>)> {
    let whole = desk::conversation().to_string();
    let with = |from: &str, to: &[u8]| {
        let at = whole.find(from).unwrap_or_else(|| panic!("{from}"));
        [&whole.as_bytes()[..at], to, &whole.as_bytes()[at + from.len()..]].concat()
    };
    let number = "\"number\":418";
    let deep = |open: &str, close: &str| {
        let bomb = format!("\"number\":418,\"x\":{}{}", open.repeat(5_000), close.repeat(5_000));
        with(number, bomb.as_bytes())
    };
    vec![
        ("lists in lists", deep("[", "]")),
        (
            "objects in objects",
            with(
                number,
                format!("\"number\":418,\"x\":{}1{}", "{\"a\":".repeat(5_000), "}".repeat(5_000))
                    .as_bytes(),
            ),
        ),
        ("brackets that never close", "[".repeat(100_000).into_bytes()),
        (
            "a number of 400 digits",
            with(number, format!("\"number\":{}", "9".repeat(400)).as_bytes()),
        ),
        ("a huge exponent", with(number, b"\"number\":1e400")),
        ("not a number", with(number, b"\"number\":NaN")),
        ("a fraction", with(number, b"\"number\":418.5")),
        ("invalid UTF-8", with(number, b"\"number\":418,\"x\":\"\xff\xfe\"")),
        ("half a surrogate", with(number, b"\"number\":418,\"x\":\"\\ud800\"")),
        ("a control in a text", with(number, b"\"number\":418,\"x\":\"\x01\"")),
        ("a byte order mark", [b"\xef\xbb\xbf", whole.as_bytes()].concat()),
        ("two documents", [whole.as_bytes(), whole.as_bytes()].concat()),
        ("nothing", Vec::new()),
        ("null", b"null".to_vec()),
        ("a text", b"\"hunter2\"".to_vec()),
        ("a list", b"[]".to_vec()),
    ]
}

#[tokio::test]
async fn no_monster_gets_through() {
    let mut hops = set_up().await;
    let table = Table::read();
    let mut wrong = Vec::new();
    let mut count = 0;
    for (name, body) in monsters() {
        hops.backend.tell(Method::GET, CANONICAL, 200, body);
        for (dialect, path, credential) in reads("conversation") {
            let answer = hops.client.get(&path, credential).await;
            count += 1;
            let text = answer.text();
            // Well formed it is passed on as it is: see above.
            if dialect == "canonical" && answer.status == 200 && WELL_FORMED.contains(&name) {
                continue;
            }
            let fits = answer.status == 502 && table.shapes[dialect].fits(502, &answer.body);
            if !fits || text.contains(WORD) {
                wrong.push(format!("{name}, {dialect}: {}", &text[..text.len().min(300)]));
                continue;
            }
            hops.gateway.line(|line| line.contains("the backend failed")).await;
        }
    }
    assert!(wrong.is_empty(), "{} of {count} are wrong\n{}", wrong.len(), wrong.join("\n"));
    hops.backend.tell(Method::GET, CANONICAL, 200, desk::conversation().to_string());
    for (_, path, credential) in reads("conversation") {
        hops.client.get(&path, credential).await.expect(200);
    }
}

/// Who checked the first and who reads the second would be two.
#[tokio::test]
async fn a_member_that_comes_twice_is_refused() {
    let hops = set_up().await;
    let whole = desk::conversation().to_string();
    for second in ["419", "\"hunter2\"", "418"] {
        let twice = format!("\"number\":418,\"number\":{second}");
        let twice = whole.replacen("\"number\":418", &twice, 1);
        hops.backend.tell(Method::GET, CANONICAL, 200, twice);
        for (dialect, path, credential) in reads("conversation") {
            // It reads nothing of it.
            if dialect != "canonical" {
                let refused: Answer = hops.client.get(&path, credential).await.expect(502);
                assert!(!refused.text().contains(WORD));
            }
        }
    }
}
