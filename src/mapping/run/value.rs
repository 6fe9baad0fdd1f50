//! A value read at a place: presence, type, conversion, check.

use super::codec::{self, Coded};
use super::test::{is, one_of};
use super::{Run, Wrote, fault};
use crate::canonical::contract::SchemaId;
use crate::canonical::validate::validate;
use crate::json::{text, walk, write};
use crate::mapping::plan::{Convert, EnumOp, SiteId, Types, ValueOp};

impl<'a> Run<'a> {
    #[inline]
    pub(super) fn value(&mut self, op: &'a ValueOp) -> Wrote {
        let found = match op.from.as_slice() {
            [place] => self.found(*place),
            places => places.iter().find_map(|place| self.found(*place)),
        };
        let found = found.filter(|(token, _)| op.ignore.is_empty() || !one_of(token, &op.ignore));
        let Some((token, from_it_on)) = found else {
            return self.gap(&op.when_absent, op.site);
        };
        if token == "null" || !op.also_null.is_empty() && one_of(token, &op.also_null) {
            return self.gap(&op.when_null, op.site);
        }
        let start = self.out.len();
        let wrote = match op.convert {
            // Most values are copied; the general way does the same.
            Convert::Copy if !self.program.lenient && plainly(op.accept, token) => {
                write::piece(self.out, from_it_on, token.len());
                if text::is_empty(token) { Wrote::Empty } else { Wrote::Value }
            }
            _ => self.convert(&op.convert, op.accept, token, op.site),
        };
        match op.check {
            Some(schema) if wrote != Wrote::Absent => self.check(schema, start, op.site, wrote),
            _ => wrote,
        }
    }

    /// Writes a value that is neither null nor absent.
    pub(super) fn convert(
        &mut self,
        convert: &'a Convert,
        accept: Types,
        token: &'a str,
        site: SiteId,
    ) -> Wrote {
        let token = if self.program.lenient { spelled(accept, token) } else { token };
        match convert {
            Convert::RawObject if token.starts_with('[') && text::is_empty(token) => {
                self.put(b"{}");
                return Wrote::Empty;
            }
            Convert::RawObject => return self.copy(Types::OBJECT, token, site),
            Convert::RawList => return self.copy(Types::LIST, token, site),
            Convert::Copy => return self.copy(accept, token, site),
            Convert::Within { otherwise, most } => {
                write::integer(self.out, codec::within(token, *otherwise, *most));
                return Wrote::Value;
            }
            _ => {}
        }
        if !accepted(accept, token) {
            return self.fault(site, "wrong_type", fault::wrong_type(accept, token));
        }
        match convert {
            Convert::Codec { codec, decode, text } => {
                let start = self.out.len();
                match codec::convert(*codec, *decode, *text, token, self.out) {
                    Ok(Coded::Value) => Wrote::Value,
                    Ok(Coded::Null) => Wrote::Null,
                    Err(refusal) => {
                        self.out.truncate(start);
                        self.fault(site, "invalid", refusal.into())
                    }
                }
            }
            Convert::Enum(op) => match self.word(op, token, site, true) {
                Some(word) => self.constant(word),
                None => Wrote::Absent,
            },
            // Dealt with above.
            Convert::Copy | Convert::RawObject | Convert::RawList | Convert::Within { .. } => {
                Wrote::Absent
            }
        }
    }

    fn copy(&mut self, accept: Types, token: &str, site: SiteId) -> Wrote {
        if !accepted(accept, token) {
            return self.fault(site, "wrong_type", fault::wrong_type(accept, token));
        }
        self.put(token.as_bytes());
        if text::is_empty(token) { Wrote::Empty } else { Wrote::Value }
    }

