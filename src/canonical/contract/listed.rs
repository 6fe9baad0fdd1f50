//! Values listed one by one, of any type: `enum: [ 0, 1, null ]`, `const: true`. Only published
//! documents have them; the contract lists words.

use super::load::Reader;
use super::schemas::{Types, skip};
use super::{Kind, Schema, SchemaId, StringKind};
use crate::syntax::fields::wrong_type;
use crate::syntax::{Code, Diagnostic, Fields, Node, Value};

impl<'n> Reader<'n, '_> {
    /// Reads `enum` or `const` at `node` into `id`.
    pub(super) fn build_listed(&mut self, node: &'n Node, types: &Types, id: SchemaId) {
        let Some(mut fields) = Fields::of(node, "a schema of listed values", self.diagnostics)
        else {
            return;
        };
        skip(&mut fields, self.style);
        fields.get("type");
        let values: Vec<&Node> = match (fields.get("const"), fields.list("enum")) {
            (Some(one), _) => vec![one],
            (None, list) => list.unwrap_or_default().iter().collect(),
        };
        fields.finish();
        let mut null = false;
        let mut words: Vec<Box<str>> = Vec::new();
        let mut tokens: Vec<Box<str>> = Vec::new();
        for value in &values {
            let (is, list, text): (_, _, Box<str>) = match &value.value {
                Value::Null => {
                    null = true;
                    continue;
                }
                Value::Text(word) => ("string", &mut words, word.as_str().into()),
                Value::Integer(n) => ("integer", &mut tokens, n.to_string().into()),
                Value::Float(_) => ("number", &mut tokens, value.to_json().to_string().into()),
                Value::Bool(b) => ("boolean", &mut tokens, b.to_string().into()),
                Value::List(_) | Value::Map(_) => {
                    self.diagnostics.push(wrong_type(
                        value,
                        "a listed value is text, a number, a boolean or null",
                    ));
                    continue;
                }
            };
            let fits = types.words.is_empty()
                || types.words.contains(&is)
                || (is == "integer" && types.words.contains(&"number"));
            if !fits {
                let message = format!("this is {}, which `type` does not allow", value.kind());
                self.error(Code::Contract, value, message);
            } else if list.contains(&text) {
                self.error(Code::Contract, value, format!("`{text}` is listed twice"));
            } else {
                list.push(text);
            }
        }
        if null != types.nullable && node.get("type").is_some() && node.get("enum").is_some() {
            self.diagnostics.push(
                Diagnostic::error(
                    Code::Contract,
                    node.span,
                    "`type` and `enum` disagree about null",
                )
                .help("write 'null' (in quotes) into `type` and null into `enum`, or neither"),
            );
        }
        let mut kinds: Vec<Kind> = tokens.into_iter().map(Kind::Value).collect();
        if !words.is_empty() {
            kinds.push(Kind::String(StringKind { words: Some(words), ..StringKind::default() }));
        }
        let kind = match kinds.pop() {
            Some(only) if kinds.is_empty() => only,
            last => {
                let all = kinds.into_iter().chain(last);
                let of = all.map(|kind| self.anonymous(kind)).collect::<Vec<_>>();
                Kind::Any(of)
            }
        };
        self.put(id, kind, null);
    }

    fn anonymous(&mut self, kind: Kind) -> SchemaId {
        let id = self.reserve();
        if let Some(schema) = self.schemas.get_mut(id.0 as usize) {
            *schema = Schema { name: None, nullable: false, kind };
        }
        id
    }
}
