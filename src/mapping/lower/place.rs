//! From the text of a place to a cursor: roots, members, and what is said when there is none.

use crate::json::place::{Hop, Place};
use crate::mapping::document::{Path, PlaceText};
use crate::mapping::library::{INPUTS, RootKind};
use crate::mapping::types::{Lost, Ty};
use crate::syntax::{Code, Diagnostic, Span, closest};

use super::{Cursor, Env, Lower};

impl Lower<'_, '_> {
    /// The place; problems are reported.
    pub(super) fn place(&mut self, text: &PlaceText, env: &Env<'_>) -> Option<Cursor> {
        let (root, used) = self.root(text, env)?;
        let hops = text.place.hops.get(used..).unwrap_or_default();
        self.walk(root, hops, &text.place, used, text.span)
    }

    /// A path below a cursor.
    pub(super) fn path(&mut self, c: &Cursor, path: &Path) -> Option<Cursor> {
        let place = Place { root: "".into(), hops: path.hops.clone() };
        self.walk(c.clone(), &path.hops, &place, 0, path.span)
    }

    /// The document or object that a place begins at, and how many hops that took.
    pub(super) fn root(&mut self, text: &PlaceText, env: &Env<'_>) -> Option<(Cursor, usize)> {
        let name = &*text.place.root;
        if name.is_empty() && env.dollar.is_some() {
            return env.dollar.clone().map(|c| (c, 0));
        }
        if let Some((_, cursor)) = env.names.iter().rev().find(|(n, _)| **n == *name) {
            return Some((cursor.clone(), 0));
        }
        if INPUTS.contains(&name) {
            return self.input(name, text, 0);
        }
        if name == "request" {
            return match text.place.hops.first() {
                Some(Hop::Member(part)) if **part == *"body" => self.request(text),
                Some(Hop::Member(part)) if ["query", "path", "header"].contains(&&**part) => {
                    let part = part.clone();
                    self.input(&part, text, 1)
                }
                _ => {
                    self.error(
                        Diagnostic::error(
                            Code::UnknownPlace,
                            text.span,
                            "the parts of `$request` are body, query, path and header",
                        )
                        .help("for example `$request.body.name`"),
                    );
                    None
                }
            };
        }
        if env.open
            && let Some(index) = self.scope.document(name)
            && let Some(cursor) = self.documents.get(index)
            && !matches!(self.scope.roots.get(index).map(|r| &r.kind), Some(RootKind::Inputs))
        {
            return Some((cursor.clone(), 0));
        }
        let message = match name {
            "" => "nothing here is `$`: say which result is meant".to_owned(),
            _ => format!("nothing here is called `${name}`"),
        };
        let mut known: Vec<String> = env.names.iter().map(|(n, _)| n.to_string()).collect();
        known.extend(INPUTS.iter().map(|n| (*n).to_owned()));
        known.push("request".to_owned());
        if env.open {
            known.extend(self.scope.names().filter(|n| !n.is_empty()).map(ToOwned::to_owned));
        }
        let near = closest(name, known.iter().map(String::as_str)).map(|n| format!("${n}"));
        let mut problem =
            Diagnostic::error(Code::UnknownRoot, text.span, message).suggest(near.as_deref());
        if near.is_none() && env.record.is_some() && !name.is_empty() {
            problem = problem.help(format!(
                "a record sees `$` and its arguments: declare `needs: {{ {name}: Schema }}`"
            ));
        }
        self.error(problem);
        None
    }

    /// A part of the bound inputs, `skip` hops before its name.
    fn input(&mut self, part: &str, text: &PlaceText, skip: usize) -> Option<(Cursor, usize)> {
        let Some(Hop::Member(name)) = text.place.hops.get(skip) else {
            let message = format!("`${part}` is no value: name a member, as in `${part}.name`");
            self.error(Diagnostic::error(Code::UnknownPlace, text.span, message));
            return None;
        };
        let Some(cursor) = self.inputs_member(part, name) else {
            let message = format!("`${part}` is not known here");
            self.error(Diagnostic::error(Code::UnknownRoot, text.span, message));
            return None;
        };
        Some((cursor, skip + 1))
    }

