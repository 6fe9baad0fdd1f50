//! What the documents of a dialect have against what its mapping speaks: which operation is which
//! route, and which field is mapped, dropped with a reason, or forgotten.
//!
//! Both sides are data that was loaded anyway: the documents (`documented.yaml`) and the compiled
//! routes. A field is spoken where a program writes its key, or reads it; so nothing that only looks
//! mapped counts.

mod canonical;
mod fields;
mod keys;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::dialect::Dialect;
use crate::dialect::catalog::Catalog;
use crate::dialect::documented::{Documented, Evidence, Operation, Promise};
use crate::dialect::envelope::EnvelopeBody;
use crate::dialect::load::guide;
use crate::dialect::route::{Reply, ReplyBody, Route};

use fields::Fields;
pub use fields::{Fate, Field, Way};
use keys::Keys;

/// The coverage of one dialect.
#[derive(Clone, Debug)]
pub struct Coverage {
    /// Its name.
    pub dialect: Arc<str>,
    /// Every documented operation, in the order of the documents.
    pub operations: Vec<Covered>,
    /// Every documented field of those that the dialect serves itself.
    pub fields: Vec<Field>,
    /// `x-drops`: so many fields may be dropped.
    pub most_drops: usize,
    /// Routes of the dialect that its documents do not have.
    pub undocumented: usize,
    /// What is wrong; nothing where the dialect is covered.
    pub faults: Vec<String>,
}

/// A documented operation, and who serves it.
#[derive(Clone, Debug)]
pub struct Covered {
    /// `operationId`.
    pub id: Box<str>,
    /// The title of its page.
    pub title: Box<str>,
    /// `GET`, …
    pub method: Box<str>,
    /// The path as it is published.
    pub path: Box<str>,
    /// How it is known that it is, where the documents say so.
    pub evidence: Option<Evidence>,
    /// The route: its dialect, where it is another one, and its name.
    pub route: Option<(Option<Box<str>>, Arc<str>)>,
    /// The canonical operations it stands for.
    pub canonical: Vec<Box<str>>,
}

impl Coverage {
    /// How many operations have a route of this dialect, one of another, and none.
    #[must_use]
    pub fn served(&self) -> (usize, usize, usize) {
        let count = |of: fn(&Covered) -> bool| self.operations.iter().filter(|o| of(o)).count();
        (
            count(|o| matches!(&o.route, Some((None, _)))),
            count(|o| matches!(&o.route, Some((Some(_), _)))),
            count(|o| o.route.is_none()),
        )
    }

    /// How many fields have a fate.
    #[must_use]
    pub fn count(&self, fate: Fate) -> usize {
        self.fields.iter().filter(|f| f.fate() == fate).count()
    }

    /// Fields of a fate that are told of, those inside of others left out.
    pub fn told(&self, fate: Fate) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(move |f| f.fate() == fate && !f.is_inside())
    }

    /// `GET /path "Title" (id)` of an operation.
    #[must_use]
    pub fn named(&self, operation: usize) -> String {
        self.operations.get(operation).map_or_else(String::new, |o| o.id.to_string())
    }
}

/// The coverage of every dialect that has documents.
#[must_use]
pub fn of(catalog: &Catalog) -> Vec<Coverage> {
    let with = |d: &Arc<Dialect>| Some(one(catalog, d, d.documented.as_ref()?));
    catalog.dialects.iter().filter_map(with).collect()
}

fn one(catalog: &Catalog, dialect: &Dialect, documented: &Documented) -> Coverage {
    let mut coverage = Coverage {
        dialect: Arc::clone(&dialect.name),
        operations: Vec::new(),
        fields: Vec::new(),
        most_drops: documented.most_drops.unwrap_or_default(),
        undocumented: dialect.routes.iter().filter(|r| r.documents.is_none()).count(),
        faults: Vec::new(),
    };
    let mut fields = Fields::new(&documented.schemas);
    for (index, operation) in documented.operations.iter().enumerate() {
        let own: Vec<&Route> =
            dialect.routes.iter().filter(|r| r.documents == Some(index)).collect();
        let line = format!("{} {} \"{}\"", operation.method, operation.path, operation.title);
        let mut covered = Covered {
            id: operation.name.clone(),
            title: operation.title.clone(),
            method: operation.method.clone(),
            path: operation.path.clone(),
            evidence: operation.evidence,
            route: own.first().map(|route| (None, Arc::clone(&route.name))),
            canonical: own.first().map(|route| asks(catalog, route)).unwrap_or_default(),
        };
        match (&operation.served_by, own.as_slice()) {
            (None, []) => coverage.faults.push(format!("missing: {line} ({})", operation.name)),
            (None, [_]) => {}
            (None, [first, second, ..]) => coverage.faults.push(format!(
                "{line} is the routes {} and {}; each operation is one",
                first.name, second.name
            )),
            (Some(other), [route, ..]) => coverage
                .faults
                .push(format!("{line} is served by {other}, and by the route {} too", route.name)),
            (Some(other), []) => match served_by(catalog, other, operation) {
                Ok((dialect, route)) => {
                    covered.canonical = asks(catalog, route);
                    covered.route = Some((Some(dialect.into()), Arc::clone(&route.name)));
                }
                Err(why) => coverage.faults.push(format!("{line} is served by {other}: {why}")),
            },
        }
        if let [route] = own.as_slice() {
            spoken(&mut fields, dialect, documented, index, route);
        }
        coverage.operations.push(covered);
    }
    coverage.fields = fields.finish();
    canonical::judge(catalog, dialect, &mut coverage);
    let drops = coverage.count(Fate::Dropped);
    if drops > coverage.most_drops {
        coverage.faults.push(format!(
            "{drops} fields are dropped, and documented.yaml has `x-drops: {}`",
            coverage.most_drops
        ));
    }
    coverage
}

