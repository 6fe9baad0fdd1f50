//! Memory for what is written of a request: its address and a few headers.
//!
//! They are gone when it is answered, so the next requests of the same thread are written where
//! earlier ones were. A piece of memory for each would be asked for and given back again and again.

use std::cell::RefCell;

use bytes::BytesMut;

/// As much as an ordinary request has written.
const ORDINARY: usize = 512;

/// What is taken at once. While requests are under way, so many fit in beside each other.
const TOGETHER: usize = 32 * ORDINARY;

thread_local! {
    static ROOM: RefCell<BytesMut> = RefCell::default();
}

/// Lets something be written to the end of an empty text, and be split off from it.
pub(super) fn within<T>(write: impl FnOnce(&mut BytesMut) -> T) -> T {
    let mut text = ROOM.try_with(RefCell::take).unwrap_or_default();
    text.clear();
    if text.capacity() < ORDINARY {
        // The same memory, where nobody has anything in it any longer.
        text.reserve(TOGETHER);
    }
    let written = write(&mut text);
    // What was long is not kept: somebody would have it for good.
    if text.capacity() <= TOGETHER {
        let _ = ROOM.try_with(|room| room.replace(text));
    }
    written
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn write(bytes: &[u8]) -> Bytes {
        within(|text| {
            text.extend_from_slice(bytes);
            text.split().freeze()
        })
    }

    #[test]
    fn what_is_written_stays_while_others_are_and_memory_is_used_again() {
        let first = write(b"first");
        let many: Vec<_> = (0..1_000_u32).map(|n| write(&n.to_be_bytes().repeat(100))).collect();
        assert!((0..1_000_u32).zip(&many).all(|(n, text)| **text == n.to_be_bytes().repeat(100)));
        assert_eq!(first, "first");
        drop((first, many));
        let mut places: Vec<_> = (0..1_000).map(|_| write(&[0; 100]).as_ptr()).collect();
        places.sort_unstable();
        places.dedup();
        // What the first piece has left, and the one after it again and again.
        assert!(places.len() <= 2 * TOGETHER / 100, "{}", places.len());
    }

    #[test]
    fn a_long_text_is_not_kept_and_what_was_not_split_off_is_not_left() {
        let long = write(&vec![b'x'; 4 * TOGETHER]);
        assert_eq!(long.len(), 4 * TOGETHER);
        within(|text| {
            assert!(text.capacity() <= 2 * TOGETHER);
            text.extend_from_slice(b"an error came between");
        });
        within(|text| assert!(text.is_empty()));
    }
}
