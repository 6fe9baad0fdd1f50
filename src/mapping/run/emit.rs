//! Writing one value of any kind.

use smallvec::SmallVec;

use super::test::holds;
use super::{Run, Wrote, fault};
use crate::json::text;
use crate::mapping::plan::{
    Emit, Gap, Hollow, Member, ObjectOp, Omit, OneOf, SiteId, Source, Test,
};

impl<'a> Run<'a> {
    /// Appends what `emit` makes and says what that was.
    pub(super) fn emit(&mut self, emit: &'a Emit) -> Wrote {
        match emit {
            Emit::Const(bytes) => self.constant(bytes),
            Emit::Absent => Wrote::Absent,
            Emit::Value(op) => self.value(op),
            Emit::Object(op) => self.object(op),
            Emit::Each(op) => self.each(op),
            Emit::Bind(op) => self.bind(op),
            Emit::OneOf(op) => self.one_of(op),
            Emit::FirstOf(items) => self.first_of(items),
            Emit::Column { relation, column } => {
                match self.program.relations.get(usize::from(*relation)) {
                    Some(relation) => self.column(relation, *column),
                    None => Wrote::Absent,
                }
            }
            Emit::Tuple(items) => self.tuple(items),
            Emit::List(items, gap) => self.fixed_list(items, gap),
            Emit::All(tests) => self.truth(self.all(tests)),
            Emit::WhenSet(at, bytes) if self.set(*at) => self.constant(bytes),
            Emit::WhenSet(..) => self.null(),
            Emit::IsSet(at) => self.truth(self.set(*at)),
            Emit::Count(list) => self.size(*list),
            Emit::When(tests, emit) if self.all(tests) => self.emit(emit),
            Emit::When(..) => Wrote::Absent,
            Emit::Page(op) => self.page(op),
            Emit::Group { list, by, value } => self.group(*list, *by, *value),
            Emit::Join { list, value, separator } => self.join(*list, *value, separator),
            Emit::Narrow(op) => self.narrow(op),
            Emit::Conditions(op) => self.conditions(op),
        }
    }

    pub(super) fn constant(&mut self, bytes: &[u8]) -> Wrote {
        self.put(bytes);
        match bytes {
            b"null" => Wrote::Null,
            b"[]" | b"{}" => Wrote::Empty,
            _ => Wrote::Value,
        }
    }

    pub(super) fn null(&mut self) -> Wrote {
        self.put(b"null");
        Wrote::Null
    }

    fn fixed_list(&mut self, items: &'a [Emit], gap: &Gap) -> Wrote {
        let start = self.out.len();
        self.out.push(b'[');
        for item in items {
            let before = self.out.len();
            if before > start + 1 {
                self.out.push(b',');
            }
            if matches!(self.emit(item), Wrote::Absent | Wrote::Null) {
                self.out.truncate(before);
            }
        }
        if self.out.len() == start + 1 {
            self.out.truncate(start);
            // The compiler gives lists no `Refuse`, so the site is never looked at.
            return self.gap(gap, SiteId(0));
        }
        self.out.push(b']');
        Wrote::Value
    }

    fn truth(&mut self, truth: bool) -> Wrote {
        self.put(if truth { b"true" } else { b"false" });
        Wrote::Value
    }

    pub(super) fn gap(&mut self, gap: &Gap, site: SiteId) -> Wrote {
        match gap {
            Gap::Null => self.null(),
            Gap::Absent => Wrote::Absent,
            Gap::Const(bytes, event) => {
                self.count(*event);
                self.constant(bytes)
            }
            Gap::Refuse => self.fault(site, "required", fault::REQUIRED.into()),
            Gap::Broken => self.fault(site, "missing", fault::MISSING.into()),
        }
    }

    /// Refuses what should be an object and is something else.
    pub(super) fn objects(&mut self) {
        for (at, site) in &self.program.objects {
            let Some(token) = self.token(*at) else { continue };
            if token == "null" || token.starts_with('{') || is_empty_list(token) {
                continue;
            }
            let detail = fault::wrong_type(crate::mapping::plan::Types::OBJECT, token);
            self.fault(*site, "wrong_type", detail);
        }
    }

    /// The presence of the object that another is made from: `None` goes on.
    fn source(&mut self, from: Option<&Source>) -> Option<Wrote> {
        let from = from?;
        let Some(token) = self.token(from.at) else {
            return Some(self.gap(&from.when_absent, from.site));
        };
        if token == "null" {
            return Some(self.gap(&from.when_null, from.site));
        }
        if token.starts_with('{') {
            return None;
        }
        let detail = fault::wrong_type(crate::mapping::plan::Types::OBJECT, token);
        Some(self.fault(from.site, "wrong_type", detail))
    }

