//! `one_of`, in both directions.

use crate::json::place::Hop;
use crate::mapping::document::{Case, CaseWord, Only, Union, text};
use crate::mapping::plan::{self, Case as Made, Emit, Gap, Omit, OneOf, Test};
use crate::mapping::types::Ty;
use crate::syntax::{Code, Diagnostic, Span, closest};

use super::decode::Aim;
use super::target::{Tree, constant};
use super::{Cursor, Env, Lower, Mode};

impl Lower<'_, '_> {
    pub(super) fn encode_union(
        &mut self,
        field: &str,
        union: &Union,
        c: &Cursor,
        from: Option<plan::Source>,
        env: &Env<'_>,
    ) -> Option<Emit> {
        let by = self.path(c, &union.canonical)?;
        let words = self.domain(c, &by.ty);
        self.check_cases(union, &by.ty, &words, Only::Encode);
        let (mut cases, mut otherwise, mut sound) = (Vec::new(), None, true);
        for case in union.cases.iter().filter(|c| c.only != Some(Only::Decode)) {
            if case.canonical.is_empty() {
                let message = "a case that encodes says which `canonical` it is for";
                self.error(Diagnostic::error(Code::MissingKey, case.span, message));
                sound = false;
                continue;
            }
            let known = own_words(&case.canonical);
            let mut inside = c.clone();
            if is_type(&union.canonical.hops) && !known.is_empty() {
                inside.ty = inside.ty.narrow(self.contract(), &known);
                inside.among = known;
            }
            let emit = match &case.rule {
                None => Some(Emit::Absent),
                Some(rule) => {
                    let env = Env { dollar: Some(inside), table: &[], ..env.clone() };
                    self.encode_rule(field, rule, &env).map(|(emit, _)| emit)
                }
            };
            let Some(emit) = emit else {
                sound = false;
                continue;
            };
            if case.canonical.iter().any(|w| matches!(w, CaseWord::Other)) {
                otherwise = Some(emit);
                continue;
            }
            let folds = case.only == Some(Only::Encode) && case.rule.is_some();
            let event = folds.then(|| self.event(env.record, "folded")).flatten();
            cases.push(Made { test: test(&case.canonical), emit, event });
        }
        if !sound {
            return None;
        }
        let site = self.site(&by, field, union.span);
        Some(Emit::OneOf(Box::new(OneOf { from, by: by.at, site, cases, otherwise })))
    }

    /// The words that a discriminator can have here.
    fn domain(&self, c: &Cursor, by: &Ty) -> Vec<Box<str>> {
        let words = by.words(self.contract());
        if c.among.is_empty() {
            return words;
        }
        words.into_iter().filter(|w| c.among.contains(w)).collect()
    }

    /// Reports words that the type does not have, words in two cases, and words in none.
    fn check_cases(&mut self, union: &Union, by: &Ty, words: &[Box<str>], direction: Only) {
        let mut seen: Vec<(Box<str>, Span)> = Vec::new();
        let mut rest = false;
        let all = by.words(self.contract());
        let cases = union.cases.iter().filter(|c| match direction {
            Only::Encode => c.only != Some(Only::Decode),
            Only::Decode => c.only != Some(Only::Encode),
        });
        for case in cases {
            let side = match direction {
                Only::Encode => &case.canonical,
                Only::Decode => &case.dialect,
            };
            for word in side {
                let (shown, span): (Box<str>, Span) = match word {
                    CaseWord::Value(json, span) => (text::show(json).into(), *span),
                    CaseWord::Absent(span) => ("absent".into(), *span),
                    CaseWord::Other => {
                        rest = true;
                        continue;
                    }
                };
                let value = matches!(word, CaseWord::Value(..));
                if value && direction == Only::Encode && !all.is_empty() && !all.contains(&shown) {
                    let near = closest(&shown, all.iter().map(|w| &**w));
                    let message =
                        format!("`{shown}` is no value of {}", by.describe(self.contract()));
                    self.error(Diagnostic::error(Code::TypeMismatch, span, message).suggest(near));
                }
                if let Some((_, other)) = seen.iter().find(|(w, _)| *w == shown) {
                    let message = format!("`{shown}` is in two cases");
                    let other = *other;
                    self.error(
                        Diagnostic::error(Code::Ambiguous, span, message)
                            .related(other, "the other one"),
                    );
                }
                seen.push((shown, span));
            }
        }
        if direction == Only::Decode || rest {
            return;
        }
        let missing: Vec<&str> =
            words.iter().filter(|w| !seen.iter().any(|(s, _)| s == *w)).map(|w| &**w).collect();
        if !missing.is_empty() {
            self.error(
                Diagnostic::error(
                    Code::NotTotal,
                    union.span,
                    format!("no case for {}", missing.join(", ")),
                )
                .help("add `{ canonical: other }` to leave the rest out"),
            );
        }
    }

