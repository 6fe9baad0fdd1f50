//! Dialect → canonical: every rule says which canonical place it writes; the object is put together
//! from them afterwards.

use crate::json::place::{Hop, Place};
use crate::json::write;
use crate::mapping::document::{
    Body, Line, Only, Op, PlaceText, Record, Rule, Source, Table, Word, text,
};
use crate::mapping::library::INPUTS;
use crate::mapping::plan::{
    self, Convert, Emit, Gap, Hollow, Member, ObjectOp, Omit, Ref, Types, ValueOp,
};
use crate::mapping::types::Ty;
use crate::syntax::{Code, Diagnostic, Span, closest};

use super::target::Tree;
use super::{Cursor, Env, Lower, Mode};

/// What a record decodes to, and what its names mean.
#[derive(Clone, Debug)]
pub(crate) struct Aim<'e> {
    /// The type of `$`.
    pub(super) ty: Ty,
    pub(super) record: Option<&'e Record>,
    /// The lines of the table at hand, for `same_as`.
    pub(super) table: &'e [Line],
    /// The dialect's object that the record is read from.
    pub(super) object: Cursor,
    /// The way from the record to this table, as keys.
    pub(super) prefix: Vec<Box<str>>,
    /// The way to the record, for the names of fields in problems.
    pub(super) way: Box<str>,
    pub(super) instance: usize,
    /// Where a report about the whole belongs.
    pub(super) span: Span,
}

/// A canonical place that is written.
pub(super) struct Target {
    pub(super) ty: Ty,
    pub(super) required: bool,
    /// Something above it may be null or missing.
    pub(super) hollow: bool,
}

impl Aim<'_> {
    /// The name of a field, as the sender of the whole would write it.
    pub(super) fn field(&self, key: &str) -> String {
        match (self.way.is_empty(), key.is_empty()) {
            (true, _) => key.to_owned(),
            (_, true) => self.way.to_string(),
            _ => format!("{}.{key}", self.way),
        }
    }
}

impl Lower<'_, '_> {
    /// A record read from a place of the dialect.
    pub(super) fn decode_record(
        &mut self,
        field: &str,
        name: &Word,
        d: &Cursor,
        rule: &Rule,
        aim: &Aim<'_>,
        target: (&Ty, (Gap, Gap)),
    ) -> Option<Emit> {
        let (ty, (when_null, when_absent)) = target;
        let record = self.record(name, Only::Decode)?;
        self.fits(record, ty, name.1)?;
        let own = d.at == aim.object.at;
        let site = self.site(d, field, rule.span);
        let from = (!own).then_some(plan::Source { at: d.at, site, when_null, when_absent });
        self.decode_body(field, record, d, ty, from)
    }

    /// The same, the record known and checked.
    pub(super) fn decode_body(
        &mut self,
        field: &str,
        record: &Record,
        d: &Cursor,
        ty: &Ty,
        from: Option<plan::Source>,
    ) -> Option<Emit> {
        self.stack.push(record.name.0.clone());
        let aim = Aim {
            ty: ty.clone(),
            record: Some(record),
            table: &[],
            object: d.clone(),
            prefix: Vec::new(),
            way: field.into(),
            instance: self.instance(),
            span: record.name.1,
        };
        let emit = match &record.body {
            Body::Fields(table) => {
                let mut tree = Tree::default();
                self.decode_table(table, d, &aim, &mut tree);
                if self.mode != Mode::Patch {
                    self.fill(record, &aim, &mut tree);
                }
                self.render(tree, ty, from, &aim)
            }
            Body::OneOf(union) => self.decode_union(field, union, d, from, &aim, ty),
        };
        self.stack.pop();
        emit
    }

    fn fill(&mut self, record: &Record, aim: &Aim<'_>, tree: &mut Tree) {
        let env = Env {
            dollar: None,
            names: Vec::new(),
            record: Some(record),
            table: &[],
            prefix: Vec::new(),
            instance: aim.instance,
            open: false,
        };
        for (place, node) in &record.fill {
            let Some(target) = self.target(place, aim) else { continue };
            let name = place.place.to_string();
            if let Some(emit) = self.expression(&name, node, &target.ty, target.required, &env) {
                self.put(tree, place, emit, Omit::Never, place.span);
            }
        }
    }

