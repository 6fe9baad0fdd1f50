//! Types of places: schemas of the contract, lists of them, simple types, or anything.
//!
//! One place may have several types at once (a member that several alternatives of a union have).
//! Only what the compiler asks is here; checking values against schemas is the contract's.

use crate::canonical::contract::{Additional, Contract, Kind, SchemaId};
use crate::json::place::Hop;
use crate::mapping::plan::Types;

/// What may stand at a place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ty {
    /// Anything: inputs, bodies of clients, members of open objects.
    Any,
    /// One of these schemas.
    Of(Vec<SchemaId>),
    /// A type without constraints, by its name.
    Simple(Types, &'static str),
    /// A list of these: an argument of a record.
    List(Box<Self>),
}

/// What the contract says about a member beyond its type.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// It must be there.
    pub(crate) required: bool,
    /// Only the gateway or the backend writes it.
    pub(crate) gateway: bool,
    /// The name under which a call asks for it.
    pub(crate) include: Option<Box<str>>,
}

/// Why a hop leads nowhere.
#[derive(Debug)]
pub(crate) enum Lost {
    /// No such member; these there are.
    Member(Vec<Box<str>>),
    /// Not a list.
    NoList,
}

/// The simple types by name.
const SIMPLE: [(&str, Types); 5] = [
    ("string", Types::STRING),
    ("integer", Types::INTEGER),
    ("number", Types::NUMBER),
    ("boolean", Types::BOOLEAN),
    ("object", Types::OBJECT),
];

impl Ty {
    /// Of one schema.
    pub(crate) fn of(id: SchemaId) -> Self {
        Self::Of(vec![id])
    }

    /// A simple type, or anything, by its name.
    pub(crate) fn simple(name: &str) -> Option<Self> {
        if name == "any" {
            return Some(Self::Any);
        }
        SIMPLE.iter().find(|(n, _)| *n == name).map(|(n, types)| Self::Simple(*types, n))
    }

    /// The schema, where there is exactly one.
    pub(crate) fn schema(&self) -> Option<SchemaId> {
        match self {
            Self::Of(ids) => match ids.as_slice() {
                [only] => Some(*only),
                _ => None,
            },
            _ => None,
        }
    }

    /// The alternatives of it: unions taken apart.
    pub(crate) fn leaves(&self, contract: &Contract) -> Vec<SchemaId> {
        let Self::Of(ids) = self else { return Vec::new() };
        let (mut found, mut open, mut seen) = (Vec::new(), ids.clone(), Vec::new());
        open.reverse();
        while let Some(id) = open.pop() {
            if seen.contains(&id) {
                continue;
            }
            seen.push(id);
            match &contract.schema(id).kind {
                Kind::Union(of) | Kind::Any(of) if !of.is_empty() => open.extend(of.iter().rev()),
                _ => found.push(id),
            }
        }
        found
    }

    /// The JSON types of its values, null aside.
    pub(crate) fn types(&self, contract: &Contract) -> Types {
        match self {
            Self::Any => Types::ANY,
            Self::Simple(types, _) => *types,
            Self::List(_) => Types::LIST,
            Self::Of(_) => self.leaves(contract).iter().fold(Types::default(), |all, id| {
                all.or(match &contract.schema(*id).kind {
                    Kind::String(_) => Types::STRING,
                    Kind::Integer { .. } => Types::INTEGER,
                    Kind::Number { .. } => Types::NUMBER,
                    Kind::Boolean => Types::BOOLEAN,
                    Kind::List { .. } => Types::LIST,
                    Kind::Object { .. } => Types::OBJECT,
                    Kind::Union(_) | Kind::Any(_) | Kind::Value(_) => Types::ANY,
                })
            }),
        }
    }

    /// Whether null is a value of it.
    pub(crate) fn nullable(&self, contract: &Contract) -> bool {
        match self {
            Self::Any => true,
            Self::Of(ids) => {
                ids.iter().chain(&self.leaves(contract)).any(|id| contract.schema(*id).nullable)
            }
            Self::Simple(..) | Self::List(_) => false,
        }
    }

