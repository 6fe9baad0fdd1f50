//! The parameters of one request: texts by their position in the operation's parameter list.

use smallvec::SmallVec;

/// Parameter values in the order of the contract, so that two dialects that ask the same thing ask
/// it in the same bytes. A list is several entries of one position.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Params {
    text: SmallVec<[u8; 160]>,
    entries: SmallVec<[Entry; 16]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Entry {
    position: u8,
    start: u16,
    end: u16,
}

impl Params {
    /// Adds a value. Callers add in ascending position; a list in the order of its elements.
    ///
    /// Values of one request are bounded (the request line is); what does not fit 64 KiB in sum is
    /// not added and gives `false`.
    #[must_use]
    pub fn push(&mut self, position: u8, value: &str) -> bool {
        let start = self.text.len();
        let end = start + value.len();
        let (Ok(start), Ok(end)) = (u16::try_from(start), u16::try_from(end)) else { return false };
        self.text.extend_from_slice(value.as_bytes());
        self.entries.push(Entry { position, start, end });
        true
    }

    /// The first value at a position.
    #[must_use]
    pub fn get(&self, position: u8) -> Option<&str> {
        self.all(position).next()
    }

    /// Every value at a position.
    pub fn all(&self, position: u8) -> impl Iterator<Item = &str> {
        self.iter().filter(move |(p, _)| *p == position).map(|(_, value)| value)
    }

    /// Every entry: position and value.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &str)> {
        self.entries.iter().map(|e| {
            let bytes = self.text.get(e.start as usize..e.end as usize).unwrap_or_default();
            (e.position, std::str::from_utf8(bytes).unwrap_or_default())
        })
    }

    /// The same parameters without those at the positions that `drop` names.
    #[must_use]
    pub fn without(&self, drop: impl Fn(u8) -> bool) -> Self {
        let mut kept = Self::default();
        for (position, value) in self.iter().filter(|(p, _)| !drop(*p)) {
            // What fitted before fits again.
            let _ = kept.push(position, value);
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::Params;

    #[test]
    fn values_come_back_by_position_and_too_much_text_is_refused() {
        let mut params = Params::default();
        assert!(params.push(0, "acc_1"));
        assert!(params.push(3, "contact") && params.push(3, "messages"));
        assert_eq!(params.get(0), Some("acc_1"));
        assert_eq!(params.get(1), None);
        assert_eq!(params.all(3).collect::<Vec<_>>(), ["contact", "messages"]);
        assert!(!params.push(4, &"x".repeat(70_000)));
        assert_eq!(params.without(|p| p == 3).iter().count(), 1);
    }
}
