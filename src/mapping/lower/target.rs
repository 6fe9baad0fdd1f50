//! What decode writes: places collected as a tree, then written in the order of the contract, with
//! what the contract requires and the dialect does not show.

use crate::canonical::contract::{Additional, Kind, Property};
use crate::json::place::Hop;
use crate::json::write;
use crate::mapping::document::{Json, text};
use crate::mapping::plan::{Emit, Gap, Hollow, Member, ObjectOp, Omit, SiteId, Source};
use crate::mapping::types::Ty;
use crate::syntax::{Code, Diagnostic, Span};

use super::decode::Aim;
use super::{Lower, Mode};

/// A place of a canonical object, and what writes it or places inside it.
#[derive(Debug, Default)]
pub(super) struct Tree {
    leaf: Option<(Emit, Omit)>,
    span: Option<Span>,
    members: Vec<(Box<str>, Self)>,
    /// Fixed elements of a list, by their index.
    elements: Vec<(u32, Self)>,
}

impl Tree {
    /// Whether something writes the place or a part of it.
    pub(super) fn has(&self, hops: &[Hop]) -> bool {
        let Some((hop, rest)) = hops.split_first() else {
            return self.leaf.is_some() || !self.members.is_empty() || !self.elements.is_empty();
        };
        if self.leaf.is_some() {
            return true;
        }
        match hop {
            Hop::Member(name) => self.members.iter().any(|(n, tree)| n == name && tree.has(rest)),
            Hop::Index(index) => self.elements.iter().any(|(i, t)| i == index && t.has(rest)),
            Hop::Each => self.elements.iter().any(|(_, tree)| tree.has(rest)),
        }
    }

    /// Puts a writer at a place. Gives back the span of another one that was there first.
    pub(super) fn insert(
        &mut self,
        hops: &[Hop],
        emit: Emit,
        omit: Omit,
        span: Span,
    ) -> Result<(), Span> {
        if self.leaf.is_some() {
            return Err(self.span.unwrap_or(span));
        }
        let Some((hop, rest)) = hops.split_first() else {
            if self.has(&[]) {
                return Err(self.span.unwrap_or(span));
            }
            self.leaf = Some((emit, omit));
            self.span = Some(span);
            return Ok(());
        };
        self.span = self.span.or(Some(span));
        let next = match hop {
            Hop::Member(name) => {
                let index = self.members.iter().position(|(n, _)| n == name);
                let index = index.unwrap_or_else(|| {
                    self.members.push((name.clone(), Self::default()));
                    self.members.len() - 1
                });
                self.members.get_mut(index).map(|(_, tree)| tree)
            }
            Hop::Index(index) => self.element(*index),
            Hop::Each => self.element(0),
        };
        match next {
            Some(next) => next.insert(rest, emit, omit, span),
            None => Err(span),
        }
    }

    /// The element with an index, in the order of the list.
    fn element(&mut self, index: u32) -> Option<&mut Self> {
        let at = self.elements.partition_point(|(i, _)| *i < index);
        if self.elements.get(at).is_none_or(|(i, _)| *i != index) {
            self.elements.insert(at, (index, Self::default()));
        }
        self.elements.get_mut(at).map(|(_, tree)| tree)
    }

    fn take(&mut self, name: &str) -> Option<Self> {
        let index = self.members.iter().position(|(n, _)| **n == *name)?;
        Some(self.members.remove(index).1)
    }

    /// The constant that is written for a member.
    fn constant(&self, name: &str) -> Option<String> {
        let (_, tree) = self.members.iter().find(|(n, _)| **n == *name)?;
        match &tree.leaf {
            Some((Emit::Const(json), _)) => Some(text::show(json)),
            _ => None,
        }
    }
}

/// How a place stands in the object around it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Root,
    Required,
    Optional,
}

impl Lower<'_, '_> {
    /// The value that a tree describes. `from` is the dialect's object it is made of.
    pub(super) fn render(
        &mut self,
        tree: Tree,
        ty: &Ty,
        from: Option<Source>,
        aim: &Aim<'_>,
    ) -> Option<Emit> {
        let mut missing = Vec::new();
        let (emit, _) = self.render_node(tree, ty, from, Standing::Root, "$", &mut missing);
        if !missing.is_empty() {
            self.unwritten(&missing, aim);
        }
        Some(emit)
    }

    fn unwritten(&mut self, missing: &[String], aim: &Aim<'_>) {
        if self.mode == Mode::Answer {
            self.incomplete = true;
            return;
        }
        if aim.record.is_some_and(|r| r.broken) {
            return;
        }
        let places = missing.iter().map(|m| format!("`{m}`")).collect::<Vec<_>>().join(", ");
        let first = missing.first().map_or("", String::as_str);
        self.error(
            Diagnostic::error(
                Code::Unwritten,
                aim.span,
                format!("decode leaves {places} unwritten, which the contract requires"),
            )
            .help(format!("add a field line, or `fill: {{ {first}: … }}`")),
        );
    }