    fn object(&mut self, op: &'a ObjectOp) -> Wrote {
        if let Some(wrote) = self.source(op.from.as_ref()) {
            return wrote;
        }
        if !op.guard.is_empty() && !self.open(&op.guard) {
            *self.hidden = self.hidden.saturating_add(1);
            return self.null();
        }
        if op.null_with.is_some_and(|place| !self.set(place)) {
            return self.null();
        }
        if op.hollow == Hollow::Keep && op.needed.is_empty() {
            return self.written_out(&op.members);
        }
        let start = self.out.len();
        self.out.push(b'{');
        let (mut some, mut read, mut substance) = (false, false, false);
        let mut lacking: SmallVec<[SiteId; 4]> = SmallVec::new();
        for (index, member) in op.members.iter().enumerate() {
            let faults = self.faults.len();
            let wrote = self.member(member, some);
            some |= wrote != Wrote::Absent;
            // What decode fills in with constants makes no object.
            let counts = !matches!(member.emit, Emit::Const(_));
            read |= counts && wrote != Wrote::Absent;
            substance |= counts && matches!(wrote, Wrote::Empty | Wrote::Value);
            if !op.needed.is_empty()
                && matches!(wrote, Wrote::Null | Wrote::Absent)
                && faults == self.faults.len()
            {
                let needed = op.needed.iter().filter(|(n, _)| usize::from(*n) == index);
                lacking.extend(needed.map(|(_, site)| *site));
            }
        }
        match op.hollow {
            Hollow::Null if !substance => {
                self.out.truncate(start);
                return self.null();
            }
            Hollow::AbsentWhenEmpty if !read => {
                self.out.truncate(start);
                return Wrote::Absent;
            }
            _ => {}
        }
        for site in lacking {
            self.fault(site, "required", fault::REQUIRED.into());
        }
        self.out.push(b'}');
        if some { Wrote::Value } else { Wrote::Empty }
    }

    /// An object of which nothing is asked but to be written.
    fn written_out(&mut self, members: &'a [Member]) -> Wrote {
        self.out.push(b'{');
        let mut some = false;
        for member in members {
            some |= self.member(member, some) != Wrote::Absent;
        }
        self.out.push(b'}');
        if some { Wrote::Value } else { Wrote::Empty }
    }

    /// A member; [`Wrote::Absent`] where its key is left out.
    #[inline]
    fn member(&mut self, member: &'a Member, follows: bool) -> Wrote {
        let start = self.out.len();
        if follows {
            self.out.push(b',');
        }
        member.key.write(self.out);
        // Most members are values: they need not go through the large function.
        let wrote = match &member.emit {
            Emit::Value(op) => self.value(op),
            other => self.emit(other),
        };
        let omitted = match (wrote, member.omit) {
            (Wrote::Absent, _) | (Wrote::Null, Omit::Null | Omit::Empty) => true,
            (Wrote::Empty, omit) => omit == Omit::Empty,
            _ => false,
        };
        if omitted {
            self.out.truncate(start);
            return Wrote::Absent;
        }
        wrote
    }

    fn one_of(&mut self, op: &'a OneOf) -> Wrote {
        if let Some(wrote) = self.source(op.from.as_ref()) {
            return wrote;
        }
        let value = self.token(op.by);
        if let Some(case) = op.cases.iter().find(|case| holds(&case.test, value)) {
            self.count(case.event);
            return self.emit(&case.emit);
        }
        if let Some(otherwise) = &op.otherwise {
            return self.emit(otherwise);
        }
        if value.is_none_or(|token| token == "null") {
            return self.fault(op.site, "required", fault::REQUIRED.into());
        }
        let detail = fault::unknown_word(words(op));
        self.fault(op.site, "invalid", detail)
    }

    fn first_of(&mut self, items: &'a [Emit]) -> Wrote {
        let start = self.out.len();
        let mut null = false;
        for item in items {
            match self.emit(item) {
                Wrote::Absent => {}
                Wrote::Null => {
                    null = true;
                    self.out.truncate(start);
                }
                wrote => return wrote,
            }
        }
        if null { self.null() } else { Wrote::Absent }
    }

    fn tuple(&mut self, items: &'a [Emit]) -> Wrote {
        self.out.push(b'[');
        for (n, item) in items.iter().enumerate() {
            if n > 0 {
                self.out.push(b',');
            }
            if self.emit(item) == Wrote::Absent {
                self.null();
            }
        }
        self.out.push(b']');
        if items.is_empty() { Wrote::Empty } else { Wrote::Value }
    }
}

/// The words that a union knows.
pub(super) fn words(op: &OneOf) -> impl Iterator<Item = &[u8]> {
    op.cases
        .iter()
        .flat_map(|case| match &case.test {
            Test::Is(texts) => texts.as_slice(),
            _ => &[],
        })
        .map(|text| &**text)
}

/// Some servers write an empty object as `[]`.
fn is_empty_list(token: &str) -> bool {
    token.starts_with('[') && text::is_empty(token)
}
