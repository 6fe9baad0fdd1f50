//! Which keys a route writes and reads, as a tree: of an answer what its programs write, of a body
//! what any program of the route reads of it.

use crate::dialect::form::Guide;
use crate::mapping::plan::{Emit, Member};

/// Keys of an object, or of the elements of a list.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    /// Whatever there is: a value that is taken as it is.
    pub(super) any: bool,
    members: Vec<(Box<str>, Self)>,
    elements: Option<Box<Self>>,
}

impl Keys {
    /// Everything.
    pub(super) fn any() -> Self {
        Self { any: true, ..Self::default() }
    }

    /// One key, and everything under it.
    pub(super) fn whole(name: &str) -> Self {
        Self { members: vec![(name.into(), Self::any())], ..Self::default() }
    }

    /// What an answer has.
    pub(super) fn written(emit: &Emit) -> Self {
        match emit {
            Emit::Const(bytes) => {
                serde_json::from_slice(bytes).map(|v| Self::of(&v)).unwrap_or_default()
            }
            Emit::Object(object) => Self {
                members: object
                    .members
                    .iter()
                    .filter_map(|m| Some((name(m)?, Self::written(&m.emit))))
                    .collect(),
                ..Self::default()
            },
            Emit::Each(each) => {
                let element = Self::written(&each.element);
                if each.take.is_some() { element } else { Self::list(element) }
            }
            Emit::Bind(bind) => {
                Self::written(&bind.then).or(bind.otherwise.iter().map(Self::written))
            }
            Emit::OneOf(one) => {
                let cases = one.cases.iter().map(|case| &case.emit).chain(&one.otherwise);
                Self::default().or(cases.map(Self::written))
            }
            Emit::FirstOf(items) => Self::default().or(items.iter().map(Self::written)),
            Emit::Tuple(items) | Emit::List(items, _) => {
                Self::list(Self::default().or(items.iter().map(Self::written)))
            }
            Emit::When(_, inner) => Self::written(inner),
            // A value as it is, or one whose keys are no keys of a mapping.
            Emit::Value(_)
            | Emit::Page(_)
            | Emit::Group { .. }
            | Emit::Narrow(_)
            | Emit::Conditions(_) => Self::any(),
            Emit::Absent
            | Emit::Column { .. }
            | Emit::All(_)
            | Emit::WhenSet(..)
            | Emit::IsSet(_)
            | Emit::Count(_)
            | Emit::Join { .. } => Self::default(),
        }
    }

    /// What is read of a body.
    pub(super) fn read(guide: &Guide) -> Self {
        let inner = |guide: &Guide| {
            let mut keys = Self::read(guide);
            // What is read and not looked into is read whole.
            keys.any = keys.members.is_empty() && keys.elements.is_none();
            keys
        };
        Self {
            any: false,
            members: guide
                .members
                .iter()
                .map(|(name, guide)| (name.clone(), inner(guide)))
                .collect(),
            elements: guide.elements.as_deref().map(|guide| Box::new(inner(guide))),
        }
    }

    /// The keys of a constant.
    pub(super) fn of(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Object(members) => Self {
                members: members.iter().map(|(k, v)| (k.as_str().into(), Self::of(v))).collect(),
                ..Self::default()
            },
            serde_json::Value::Array(items) => {
                Self::list(Self::default().or(items.iter().map(Self::of)))
            }
            _ => Self::default(),
        }
    }

    fn list(elements: Self) -> Self {
        Self { elements: Some(Box::new(elements)), ..Self::default() }
    }

    /// These and others.
    pub(super) fn or(mut self, others: impl IntoIterator<Item = Self>) -> Self {
        for other in others {
            self.add(other);
        }
        self
    }

    fn add(&mut self, other: Self) {
        self.any |= other.any;
        for (name, keys) in other.members {
            match self.members.iter_mut().find(|(known, _)| *known == name) {
                Some((_, own)) => own.add(keys),
                None => self.members.push((name, keys)),
            }
        }
        match (&mut self.elements, other.elements) {
            (Some(own), Some(more)) => own.add(*more),
            (own @ None, more) => *own = more,
            (Some(_), None) => {}
        }
    }

    /// What stands under a key; `None` where nothing does.
    pub(super) fn member(&self, name: &str) -> Option<Self> {
        let own = self.members.iter().find(|(known, _)| **known == *name);
        own.map(|(_, keys)| keys.clone()).or_else(|| self.any.then(Self::any))
    }

    /// What an element has.
    pub(super) fn element(&self) -> Option<Self> {
        self.elements.as_deref().cloned().or_else(|| self.any.then(Self::any))
    }
}

/// The key of a member, without its quotes and its colon.
fn name(member: &Member) -> Option<Box<str>> {
    let quoted = member.key.strip_suffix(b":")?;
    serde_json::from_slice::<String>(quoted).ok().map(Into::into)
}
