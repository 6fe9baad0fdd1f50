//! A whole number from 1 that clients send in many ways: a page, a size.
//!
//! Decode only, and it never refuses. Loses what is no such number, and how far above the bound a
//! number was.

use super::unquoted;
use crate::json::text;

/// The greatest number that every client can write exactly.
const GREATEST: u64 = (1 << 53) - 1;

/// 7 or `"7"` → 7, bounded; anything else → `otherwise`.
pub(crate) fn within(token: &str, otherwise: u32, most: Option<u32>) -> u64 {
    let digits = unquoted(token).trim();
    let whole = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let number = if whole { text::unsigned(digits.trim_start_matches('0')) } else { None };
    match (number, most) {
        (Some(number), Some(most)) => number.min(u64::from(most)),
        (Some(number), None) if number <= GREATEST => number,
        // Too long to be counted, but a number: a bound bounds it, too.
        (None, Some(most)) if whole && digits.bytes().any(|b| b != b'0') => u64::from(most),
        _ => u64::from(otherwise),
    }
}

#[cfg(test)]
mod tests {
    use super::within;

    #[test]
    fn anything_a_client_sends_is_a_number_within_bounds() {
        for (token, page, size) in [
            ("\"2\"", 2, 2),
            ("7", 7, 7),
            ("\" 3 \"", 3, 3),
            ("\"007\"", 7, 7),
            ("\"0\"", 1, 100),
            ("\"000\"", 1, 100),
            ("\"-1\"", 1, 100),
            ("\"abc\"", 1, 100),
            ("\"\"", 1, 100),
            ("\"2.5\"", 1, 100),
            ("\"2e3\"", 1, 100),
            ("[1]", 1, 100),
            ("\"201\"", 201, 200),
            ("\"9007199254740991\"", 9_007_199_254_740_991, 200),
            ("\"9007199254740992\"", 1, 200),
            ("\"99999999999999999999999999\"", 1, 200),
        ] {
            assert_eq!(within(token, 1, None), page, "{token}");
            assert_eq!(within(token, 100, Some(200)), size, "{token}");
        }
    }
}
