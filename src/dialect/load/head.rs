//! `dialect.yaml`: name, roots, habits; credentials and errors are read elsewhere.

use crate::syntax::fields::wrong_type;
use crate::syntax::yaml::Entry;
use crate::syntax::{Code, Diagnostic, Diagnostics, Fields, Node, Span, Value};

use super::line::Bases;
use crate::dialect::{Cors, Quirks};

/// The version of the mapping language that this program reads.
const LANGUAGE: i64 = 1;

/// What `dialect.yaml` says of the dialect as a whole.
#[derive(Debug)]
pub(super) struct Head<'n> {
    pub(super) system: &'n str,
    /// Before its roots where the configuration says nothing.
    pub(super) prefix: &'n str,
    pub(super) bases: Bases,
    /// Bodies may be forms.
    pub(super) forms: bool,
    pub(super) quirks: Quirks,
    pub(super) credentials: &'n [Entry],
    pub(super) errors: Option<&'n Node>,
    pub(super) pagination: &'n [Entry],
    /// Whether some who ask may see a part of an answer only: a credential is a part of the path,
    /// or says what it `sees`.
    pub(super) public: bool,
    pub(super) span: Span,
}

impl<'n> Head<'n> {
    pub(super) fn read(
        folder: &str,
        node: &'n Node,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let mut fields = Fields::of(node, "dialect.yaml", diagnostics)?;
        if let Some(language) = fields.required("language")
            && language.value != Value::Integer(LANGUAGE)
        {
            fields.diagnostics().push(
                Diagnostic::error(
                    Code::UnsupportedLanguage,
                    language.span,
                    "this program reads version 1 of the mapping language",
                )
                .help("write `language: 1`, or use the program this file was written for"),
            );
        }
        fields.required("dialect");
        let name = fields.get("dialect");
        if let Some(name) = name
            && name.as_text() != Some(folder)
        {
            fields.diagnostics().push(
                Diagnostic::error(
                    Code::WrongType,
                    name.span,
                    "a dialect has the name of its folder",
                )
                .suggest(Some(folder)),
            );
        }
        fields.required("system");
        let system = fields.text("system").unwrap_or_default();
        words(&mut fields, "follows", None);
        words(&mut fields, "roles", Some(&["client", "upstream"]));
        words(&mut fields, "accepts", Some(&["json", "form"]));
        let accepts = fields.get("accepts").and_then(Node::as_list);
        let forms = accepts.unwrap_or_default().iter().any(|kind| kind.as_text() == Some("form"));
        let mount = fields.get("mount");
        let bases = fields.map("bases");
        let prefix = prefix(&mut fields);
        let quirks = fields.get("quirks");
        let credentials = fields.map("credentials").unwrap_or_default();
        let errors = fields.get("errors");
        let pagination = fields.map("pagination").unwrap_or_default();
        fields.finish();
        let bases = Bases::read(mount, bases, node.span, diagnostics);
        let quirks = quirks.map(|q| self::quirks(q, diagnostics)).unwrap_or_default();
        let open = |e: &Entry| {
            let in_path = e.value.get("in").is_some_and(|i| i.get("path").is_some());
            in_path || e.value.get("sees").is_some()
        };
        let public = credentials.iter().any(open);
        let span = Span::start_of(node.span.source);
        Some(Self {
            system,
            prefix,
            bases,
            forms,
            quirks,
            credentials,
            errors,
            pagination,
            public,
            span,
        })
    }
}

fn prefix<'n>(fields: &mut Fields<'n, '_>) -> &'n str {
    let Some(node) = fields.get("prefix") else { return "" };
    let text = node.as_text().unwrap_or_default();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-".contains(&b);
    if text.starts_with('/')
        && !text.ends_with('/')
        && !text.contains("//")
        && text.bytes().all(plain)
    {
        return text;
    }
    let message = "`prefix` is a path that begins with `/` and ends without";
    fields.diagnostics().push(Diagnostic::error(Code::WrongType, node.span, message));
    ""
}

/// A list of words (or of texts), for whoever reads the file.
fn words(fields: &mut Fields<'_, '_>, key: &'static str, known: Option<&[&'static str]>) {
    for item in fields.list(key).unwrap_or_default() {
        let Some(text) = item.as_text() else {
            fields.diagnostics().push(wrong_type(item, &format!("`{key}` is a list of texts")));
            continue;
        };
        if let Some(known) = known.filter(|k| !k.contains(&text)) {
            let message = format!("`{key}` may hold {}", known.join(", "));
            fields.diagnostics().push(
                Diagnostic::error(Code::UnknownWord, item.span, message)
                    .suggest(crate::syntax::closest(text, known.iter().copied())),
            );
        }
    }
}

fn quirks(node: &Node, diagnostics: &mut Diagnostics) -> Quirks {
    let mut quirks = Quirks::default();
    let Some(mut fields) = Fields::of(node, "`quirks`", diagnostics) else { return quirks };
    quirks.trailing_slash = fields.word("trailing_slash", &["ignore"]).is_some();
    quirks.json_suffix = fields.word("json_suffix", &["ignore"]).is_some();
    quirks.put_is_patch = fields.boolean("put_is_patch").unwrap_or_default();
    quirks.reject_unknown_members =
        fields.word("unknown_members", &["ignore", "reject"]) == Some("reject");
    quirks.numbers_as_text = fields.word("numbers_as_text", &["accept"]).is_some();
    quirks.bad_path_is_bad_request =
        fields.word("bad_path_value", &["not_found", "bad_request"]) == Some("bad_request");
    quirks.empty_body_as_object = fields.word("empty_body", &["as_object"]).is_some();
    for item in fields.list("nested_under").unwrap_or_default() {
        match item.as_text() {
            Some(text) => quirks.nested_under.push(text.into()),
            None => fields
                .diagnostics()
                .push(wrong_type(item, "`nested_under` is a list of names of members")),
        }
    }
    let cors = fields.get("cors");
    fields.finish();
    quirks.cors = cors.and_then(|node| self::cors(node, diagnostics));
    quirks
}

/// Whether a byte may stand in a header's name.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.!#$%&'*+^`|~".contains(&byte)
}

fn cors(node: &Node, diagnostics: &mut Diagnostics) -> Option<Cors> {
    let mut fields = Fields::of(node, "`cors`", diagnostics)?;
    fields.required("origins");
    let mut origins = Vec::new();
    for item in fields.list("origins").unwrap_or_default() {
        match item.as_text() {
            Some(text) => origins.push(text.into()),
            None => fields.diagnostics().push(wrong_type(item, "an origin is text")),
        }
    }
    let max_age = fields.count("max_age").map_or(600, |n| u32::try_from(n).unwrap_or(u32::MAX));
    let mut expose: Vec<&str> = Vec::new();
    for item in fields.list("expose").unwrap_or_default() {
        let name = item.as_text().filter(|t| !t.is_empty() && t.bytes().all(is_token));
        match name {
            Some(name) => expose.push(name),
            None => {
                fields.diagnostics().push(wrong_type(item, "what is exposed is a header's name"));
            }
        }
    }
    let mut roots = Vec::new();
    for item in fields.list("roots").unwrap_or_default() {
        match item.as_text() {
            Some(name) => roots.push(name.into()),
            None => fields.diagnostics().push(wrong_type(item, "a root is named by a text")),
        }
    }
    fields.finish();
    Some(Cors { origins, max_age, roots, expose: expose.join(", ").into() })
}
