//! What the members of a published object mean: their links to places of the contract, written into
//! `documented.yaml` beside their types. A round trip cannot tell two members that stand for each
//! other's place, or two words that stand for each other; a link can.

use crate::json::place::Place;
use crate::mapping::plan::Codec;
use crate::mapping::run::codec;
use crate::syntax::{Code, Diagnostic, Diagnostics, Node, closest};

use super::json::Json;

/// Deepest way from schema to schema.
const DEEPEST: usize = 32;
/// Keys of ours on a property.
const KEYS: [&str; 3] = ["x-canonical", "x-null", "x-words"];

/// The links of a document, by schema.
#[derive(Clone, Debug, Default)]
pub struct Links(Vec<(Box<str>, Shape)>);

/// What is known of a value.
#[derive(Clone, Debug)]
enum Shape {
    Of(Box<str>),
    Object(Vec<Member>),
    List(Box<Self>),
    /// One of several.
    Any(Vec<Self>),
    /// A single value; a word it must be.
    Scalar {
        format: Option<Box<str>>,
        words: Vec<Json>,
    },
}

#[derive(Clone, Debug)]
struct Member {
    name: Box<str>,
    /// `x-canonical`: the place that it shows, from the place of the object around it.
    place: Option<Place>,
    /// `x-null`: how it says that nothing is there.
    null: Option<Json>,
    /// `default`: what it says of something that is not there, and may say of something that is.
    default: Option<Json>,
    /// `x-words`: canonical words and theirs.
    words: Vec<(Json, Json)>,
    shape: Shape,
}

/// A member that does not say what its place does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unlike {
    /// Where the member stands in their object (RFC 6901).
    pub pointer: String,
    /// The place.
    pub place: String,
    /// What the place holds.
    pub holds: Option<Json>,
    /// What the member says.
    pub says: Option<Json>,
}

impl Links {
    /// Reads the links of a `documented.yaml`; what is no place is reported.
    pub fn read(document: &Node, diagnostics: &mut Diagnostics) -> Self {
        let schemas = document.get("components").and_then(|node| node.get("schemas"));
        let schemas = schemas.and_then(Node::as_map).unwrap_or_default();
        Self(
            schemas
                .iter()
                .map(|entry| (entry.key.as_str().into(), shape(&entry.value, diagnostics)))
                .collect(),
        )
    }

    /// Whether a schema of this name says anything.
    #[must_use]
    pub fn has(&self, schema: &str) -> bool {
        self.0.iter().any(|(name, shape)| **name == *schema && says(shape))
    }

    /// Compares an object of theirs with the canonical one it shows. `read` says that the canonical
    /// one was read from it: then what says nothing must have been read as nothing.
    #[must_use]
    pub fn compare(
        &self,
        schema: &str,
        canonical: &Json,
        theirs: &Json,
        read: bool,
    ) -> Vec<Unlike> {
        let mut compare = Compare { links: self, read, found: Vec::new(), pointer: String::new() };
        if let Some((_, shape)) = self.0.iter().find(|(name, _)| **name == *schema) {
            compare.value(shape, canonical, theirs, DEEPEST);
        }
        compare.found
    }
}

fn says(shape: &Shape) -> bool {
    match shape {
        Shape::Object(members) => {
            members.iter().any(|member| member.place.is_some() || says(&member.shape))
        }
        Shape::List(of) => says(of),
        Shape::Any(of) => of.iter().any(says),
        Shape::Of(_) | Shape::Scalar { .. } => false,
    }
}

fn shape(node: &Node, d: &mut Diagnostics) -> Shape {
    if let Some(name) = node.get("$ref").and_then(Node::as_text) {
        return Shape::Of(name.rsplit('/').next().unwrap_or_default().into());
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(list) = node.get(key).and_then(Node::as_list) {
            return Shape::Any(list.iter().map(|node| shape(node, d)).collect());
        }
    }
    let parts = node.get("allOf").and_then(Node::as_list).unwrap_or_default();
    let properties = node.get("properties").and_then(Node::as_map);
    if properties.is_some() || !parts.is_empty() {
        let mut members: Vec<Member> = Vec::new();
        let inside = parts.iter().filter_map(|part| part.get("properties")?.as_map()).flatten();
        for entry in inside.chain(properties.unwrap_or_default()) {
            let of = &entry.value;
            let words = of.get("x-words").and_then(Node::as_map).unwrap_or_default();
            members.push(Member {
                name: entry.key.as_str().into(),
                place: of.get("x-canonical").and_then(|node| place(node, d)),
                null: of.get("x-null").map(json),
                default: of.get("default").map(json),
                words: words.iter().map(|e| (Json::text(&e.key), json(&e.value))).collect(),
                shape: shape(of, d),
            });
            for key in of.as_map().unwrap_or_default() {
                let near = closest(&key.key, KEYS).filter(|near| *near != key.key);
                if key.key.starts_with("x-")
                    && let Some(near) = near
                {
                    let message = format!("a property has no key `{}`", key.key);
                    d.push(
                        Diagnostic::error(Code::UnknownKey, key.key_span, message)
                            .suggest(Some(near)),
                    );
                }
            }
        }
        return Shape::Object(members);
    }
    if let Some(items) = node.get("items") {
        return Shape::List(Box::new(shape(items, d)));
    }
    let listed = node.get("enum").and_then(Node::as_list).unwrap_or_default();
    let only = node.get("const").map(std::slice::from_ref).unwrap_or_default();
    Shape::Scalar {
        format: node.get("format").and_then(Node::as_text).map(Into::into),
        words: listed.iter().chain(only).map(json).collect(),
    }
}

