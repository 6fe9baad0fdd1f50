//! Whether JSON is what the contract says, straight on the text: no tree is built.
//!
//! For text whose grammar [`crate::json::scan`] has accepted. On other text nothing panics, but the
//! answer means nothing. What cannot be said by a schema (a dangling reference, a state that does
//! not allow a change) is left to whoever stores things.

mod text;

use std::borrow::Cow;

use smallvec::{SmallVec, smallvec};

use super::contract::{Additional, Kind, Parameter, Property, SchemaId, Schemas, StringKind};
use super::{Contract, FieldProblem, OperationId};
use crate::json::text::{self as json, Kind as Is};
use crate::json::walk;
use crate::syntax::closest;

/// Most faults that are looked for in one text.
pub const MOST_FAULTS: usize = 32;
/// Deepest nesting that is looked into; no schema of the contract is as deep.
const MOST_DEPTH: usize = 64;

/// One thing that is not as the contract says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where (RFC 6901); empty for the whole text.
    pub pointer: String,
    /// `wrong_type`, `required`, `unknown`, `read_only`, `invalid`, `too_long`, `too_short`,
    /// `too_large`, `too_small`, `too_many`, `too_few`, `duplicate` or `order`.
    pub code: &'static str,
    /// What is wrong, in words for the client, as a clause about the value.
    pub detail: String,
}

impl From<Violation> for FieldProblem {
    fn from(violation: Violation) -> Self {
        Self {
            pointer: Some(violation.pointer),
            code: violation.code.to_owned(),
            detail: violation.detail,
            ..Self::default()
        }
    }
}

/// Checks an answer, or any value of a schema. Adds to `faults` until there are
/// [`MOST_FAULTS`] of them.
pub fn validate(contract: &Contract, schema: SchemaId, json: &[u8], faults: &mut Vec<Violation>) {
    judge(contract.schemas(), Rules::default(), faults).text(schema, json);
}

/// The first thing in an operation's answer that is not as the contract says, as text for the log.
/// For the rare answer that leads to a refusal: whose fault is it?
#[must_use]
pub fn unlike(contract: &Contract, operation: OperationId, json: &[u8]) -> Option<String> {
    let mut faults = Vec::new();
    validate(contract, contract.get(operation).answer?, json, &mut faults);
    faults.first().map(|fault| format!("{} {}", fault.pointer, fault.detail))
}

/// Checks a value against the schemas of published documents; where these are `ordered`, the order
/// of members as well.
pub fn validate_published(
    schemas: &Schemas,
    ordered: bool,
    schema: SchemaId,
    json: &[u8],
    faults: &mut Vec<Violation>,
) {
    judge(schemas, Rules { ordered, ..Rules::default() }, faults).text(schema, json);
}

/// Checks the body of a request: what only gateway or backend fill is refused, and of a merge patch
/// nothing is required. An operation without a body takes any.
pub fn validate_body(
    contract: &Contract,
    operation: OperationId,
    json: &[u8],
    faults: &mut Vec<Violation>,
) {
    let operation = contract.get(operation);
    let Some(body) = &operation.body else { return };
    if json.is_empty() && !body.required {
        return;
    }
    let rules =
        Rules { write: true, patch: body.patch, answer: operation.answer, ..Rules::default() };
    judge(contract.schemas(), rules, faults).text(body.schema, json);
}

/// Checks one value of a parameter, as text from the wire without its encoding; of a list, one
/// element.
///
/// # Errors
/// What is wrong with it; the pointer is empty.
pub fn parameter(contract: &Contract, parameter: &Parameter, value: &str) -> Result<(), Violation> {
    let mut id = parameter.schema;
    if let Kind::List { items, .. } = contract.schema(id).kind {
        id = items;
    }
    let mut token = Vec::with_capacity(value.len() + 2);
    if matches!(contract.schema(id).kind, Kind::String(_)) {
        crate::json::write::string(&mut token, value);
    } else if matches!(value, "true" | "false") || json::is_number(value) {
        token.extend_from_slice(value.as_bytes());
    } else {
        // Whatever it is, it is no number and no boolean.
        token.extend_from_slice(b"\"\"");
    }
    let mut faults = Vec::new();
    validate(contract, id, &token, &mut faults);
    faults.into_iter().next().map_or(Ok(()), Err)
}

