//! Canonical → dialect: tables, records and rules.

use crate::json::place::{Hop, Place};
use crate::json::write;
use crate::mapping::document::{
    Body, Line, Only, Op, PlaceText, Presence, Record, Rule, Source, Word, text,
};
use crate::mapping::plan::{self, Bind, Each, Emit, Gap, Hollow, Member, ObjectOp, Omit};
use crate::syntax::{Code, Diagnostic, closest};

use super::{Cursor, Env, Lower};

impl Lower<'_, '_> {
    /// The members that field lines write.
    pub(super) fn encode_table(
        &mut self,
        lines: &[Line],
        depth: usize,
        env: &Env<'_>,
    ) -> Vec<Member> {
        let mut members = Vec::new();
        let mut rest = lines;
        while let Some(line) = rest.first() {
            let Some(part) = line.key.get(depth).filter(|_| !line.is_argument()) else {
                // `.` and arguments are read by decode alone.
                rest = rest.get(1..).unwrap_or_default();
                continue;
            };
            let mut run = rest.iter().take_while(|l| l.key.get(depth) == Some(part)).count();
            if line.key.len() == depth + 1 {
                run = 1;
                if let Some((emit, omit)) = self.encode_line(line, env) {
                    members.push(Member { key: write::key(part), emit, omit });
                }
            } else {
                let inside = rest.get(..run).unwrap_or_default();
                let emit = self.make(|s| s.encode_table(inside, depth + 1, env), None, None);
                members.push(Member { key: write::key(part), emit, omit: Omit::Never });
            }
            rest = rest.get(run..).unwrap_or_default();
        }
        members
    }

    fn encode_line(&mut self, line: &Line, env: &Env<'_>) -> Option<(Emit, Omit)> {
        if let Source::Relation(name) = &line.rule.source {
            let mut key = env.prefix.clone();
            key.extend(line.key.iter().cloned());
            let emit = self.encode_column(name, &key, line.span, env)?;
            return Some((emit, line.rule.presence.omit.unwrap_or(Omit::Never)));
        }
        let mut env = env.clone();
        env.prefix.extend(line.key.iter().cloned());
        self.encode_rule(&line.text, &line.rule, &env)
    }

    /// An object with what `members` writes; guards met meanwhile are its own.
    fn make(
        &mut self,
        members: impl FnOnce(&mut Self) -> Vec<Member>,
        from: Option<plan::Source>,
        null_with: Option<plan::Ref>,
    ) -> Emit {
        self.guards.push(Vec::new());
        let trying = std::mem::take(&mut self.trying);
        let members = members(self);
        self.trying = trying;
        let guard = self.guards.pop().unwrap_or_default();
        let (hollow, needed) = (Hollow::Keep, Vec::new());
        Emit::Object(Box::new(ObjectOp { from, guard, members, null_with, hollow, needed }))
    }

    /// What a rule writes; `None` where it writes nothing in this direction, or has a problem.
    pub(super) fn encode_rule(
        &mut self,
        field: &str,
        rule: &Rule,
        env: &Env<'_>,
    ) -> Option<(Emit, Omit)> {
        if rule.only == Some(Only::Decode) || !self.spend(rule.span) {
            return None;
        }
        let omit = rule.presence.omit.unwrap_or(Omit::Never);
        let emit = match &rule.source {
            Source::Drop | Source::Relation(_) => None,
            Source::Const(node) => Some(Emit::Const(text::json(node))),
            Source::None => self.encode_inline(rule, env),
            Source::At(place) => self.encode_at(field, place, rule, env),
            Source::FirstOf(items) => self.encode_first(field, items, &rule.presence, env),
            Source::SameAs(name) => return self.encode_same(name, env),
            Source::WhenSet(node, place) => {
                let at = self.place(place, env)?.at;
                Some(Emit::WhenSet(at, text::json(node)))
            }
            Source::IsSet(place) => self.place(place, env).map(|c| Emit::IsSet(c.at)),
            Source::Count(list) => {
                let c = self.place(list, env)?;
                self.enter_open(&c, list.span)?;
                self.leave();
                Some(Emit::Count(c.at))
            }
            Source::Pick(list) => self.encode_pick(field, list, None, rule, env),
            Source::Find { list, by, key } => {
                self.encode_pick(field, list, Some((by, key)), rule, env)
            }
        };
        emit.map(|emit| (emit, omit))
    }

    /// `fields` without `at`: an object of the dialect alone.
    fn encode_inline(&mut self, rule: &Rule, env: &Env<'_>) -> Option<Emit> {
        let Op::Fields(table) = &rule.op else { return None };
        let null_with = match &rule.presence.null_with {
            Some(place) => Some(self.place(place, env)?.at),
            None => None,
        };
        let env = Env { table: &table.lines, ..env.clone() };
        Some(self.make(|s| s.encode_table(&table.lines, 0, &env), None, null_with))
    }

