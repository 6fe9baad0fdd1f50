//! Expressions: the arguments of calls, bodies put together from results, conditions, facts.
//!
//! They go in one direction, towards canonical: a codec or table beside a source decodes it.

use crate::canonical::contract::SchemaId;
use crate::json::place::{Hop, Place};
use crate::json::write;
use crate::mapping::document::PlaceText;
use crate::mapping::document::codecs;
use crate::mapping::document::{
    Json, Only, Op, Presence, Rule, Source, ValueText, Word, read_rule, text,
};
use crate::mapping::plan::{
    Codec, Convert, Emit, Gap, Hollow, Member, ObjectOp, Omit, Ref, Test, Types, ValueOp,
};
use crate::mapping::types::Ty;
use crate::syntax::fields::wrong_type;
use crate::syntax::{Code, Diagnostic, Node, Span, Value, closest};

use super::decode::Aim;
use super::target::Tree;
use super::{Cursor, Env, Lower, Mode, value};

/// Keys that make a map an expression rather than an object of them.
const OPERATORS: [&str; 5] = ["at", "const", "first_of", "is_set", "when_set"];

impl Lower<'_, '_> {
    /// The names of a route.
    pub(crate) fn open(&self) -> Env<'static> {
        Env {
            dollar: None,
            names: Vec::new(),
            record: None,
            table: &[],
            prefix: Vec::new(),
            instance: 0,
            open: true,
        }
    }

    /// One expression, for a place of a type.
    pub(super) fn expression(
        &mut self,
        field: &str,
        node: &Node,
        ty: &Ty,
        required: bool,
        env: &Env<'_>,
    ) -> Option<Emit> {
        match &node.value {
            Value::Text(word) if word.starts_with('$') => {
                let rule = read_rule(node, &[], self.d);
                let Some(rule) = rule else {
                    self.failed = true;
                    return None;
                };
                self.expression_rule(field, &rule, ty, required, env)
            }
            Value::List(items) => self.expression_list(field, node, items, ty, env),
            Value::Map(entries) if entries.iter().any(|e| OPERATORS.contains(&&*e.key)) => {
                let Some(rule) = read_rule(node, &[], self.d) else {
                    self.failed = true;
                    return None;
                };
                self.expression_rule(field, &rule, ty, required, env)
            }
            Value::Map(_) => self.expression_object(node, ty, env),
            _ => {
                self.fits_constant(node, ty);
                Some(Emit::Const(text::json(node)))
            }
        }
    }

    fn expression_list(
        &mut self,
        field: &str,
        node: &Node,
        items: &[Node],
        ty: &Ty,
        env: &Env<'_>,
    ) -> Option<Emit> {
        let Some(of) = ty.items(self.contract()) else {
            let is = ty.describe(self.contract());
            let message = format!("a list cannot stand here: this is {is}");
            self.error(Diagnostic::error(Code::TypeMismatch, node.span, message));
            return None;
        };
        let made: Vec<_> =
            items.iter().map(|item| self.expression(field, item, &of, true, env)).collect();
        let made: Vec<Emit> = made.into_iter().collect::<Option<_>>()?;
        if made.iter().all(|m| matches!(m, Emit::Const(_))) {
            return Some(Emit::Const(text::json(node)));
        }
        Some(Emit::Tuple(made))
    }

    /// A map from canonical places to expressions.
    pub(crate) fn expression_object(
        &mut self,
        node: &Node,
        ty: &Ty,
        env: &Env<'_>,
    ) -> Option<Emit> {
        let entries = node.as_map().unwrap_or_default();
        let mut tree = Tree::default();
        let mut sound = true;
        for entry in entries {
            let key = match entry.key.starts_with('$') {
                true => entry.key.clone(),
                false => format!("$.{}", entry.key),
            };
            let Some(place) = text::place_text(&key, entry.key_span, self.d) else {
                self.failed = true;
                continue;
            };
            let Some(target) = self.target_in(&place.place, place.span, ty) else {
                sound = false;
                continue;
            };
            let made = self.expression(&entry.key, &entry.value, &target.ty, target.required, env);
            match made {
                Some(emit) => self.put(&mut tree, &place, emit, Omit::Never, place.span),
                None => sound = false,
            }
        }
        if !sound {
            return None;
        }
        let aim = Aim {
            ty: ty.clone(),
            record: env.record,
            table: &[],
            object: self.nowhere(),
            prefix: Vec::new(),
            way: Box::default(),
            instance: env.instance,
            span: node.span,
        };
        self.render(tree, ty, None, &aim)
    }

    /// A cursor that nothing is read from.
    fn nowhere(&self) -> Cursor {
        self.documents.first().cloned().unwrap_or_else(|| Cursor {
            at: Ref { frame: 0, slot: 0 },
            ty: Ty::Any,
            whole: true,
            among: Vec::new(),
            promised: false,
            canonical: false,
            block: 0,
            seat: super::Seat::Root(crate::json::shape::NodeId(0)),
            document: 0,
            pointer: Vec::new(),
        })
    }

    fn expression_rule(
        &mut self,
        field: &str,
        rule: &Rule,
        ty: &Ty,
        required: bool,
        env: &Env<'_>,
    ) -> Option<Emit> {
        match &rule.source {
            Source::At(place) => {
                let Op::Value(value) = &rule.op else {
                    let message = "only single values can be given here";
                    self.error(Diagnostic::error(Code::UnknownOperator, rule.span, message));
                    return None;
                };
                let c = self.place(place, env)?;
                self.expression_value(field, &c, value, rule, place, ty, required)
            }
            Source::Const(node) => {
                self.fits_constant(node, ty);
                Some(Emit::Const(text::json(node)))
            }
            Source::FirstOf(items) => {
                let made: Vec<_> = items
                    .iter()
                    .map(|r| {
                        self.alternative(r, env, |s| s.expression_rule(field, r, ty, false, env))
                    })
                    .collect();
                let mut made: Vec<_> = made.into_iter().collect::<Option<_>>()?;
                let last = rule.presence.default.as_ref().or(rule.presence.missing_as.as_ref());
                if let Some(last) = last {
                    self.fits_constant(last, ty);
                    made.push(Emit::Const(text::json(last)));
                }
                Some(Emit::FirstOf(made))
            }
            Source::IsSet(place) => self.place(place, env).map(|c| Emit::IsSet(c.at)),
            Source::WhenSet(node, place) => {
                self.fits_constant(node, ty);
                self.place(place, env).map(|c| Emit::WhenSet(c.at, text::json(node)))
            }
            _ => {
                let message = "this operator gives no value here";
                self.error(
                    Diagnostic::error(Code::UnknownOperator, rule.span, message)
                        .help("use `at`, `const`, `first_of`, `is_set` or `when_set`"),
                );
                None
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one value, and all that is said about it")]
    fn expression_value(
        &mut self,
        field: &str,
        c: &Cursor,
        value: &ValueText,
        rule: &Rule,
        place: &PlaceText,
        ty: &Ty,
        required: bool,
    ) -> Option<Emit> {
        let input = self.is_input(c);
        let due = ty.types(self.contract());
        let mut accept = due;
        let below = value.codec.is_some_and(|(codec, _)| codec == Codec::AliasBelow);
        let mut also_null = rule.presence.also_null.clone();
        let convert = if let Some((codec, span)) = value.codec {
            self.codec_fits(codec, ty, span);
            accept = codecs::codec_types(codec).1.or(Types::STRING).or(Types::INTEGER);
            Convert::Codec { codec, decode: true, text: true }
        } else if let Some(name) = &value.table {
            self.words_known(name, c)?;
            let table = self.table(name, Only::Decode)?;
            let (op, types) = match self.several(ty) {
                Some(item) => self.table_of_list(table, &item, name.1)?,
                None => {
                    self.table_fits(table, ty, name.1)?;
                    self.enum_decode(table, None)
                }
            };
            accept = types;
            // A word for null gives what null gives: a parameter is left out.
            let nulls = op.rows.iter().filter(|(_, canonical, _)| text::is_null(canonical));
            also_null.extend(nulls.map(|(word, ..)| word.clone()));
            Convert::Enum(Box::new(op))
        } else if let Some(within) = value.within {
            self.counts(ty, within.span);
            accept = Types::ANY;
            within.convert()
        } else if input && due == Types::STRING {
            accept = Types::STRING.or(Types::INTEGER);
            Convert::Codec { codec: Codec::Text, decode: true, text: true }
        } else {
            let source = c.ty.types(self.contract());
            if source.0 & due.0 == 0 {
                let (is, due) = (c.ty.describe(self.contract()), ty.describe(self.contract()));
                let message = format!("`{}` is {is}, but {due} is due", place.place);
                self.error(Diagnostic::error(Code::TypeMismatch, place.span, message));
                return None;
            }
            if *ty == Ty::Any {
                accept = Types::ANY;
            }
            Convert::Copy
        };
        let field = match (input, place.place.hops.last()) {
            (true, Some(Hop::Member(name))) => name.to_string(),
            // As the client writes it: `file.url`.
            _ if self.is_request(c) => {
                let name = |hop: &Hop| match hop {
                    Hop::Member(name) => name.to_string(),
                    Hop::Index(index) => index.to_string(),
                    Hop::Each => "*".to_owned(),
                };
                let names: Vec<String> = place.place.hops.iter().skip(1).map(name).collect();
                names.join(".")
            }
            _ => field.to_owned(),
        };
        let (when_null, when_absent) = self.expression_gaps(rule, ty, required);
        Some(Emit::Value(Box::new(ValueOp {
            from: vec![c.at],
            site: self.site(c, &field, rule.span),
            accept,
            convert,
            also_null,
            ignore: rule.presence.ignore.clone(),
            when_null,
            when_absent,
            // What comes from the backend or was decoded has been held against the contract; nothing
            // below 1 is no reference, and is not sent.
            check: ty.schema().filter(|_| !c.canonical && !below),
        })))
    }

    /// Gaps of an expression: `default` and `missing_as` both fill them.
    fn expression_gaps(&mut self, rule: &Rule, ty: &Ty, required: bool) -> (Gap, Gap) {
        let Presence { default, missing_as, null_as, .. } = &rule.presence;
        if rule.presence.required {
            return (Gap::Refuse, Gap::Refuse);
        }
        let tabled = matches!(&rule.op, Op::Value(ValueText { table: Some(_), .. }));
        let several = tabled && self.several(ty).is_some();
        let word = |json: Json| if several { value::listed(&json) } else { json };
        if let Some(node) = default.as_ref().or(null_as.as_ref()) {
            let gap = Gap::Const(word(self.missing(rule, node)), None);
            return (gap.clone(), gap);
        }
        let nullable = ty.nullable(self.contract());
        let null = if nullable { Gap::Null } else { Gap::Absent };
        if let Some(node) = missing_as {
            return (null, Gap::Const(word(self.missing(rule, node)), None));
        }
        let absent = match (self.mode, required) {
            (Mode::Patch, _) | (_, false) => Gap::Absent,
            (_, true) => null.clone(),
        };
        (null, absent)
    }

    /// What a list is of; nothing where anything may stand.
    fn several(&self, ty: &Ty) -> Option<Ty> {
        ty.items(self.contract()).filter(|_| *ty != Ty::Any)
    }

    /// Reports values of a canonical source that a table does not read.
    fn words_known(&mut self, name: &Word, c: &Cursor) -> Option<()> {
        let words = c.ty.words(self.contract());
        let table = self.table(name, Only::Decode)?;
        if words.is_empty() || table.unknown_as.is_some() {
            return Some(());
        }
        let missing: Vec<&str> = words
            .iter()
            .filter(|w| !table.decoding().any(|(r, _)| *r.dialect.0 == *text::quoted(w)))
            .map(|w| &**w)
            .collect();
        if missing.is_empty() {
            return Some(());
        }
        let message = format!("the table `{}` has no row for {}", name.0, missing.join(", "));
        self.error(
            Diagnostic::error(Code::NotTotal, name.1, message)
                .related(table.name.1, "defined here"),
        );
        None
    }

    /// Reports a constant that is no value of a type.
    pub(super) fn fits_constant(&mut self, node: &Node, ty: &Ty) {
        let json = text::json(node);
        if text::is_null(&json) {
            if !ty.nullable(self.contract()) {
                let message = format!("{} is never null", ty.describe(self.contract()));
                self.error(Diagnostic::error(Code::TypeMismatch, node.span, message));
            }
            return;
        }
        let types = ty.types(self.contract());
        let shown = text::show(&json);
        if !types.has(text::type_of(&json)) {
            let due = ty.describe(self.contract());
            let message = format!("this is {}, but {due} is due", node.kind());
            self.error(Diagnostic::error(Code::TypeMismatch, node.span, message));
            return;
        }
        let words = ty.words(self.contract());
        if !words.is_empty() && !words.iter().any(|w| **w == *shown) {
            let near = closest(&shown, words.iter().map(|w| &**w));
            let message = format!("`{shown}` is no value of {}", ty.describe(self.contract()));
            let problem = Diagnostic::error(Code::TypeMismatch, node.span, message).suggest(near);
            self.error(match near {
                None if words.len() <= 12 => problem.help(format!("it has {}", words.join(", "))),
                _ => problem,
            });
        }
    }

    /// The arguments of a call, one for each parameter.
    pub(crate) fn tuple(&mut self, items: &[(Option<&Node>, SchemaId)]) -> Option<Emit> {
        let env = self.open();
        let mut made = Vec::new();
        for (node, schema) in items {
            let Some(node) = node else {
                made.push(Some(Emit::Const(b"null".as_slice().into())));
                continue;
            };
            if matches!(node.value, Value::Null) {
                made.push(Some(Emit::Const(b"null".as_slice().into())));
                continue;
            }
            made.push(self.expression("", node, &Ty::of(*schema), false, &env));
        }
        made.into_iter().collect::<Option<_>>().map(Emit::Tuple)
    }

    /// An object of expressions without a schema.
    pub(crate) fn facts(&mut self, table: &Node) -> Option<Emit> {
        let Some(entries) = table.as_map() else {
            self.error(wrong_type(table, "this is a map from names to places"));
            return None;
        };
        let env = self.open();
        let mut members = Vec::new();
        for entry in entries {
            let emit = self.expression(&entry.key, &entry.value, &Ty::Any, false, &env)?;
            members.push(Member { key: write::key(&entry.key), emit, omit: Omit::Never });
        }
        Some(Emit::Object(Box::new(ObjectOp {
            from: None,
            guard: Vec::new(),
            members,
            null_with: None,
            hollow: Hollow::Keep,
            needed: Vec::new(),
        })))
    }

    /// `when`: tests of places that must all hold.
    pub(crate) fn condition(&mut self, when: &Node) -> Option<Emit> {
        let Some(tests) = text::tests(when, self.d) else {
            self.failed = true;
            return None;
        };
        let env = self.open();
        self.tests(&tests, &env).map(Emit::All)
    }

    fn tests(
        &mut self,
        tests: &[(PlaceText, Test, Span)],
        env: &Env<'_>,
    ) -> Option<Vec<(Ref, Test)>> {
        let mut lowered = Vec::new();
        for (place, test, span) in tests {
            let Some(c) = self.place(place, env) else { continue };
            self.possible(&c.ty, test, *span, Code::BadCondition);
            lowered.push((c.at, test.clone()));
        }
        (lowered.len() == tests.len()).then_some(lowered)
    }

    /// A rule of `first_of`, which may count only sometimes.
    pub(super) fn alternative(
        &mut self,
        rule: &Rule,
        env: &Env<'_>,
        make: impl FnOnce(&mut Self) -> Option<Emit>,
    ) -> Option<Emit> {
        let tests = self.tests(&rule.when, env);
        let emit = make(self)?;
        let tests = tests?;
        Some(if tests.is_empty() { emit } else { Emit::When(tests, Box::new(emit)) })
    }

    /// One place, copied.
    pub(crate) fn pick(&mut self, place: &Node) -> Option<Emit> {
        let Some(place) = text::place(place, self.d) else {
            self.failed = true;
            return None;
        };
        let env = self.open();
        let c = self.place(&place, &env)?;
        let rule = Rule::plain(place.span);
        let field = Place::to_string(&place.place);
        self.expression_value(&field, &c, &ValueText::default(), &rule, &place, &Ty::Any, false)
    }
}
