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
#[inline]
pub(super) fn is(token: &str, json: &[u8]) -> bool {
    let token_bytes = token.as_bytes();
    token_bytes == json || (token_bytes.first() == json.first() && spelled_otherwise(token, json))
}

/// Whether two texts that differ and begin alike mean the same: escapes, or space in `[ ]`.
fn spelled_otherwise(token: &str, json: &[u8]) -> bool {
    let plain = |bytes: &[u8]| memchr::memchr(b'\\', bytes).is_none();
    if token.starts_with('"') {
        // Mostly the first letter tells.
        let first = |text: &[u8]| text.get(1).copied().filter(|byte| *byte != b'\\');
        if let (Some(one), Some(other)) = (first(token.as_bytes()), first(json))
            && one != other
        {
            return false;
        }
        if plain(token.as_bytes()) && plain(json) {
            return false;
        }
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
