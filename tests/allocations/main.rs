//! How often memory is asked for, as a gate: a number here may fall, it may not rise unnoticed.
//!
//! A binary of its own, because its allocator counts for the whole process: the servers, the
//! backend and the client of a test run on one thread of one runtime, so a count is the same in
//! every run. An allocation that grows an older one counts as well. To see the numbers:
//! `cargo test --test allocations -- --nocapture`.

#![allow(clippy::print_stdout, reason = "what was counted is shown with --nocapture")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what the tests share panics for them: a test that cannot go on has failed"
)]

mod growth; // the whole path in process, few and many
mod held; // what a process holds for good
mod idle; // connections without a request
mod inside;
mod programs; // the translator alone
mod served; // the whole path, over real sockets
mod shipped;
mod stampede; // many who want what nobody has yet
mod support;

use std::alloc::System;
use std::sync::{Mutex, MutexGuard, PoisonError};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How often `work` allocates, once it is warm: the fewest of several rounds, for the test harness
/// may speak up in the middle of one.
fn count(work: impl FnMut()) -> usize {
    taken(work).0
}

/// As [`count`], and of how many bytes.
fn taken(mut work: impl FnMut()) -> (usize, usize) {
    const ROUNDS: usize = 5;
    let once = || {
        let region = Region::new(ALLOCATOR);
        work();
        let change = region.change();
        (change.allocations + change.reallocations, change.bytes_allocated)
    };
    std::iter::repeat_with(once).take(ROUNDS).min().unwrap_or_default()
}

/// One test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