fn json(node: &Node) -> Json {
    Json::read(&node.to_json().to_string())
}

fn place(node: &Node, d: &mut Diagnostics) -> Option<Place> {
    let text = node.as_text().unwrap_or_default();
    match text.parse::<Place>() {
        Ok(place) if place.root.is_empty() => Some(place),
        _ => {
            let message = format!("`{text}` is no place of the canonical object");
            let problem = Diagnostic::error(Code::BadPlace, node.span, message);
            d.push(problem.help("for example `x-canonical: $.created_at`"));
            None
        }
    }
}

struct Compare<'l> {
    links: &'l Links,
    read: bool,
    found: Vec<Unlike>,
    pointer: String,
}

impl Compare<'_> {
    fn value(&mut self, shape: &Shape, canonical: &Json, theirs: &Json, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        match (shape, theirs) {
            (Shape::Of(name), _) => {
                let links = self.links;
                if let Some((_, shape)) = links.0.iter().find(|(n, _)| n == name) {
                    self.value(shape, canonical, theirs, depth);
                }
            }
            (Shape::Any(of), _) => {
                if let Some(shape) = of.iter().find(|shape| self.fits(shape, theirs, depth)) {
                    self.value(shape, canonical, theirs, depth);
                }
            }
            (Shape::Object(members), Json::Object(_)) => {
                for member in members {
                    let Some(value) = theirs.get(&member.name) else { continue };
                    let before = self.pointer.len();
                    self.pointer.push('/');
                    self.pointer.push_str(&member.name.replace('~', "~0").replace('/', "~1"));
                    self.member(member, canonical, value, depth);
                    self.pointer.truncate(before);
                }
            }
            _ => {}
        }
    }

    fn member(&mut self, member: &Member, canonical: &Json, theirs: &Json, depth: usize) {
        let Some(place) = &member.place else {
            // An object written in place, theirs alone, shows places of the same object.
            if matches!(member.shape, Shape::Object(_)) {
                self.value(&member.shape, canonical, theirs, depth);
            }
            return;
        };
        let holds = canonical.at(&place.hops);
        let nothing = holds.is_none_or(Json::is_null);
        let null = theirs.is_null() || member.null.as_ref() == Some(theirs);
        let word = member.words.iter().find(|(own, _)| holds == Some(own));
        let right = if let Some((_, word)) = word {
            word == theirs
        } else if nothing && self.read {
            // What goes one way, or is lost: no other place was written for it.
            true
        } else if nothing {
            null || member.default.as_ref() == Some(theirs) || theirs.is_empty()
        } else if null && (self.read || theirs.is_null()) {
            // A value that is spelled like nothing cannot be told from it, when it is written.
            false
        } else {
            null || holds
                .is_some_and(|holds| self.says(&member.shape, &member.words, holds, theirs, depth))
        };
        if !right {
            self.tell(&place.to_string(), holds, theirs);
        }
    }

    /// Whether a value says what a place holds. `words` are canonical words and theirs.
    fn says(
        &mut self,
        shape: &Shape,
        words: &[(Json, Json)],
        holds: &Json,
        theirs: &Json,
        depth: usize,
    ) -> bool {
        let shape = self.shape(shape, theirs, depth).cloned();
        match (shape, theirs) {
            (Some(shape @ Shape::Object(_)), Json::Object(_)) => {
                self.value(&shape, holds, theirs, depth);
                true
            }
            (Some(Shape::List(of)), Json::List(elements)) => {
                let all = holds.elements();
                for (index, (holds, theirs)) in all.iter().zip(elements).enumerate() {
                    let before = self.pointer.len();
                    self.pointer.push_str(&format!("/{index}"));
                    if !self.says(&of, &[], holds, theirs, depth) {
                        self.tell("", Some(holds), theirs);
                    }
                    self.pointer.truncate(before);
                }
                all.len() == elements.len()
            }
            (Some(Shape::Scalar { format, words: listed }), _) => {
                if let Some((_, word)) = words.iter().find(|(own, _)| own == holds) {
                    return word == theirs;
                }
                if !listed.is_empty() {
                    // A canonical word that is one of theirs, too, is itself.
                    return !listed.contains(holds) || holds == theirs;
                }
                if !words.is_empty() {
                    return true;
                }
                formatted(format.as_deref(), holds, theirs)
            }
            _ => alike(holds, theirs),
        }
    }

    fn tell(&mut self, place: &str, holds: Option<&Json>, says: &Json) {
        self.found.push(Unlike {
            pointer: self.pointer.clone(),
            place: place.to_owned(),
            holds: holds.cloned(),
            says: Some(says.clone()),
        });
    }

    fn shape<'s>(&'s self, shape: &'s Shape, theirs: &Json, depth: usize) -> Option<&'s Shape> {
        let depth = depth.checked_sub(1)?;
        match shape {
            Shape::Of(name) => {
                let (_, shape) = self.links.0.iter().find(|(n, _)| n == name)?;
                self.shape(shape, theirs, depth)
            }
            Shape::Any(of) => {
                let shape = of.iter().find(|shape| self.fits(shape, theirs, depth))?;
                self.shape(shape, theirs, depth)
            }
            shape => Some(shape),
        }
    }

    /// Whether a value may be of a shape, by its kind, its members and their words.
    fn fits(&self, shape: &Shape, theirs: &Json, depth: usize) -> bool {
        let Some(depth) = depth.checked_sub(1) else { return false };
        match (shape, theirs) {
            (Shape::Of(name), _) => {
                let found = self.links.0.iter().find(|(n, _)| n == name);
                found.is_some_and(|(_, shape)| self.fits(shape, theirs, depth))
            }
            (Shape::Any(of), _) => of.iter().any(|shape| self.fits(shape, theirs, depth)),
            (Shape::Object(members), Json::Object(values)) => values.iter().all(|(name, value)| {
                let member = members.iter().find(|member| member.name == *name);
                member.is_some_and(|member| match &member.shape {
                    Shape::Scalar { words, .. } => words.is_empty() || words.contains(value),
                    _ => true,
                })
            }),
            (Shape::List(_), Json::List(_)) => true,
            (Shape::Scalar { words, .. }, value) => {
                !matches!(value, Json::List(_) | Json::Object(_))
                    && (words.is_empty() || words.contains(value))
            }
            _ => false,
        }
    }
}

