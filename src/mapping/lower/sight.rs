//! `sees`: which objects of an answer are open, compiled into what is written.
//!
//! Every object of a schema with rules is guarded where it is entered: an element of a list by the
//! list, a single object by the object it becomes. Where only a part of it is read, the object that
//! is being written carries the guard. The root of an answer is guarded before it gets here.

use crate::canonical::contract::Kind;
use crate::canonical::principal::{Allowed, SightRule, SightTest, Subject};
use crate::json::place::Hop;
use crate::mapping::plan::{Guard, GuardValue};
use crate::mapping::types::Ty;
use crate::syntax::{Code, Diagnostic, Span};

use super::{Cursor, Lower};

impl Lower<'_, '_> {
    /// Something inside this place is read: notes its guards with the object being written.
    pub(super) fn touch(&mut self, c: &Cursor, span: Span) {
        if !self.shown || !c.canonical {
            return;
        }
        self.internal(&c.ty, span);
        if c.whole || self.passed.contains(&c.at) {
            return;
        }
        let guards = self.guards_of(c);
        if guards.is_empty() {
            return;
        }
        match self.guards.last_mut() {
            Some(list) => {
                for guard in guards {
                    if !list.contains(&guard) {
                        list.push(guard);
                    }
                }
            }
            None => self.error(Diagnostic::error(
                Code::InternalData,
                span,
                "a guarded object is read where no object is written that could be kept back",
            )),
        }
    }

    /// A whole value is copied: nothing guarded may be inside.
    pub(super) fn copied(&mut self, c: &Cursor, span: Span) {
        if !self.shown || !c.canonical {
            return;
        }
        self.touch(c, span);
        let (mut open, mut seen) = (c.ty.leaves(self.contract()), Vec::new());
        open.retain(|id| {
            matches!(self.contract().schema(*id).kind, Kind::Object { .. } | Kind::List { .. })
        });
        let own = open.clone();
        while let Some(id) = open.pop() {
            if seen.contains(&id) {
                continue;
            }
            seen.push(id);
            let ty = Ty::of(id);
            let guarded = !own.contains(&id) && !self.rules(&ty).is_empty();
            if guarded || (self.lib.settings.public && self.shows_internal(&ty)) {
                let what = ty.describe(self.contract());
                self.error(
                    Diagnostic::error(
                        Code::InternalData,
                        span,
                        format!("this copies {what}, of which not everything may be seen"),
                    )
                    .help("use a record"),
                );
                return;
            }
            match &self.contract().schema(id).kind {
                Kind::Object { properties, .. } => {
                    let inner =
                        properties.iter().flat_map(|p| Ty::of(p.schema).leaves(&self.lib.contract));
                    open.extend(inner);
                }
                Kind::List { items, .. } => open.extend(Ty::of(*items).leaves(self.contract())),
                _ => {}
            }
        }
    }

    /// The rules for objects of a type.
    fn rules(&self, ty: &Ty) -> Vec<SightRule> {
        let Some(sight) = self.sight else { return Vec::new() };
        let mut ids = ty.leaves(self.contract());
        if let Ty::Of(own) = ty {
            ids.extend(own);
        }
        let names: Vec<&str> =
            ids.iter().filter_map(|id| self.contract().schema(*id).name.as_deref()).collect();
        sight.0.iter().filter(|rule| names.contains(&&*rule.schema)).cloned().collect()
    }

    /// The guards of a place, as tests of its members and of who looks.
    pub(super) fn guards_of(&mut self, c: &Cursor) -> Vec<Guard> {
        if !self.shown {
            return Vec::new();
        }
        let mut guards = Vec::new();
        for rule in self.rules(&c.ty) {
            let lists = rule.any.into_iter();
            let mut lists: Vec<Vec<Guard>> =
                lists.map(|tests| tests.into_iter().map(|t| self.guard(c, t)).collect()).collect();
            match (lists.pop(), lists.is_empty()) {
                (Some(only), true) => guards.extend(only),
                (last, _) => {
                    lists.extend(last);
                    guards.push(Guard::Either(lists));
                }
            }
        }
        guards
    }

    fn guard(&mut self, c: &Cursor, test: SightTest) -> Guard {
        let own = match &test.of {
            Subject::Fact(name) => self.inputs_member("principal", name).map(|fact| fact.at),
            Subject::Member(name) => {
                let hop = Hop::Member(name.clone());
                let found = c.ty.step(self.contract(), &hop).ok();
                found.map(|(ty, _)| self.down(c, &hop, ty).at)
            }
        };
        let allowed = match test.allowed {
            Allowed::Words(words) => {
                GuardValue::Words(words.iter().map(|w| w.as_bytes().into()).collect())
            }
            Allowed::Principal(name) => match self.inputs_member("principal", &name) {
                Some(fact) => GuardValue::Same(fact.at),
                // Without a principal nothing is the same as its facts.
                None => GuardValue::Words(Vec::new()),
            },
        };
        match own {
            Some(at) => Guard::Is { at, allowed },
            // What is never there is never right.
            None => Guard::Either(Vec::new()),
        }
    }

    /// Reports a public answer that could show what is internal.
    pub(super) fn internal(&mut self, ty: &Ty, span: Span) {
        if self.shown && !self.told && self.lib.settings.public && self.shows_internal(ty) {
            self.told = true;
            let what = ty.describe(self.contract());
            self.error(
                Diagnostic::error(
                    Code::InternalData,
                    span,
                    format!("clients of this public dialect could see internal {what} objects"),
                )
                .help("`sees` of the credential must say which `visibility` and which `kind` are open"),
            );
        }
    }

    /// Whether objects of this type can be internal and no rule keeps those back.
    fn shows_internal(&self, ty: &Ty) -> bool {
        let has = |member: &str, word: &str| {
            let hop = Hop::Member(member.into());
            ty.step(self.contract(), &hop)
                .is_ok_and(|(t, _)| t.words(self.contract()).iter().any(|w| **w == *word))
        };
        if !has("visibility", "internal") {
            return false;
        }
        let rules = self.rules(ty);
        let closes =
            |test: &SightTest, member: &str, words: &[&str]| match (&test.of, &test.allowed) {
                (Subject::Member(own), Allowed::Words(allowed)) => {
                    **own == *member
                        && !allowed.iter().any(|a| words.iter().any(|w| **a == *format!("\"{w}\"")))
                }
                (Subject::Member(own), Allowed::Principal(_)) => **own == *member,
                (Subject::Fact(_), _) => false,
            };
        // Whoever sees by one alternative sees what any other one would keep back.
        let open = |member: &str, words: &[&str]| {
            !rules.iter().any(|rule| {
                rule.any.iter().all(|tests| tests.iter().any(|t| closes(t, member, words)))
            })
        };
        open("visibility", &["internal"])
            || has("kind", "note") && open("kind", &["note", "activity"])
    }
}