struct Judge<'c, 'j, 'f> {
    schemas: &'c Schemas,
    path: Vec<Step<'j>>,
    faults: &'f mut Vec<Violation>,
    rules: Rules,
}

fn judge<'c, 'f>(
    schemas: &'c Schemas,
    rules: Rules,
    faults: &'f mut Vec<Violation>,
) -> Judge<'c, 'static, 'f> {
    Judge { schemas, path: Vec::new(), faults, rules }
}

/// What holds beyond the schemas.
#[derive(Clone, Copy, Default)]
struct Rules {
    /// A request's body: `x-gateway` is refused.
    write: bool,
    /// A merge patch: nothing is required.
    patch: bool,
    /// What the operation answers with; what is in it and not in the body is not to be written.
    answer: Option<SchemaId>,
    /// Members stand in the order of the schema.
    ordered: bool,
}

/// A step of the way to the value that is looked at.
enum Step<'j> {
    /// Into a member; the token of its name.
    Member(&'j str),
    /// Into an element.
    Element(usize),
    /// Into a member that is not there.
    Missing(Box<str>),
}

impl<'j> Judge<'_, 'j, '_> {
    fn text(mut self, schema: SchemaId, text: &'j [u8]) {
        match std::str::from_utf8(text) {
            Ok(text) => self.value(schema, text.trim_matches([' ', '\t', '\r', '\n'])),
            Err(_) => self.fault("invalid", "is not UTF-8"),
        }
    }

    fn full(&self) -> bool {
        self.faults.len() >= MOST_FAULTS
    }

    fn fault(&mut self, code: &'static str, detail: impl Into<String>) {
        if !self.full() {
            let pointer = self.pointer();
            self.faults.push(Violation { pointer, code, detail: detail.into() });
        }
    }