/// Whether two values are one, as the format says it is written.
fn formatted(format: Option<&str>, holds: &Json, theirs: &Json) -> bool {
    let time = |codec| {
        let mut ours = Vec::new();
        if codec::convert(codec, false, false, &holds.to_string(), &mut ours).is_err() {
            return false;
        }
        // Theirs may stand in quotes, and may have fewer digits.
        let theirs = theirs.as_text().map_or_else(|| theirs.to_string(), str::to_owned);
        within(String::from_utf8_lossy(&ours).trim_matches('"'), &theirs)
    };
    match format {
        Some("unix-seconds") => time(Codec::UnixSeconds),
        Some("unix-float") => time(Codec::UnixFloat),
        Some("date-time") => time(Codec::Rfc3339Micros),
        Some("date") => time(Codec::Date),
        _ => alike(holds, theirs),
    }
}

/// Whether one spelling of a time is the other, or the other with fewer digits of the second.
fn within(ours: &str, theirs: &str) -> bool {
    let bare = |text: &str| text.trim_end_matches('Z').trim_end_matches("+00:00").to_owned();
    let (ours, theirs) = (bare(ours), bare(theirs));
    let Some(rest) = ours.strip_prefix(&*theirs) else { return false };
    rest.is_empty() || rest.starts_with('.') || theirs.contains('.')
}

/// Whether two values are one, be one of them a number in quotes.
fn alike(holds: &Json, theirs: &Json) -> bool {
    match (holds, theirs) {
        (Json::Number(number), Json::Text(text)) | (Json::Text(text), Json::Number(number)) => {
            number == text || text.strip_prefix("n:") == Some(number)
        }
        (Json::Object(a), Json::Object(b)) => a.len() == b.len() && a.iter().all(|m| b.contains(m)),
        (Json::Object(members), Json::List(all)) => members.is_empty() && all.is_empty(),
        _ => holds == theirs,
    }
}

#[cfg(test)]
mod tests;
