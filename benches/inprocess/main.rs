//! What a part of the gateway costs by itself, in one process, without sockets.
//!
//! ```sh
//! cargo bench                      # all of it
//! cargo bench -- router cache      # these parts
//! ```
//!
//! Times depend on the machine and on who else uses it, so what counts is what stands beside them:
//! ratios to something that was measured in turn with them. See docs/benchmarks.md.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on may stop"
)]

mod grown;
mod hits;
#[path = "../../tests/allocations/inside.rs"]
mod inside;
mod measure;
mod rebuild;
mod router;
#[path = "../../tests/allocations/shipped.rs"]
mod shipped;
mod start;
mod translator;
mod whole;

/// The allocator of the shipped binary: it makes trees cheaper.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The parts, by the names that choose them.
const PARTS: &[(&str, fn())] = &[
    ("translator", translator::run),
    ("router", router::run),
    ("cache", hits::run),
    ("stack", whole::run),
    ("start", start::run),
];

fn main() {
    if let Some(what) = std::env::args().find_map(|a| Some(a.strip_prefix(start::ONE)?.to_owned()))
    {
        return start::one(&what);
    }
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    for (name, part) in PARTS {
        if wanted.is_empty() || wanted.iter().any(|w| name.contains(&**w)) {
            part();
        }
    }
}
