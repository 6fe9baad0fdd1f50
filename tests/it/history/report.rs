//! What a run amounts to, in a few lines, and the record of it as a file.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use http::Method;

use super::record::{Claim, Did, History, Outcome};
use super::run::{Ran, Size};

/// Counts of what happened.
pub(super) struct Sum {
    /// By what was done and how it came out.
    pub(super) outcomes: BTreeMap<String, usize>,
    /// Answers to reads by what they say of their age.
    pub(super) claims: BTreeMap<&'static str, usize>,
    /// Failed reads by status; 0 is no answer.
    pub(super) failed: BTreeMap<u16, usize>,
    /// What was done to requests on their way to the backend.
    pub(super) faults: BTreeMap<&'static str, usize>,
    /// Messages that reached the backend's side more often than their writer sent them.
    pub(super) repeated: Vec<String>,
}

impl Sum {
    pub(super) fn of(ran: &Ran) -> Self {
        let mut sum = Self {
            outcomes: BTreeMap::new(),
            claims: BTreeMap::new(),
            failed: BTreeMap::new(),
            faults: BTreeMap::new(),
            repeated: repeated(ran),
        };
        for call in &ran.history.calls {
            let (what, claim) = match &call.did {
                Did::Write { outcome, .. } => (format!("write: {}", word(*outcome)), None),
                Did::Set { outcome, .. } => (format!("set: {}", word(*outcome)), None),
                Did::Read { claim, .. } => ("read".to_owned(), Some(claim)),
                Did::Get { claim, .. } => ("get".to_owned(), Some(claim)),
                Did::Failed { status } => {
                    *sum.failed.entry(status.unwrap_or(0)).or_default() += 1;
                    ("read: failed".to_owned(), None)
                }
            };
            *sum.outcomes.entry(format!("{:<13}{what}", call.dialect)).or_default() += 1;
            if let Some(claim) = claim {
                let word = match claim {
                    Claim::Stored { left: ..0, .. } => "stale",
                    Claim::Stored { .. } => "hit",
                    Claim::Asked => "asked",
                    Claim::Collapsed => "collapsed",
                    Claim::Silent => "silent",
                };
                *sum.claims.entry(word).or_default() += 1;
            }
        }
        for seen in &ran.seen {
            if let Some(fault) = seen.fault {
                *sum.faults.entry(fault).or_default() += 1;
            }
        }
        sum
    }

    /// So many calls with this in their line.
    pub(super) fn count(&self, word: &str) -> usize {
        self.outcomes.iter().filter(|(name, _)| name.contains(word)).map(|(_, n)| n).sum()
    }

    pub(super) fn text(&self, ran: &Ran, size: &Size) -> String {
        let mut text = String::new();
        let calls = ran.history.calls.len();
        let held: usize = ran.history.held.values().map(Vec::len).sum();
        let clients = 4 * (size.writers + size.readers);
        let _ = writeln!(
            text,
            "seed {}: {calls} calls of {clients} clients in {:.1} s, {} phases; {} conversations with {held} \
             messages in the end",
            size.seed,
            ran.took.as_secs_f64(),
            ran.phases,
            ran.history.held.len(),
        );
        let _ = writeln!(
            text,
            "{} requests reached the backend's side, {} had a fault; {} reads were answered 304",
            ran.seen.len(),
            ran.seen.iter().filter(|s| s.fault.is_some()).count(),
            ran.same
        );
        for (name, count) in &self.outcomes {
            let _ = writeln!(text, "  {name:<32} {count:>7}");
        }
        let _ = writeln!(text, "answers to reads: {:?}", self.claims);
        let _ = writeln!(text, "failed reads by status: {:?}", self.failed);
        let _ = writeln!(text, "faults: {:?}", self.faults);
        text
    }
}

fn word(outcome: Outcome) -> String {
    match outcome {
        Outcome::Acknowledged => "acknowledged".to_owned(),
        Outcome::Refused(status) => format!("refused with {status}"),
        Outcome::Unknown(0) => "unknown, no answer".to_owned(),
        Outcome::Unknown(status) => format!("unknown, {status}"),
    }
}

/// A message without a key is sent once, whatever happens to it.
fn repeated(ran: &Ran) -> Vec<String> {
    let mut times: HashMap<&[u8], usize> = HashMap::new();
    for seen in &ran.seen {
        let message = seen.method == Method::POST && seen.path().ends_with("/messages");
        if message && seen.whole && !seen.headers.contains_key("idempotency-key") {
            *times.entry(&seen.body).or_default() += 1;
        }
    }
    let twice = times.into_iter().filter(|(_, n)| *n > 1);
    twice.map(|(body, n)| format!("{n} times {}", String::from_utf8_lossy(body))).collect()
}

/// Writes the record: one line for each call, then one for each conversation.
pub(super) fn write(history: &History, name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target").join(name);
    let mut text = String::new();
    for call in &history.calls {
        let _ = writeln!(text, "{}", call.line());
    }
    for (number, held) in &history.held {
        let messages: Vec<_> =
            held.iter().map(|m| (m.id, &m.text, format!("{:?}", m.shown))).collect();
        let _ = writeln!(text, "{}", serde_json::json!({ "held": number, "messages": messages }));
    }
    std::fs::write(&path, text).unwrap();
    path
}
