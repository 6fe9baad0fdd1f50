//! `sees` of a credential: which objects of an answer are open.
//!
//! Of a schema there is one block of equalities that must all hold, or a list of such blocks, of which
//! one must. An equality is about a member of the object or about whoever looks (`$principal.x`).

use crate::canonical::Sight;
use crate::canonical::contract::SchemaId;
use crate::canonical::principal::{Allowed, SightRule, SightTest, Subject};
use crate::syntax::fields::wrong_type;
use crate::syntax::yaml::Entry;
use crate::syntax::{Code, Diagnostic, Diagnostics, Node, Value, closest};

use super::Context;

/// How facts are written.
const FACT: &str = "$principal.";

/// Reads `sees`. What is wrong is reported, and keeps back what it is about.
pub(super) fn read(entries: &[Entry], facts: &[Box<str>], cx: &mut Context<'_>) -> Sight {
    let mut rules = Vec::new();
    for entry in entries {
        let Some(schema) = cx.contract.schema_named(&entry.key) else {
            cx.diagnostics.push(
                Diagnostic::error(
                    Code::UnknownReference,
                    entry.key_span,
                    format!("the contract has no schema `{}`", entry.key),
                )
                .suggest(closest(&entry.key, cx.contract.schema_names())),
            );
            continue;
        };
        let blocks = entry.value.as_list().unwrap_or(std::slice::from_ref(&entry.value));
        if blocks.is_empty() {
            let message = format!("nobody ever sees a `{}`", entry.key);
            cx.diagnostics.push(
                Diagnostic::error(Code::BadCondition, entry.value.span, message)
                    .help("write what must hold, or a list of such blocks of which one must"),
            );
        }
        let any = blocks.iter().map(|block| tests(block, &entry.key, schema, facts, cx)).collect();
        rules.push(SightRule { schema: entry.key.as_str().into(), any });
    }
    Sight(rules)
}

/// What must hold together.
fn tests(
    block: &Node,
    named: &str,
    schema: SchemaId,
    facts: &[Box<str>],
    cx: &mut Context<'_>,
) -> Vec<SightTest> {
    let Some(entries) = block.as_map() else {
        cx.diagnostics.push(wrong_type(block, "what may be seen is a block of members and values"));
        return Vec::new();
    };
    if entries.is_empty() {
        let message = format!("everybody sees every `{named}`");
        cx.diagnostics.push(
            Diagnostic::error(Code::MissingKey, block.span, message)
                .help(format!("to say so, leave `{named}` out of `sees`")),
        );
    }
    entries.iter().filter_map(|entry| test(entry, named, schema, facts, cx)).collect()
}

fn test(
    entry: &Entry,
    named: &str,
    schema: SchemaId,
    facts: &[Box<str>],
    cx: &mut Context<'_>,
) -> Option<SightTest> {
    if let Some(fact) = entry.key.strip_prefix(FACT) {
        let known = Node { span: entry.key_span, value: Value::Text(entry.key.clone()) };
        allowed(&known, &[], facts, cx.diagnostics);
        if entry.value.as_text().is_some_and(|text| text.starts_with(FACT)) {
            let message = "two facts of one principal do not tell what may be seen";
            cx.diagnostics.push(
                Diagnostic::error(Code::BadCondition, entry.value.span, message)
                    .help("compare a fact with a value, and a member of the object with a fact"),
            );
            return None;
        }
        let allowed = allowed(&entry.value, &[], facts, cx.diagnostics)?;
        return Some(SightTest { of: Subject::Fact(fact.into()), allowed });
    }
    let Some(property) = cx.contract.property(schema, &entry.key) else {
        let known = cx.contract.properties(schema).iter().map(|p| &*p.name);
        cx.diagnostics.push(
            Diagnostic::error(
                Code::UnknownPlace,
                entry.key_span,
                format!("`{named}` has no member `{}`", entry.key),
            )
            .suggest(closest(&entry.key, known)),
        );
        return None;
    };
    let words = cx.contract.words(property.schema);
    let allowed = allowed(&entry.value, words, facts, cx.diagnostics)?;
    Some(SightTest { of: Subject::Member(entry.key.as_str().into()), allowed })
}

