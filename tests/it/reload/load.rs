use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use serde_json::json;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::{Desk, unwatched};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::desk::{self, ACCOUNT, AGENT, BEARER, NONE, PUBLIC, THIRD_PARTY};

type Read = (&'static str, &'static [(&'static str, &'static str)]);

/// Three dialects.
const READS: [Read; 3] = [(PUBLIC, NONE), (ACCOUNT, AGENT), (THIRD_PARTY, BEARER)];
/// Clients of each, every one with connections of its own that it keeps.
const CLIENTS: usize = 4;
/// Reloads, good and bad in turn.
const RELOADS: usize = 24;
/// Answers that are waited for between two of them.
const BETWEEN: usize = 150;

/// What is served: which backend, and which mappings. What is to be read of each is known before.
#[derive(Clone, Debug, PartialEq)]
struct Shown([Bytes; READS.len()]);

#[derive(Debug, Default)]
struct Course {
    /// Even: that many reloads are done. Odd: the next one is under way.
    step: AtomicUsize,
    answers: AtomicUsize,
    told: Notify,
}

/// With states 0, 1, 2, 3 in turn: backend A or B, mappings as shipped or with a subject. A bad
/// reload stands between two good ones and changes nothing.
fn state(reloads: usize) -> usize {
    reloads.div_ceil(2) % 4
}

/// In front of a backend, with no more dialects than are asked in: a reload is quicker.
fn three(backend: &Backend) -> String {
    let all = unwatched(backend);
    let other = |line: &&str| {
        ["chatwoot-public,", "chatwoot-account,", "canonical,"]
            .iter()
            .all(|dialect| !line.contains(&format!("{{ dialect: {dialect}")))
    };
    all.lines().filter(other).map(|line| format!("{line}\n")).collect()
}

#[tokio::test]
async fn nobody_notices_reloads_but_for_what_they_change() {
    let desk = Desk::new().await;
    let other = Backend::start().await;
    desk::serve(&other);
    let mut conversation = desk::conversation();
    conversation["subject"] = json!("of the other one");
    conversation["last_message_preview"] = json!("of the other one");
    conversation["assignee"]["name"] = json!("Somebody Else");
    desk::show(&other, &conversation);
    let backends = [&desk.backend, &other];
    let put = |state: usize| {
        desk.write(&three(backends[state % 2]));
        if state / 2 == 0 { desk.mappings.as_shipped() } else { desk.mappings.with_subject() }
    };

    // What each state shows, seen once while nobody else asks.
    let mut shown = Vec::new();
    for state in 0..4 {
        put(state);
        desk.reload().await.expect(200);
        let mut bodies = Vec::new();
        for (path, credential) in READS {
            bodies.push(desk.client().get(path, credential).await.expect(200).body);
        }
        shown.push(Shown(bodies.try_into().unwrap()));
    }
    assert!((1..4).all(|n| shown[n].0[1] != shown[n - 1].0[1]), "states look different");
    put(0);
    desk.applied().await;
    assert_eq!(three(&other).matches("{ dialect:").count(), READS.len());

    let (course, shown) = (Arc::new(Course::default()), Arc::new(shown));
    let mut clients = JoinSet::new();
    for which in 0..READS.len() {
        for _ in 0..CLIENTS {
            let client = desk.client();
            clients.spawn(ask(client, which, Arc::clone(&course), Arc::clone(&shown)));
        }
    }
    for reload in 1..=RELOADS {
        let enough = course.answers.load(Ordering::SeqCst) + BETWEEN;
        while course.answers.load(Ordering::SeqCst) < enough {
            tokio::select! {
                ended = clients.join_next() => panic!("a client ended early: {ended:?}"),
                () = course.told.notified() => {}
            }
        }
        let good = reload % 2 == 1;
        if good {
            put(state(reload))
        } else {
            desk.mappings.broken()
        }
        course.step.fetch_add(1, Ordering::SeqCst);
        if good {
            desk.applied().await;
        } else {
            desk.refused().await;
        }
        course.step.fetch_add(1, Ordering::SeqCst);
    }
    // Odd for ever: the end.
    course.step.store(usize::MAX, Ordering::SeqCst);
    let mut exact = 0;
    while let Some(ended) = clients.join_next().await {
        exact += ended.unwrap();
    }
    let answers = course.answers.load(Ordering::SeqCst);
    assert!(answers >= RELOADS * BETWEEN, "{answers}");
    assert!(exact * 4 > answers, "{exact} of {answers} were known to the byte");
    println!("{answers} answers over {RELOADS} reloads, {exact} known to the byte");
}

/// Asks until the end. Every answer is one of a state that was served while it was made; gives how
/// many could be only one.
async fn ask(client: Client, which: usize, course: Arc<Course>, shown: Arc<Vec<Shown>>) -> usize {
    let (path, credential) = READS[which];
    let mut exact = 0;
    loop {
        let before = course.step.load(Ordering::SeqCst);
        if before == usize::MAX {
            return exact;
        }
        let answer = client.get(path, credential).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let after = course.step.load(Ordering::SeqCst).min(2 * RELOADS);
        // Reloads done before it was sent, up to those begun before it came.
        let (first, last) = (before / 2, after.div_ceil(2));
        let fits = (first..=last).any(|reloads| shown[state(reloads)].0[which] == answer.body);
        assert!(fits, "{path}, steps {before} to {after}: {}", answer.text());
        exact += usize::from(state(first) == state(last));
        course.answers.fetch_add(1, Ordering::SeqCst);
        course.told.notify_one();
    }
}
