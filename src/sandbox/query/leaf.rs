//! One condition of a filter: a field, an operator, a value.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use rusqlite::types::Value as Bound;
use serde_json::Value;

use super::field::{Field, Fields, Kind};
use super::{Sql, fold};
use crate::canonical::validate::validate;
use crate::canonical::{FieldProblem, Problem, ProblemCode};
use crate::sandbox::call::stamp;
use crate::sandbox::fault::{Fault, invalid};
use crate::sandbox::store;
use crate::syntax::closest;

/// Most values of one condition.
const MOST_VALUES: usize = 200;
/// Most characters of a text that is looked for.
const LONGEST: usize = 1_000;
/// Most days of `days_before`: more than three thousand years.
const MOST_DAYS: i64 = 1_000_000;

/// What is asked, before it is negated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    /// Is it one of these?
    In,
    /// Does it contain one of these; does a list have one of these?
    Contains,
    /// Does it begin with one of these?
    StartsWith,
    /// How does it compare? The operator of SQL.
    Compare(&'static str),
    /// Does it lie more than so many days back?
    DaysBefore,
    /// Is there a value?
    Present,
}

/// The operators: their word, what they ask, and whether the answer is turned round.
const OPERATORS: [(&str, Ask, bool); 14] = [
    ("eq", Ask::In, false),
    ("ne", Ask::In, true),
    ("in", Ask::In, false),
    ("not_in", Ask::In, true),
    ("contains", Ask::Contains, false),
    ("not_contains", Ask::Contains, true),
    ("starts_with", Ask::StartsWith, false),
    ("lt", Ask::Compare("<"), false),
    ("lte", Ask::Compare("<="), false),
    ("gt", Ask::Compare(">"), false),
    ("gte", Ask::Compare(">="), false),
    ("days_before", Ask::DaysBefore, false),
    ("is_not_null", Ask::Present, false),
    ("is_null", Ask::Present, true),
];

impl Kind {
    fn answers(self, ask: Ask) -> bool {
        match ask {
            Ask::In | Ask::Present => true,
            Ask::Contains => matches!(self, Self::Text | Self::Number | Self::Names | Self::Free),
            Ask::StartsWith => matches!(self, Self::Text | Self::Number | Self::Free),
            Ask::Compare(_) => {
                matches!(self, Self::Time | Self::Date | Self::Number | Self::Free)
            }
            Ask::DaysBefore => matches!(self, Self::Time | Self::Date | Self::Free),
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Word => "a word of a list",
            Self::Time => "a time",
            Self::Date => "a day",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::Id(_) => "an id",
            Self::Names => "a list",
            Self::Free => "an attribute",
        }
    }
}

/// A condition of a filter. `pointer` is where it stands.
pub(super) fn compile(
    fields: &Fields<'_>,
    filter: &serde_json::Map<String, Value>,
    pointer: &str,
) -> Result<Sql, Fault> {
    let name = super::field::text_of(filter.get("field"));
    let field = fields.find(name, &format!("{pointer}/field"))?;
    let word = super::field::text_of(filter.get("cmp"));
    let (ask, negated) = operator(field.kind, word, &format!("{pointer}/cmp"))?;
    let given = filter.get("value").unwrap_or(&Value::Null);
    let leaf = Leaf { fields, field: &field, at: format!("{pointer}/value") };
    let many = !matches!(word, "eq" | "ne") && ask != Ask::DaysBefore;
    let held = leaf.positive(ask, given, many)?;
    let held = match &field.within {
        None => held,
        Some((table, id)) => {
            Sql::new(format!("EXISTS (SELECT 1 FROM {0} WHERE {0}.id = ", table.name()), [])
                .piece(id)
                .text(" AND ")
                .piece(&held)
                .text(")")
        }
    };
    let not = if negated { "NOT " } else { "" };
    // Comparing with what is not there is no answer in SQL; here it is false.
    Ok(Sql::default().text(not).text("coalesce((").piece(&held).text("), 0)"))
}

fn operator(kind: Kind, word: &str, pointer: &str) -> Result<(Ask, bool), Fault> {
    let words = || OPERATORS.iter().map(|(word, _, _)| *word);
    let Some((_, ask, negated)) = OPERATORS.iter().find(|(known, _, _)| *known == word) else {
        let mut detail = format!("must be one of {}", words().collect::<Vec<_>>().join(", "));
        if let Some(near) = closest(word, words()) {
            detail.push_str(&format!("; did you mean `{near}`?"));
        }
        return Err(invalid(pointer, "invalid", detail));
    };
    if !kind.answers(*ask) {
        let fitting: Vec<&str> =
            OPERATORS.iter().filter(|(_, ask, _)| kind.answers(*ask)).map(|(w, _, _)| *w).collect();
        let fitting = fitting.join(", ");
        let detail = format!("asks nothing of {}; one of {fitting} does", kind.noun());
        return Err(invalid(pointer, "invalid", detail));
    }
    Ok((*ask, *negated))
}

struct Leaf<'l, 'd> {
    fields: &'l Fields<'d>,
    field: &'l Field,
    /// Where the value stands.
    at: String,
}