    /// The listed values of a text; empty where they are not listed.
    pub(crate) fn words(&self, contract: &Contract) -> Vec<Box<str>> {
        let mut words: Vec<Box<str>> = Vec::new();
        for id in self.leaves(contract) {
            let listed = contract.words(id);
            if listed.is_empty() {
                return Vec::new();
            }
            words.extend(listed.iter().filter(|w| !words.contains(w)).cloned().collect::<Vec<_>>());
        }
        words
    }

    /// The format of a text.
    pub(crate) fn format(&self, contract: &Contract) -> Option<Box<str>> {
        self.leaves(contract).iter().find_map(|id| match &contract.schema(*id).kind {
            Kind::String(text) => text.format.clone(),
            _ => None,
        })
    }

    /// What an element of it is, where it is a list.
    pub(crate) fn items(&self, contract: &Contract) -> Option<Self> {
        match self {
            Self::Any => Some(Self::Any),
            Self::List(of) => Some((**of).clone()),
            Self::Simple(..) => None,
            Self::Of(_) => {
                let leaves = self.leaves(contract);
                let mut items = Vec::new();
                for id in &leaves {
                    match &contract.schema(*id).kind {
                        Kind::List { items: of, .. } => items.push(*of),
                        Kind::Any(of) if of.is_empty() => return Some(Self::Any),
                        _ => {}
                    }
                }
                (!items.is_empty()).then_some(Self::Of(items))
            }
        }
    }

    /// The members that it lists.
    pub(crate) fn member_names(&self, contract: &Contract) -> Vec<Box<str>> {
        let mut names: Vec<Box<str>> = Vec::new();
        for id in self.leaves(contract) {
            for property in contract.properties(id) {
                if !names.contains(&property.name) {
                    names.push(property.name.clone());
                }
            }
        }
        names
    }

    fn member(&self, contract: &Contract, name: &str) -> Result<(Self, Facts), Lost> {
        if *self == Self::Any {
            return Ok((Self::Any, Facts::default()));
        }
        let leaves = self.leaves(contract);
        let (mut found, mut open) = (Vec::new(), None);
        let mut facts = Facts { required: true, ..Facts::default() };
        for id in &leaves {
            if let Some(property) = contract.property(*id, name) {
                if !found.contains(&property.schema) {
                    found.push(property.schema);
                }
                facts.required &= property.required;
                facts.gateway |= property.gateway;
                facts.include = facts.include.or_else(|| property.include.clone());
                continue;
            }
            facts.required = false;
            match &contract.schema(*id).kind {
                Kind::Object { additional: Additional::Allowed, .. } => open = Some(Self::Any),
                Kind::Object { additional: Additional::Typed(of), .. } => {
                    open = Some(Self::of(*of));
                }
                Kind::Any(of) if of.is_empty() => open = Some(Self::Any),
                _ => {}
            }
        }
        if !found.is_empty() {
            return Ok((Self::Of(found), facts));
        }
        let names = self.member_names(contract);
        match open {
            // An open object that lists a name so near is hardly meant to have this one too.
            Some(ty) if crate::syntax::closest(name, names.iter().map(|n| &**n)).is_none() => {
                Ok((ty, Facts::default()))
            }
            _ => Err(Lost::Member(names)),
        }
    }

    /// What stands one hop further down.
    pub(crate) fn step(&self, contract: &Contract, hop: &Hop) -> Result<(Self, Facts), Lost> {
        match hop {
            Hop::Member(name) => self.member(contract, name),
            Hop::Index(_) | Hop::Each => {
                self.items(contract).map(|ty| (ty, Facts::default())).ok_or(Lost::NoList)
            }
        }
    }

    /// What stands at the end of a path; `None` where it leads nowhere. Also whether the way there
    /// may end early in null or absence.
    pub(crate) fn walk(&self, contract: &Contract, hops: &[Hop]) -> Option<(Self, bool)> {
        let (mut ty, mut gap) = (self.clone(), false);
        for hop in hops {
            gap |= ty.nullable(contract);
            let (next, facts) = ty.step(contract, hop).ok()?;
            gap |= !facts.required;
            ty = next;
        }
        let nullable = ty.nullable(contract);
        Some((ty, gap || nullable))
    }