fn allowed(
    node: &Node,
    words: &[Box<str>],
    facts: &[Box<str>],
    diagnostics: &mut Diagnostics,
) -> Option<Allowed> {
    if let Some(name) = node.as_text().and_then(|t| t.strip_prefix(FACT)) {
        if !facts.iter().any(|f| **f == *name) {
            let message = format!("`yields` gives no `{name}`");
            diagnostics.push(
                Diagnostic::error(Code::UnknownRoot, node.span, message)
                    .suggest(closest(name, facts.iter().map(|f| &**f))),
            );
        }
        return Some(Allowed::Principal(name.into()));
    }
    let items = node.as_list().unwrap_or(std::slice::from_ref(node));
    let mut texts = Vec::new();
    for item in items {
        match &item.value {
            Value::List(_) | Value::Map(_) | Value::Null | Value::Float(_) => {
                diagnostics.push(wrong_type(
                    item,
                    "what may be seen is a word, a list of words or `$principal.x`",
                ));
                return None;
            }
            Value::Text(text) if !words.is_empty() && !words.iter().any(|w| **w == *text) => {
                diagnostics.push(
                    Diagnostic::error(
                        Code::UnknownWord,
                        item.span,
                        format!("`{text}` is no value of this member"),
                    )
                    .suggest(closest(text, words.iter().map(|w| &**w))),
                );
            }
            _ => {}
        }
        texts.push(item.to_json().to_string().into());
    }
    Some(Allowed::Words(texts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::load::tests::{HEAD, load_with, problem, simple};

    const OWN: &str = "Conversation: { contact_identity_id: $principal.identity }";
    const SIMPLE: &str = "    credential: token\n    reply: { fields: { n: $.number } }\n";

    fn load(
        sees: &str,
    ) -> (crate::syntax::Sources, Option<crate::dialect::catalog::Catalog>, Diagnostics) {
        assert!(HEAD.contains(OWN));
        load_with(&HEAD.replace(OWN, sees), &simple(SIMPLE))
    }

    #[test]
    fn alternatives_are_read_each_with_all_that_must_hold() {
        let (sources, catalog, diagnostics) = load(
            "Conversation:
        - { contact_identity_id: $principal.identity }
        - { $principal.kind: [ contact, agent ], contact_id: $principal.contact }",
        );
        assert!(!diagnostics.has_errors(), "{}", diagnostics.render(&sources, false));
        let catalog = catalog.unwrap();
        let sight = catalog.dialects[0].credentials[1].sight.clone().unwrap();
        let member = |name: &str, fact: &str| SightTest {
            of: Subject::Member(name.into()),
            allowed: Allowed::Principal(fact.into()),
        };
        let kind = SightTest {
            of: Subject::Fact("kind".into()),
            allowed: Allowed::Words(vec!["\"contact\"".into(), "\"agent\"".into()]),
        };
        let own = vec![member("contact_identity_id", "identity")];
        assert_eq!(sight.0[0].any, [own, vec![kind, member("contact_id", "contact")]]);
        assert_eq!((&*sight.0[1].schema, sight.0[1].any.len()), ("Message", 1));
    }

    #[test]
    fn what_says_nothing_or_too_much_is_refused() {
        for (sees, code, at) in [
            ("Conversation: []", Code::BadCondition, "["),
            ("Conversation: {}", Code::MissingKey, "{"),
            ("Conversation: [ { id: cnv }, {} ]", Code::MissingKey, "{"),
            ("Conversation: mine", Code::WrongType, "mine"),
            ("Conversation: [ mine ]", Code::WrongType, "mine"),
            ("Conversation: { $principal.proved: true }", Code::UnknownRoot, "$principal.proved"),
            (
                "Conversation: { $principal.contact: $principal.identity }",
                Code::BadCondition,
                "$principal.identity",
            ),
            ("Conversation: { $principal.kind: null }", Code::WrongType, "null"),
            (
                "Conversation: [ { contact: x } , { contct_id: x } ]",
                Code::UnknownPlace,
                "contct_id",
            ),
        ] {
            let found = load(sees);
            let (found_code, found_at, _) = problem(&found);
            assert_eq!((found_code, &*found_at), (code, at), "{sees}");
        }
    }

    /// What one alternative keeps back another one may show.
    #[test]
    fn a_public_dialect_keeps_notes_back_in_every_alternative() {
        let thread = "    credential: pair\n    reply: { fields: { m: { at: $.messages, each: { fields: { t: $.body.text } } } } }\n";
        let thread = simple(thread).replace("{account}", "{inbox}/{contact}");
        let messages = "Message: { visibility: public, kind: [ incoming, outgoing ] }";
        assert!(HEAD.contains(messages));
        let shown = |sees: &str| load_with(&HEAD.replace(messages, sees), &thread);
        let public = "{ visibility: public, kind: [ incoming, outgoing ] }";
        let (sources, _, good) = shown(&format!("Message: [ {public}, {public} ]"));
        assert!(!good.has_errors(), "{}", good.render(&sources, false));
        for open in ["{ $principal.kind: contact }", "{ visibility: public }", "{ id: msg_1 }"] {
            let found = shown(&format!("Message: [ {public}, {open} ]"));
            assert_eq!(problem(&found).0, Code::InternalData, "{open}");
        }
    }
}
