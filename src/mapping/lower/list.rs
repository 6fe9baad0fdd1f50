//! Lists: `each`, `pick`, `find`, in both directions.

use crate::json::place::Hop;
use crate::mapping::document::codecs;
use crate::mapping::document::{
    Condition, Element, Only, Op, Path, PlaceText, Rule, Source, TakeText, ValueText, Word, text,
};
use crate::mapping::plan::{Bind, Each, Emit, Gap, Guard, GuardValue, Ref, Take, Test};
use crate::mapping::types::Ty;
use crate::syntax::{Code, Diagnostic, Span, closest};

use super::decode::Aim;
use super::target::Tree;
use super::{Cursor, Env, Lower, Mode};

impl Lower<'_, '_> {
    /// Enters a list of canonical values: the type and the guards of its elements, and one of them.
    pub(super) fn enter_list(
        &mut self,
        c: &Cursor,
        span: Span,
    ) -> Option<(Ty, Vec<Guard>, Cursor)> {
        let Some(items) = c.ty.items(self.contract()) else {
            let is = c.ty.describe(self.contract());
            let message = format!("a list is due here, but this is {is}");
            self.error(Diagnostic::error(Code::TypeMismatch, span, message));
            return None;
        };
        let element = self.enter(c, items.clone());
        if c.canonical {
            self.internal(&items, span);
        }
        let guards = if c.canonical { self.guards_of(&element) } else { Vec::new() };
        Some((items, guards, element))
    }

    /// The same where nothing could keep an element back.
    pub(super) fn enter_open(
        &mut self,
        c: &Cursor,
        span: Span,
    ) -> Option<(Ty, Vec<Guard>, Cursor)> {
        let entered = self.enter_list(c, span)?;
        if !entered.1.is_empty() {
            let message =
                "elements of this list are guarded by `sees`, and this operator takes all";
            self.error(Diagnostic::error(Code::InternalData, span, message));
        }
        Some(entered)
    }

    /// `where`, and what it says about the element's type.
    pub(super) fn filter(
        &mut self,
        element: &mut Cursor,
        conditions: &[Condition],
    ) -> Option<Vec<(Ref, Test)>> {
        let mut tests = Vec::new();
        for condition in conditions {
            let at = self.path(element, &condition.at)?;
            self.possible(&at.ty, &condition.test, condition.span, Code::TypeMismatch);
            if let (Test::Is(values), [Hop::Member(name)]) =
                (&condition.test, condition.at.hops.as_slice())
                && **name == *"type"
            {
                let words: Vec<Box<str>> = values.iter().map(|v| text::show(v).into()).collect();
                element.ty = element.ty.narrow(self.contract(), &words);
                element.among = words;
            }
            tests.push((at.at, condition.test.clone()));
        }
        Some(tests)
    }

    /// Reports values that a place can never have.
    pub(super) fn possible(&mut self, ty: &Ty, test: &Test, span: Span, code: Code) {
        let Test::Is(values) = test else { return };
        let (words, types) = (ty.words(self.contract()), ty.types(self.contract()));
        for value in values {
            let shown = text::show(value);
            let typed = types.has(text::type_of(value));
            if typed && (words.is_empty() || words.iter().any(|w| **w == *shown)) {
                continue;
            }
            let near = closest(&shown, words.iter().map(|w| &**w));
            let message = format!("`{shown}` is no value of {}", ty.describe(self.contract()));
            let problem = Diagnostic::error(code, span, message).suggest(near);
            let help = near.is_none() && !words.is_empty() && words.len() <= 12;
            self.error(match help {
                true => problem.help(format!("it has {}", words.join(", "))),
                false => problem,
            });
        }
    }

