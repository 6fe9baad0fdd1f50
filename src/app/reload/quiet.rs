//! Changes come in crowds: an editor writes, renames and sets times; a mount swaps a dozen links.
//! What is read in the middle of one is half a change.

use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// So long nothing must happen.
const QUIET: Duration = Duration::from_millis(250);
/// So long is waited for that: a folder in which something always happens must not stop reloads.
const MOST: Duration = Duration::from_secs(2);

/// Waits for a change, and then until there are no more of them.
pub(super) async fn settled(told: &Notify) {
    told.notified().await;
    let end = Instant::now() + MOST;
    loop {
        let quiet = (Instant::now() + QUIET).min(end);
        if tokio::time::timeout_at(quiet, told.notified()).await.is_err() {
            return;
        }
    }
}
