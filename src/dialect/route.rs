//! One route: what a client asks for, which canonical calls that is, and what the client gets.

use std::sync::Arc;

use super::envelope::Envelopes;
use super::form::Guide;
use super::page::Page;
use crate::canonical::{OperationId, Problem};
use crate::mapping::plan::Program;
use crate::syntax::Span;

/// A request of the dialect and what it stands for. Document 0 of every program here is `inputs`
/// (see [`Route::inputs`]); the others are named by their roots.
#[derive(Clone, Debug)]
pub struct Route {
    /// `conversations.get`: the key in `routes.yaml`, unique in the dialect. Also the metric label.
    pub name: Arc<str>,
    /// Number in the catalog, unique over all dialects.
    pub number: u32,
    /// `GET`, `POST`, …
    pub method: &'static str,
    /// The dialect's root and the template: `/public/api/v1/inboxes/{inbox}/…`. The prefix of a
    /// mount comes before it.
    pub template: Template,
    /// Index into the dialect's credentials; `None` is open to all.
    pub credential: Option<usize>,
    /// How the client's body becomes `$body`. Reads `inputs` and the document `request`.
    pub body: Option<Body>,
    /// Files of a form, each of which goes to the backend as it comes, before anything else is
    /// asked for.
    pub files: Option<Files>,
    /// Query parameters that the route knows. Others are ignored, or refused where
    /// `reject_unknown_members` holds.
    pub query: Vec<QueryParameter>,
    /// Asked before anything else where the credential's `guard` says so; index into `calls`.
    pub guard: Option<usize>,
    /// The calls, in order.
    pub calls: Vec<Call>,
    /// Whether no call changes anything. A GET that does make something is never asked for by HEAD.
    pub safe: bool,
    /// Whether the client is told to keep nothing of the answer: it has secrets (`x-cache:
    /// no_store`), or a GET that makes something gave it.
    pub no_store: bool,
    /// The first reply whose `when` holds is the answer.
    pub replies: Vec<Reply>,
    /// How it writes problems, where not as the dialect does.
    pub envelopes: Envelopes,
    /// Which parts of the request `inputs` must hold.
    pub inputs: Inputs,
    /// Index of the documented operation that it is.
    pub documents: Option<usize>,
    /// Where the route stands.
    pub span: Span,
    /// Whose it is.
    pub origin: Origin,
}

/// Who wrote a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The dialect, or a part of it.
    Own,
    /// The dialect that it extends, all of it.
    Inherited,
    /// Nobody: it follows from the contract.
    Generated,
}

/// A query parameter of a dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryParameter {
    /// Its name in the dialect.
    pub name: Box<str>,
    /// How often it may be given.
    pub arity: Arity,
}

/// How many values a query parameter has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// One: the last counts. Text among the inputs.
    One,
    /// A list, repeated: `labels[]=a&labels[]=b`. A list of texts among the inputs.
    Repeated,
    /// A list, in one value with commas, repeated or both. A list of texts among the inputs.
    Commas,
}

/// The JSON document of bound inputs: `{"path":{…},"query":{…},"header":{…},"principal":{…},
/// "config":{…}}`, each part only with the members some program of the route reads. Path values are
/// text, or integers where the template says `:int`; query values are text, lists of text where the
/// route says so; principal members are what `yields` gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Path parameters.
    pub path: Vec<Box<str>>,
    /// Query parameters.
    pub query: Vec<Box<str>>,
    /// Headers, lower-case.
    pub header: Vec<Box<str>>,
    /// Facts of the principal.
    pub principal: Vec<Box<str>>,
    /// Values of the configuration, by name.
    pub config: Vec<Box<str>>,
    /// Parameters that say which page: `"paged":{"page":"/a?b=c&page="}` is path and query of the
    /// request, up to such a number.
    pub paged: Vec<Box<str>>,
}

/// A path template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// As it is written, the dialect's root included.
    pub text: Box<str>,
    /// Its segments.
    pub segments: Vec<Segment>,
    /// Members of the query without which it is another request, in the order of their names.
    pub query: Vec<Telling>,
}

/// A member of the query that tells a request from another one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Telling {
    /// Its name.
    pub name: Box<str>,
    /// What it says; `None` is anything but nothing.
    pub value: Option<Box<str>>,
}

impl Template {
    /// The segments that stand for values, in order.
    pub fn parameters(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().filter(|s| s.name().is_some())
    }

