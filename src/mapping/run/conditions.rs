//! Flat lists of conditions become filters, and filters such lists. A list is an "or" of "and"s: a
//! word between two conditions says how they are joined, and "and" binds tighter.
//!
//! Filters are trees without a shape, so they are walked here and not scanned into slots.

use smallvec::SmallVec;

use super::test::is;
use super::value::{accepted, spelled};
use super::{Run, Wrote, fault};
use crate::json::{text, walk, write};
use crate::mapping::plan::{
    ConditionKey, ConditionTable, Conditions, MOST_CONDITIONS, Meaning, OtherKeys, SiteId, Takes,
    Types,
};

/// The code of what a list of conditions is refused for.
pub(super) const CONDITION: &str = "condition";
/// The code of a filter that no list can say.
pub(super) const NOT_MAPPABLE: &str = "not_mappable";
pub(super) const TOO_MANY: &str = "has too many conditions";
pub(super) const NO_LIST: &str = "cannot be said as a list of conditions";

/// One condition as it was written.
#[derive(Clone, Copy, Default)]
struct Row<'t> {
    key: Option<&'t str>,
    operator: Option<&'t str>,
    values: Option<&'t str>,
    join: Option<&'t str>,
    marked: bool,
}

/// A key and what may stand beside it.
#[derive(Clone, Copy)]
enum Found<'p> {
    Key(&'p ConditionKey),
    Other(&'p OtherKeys),
}

impl<'p> Found<'p> {
    fn operators(self) -> &'p [usize] {
        match self {
            Self::Key(key) => &key.operators,
            Self::Other(other) => &other.operators,
        }
    }
}

impl<'a> Run<'a> {
    pub(super) fn conditions(&mut self, op: &'a Conditions) -> Wrote {
        let Some(token) = self.token(op.at) else { return self.gap(&op.when_absent, op.site) };
        if token == "null" {
            return self.gap(&op.when_null, op.site);
        }
        let (start, faults) = (self.out.len(), self.faults.len());
        if op.decode {
            self.write_filter(op, token);
        } else {
            self.write_list(op, token);
        }
        if self.faults.len() > faults {
            self.out.truncate(start);
            return Wrote::Absent;
        }
        match op.check {
            Some(schema) => self.check(schema, start, op.site, Wrote::Value),
            None => Wrote::Value,
        }
    }

    /// A fault at a part of what stands at a site.
    fn fault_in(&mut self, site: SiteId, part: &str, code: &'static str, detail: String) {
        let known = self.faults.len();
        self.fault(site, code, detail);
        if let Some(fault) = self.faults.get_mut(known) {
            fault.pointer.push_str(part);
        }
    }