    /// Reads every line of a table below a dialect's object.
    pub(super) fn decode_table(
        &mut self,
        table: &Table,
        d: &Cursor,
        aim: &Aim<'_>,
        tree: &mut Tree,
    ) {
        let aim = Aim { table: &table.lines, ..aim.clone() };
        for line in &table.lines {
            let mut inner = aim.clone();
            inner.prefix.extend(line.key.iter().cloned());
            if let Source::Relation(name) = &line.rule.source {
                self.decode_relation(name, &inner.prefix, line.span, &inner, tree);
                continue;
            }
            let Some(own) = self.read_key(line, d, &inner) else { continue };
            // Other names of the same place are read where this one is absent.
            let same = |l: &&Line| matches!(&l.rule.source, Source::SameAs(n) if n.0 == line.text);
            let also: Vec<Ref> = table
                .lines
                .iter()
                .filter(same)
                .filter_map(|l| self.read_key(l, d, &inner))
                .map(|c| c.at)
                .collect();
            let field = inner.field(&inner.prefix.join("."));
            self.decode_rule(&field, &line.rule, &own, &also, &inner, tree);
        }
    }

    /// What the key of a line stands for: a place of the dialect's object, or of an argument.
    fn read_key(&mut self, line: &Line, d: &Cursor, aim: &Aim<'_>) -> Option<Cursor> {
        if !line.is_argument() {
            self.objects_around(&line.key, line.span, d, aim);
            return Some(self.key(d, &line.key));
        }
        let place = text::place_text(&line.text, line.span, self.d);
        let Some(place) = place else {
            self.failed = true;
            return None;
        };
        let given = self.given.iter().find(|(name, _)| *name == place.place.root).cloned();
        match given {
            Some((_, cursor)) => self.walk(cursor, &place.place.hops, &place.place, 0, place.span),
            // Nobody gave it here, so there is nothing to read.
            None => {
                self.known_root(&place, aim);
                None
            }
        }
    }

    /// Notes the objects that a key of several parts lies in. Inside lists nothing is noted: there
    /// a part that is no object has nothing to read, as if it were empty.
    fn objects_around(&mut self, key: &[Box<str>], span: Span, d: &Cursor, aim: &Aim<'_>) {
        let parts = key.len().saturating_sub(1);
        let mut around = d.clone();
        for (index, part) in key.iter().take(parts).enumerate() {
            around = self.down(&around, &Hop::Member(part.clone()), Ty::Any);
            if usize::from(around.at.frame) >= self.documents.len() {
                return;
            }
            let outer = aim.prefix.len().saturating_sub(parts - index);
            let names = aim.prefix.get(..outer).unwrap_or_default().join(".");
            let site = self.site(&around, &aim.field(&names), span);
            if !self.objects.iter().any(|(at, _)| *at == around.at) {
                self.objects.push((around.at, site));
            }
        }
    }