    fn encode_first(
        &mut self,
        field: &str,
        items: &[Rule],
        presence: &Presence,
        env: &Env<'_>,
    ) -> Option<Emit> {
        let trying = std::mem::replace(&mut self.trying, true);
        let made: Vec<_> = items
            .iter()
            .map(|r| self.alternative(r, env, |s| s.encode_rule(field, r, env).map(|(e, _)| e)))
            .collect();
        self.trying = trying;
        let mut emits: Vec<_> = made.into_iter().collect::<Option<_>>()?;
        // The last resort writes what a gap of the whole would.
        if let Some(last) = presence.null_as.as_ref().or(presence.default.as_ref()) {
            emits.push(Emit::Const(text::json(last)));
        } else {
            emits.push(Emit::Const(b"null".as_slice().into()));
        }
        Some(Emit::FirstOf(emits))
    }

    fn encode_same(&mut self, name: &Word, env: &Env<'_>) -> Option<(Emit, Omit)> {
        let Some(other) = env.table.iter().find(|l| *l.text == *name.0) else {
            let keys = env.table.iter().map(|l| &*l.text);
            self.error(
                Diagnostic::error(
                    Code::UnknownPlace,
                    name.1,
                    format!("this object has no key `{}`", name.0),
                )
                .suggest(closest(&name.0, keys)),
            );
            return None;
        };
        if matches!(other.rule.source, Source::SameAs(_)) {
            let message = "`same_as` names a key with a place of its own";
            self.error(Diagnostic::error(Code::UnknownOperator, name.1, message));
            return None;
        }
        self.encode_line(other, env)
    }

    /// A rule with `at`. `[*]` in the place makes a list.
    pub(super) fn encode_at(
        &mut self,
        field: &str,
        place: &PlaceText,
        rule: &Rule,
        env: &Env<'_>,
    ) -> Option<Emit> {
        let Some(star) = place.place.hops.iter().position(|h| *h == Hop::Each) else {
            let c = self.place(place, env)?;
            return self.encode_op(field, &c, rule, env);
        };
        let (before, after) = place.place.hops.split_at(star);
        let list = PlaceText {
            place: Place { root: place.place.root.clone(), hops: before.to_vec() },
            span: place.span,
        };
        let c = self.place(&list, env)?;
        let (_, guard, element) = self.enter_list(&c, place.span)?;
        self.passed.push(element.at);
        let inner = Env { dollar: Some(element.clone()), ..env.clone() };
        let rest = PlaceText {
            place: Place { root: "".into(), hops: after.get(1..).unwrap_or_default().to_vec() },
            span: place.span,
        };
        let emit = self.encode_at(field, &rest, rule, &inner);
        self.passed.pop();
        self.leave();
        let (when_null, when_absent) = self.encode_gaps(&rule.presence, env.record, &c);
        Some(Emit::Each(Box::new(Each {
            list: c.at,
            site: self.site(&c, field, rule.span),
            when_null,
            when_absent,
            guard,
            filter: Vec::new(),
            sort_by: None,
            take: None,
            reverse: false,
            at_most: None,
            element: emit?,
        })))
    }

    /// What an operator makes of a place.
    pub(super) fn encode_op(
        &mut self,
        field: &str,
        c: &Cursor,
        rule: &Rule,
        env: &Env<'_>,
    ) -> Option<Emit> {
        match &rule.op {
            Op::Value(value) => self.encode_value(field, c, value, rule, env),
            Op::Record(name) => self.encode_record(field, name, c, rule, env),
            Op::Fields(table) => {
                let env = Env { dollar: Some(self.present(c)), table: &table.lines, ..env.clone() };
                let lines = &table.lines;
                self.encode_object(field, c, rule, &env, |s, env| s.encode_table(lines, 0, env))
            }
            Op::OneOf(union) => {
                let from = self.source(field, c, rule, env);
                self.encode_union(field, union, c, Some(from), env)
            }
            Op::Each(element) => self.encode_each(field, c, element, rule, env),
            Op::Conditions(name) => {
                let gaps = self.encode_gaps(&rule.presence, env.record, c);
                let ty = c.ty.clone();
                self.conditions(field, c, name, rule, &ty, gaps, false)
            }
            Op::Group { by, value } => {
                let (.., element) = self.enter_open(c, rule.span)?;
                let (by, value) = (self.path(&element, by), self.path(&element, value));
                self.leave();
                Some(Emit::Group { list: c.at, by: by?.at, value: value?.at })
            }
            Op::Join { separator, value } => {
                let (.., element) = self.enter_open(c, rule.span)?;
                let value = match value {
                    Some(value) => self.path(&element, value),
                    None => Some(element),
                };
                self.leave();
                let separator = separator.clone();
                Some(Emit::Join { list: c.at, value: value?.at, separator })
            }
        }
    }

