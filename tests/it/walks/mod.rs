//! A client for each dialect: it walks every route over a real socket, and each answer is held
//! against the dialect's own documents. A route that no step asks for fails by its name.
//!
//! Walks are data: `tests/fixtures/walks/<dialect>.yaml`.

mod habits;
pub(crate) mod promise;
pub(crate) mod script;

use std::collections::BTreeSet;

use deskbridge::dialect::Dialect;
use deskbridge::dialect::catalog::Catalog;
use deskbridge::dialect::embedded::Files;
use deskbridge::dialect::recognise::Recognition;
use deskbridge::dialect::route::Route;
use deskbridge::syntax::Sources;
use jiff::Timestamp;

use crate::support::client::Sends;
use crate::support::gateway::{Gateway, in_front_of};
use promise::Promises;
use script::Walk;

/// Every dialect, each at a host of its own name.
fn catalog() -> Catalog {
    let mut sources = Sources::default();
    let (catalog, diagnostics) = Catalog::load_all(&Files::embedded(), &mut sources);
    catalog.unwrap_or_else(|| panic!("{}", diagnostics.render(&sources, false)))
}

/// The name of the route that a request is for. Where the walk goes to a mount with a prefix, the
/// prefix is left out first.
pub(crate) fn route_of(
    catalog: &Catalog,
    dialect: &str,
    method: &str,
    path: &str,
) -> Option<String> {
    let bases = &catalog.named(dialect)?.bases;
    let start = bases.iter().filter_map(|base| path.find(&*base.address)).min().unwrap_or(0);
    match catalog.recognise(dialect, method, &path[start..]) {
        Recognition::Route { route, .. } => Some(route.name.to_string()),
        _ => None,
    }
}

/// Bodies that no route takes, with what is answered to them: each route that takes JSON is tried
/// with them once.
const SPOILT: &[((&str, &str), u16)] =
    &[(("application/json", "{\"a\": [1,"), 400), (("text/csv", "a;b"), 415)];

/// Takes every step of a walk and says what was wrong.
async fn walk(
    client: &impl Sends,
    catalog: &Catalog,
    dialect: &str,
    now: Timestamp,
) -> Vec<String> {
    let (Walk { credential, steps, mut known }, mut promises) =
        (Walk::read(dialect, now), Promises::of(dialect));
    let spoken = catalog.named(dialect).unwrap();
    let routes = &spoken.routes;
    let (mut wrong, mut walked, mut spoilt) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for step in &steps {
        if let Some(name) = step.lacks(&known) {
            wrong.push(format!("{}: nothing is known of `{name}`", step.name));
            continue;
        }
        if step.setup {
            let answer = step.send(client, &[], &known).await;
            let what = step.learn(&answer, &mut known);
            wrong.extend(what.into_iter().map(|what| format!("{}: {what}", step.name)));
            continue;
        }
        let (method, path) = step.line(&known);
        let found = route_of(catalog, dialect, method.as_str(), &path);
        if found.as_deref() != Some(&step.route) {
            wrong.push(format!("{}: {method} {path} is for {found:?}", step.name));
            continue;
        }
        let credential = step.credential.as_ref().unwrap_or(&credential);
        let told = |wrong: &mut Vec<String>, what: Vec<String>| {
            wrong.extend(what.into_iter().map(|what| format!("{}: {what}", step.name)));
        };
        let route = routes.iter().find(|r| *r.name == *step.route).unwrap();
        let operation = documented(spoken, route);
        if route.credential.is_some() && !step.stranger && !credential.is_empty() {
            let answer = step.send(client, &[], &known).await;
            if answer.status != 401 {
                told(&mut wrong, vec![format!("a stranger gets {}", answer.status)]);
            }
            told(&mut wrong, promises.check(operation, &answer));
        }
        if route.body.is_some()
            && step.sends_json()
            && !step.stranger
            && spoilt.insert(step.route.clone())
        {
            for (body, status) in SPOILT {
                let answer = step.send_instead(client, credential, &known, *body).await;
                if answer.status != *status {
                    told(&mut wrong, vec![format!("answers {} to {body:?}", answer.status)]);
                }
                told(&mut wrong, promises.check(operation, &answer));
            }
        }
        let own: &[(String, String)] = if step.stranger { &[] } else { credential };
        let answer = step.send(client, own, &known).await;
        told(&mut wrong, step.learn(&answer, &mut known));
        told(&mut wrong, promises.check(operation, &answer));
        if step.status < 400 {
            walked.insert(step.route.clone());
        }
    }
    for route in routes {
        if !walked.contains(&*route.name) {
            wrong.push(format!("{dialect}: no step asks for the route {}", route.name));
        }
    }
    wrong
}

/// What the documents call a route: of our own dialect its name, of others what the loader found.
pub(crate) fn documented<'d>(dialect: &'d Dialect, route: &'d Route) -> Option<&'d str> {
    match &dialect.documented {
        Some(documents) => Some(&*documents.operations.get(route.documents?)?.name),
        None => (&*dialect.name == "canonical").then_some(&*route.name),
    }
}

/// Walks every dialect, one after the other. `now`: by the clock of who is asked.
pub(crate) async fn walk_all(client: &impl Sends, now: Timestamp) {
    let catalog = catalog();
    let mut wrong = Vec::new();
    for dialect in &catalog.dialects {
        wrong.extend(walk(client, &catalog, &dialect.name, now).await);
    }
    assert!(wrong.is_empty(), "{} faults\n{}", wrong.len(), wrong.join("\n"));
}

/// Nobody can tell a gateway from the backend behind it.
#[tokio::test]
async fn every_walk_leads_through_a_gateway_in_front_of_another() {
    let backend = Gateway::sandbox().await;
    // The sandbox knows the gateway, and no token of a backend's own.
    let configuration = in_front_of(&backend.address.to_string(), "");
    let configuration = configuration.replace("env:BACKEND_TOKEN", "env:GATEWAY_TOKEN");
    let gateway = Gateway::configured(&configuration).await;
    walk_all(&gateway.client(), Timestamp::now()).await;
}

#[tokio::test]
async fn a_client_of_every_dialect_walks_every_route() {
    let gateway = Gateway::sandbox().await;
    walk_all(&gateway.client(), Timestamp::now()).await;
}