    /// Reads one rule and puts what it writes into the tree.
    pub(super) fn decode_rule(
        &mut self,
        field: &str,
        rule: &Rule,
        d: &Cursor,
        also: &[Ref],
        aim: &Aim<'_>,
        tree: &mut Tree,
    ) {
        if rule.only == Some(Only::Encode) || !self.spend(rule.span) {
            return;
        }
        match &rule.source {
            Source::None => {
                if let Op::Fields(table) = &rule.op {
                    self.decode_table(table, d, aim, tree);
                }
            }
            Source::At(place) => self.decode_at(field, place, rule, d, also, aim, tree),
            Source::SameAs(name) if !aim.table.iter().any(|l| *l.text == *name.0) => {
                let keys = aim.table.iter().map(|l| &*l.text);
                let message = format!("this object has no key `{}`", name.0);
                self.error(
                    Diagnostic::error(Code::UnknownPlace, name.1, message)
                        .suggest(closest(&name.0, keys)),
                );
            }
            // One way, or read and ignored.
            _ => {}
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one rule, and all it stands among")]
    fn decode_at(
        &mut self,
        field: &str,
        place: &PlaceText,
        rule: &Rule,
        d: &Cursor,
        also: &[Ref],
        aim: &Aim<'_>,
        tree: &mut Tree,
    ) {
        if !place.place.root.is_empty() {
            self.known_root(place, aim);
            return;
        }
        if place.place.hops.contains(&Hop::Each)
            || matches!(rule.op, Op::Group { .. } | Op::Join { .. })
        {
            return;
        }
        let Some(target) = self.target(place, aim) else { return };
        let gaps = self.decode_gaps(rule, &target.ty, target.required, target.hollow);
        let emit = match &rule.op {
            Op::Value(value) => {
                if let Some(name) = &value.table {
                    self.keep_raw(name, place, d, aim, tree);
                }
                self.decode_value(field, d, also, value, rule, aim, (&target.ty, gaps))
            }
            Op::Record(name) => self.decode_record(field, name, d, rule, aim, (&target.ty, gaps)),
            Op::Fields(table) => {
                let mut inside = Tree::default();
                let inner = Aim { ty: target.ty.clone(), ..aim.clone() };
                self.decode_table(table, d, &inner, &mut inside);
                let from = self.part(field, d, rule, aim, gaps);
                self.render(inside, &target.ty, from, aim)
            }
            Op::OneOf(union) => {
                let from = self.part(field, d, rule, aim, gaps);
                let inner = Aim { ty: target.ty.clone(), ..aim.clone() };
                self.decode_union(field, union, d, from, &inner, &target.ty)
            }
            Op::Each(element) => self.decode_each(field, d, element, rule, aim, (&target.ty, gaps)),
            Op::Conditions(name) => {
                let made = self.conditions(field, d, name, rule, &target.ty, gaps, true);
                self.failed |= made.is_none();
                // A table that is wrong leaves the place no less written.
                made.or(Some(Emit::Absent))
            }
            Op::Group { .. } | Op::Join { .. } => None,
        };
        if let Some(emit) = emit {
            self.put(tree, place, emit, Omit::Never, place.span);
        }
    }

    /// The dialect's object that a part is made of; `None` where it is the record's own.
    fn part(
        &mut self,
        field: &str,
        d: &Cursor,
        rule: &Rule,
        aim: &Aim<'_>,
        (when_null, when_absent): (Gap, Gap),
    ) -> Option<plan::Source> {
        let site = self.site(d, field, rule.span);
        let own = d.at == aim.object.at;
        (!own).then_some(plan::Source { at: d.at, site, when_null, when_absent })
    }

    /// A place of something else than `$` is read by encode alone; its root must be known.
    fn known_root(&mut self, place: &PlaceText, aim: &Aim<'_>) {
        let root = &*place.place.root;
        let needs = aim.record.map(|r| r.needs.iter().map(|n| &*n.name.0)).into_iter().flatten();
        let joins = aim.record.map(|r| r.joins.iter().map(|j| &*j.name.0)).into_iter().flatten();
        let known: Vec<&str> =
            needs.chain(joins).chain(INPUTS.iter().copied()).chain(["request"]).collect();
        if known.contains(&root) {
            return;
        }
        let near = closest(root, known.iter().copied()).map(|n| format!("${n}"));
        let message = format!("nothing here is called `${root}`");
        self.error(
            Diagnostic::error(Code::UnknownRoot, place.span, message).suggest(near.as_deref()),
        );
    }

    /// The canonical place that a rule writes.
    pub(super) fn target(&mut self, place: &PlaceText, aim: &Aim<'_>) -> Option<Target> {
        if !place.place.root.is_empty() {
            let message = format!("`{}` cannot be written: only places of `$` can", place.place);
            self.error(Diagnostic::error(Code::BadPlace, place.span, message));
            return None;
        }
        self.target_in(&place.place, place.span, &aim.ty)
    }

    /// The same below a type.
    pub(super) fn target_in(&mut self, place: &Place, span: Span, of: &Ty) -> Option<Target> {
        let mut target = Target { ty: of.clone(), required: true, hollow: false };
        for (index, hop) in place.hops.iter().enumerate() {
            if !matches!(hop, Hop::Member(_) | Hop::Index(_)) {
                let message =
                    format!("`{place}` cannot be written: of a list only a fixed element can");
                self.error(Diagnostic::error(Code::BadPlace, span, message));
                return None;
            }
            target.hollow |= index > 0 && (!target.required || target.ty.nullable(self.contract()))
                || matches!(hop, Hop::Index(_));
            match target.ty.step(self.contract(), hop) {
                Ok((ty, facts)) => {
                    if facts.gateway && self.mode != Mode::Answer {
                        let message = format!("`{place}` is written by the backend alone");
                        self.error(Diagnostic::error(Code::ReadOnlyPlace, span, message));
                        return None;
                    }
                    target.required = facts.required;
                    target.ty = ty;
                }
                Err(lost) => {
                    self.lost(&target.ty, hop, lost, place, index, span);
                    return None;
                }
            }
        }
        Some(target)
    }

    /// Puts a writer into the tree; a second one for the same place is reported.
    pub(super) fn put(
        &mut self,
        tree: &mut Tree,
        place: &PlaceText,
        emit: Emit,
        omit: Omit,
        span: Span,
    ) {
        if let Err(other) = tree.insert(&place.place.hops, emit, omit, span) {
            let message = format!("two rules write `{}`", place.place);
            let mut problem = Diagnostic::error(Code::TwoWriters, span, message)
                .help("make one of them `only: encode`");
            if other != span {
                problem = problem.related(other, "the other one");
            }
            self.error(problem);
        }
    }

    /// The raw sibling of a table: the word as it came.
    fn keep_raw(
        &mut self,
        name: &Word,
        place: &PlaceText,
        d: &Cursor,
        aim: &Aim<'_>,
        tree: &mut Tree,
    ) {
        let Some(table) = self.lib.enums.iter().find(|e| e.name.0 == name.0) else { return };
        let Some(raw) = &table.raw else {
            self.needs_raw(table, place, name.1, aim);
            return;
        };
        let Some(target) = self.target(raw, aim) else { return };
        let emit = self.raw_value(d, &target.ty, raw.span);
        let omit = if self.mode == Mode::Patch { Omit::Null } else { Omit::Never };
        if let Some(emit) = emit {
            self.put(tree, raw, emit, omit, place.span);
        }
    }

    /// `{system, value}` of what stands at a dialect's place; null where nothing does.
    pub(super) fn raw_value(&mut self, d: &Cursor, ty: &Ty, span: Span) -> Option<Emit> {
        for member in ["system", "value"] {
            if ty.step(self.contract(), &Hop::Member(member.into())).is_err() {
                let is = ty.describe(self.contract());
                let message =
                    format!("a raw value is an object of `system` and `value`, but this is {is}");
                self.error(Diagnostic::error(Code::TypeMismatch, span, message));
                return None;
            }
        }
        let value = ValueOp {
            from: vec![d.at],
            site: self.site(d, "", span),
            accept: Types::ANY,
            convert: Convert::Copy,
            also_null: Vec::new(),
            ignore: Vec::new(),
            when_null: Gap::Null,
            when_absent: Gap::Null,
            check: None,
        };
        let member = |name: &str, emit| Member { key: write::key(name), emit, omit: Omit::Never };
        Some(Emit::Object(Box::new(ObjectOp {
            from: None,
            guard: Vec::new(),
            members: vec![
                member("system", Emit::Const(text::quoted(&self.lib.settings.system))),
                member("value", Emit::Value(Box::new(value))),
            ],
            null_with: Some(d.at),
            hollow: Hollow::Keep,
            needed: Vec::new(),
        })))
    }

    /// A table of several words for one canonical value loses the word, where the contract has a
    /// place that could keep it.
    fn needs_raw(
        &mut self,
        table: &crate::mapping::document::EnumTable,
        place: &PlaceText,
        span: Span,
        aim: &Aim<'_>,
    ) {
        if self.mode == Mode::Answer {
            return;
        }
        let twice = table.decoding().enumerate().any(|(i, (a, _))| {
            table.decoding().skip(i + 1).any(|(b, _)| a.canonical.0 == b.canonical.0)
        });
        if !twice && table.unknown_as.is_none() {
            return;
        }
        let mut raw = place.place.clone();
        let Some(Hop::Member(last)) = raw.hops.last_mut() else { return };
        *last = format!("{last}_raw").into();
        if aim.ty.walk(self.contract(), &raw.hops).is_none() {
            return;
        }
        let why = match table.unknown_as {
            Some(_) => "reads words it does not know",
            None => "reads several words as one",
        };
        self.error(
            Diagnostic::error(
                Code::NeedsRaw,
                span,
                format!("the table `{}` {why} and keeps none of them", table.name.0),
            )
            .related(table.name.1, "defined here")
            .help(format!("add `raw: {raw}` to the table")),
        );
    }
}
