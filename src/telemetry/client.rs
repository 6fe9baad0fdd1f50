//! How much of a client's address is written down. It is personal data, so by default nothing is.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an access line says of a client's address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAddress {
    /// Nothing.
    #[default]
    None,
    /// Its network: the first 24 bits, or 48 of IPv6. Enough to see where a flood comes from, and
    /// shared by hundreds.
    Network,
    /// All of it.
    Full,
}

/// An address as far as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    address: IpAddr,
    bits: Option<u8>,
}

impl ClientAddress {
    /// What of `address` may be written.
    #[must_use]
    pub fn shown(self, address: IpAddr) -> Option<Shown> {
        let (net, bits): (IpAddr, _) = match (self, address) {
            (Self::None, _) => return None,
            (Self::Full, address) => return Some(Shown { address, bits: None }),
            (Self::Network, IpAddr::V4(v4)) => {
                (Ipv4Addr::from_bits(v4.to_bits() & (u32::MAX << 8)).into(), 24)
            }
            (Self::Network, IpAddr::V6(v6)) => {
                (Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 80)).into(), 48)
            }
        };
        Some(Shown { address: net, bits: Some(bits) })
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bits {
            None => self.address.fmt(f),
            Some(bits) => write!(f, "{}/{bits}", self.address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ClientAddress;

    #[test]
    fn no_more_is_shown_than_is_allowed() {
        let shown = |how: ClientAddress, address: &str| {
            how.shown(address.parse().unwrap()).map(|shown| shown.to_string())
        };
        for (address, network) in
            [("192.0.2.77", "192.0.2.0/24"), ("2001:db8:1:2::3", "2001:db8:1::/48")]
        {
            assert_eq!(shown(ClientAddress::None, address), None);
            assert_eq!(shown(ClientAddress::Network, address).as_deref(), Some(network));
            assert_eq!(shown(ClientAddress::Full, address).as_deref(), Some(address));
        }
    }
}