    /// Writes the filter that a list is.
    fn write_filter(&mut self, op: &'a Conditions, token: &'a str) {
        if !token.starts_with('[') {
            self.fault(op.site, "wrong_type", fault::wrong_type(Types::LIST, token));
            return;
        }
        let rows: SmallVec<[Row<'a>; 8]> = walk::elements(token)
            .take(MOST_CONDITIONS + 1)
            .map(|token| row(&op.table, token))
            .collect();
        if rows.len() > MOST_CONDITIONS {
            self.fault(op.site, "too_many", TOO_MANY.into());
            return;
        }
        let mut ends: SmallVec<[usize; 8]> = SmallVec::new();
        for (index, row) in rows.iter().enumerate() {
            let last = index + 1 == rows.len();
            match joins(&op.table, row.join) {
                Some(true) if !last => {}
                Some(false) => ends.push(index + 1),
                None if last && row.join.is_none_or(is_unset) => {}
                Some(true) => {}
                None => {
                    let word = text::decode(row.join.unwrap_or_default());
                    let part = format!("/{index}/{}", name(&op.table, 3));
                    self.fault_in(op.site, &part, CONDITION, op.table.bad_join(&word));
                }
            }
        }
        // What the last is joined with is not there.
        if ends.last() != Some(&rows.len()) {
            ends.push(rows.len());
        }
        let several = ends.len() > 1;
        if several {
            self.put(br#"{"op":"or","filters":["#);
        }
        let mut from = 0;
        for (group, end) in ends.iter().enumerate() {
            if group > 0 {
                self.put(b",");
            }
            let together = end - from != 1;
            if together {
                self.put(br#"{"op":"and","filters":["#);
            }
            for (index, row) in rows.iter().enumerate().take(*end).skip(from) {
                if index > from {
                    self.put(b",");
                }
                self.leaf(op, index, row);
            }
            if together {
                self.put(b"]}");
            }
            from = *end;
        }
        if several {
            self.put(b"]}");
        }
    }

    /// Writes one condition of the contract.
    fn leaf(&mut self, op: &'a Conditions, index: usize, row: &Row<'a>) {
        let table = &op.table;
        let part = |member: usize| format!("/{index}/{}", name(table, member));
        let key = row.key.filter(|key| key.starts_with('"')).map(text::decode).unwrap_or_default();
        let Some(found) = find(table, &key, row.marked) else {
            return self.fault_in(op.site, &part(0), CONDITION, table.unknown_key(&key));
        };
        let allowed = found.operators();
        let mut known = allowed.iter().filter_map(|i| table.operators.get(*i));
        let operator = row.operator.and_then(|token| known.find(|(word, _)| text::eq(token, word)));
        let Some((_, comparison)) = operator else {
            let word = text::decode(row.operator.unwrap_or_default());
            let said = table.unknown_operator(&key, &word, allowed);
            return self.fault_in(op.site, &part(1), CONDITION, said);
        };
        self.put(br#"{"field":"#);
        match found {
            Found::Key(key) => write::string(self.out, &key.field),
            Found::Other(other) => {
                self.put(b"\"");
                write::escaped(self.out, &other.prefix);
                write::escaped(self.out, &key);
                self.put(b"\"");
            }
        }
        self.put(br#","cmp":""#);
        self.put(comparison.word.as_bytes());
        self.put(b"\"");
        let values: SmallVec<[&'a str; 8]> = match row.values {
            Some(token) if token.starts_with('[') => walk::elements(token).collect(),
            Some(token) if token != "null" => [token].into_iter().collect(),
            _ => SmallVec::new(),
        };
        let first = values.get(..1).unwrap_or_default();
        let sound = match comparison.takes {
            Takes::Nothing => true,
            Takes::Days => {
                let days = first.first().map(|token| spelled(Types::INTEGER, token));
                match days.filter(|days| text::unsigned(days).is_some()) {
                    Some(days) => {
                        self.put(br#","value":"#);
                        self.put(days.as_bytes());
                        true
                    }
                    None => false,
                }
            }
            Takes::One => self.values(op, found, first, false),
            Takes::List => self.values(op, found, &values, true),
            Takes::Several => self.values(op, found, &values, values.len() > 1),
        };
        self.put(b"}");
        if !sound {
            self.fault_in(op.site, &part(2), CONDITION, table.bad_value(&key));
        }
    }

    /// Writes the member `value`; `false` where a value is none of the key's, or there is none.
    fn values(
        &mut self,
        op: &'a Conditions,
        found: Found<'a>,
        values: &[&'a str],
        list: bool,
    ) -> bool {
        self.put(br#","value":"#);
        if list {
            self.put(b"[");
        }
        let sound = self.each_value(op, found, values);
        if list {
            self.put(b"]");
        }
        sound && !values.is_empty()
    }

    /// Writes values with commas between them, none twice.
    fn each_value(&mut self, op: &'a Conditions, found: Found<'a>, values: &[&'a str]) -> bool {
        let start = self.out.len();
        let mut seen: SmallVec<[(usize, usize); 8]> = SmallVec::new();
        for token in values {
            let words = match found {
                Found::Key(ConditionKey { reads: Meaning::Words(rows), .. }) => {
                    match rows.iter().find(|(read, _)| is(token, read)) {
                        Some((_, words)) => words.as_slice(),
                        None => return false,
                    }
                }
                _ => &[],
            };
            if words.is_empty() {
                let from = self.out.len();
                if from > start {
                    self.put(b",");
                }
                let from = (from, self.out.len());
                if !self.one_value(op, found, token) {
                    return false;
                }
                self.once(&mut seen, from);
            }
            for word in words {
                let from = self.out.len();
                if from > start {
                    self.put(b",");
                }
                let from = (from, self.out.len());
                self.put(word);
                self.once(&mut seen, from);
            }
        }
        true
    }

    /// Takes back what was written since `from` if it was written before.
    fn once(&mut self, seen: &mut SmallVec<[(usize, usize); 8]>, (comma, from): (usize, usize)) {
        let written = self.out.get(from..).unwrap_or_default();
        if seen.iter().any(|(a, b)| self.out.get(*a..*b) == Some(written)) {
            self.out.truncate(comma);
        } else {
            seen.push((from, self.out.len()));
        }
    }

    fn one_value(&mut self, op: &'a Conditions, found: Found<'a>, token: &'a str) -> bool {
        let Found::Key(ConditionKey { reads: Meaning::Value { accept, convert, check }, .. }) =
            found
        else {
            let scalar = Types::STRING.or(Types::NUMBER).or(Types::BOOLEAN);
            if accepted(scalar, token) {
                self.put(token.as_bytes());
                return true;
            }
            return false;
        };
        if token == "null" {
            return false;
        }
        let (start, known) = (self.out.len(), self.faults.len());
        let mut wrote = self.convert(convert, *accept, spelled(*accept, token), op.site);
        if let (Some(schema), Wrote::Value) = (check, wrote) {
            wrote = self.check(*schema, start, op.site, wrote);
        }
        // The condition is told of as a whole.
        self.faults.truncate(known);
        matches!(wrote, Wrote::Value)
    }

    /// Writes the list that a filter is.
    fn write_list(&mut self, op: &'a Conditions, token: &'a str) {
        let mut leaves: Leaves<'a> = SmallVec::new();
        if !any_of(token, &mut leaves) && !holds_always(token) || leaves.len() > MOST_CONDITIONS {
            self.fault(op.site, NOT_MAPPABLE, NO_LIST.into());
            return;
        }
        let [key_name, operator_name, values_name, join_name] = &op.table.members;
        let [and, or] = &op.table.join;
        self.put(b"[");
        for (index, (leaf, ends)) in leaves.iter().enumerate() {
            let faults = self.faults.len();
            if index > 0 {
                self.put(b",");
            }
            let Some((found, key, word, takes)) = said(&op.table, leaf) else {
                self.fault(op.site, NOT_MAPPABLE, NO_LIST.into());
                return;
            };
            self.put_key(b"{", key_name);
            write::string(self.out, &key);
            self.put_key(b",", operator_name);
            write::string(self.out, word);
            self.put_key(b",", values_name);
            self.put(b"[");
            let values: SmallVec<[&'a str; 8]> = match member(leaf, "value") {
                _ if takes == Takes::Nothing => SmallVec::new(),
                Some(token) if token.starts_with('[') => walk::elements(token).collect(),
                Some(token) => [token].into_iter().collect(),
                None => SmallVec::new(),
            };
            let sound = match takes {
                Takes::Nothing => true,
                Takes::One | Takes::Days if values.len() != 1 => false,
                Takes::Days => {
                    values.iter().for_each(|days| self.put(days.as_bytes()));
                    values.iter().all(|days| text::unsigned(days).is_some())
                }
                _ => !values.is_empty() && self.each_value(op, found, &values),
            };
            self.put(b"]");
            self.put_key(b",", join_name);
            match (index + 1 == leaves.len(), ends) {
                (true, _) => self.put(b"null"),
                (false, true) => write::string(self.out, or),
                (false, false) => write::string(self.out, and),
            }
            if let Found::Other(other) = found {
                for (name, json) in &other.marked {
                    self.put_key(b",", name);
                    self.put(json);
                }
            }
            self.put(b"}");
            if !sound && self.faults.len() == faults {
                self.fault(op.site, NOT_MAPPABLE, NO_LIST.into());
                return;
            }
        }
        self.put(b"]");
    }

    fn put_key(&mut self, before: &[u8], name: &str) {
        self.put(before);
        write::string(self.out, name);
        self.put(b":");
    }
}

fn name(table: &ConditionTable, member: usize) -> String {
    let name = table.members.get(member).map(|name| &**name).unwrap_or_default();
    name.replace('~', "~0").replace('/', "~1")
}

/// The parts of one condition. What is no object has none.
fn row<'t>(table: &ConditionTable, token: &'t str) -> Row<'t> {
    let mut row = Row::default();
    let [key, operator, values, join] = &table.members;
    let marks = table.other.as_ref().map(|other| other.marked.as_slice()).unwrap_or_default();
    for (name, value) in walk::members(token) {
        if text::eq(name, key) {
            row.key = Some(value);
        } else if text::eq(name, operator) {
            row.operator = Some(value);
        } else if text::eq(name, values) {
            row.values = Some(value);
        } else if text::eq(name, join) {
            row.join = Some(value);
        }
        row.marked |= !is_unset(value) && marks.iter().any(|(mark, _)| text::eq(name, mark));
    }
    row
}

fn is_unset(token: &str) -> bool {
    token == "null" || token == "\"\""
}

/// Whether a word joins by "and"; `None` where it is neither.
fn joins(table: &ConditionTable, token: Option<&str>) -> Option<bool> {
    let word = text::decode(token.filter(|token| token.starts_with('"'))?);
    let [and, or] = &table.join;
    if word.eq_ignore_ascii_case(and) {
        return Some(true);
    }
    word.eq_ignore_ascii_case(or).then_some(false)
}

fn find<'p>(table: &'p ConditionTable, key: &str, marked: bool) -> Option<Found<'p>> {
    if let Some(known) = table.keys.iter().find(|known| *known.name == *key) {
        return Some(Found::Key(known));
    }
    let other = table.other.as_ref().filter(|other| marked || other.marked.is_empty())?;
    (!key.is_empty()).then_some(Found::Other(other))
}

/// Conditions of the contract, each with whether an "or" comes after it.
type Leaves<'t> = SmallVec<[(&'t str, bool); 8]>;

fn member<'t>(token: &'t str, name: &str) -> Option<&'t str> {
    walk::members(token).filter(|(key, _)| text::eq(key, name)).last().map(|(_, value)| value)
}

/// What joins the parts of a filter; `None` where it is a condition.
fn group(token: &str) -> Option<(&str, walk::Elements<'_>)> {
    Some((member(token, "op")?, walk::elements(member(token, "filters").unwrap_or_default())))
}

fn holds_always(token: &str) -> bool {
    group(token).is_some_and(|(op, mut parts)| text::eq(op, "and") && parts.next().is_none())
}

/// The conditions of an "or" of "and"s; `false` where a filter is none.
fn any_of<'t>(token: &'t str, leaves: &mut Leaves<'t>) -> bool {
    if leaves.len() > MOST_CONDITIONS {
        return false;
    }
    match group(token) {
        Some((op, mut parts)) if text::eq(op, "or") => {
            let mut some = false;
            parts.all(|part| {
                some = true;
                any_of(part, leaves)
            }) && some
        }
        _ => {
            let known = leaves.len();
            let sound = all_of(token, leaves) && leaves.len() > known;
            if let Some((_, ends)) = leaves.last_mut() {
                *ends = true;
            }
            sound
        }
    }
}

