//! Lists of conditions, in both directions: what the words of a table mean.

use std::sync::atomic::Ordering;

use crate::mapping::document::codecs;
use crate::mapping::document::{
    ConditionKey as KeyText, Conditions as TableText, EnumTable, Json, Only, Rule, ValueText, Word,
    text,
};
use crate::mapping::plan::{
    COMPARISONS, Codec, ConditionKey, ConditionTable, Conditions, Convert, Emit, Gap, Meaning,
    OtherKeys, Takes, Types,
};
use crate::mapping::types::Ty;
use crate::syntax::{Code, Diagnostic, Span, closest};

use super::{Cursor, Lower, Mode};

/// What is said where a table says nothing: key, operator, value, join.
const SAYS: [&str; 4] = [
    "`{key}` is no key of a condition; those are {keys}",
    "`{operator}` is no operator of `{key}`; it has {operators}",
    "the values of `{key}` are none that it can have",
    "`{join}` does not join conditions; {and} and {or} do",
];

/// The filter that holds for everything.
const ALWAYS: &str = r#"{"op":"and","filters":[]}"#;

impl<'l> Lower<'l, '_> {
    /// A list of conditions at `c` (decode), or a filter (encode).
    #[expect(clippy::too_many_arguments, reason = "one value, and all that is said about it")]
    pub(super) fn conditions(
        &mut self,
        field: &str,
        c: &Cursor,
        name: &Word,
        rule: &Rule,
        filter: &Ty,
        (when_null, when_absent): (Gap, Gap),
        decode: bool,
    ) -> Option<Emit> {
        let table = self.condition_table(name)?;
        let is_filter = filter.schema().and_then(|id| self.contract().schema(id).name.as_deref());
        if is_filter != Some("Filter") {
            let is = filter.describe(self.contract());
            let message = format!("`conditions` are for `Filter`, but here stands {is}");
            self.error(Diagnostic::error(Code::TypeMismatch, rule.span, message));
            return None;
        }
        let when_absent = match when_absent {
            // No list is what an empty one is.
            Gap::Const(json, event) if decode && *json == *b"[]" => {
                Gap::Const(ALWAYS.as_bytes().into(), event)
            }
            other => other,
        };
        Some(Emit::Conditions(Box::new(Conditions {
            at: c.at,
            site: self.site(c, field, rule.span),
            when_null,
            when_absent,
            decode,
            check: filter.schema().filter(|_| decode),
            table: self.meaning_of(table, decode)?,
        })))
    }

    fn condition_table(&mut self, name: &Word) -> Option<&'l TableText> {
        let lib = self.lib;
        let Some(table) = lib.conditions.iter().find(|t| t.name.0 == name.0) else {
            if !lib.is_lost(&name.0) {
                let message = format!("there is no table of conditions `{}`", name.0);
                let known = lib.conditions.iter().map(|t| &*t.name.0);
                self.error(
                    Diagnostic::error(Code::UnknownConditions, name.1, message)
                        .suggest(closest(&name.0, known)),
                );
            }
            self.failed = true;
            return None;
        };
        if self.mark {
            table.used.store(true, Ordering::Relaxed);
        }
        Some(table)
    }

    /// The table in one direction. Every problem of it is told.
    pub(crate) fn meaning_of(
        &mut self,
        table: &'l TableText,
        decode: bool,
    ) -> Option<ConditionTable> {
        let of = self.lib.named(&table.canonical, self.d)?;
        let mut operators = Vec::new();
        for (theirs, ours) in &table.operators {
            match COMPARISONS.iter().find(|known| *known.word == *ours.0) {
                Some(known) => operators.push((theirs.0.clone(), *known)),
                None => {
                    let message = format!("filters have no operator `{}`", ours.0);
                    let near = closest(&ours.0, COMPARISONS.iter().map(|c| c.word));
                    self.error(Diagnostic::error(Code::UnknownWord, ours.1, message).suggest(near));
                }
            }
        }
        let takes: Vec<Takes> = operators.iter().map(|(_, ours)| ours.takes).collect();
        if takes.len() < table.operators.len() {
            return None;
        }
        // Conditions may ask for what only the backend writes.
        let mode = std::mem::replace(&mut self.mode, Mode::Answer);
        let keys: Vec<Option<ConditionKey>> = table
            .keys
            .iter()
            .map(|key| self.condition_key(key, table, &of, &takes, decode))
            .collect();
        let other = table.other.as_ref().map(|other| {
            let target = self.target_in(&other.place.place, other.place.span, &of)?;
            if target.ty.types(self.contract()) != Types::OBJECT {
                let is = target.ty.describe(self.contract());
                let message = format!("`other` keys are members of an object, but this is {is}");
                self.error(Diagnostic::error(Code::TypeMismatch, other.span, message));
                return None;
            }
            Some(OtherKeys {
                prefix: format!("{}.", field_of(&other.place.place.to_string())).into(),
                marked: other.marked.clone(),
                operators: self.allowed(table, &other.operators, &takes, false)?,
            })
        });
        self.mode = mode;
        let mut says = SAYS.map(Box::from);
        for (own, said) in says.iter_mut().zip(&table.says) {
            if let Some(said) = said {
                *own = said.clone();
            }
        }
        Some(ConditionTable {
            members: table.members.clone(),
            join: table.join.clone(),
            operators,
            keys: keys.into_iter().collect::<Option<_>>()?,
            other: match other {
                Some(other) => Some(other?),
                None => None,
            },
            says,
        })
    }

    fn condition_key(
        &mut self,
        key: &'l KeyText,
        table: &'l TableText,
        of: &Ty,
        takes: &[Takes],
        decode: bool,
    ) -> Option<ConditionKey> {
        let target = self.target_in(&key.place.place, key.place.span, of)?;
        let ty = match target.ty.types(self.contract()) {
            Types::LIST => target.ty.items(self.contract()).unwrap_or(target.ty),
            _ => target.ty,
        };
        let types = ty.types(self.contract());
        if types != Types::ANY && types.0 & (Types::LIST.0 | Types::OBJECT.0) != 0 {
            let is = ty.describe(self.contract());
            let message = format!("conditions compare single values, but here stands {is}");
            self.error(Diagnostic::error(Code::TypeMismatch, key.place.span, message));
            return None;
        }
        let operators = self.allowed(table, &key.operators, takes, key.value.table.is_some());
        let reads = match &key.value.table {
            Some(name) => self.words(name, key, &ty, decode)?,
            None => self.single(&key.value, key.place.span, &ty, decode)?,
        };
        Some(ConditionKey {
            name: key.name.0.clone(),
            field: field_of(&key.place.place.to_string()).into(),
            reads,
            operators: operators?,
        })
    }

    /// Indexes of the operators that a key has. A word may stand for several, so that a key with a
    /// table of words takes lists.
    fn allowed(
        &mut self,
        table: &TableText,
        listed: &Option<Vec<Word>>,
        takes: &[Takes],
        words: bool,
    ) -> Option<Vec<usize>> {
        let fits =
            |index: usize| !words || matches!(takes.get(index), Some(Takes::List | Takes::Nothing));
        let Some(listed) = listed else {
            return Some((0..takes.len()).filter(|i| fits(*i)).collect());
        };
        let mut allowed = Vec::new();
        for word in listed {
            match table.operators.iter().position(|(theirs, _)| theirs.0 == word.0) {
                Some(index) if fits(index) => allowed.push(index),
                Some(_) => {
                    let message = format!(
                        "`{}` compares with one value, but a word of a table may stand for several",
                        word.0
                    );
                    self.error(
                        Diagnostic::error(Code::TypeMismatch, word.1, message)
                            .help("give the key operators that are `in` and `not_in`"),
                    );
                }
                None => {
                    let message = format!("this table has no operator `{}`", word.0);
                    let known = table.operators.iter().map(|(theirs, _)| &*theirs.0);
                    self.error(
                        Diagnostic::error(Code::UnknownWord, word.1, message)
                            .suggest(closest(&word.0, known)),
                    );
                }
            }
        }
        (allowed.len() == listed.len()).then_some(allowed)
    }

    fn single(&mut self, value: &ValueText, span: Span, ty: &Ty, decode: bool) -> Option<Meaning> {
        if value.raw.is_some() || value.write_text {
            let message = "a key of conditions has a codec or a table of words, nothing else";
            self.error(Diagnostic::error(Code::UnknownOperator, span, message));
            return None;
        }
        let own = ty.types(self.contract());
        let mut check = ty.schema().filter(|_| decode);
        let (accept, convert) = match (value.codec, decode) {
            (Some((codec, span)), _) => {
                self.codec_fits(codec, ty, span);
                // Filters compare times with days, and ids with references such as `n:5`.
                check = None;
                let (canonical, dialect) = codecs::codec_types(codec);
                let accept = if decode { dialect } else { canonical };
                (accept, Convert::Codec { codec, decode, text: false })
            }
            (None, true) if own == Types::STRING => {
                let convert = Convert::Codec { codec: Codec::Text, decode: true, text: false };
                (Types::STRING.or(Types::INTEGER), convert)
            }
            (None, _) => (own, Convert::Copy),
        };
        Some(Meaning::Value { accept, convert, check })
    }

    /// What each word stands for: everything that is shown as that word.
    fn words(&mut self, name: &Word, key: &KeyText, ty: &Ty, decode: bool) -> Option<Meaning> {
        let table = self.table(name, if decode { Only::Decode } else { Only::Encode })?;
        self.table_fits(table, ty, name.1)?;
        if !decode {
            let rows = table.encoding();
            let rows = rows.map(|(r, _)| (r.canonical.0.clone(), vec![r.dialect.0.clone()]));
            return Some(Meaning::Words(rows.collect()));
        }
        let mut rows: Vec<(Json, Vec<Json>)> = Vec::new();
        for (row, _) in table.decoding() {
            rows.push((row.dialect.0.clone(), shown_alike(table, &row.canonical.0)));
        }
        if let Some(all) = &key.all {
            if rows.iter().any(|(word, _)| word == all) {
                let message = format!("`{}` is a word of the table `{}`", text::show(all), name.0);
                self.error(
                    Diagnostic::error(Code::Ambiguous, key.name.1, message)
                        .help("`all` is a word beside the table's, for all of them"),
                );
                return None;
            }
            let mut every: Vec<Json> = Vec::new();
            for (row, _) in table.encoding().filter(|(r, _)| !text::is_null(&r.canonical.0)) {
                if !every.contains(&row.canonical.0) {
                    every.push(row.canonical.0.clone());
                }
            }
            rows.push((all.clone(), every));
        }
        Some(Meaning::Words(rows))
    }
}

/// Every canonical word that is written as the word of `canonical`.
fn shown_alike(table: &EnumTable, canonical: &Json) -> Vec<Json> {
    let shown = |word: &Json| {
        table.encoding().find(|(r, _)| r.canonical.0 == *word).map(|(r, _)| r.dialect.0.clone())
    };
    let Some(as_what) = shown(canonical) else { return vec![canonical.clone()] };
    let alike = table.encoding().filter(|(r, _)| r.dialect.0 == as_what);
    alike.map(|(r, _)| r.canonical.0.clone()).collect()
}

/// `$.contact.email` as filters name it.
fn field_of(place: &str) -> &str {
    place.trim_start_matches('$').trim_start_matches('.')
}