    /// `inputs.<part>.<name>`, where there are inputs.
    pub(super) fn inputs_member(&mut self, part: &str, name: &str) -> Option<Cursor> {
        let index = self.scope.roots.iter().position(|r| matches!(r.kind, RootKind::Inputs))?;
        let document = self.documents.get(index)?.clone();
        // Headers are lower-case among the inputs.
        let name = if part == "header" { name.to_ascii_lowercase() } else { name.to_owned() };
        self.inputs.insert((part.into(), name.as_str().into()));
        let part = self.down(&document, &Hop::Member(part.into()), Ty::Any);
        Some(self.down(&part, &Hop::Member(name.as_str().into()), Ty::Any))
    }

    fn request(&mut self, text: &PlaceText) -> Option<(Cursor, usize)> {
        let found = self.scope.roots.iter().position(|r| matches!(r.kind, RootKind::Request));
        let cursor = found.and_then(|i| self.documents.get(i)).cloned();
        if cursor.is_none() {
            let message = "the client's body is not known here";
            self.error(Diagnostic::error(Code::UnknownRoot, text.span, message));
        }
        cursor.map(|c| (c, 1))
    }

    /// Whether a cursor is a bound input: text as it came, or a fact of the principal.
    pub(super) fn is_input(&self, c: &Cursor) -> bool {
        let kind = self.scope.roots.get(usize::from(c.document)).map(|r| &r.kind);
        matches!(kind, Some(RootKind::Inputs))
    }

    /// Whether a cursor is a part of the client's body, as it was sent.
    pub(super) fn is_request(&self, c: &Cursor) -> bool {
        let kind = self.scope.roots.get(usize::from(c.document)).map(|r| &r.kind);
        matches!(kind, Some(RootKind::Request))
    }

    /// Follows hops from a cursor. `place` and `before` are for messages.
    pub(super) fn walk(
        &mut self,
        mut c: Cursor,
        hops: &[Hop],
        place: &Place,
        before: usize,
        span: Span,
    ) -> Option<Cursor> {
        for (index, hop) in hops.iter().enumerate() {
            if *hop == Hop::Each {
                let message = format!("`{place}` names many places where one is due");
                self.error(Diagnostic::error(Code::BadPlace, span, message));
                return None;
            }
            self.touch(&c, span);
            match c.ty.step(self.contract(), hop) {
                Ok((ty, facts)) => {
                    if let Some(include) = facts.include.filter(|_| c.canonical) {
                        self.includes.insert((usize::from(c.document), include));
                    }
                    let there = facts.required && !ty.nullable(self.contract());
                    let promised = c.promised && there;
                    c = Cursor { promised, ..self.down(&c, hop, ty) };
                }
                Err(lost) => {
                    self.lost(&c.ty, hop, lost, place, before + index, span);
                    return None;
                }
            }
        }
        Some(c)
    }

    /// Reports a hop that leads nowhere; `index` is its position in `place`.
    pub(super) fn lost(
        &mut self,
        ty: &Ty,
        hop: &Hop,
        lost: Lost,
        place: &Place,
        index: usize,
        span: Span,
    ) {
        let what = ty.describe(self.contract());
        let problem = match (lost, hop) {
            (Lost::Member(names), Hop::Member(name)) => {
                let near = closest(name, names.iter().map(|n| &**n)).map(|near| {
                    let mut place = place.clone();
                    if let Some(hop) = place.hops.get_mut(index) {
                        *hop = Hop::Member(near.into());
                    }
                    place.to_string()
                });
                let problem = Diagnostic::error(
                    Code::UnknownPlace,
                    span,
                    format!("{what} has no member `{name}`"),
                );
                match near {
                    Some(near) => problem.suggest(Some(&near)),
                    None if names.is_empty() => problem,
                    None if names.len() <= 12 => {
                        problem.help(format!("it has {}", names.join(", ")))
                    }
                    None => problem,
                }
            }
            _ => Diagnostic::error(Code::UnknownPlace, span, format!("{what} is no list")),
        };
        self.error(problem);
    }
}