    /// The template with its parameters numbered instead of named, so that two templates that match
    /// the same paths are equal.
    #[must_use]
    pub fn pattern(&self) -> String {
        let mut text = String::with_capacity(self.text.len());
        for (index, segment) in self.segments.iter().enumerate() {
            text.push('/');
            match segment {
                Segment::Literal(literal) => text.push_str(literal),
                Segment::Text(_) | Segment::Integer(_) => {
                    text.push_str(&format!("{{p{index}}}"));
                }
            }
        }
        text
    }
}

impl Segment {
    /// The name of the value; `None` for a literal.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::Text(name) | Self::Integer(name) => Some(name),
        }
    }
}

/// A segment of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Exactly this.
    Literal(Box<str>),
    /// One segment, percent-decoded.
    Text(Box<str>),
    /// A decimal integer from 1 to 2^53 - 1.
    Integer(Box<str>),
}

/// A client's body.
#[derive(Clone, Debug)]
pub struct Body {
    /// `inputs`, `request` → canonical body.
    pub program: Program,
    /// Whether a body must be sent.
    pub required: bool,
    /// How a form is read, where the dialect accepts forms.
    pub form: Option<Guide>,
    /// The operation whose body it is as it stands, to be validated against the contract (the
    /// identity dialect). Elsewhere the program checks what it writes.
    pub whole: Option<OperationId>,
}

/// What is done with the files of a form.
#[derive(Clone, Debug)]
pub struct Files {
    /// The parts that may be files: `attachments[]`. Any other that is one is refused.
    pub parts: Vec<Box<str>>,
    /// What takes a file.
    pub operation: OperationId,
    /// Writes its parameters, over `inputs`.
    pub params: Program,
    /// Whether that is all that the route does: the answer is that of its only call. In any case what
    /// was answered stands in the form, in the place of the file.
    pub alone: bool,
    /// A value of the form that says what the file is.
    pub said: Option<Said>,
    /// How the other values of the form are read.
    pub guide: Guide,
}

/// A word beside a file, and which media types each word stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The value's name.
    pub name: Box<str>,
    /// Each word, and a media type, whole or up to a `*`.
    pub words: Vec<(Box<str>, Box<str>)>,
}

/// One canonical call.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its name in the route: the root `$name`.
    pub name: Box<str>,
    /// What is asked for.
    pub operation: OperationId,
    /// Runs only when this gives `true`.
    pub when: Option<Program>,
    /// Writes a list with one value per parameter of the operation, in the contract's order; null
    /// sends nothing, a list sends several.
    pub params: Program,
    /// Writes the body.
    pub body: Option<Program>,
    /// Not from the cache.
    pub fresh: bool,
    /// Asked as the gateway, in the widened view.
    pub widen: bool,
    /// Calls whose results this one reads, by index.
    pub after: Vec<usize>,
    /// On `precondition_failed`: run the call with this index again and then this one, so often.
    pub again: Option<(usize, u8)>,
    /// The place of the result that counts (`take: "$.data[0]"`), of look-ups of a credential.
    pub take: Option<Program>,
    /// Its pages are asked for one after the other and joined.
    pub walk: Option<Walk>,
    /// It asks for all of a list that its answer embeds: where that is cut off, it goes on.
    pub whole: bool,
}

/// A walk over all pages of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walk {
    /// So many at most; a list that has more is refused.
    pub pages: u8,
    /// Position of the parameter `cursor`.
    pub cursor: u8,
}

/// An answer to the client.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Applies only when this gives `true`.
    pub when: Option<Program>,
    /// The status.
    pub status: u16,
    /// Further headers: name and value.
    pub headers: Vec<(Box<str>, Box<str>)>,
    /// The body.
    pub body: ReplyBody,
    /// Whether the rendering of one call's answer may be kept with it: one call, nothing read but
    /// that answer and bound inputs.
    pub keepable: bool,
}

/// The body of an answer.
#[derive(Clone, Debug)]
pub enum ReplyBody {
    /// Zero bytes.
    Empty,
    /// A constant with its media type.
    Constant(Box<[u8]>, &'static str),
    /// Written by a program over `inputs`, the calls' results and `request`.
    Program(Box<Program>),
    /// A page, filled in from the object that a program writes.
    Page(Box<Program>, Arc<Page>),
    /// The only call's answer as it is, whatever its media type.
    Verbatim,
    /// No answer: this is wrong, in the dialect's words for it.
    Problem(Box<Problem>),
}