impl Leaf<'_, '_> {
    fn positive(&self, ask: Ask, given: &Value, many: bool) -> Result<Sql, Fault> {
        match ask {
            Ask::Present => match given {
                Value::Null => Ok(self.present()),
                Value::Array(list) if list.is_empty() => Ok(self.present()),
                _ => Err(self.wrong("takes no value")),
            },
            Ask::Compare(sign) => self.compare(sign, given),
            Ask::DaysBefore => self.days_before(given),
            Ask::In => self.any_of(given, many, |value, at| self.equals(value, at)),
            Ask::Contains if self.field.kind == Kind::Names => {
                self.any_of(given, many, |value, at| self.equals(value, at))
            }
            Ask::Contains | Ask::StartsWith => {
                self.any_of(given, many, |value, at| self.holds(ask, value, at))
            }
        }
    }

    /// One condition for each of the values, joined by "or".
    fn any_of(
        &self,
        given: &Value,
        many: bool,
        each: impl Fn(&Value, &str) -> Result<Sql, Fault>,
    ) -> Result<Sql, Fault> {
        let list = match given {
            Value::Array(list) if many => list,
            Value::Array(_) => return Err(self.wrong("must be one value; `in` takes a list")),
            one => return each(one, &self.at),
        };
        if list.len() > MOST_VALUES {
            let detail = format!("must have at most {MOST_VALUES} elements");
            return Err(invalid(self.at.as_str(), "too_many", detail));
        }
        let each = |(index, value)| each(value, &format!("{}/{index}", self.at));
        let all = list.iter().enumerate().map(each).collect::<Result<Vec<_>, _>>()?;
        Ok(Sql::joined(&all, " OR ", "false"))
    }

    fn present(&self) -> Sql {
        let value = &self.field.value;
        match self.field.kind {
            Kind::Names => {
                Sql::default().text("EXISTS (SELECT 1 FROM json_each(").piece(value).text("))")
            }
            _ => Sql::default().piece(value).text(" IS NOT NULL"),
        }
    }

    /// Whether the field is a value.
    fn equals(&self, given: &Value, at: &str) -> Result<Sql, Fault> {
        if given.is_null() {
            return Ok(Sql::default().text("NOT ").piece(&self.present()));
        }
        let value = &self.field.value;
        let plain = || Sql::default().piece(value).text(" = ");
        match self.field.kind {
            Kind::Text => Ok(self.folded(value).text(" = ").value(fold(self.text(given, at)?))),
            Kind::Names => {
                let name = self.text(given, at)?.to_owned();
                Ok(Sql::default()
                    .text("EXISTS (SELECT 1 FROM json_each(")
                    .piece(value)
                    .text(") AS name WHERE name.value = ")
                    .value(name)
                    .text(")"))
            }
            Kind::Time => Ok(plain().value(self.time(given, at)?)),
            Kind::Word | Kind::Date | Kind::Number | Kind::Boolean => {
                self.check(given, at)?;
                Ok(plain().value(bound(given)))
            }
            Kind::Id(table) => Ok(plain().value(self.id(table, given, at)?)),
            Kind::Free => {
                let (text, number) = free(given, at)?;
                let same = self.folded(&self.free_text()).text(" = ").value(fold(&text));
                let Some(number) = number else { return Ok(same) };
                Ok(self.if_number(&plain().value(number)).text(" OR ").piece(&same))
            }
        }
    }

    /// Whether a text contains another, or begins with it.
    fn holds(&self, ask: Ask, given: &Value, at: &str) -> Result<Sql, Fault> {
        let text = match (self.field.kind, given) {
            (Kind::Number | Kind::Free, Value::Number(number)) => number.to_string(),
            _ => self.text(given, at)?.to_owned(),
        };
        let place = match self.field.kind {
            Kind::Text => self.field.value.clone(),
            _ => self.free_text(),
        };
        let wanted = if ask == Ask::Contains { ") > 0" } else { ") = 1" };
        let inside = Sql::default().text("instr(").piece(&self.folded(&place)).text(", ");
        Ok(inside.value(fold(&text)).text(wanted))
    }

    fn compare(&self, sign: &str, given: &Value) -> Result<Sql, Fault> {
        let at = self.at.as_str();
        let compared = || Sql::default().piece(&self.field.value).text(&format!(" {sign} "));
        match self.field.kind {
            Kind::Time => Ok(compared().value(self.time(given, at)?)),
            Kind::Free => match free(given, at)? {
                (_, Some(number)) => Ok(self.if_number(&compared().value(number))),
                (text, None) => Ok(self.if_text(&compared().value(text))),
            },
            _ => {
                self.check(given, at)?;
                Ok(compared().value(bound(given)))
            }
        }
    }

