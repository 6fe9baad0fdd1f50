//! One process and two answer the same bytes: every request of every example beside the mappings,
//! and every step of the walks, is sent to a gateway with the sandbox in its own process and to one
//! that asks another gateway, which has it. Status, headers and body are compared.
//!
//! Times and ids that a write makes are equal because the sandbox's time stands still
//! (`sandbox.fixed_time`) and both get the same requests in the same order.

mod actors;
pub(crate) mod data;
pub(crate) mod pair;

use std::collections::BTreeMap;

use deskbridge::dialect::catalog::Catalog;
use deskbridge::dialect::embedded::Files;
use deskbridge::examples::Asked;
use http::Method;

use crate::support::client::Sends as _;
use crate::support::records::catalog;
use crate::walks::walk_all;
use pair::Pair;

/// What the canonical dialect shows of the data after all that was sent: is it the same?
const STATE: [&str; 8] = [
    "/v1/accounts/1/conversations?limit=100&include=contact,messages,last_note",
    "/v1/accounts/1/contacts?limit=100",
    "/v1/accounts/1/inboxes",
    "/v1/accounts/1/agents",
    "/v1/accounts/1/teams",
    "/v1/accounts/1/labels",
    "/v1/accounts/1/conversations/n:1/messages?limit=100",
    "/v1/accounts/1/conversations/n:1?include=contact,messages&messages_limit=100",
];
const BEARER: &[(&str, &str)] = &[("authorization", "Bearer demo-bearer")];

/// Routes, each as its dialect and its name, with whether an example that is a success was one here.
type Succeeded = BTreeMap<String, bool>;

/// When a request is sent: what makes things comes before what gives them other names, a whole before
/// its parts, and what takes them away comes last, a part before its whole. What shall succeed comes
/// before what is refused because of it.
fn turn(asked: &Asked) -> (u8, isize, bool) {
    let depth = asked.target.trim_end_matches('/').matches('/').count().cast_signed();
    let refused = asked.status >= 300;
    match asked.method.as_str() {
        "POST" => (0, depth, refused),
        // A body says what is taken out of the one that the address names: half a level below it.
        "DELETE" if !asked.body.is_empty() => (2, -2 * depth - 3, refused),
        "DELETE" => (2, -2 * depth, refused),
        _ => (1, 0, refused),
    }
}

/// Sends the examples of a dialect. How many there were.
async fn replay(
    pair: &Pair,
    (dialect, prefix): (&str, &str),
    catalog: &Catalog,
    succeeded: &mut Succeeded,
) -> usize {
    let mut requests = pair.data().requests(dialect, catalog);
    requests.sort_by_key(turn);
    for asked in &requests {
        let path = format!("{prefix}{}", asked.target);
        let method: Method = asked.method.parse().unwrap();
        let headers: Vec<(&str, &str)> =
            asked.headers.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let answer = pair.send(method, &path, &headers, asked.body.clone().into()).await;
        if (200..300).contains(&asked.status) {
            let route = succeeded.entry(format!("{dialect} {}", asked.route)).or_default();
            *route |= answer.status.is_success();
        }
    }
    requests.len()
}

/// Every dialect with examples of its own, and where it is mounted.
const DIALECTS: [(&str, &str); 6] = [
    ("canonical", ""),
    ("public-inbox", ""),
    ("account", ""),
    ("third-party", ""),
    ("chatwoot-public", "/chatwoot"),
    ("chatwoot-account", "/chatwoot"),
];

#[tokio::test]
async fn every_example_request_is_answered_alike_by_one_process_and_by_two() {
    let catalog = catalog();
    let files = Files::embedded();
    let written = files.paths().filter(|p| p.contains("/examples/") && p.ends_with(".yaml"));
    let written = written.count();
    let (mut examples, mut compared, mut successes) = (0, 0, 0);
    let mut succeeded = Succeeded::new();
    for mounted in DIALECTS {
        // A desk for each: what one makes or takes away stands in nobody else's way.
        let pair = Pair::here().await;
        examples += replay(&pair, mounted, &catalog, &mut succeeded).await;
        for path in STATE {
            pair.send(Method::GET, path, BEARER, bytes::Bytes::new()).await;
        }
        let settled = pair.settle();
        (compared, successes) = (compared + settled.0, successes + settled.1);
    }
    assert_eq!(examples, written, "every example of every dialect");
    assert_eq!(compared, written + DIALECTS.len() * STATE.len());
    // The sandbox has what they ask for: not only refusals are compared.
    let refused: Vec<_> = succeeded.iter().filter(|(_, done)| !**done).map(|(r, _)| r).collect();
    assert!(refused.is_empty(), "of these no example succeeds here: {refused:#?}");
    assert!(successes > succeeded.len(), "{successes} successes of {compared}");
    println!("{compared} answers compared, {successes} of them successes");
}

#[tokio::test]
async fn every_step_of_the_walks_is_answered_alike_by_one_process_and_by_two() {
    let pair = Pair::shipped().await;
    walk_all(&pair, pair.data().time.parse().unwrap()).await;
    for path in STATE {
        pair.send(Method::GET, path, BEARER, bytes::Bytes::new()).await;
    }
    let (compared, successes) = pair.settle();
    println!("{compared} answers compared, {successes} of them successes");
    assert!(compared >= 300 && successes >= 150, "{compared}, {successes}");
}