fn all_of<'t>(token: &'t str, leaves: &mut Leaves<'t>) -> bool {
    match group(token) {
        None => {
            leaves.push((token, false));
            leaves.len() <= MOST_CONDITIONS
        }
        Some((op, mut parts)) if text::eq(op, "and") => parts.all(|part| all_of(part, leaves)),
        Some(_) => false,
    }
}

/// Their key and operator for a condition of the contract.
fn said<'p, 't>(
    table: &'p ConditionTable,
    leaf: &'t str,
) -> Option<(Found<'p>, std::borrow::Cow<'t, str>, &'p str, Takes)> {
    let field = text::decode(member(leaf, "field")?);
    let comparison = member(leaf, "cmp")?;
    let listed = table.keys.iter().find(|key| *key.field == *field);
    let (found, key) = match (listed, &table.other) {
        (Some(key), _) => (Found::Key(key), std::borrow::Cow::Owned(key.name.to_string())),
        (None, Some(other)) => {
            let inner = field.strip_prefix(&*other.prefix).filter(|inner| !inner.is_empty())?;
            (Found::Other(other), std::borrow::Cow::Owned(inner.to_owned()))
        }
        (None, None) => return None,
    };
    // One value and a list of one are the same question.
    let twins = [("eq", "in"), ("ne", "not_in"), ("in", "eq"), ("not_in", "ne")];
    let twin = twins.iter().find(|(word, _)| text::eq(comparison, word)).map(|(_, twin)| *twin);
    let allowed = || found.operators().iter().filter_map(|i| table.operators.get(*i));
    let own = allowed().find(|(_, ours)| text::eq(comparison, ours.word));
    let (word, ours) = own.or_else(|| allowed().find(|(_, ours)| Some(ours.word) == twin))?;
    Some((found, key, word, ours.takes))
}
