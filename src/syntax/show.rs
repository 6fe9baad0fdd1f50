//! A tree back as YAML, each line with the file and line it comes from.

use std::fmt::Write as _;

use super::yaml::Entry;
use super::{Node, Sources, Span, Value};

/// The tree as YAML. What was written on one line stays on one line.
#[must_use]
pub fn show(node: &Node, sources: &Sources) -> String {
    let mut show = Show { sources, text: String::new() };
    show.block(node, 0);
    show.text
}

struct Show<'s> {
    sources: &'s Sources,
    text: String,
}

impl Show<'_> {
    fn block(&mut self, node: &Node, depth: usize) {
        match &node.value {
            Value::Map(entries) if !entries.is_empty() => {
                for entry in entries {
                    self.entry(entry, depth);
                }
            }
            Value::List(items) if !items.is_empty() => {
                for item in items {
                    self.line(depth, &format!("- {}", flow(item)), item.span);
                }
            }
            _ => self.line(depth, &flow(node), node.span),
        }
    }

    fn entry(&mut self, entry: &Entry, depth: usize) {
        let key = word(&entry.key);
        if self.is_short(entry) {
            self.line(depth, &format!("{key}: {}", flow(&entry.value)), entry.key_span);
        } else {
            self.line(depth, &format!("{key}:"), entry.key_span);
            self.block(&entry.value, depth + 1);
        }
    }

    fn line(&mut self, depth: usize, text: &str, span: Span) {
        let (line, _) = self.sources.line_column(span);
        let file = self.sources.name(span.source);
        let _ = writeln!(self.text, "{:indent$}{text}  # {file}:{line}", "", indent = depth * 2);
    }

    /// Whether all of an entry stands on one line of one file.
    fn is_short(&self, entry: &Entry) -> bool {
        match &entry.value.value {
            Value::List(items) if items.is_empty() => true,
            Value::Map(entries) if entries.is_empty() => true,
            Value::List(_) | Value::Map(_) => {
                let (line, _) = self.sources.line_column(entry.key_span);
                self.is_on(&entry.value, entry.key_span, line)
            }
            _ => true,
        }
    }

    fn is_on(&self, node: &Node, span: Span, line: usize) -> bool {
        let on = |s: Span| s.source == span.source && self.sources.line_column(s).0 == line;
        on(node.span)
            && match &node.value {
                Value::List(items) => items.iter().all(|i| self.is_on(i, span, line)),
                Value::Map(entries) => {
                    entries.iter().all(|e| on(e.key_span) && self.is_on(&e.value, span, line))
                }
                _ => true,
            }
    }
}

fn flow(node: &Node) -> String {
    match &node.value {
        Value::List(items) if items.is_empty() => "[]".into(),
        Value::Map(entries) if entries.is_empty() => "{}".into(),
        Value::List(items) => {
            format!("[ {} ]", items.iter().map(flow).collect::<Vec<_>>().join(", "))
        }
        Value::Map(entries) => {
            let entry = |e: &Entry| format!("{}: {}", word(&e.key), flow(&e.value));
            format!("{{ {} }}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        Value::Text(text) => word(text),
        _ => node.to_json().to_string(),
    }
}

/// Text as YAML reads it back, quoted where it would be anything else.
fn word(text: &str) -> String {
    let first = |c: char| c.is_ascii_alphanumeric() || "_$/".contains(c);
    let plain = |c: char| c.is_ascii_alphanumeric() || "_$./@%+- ".contains(c);
    let special = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let safe = text.starts_with(first)
        && text.chars().all(plain)
        && !text.ends_with(' ')
        && !special.contains(&text.to_ascii_lowercase().as_str())
        && !text.starts_with(|c: char| c.is_ascii_digit());
    if safe { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::super::yaml::{FILE_NODES, parse};
    use super::*;

    #[test]
    fn what_is_shown_reads_back_and_says_where_it_was() {
        let text = "a: { b: $.c, d: [ 1, \"2\", null, \"~\" ] }\n\
                    no:\n  - [ \"yes\", true, 1.5, inf ]\n  - { x: \"a: b #c\" }\n\
                    e: {}\nf:\n  \"$.g[0]\": 'it''s'\n  h: |\n    two\n    lines\ni: []\n";
        let mut sources = Sources::default();
        let id = sources.add("a.yaml", text);
        let node = parse(&sources, id, FILE_NODES).unwrap();
        let shown = show(&node, &sources);
        let again = sources.add("b.yaml", shown.clone());
        let back = parse(&sources, again, FILE_NODES).unwrap();
        assert_eq!(back.to_json().to_string(), node.to_json().to_string(), "{shown}");
        assert!(
            shown.starts_with("a: { b: $.c, d: [ 1, \"2\", null, \"~\" ] }  # a.yaml:1\n"),
            "{shown}"
        );
        assert!(shown.contains("  \"$.g[0]\": \"it's\"  # a.yaml:7\n"), "{shown}");
    }
}