    fn days_before(&self, given: &Value) -> Result<Sql, Fault> {
        let days = given.as_i64().filter(|days| (0..=MOST_DAYS).contains(days));
        let Some(days) = days else {
            return Err(self.wrong(&format!("must be a number of days from 0 to {MOST_DAYS}")));
        };
        let now: Option<Timestamp> = self.fields.desk.now.parse().ok();
        let back = SignedDuration::from_hours(days * 24);
        // Before the beginning of time, nothing was.
        let moment = now.and_then(|now| now.checked_sub(back).ok()).map_or_else(String::new, stamp);
        // A day sorts before every moment of it, so that this bounds times and days alike.
        let before = Sql::default().piece(&self.field.value).text(" < ").value(moment);
        Ok(if self.field.kind == Kind::Free { self.if_text(&before) } else { before })
    }

    fn if_number(&self, condition: &Sql) -> Sql {
        let is = Sql::default().text("(").piece(&self.field.json_type);
        is.text(" IN ('integer', 'real') AND ").piece(condition).text(")")
    }

    fn if_text(&self, condition: &Sql) -> Sql {
        let is = Sql::default().text("(").piece(&self.field.json_type);
        is.text(" = 'text' AND ").piece(condition).text(")")
    }

    fn folded(&self, value: &Sql) -> Sql {
        Sql::default().text("fold(").piece(value).text(")")
    }

    /// What is stored, as a person would write it. SQLite has no booleans of its own.
    fn free_text(&self) -> Sql {
        let text = Sql::default().text("CAST((").piece(&self.field.value).text(") AS TEXT)");
        if self.field.kind != Kind::Free {
            return text;
        }
        Sql::default()
            .text("CASE ")
            .piece(&self.field.json_type)
            .text(" WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE ")
            .piece(&text)
            .text(" END")
    }

    fn text<'v>(&self, given: &'v Value, at: &str) -> Result<&'v str, Fault> {
        let Some(text) = given.as_str() else {
            return Err(invalid(at, "wrong_type", "must be text"));
        };
        if text.chars().count() > LONGEST {
            let detail = format!("must have at most {LONGEST} characters");
            return Err(invalid(at, "too_long", detail));
        }
        Ok(text)
    }

    /// A moment; a day is its beginning.
    fn time(&self, given: &Value, at: &str) -> Result<String, Fault> {
        let text = given.as_str().unwrap_or_default();
        if let Ok(time) = text.parse::<Timestamp>() {
            return Ok(stamp(time));
        }
        match text.parse::<Date>() {
            Ok(day) if text.len() == 10 => Ok(format!("{day}T00:00:00.000Z")),
            _ => {
                let detail = "must be a time such as 2026-03-04T09:15:30.000Z, or a day";
                Err(invalid(at, "wrong_type", detail))
            }
        }
    }

    /// The id that a reference stands for; none where there is no such resource.
    fn id(&self, table: Option<store::Table>, given: &Value, at: &str) -> Result<Bound, Fault> {
        let contract = self.fields.contract();
        let schema = contract.schema_named("IdRef").unwrap_or(self.field.schema);
        self.check_as(schema, given, at)?;
        self.fields.id(table, given.as_str().unwrap_or_default())
    }

    fn check(&self, given: &Value, at: &str) -> Result<(), Fault> {
        self.check_as(self.field.schema, given, at)
    }

    /// Refuses a value that the field could never have.
    fn check_as(
        &self,
        schema: crate::canonical::contract::SchemaId,
        given: &Value,
        at: &str,
    ) -> Result<(), Fault> {
        let mut violations = Vec::new();
        validate(self.fields.contract(), schema, given.to_string().as_bytes(), &mut violations);
        // Null was seen before; here it is a value where none is asked for.
        if given.is_null() && violations.is_empty() {
            return Err(self.wrong(&format!("must be {}", self.field.kind.noun())));
        }
        if violations.is_empty() {
            return Ok(());
        }
        let mut problem = Problem::new(ProblemCode::ValidationFailed);
        problem.errors = violations
            .into_iter()
            .map(|violation| {
                let pointer = Some(format!("{at}{}", violation.pointer));
                FieldProblem { pointer, ..violation.into() }
            })
            .collect();
        Err(problem.into())
    }

    fn wrong(&self, detail: &str) -> Fault {
        invalid(self.at.as_str(), "wrong_type", detail)
    }
}

/// A value that the contract's check has let through.
fn bound(given: &Value) -> Bound {
    match given {
        Value::Bool(is) => Bound::Integer(i64::from(*is)),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Bound::Integer(whole),
            (None, Some(real)) => Bound::Real(real),
            (None, None) => Bound::Null,
        },
        Value::String(text) => Bound::Text(text.clone()),
        _ => Bound::Null,
    }
}

/// A value for an attribute of any type: as text, and as a number where it is one.
fn free(given: &Value, at: &str) -> Result<(String, Option<Bound>), Fault> {
    match given {
        Value::Number(number) => Ok((number.to_string(), Some(bound(given)))),
        Value::Bool(is) => Ok((is.to_string(), None)),
        Value::String(text) if text.chars().count() <= LONGEST => {
            let number = text.parse::<serde_json::Number>().ok().map(Value::Number);
            Ok((text.clone(), number.as_ref().map(bound)))
        }
        Value::String(_) => {
            let detail = format!("must have at most {LONGEST} characters");
            Err(invalid(at, "too_long", detail))
        }
        _ => Err(invalid(at, "wrong_type", "must be text, a number, true or false")),
    }
}
