//! A whole document, cut to what was asked for. One walk over its members and one over its
//! messages; key order and members that nobody names stay.

use super::{Run, Wrote, fault};
use crate::json::{text, walk};
use crate::mapping::plan::{Cut, Narrow, Types};

/// The member that limits and visibility are about.
const MESSAGES: &str = "messages";

impl<'a> Run<'a> {
    pub(super) fn narrow(&mut self, op: &'a Narrow) -> Wrote {
        let Some(token) = self.token(op.at) else { return Wrote::Absent };
        if token == "null" {
            return self.null();
        }
        if !token.starts_with('{') {
            return self.fault(op.site, "wrong_type", fault::wrong_type(Types::OBJECT, token));
        }
        let include = self.token(op.include).unwrap_or("[]");
        let limit = op.limit.map_or(0, |(at, default)| {
            self.token(at).and_then(count).unwrap_or(u64::from(default))
        });
        let public = op.visibility.and_then(|at| self.token(at));
        let public = public.is_some_and(|word| text::eq(word, "public"));

        self.put(b"{");
        let mut some = false;
        for (key, value) in walk::members(token) {
            // Hardly a name is written with escapes, so they are looked for once.
            let plain = text::content(key).filter(|name| !name.contains('\\'));
            let is = |name: &str| plain.map_or_else(|| text::eq(key, name), |own| own == name);
            let bound = op.members.iter().find(|cut| is(&cut.member));
            if bound.is_some_and(|cut| !asked(include, &cut.include)) {
                continue;
            }
            if some {
                self.put(b",");
            }
            some = true;
            self.put(key.as_bytes());
            self.put(b":");
            if (public || limit > 0) && value.starts_with('[') && is(MESSAGES) {
                self.messages(value, public, usize::try_from(limit).unwrap_or(usize::MAX));
            } else {
                self.cut(value, bound.map_or(&[], |cut| &cut.inner), include);
            }
        }
        self.put(b"}");
        if some { Wrote::Value } else { Wrote::Empty }
    }

    /// A value, or each element of it, without those of the members that nobody asked for.
    fn cut(&mut self, value: &str, cuts: &[Cut], include: &str) {
        let list = value.starts_with('[');
        if cuts.is_empty() || !(list || value.starts_with('{')) {
            return self.put(value.as_bytes());
        }
        self.put(if list { b"[" } else { b"{" });
        let mut some = false;
        if list {
            for element in walk::elements(value) {
                if some {
                    self.put(b",");
                }
                some = true;
                self.cut(element, cuts, include);
            }
            return self.put(b"]");
        }
        for (key, value) in walk::members(value) {
            let bound = cuts.iter().find(|cut| text::eq(key, &cut.member));
            if bound.is_some_and(|cut| !asked(include, &cut.include)) {
                continue;
            }
            if some {
                self.put(b",");
            }
            some = true;
            self.put(key.as_bytes());
            self.put(b":");
            self.cut(value, bound.map_or(&[], |cut| &cut.inner), include);
        }
        self.put(b"}");
    }

    /// The last `limit` messages (0 is all) that may be shown.
    fn messages(&mut self, list: &str, public: bool, limit: usize) {
        self.put(b"[");
        let (start, from) = (self.out.len(), self.spans.len());
        for message in walk::elements(list) {
            let shown = |(key, value)| text::eq(key, "visibility") && text::eq(value, "public");
            if public && !walk::members(message).any(shown) {
                continue;
            }
            if self.spans.len() > from {
                self.put(b",");
            }
            self.spans.push((self.out.len(), 0));
            self.put(message.as_bytes());
        }
        let surplus =
            (self.spans.len() - from).saturating_sub(if limit == 0 { usize::MAX } else { limit });
        if let Some((first, _)) = self.spans.get(from + surplus).filter(|_| surplus > 0) {
            self.out.drain(start..*first);
        }
        self.spans.truncate(from);
        self.put(b"]");
    }
}

/// Whether a name is in the list of those that were asked for.
fn asked(include: &str, name: &str) -> bool {
    walk::elements(include).any(|asked| text::eq(asked, name))
}

/// A count, as a number or as text.
pub(super) fn count(token: &str) -> Option<u64> {
    text::unsigned(text::content(token).unwrap_or(token))
}
