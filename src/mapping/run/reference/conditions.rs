//! Lists of conditions and filters over trees: what `run::conditions` does in one pass over text.

use super::tree::{Is, Tree};
use super::{Slow, is_empty, spelled, takes};
use crate::json::text;
use crate::mapping::plan::{
    ConditionTable, Conditions, MOST_CONDITIONS, Meaning, SiteId, Takes, Types,
};
use crate::mapping::run::conditions::{CONDITION, NO_LIST, NOT_MAPPABLE, TOO_MANY};
use crate::mapping::run::fault;

/// A key of the table: its field, how its values are read, and its operators.
type Key<'p> = (String, Option<&'p Meaning>, &'p [usize]);

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The last member of a name: what stands twice counts as it stands last.
fn last<'t, 'd>(tree: &'t Tree<'d>, name: &str) -> Option<&'t Tree<'d>> {
    let Is::Object(members) = &tree.is else { return None };
    members.iter().rev().find(|(key, _)| key.text() == Some(name)).map(|(_, value)| value)
}

fn unset(tree: Option<&Tree<'_>>) -> bool {
    tree.is_none_or(|tree| tree.null() || tree.text() == Some(""))
}

fn list_of<'t, 'd>(tree: Option<&'t Tree<'d>>) -> Vec<&'t Tree<'d>> {
    match tree {
        Some(tree) if matches!(tree.is, Is::List(_)) => tree.elements().iter().collect(),
        Some(tree) if !tree.null() => vec![tree],
        _ => Vec::new(),
    }
}

fn key_of<'p>(table: &'p ConditionTable, key: &str, row: &Tree<'_>) -> Option<Key<'p>> {
    if let Some(known) = table.keys.iter().find(|known| *known.name == *key) {
        return Some((known.field.to_string(), Some(&known.reads), &known.operators));
    }
    let other = table.other.as_ref()?;
    let Is::Object(members) = &row.is else { return None };
    let marked = members.iter().any(|(name, value)| {
        let marks = other.marked.iter().any(|(mark, _)| name.text() == Some(&**mark));
        marks && !unset(Some(value))
    });
    let fits = !key.is_empty() && (marked || other.marked.is_empty());
    fits.then(|| (format!("{}{key}", other.prefix), None, other.operators.as_slice()))
}