    /// The alternatives whose member `type` may be one of `words`; all where it is no union.
    pub(crate) fn narrow(&self, contract: &Contract, words: &[Box<str>]) -> Self {
        let leaves = self.leaves(contract);
        if leaves.len() < 2 {
            return self.clone();
        }
        let fit: Vec<SchemaId> = leaves
            .into_iter()
            .filter(|id| contract.discriminators(*id).iter().any(|w| words.contains(w)))
            .collect();
        if fit.is_empty() { self.clone() } else { Self::Of(fit) }
    }

    /// Whether both are the same type, null aside.
    pub(crate) fn same(&self, other: &Self, contract: &Contract) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::List(a), b) | (b, Self::List(a)) => {
                b.items(contract).is_some_and(|b| a.same(&b, contract))
            }
            (Self::Simple(types, _), b) | (b, Self::Simple(types, _)) => {
                types.has(b.types(contract)) && b.types(contract) != Types::default()
            }
            (Self::Of(a), Self::Of(b)) => match (a.as_slice(), b.as_slice()) {
                ([a], [b]) if same_schema(*a, *b, contract) => true,
                _ => {
                    let (a, b) = (self.leaves(contract), other.leaves(contract));
                    let within = |x: &[SchemaId], y: &[SchemaId]| {
                        x.iter().all(|i| y.iter().any(|j| same_schema(*i, *j, contract)))
                    };
                    within(&a, &b) && within(&b, &a)
                }
            },
        }
    }

    /// Its name, as a person would say it.
    pub(crate) fn describe(&self, contract: &Contract) -> String {
        match self {
            Self::Any => "anything".into(),
            Self::Simple(_, name) => format!("`{name}`"),
            Self::List(of) => format!("a list of {}", of.describe(contract)),
            Self::Of(ids) => {
                let one = |id: &SchemaId| match &contract.schema(*id).name {
                    Some(name) => format!("`{name}`"),
                    None => match &contract.schema(*id).kind {
                        Kind::String(_) => "text".into(),
                        Kind::Integer { .. } => "a whole number".into(),
                        Kind::Number { .. } => "a number".into(),
                        Kind::Boolean => "a boolean".into(),
                        Kind::List { items, .. } => {
                            format!("a list of {}", Self::of(*items).describe(contract))
                        }
                        Kind::Object { .. } => "an object".into(),
                        Kind::Union(of) | Kind::Any(of) if !of.is_empty() => {
                            Self::Of(of.clone()).describe(contract)
                        }
                        Kind::Union(_) | Kind::Any(_) | Kind::Value(_) => "anything".into(),
                    },
                };
                let mut names: Vec<String> = ids.iter().map(one).collect();
                names.dedup();
                names.join(" or ")
            }
        }
    }
}

fn same_schema(a: SchemaId, b: SchemaId, contract: &Contract) -> bool {
    if a == b {
        return true;
    }
    let (x, y) = (contract.schema(a), contract.schema(b));
    if x.name.is_some() && x.name == y.name {
        return true;
    }
    // A nullable copy keeps the members' schemas.
    match (&x.kind, &y.kind) {
        (Kind::Object { properties: p, .. }, Kind::Object { properties: q, .. }) => {
            !p.is_empty()
                && p.len() == q.len()
                && p.iter().zip(q).all(|(p, q)| p.name == q.name && p.schema == q.schema)
        }
        (Kind::List { items: p, .. }, Kind::List { items: q, .. }) => p == q,
        (Kind::String(p), Kind::String(q)) => {
            p.words == q.words && p.format == q.format && p.words.is_some()
                || p.words.is_none() && q.words.is_none()
        }
        _ => false,
    }
}

/// The names of JSON types, for messages.
pub(crate) fn name_types(types: Types) -> String {
    let mut names: Vec<&str> = Vec::new();
    for (name, one) in [
        ("text", Types::STRING),
        ("a boolean", Types::BOOLEAN),
        ("a list", Types::LIST),
        ("an object", Types::OBJECT),
    ] {
        if types.has(one) {
            names.push(name);
        }
    }
    if types.has(Types::NUMBER) {
        names.push("a number");
    } else if types.has(Types::INTEGER) {
        names.push("a whole number");
    }
    names.join(" or ")
}
