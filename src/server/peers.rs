//! Who is connected: how many connections each address has, and what listeners refuse.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Why a connection was not served, or no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its address has as many as one may have.
    Address,
    /// No byte came.
    Silent,
    /// A head was begun and not ended in time.
    SlowHead,
    /// The peer took nothing of an answer.
    Stalled,
    /// A head could be read in two ways.
    Framing,
}

impl Refusal {
    /// Every reason.
    pub const ALL: [Self; 5] =
        [Self::Address, Self::Silent, Self::SlowHead, Self::Stalled, Self::Framing];

    /// The metric label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Silent => "silent",
            Self::SlowHead => "slow_head",
            Self::Stalled => "stalled",
            Self::Framing => "framing",
        }
    }
}

/// The connections of a listener, counted.
#[derive(Debug, Default)]
pub struct Peers {
    accepted: AtomicU64,
    open: AtomicU64,
    refused: [AtomicU64; Refusal::ALL.len()],
    by_address: Mutex<HashMap<IpAddr, usize>>,
}

impl Peers {
    /// Connections so far.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Connections now.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }

    /// Connections refused or ended so far.
    #[must_use]
    pub fn refused(&self, reason: Refusal) -> u64 {
        self.refused.get(reason as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    pub(super) fn refuse(&self, reason: Refusal) {
        if let Some(count) = self.refused.get(reason as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A connection of `address`, one of at most so many; `None` is as many as it likes. It is open
    /// until what is returned is dropped.
    pub(super) fn connect(self: &Arc<Self>, address: IpAddr, most: Option<usize>) -> Option<Open> {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        let address = most.map(|_| household(address));
        if let (Some(address), Some(most)) = (address, most) {
            let mut all = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
            let connections = all.entry(address).or_default();
            if *connections >= most {
                drop(all);
                self.refuse(Refusal::Address);
                return None;
            }
            *connections += 1;
        }
        self.open.fetch_add(1, Ordering::Relaxed);
        Some(Open { peers: Arc::clone(self), address })
    }
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Open {
    peers: Arc<Peers>,
    address: Option<IpAddr>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.peers.open.fetch_sub(1, Ordering::Relaxed);
        let Some(address) = self.address else { return };
        let mut all = self.peers.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut entry) = all.entry(address) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

/// An IPv6 client has 2^64 addresses and more: they count as one.
#[must_use]
pub fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_connections_and_no_memory_of_gone_ones() {
        let peers = Arc::new(Peers::default());
        let of = |address: &str| peers.connect(address.parse().unwrap(), Some(2));
        let (a, _b) = (of("192.0.2.1").unwrap(), of("::ffff:192.0.2.1").unwrap());
        assert!(of("192.0.2.1").is_none() && of("192.0.2.2").is_some());
        drop(a);
        let _a = of("192.0.2.1").unwrap();
        let v6 = [of("2001:db8::1").unwrap(), of("2001:db8::2").unwrap()];
        assert!(of("2001:db8::3").is_none() && of("2001:db8:0:1::1").is_some());
        // As many as they like, beside those that are counted.
        let free = peers.connect("192.0.2.1".parse().unwrap(), None).unwrap();
        assert!(of("192.0.2.1").is_none());
        assert_eq!((peers.open(), peers.refused(Refusal::Address)), (5, 3));
        drop((v6, free));
        assert_eq!((peers.open(), peers.accepted()), (2, 11));
        assert_eq!(peers.by_address.lock().unwrap().len(), 1);
    }
}