    fn render_node(
        &mut self,
        tree: Tree,
        ty: &Ty,
        from: Option<Source>,
        standing: Standing,
        way: &str,
        missing: &mut Vec<String>,
    ) -> (Emit, Omit) {
        if let Some(leaf) = tree.leaf {
            return leaf;
        }
        let nullable = ty.nullable(self.contract());
        if !tree.elements.is_empty() {
            let items = ty.items(self.contract()).unwrap_or(Ty::Any);
            let mut elements = Vec::new();
            for (index, tree) in tree.elements {
                let inside = format!("{way}[{index}]");
                let standing = Standing::Optional;
                elements.push(self.render_node(tree, &items, None, standing, &inside, missing).0);
            }
            let empty = match (self.mode, standing) {
                (Mode::Patch, _) | (Mode::Request, Standing::Optional) => Gap::Absent,
                _ => Gap::Const(b"[]".as_slice().into(), None),
            };
            return (Emit::List(elements, empty), Omit::Never);
        }
        let (members, needed) = self.render_members(tree, ty, way, missing);
        let (hollow, omit) = match (standing, self.mode) {
            (Standing::Root, _) => (Hollow::Keep, Omit::Never),
            (_, Mode::Patch) => (Hollow::AbsentWhenEmpty, Omit::Never),
            (Standing::Required, _) if nullable => (Hollow::Null, Omit::Never),
            (Standing::Required, _) => (Hollow::Keep, Omit::Never),
            (Standing::Optional, Mode::Answer) if nullable => (Hollow::Null, Omit::Never),
            (Standing::Optional, Mode::Answer) => (Hollow::Null, Omit::Null),
            (Standing::Optional, Mode::Request) => (Hollow::AbsentWhenEmpty, Omit::Never),
        };
        // A root says itself what it lacks, and a patch may lack anything.
        let needed = match standing {
            Standing::Root => Vec::new(),
            _ if self.mode == Mode::Patch => Vec::new(),
            _ => needed,
        };
        let object = ObjectOp { from, guard: Vec::new(), members, null_with: None, hollow, needed };
        (Emit::Object(Box::new(object)), omit)
    }

    fn render_members(
        &mut self,
        mut tree: Tree,
        ty: &Ty,
        way: &str,
        missing: &mut Vec<String>,
    ) -> (Vec<Member>, Vec<(u16, SiteId)>) {
        let word = tree.constant("type");
        let narrowed = match word {
            Some(word) => ty.narrow(self.contract(), &[word.into()]),
            None => ty.clone(),
        };
        let leaves = narrowed.leaves(self.contract());
        let properties: Vec<Property> = match leaves.as_slice() {
            [only] => self.contract().properties(*only).to_vec(),
            _ => Vec::new(),
        };
        let (mut members, mut needed) = (Vec::new(), Vec::new());
        for property in &properties {
            let of = Ty::of(property.schema);
            let inside = format!("{way}.{}", property.name);
            if let Some(tree) = tree.take(&property.name) {
                let standing = match property.required {
                    true => Standing::Required,
                    false => Standing::Optional,
                };
                let (emit, omit) = self.render_node(tree, &of, None, standing, &inside, missing);
                let must = property.required && !property.gateway && !of.nullable(self.contract());
                if must
                    && let Some(site) = site(&emit)
                    && let Ok(index) = u16::try_from(members.len())
                {
                    needed.push((index, site));
                }
                members.push(Member { key: write::key(&property.name), emit, omit });
            } else if self.mode != Mode::Patch && property.required && !property.gateway {
                match self.completion(&of) {
                    Some(json) => members.push(Member {
                        key: write::key(&property.name),
                        emit: Emit::Const(json),
                        omit: Omit::Never,
                    }),
                    None => missing.push(inside),
                }
            }
        }
        for (name, tree) in tree.members {
            let of = narrowed
                .step(self.contract(), &Hop::Member(name.clone()))
                .map_or(Ty::Any, |(of, _)| of);
            let inside = format!("{way}.{name}");
            let (emit, omit) =
                self.render_node(tree, &of, None, Standing::Optional, &inside, missing);
            members.push(Member { key: write::key(&name), emit, omit });
        }
        (members, needed)
    }

    /// What stands at a required place that nothing writes; `None` where a `fill` is due.
    pub(super) fn completion(&self, ty: &Ty) -> Option<Json> {
        let contract = self.contract();
        if ty.nullable(contract) {
            return Some(b"null".as_slice().into());
        }
        let leaves = ty.leaves(contract);
        let [only] = leaves.as_slice() else { return None };
        match &contract.schema(*only).kind {
            Kind::List { .. } => Some(b"[]".as_slice().into()),
            Kind::Object { properties, additional, min_properties: 0 }
                if *additional != Additional::Refused && !properties.iter().any(|p| p.required) =>
            {
                Some(b"{}".as_slice().into())
            }
            _ => None,
        }
    }
}

/// The one place that an emit reads its value from.
fn site(emit: &Emit) -> Option<SiteId> {
    match emit {
        Emit::Value(value) => Some(value.site),
        Emit::Each(each) => Some(each.site),
        Emit::Object(object) => object.from.as_ref().map(|from| from.site),
        Emit::OneOf(union) => Some(union.site),
        Emit::Conditions(conditions) => Some(conditions.site),
        _ => None,
    }
}

/// The JSON text that an emit always writes, where it reads nothing.
pub(super) fn constant(emit: &Emit) -> Option<Json> {
    match emit {
        Emit::Const(json) => Some(json.clone()),
        Emit::Object(object) if object.from.is_none() && object.null_with.is_none() => {
            let mut json = vec![b'{'];
            for (index, member) in object.members.iter().enumerate() {
                if index > 0 {
                    json.push(b',');
                }
                json.extend_from_slice(&member.key);
                json.extend_from_slice(&constant(&member.emit)?);
            }
            json.push(b'}');
            Some(json.into())
        }
        _ => None,
    }
}
