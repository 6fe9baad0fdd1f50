//! Finding things in a loaded contract. Nothing here fails: an id of another contract gives an
//! operation without a path, or a schema that takes anything.

use std::sync::LazyLock;

use super::{
    Contract, Kind, Location, Operation, OperationId, Parameter, Property, Schema, SchemaId,
    Schemas, Stored,
};

static ANYTHING: Schema = Schema { name: None, nullable: true, kind: Kind::Any(Vec::new()) };
static NOTHING: LazyLock<Operation> = LazyLock::new(Operation::default);

impl Contract {
    /// Every operation, in the order of the document.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The operation with a name.
    #[must_use]
    pub fn operation(&self, name: &str) -> Option<OperationId> {
        let index = self.operations.iter().position(|o| &*o.name == name)?;
        u16::try_from(index).ok().map(OperationId)
    }

    /// An operation by its id.
    #[must_use]
    pub fn get(&self, id: OperationId) -> &Operation {
        self.operations.get(usize::from(id.0)).unwrap_or(&NOTHING)
    }

    /// Its schemas.
    #[must_use]
    pub fn schemas(&self) -> &Schemas {
        &self.schemas
    }

    /// A schema by its id.
    #[must_use]
    pub fn schema(&self, id: SchemaId) -> &Schema {
        self.schemas.schema(id)
    }

    /// The schema with a name under `components/schemas`.
    #[must_use]
    pub fn schema_named(&self, name: &str) -> Option<SchemaId> {
        self.schemas.named(name)
    }

    /// The names under `components/schemas`, in the order of the document.
    pub fn schema_names(&self) -> impl Iterator<Item = &str> {
        self.schemas.names()
    }

    /// The members of an object; empty for everything that is no object.
    #[must_use]
    pub fn properties(&self, id: SchemaId) -> &[Property] {
        self.schemas.properties(id)
    }

    /// A member of an object.
    #[must_use]
    pub fn property(&self, id: SchemaId, name: &str) -> Option<&Property> {
        self.schemas.property(id, name)
    }

    /// The alternative of a union whose member `type` may be `word`.
    #[must_use]
    pub fn alternative(&self, union: SchemaId, word: &str) -> Option<SchemaId> {
        self.schemas.alternative(union, word)
    }

    /// What the member `type` of an alternative of a union may be.
    #[must_use]
    pub fn discriminators(&self, alternative: SchemaId) -> &[Box<str>] {
        self.schemas.discriminators(alternative)
    }

    /// The listed values of a text; empty where they are not listed.
    #[must_use]
    pub fn words(&self, id: SchemaId) -> &[Box<str>] {
        self.schemas.words(id)
    }

    /// Every resource that is kept as the contract alone says.
    #[must_use]
    pub fn stored(&self) -> &[Stored] {
        &self.stored
    }

    /// SHA-256 of the document's text, in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

impl Schemas {
    /// A schema by its id.
    #[must_use]
    pub fn schema(&self, id: SchemaId) -> &Schema {
        self.all.get(id.0 as usize).unwrap_or(&ANYTHING)
    }

    /// The schema with a name under `components/schemas`.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<SchemaId> {
        self.named.iter().find(|(n, _)| &**n == name).map(|(_, id)| *id)
    }

    /// The names under `components/schemas`, in the order of the document.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.iter().map(|(name, _)| &**name)
    }

    /// The members of an object; empty for everything that is no object.
    #[must_use]
    pub fn properties(&self, id: SchemaId) -> &[Property] {
        match &self.schema(id).kind {
            Kind::Object { properties, .. } => properties,
            _ => &[],
        }
    }

    /// A member of an object.
    #[must_use]
    pub fn property(&self, id: SchemaId, name: &str) -> Option<&Property> {
        self.properties(id).iter().find(|p| &*p.name == name)
    }

    /// The alternative of a union whose member `type` may be `word`.
    #[must_use]
    pub fn alternative(&self, union: SchemaId, word: &str) -> Option<SchemaId> {
        let Kind::Union(of) = &self.schema(union).kind else { return None };
        of.iter().copied().find(|id| self.discriminators(*id).iter().any(|w| &**w == word))
    }

    /// The alternative of a union whose own required member is among the names; for unions whose
    /// alternatives have no member `type`.
    #[must_use]
    pub fn alternative_with<'a>(
        &self,
        union: SchemaId,
        mut names: impl Iterator<Item = std::borrow::Cow<'a, str>>,
    ) -> Option<SchemaId> {
        let Kind::Union(of) = &self.schema(union).kind else { return None };
        names.find_map(|name| {
            let told = |index: &usize| self.own_members(of, *index).any(|own| own == name);
            (0..of.len()).find(told).and_then(|index| of.get(index).copied())
        })
    }

    /// The members by which an alternative of a union without `type` is told from the others.
    pub fn own_members<'c>(
        &'c self,
        of: &'c [SchemaId],
        index: usize,
    ) -> impl Iterator<Item = &'c str> {
        own_members(|id| self.properties(id), of, index)
    }

    /// What the member `type` of an alternative of a union may be.
    #[must_use]
    pub fn discriminators(&self, alternative: SchemaId) -> &[Box<str>] {
        let Some(property) = self.property(alternative, "type") else { return &[] };
        self.words(property.schema)
    }

    /// The listed values of a text; empty where they are not listed.
    #[must_use]
    pub fn words(&self, id: SchemaId) -> &[Box<str>] {
        match &self.schema(id).kind {
            Kind::String(text) => text.words.as_deref().unwrap_or_default(),
            _ => &[],
        }
    }
}

/// Required members of the alternative at `index` that no other alternative knows.
pub(super) fn own_members<'c>(
    members: impl Fn(SchemaId) -> &'c [Property] + Copy + 'c,
    of: &'c [SchemaId],
    index: usize,
) -> impl Iterator<Item = &'c str> {
    let own = of.get(index).map_or(&[][..], |id| members(*id));
    own.iter().filter(|p| p.required).map(|p| &*p.name).filter(move |name| {
        let others = of.iter().enumerate().filter(|(other, _)| *other != index);
        !others.flat_map(|(_, id)| members(*id)).any(|p| &*p.name == *name)
    })
}

impl Operation {
    /// The position of a parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<u8> {
        let index = self.parameters.iter().position(|p| &*p.name == name)?;
        u8::try_from(index).ok()
    }

    /// The parameters that stand at a location, with their positions.
    pub fn parameters_in(&self, location: Location) -> impl Iterator<Item = (u8, &Parameter)> {
        (0u8..=u8::MAX).zip(&self.parameters).filter(move |(_, p)| p.location == location)
    }
}