    /// A fault one step further on.
    fn fault_at(&mut self, step: Step<'j>, code: &'static str, detail: impl Into<String>) {
        self.path.push(step);
        self.fault(code, detail);
        self.path.pop();
    }

    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for step in &self.path {
            pointer.push('/');
            let mut name = |name: &str| {
                pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
            };
            match step {
                Step::Member(token) => name(&json::decode(token)),
                Step::Missing(missing) => name(missing),
                Step::Element(index) => pointer.push_str(&index.to_string()),
            }
        }
        pointer
    }

    fn value(&mut self, id: SchemaId, token: &'j str) {
        if self.full() || self.path.len() > MOST_DEPTH {
            return;
        }
        let schema = self.schemas.schema(id);
        let is = json::kind(token);
        if is == Is::Null {
            if token.is_empty() {
                self.fault("required", "is empty");
            } else if !schema.nullable {
                self.fault("wrong_type", format!("must be {}, not null", noun(&schema.kind)));
            }
            return;
        }
        match (&schema.kind, is) {
            (Kind::String(kind), Is::String) => {
                let name = schema.name.as_deref();
                if let Some((code, detail)) = text::check(kind, name, token) {
                    self.fault(code, detail);
                }
            }
            (Kind::Integer { min, max }, Is::Integer) => self.integer(*min, *max, token),
            (Kind::Number { min, max }, Is::Integer | Is::Number) => self.number(*min, *max, token),
            (Kind::Boolean, Is::Boolean) => {}
            (Kind::Value(only), Is::Integer | Is::Number | Is::Boolean) => {
                if **only != *token {
                    self.fault("invalid", format!("must be {only}"));
                }
            }
            (Kind::List { items, unique, min, max }, Is::List) => {
                self.list(*items, *unique, (*min, *max), token);
            }
            (Kind::Object { properties, additional, min_properties }, Is::Object) => {
                self.object(properties, *additional, *min_properties, token);
            }
            (Kind::Union(of), Is::Object) => self.union(id, of, token),
            (Kind::Any(of), _) => self.any(of, token),
            (kind, _) => self.fault("wrong_type", format!("must be {}", noun(kind))),
        }
    }

    fn integer(&mut self, min: i64, max: i64, token: &str) {
        // What does not fit 64 bits is beyond every limit, on the side of its sign.
        let beyond = if token.starts_with('-') { i128::MIN } else { i128::MAX };
        let value = json::integer(token).map_or(beyond, i128::from);
        if value < i128::from(min) {
            self.fault("too_small", format!("must be {min} or more"));
        } else if value > i128::from(max) {
            self.fault("too_large", format!("must be {max} or less"));
        }
    }

    fn number(&mut self, min: f64, max: f64, token: &str) {
        let value: f64 = token.parse().unwrap_or_default();
        if value < min {
            self.fault("too_small", format!("must be {min} or more"));
        } else if value > max {
            self.fault("too_large", format!("must be {max} or less"));
        } else if value.is_infinite() {
            self.fault("too_large", "is beyond what a number can be");
        }
    }

    fn list(
        &mut self,
        items: SchemaId,
        unique: bool,
        (min, max): (u32, Option<u32>),
        token: &'j str,
    ) {
        let most = max.map_or(usize::MAX, |max| max as usize);
        if min > 0 && walk::elements(token).take(min as usize).count() < min as usize {
            self.fault("too_few", format!("must have at least {min} elements"));
        }
        let mut seen = foldhash::HashSet::default();
        for (index, element) in walk::elements(token).enumerate() {
            if index >= most {
                return self.fault("too_many", format!("must have at most {most} elements"));
            }
            if unique && !seen.insert(json::decode(element)) {
                self.fault_at(Step::Element(index), "duplicate", "is in the list already");
            }
            self.path.push(Step::Element(index));
            self.value(items, element);
            self.path.pop();
            if self.full() {
                return;
            }
        }
    }

    fn object(
        &mut self,
        properties: &[Property],
        additional: Additional,
        min_properties: u32,
        token: &'j str,
    ) {
        let mut seen: SmallVec<[bool; 128]> = smallvec![false; properties.len()];
        let mut count = 0_u32;
        let mut last: Option<usize> = None;
        for (name, value) in walk::members(token) {
            count = count.saturating_add(1);
            let found = properties.iter().position(|p| json::eq(name, &p.name));
            self.path.push(Step::Member(name));
            match found.and_then(|i| Some((properties.get(i)?, seen.get_mut(i)?))) {
                Some((_, seen)) if *seen => self.fault("duplicate", "is written twice"),
                Some((property, seen)) => {
                    *seen = true;
                    if self.rules.write && property.gateway {
                        self.fault("read_only", READ_ONLY);
                    } else if !property.differs {
                        self.value(property.schema, value);
                    }
                    if self.rules.ordered {
                        let before = last.filter(|last| found.is_some_and(|at| at < *last));
                        match before.and_then(|b| properties.get(b)) {
                            Some(before) => {
                                self.fault("order", format!("must stand before `{}`", before.name))
                            }
                            None => last = found,
                        }
                    }
                }
                None => match additional {
                    Additional::Allowed => {}
                    Additional::Typed(schema) => self.value(schema, value),
                    Additional::Refused => self.unknown(&json::decode(name), properties),
                },
            }
            self.path.pop();
            if self.full() {
                return;
            }
        }
        if count < min_properties {
            self.fault("required", format!("must have at least {min_properties} of its members"));
        }
        if self.rules.patch {
            return;
        }
        for (property, seen) in properties.iter().zip(seen) {
            let excused = property.differs || (self.rules.write && property.gateway);
            if property.required && !seen && !excused {
                let missing = Step::Missing(property.name.clone());
                self.fault_at(missing, "required", "must be there");
            }
        }
    }

    fn unknown(&mut self, name: &str, properties: &[Property]) {
        // A member of the resource that the write does not take, at the top of the body.
        if self.path.len() == 1
            && let Some(answer) = self.rules.answer
            && self.schemas.property(answer, name).is_some()
        {
            return self.fault("read_only", READ_ONLY);
        }
        let detail = match closest(name, properties.iter().map(|p| &*p.name)) {
            Some(near) => format!("is not known here; did you mean `{near}`?"),
            None => "is not known here".to_owned(),
        };
        self.fault("unknown", detail);
    }

    fn union(&mut self, id: SchemaId, of: &[SchemaId], token: &'j str) {
        let contract = self.schemas;
        if of.iter().all(|one| contract.discriminators(*one).is_empty()) {
            return self.untyped_union(id, of, token);
        }
        let Some((name, word)) = walk::members(token).find(|(name, _)| json::eq(name, "type"))
        else {
            return self.fault_at(Step::Missing("type".into()), "required", "must be there");
        };
        if json::kind(word) != Is::String {
            return self.fault_at(Step::Member(name), "wrong_type", "must be text");
        }
        let word = json::decode(word);
        match contract.alternative(id, &word) {
            Some(alternative) => self.value(alternative, token),
            None => {
                let words: Vec<&str> =
                    of.iter().flat_map(|id| contract.discriminators(*id)).map(|w| &**w).collect();
                self.fault_at(Step::Member(name), "invalid", text::one_of(&words, &word));
            }
        }
    }

    /// A union whose alternatives are told apart by their own members.
    fn untyped_union(&mut self, id: SchemaId, of: &[SchemaId], token: &'j str) {
        let names = walk::members(token).map(|(name, _)| json::decode(name));
        match self.schemas.alternative_with(id, names) {
            Some(alternative) => self.value(alternative, token),
            None => {
                let own = |index| self.schemas.own_members(of, index).next();
                let all: Vec<String> =
                    (0..of.len()).filter_map(own).map(|name| format!("`{name}`")).collect();
                self.fault("required", format!("must have {}", all.join(" or ")));
            }
        }
    }

    /// Of several alternatives, what is wrong with the one that the value is nearest to.
    fn any(&mut self, of: &[SchemaId], token: &'j str) {
        let schemas = self.schemas;
        let is = json::kind(token);
        let mut nearest: Option<Vec<Violation>> = None;
        for id in of {
            let mut faults = Vec::new();
            Judge {
                schemas,
                path: Vec::new(),
                faults: &mut faults,
                rules: Rules { answer: None, ..self.rules },
            }
            .value(*id, token);
            if faults.is_empty() {
                return;
            }
            let alike = matches!(
                (&schemas.schema(*id).kind, is),
                (Kind::Object { .. } | Kind::Union(_), Is::Object) | (Kind::List { .. }, Is::List)
            );
            if alike && nearest.as_ref().is_none_or(|n| faults.len() < n.len()) {
                nearest = Some(faults);
            }
        }
        if let Some(faults) = nearest {
            let here = self.pointer();
            for mut fault in faults {
                fault.pointer.insert_str(0, &here);
                if !self.full() {
                    self.faults.push(fault);
                }
            }
        } else if !of.is_empty() {
            let mut nouns: Vec<Cow<'_, str>> =
                of.iter().map(|id| alternative(&schemas.schema(*id).kind)).collect();
            nouns.dedup();
            self.fault("wrong_type", format!("must be {}", nouns.join(" or ")));
        }
    }
}

/// An alternative in a sentence; listed values by name.
fn alternative(kind: &Kind) -> Cow<'_, str> {
    match kind {
        Kind::Value(only) => Cow::Borrowed(only),
        Kind::String(StringKind { words: Some(words), .. }) => {
            words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(" or ").into()
        }
        kind => Cow::Borrowed(noun(kind)),
    }
}

const READ_ONLY: &str = "cannot be written";

fn noun(kind: &Kind) -> &'static str {
    match kind {
        Kind::String(_) => "text",
        Kind::Integer { .. } => "a whole number",
        Kind::Number { .. } => "a number",
        Kind::Boolean => "true or false",
        Kind::List { .. } => "a list",
        Kind::Object { .. } | Kind::Union(_) => "an object",
        Kind::Any(_) | Kind::Value(_) => "another value",
    }
}

#[cfg(test)]
mod tests;
