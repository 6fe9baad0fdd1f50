//! Memory that was freed goes back to the system also where nothing happens.
//!
//! The allocator keeps what was freed for a second, as it is often wanted again, and gives it back when
//! after that time another page of it becomes free. So a process that has just read its mappings, or
//! whose clients have all fallen silent, would keep what it needed then for as long as it rests. A
//! block that is taken and freed now and then, and never written to, is that page.

use std::hint::black_box;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// Longer than the allocator keeps what was freed.
const EVERY: Duration = Duration::from_secs(2);

/// Large enough to have a page to itself; it is all that such a process keeps too much.
const BLOCK: usize = 1 << 20;

/// Goes on for ever.
pub(super) async fn keep() {
    let mut every = interval_at(Instant::now() + EVERY, EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        drop(black_box(Vec::<u8>::with_capacity(BLOCK)));
    }
}