    pub(super) fn encode_each(
        &mut self,
        field: &str,
        c: &Cursor,
        element: &Element,
        rule: &Rule,
        env: &Env<'_>,
    ) -> Option<Emit> {
        let (_, mut guard, mut item) = self.enter_list(c, rule.span)?;
        self.passed.push(item.at);
        let filter = self.filter(&mut item, &rule.list.filter);
        for condition in &rule.list.filter {
            let Some(same) = &condition.same else { continue };
            let own = self.path(&item, &condition.at)?;
            let other = self.place(same, env)?;
            guard.push(Guard::Is { at: own.at, allowed: GuardValue::Same(other.at) });
        }
        let sort_by = match &rule.list.sort_by {
            Some(path) => self.path(&item, path).map(|c| Some(c.at)),
            None => Some(None),
        };
        let emit = self.encode_element(field, &item, element, rule, env);
        self.passed.pop();
        self.leave();
        let (when_null, when_absent) = self.encode_gaps(&rule.presence, env.record, c);
        let none = match self.encode_gap(&rule.presence, env.record) {
            Gap::Refuse => Gap::Null,
            gap => gap,
        };
        Some(Emit::Each(Box::new(Each {
            list: c.at,
            site: self.site(c, field, rule.span),
            guard,
            filter: filter?,
            sort_by: sort_by?,
            take: match rule.list.take {
                Some(TakeText::First) => Some(Take::First(none)),
                Some(TakeText::Last) => Some(Take::Last(none)),
                _ => None,
            },
            reverse: rule.list.reverse,
            at_most: rule.list.at_most,
            element: emit?,
            when_null,
            when_absent,
        })))
    }

    fn encode_element(
        &mut self,
        field: &str,
        item: &Cursor,
        element: &Element,
        rule: &Rule,
        env: &Env<'_>,
    ) -> Option<Emit> {
        let plain = Rule::plain(rule.span);
        match element {
            Element::Word(name) => match self.element_value(name, &item.ty)? {
                Some(value) => self.encode_value(field, item, &value, &plain, env),
                None => {
                    let record = self.record(name, Only::Encode)?;
                    self.fits(record, &item.ty, name.1)?;
                    let names = self.arguments(record, &rule.give, name.1, env)?;
                    self.encode_body(field, record, item, names, &plain, env)
                }
            },
            Element::Copy => self.encode_value(field, item, &ValueText::default(), &plain, env),
            Element::Rule(of) => {
                let env = Env { dollar: Some(item.clone()), table: &[], ..env.clone() };
                self.encode_rule(field, of, &env).map(|(emit, _)| emit)
            }
        }
    }

    /// The word of `each`: a codec or simple type gives operators, a record `None` inside.
    fn element_value(&mut self, name: &Word, ty: &Ty) -> Option<Option<ValueText>> {
        if self.lib.record(&name.0).is_some() || self.lib.is_lost(&name.0) {
            return Some(None);
        }
        if let Some(codec) = codecs::named(&name.0) {
            let value = ValueText { codec: Some((codec, name.1)), ..ValueText::default() };
            return Some(Some(value));
        }
        if let Some(simple) = Ty::simple(&name.0) {
            if !simple.same(ty, self.contract()) {
                let is = ty.describe(self.contract());
                let message = format!("the elements are {is}, not `{}`", name.0);
                self.error(Diagnostic::error(Code::TypeMismatch, name.1, message));
            }
            return Some(Some(ValueText::default()));
        }
        let records = self.lib.records.iter().map(|r| &*r.name.0);
        let known = records.chain(codecs::CODECS.iter().map(|word| word.name));
        let problem = Diagnostic::error(
            Code::UnknownRecord,
            name.1,
            format!("there is no record `{}`, and no codec", name.0),
        )
        .suggest(closest(&name.0, known));
        self.error(problem);
        None
    }

    /// `pick` and `find`: one element becomes `$`.
    pub(super) fn encode_pick(
        &mut self,
        field: &str,
        list: &PlaceText,
        by: Option<(&Path, &PlaceText)>,
        rule: &Rule,
        env: &Env<'_>,
    ) -> Option<Emit> {
        let c = self.place(list, env)?;
        let key = match by {
            Some((_, key)) => Some(self.place(key, env)?.at),
            None => None,
        };
        let (_, guard, mut item) = self.enter_list(&c, list.span)?;
        self.passed.push(item.at);
        let filter = self.filter(&mut item, &rule.list.filter);
        let own = by.map(|(by, _)| self.path(&item, by));
        let inner = Env { dollar: Some(item.clone()), table: &[], ..env.clone() };
        let then = match &rule.list.take {
            Some(TakeText::Place(path)) => {
                let at = self.path(&item, path);
                at.and_then(|at| self.encode_op(field, &at, rule, &inner))
            }
            _ => match &rule.op {
                Op::Record(name) => self.encode_picked(field, name, &item, rule, env),
                _ => self.encode_op(field, &item, rule, &inner),
            },
        };
        self.passed.pop();
        self.leave();
        let by = match (own, key) {
            (Some(own), Some(key)) => Some((own?.at, key)),
            _ => None,
        };
        let none = rule.presence.null_as.as_ref().or(rule.presence.default.as_ref());
        Some(Emit::Bind(Box::new(Bind {
            list: c.at,
            filter: filter?,
            by,
            guard,
            then: then?,
            otherwise: Some(Emit::Const(none.map_or(b"null".as_slice().into(), text::json))),
        })))
    }

