//! What a translation costs, as a multiple of what nobody can do without: reading the JSON once.
//!
//! Times depend on the machine and on who else uses it, so ratios are printed: of a translation to
//! `serde_json` checking the same bytes, and to `serde_json` making a tree of them and writing the
//! answer from a tree. The three are measured in turn, many times, and of each the fastest counts.
//! See docs/benchmarks.md.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on may stop"
)]

#[path = "../tests/allocations/shipped.rs"]
mod shipped;

use std::hint::black_box;
use std::time::Duration;

use deskbridge::mapping::run::{Scratch, run};
use serde::de::IgnoredAny;
use serde_json::Value;
use tokio::time::Instant;

use shipped::{INPUTS, catalog, conversation, reply};

/// The allocator of the shipped binary: it makes trees cheaper.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BARE: &str = include_str!("../mappings/canonical/examples/conversation.bare.json");
/// How often everything is measured, and for how long each time.
const ROUNDS: u32 = 200;
const ROUND: Duration = Duration::from_millis(2);

fn main() {
    let catalog = catalog();
    let bare = serde_json::from_str::<Value>(BARE).map(|v| v.to_string());
    let sources = [bare.unwrap_or_default(), conversation(1), conversation(36)];
    print("dialect", "source", "answer", "to a check", "to trees", "of a translation");
    for dialect in ["account", "public-inbox", "third-party", "canonical"] {
        let program = reply(&catalog, dialect);
        for source in &sources {
            let documents = [Some(INPUTS), None, None, Some(source.as_bytes())];
            let (mut scratch, mut out) = (Scratch::default(), Vec::new());
            let mut translate = || {
                out.clear();
                let result = run(program, &documents, &mut scratch, &mut out);
                assert!(result.is_ok() && !out.is_empty(), "{dialect}: {result:?}");
            };
            translate();
            let answer: Value = serde_json::from_slice(&out).unwrap_or_default();
            let written = out.len();
            let mut translate = || {
                out.clear();
                black_box(run(program, black_box(&documents), &mut scratch, &mut out)).ok();
            };
            let mut check = || {
                black_box(serde_json::from_str::<IgnoredAny>(black_box(source))).ok();
            };
            let mut trees = || {
                black_box(serde_json::from_str::<Value>(black_box(source))).ok();
                // Moving members from tree to tree is left out; an answer has to be made, though.
                black_box(serde_json::to_vec(&black_box(&answer).clone())).ok();
            };
            let mut fastest = [Duration::MAX; 3];
            for _ in 0..ROUNDS {
                let round = [time(&mut translate), time(&mut check), time(&mut trees)];
                for (best, now) in fastest.iter_mut().zip(round) {
                    *best = now.min(*best);
                }
            }
            let [own, check, trees] = fastest.map(|d| d.as_secs_f64());
            print(
                dialect,
                &format!("{:.1} KB", source.len() as f64 / 1e3),
                &format!("{:.1} KB", written as f64 / 1e3),
                &format!("{:.2}", own / check),
                &format!("{:.2}", own / trees),
                &format!("{:.1} µs", own * 1e6),
            );
        }
    }
}

/// How long `work` takes, on the average of one round.
fn time(work: &mut impl FnMut()) -> Duration {
    let begun = Instant::now();
    let mut times = 0;
    loop {
        for _ in 0..4 {
            work();
        }
        times += 4;
        let took = begun.elapsed();
        if took >= ROUND {
            return took / times;
        }
    }
}

#[allow(clippy::print_stdout, reason = "a benchmark prints what it found")]
fn print(dialect: &str, source: &str, answer: &str, check: &str, trees: &str, time: &str) {
    println!("{dialect:14} {source:>9} {answer:>9} {check:>11} {trees:>9} {time:>17}");
}
