//! W3C Trace Context, as much as a gateway that samples nothing itself needs: the trace goes
//! through, each call to a backend gets a parent of its own.
//!
//! Left out: `tracestate`, which only means something to who wrote it.

use std::fmt;

use uuid::Uuid;
use uuid::fmt::Simple;

/// A `traceparent` of version 00.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    trace: u128,
    parent: u64,
    flags: u8,
}

impl Trace {
    /// Reads a `traceparent`. Later versions are read as far as version 00 goes, as the standard
    /// asks.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let mut parts = text.split('-');
        let (version, trace, parent, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let lengths = [version.len(), trace.len(), parent.len(), flags.len()] == [2, 32, 16, 2];
        let lower = [version, trace, parent, flags]
            .iter()
            .all(|part| part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
        let ends = version != "00" || parts.next().is_none();
        if !lengths || !lower || !ends || version == "ff" {
            return None;
        }
        let read = Self {
            trace: u128::from_str_radix(trace, 16).ok()?,
            parent: u64::from_str_radix(parent, 16).ok()?,
            flags: u8::from_str_radix(flags, 16).ok()?,
        };
        (read.trace != 0 && read.parent != 0).then_some(read)
    }

    /// A new trace, not sampled: nobody asked for it to be recorded.
    #[must_use]
    pub fn generate() -> Self {
        Self { trace: Uuid::new_v4().as_u128(), parent: span_id(), flags: 0 }
    }

    /// The same trace, with the gateway as the parent of what comes next.
    #[must_use]
    pub fn child(self) -> Self {
        Self { parent: span_id(), ..self }
    }

    /// The trace's id, 32 hexadecimal digits.
    #[must_use]
    pub fn id(self) -> impl fmt::Display {
        TraceId(self.trace)
    }

    /// It, piece by piece.
    pub fn write(self, mut to: impl FnMut(&str)) {
        let mut trace = [0; Simple::LENGTH];
        let trace = Uuid::from_u128(self.trace).simple().encode_lower(&mut trace);
        // Both at once, one after the other; whole numbers are slow to write.
        let mut rest = [0; Simple::LENGTH];
        let pair = Uuid::from_u64_pair(self.parent, u64::from(self.flags) << 56);
        let (parent, rest) = pair.simple().encode_lower(&mut rest).split_at(Simple::LENGTH / 2);
        let (flags, _) = rest.split_at(2);
        for piece in ["00-", trace, "-", parent, "-", flags] {
            to(piece);
        }
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut done = Ok(());
        self.write(|piece| done = done.and_then(|()| f.write_str(piece)));
        done
    }
}

struct TraceId(u128);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

fn span_id() -> u64 {
    // A version 4 UUID has fixed bits in both halves; folding them leaves 64 random ones.
    let (high, low) = Uuid::new_v4().as_u64_pair();
    (high.rotate_left(32) ^ low).max(1)
}

#[cfg(test)]
mod tests {
    use super::Trace;

    const SENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_trace_goes_through_with_a_new_parent() {
        let trace = Trace::parse(SENT.as_bytes()).unwrap();
        assert_eq!(trace.to_string(), SENT);
        let child = trace.child().to_string();
        assert_ne!(child, SENT);
        assert_eq!(child.get(..36), SENT.get(..36));
        assert_eq!(child.get(52..), SENT.get(52..));
    }

    #[test]
    fn what_is_no_traceparent_is_not_read() {
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            assert_eq!(Trace::parse(bad.as_bytes()), None, "{bad}");
        }
        let later = SENT.replacen("00", "01", 1) + "-what";
        assert!(Trace::parse(later.as_bytes()).is_some());
    }

    #[test]
    fn a_generated_one_can_be_read() {
        let made = Trace::generate();
        assert_eq!(Trace::parse(made.to_string().as_bytes()), Some(made));
    }
}