    /// What a table writes for a token; events are counted where `counted`.
    pub(super) fn word(
        &mut self,
        op: &'a EnumOp,
        token: &str,
        site: SiteId,
        counted: bool,
    ) -> Option<&'a [u8]> {
        if let Some(raw) = &op.raw {
            let ours = self.token(raw.system).is_some_and(|system| is(system, &raw.ours));
            if let Some(value) = self.token(raw.value).filter(|_| ours) {
                let mut back = raw.back.iter();
                if back.any(|(dialect, canonical)| is(value, dialect) && is(token, canonical)) {
                    return Some(value.as_bytes());
                }
            }
        }
        if let Some((_, word, event)) = op.rows.iter().find(|(read, ..)| is(token, read)) {
            if counted {
                self.count(*event);
            }
            return Some(word);
        }
        if let Some((word, event)) = &op.unknown {
            if counted {
                self.count(Some(*event));
            }
            return Some(word);
        }
        let detail = fault::unknown_word(op.rows.iter().map(|(read, ..)| &**read));
        self.fault(site, "invalid", detail);
        None
    }

    /// Holds what was written since `start` against the contract.
    pub(super) fn check(
        &mut self,
        schema: SchemaId,
        start: usize,
        site: SiteId,
        wrote: Wrote,
    ) -> Wrote {
        let mut violations = std::mem::take(&mut self.violations);
        let written = self.out.get(start..).unwrap_or_default();
        validate(&self.program.contract, schema, written, &mut violations);
        let sound = violations.is_empty();
        for violation in violations.drain(..) {
            let known = self.faults.len();
            self.fault(site, violation.code, violation.detail);
            // The part of a copied value that is wrong, seen from the document.
            if let Some(fault) = self.faults.get_mut(known) {
                fault.pointer.push_str(&violation.pointer);
            }
        }
        self.violations = violations;
        if sound {
            return wrote;
        }
        self.out.truncate(start);
        Wrote::Absent
    }
}

/// Whether a token's type is in a set, where that can be told at a glance: for what this says no of,
/// ask [`accepted`].
#[inline(always)]
fn plainly(accept: Types, token: &str) -> bool {
    let digits = || token.len() < 16 && token.bytes().all(|byte| byte.is_ascii_digit());
    match token.as_bytes().first() {
        Some(b'"') => accept.has(Types::STRING),
        Some(b't' | b'f') => accept.has(Types::BOOLEAN),
        Some(b'0'..=b'9') if accept != Types::ANY => accept.has(Types::INTEGER) && digits(),
        _ => accept == Types::ANY,
    }
}

/// Whether a token's type is in a set.
#[inline]
pub(super) fn accepted(accept: Types, token: &str) -> bool {
    let fits = accept == Types::ANY || fault::type_of(token) & accept.0 != 0;
    if accept != Types::TEXTS {
        return fits;
    }
    fits && walk::elements(token).all(|element| text::kind(element) == text::Kind::String)
}

/// In a lenient program: the inside of a text that spells a number or a truth value where one is
/// wanted and text is not.
pub(super) fn spelled(accept: Types, token: &str) -> &str {
    let Some(inside) = text::content(token).filter(|_| !accept.has(Types::STRING)) else {
        return token;
    };
    let spells = text::is_number(inside) || inside == "true" || inside == "false";
    if spells && accepted(accept, inside) { inside } else { token }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_at_a_glance_is_so() {
        let tokens = [
            "\"a\"",
            "\"\"",
            "true",
            "false",
            "0",
            "17",
            "-1",
            "1.0",
            "1e3",
            "[]",
            "[\"a\"]",
            "[1]",
            "{}",
            "123456789012345",
            "1234567890123456",
            "123456789012345678901",
        ];
        let mut told = 0;
        for accept in (0..=127).map(Types) {
            for token in tokens {
                if plainly(accept, token) {
                    assert!(accepted(accept, token), "{accept:?} {token}");
                    told += 1;
                }
            }
        }
        assert!(told > 300);
        let ordinary = [(Types::STRING, "\"a\""), (Types::INTEGER, "17"), (Types::NUMBER, "17")];
        assert!(ordinary.iter().all(|(accept, token)| plainly(*accept, token)));
        assert!(plainly(Types::BOOLEAN, "true") && plainly(Types::ANY, "[1]"));
    }
}