    pub(super) fn decode_union(
        &mut self,
        field: &str,
        union: &Union,
        d: &Cursor,
        from: Option<plan::Source>,
        aim: &Aim<'_>,
        ty: &Ty,
    ) -> Option<Emit> {
        let mut by = d.clone();
        for hop in &union.dialect.hops {
            by = self.down(&by, hop, Ty::Any);
        }
        let words = ty.walk(self.contract(), &union.canonical.hops).map_or(Ty::Any, |(ty, _)| ty);
        self.check_cases(union, &words, &[], Only::Decode);
        let (mut cases, mut otherwise, mut missing, mut sound) = (Vec::new(), None, None, true);
        for case in union.cases.iter().filter(|c| c.only != Some(Only::Encode)) {
            if case.dialect.is_empty() {
                continue;
            }
            let Some(emit) = self.decode_case(field, union, case, d, aim, ty, &words) else {
                sound = false;
                continue;
            };
            if case.dialect.iter().any(|w| matches!(w, CaseWord::Other)) {
                otherwise = Some(emit);
                continue;
            }
            let absent = case.dialect.iter().any(|w| matches!(w, CaseWord::Absent(_)));
            let values: Vec<_> =
                case.dialect.iter().filter(|w| matches!(w, CaseWord::Value(..))).cloned().collect();
            if absent && !values.is_empty() {
                // One case, two tests: what is made without reading anything is made twice.
                let again = self.decode_case(field, union, case, d, aim, ty, &words)?;
                cases.push(Made { test: test(&values), emit: again, event: None });
            }
            if absent {
                missing = constant(&emit);
                cases.push(Made { test: Test::Unset, emit, event: None });
            } else {
                cases.push(Made { test: test(&values), emit, event: None });
            }
        }
        if !sound {
            return None;
        }
        let from = from.map(|mut from| {
            // The whole object is left out for the case that stands for its absence.
            if let Some(json) = missing
                && self.mode != Mode::Patch
            {
                from.when_absent = Gap::Const(json.clone(), None);
                if from.when_null == Gap::Refuse {
                    from.when_null = Gap::Const(json, None);
                }
            }
            from
        });
        let name = match field.is_empty() {
            true => union.dialect.hops.iter().map(hop_name).collect::<Vec<_>>().join("."),
            false if from.is_none() => {
                union.dialect.hops.iter().map(hop_name).collect::<Vec<_>>().join(".")
            }
            false => format!(
                "{field}.{}",
                union.dialect.hops.iter().map(hop_name).collect::<Vec<_>>().join(".")
            ),
        };
        let site = self.site(&by, &name, union.span);
        Some(Emit::OneOf(Box::new(OneOf { from, by: by.at, site, cases, otherwise })))
    }

    #[expect(clippy::too_many_arguments, reason = "one case, and all it stands among")]
    fn decode_case(
        &mut self,
        field: &str,
        union: &Union,
        case: &Case,
        d: &Cursor,
        aim: &Aim<'_>,
        ty: &Ty,
        words: &Ty,
    ) -> Option<Emit> {
        if case.canonical.iter().any(|w| matches!(w, CaseWord::Absent(_))) {
            return Some(Emit::Absent);
        }
        let known = own_words(&case.canonical);
        for word in &case.canonical {
            if let CaseWord::Value(json, span) = word {
                let test = Test::Is(vec![json.clone()]);
                self.possible(words, &test, *span, Code::TypeMismatch);
            }
        }
        let narrowed = match is_type(&union.canonical.hops) {
            true if !known.is_empty() => ty.narrow(self.contract(), &known),
            _ => ty.clone(),
        };
        let mut tree = Tree::default();
        if let Some(rule) = &case.rule {
            let inner = Aim { ty: narrowed.clone(), table: &[], ..aim.clone() };
            self.decode_rule(field, rule, d, &[], &inner, &mut tree);
            // A record is the whole value and says its own discriminator, or gets it here.
            if let crate::mapping::document::Op::Record(name) = &rule.op
                && matches!(&rule.source, crate::mapping::document::Source::At(p) if p.place.hops.is_empty())
            {
                return self.decode_case_record(field, name, d, &narrowed, union, &known);
            }
        }
        if let Some(word) = known.first()
            && !tree.has(&union.canonical.hops)
        {
            let emit = Emit::Const(text::quoted(word));
            let hops = &union.canonical.hops;
            let _ = tree.insert(hops, emit, Omit::Never, case.span);
        }
        self.render(tree, &narrowed, None, aim)
    }

    fn decode_case_record(
        &mut self,
        field: &str,
        name: &crate::mapping::document::Word,
        d: &Cursor,
        ty: &Ty,
        union: &Union,
        known: &[Box<str>],
    ) -> Option<Emit> {
        let record = self.record(name, Only::Decode)?;
        self.fits(record, ty, name.1)?;
        let emit = self.decode_body(field, record, d, ty, None)?;
        let Emit::Object(mut object) = emit else { return Some(emit) };
        if let (Some(word), [Hop::Member(member)]) =
            (known.first(), union.canonical.hops.as_slice())
        {
            let key = crate::json::write::key(member);
            if !object.members.iter().any(|m| m.key == key) {
                let emit = Emit::Const(text::quoted(word));
                object.members.insert(0, plan::Member { key, emit, omit: Omit::Never });
            }
        }
        Some(Emit::Object(object))
    }
}

fn test(words: &[CaseWord]) -> Test {
    let values: Vec<_> = words
        .iter()
        .filter_map(|w| match w {
            CaseWord::Value(json, _) => Some(json.clone()),
            _ => None,
        })
        .collect();
    if values.is_empty() { Test::Unset } else { Test::Is(values) }
}

fn own_words(words: &[CaseWord]) -> Vec<Box<str>> {
    words
        .iter()
        .filter_map(|w| match w {
            CaseWord::Value(json, _) => Some(text::show(json).into()),
            _ => None,
        })
        .collect()
}

fn is_type(hops: &[Hop]) -> bool {
    matches!(hops, [Hop::Member(name)] if **name == *"type")
}

fn hop_name(hop: &Hop) -> String {
    match hop {
        Hop::Member(name) => name.to_string(),
        Hop::Index(index) => index.to_string(),
        Hop::Each => "*".into(),
    }
}
