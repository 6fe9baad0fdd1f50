//! The canonical contract as types: what `mappings/canonical/openapi.yaml` says.
//!
//! One OpenAPI document is the only list of operations and schemas in the program; everything that
//! knows a canonical name asks it here. [`Contract::load`] reads the subset of OpenAPI 3.1 and JSON
//! Schema that the document uses and refuses the rest, so that nothing written there is without
//! effect. Left out: what only documentation tools read.

mod cache;
mod continued;
mod counts;
mod find;
mod listed;
mod load;
mod objects;
mod operations;
mod pattern;
mod schemas;
mod secrets;
mod stored;
#[cfg(test)]
pub(crate) mod tests;

use std::time::Duration;

use super::OperationId;
use crate::syntax::Span;

pub use continued::{Continued, Source};
pub(crate) use load::{Reader, Style, skip_documentation};
pub use pattern::Pattern;

/// The loaded contract: operations, schemas, cache facts. Immutable.
#[derive(Clone, Debug, Default)]
pub struct Contract {
    operations: Vec<Operation>,
    schemas: Schemas,
    stored: Vec<Stored>,
    digest: Box<str>,
}

/// `x-stored` of a schema: a resource of which a list, a look, a creation, a change and a deletion
/// are all there is.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The schema of the resource.
    pub schema: SchemaId,
    /// What one is called: `label`, `canned_response`.
    pub kind: Box<str>,
    /// The first word of its operations: `labels` of `labels.list`.
    pub operations: Box<str>,
    /// Members that no two have alike, each set by itself, without regard to case.
    pub unique: Vec<Vec<Box<str>>>,
    /// Members that a list with `q` looks through.
    pub looks: Vec<Box<str>>,
    /// The member with the id of the agent whose it is: nobody else sees it.
    pub owner: Option<Box<str>>,
    /// Of no account, and only for the platform application that made it.
    pub platform: bool,
    /// The kind of what belongs to it, and the list in which these name it: `agent`, `team_ids`.
    pub members: Option<Names>,
    /// The member by which it has a name beside its id: `x:slug:help` is the one whose `slug` is that.
    pub named: Option<Box<str>>,
    /// The member that names what it is part of. Where the path of its creation has a parameter of
    /// that name, that one says it.
    pub parent: Option<Box<str>>,
    /// The member by whose words there is one each. What it holds stands under that word.
    pub scope: Option<Box<str>>,
}

/// `x-counts` of a member: how many parts of a kind a resource has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Their kind.
    pub kind: Box<str>,
    /// Only those whose members are these words, or what another member of this object is.
    pub only: Vec<(Box<str>, Wanted)>,
}

/// What a member has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// This word.
    Word(Box<str>),
    /// What this member of the object at hand is: `$.code`.
    Member(Box<str>),
}

/// `x-names` of a member: it names resources of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The kind.
    pub kind: Box<str>,
    /// By which member; `None` is by id, and what is named must be there.
    pub by: Option<Box<str>>,
}

/// The schemas of one document: the contract's, or those of a dialect's published documents.
#[derive(Clone, Debug, Default)]
pub struct Schemas {
    all: Vec<Schema>,
    /// `components/schemas`, in the order of the document.
    named: Vec<(Box<str>, SchemaId)>,
}

/// A schema of a document; follow it with [`Schemas::schema`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SchemaId(pub u32);