    fn encode_picked(
        &mut self,
        field: &str,
        name: &Word,
        item: &Cursor,
        rule: &Rule,
        env: &Env<'_>,
    ) -> Option<Emit> {
        let record = self.record(name, Only::Encode)?;
        self.fits(record, &item.ty, name.1)?;
        let names = self.arguments(record, &rule.give, name.1, env)?;
        self.encode_body(field, record, item, names, rule, env)
    }

    /// A dialect's list becomes a canonical one.
    pub(super) fn decode_each(
        &mut self,
        field: &str,
        d: &Cursor,
        element: &Element,
        rule: &Rule,
        aim: &Aim<'_>,
        target: (&Ty, (Gap, Gap)),
    ) -> Option<Emit> {
        let (ty, (when_null, when_absent)) = target;
        let Some(items) = ty.items(self.contract()) else {
            let is = ty.describe(self.contract());
            let message = format!("a list is due here, but this is {is}");
            self.error(Diagnostic::error(Code::TypeMismatch, rule.span, message));
            return None;
        };
        if rule.list.take.is_some() {
            // One element stands for the list.
            let made = self.decode_element(field, d, element, rule, aim, &items)?;
            return Some(Emit::List(vec![made], when_absent));
        }
        let item = self.enter(d, Ty::Any);
        let made = self.decode_element(field, &item, element, rule, aim, &items);
        self.leave();
        Some(Emit::Each(Box::new(Each {
            list: d.at,
            site: self.site(d, field, rule.span),
            when_null,
            when_absent,
            guard: Vec::new(),
            filter: Vec::new(),
            sort_by: None,
            take: None,
            reverse: rule.list.reverse,
            at_most: None,
            element: made?,
        })))
    }

    fn decode_element(
        &mut self,
        field: &str,
        d: &Cursor,
        element: &Element,
        rule: &Rule,
        aim: &Aim<'_>,
        items: &Ty,
    ) -> Option<Emit> {
        let plain = Rule::plain(rule.span);
        // An element that is null, where the contract knows none.
        let null = match items.nullable(self.contract()) {
            true => Gap::Null,
            false if self.mode == Mode::Answer => Gap::Absent,
            false => Gap::Refuse,
        };
        let value = match element {
            Element::Word(name) => match self.element_value(name, items)? {
                Some(value) => value,
                None => {
                    // The one that stands for the list is its emptiness, too.
                    let null = if rule.list.take.is_some() { Gap::Null } else { null };
                    let gaps = (null, Gap::Absent);
                    return self.decode_record(field, name, d, &plain, aim, (items, gaps));
                }
            },
            Element::Copy => ValueText::default(),
            Element::Rule(of) => {
                let inner = Aim { ty: items.clone(), table: &[], ..aim.clone() };
                let mut tree = Tree::default();
                self.decode_rule(field, of, d, &[], &inner, &mut tree);
                return self.render(tree, items, None, aim);
            }
        };
        let gaps = (null, Gap::Absent);
        self.decode_value(field, d, &[], &value, &plain, aim, (items, gaps))
    }
}

impl Rule {
    /// A rule that says nothing.
    pub(crate) fn plain(span: Span) -> Self {
        Self {
            span,
            source: Source::None,
            op: Op::Value(ValueText::default()),
            list: crate::mapping::document::ListOps::default(),
            presence: crate::mapping::document::Presence::default(),
            only: None,
            give: Vec::new(),
            when: Vec::new(),
        }
    }
}
