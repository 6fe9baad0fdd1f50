//! The life of a conversation, from its contact to its figure in a report, told through each dialect
//! that can say it: in one process and in two, whose answers are compared.
//!
//! Stories are data: `tests/fixtures/stories/<dialect>.yaml`. What a dialect cannot say another one
//! does, with the reason, and the dialect that the story is about looks on.

use std::collections::BTreeMap;

use deskbridge::dialect::catalog::Catalog;
use serde_json::Value;

use crate::replay::pair::Pair;
use crate::support::client::Sends;
use crate::support::records::catalog;
use crate::walks::promise::Promises;
use crate::walks::script::{Step, object, only, pairs, read};
use crate::walks::{documented, route_of};

/// What happens in every story, in this order.
const DEEDS: [&str; 10] = [
    "a contact is created",
    "a conversation is opened",
    "a message with a picture is sent",
    "the picture is read back",
    "it is labelled",
    "it is assigned",
    "it is snoozed",
    "it is resolved",
    "it is rated",
    "it is reported",
];

/// One deed: who asks for what. What the dialect that the story is about cannot ask for, another does.
struct Deed(Vec<(String, Step)>);

/// A story and who tells it.
struct Story {
    /// Headers by dialect.
    credentials: BTreeMap<String, Vec<(String, String)>>,
    known: BTreeMap<String, Value>,
    deeds: Vec<Deed>,
}

impl Story {
    fn read(dialect: &str) -> Self {
        let path = format!("tests/fixtures/stories/{dialect}.yaml");
        let file = read(&path);
        only(&path, &file, &["credentials", "known", "deeds"]);
        let deeds = file["deeds"].as_object().unwrap_or_else(|| panic!("{path} has no deeds"));
        let names: Vec<&str> = deeds.keys().map(String::as_str).collect();
        assert_eq!(names, DEEDS, "{path}");
        let credentials = object(&file["credentials"]);
        Self {
            credentials: credentials.iter().map(|(name, of)| (name.clone(), pairs(of))).collect(),
            known: object(&file["known"]),
            deeds: deeds.iter().map(|(name, deed)| Deed::of(&path, dialect, name, deed)).collect(),
        }
    }
}

impl Deed {
    fn of(path: &str, dialect: &str, name: &str, deed: &Value) -> Self {
        let what = format!("{path}, {name}");
        only(&what, deed, &["why", "asks"]);
        let mut steps: Vec<(String, Step)> = Vec::new();
        for (n, step) in deed["asks"].as_array().into_iter().flatten().enumerate() {
            let by = step["by"].as_str().unwrap_or(dialect).to_owned();
            let mut step = step.clone();
            step.as_object_mut().unwrap().remove("by");
            steps.push((by, Step::of(&what, n, &step)));
        }
        assert!(!steps.is_empty(), "{what}: nobody asks for anything");
        let left = steps.iter().any(|(by, _)| by != dialect);
        assert_eq!(deed["why"].is_string(), left, "{what}: what is left to another says why");
        let own = steps.iter().any(|(by, _)| by == dialect);
        assert!(own, "{what}: {dialect} neither does it nor sees it");
        Self(steps)
    }
}

/// Takes a step as a client of a dialect; what is wrong is told.
async fn take(
    client: &impl Sends,
    catalog: &Catalog,
    story: &mut Story,
    promises: &mut BTreeMap<String, Promises>,
    (dialect, step): (&str, &Step),
) -> Vec<String> {
    let told = |what: String| vec![format!("{}: {what}", step.name)];
    if let Some(name) = step.lacks(&story.known) {
        return told(format!("nothing is known of `{name}`"));
    }
    let (method, path) = step.line(&story.known);
    let found = route_of(catalog, dialect, method.as_str(), &path);
    // Files have addresses of their own, which are no dialect's.
    if found.as_deref().unwrap_or_default() != step.route {
        return told(format!("{method} {path} is for {found:?}"));
    }
    let own = story.credentials.get(dialect).cloned().unwrap_or_default();
    let own = if step.stranger { Vec::new() } else { own };
    let answer = step.send(client, &own, &story.known).await;
    let mut wrong = step.learn(&answer, &mut story.known);
    let spoken = catalog.named(dialect).unwrap();
    if let Some(route) = spoken.routes.iter().find(|r| *r.name == *step.route) {
        let promises = promises.entry(dialect.to_owned()).or_insert_with(|| Promises::of(dialect));
        wrong.extend(promises.check(documented(spoken, route), &answer));
    }
    wrong.into_iter().map(|what| format!("{}: {what}", step.name)).collect()
}

/// Tells a story to one process and to two.
async fn tell(dialect: &str) {
    let catalog = catalog();
    let mut story = Story::read(dialect);
    let pair = Pair::shipped().await;
    let (mut wrong, mut promises) = (Vec::new(), BTreeMap::new());
    for Deed(steps) in std::mem::take(&mut story.deeds) {
        for (by, step) in &steps {
            wrong.extend(take(&pair, &catalog, &mut story, &mut promises, (by, step)).await);
        }
    }
    let (compared, _) = pair.settle();
    assert!(wrong.is_empty(), "{} faults\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared >= DEEDS.len(), "{compared}");
}

#[tokio::test]
async fn through_the_account_api() {
    tell("account").await;
}

#[tokio::test]
async fn through_the_account_api_as_really_sent() {
    tell("chatwoot-account").await;
}

#[tokio::test]
async fn through_the_public_inbox() {
    tell("public-inbox").await;
}

#[tokio::test]
async fn through_the_public_inbox_as_really_sent() {
    tell("chatwoot-public").await;
}

#[tokio::test]
async fn through_the_third_party_api() {
    tell("third-party").await;
}
