//! `X-Request-Id`: the client's own where it is sane, else a new one that sorts by time.

use std::cell::RefCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::BytesMut;
use http::HeaderValue;
use tokio::time::Instant;
use uuid::{Builder, Uuid};

/// Most characters of an id that a client may choose.
const LONGEST: usize = 128;

/// New ids that lie in one piece of memory, which is given back when the last of them is gone.
const TOGETHER: usize = 64;

/// So long the wall's time is told from the clock that is read anyway. Whoever sets the wall's back or
/// forth is followed after that.
const TOLD: Duration = Duration::from_millis(100);

/// From one id of a millisecond to the next, in the bits that are not its time.
const STEP: u128 = 1 << 24;

thread_local! {
    static MAKER: RefCell<Maker> = RefCell::default();
}

/// The id of one request: 1 to 128 of `A-Z a-z 0-9 . _ : -`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl Default for RequestId {
    fn default() -> Self {
        Self(HeaderValue::from_static(""))
    }
}

impl RequestId {
    /// The id a client sent, unless it is one that we would not write into a log.
    #[must_use]
    pub fn sent(value: &HeaderValue) -> Option<Self> {
        let bytes = value.as_bytes();
        let sane = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-');
        (!bytes.is_empty() && bytes.len() <= LONGEST && bytes.iter().all(sane))
            .then(|| Self(value.clone()))
    }

    /// A new one (UUID version 7) of a request that came `now`.
    #[must_use]
    pub fn generate(now: Instant) -> Self {
        let made = MAKER.try_with(|maker| Some(maker.try_borrow_mut().ok()?.make(now)));
        made.ok().flatten().unwrap_or_else(|| Maker::default().make(now))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// Whether it is none: of what no request began.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a header says it.
    #[must_use]
    pub fn is(&self, value: &HeaderValue) -> bool {
        self.0 == *value
    }

    /// As a header's value.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

/// Makes the ids of one thread.
#[derive(Debug, Default)]
struct Maker {
    room: BytesMut,
    /// The wall's time at an instant.
    wall: Option<(Instant, Duration)>,
    /// Of the last id: its millisecond, and its other bits.
    millis: u64,
    rest: u128,
}

impl Maker {
    fn make(&mut self, now: Instant) -> RequestId {
        let millis = self.millis(now);
        // Within a millisecond they go up from where chance began it, and within a thread they sort.
        if millis == self.millis {
            self.rest = self.rest.wrapping_add(STEP);
        } else {
            (self.millis, self.rest) = (millis, Uuid::new_v4().as_u128());
        }
        let [.., a, b, c, d, e, f, g, h, i, j] = self.rest.to_be_bytes();
        let id = Builder::from_unix_timestamp_millis(millis, &[a, b, c, d, e, f, g, h, i, j]);
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        let text = id.into_uuid().hyphenated().encode_lower(&mut text);
        if self.room.capacity() < text.len() {
            self.room = BytesMut::with_capacity(TOGETHER * text.len());
        }
        self.room.extend_from_slice(text.as_bytes());
        let value = HeaderValue::from_maybe_shared(self.room.split().freeze());
        value.map(RequestId).unwrap_or_default()
    }

    fn millis(&mut self, now: Instant) -> u64 {
        let told = self.wall.and_then(|(at, wall)| {
            let since = now.checked_duration_since(at)?;
            (since < TOLD).then_some(wall + since)
        });
        let wall = told.unwrap_or_else(|| {
            let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            self.wall = Some((now, wall));
            wall
        });
        u64::try_from(wall.as_millis()).unwrap_or_default()
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

    fn uuid(id: &RequestId) -> Uuid {
        let uuid: Uuid = id.as_str().parse().unwrap();
        assert_eq!((uuid.get_version_num(), uuid.get_variant()), (7, uuid::Variant::RFC4122));
        uuid
    }

    #[test]
    fn a_new_id_is_itself_sane_and_never_the_same() {
        let now = Instant::now();
        let (a, b) = (RequestId::generate(now), RequestId::generate(now));
        assert_ne!(a, b);
        assert_eq!(RequestId::sent(&a.header()), Some(a));
        // Of one moment, and of many; on threads that began at the same time.
        let many = || -> Vec<Uuid> {
            let made = (0..3 * TOGETHER).map(|_| RequestId::generate(now));
            let later = (0..3 * TOGETHER).map(|_| RequestId::generate(Instant::now()));
            made.chain(later).map(|id| uuid(&id)).collect()
        };
        let mut all = std::thread::scope(|scope| {
            let threads = [scope.spawn(many), scope.spawn(many)];
            threads.map(|thread| thread.join().unwrap()).concat()
        });
        let made = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), made);
    }

    #[test]
    fn a_new_id_tells_when_the_request_came() {
        let mut maker = Maker::default();
        let millis = |id: RequestId| (uuid(&id).as_u128() >> 80) as u64;
        let wall = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
        let (before, now) = (wall(), Instant::now());
        let first = millis(maker.make(now));
        assert!(before <= first && first <= wall());
        assert_eq!(millis(maker.make(now)), first);
        let soon = Duration::from_millis(7);
        assert_eq!(millis(maker.make(now + soon)).abs_diff(first), 7);
        // The wall is asked again, and it says that no time has gone by.
        let late = millis(maker.make(now + TOLD));
        assert!(before <= late && late <= wall());
    }
}
