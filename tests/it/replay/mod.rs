//! One process and two answer the same bytes: every request of every example beside the mappings,
//! and every step of the walks, is sent to a gateway with the sandbox in its own process and to one
//! that asks another gateway, which has it. Status, headers and body are compared.
//!
//! Times and ids that a write makes are equal because the sandbox's time stands still
//! (`sandbox.fixed_time`) and both get the same requests in the same order.

mod actors;
pub(crate) mod data;
pub(crate) mod pair;

use deskbridge::dialect::catalog::Catalog;
use deskbridge::dialect::embedded::Files;
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

/// Sends the examples of a dialect: those that take something away, or all others. How many there
/// were.
async fn replay(
    pair: &Pair,
    (dialect, prefix): (&str, &str),
    removals: bool,
    catalog: &Catalog,
) -> usize {
    let mut requests = pair.data().requests(dialect, catalog);
    requests.retain(|asked| (asked.method == "DELETE") == removals);
    for asked in &requests {
        let path = format!("{prefix}{}", asked.target);
        let method: Method = asked.method.parse().unwrap();
        let headers: Vec<(&str, &str)> =
            asked.headers.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        pair.send(method, &path, &headers, asked.body.clone().into()).await;
    }
    requests.len()
}

/// Every dialect with examples of its own, and where it is mounted.
const DIALECTS: [(&str, &str); 5] = [
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
    let pair = Pair::here().await;
    let mut examples = 0;
    // What is gone can be asked for no more.
    for removals in [false, true] {
        for mounted in DIALECTS {
            examples += replay(&pair, mounted, removals, &catalog).await;
        }
    }
    for path in STATE {
        pair.send(Method::GET, path, BEARER, bytes::Bytes::new()).await;
    }
    let (compared, successes) = pair.settle();
    assert_eq!(examples, written, "every example of every dialect");
    assert_eq!(compared, written + STATE.len());
    // The sandbox has what they ask for: not only refusals are compared.
    assert!(successes * 5 > compared * 3, "{successes} successes of {compared}");
    println!("{compared} answers compared, {successes} of them successes");
}

#[tokio::test]
async fn every_step_of_the_walks_is_answered_alike_by_one_process_and_by_two() {
    let pair = Pair::shipped().await;
    walk_all(&pair).await;
    for path in STATE {
        pair.send(Method::GET, path, BEARER, bytes::Bytes::new()).await;
    }
    let (compared, successes) = pair.settle();
    println!("{compared} answers compared, {successes} of them successes");
    assert!(compared >= 300 && successes >= 150, "{compared}, {successes}");
}
