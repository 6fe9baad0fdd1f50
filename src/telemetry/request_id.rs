//! `X-Request-Id`: the client's own where it is sane, else a new one that sorts by time.

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use uuid::Uuid;

/// Most characters of an id that a client may choose.
const LONGEST: usize = 128;

/// New ids that lie in one piece of memory, which is given back when the last of them is gone.
const TOGETHER: usize = 64;

thread_local! {
    static ROOM: RefCell<BytesMut> = RefCell::default();
}

/// The id of one request: 1 to 128 of `A-Z a-z 0-9 . _ : -`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestId(Bytes);

impl RequestId {
    /// The id a client sent, unless it is one that we would not write into a log.
    #[must_use]
    pub fn sent(value: &HeaderValue) -> Option<Self> {
        let bytes = value.as_bytes();
        let sane = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-');
        (!bytes.is_empty() && bytes.len() <= LONGEST && bytes.iter().all(sane))
            .then(|| Self(Bytes::from_owner(value.clone())))
    }

    /// A new one (UUID version 7).
    #[must_use]
    pub fn generate() -> Self {
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        let text = Uuid::now_v7().hyphenated().encode_lower(&mut text);
        let shared = ROOM.try_with(|room| {
            let mut room = room.try_borrow_mut().ok()?;
            if room.capacity() < text.len() {
                *room = BytesMut::with_capacity(TOGETHER * text.len());
            }
            room.extend_from_slice(text.as_bytes());
            Some(room.split().freeze())
        });
        Self(shared.ok().flatten().unwrap_or_else(|| Bytes::copy_from_slice(text.as_bytes())))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// As a header's value.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        HeaderValue::from_maybe_shared(self.0.clone())
            .unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sane_id_is_kept_and_anything_else_is_not() {
        let sent = |text: &str| RequestId::sent(&HeaderValue::from_str(text).unwrap());
        assert_eq!(sent("abc-1.2_3:X").unwrap().as_str(), "abc-1.2_3:X");
        assert_eq!(sent("abc").unwrap().header(), "abc");
        for bad in ["", "a b", "x\"y", "{}", &"x".repeat(129)] {
            assert_eq!(sent(bad), None, "{bad}");
        }
        assert!(sent(&"x".repeat(128)).is_some());
    }

    #[test]
    fn a_new_id_is_itself_sane_and_never_the_same() {
        let (a, b) = (RequestId::generate(), RequestId::generate());
        assert_ne!(a, b);
        assert_eq!(RequestId::sent(&a.header()), Some(a));
        let all: Vec<_> = (0..3 * TOGETHER).map(|_| RequestId::generate()).collect();
        let told: std::collections::BTreeSet<_> = all.iter().map(RequestId::as_str).collect();
        assert_eq!(told.len(), all.len());
        assert!(told.iter().all(|id| id.parse::<Uuid>().is_ok_and(|id| id.get_version_num() == 7)));
    }
}
