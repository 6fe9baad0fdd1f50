//! The end of a call: its own time, and what is left of the client's.
//!
//! A read ends with whichever is over first. A write that began has its own time: whoever asked may
//! be gone, but what became of it must be known, or the cache would keep what it changed.

use std::time::Duration;

use tokio::time::Instant;

/// When a call ends.
#[derive(Clone, Copy, Debug)]
pub(in crate::upstream) struct Deadline {
    at: Instant,
    /// It is the client's time that ends it, before the call's own.
    clients: bool,
}

impl Deadline {
    /// A call that begins `now` and may take `total`; `client` is when nobody waits any longer.
    /// `None`: that was before now.
    pub(in crate::upstream) fn begin(
        now: Instant,
        total: Duration,
        client: Option<Instant>,
        safe: bool,
    ) -> Option<Self> {
        let own = now + total;
        match client {
            Some(at) if at <= now => None,
            Some(at) if safe && at < own => Some(Self { at, clients: true }),
            _ => Some(Self { at: own, clients: false }),
        }
    }

    /// The instant.
    pub(in crate::upstream) fn at(self) -> Instant {
        self.at
    }

    /// Whether the client's patience ends the call, which says nothing about the backend.
    pub(in crate::upstream) fn is_clients(self) -> bool {
        self.clients
    }

    /// The time left.
    pub(in crate::upstream) fn left(self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_read_ends_with_its_client_and_a_write_does_not() {
        let second = Duration::from_secs(1);
        let now = Instant::now();
        let of = |client, safe| Deadline::begin(now, 5 * second, client, safe);
        for (client, safe, left, clients) in [
            (None, true, 5, false),
            (Some(now + 9 * second), true, 5, false),
            (Some(now + 2 * second), true, 2, true),
            (Some(now + 2 * second), false, 5, false),
        ] {
            let deadline = of(client, safe).unwrap();
            assert_eq!((deadline.left(), deadline.is_clients()), (left * second, clients));
        }
        assert!(of(Some(now), true).is_none() && of(Some(now), false).is_none());
        let deadline = of(None, true).unwrap();
        tokio::time::advance(6 * second).await;
        assert_eq!(deadline.left(), Duration::ZERO);
    }
}
