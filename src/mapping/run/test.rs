//! Tests of one place, and guards.

use super::Run;
use crate::json::text;
use crate::mapping::plan::{Guard, GuardValue, Ref, Test};

/// Whether a token is one of these JSON texts.
#[inline]
pub(super) fn one_of(token: &str, texts: &[Box<[u8]>]) -> bool {
    texts.iter().any(|t| is(token, t))
}

/// Whether a token is the same value as a JSON text.
#[inline(always)]
pub(super) fn is(token: &str, json: &[u8]) -> bool {
    let bytes = token.as_bytes();
    // Mostly the first byte tells, or the first letter.
    let differ = match (bytes, json) {
        ([b'"', one, ..], [b'"', other, ..]) => one != other && *one != b'\\' && *other != b'\\',
        _ => bytes.first() != json.first(),
    };
    !differ && (bytes == json || spelled_otherwise(token, json))
}

/// Whether two texts that differ and begin alike mean the same: escapes, or space in `[ ]`.
#[inline(never)]
fn spelled_otherwise(token: &str, json: &[u8]) -> bool {
    let plain = |bytes: &[u8]| memchr::memchr(b'\\', bytes).is_none();
    if token.starts_with('"') && plain(token.as_bytes()) && plain(json) {
        return false;
    }
    std::str::from_utf8(json).is_ok_and(|json| text::same(token, json))
}

/// Whether a value has nothing in it: null, `""`, `[]`, `{}`.
fn hollow(token: &str) -> bool {
    let inside =
        |rest: &str, end: &str| rest.strip_suffix(end).is_some_and(|i| i.trim().is_empty());
    match token.as_bytes().first() {
        Some(b'[') => token.strip_prefix('[').is_some_and(|rest| inside(rest, "]")),
        Some(b'{') => token.strip_prefix('{').is_some_and(|rest| inside(rest, "}")),
        _ => token == "null" || token == "\"\"",
    }
}

/// Whether a test holds for a value; `None` is absent.
#[inline]
pub(super) fn holds(test: &Test, value: Option<&str>) -> bool {
    match (test, value) {
        (Test::Empty, _) => value.is_none_or(hollow),
        (Test::Filled, _) => !value.is_none_or(hollow),
        (Test::Any, _) | (Test::Absent | Test::Unset, None) => true,
        (Test::Null | Test::Unset, Some(token)) => token == "null",
        (Test::Set, Some(token)) => token != "null",
        (Test::Is(texts), Some(token)) => one_of(token, texts),
        (Test::Absent, Some(_)) | (Test::Null | Test::Set | Test::Is(_), None) => false,
    }
}

impl Run<'_> {
    pub(super) fn all(&self, tests: &[(Ref, Test)]) -> bool {
        tests.iter().all(|(at, test)| holds(test, self.token(*at)))
    }

    /// Whether every guard lets pass. A value that is not there never passes.
    pub(super) fn open(&self, guards: &[Guard]) -> bool {
        guards.iter().all(|guard| match guard {
            Guard::Is { at, allowed } => {
                self.token(*at).is_some_and(|token| self.among(token, allowed))
            }
            Guard::Either(lists) => lists.iter().any(|guards| self.open(guards)),
        })
    }

    fn among(&self, token: &str, allowed: &GuardValue) -> bool {
        match allowed {
            GuardValue::Words(words) => one_of(token, words),
            GuardValue::Same(other) => {
                token != "null" && self.token(*other).is_some_and(|o| text::same(token, o))
            }
        }
    }

    /// Whether a value is there and not null.
    pub(super) fn set(&self, at: Ref) -> bool {
        self.token(at).is_some_and(|token| token != "null")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_a_text_however_both_are_spelled() {
        let alike: [&[&str]; 8] = [
            &[r#""text""#, r#""\u0074ext""#, r#""te\u0078t""#],
            &[r#""test""#, r#""\u0074est""#],
            &[r#""""#],
            &[r#""\\""#, r#""\u005c""#],
            &["[]", "[ ]"],
            &["{}", "{\n}"],
            &["null"],
            &["10", "10"],
        ];
        for (at, spellings) in alike.iter().enumerate() {
            for (other, others) in alike.iter().enumerate() {
                for (one, json) in spellings.iter().flat_map(|o| others.iter().map(move |j| (o, j)))
                {
                    assert_eq!(is(one, json.as_bytes()), at == other, "{one} {json}");
                }
            }
        }
        assert!(!is("1", b"") && !is("10", b"1") && !is("1", b"1.0"));
    }

    #[test]
    fn what_has_nothing_in_it_is_empty_however_it_is_spelled() {
        for empty in ["null", "\"\"", "[]", "[ ]", "{}", "{ \n}"] {
            assert!(holds(&Test::Empty, Some(empty)), "{empty}");
            assert!(!holds(&Test::Filled, Some(empty)), "{empty}");
        }
        for filled in ["0", "false", "\" \"", "[null]", "[[]]", "{\"a\":null}", "\"[]\""] {
            assert!(!holds(&Test::Empty, Some(filled)), "{filled}");
            assert!(holds(&Test::Filled, Some(filled)), "{filled}");
        }
        assert!(holds(&Test::Empty, None));
        assert!(!holds(&Test::Filled, None));
    }
}