/// The canonical operations of a route, in order, each once.
fn asks(catalog: &Catalog, route: &Route) -> Vec<Box<str>> {
    let mut all: Vec<Box<str>> = Vec::new();
    for call in &route.calls {
        let name = &catalog.contract.get(call.operation).name;
        if !all.contains(name) {
            all.push(name.clone());
        }
    }
    all
}

/// The route of another dialect that answers in place of an operation.
fn served_by<'c, 'o>(
    catalog: &'c Catalog,
    other: &'o str,
    operation: &Operation,
) -> Result<(&'o str, &'c Route), String> {
    let Some((dialect, name)) = other.split_once('/') else {
        return Err("that is no `dialect/route`".to_owned());
    };
    let Some(found) = catalog.named(dialect) else {
        return Err(format!("there is no dialect `{dialect}`"));
    };
    let Some(route) = found.routes.iter().find(|r| *r.name == *name) else {
        return Err(format!("`{dialect}` has no route `{name}`"));
    };
    let prefixed = format!("{}{}", route.method, route.template.pattern());
    if prefixed != format!("{}{}", operation.method, operation.pattern) {
        return Err(format!("that is {} {}", route.method, route.template.text));
    }
    Ok((dialect, route))
}

/// Notes what a route speaks of its operation.
fn spoken(
    fields: &mut Fields<'_>,
    dialect: &Dialect,
    documented: &Documented,
    index: usize,
    route: &Route,
) {
    let Some(operation) = documented.operations.get(index) else { return };
    let bare = |name: &str| name.trim_end_matches("[]").to_owned();
    for parameter in &operation.parameters {
        let name = bare(&parameter.name);
        let spoken = match &*parameter.location {
            "query" => route.query.iter().any(|q| bare(&q.name) == name),
            _ => route.inputs.header.iter().any(|h| h.eq_ignore_ascii_case(&name)),
        };
        let place = format!("{}?{name}", operation.name);
        fields.parameter(index, &place, spoken, parameter.dropped.as_ref());
    }
    let files = route.files.iter();
    let files = files.flat_map(|f| f.parts.iter().chain(f.said.iter().map(|said| &said.name)));
    let asked = Keys::read(&guide(route, &[])).or(files.map(|name| Keys::whole(&bare(name))));
    for (_, schema) in &operation.body {
        fields.value(index, Way::Asked, &operation.name, *schema, &asked);
    }
    let rows = route.envelopes.rows().iter().chain(dialect.envelopes.rows());
    let refused = Keys::default().or(rows.map(|row| match &row.body {
        EnvelopeBody::Program(program, _) | EnvelopeBody::Page(program, _) => {
            Keys::written(&program.emit)
        }
        EnvelopeBody::Constant(bytes, _) => constant(bytes),
    }));
    for (status, promise) in &operation.responses {
        let Promise::Json(schema) = promise else { continue };
        let answers = |reply: &&Reply| documented.answers(index, reply.status) == Some(*status);
        let keys = if status.is_failure() {
            refused.clone()
        } else {
            Keys::default().or(route.replies.iter().filter(answers).map(written))
        };
        fields.value(index, Way::Answered, &operation.name, *schema, &keys);
    }
}

fn written(reply: &Reply) -> Keys {
    match &reply.body {
        ReplyBody::Empty | ReplyBody::Problem(_) => Keys::default(),
        ReplyBody::Constant(bytes, _) => constant(bytes),
        ReplyBody::Program(program) => Keys::written(&program.emit),
        ReplyBody::Page(..) | ReplyBody::Verbatim => Keys::any(),
    }
}

fn constant(bytes: &[u8]) -> Keys {
    serde_json::from_slice(bytes).map(|value| Keys::of(&value)).unwrap_or_default()
}
