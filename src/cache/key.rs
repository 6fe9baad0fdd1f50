//! What makes two questions the same one: tenant, its backend, operation, actor where the content
//! depends on it, parameters and body. No dialect, and nothing of an address as a client wrote it.
//!
//! A key is built on the stack and looked up as bytes; only what is stored owns its key. The backend
//! is in it as a number, because a reload may give a tenant another one.

use smallvec::SmallVec;

use crate::canonical::{Actor, Request};

/// Longest body of a safe operation that may be part of a key.
const LONGEST_BODY: usize = 4_096;

/// A question, as bytes. Every part says how long it is, so no two questions share them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(SmallVec<[u8; 512]>);

impl Key {
    /// The key of a request; `None` where its body is too long for one.
    #[must_use]
    pub fn new(request: &Request, backend: u64, per_actor: bool) -> Option<Self> {
        if request.body.len() > LONGEST_BODY {
            return None;
        }
        let mut key = Self(SmallVec::new());
        key.part(request.tenant.0.as_bytes());
        key.0.extend_from_slice(&backend.to_be_bytes());
        key.0.extend_from_slice(&request.operation.0.to_be_bytes());
        // What is the same for everyone is asked as the gateway. Where it is asked as somebody, the
        // answer is theirs alone, whatever the contract says of the operation.
        if per_actor || request.actor != Actor::Gateway {
            let (kind, id) = match &request.actor {
                Actor::Gateway => (0, ""),
                Actor::ContactIdentity(id) => (1, &**id),
                Actor::Agent(id) => (2, &**id),
                Actor::Bot(id) => (3, &**id),
                Actor::Platform(id) => (4, &**id),
            };
            key.0.push(kind);
            key.part(id.as_bytes());
        }
        key.part(&request.body);
        let (ends, texts) = request.params.pieces();
        // How many they are, how long all are: so no part of one can be taken for another's.
        key.0.extend_from_slice(&u32::try_from(ends.len()).unwrap_or(u32::MAX).to_be_bytes());
        for end in ends {
            key.0.extend_from_slice(&end);
        }
        key.part(texts);
        Some(key)
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn part(&mut self, bytes: &[u8]) {
        // Parameters are shorter than 64 KiB, names of tenants much shorter.
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::testing::{params, request};
    use bytes::Bytes;

    #[test]
    fn every_part_tells_questions_apart_and_so_does_whoever_asks() {
        let base = request("acme", 0, &["1", "n:7"]);
        let key = |r: &Request| Key::new(r, 1, true).unwrap();
        assert_eq!(key(&base), key(&base.clone()));
        let mut others = vec![
            request("acme2", 0, &["1", "n:7"]),
            request("acme", 1, &["1", "n:7"]),
            request("acme", 0, &["1", "n:8"]),
            request("acme", 0, &["1n", ":7"]),
            request("acme", 0, &["1"]),
        ];
        others.push(Request { actor: Actor::Agent("7".into()), ..base.clone() });
        others.push(Request { actor: Actor::Bot("7".into()), ..base.clone() });
        others.push(Request { body: Bytes::from_static(b"{}"), ..base.clone() });
        let mut moved = params(&["1"]);
        assert!(moved.push(2, "n:7"));
        others.push(Request { params: moved, ..base.clone() });
        for other in &others {
            assert_ne!(key(&base), key(other), "{other:?}");
        }
        let agent = Request { actor: Actor::Agent("7".into()), ..base.clone() };
        let new = |r: &Request, backend| Key::new(r, backend, false);
        assert_ne!(new(&base, 1), new(&agent, 1), "an answer of their own");
        assert_ne!(new(&base, 1), new(&base, 2), "another backend");
        assert!(!key(&base).0.spilled(), "an ordinary key is built on the stack");
    }

    #[test]
    fn a_long_body_makes_no_key() {
        let long = Bytes::from(vec![b' '; LONGEST_BODY + 1]);
        assert!(Key::new(&Request { body: long, ..request("acme", 0, &[]) }, 1, false).is_none());
    }
}