    /// The presence of an object that another is made from.
    fn source(&mut self, field: &str, c: &Cursor, rule: &Rule, env: &Env<'_>) -> plan::Source {
        let (when_null, when_absent) = self.encode_gaps(&rule.presence, env.record, c);
        plan::Source { at: c.at, site: self.site(c, field, rule.span), when_null, when_absent }
    }

    /// An object made from a place, with the guards of that place.
    fn encode_object(
        &mut self,
        field: &str,
        c: &Cursor,
        rule: &Rule,
        env: &Env<'_>,
        members: impl FnOnce(&mut Self, &Env<'_>) -> Vec<Member>,
    ) -> Option<Emit> {
        let types = c.ty.types(self.contract());
        let scalar = !types.has(plan::Types::OBJECT);
        let from = (!scalar).then(|| self.source(field, c, rule, env));
        let null_with = match &rule.presence.null_with {
            Some(place) => Some(self.place(place, env)?.at),
            None => None,
        };
        let own = !c.whole && !self.passed.contains(&c.at);
        let guards = if own { self.guards_of(c) } else { Vec::new() };
        self.passed.push(c.at);
        let mut emit = self.make(|s| members(s, env), from, null_with);
        self.passed.pop();
        if let Emit::Object(object) = &mut emit {
            object.guard.extend(guards);
        }
        Some(emit)
    }

    fn encode_record(
        &mut self,
        field: &str,
        name: &Word,
        c: &Cursor,
        rule: &Rule,
        env: &Env<'_>,
    ) -> Option<Emit> {
        let record = self.record(name, Only::Encode)?;
        self.fits(record, &c.ty, name.1)?;
        let names = self.arguments(record, &rule.give, name.1, env)?;
        self.encode_body(field, record, c, names, rule, env)
    }

    /// What a record makes of a place, its arguments known.
    pub(super) fn encode_body(
        &mut self,
        field: &str,
        record: &Record,
        c: &Cursor,
        names: Vec<(Box<str>, Cursor)>,
        rule: &Rule,
        outer: &Env<'_>,
    ) -> Option<Emit> {
        self.stack.push(record.name.0.clone());
        let env = Env {
            dollar: Some(self.present(c)),
            names,
            record: Some(record),
            table: &[],
            prefix: Vec::new(),
            instance: self.instance(),
            open: false,
        };
        let presence = Env { record: outer.record.or(Some(record)), ..outer.clone() };
        let emit = self.encode_joined(field, record, 0, c, rule, &env, &presence);
        self.stack.pop();
        emit
    }

    #[expect(clippy::too_many_arguments, reason = "one step of a recursion over the joins")]
    fn encode_joined(
        &mut self,
        field: &str,
        record: &Record,
        join: usize,
        c: &Cursor,
        rule: &Rule,
        env: &Env<'_>,
        outer: &Env<'_>,
    ) -> Option<Emit> {
        if let Some(next) = record.joins.get(join) {
            let list = self.place(&next.list, env)?;
            let key = self.place(&next.key, env)?;
            let (_, guard, element) = self.enter_list(&list, next.list.span)?;
            let by = self.path(&element, &next.by);
            self.passed.push(element.at);
            let mut env = env.clone();
            env.names.push((next.name.0.clone(), element.clone()));
            let then = self.encode_joined(field, record, join + 1, c, rule, &env, outer);
            self.passed.pop();
            self.leave();
            return Some(Emit::Bind(Box::new(Bind {
                list: list.at,
                filter: Vec::new(),
                by: Some((by?.at, key.at)),
                guard,
                then: then?,
                otherwise: None,
            })));
        }
        match &record.body {
            Body::Fields(table) => {
                let env = Env { table: &table.lines, ..env.clone() };
                // What null and absence give is said where the record is used.
                let emit = self.encode_object(field, c, rule, &env, |s, env| {
                    s.encode_table(&table.lines, 0, env)
                })?;
                Some(emit)
            }
            Body::OneOf(union) => {
                let from = self.source(field, c, rule, outer);
                self.encode_union(field, union, c, Some(from), env)
            }
        }
    }

    /// What null and absence of a place give when encoding. Where the contract promises a value,
    /// an answer without one is refused: it would be shown as an empty one.
    pub(super) fn encode_gaps(
        &mut self,
        presence: &Presence,
        record: Option<&Record>,
        c: &Cursor,
    ) -> (Gap, Gap) {
        let gap = match c.promised && !self.trying {
            true => Gap::Broken,
            false => self.encode_gap(presence, record),
        };
        (gap.clone(), gap)
    }

    /// What a line says of a value that is not there.
    pub(super) fn encode_gap(&mut self, presence: &Presence, record: Option<&Record>) -> Gap {
        if presence.required {
            Gap::Refuse
        } else if let Some(node) = &presence.null_as {
            Gap::Const(text::json(node), None)
        } else if let Some(node) = &presence.default {
            let event = self.event(record, "defaulted");
            Gap::Const(text::json(node), event)
        } else {
            Gap::Null
        }
    }
}