/// One operation.
#[derive(Clone, Debug, Default)]
pub struct Operation {
    /// `conversations.get`.
    pub name: Box<str>,
    /// `GET`, `POST`, `PUT`, `PATCH`, `DELETE`.
    pub method: Box<str>,
    /// `/accounts/{account_id}/conversations/{conversation_id}`.
    pub path: Box<str>,
    /// Path, query and header parameters. Positions in [`super::Params`] are indexes of this list.
    pub parameters: Vec<Parameter>,
    /// The JSON body it takes.
    pub body: Option<RequestBody>,
    /// `x-file` of a body that is a form: the part that is a file, which is sent in the place of the
    /// JSON body.
    pub file: Option<Box<str>>,
    /// The status of a success.
    pub status: u16,
    /// The JSON it answers with; `None` answers nothing, or bytes where [`Self::binary`].
    pub answer: Option<SchemaId>,
    /// Whether it answers with bytes of any media type instead of JSON.
    pub binary: bool,
    /// `security: []`: asked without a credential.
    pub public: bool,
    /// Whether it changes nothing: every GET, and what the contract marks `x-safe`.
    pub safe: bool,
    /// `x-roles`: who may ask for it beside the gateway. None listed are all but platform
    /// applications.
    pub roles: Vec<Box<str>>,
    /// `x-cache`.
    pub cache: CacheFacts,
    /// `x-continued` of one of its parameters: how a list that is cut off in its answer goes on.
    pub continued: Option<Continued>,
}

/// One parameter.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name on the wire.
    pub name: Box<str>,
    /// Where it stands.
    pub location: Location,
    /// Whether it must be given.
    pub required: bool,
    /// Its type; of a list, the list's.
    pub schema: SchemaId,
    /// A list (repeated, or comma-separated where `explode` is false).
    pub list: bool,
    /// `false`: one comma-separated value on the wire.
    pub explode: bool,
    /// What leaving it out means, as text on the wire.
    pub default: Option<Box<str>>,
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// In the path.
    Path,
    /// In the query string.
    Query,
    /// A header.
    Header,
}

/// The body an operation takes.
#[derive(Clone, Debug)]
pub struct RequestBody {
    /// Its type.
    pub schema: SchemaId,
    /// A merge patch (RFC 7396): absent stays as it is.
    pub patch: bool,
    /// Whether it must be given.
    pub required: bool,
}

/// `x-cache` of an operation.
#[derive(Clone, Debug, Default)]
pub struct CacheFacts {
    /// How long an answer may be given again; `None` is never stored.
    pub ttl: Option<Duration>,
    /// So long after its time to live an answer is given while the backend is being asked; zero is
    /// not at all.
    pub stale_while_revalidate: Duration,
    /// So long after its time to live an answer is given where the backend fails; zero is not at all.
    pub stale_if_error: Duration,
    /// `scope: actor`: the content depends on who asks.
    pub per_actor: bool,
    /// Tags of an answer.
    pub tags: Vec<TagTemplate>,
    /// Tags that a write moves.
    pub invalidates: Vec<Moved>,
    /// Places of an answer that hold a secret; one that has a value there is not stored.
    pub secrets: Vec<Vec<Box<str>>>,
    /// Places of an answer that hold a time at which it changes by itself: `$.snooze.until`. Members
    /// to follow, as in [`TagPart::Answer`]; no answer is given again past the earliest.
    pub until: Vec<Vec<Box<str>>>,
    /// `widen: true`: reads of one object are asked in one widened view (`include`s united).
    pub widen: bool,
    /// `no_store: true`: the answer has secrets; clients are told to keep nothing of it.
    pub no_store: bool,
    /// `everything: true`: a write after which no answer that was stored may be given again.
    pub everything: bool,
    /// `non_empty: data`: an answer whose list under this member is empty is not stored.
    pub non_empty: Option<Box<str>>,
}

/// A tag that a write moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The tag.
    pub tag: TagTemplate,
    /// It stays where the body has no other members than these; empty: it is moved in any case.
    pub unless_only: Vec<Box<str>>,
}

/// `conv:{conversation_id}`, `conv:{$.id}`, `contact:{$.messages[*].author.id}`: text with holes,
/// each a parameter or a place of the answer, or `{!source_id}`, a parameter that must be left out. A hole without a value gives no tag; a hole with
/// several values gives several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagTemplate(pub Vec<TagPart>);

