//! Flat lists of conditions, and the filters of the contract that they are.

use crate::canonical::contract::SchemaId;

use super::{Convert, Gap, Json, Ref, SiteId, Types};

/// Most conditions of one list.
pub const MOST_CONDITIONS: usize = 100;

/// A list of conditions to be made a filter, or the other way round.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Conditions {
    /// Decode: the list. Encode: the filter.
    pub at: Ref,
    /// Its place, for problems.
    pub site: SiteId,
    /// What null gives.
    pub when_null: Gap,
    /// What absent gives.
    pub when_absent: Gap,
    /// Towards canonical.
    pub decode: bool,
    /// What the written filter must satisfy (decode).
    pub check: Option<SchemaId>,
    /// The table, in this direction.
    pub table: ConditionTable,
}

/// What the words of a list of conditions mean.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConditionTable {
    /// The members of one condition: key, operator, values, join.
    pub members: [Box<str>; 4],
    /// The words of joining: and, or.
    pub join: [Box<str>; 2],
    /// (their word, ours)
    pub operators: Vec<(Box<str>, Comparison)>,
    /// The keys.
    pub keys: Vec<ConditionKey>,
    /// Keys that are not listed.
    pub other: Option<OtherKeys>,
    /// Sentences for what is refused, with names in braces.
    pub says: [Box<str>; 4],
}

/// One key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConditionKey {
    /// Theirs.
    pub name: Box<str>,
    /// The contract's: `assignee_id`.
    pub field: Box<str>,
    /// What is done with its values.
    pub reads: Meaning,
    /// Indexes into the operators.
    pub operators: Vec<usize>,
}

/// What is done with values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// Each through an operator.
    Value {
        /// Which JSON types are accepted.
        accept: Types,
        /// How.
        convert: Convert,
        /// What a written value must satisfy (decode).
        check: Option<SchemaId>,
    },
    /// A table: what is read, and every word that it stands for on the other side.
    Words(Vec<(Json, Vec<Json>)>),
}

/// Keys that are members of an open object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OtherKeys {
    /// The object, with a dot: `custom_attributes.`
    pub prefix: Box<str>,
    /// Members of a condition of which one must be set, with what is written there.
    pub marked: Vec<(Box<str>, Json)>,
    /// Indexes into the operators.
    pub operators: Vec<usize>,
}

/// An operator of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Comparison {
    /// Its word.
    pub word: &'static str,
    /// What stands beside it.
    pub takes: Takes,
}

/// What an operator has as its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Takes {
    /// A list, of one value too.
    List,
    /// One value, or a list where there are more.
    Several,
    /// One value: the first.
    One,
    /// A number of days: the first value.
    Days,
    /// None.
    Nothing,
}

/// Every operator of the contract's filters.
pub const COMPARISONS: [Comparison; 14] = {
    const fn of(word: &'static str, takes: Takes) -> Comparison {
        Comparison { word, takes }
    }
    [
        of("eq", Takes::One),
        of("ne", Takes::One),
        of("contains", Takes::Several),
        of("not_contains", Takes::Several),
        of("starts_with", Takes::Several),
        of("lt", Takes::One),
        of("lte", Takes::One),
        of("gt", Takes::One),
        of("gte", Takes::One),
        of("in", Takes::List),
        of("not_in", Takes::List),
        of("is_null", Takes::Nothing),
        of("is_not_null", Takes::Nothing),
        of("days_before", Takes::Days),
    ]
};

impl ConditionTable {
    /// What is said of a key that is not known.
    #[must_use]
    pub fn unknown_key(&self, key: &str) -> String {
        let known: Vec<&str> = self.keys.iter().map(|k| &*k.name).collect();
        self.say(0, &[("key", key), ("keys", &known.join(","))])
    }

    /// What is said of an operator that a key does not have.
    #[must_use]
    pub fn unknown_operator(&self, key: &str, operator: &str, allowed: &[usize]) -> String {
        let words = allowed.iter().filter_map(|i| self.operators.get(*i));
        let words: Vec<&str> = words.map(|(word, _)| &**word).collect();
        let words = words.join(",");
        self.say(1, &[("key", key), ("operator", operator), ("operators", &words)])
    }

    /// What is said of values that a key does not have.
    #[must_use]
    pub fn bad_value(&self, key: &str) -> String {
        self.say(2, &[("key", key)])
    }

    /// What is said of a word that does not join.
    #[must_use]
    pub fn bad_join(&self, word: &str) -> String {
        let [and, or] = &self.join;
        self.say(3, &[("join", word), ("and", and), ("or", or)])
    }

    /// A sentence with its names filled in; what a client wrote is cut to a length that fits one.
    fn say(&self, which: usize, names: &[(&str, &str)]) -> String {
        let mut said = self.says.get(which).map(ToString::to_string).unwrap_or_default();
        for (name, value) in names {
            let most = if name.ends_with('s') { usize::MAX } else { 64 };
            let value: String = value.chars().take(most).collect();
            said = said.replace(&format!("{{{name}}}"), &value);
        }
        said
    }
}