impl Slow<'_> {
    pub(super) fn conditions(&mut self, op: &Conditions) -> Option<String> {
        let Some(tree) = self.value_at(op.at) else { return self.gap(&op.when_absent, op.site) };
        if tree.null() {
            return self.gap(&op.when_null, op.site);
        }
        let faults = self.faults.len();
        let made = if op.decode { self.filter(op, tree) } else { self.list(op, tree) };
        if self.faults.len() > faults {
            return None;
        }
        self.checked(op.check, made?, op.site)
    }

    fn fault_in(&mut self, site: SiteId, row: usize, member: &str, detail: String) {
        let known = self.faults.len();
        self.fault(site, CONDITION, detail);
        if let Some(fault) = self.faults.get_mut(known) {
            let member = member.replace('~', "~0").replace('/', "~1");
            fault.pointer.push_str(&format!("/{row}/{member}"));
        }
    }

    fn filter(&mut self, op: &Conditions, tree: &Tree<'_>) -> Option<String> {
        let Is::List(rows) = &tree.is else {
            let detail = fault::wrong_type(Types::LIST, tree.raw);
            return self.fault(op.site, "wrong_type", detail);
        };
        if rows.len() > MOST_CONDITIONS {
            return self.fault(op.site, "too_many", TOO_MANY.into());
        }
        let [and, or] = &op.table.join;
        let mut joined = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            let join = last(row, &op.table.members[3]);
            let word = join.and_then(Tree::text).unwrap_or_default();
            let is = |known: &str| join.is_some() && word.eq_ignore_ascii_case(known);
            joined.push(is(or));
            let ends = index + 1 == rows.len() && unset(join);
            if !is(and) && !is(or) && !ends {
                let written = join.map(|tree| text::decode(tree.raw)).unwrap_or_default();
                let said = op.table.bad_join(&written);
                self.fault_in(op.site, index, &op.table.members[3], said);
            }
        }
        let mut groups: Vec<Vec<String>> = vec![Vec::new()];
        for (index, row) in rows.iter().enumerate() {
            let leaf = self.leaf(op, index, row).unwrap_or_default();
            groups.last_mut()?.push(leaf);
            if joined.get(index) == Some(&true) && index + 1 < rows.len() {
                groups.push(Vec::new());
            }
        }
        let together = |leaves: &Vec<String>| match leaves.as_slice() {
            [only] => only.clone(),
            leaves => format!(r#"{{"op":"and","filters":[{}]}}"#, leaves.join(",")),
        };
        let groups: Vec<String> = groups.iter().map(together).collect();
        Some(match groups.as_slice() {
            [only] => only.clone(),
            groups => format!(r#"{{"op":"or","filters":[{}]}}"#, groups.join(",")),
        })
    }

    fn leaf(&mut self, op: &Conditions, index: usize, row: &Tree<'_>) -> Option<String> {
        let table = &op.table;
        let [key_name, operator_name, values_name, _] = &table.members;
        let key = last(row, key_name).and_then(Tree::text).unwrap_or_default();
        let Some((field, meaning, allowed)) = key_of(table, key, row) else {
            self.fault_in(op.site, index, key_name, table.unknown_key(key));
            return None;
        };
        let word = last(row, operator_name).and_then(Tree::text).map(str::to_owned);
        let mut known = allowed.iter().filter_map(|i| table.operators.get(*i));
        let found = known.find(|(theirs, _)| Some(&**theirs) == word.as_deref());
        let Some((_, comparison)) = found else {
            let written = last(row, operator_name).map(|tree| text::decode(tree.raw));
            let said = table.unknown_operator(key, &written.unwrap_or_default(), allowed);
            self.fault_in(op.site, index, operator_name, said);
            return None;
        };
        let values = list_of(last(row, values_name));
        let one = values.iter().copied().take(1).collect::<Vec<_>>();
        let value = match comparison.takes {
            Takes::Nothing => Some(String::new()),
            Takes::Days => one.first().and_then(|tree| {
                let spelled = text::content(tree.raw).filter(|text| text::is_number(text));
                let days = spelled.unwrap_or(tree.raw);
                text::unsigned(days).map(|_| format!(r#","value":{days}"#))
            }),
            Takes::One => self.values(op, meaning, &one).map(|v| format!(r#","value":{v}"#)),
            Takes::Several if values.len() == 1 => {
                self.values(op, meaning, &one).map(|v| format!(r#","value":{v}"#))
            }
            Takes::List | Takes::Several => {
                self.values(op, meaning, &values).map(|v| format!(r#","value":[{v}]"#))
            }
        };
        let Some(value) = value else {
            self.fault_in(op.site, index, values_name, table.bad_value(key));
            return None;
        };
        let field = quoted(&field);
        Some(format!(r#"{{"field":{field},"cmp":"{}"{value}}}"#, comparison.word))
    }

    /// The values on the other side, each once; `None` where one is none of the key's.
    fn values(
        &mut self,
        op: &Conditions,
        meaning: Option<&Meaning>,
        values: &[&Tree<'_>],
    ) -> Option<String> {
        let mut made: Vec<String> = Vec::new();
        for tree in values {
            let new: Vec<String> = match meaning {
                Some(Meaning::Words(rows)) => {
                    let (_, words) = rows.iter().find(|(read, _)| tree.is(read))?;
                    words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect()
                }
                Some(Meaning::Value { accept, convert, check }) => {
                    let known = self.faults.len();
                    let spelled = spelled(*accept, tree);
                    let tree = spelled.as_ref().unwrap_or(tree);
                    let json = self.convert(convert, *accept, tree, op.site);
                    let json = json.filter(|json| json != "null" && !is_empty(json));
                    let json = json.and_then(|json| self.checked(*check, json, op.site));
                    self.faults.truncate(known);
                    vec![json?]
                }
                None if takes(Types::STRING.or(Types::NUMBER).or(Types::BOOLEAN), tree) => {
                    vec![tree.raw.to_owned()]
                }
                None => return None,
            };
            for json in new {
                if !made.contains(&json) {
                    made.push(json);
                }
            }
        }
        (!made.is_empty()).then(|| made.join(","))
    }

    fn list(&mut self, op: &Conditions, tree: &Tree<'_>) -> Option<String> {
        let refuse = |slow: &mut Self| slow.fault(op.site, NOT_MAPPABLE, NO_LIST.into());
        let always = last(tree, "op").and_then(Tree::text) == Some("and")
            && last(tree, "filters").is_none_or(|parts| parts.elements().is_empty());
        let groups = if always { Some(Vec::new()) } else { any_of(tree) };
        let Some(groups) = groups else { return refuse(self) };
        if groups.iter().map(Vec::len).sum::<usize>() > MOST_CONDITIONS {
            return refuse(self);
        }
        let [key_name, operator_name, values_name, join_name] =
            op.table.members.each_ref().map(|name| quoted(name));
        let [and, or] = op.table.join.each_ref().map(|word| quoted(word));
        let mut rows = Vec::new();
        for (g, group) in groups.iter().enumerate() {
            for (n, leaf) in group.iter().enumerate() {
                let Some((key, word, values, marks)) = self.said(op, leaf) else {
                    return refuse(self);
                };
                let join = match (n + 1 == group.len(), g + 1 == groups.len()) {
                    (false, _) => &and,
                    (true, false) => &or,
                    (true, true) => "null",
                };
                let (key, word) = (quoted(&key), quoted(&word));
                rows.push(format!(
                    "{{{key_name}:{key},{operator_name}:{word},{values_name}:[{values}],{join_name}:{join}{marks}}}"
                ));
            }
        }
        Some(format!("[{}]", rows.join(",")))
    }

    /// Key, operator, values and marks of a condition of the contract.
    fn said(
        &mut self,
        op: &Conditions,
        leaf: &Tree<'_>,
    ) -> Option<(String, String, String, String)> {
        let table = &op.table;
        let field = last(leaf, "field")?.text()?;
        let comparison = last(leaf, "cmp")?.text()?;
        let listed = table.keys.iter().find(|key| *key.field == *field);
        let (key, meaning, allowed, marks) = match (listed, &table.other) {
            (Some(key), _) => {
                (key.name.to_string(), Some(&key.reads), &key.operators, String::new())
            }
            (None, Some(other)) => {
                let key = field.strip_prefix(&*other.prefix).filter(|key| !key.is_empty())?;
                let marks = other.marked.iter();
                let marks = marks.map(|(name, json)| {
                    format!(",{}:{}", quoted(name), String::from_utf8_lossy(json))
                });
                (key.to_owned(), None, &other.operators, marks.collect())
            }
            (None, None) => return None,
        };
        let twin = match comparison {
            "eq" => "in",
            "ne" => "not_in",
            "in" => "eq",
            "not_in" => "ne",
            other => other,
        };
        let known: Vec<_> = allowed.iter().filter_map(|i| table.operators.get(*i)).collect();
        let of = |word: &str| known.iter().find(|(_, ours)| ours.word == word);
        let (word, ours) = of(comparison).or_else(|| of(twin))?;
        let values = match last(leaf, "value") {
            Some(tree) if matches!(tree.is, Is::List(_)) => tree.elements().iter().collect(),
            Some(tree) => vec![tree],
            None => Vec::new(),
        };
        let values = match ours.takes {
            Takes::Nothing => String::new(),
            Takes::One | Takes::Days if values.len() != 1 => return None,
            Takes::Days => {
                let days = values.first()?.raw;
                text::unsigned(days).map(|_| days.to_owned())?
            }
            _ => self.values(op, meaning, &values)?,
        };
        Some((key, word.to_string(), values, marks))
    }
}

/// The "and"s of an "or"; `None` where a filter is no such thing.
fn any_of<'t, 'd>(tree: &'t Tree<'d>) -> Option<Vec<Vec<&'t Tree<'d>>>> {
    let parts = || last(tree, "filters").map(Tree::elements).unwrap_or_default();
    if last(tree, "op").and_then(Tree::text) == Some("or") {
        let groups: Option<Vec<_>> = parts().iter().map(any_of).collect();
        return groups.map(|groups| groups.concat()).filter(|groups| !groups.is_empty());
    }
    let leaves = all_of(tree)?;
    (!leaves.is_empty()).then(|| vec![leaves])
}

fn all_of<'t, 'd>(tree: &'t Tree<'d>) -> Option<Vec<&'t Tree<'d>>> {
    let Some(op) = last(tree, "op") else { return Some(vec![tree]) };
    if op.text() != Some("and") {
        return None;
    }
    let parts = last(tree, "filters").map(Tree::elements).unwrap_or_default();
    let parts: Option<Vec<_>> = parts.iter().map(all_of).collect();
    parts.map(|parts| parts.concat())
}