/// A part of a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagPart {
    /// As it stands.
    Text(Box<str>),
    /// A parameter of the request, by position.
    Parameter(u8),
    /// Nothing, where the request leaves this parameter out; where it gives it, there is no tag.
    Without(u8),
    /// Members to follow in the answer; `*` is every element of a list.
    Answer(Vec<Box<str>>),
}

/// A type.
#[derive(Clone, Debug)]
pub struct Schema {
    /// Its name under `components/schemas`, if it has one. A nullable variant that the contract
    /// writes in place (`anyOf: [{$ref: Agent}, {type: 'null'}]`) keeps the name.
    pub name: Option<Box<str>>,
    /// Whether null is a value of it.
    pub nullable: bool,
    /// What it is when it is not null.
    pub kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Text.
    String(StringKind),
    /// A whole number, both ends included.
    Integer {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// This one value that is no text: the token of a number or a boolean. Only published documents
    /// have it.
    Value(Box<str>),
    /// Any number, both ends included.
    Number {
        /// Smallest value; minus infinity where there is none.
        min: f64,
        /// Largest value; infinity where there is none.
        max: f64,
    },
    /// `true` or `false`.
    Boolean,
    /// A list.
    List {
        /// Type of an element.
        items: SchemaId,
        /// No two alike.
        unique: bool,
        /// Fewest elements.
        min: u32,
        /// Most elements.
        max: Option<u32>,
    },
    /// An object.
    Object {
        /// Its members in the order of the contract.
        properties: Vec<Property>,
        /// Members beyond those.
        additional: Additional,
        /// Fewest members.
        min_properties: u32,
    },
    /// One of several objects, told apart by the constant of their member `type` or, where none has
    /// one, by a required member that only one of them knows.
    Union(Vec<SchemaId>),
    /// One of several objects without a common discriminator, or of several simple types. Empty:
    /// any JSON value.
    Any(Vec<SchemaId>),
}

/// Constraints of text.
#[derive(Clone, Debug, Default)]
pub struct StringKind {
    /// The values, where they are listed.
    pub words: Option<Vec<Box<str>>>,
    /// `date-time`, `date`, `uuid`, `uri`, …
    pub format: Option<Box<str>>,
    /// A pattern the whole or a part must match, as written.
    pub pattern: Option<Pattern>,
    /// Fewest characters.
    pub min: u32,
    /// Most characters.
    pub max: Option<u32>,
}

/// A member of an object.
#[derive(Clone, Debug)]
pub struct Property {
    /// Its name.
    pub name: Box<str>,
    /// Its type.
    pub schema: SchemaId,
    /// Whether it must be there.
    pub required: bool,
    /// `x-gateway`: filled by gateway or backend, refused in a write.
    pub gateway: bool,
    /// `x-include`: there only when the call asks for this name.
    pub include: Option<Box<str>>,
    /// `x-ref`: the id property that goes with it.
    pub reference: Option<Box<str>>,
    /// `x-names`: it names resources, which are followed when they are renamed or deleted.
    pub names: Option<Names>,
    /// Where that stands, or the property.
    pub names_at: Span,
    /// `x-counts`: how many parts of a kind there are.
    pub counts: Option<Counts>,
    /// `x-secret`: told to whoever made the resource, and then no more. An answer with one is never
    /// stored.
    pub secret: bool,
    /// `default`: what a new resource has there.
    pub default: Option<serde_json::Value>,
    /// `x-differs`, `x-dropped`: known to be something else than the document says; it is not
    /// looked at.
    pub differs: bool,
    /// `x-dropped`: no mapping speaks it, and why. Only published documents have it.
    pub dropped: Option<Dropped>,
}

/// Why something that is published is not spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// In words.
    pub why: Box<str>,
    /// `canonical: none`: whoever wrote it looked for it in the contract, and it is not there under
    /// its name or another.
    pub nowhere: bool,
}

/// Members beyond the listed ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Additional {
    /// None.
    Refused,
    /// Any.
    Allowed,
    /// Of this type.
    Typed(SchemaId),
}
