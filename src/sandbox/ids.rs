//! Ids: how they are made, and the aliases that a request may use in their place.
//!
//! An id is an opaque word made from the resource's number, so that seeded data has the same ids
//! at every start and nothing can rely on ids being digits.

/// What a request writes where an id is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdRef<'t> {
    /// The id itself.
    Id(&'t str),
    /// `n:5`.
    Number(i64),
    /// `u:0f6d9c0e-…`.
    Uuid(&'t str),
    /// `x:zendesk:3861`: its name in another system.
    External(&'t str, &'t str),
}

impl<'t> IdRef<'t> {
    /// Reads an id or alias; nothing where it is neither.
    pub(super) fn parse(text: &'t str) -> Option<Self> {
        let Some((kind, rest)) = text.split_once(':') else {
            let alphabet = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
            return (!text.is_empty() && text.bytes().all(alphabet)).then_some(Self::Id(text));
        };
        match kind {
            "n" if rest.bytes().all(|b| b.is_ascii_digit()) && !rest.starts_with('0') => {
                rest.parse().ok().map(Self::Number)
            }
            "u" => Some(Self::Uuid(rest)),
            "x" => rest.split_once(':').map(|(system, id)| Self::External(system, id)),
            _ => None,
        }
    }
}

/// The id of the resource with a number: the prefix of its kind and eleven letters and digits.
/// Two numbers of one kind never share an id, since every step of the mixing can be undone.
pub(super) fn word(prefix: &str, number: i64) -> String {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let salt = prefix.bytes().fold(0x00C0_FFEE_u64, |h, b| h.wrapping_mul(131) ^ u64::from(b));
    let mut rest = mix(number.cast_unsigned() ^ salt.rotate_left(32));
    let mut word = format!("{prefix}_");
    for _ in 0..11 {
        let letter = LETTERS.get((rest % 62) as usize).copied().unwrap_or(b'0');
        word.push(char::from(letter));
        rest /= 62;
    }
    word
}

/// The UUID of the seeded conversation with a number; one that looks random for any other number.
pub(super) fn uuid(number: i64) -> String {
    let high = mix(number.cast_unsigned());
    let low = mix(high ^ 0x5EED);
    uuid::Builder::from_random_bytes(((u128::from(high) << 64) | u128::from(low)).to_be_bytes())
        .into_uuid()
        .to_string()
}

/// The finaliser of splitmix64: a bijection that looks random.
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{IdRef, uuid, word};

    #[test]
    fn ids_are_words_of_the_alphabet_and_never_collide() {
        let ids: HashSet<_> = (1..2_000).map(|n| word("cnv", n)).collect();
        assert_eq!(ids.len(), 1_999);
        assert_ne!(
            word("cnv", 1).split_once('_').unwrap().1,
            word("msg", 1).split_once('_').unwrap().1
        );
        assert!(ids.iter().all(|id| matches!(IdRef::parse(id), Some(IdRef::Id(_)))));
        assert_eq!(uuid(1).len(), 36);
        assert_ne!(uuid(1), uuid(2));
    }

    #[test]
    fn aliases_are_read_and_nonsense_is_not() {
        assert_eq!(IdRef::parse("n:5"), Some(IdRef::Number(5)));
        assert_eq!(IdRef::parse("x:zendesk:a:b"), Some(IdRef::External("zendesk", "a:b")));
        for bad in
            ["", "n:", "n:05", "n:-1", "n:99999999999999999999", "y:1", "x:zendesk", "a b", "é"]
        {
            assert_eq!(IdRef::parse(bad), None, "{bad}");
        }
    }
}
