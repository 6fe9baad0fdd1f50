//! Decision tables, as written in the description.

use super::tree::Tree;
use super::{Slow, holds, owned, spelled, takes};
use crate::mapping::plan::{Convert, Input, Relation, RelationRaw, Row, Test, Write};
use crate::mapping::run::fault;

/// An input that cannot be looked at; the fault is noted.
struct Refused;

impl Slow<'_> {
    pub(super) fn column(&mut self, relation: u16, column: u8) -> Option<String> {
        let relation = self.program.relations.get(usize::from(relation))?;
        let inputs: Vec<_> =
            relation.inputs.iter().map(|input| self.input(input, column == 0)).collect();
        let inputs: Vec<Option<String>> =
            inputs.into_iter().collect::<Result<_, Refused>>().ok()?;
        let Some(row) = relation.rows.iter().find(|row| all(&row.tests, &inputs)) else {
            let sites = relation.inputs.iter();
            let fields = sites.filter_map(|input| self.program.sites.get(input.site.0 as usize));
            let detail = fault::no_row(fields.map(|site| &*site.field));
            return self.fault(relation.site, "invalid", detail);
        };
        self.count(row.event.filter(|_| column == 0));
        let raw = relation.raw.as_ref().filter(|raw| raw.output == column);
        let raw = raw.and_then(|raw| self.given_back(relation, raw, row, &inputs));
        let json = match raw {
            Some(value) => value,
            None => self.write(relation, row.writes.get(usize::from(column)), &inputs)?,
        };
        let check = relation.outputs.get(usize::from(column)).and_then(|output| output.check);
        self.checked(check, json, relation.site)
    }

    fn input(&mut self, input: &Input, counted: bool) -> Result<Option<String>, Refused> {
        let missing = input.missing.as_ref().map(|json| owned(json));
        let json = self.value_at(input.at).map(|tree| tree.raw.to_owned()).or(missing);
        let Some(json) = json else { return Ok(None) };
        let tree = Tree::read(&json).map_err(|_| Refused)?;
        if tree.null() || tree.is_any(&input.also_null) {
            return Ok(Some("null".into()));
        }
        let spelled = if self.program.lenient { spelled(input.accept, &tree) } else { None };
        let tree = spelled.as_ref().unwrap_or(&tree);
        if !takes(input.accept, tree) {
            let detail = fault::wrong_type(input.accept, tree.raw);
            self.fault(input.site, "wrong_type", detail);
            return Err(Refused);
        }
        match &input.convert {
            Convert::Enum(op) => self.word(op, tree, input.site, counted).map(Some).ok_or(Refused),
            _ => Ok(Some(tree.raw.to_owned())),
        }
    }

    fn write(
        &mut self,
        relation: &Relation,
        write: Option<&Write>,
        inputs: &[Option<String>],
    ) -> Option<String> {
        match write? {
            Write::Absent => None,
            Write::Const(bytes) => Some(owned(bytes)),
            Write::Copy(from) => {
                let from = usize::from(*from);
                let (input, json) = (relation.inputs.get(from)?, inputs.get(from)?.clone()?);
                if json == "null" || matches!(input.convert, Convert::Enum(_)) {
                    return Some(json);
                }
                let tree = Tree::read(&json).ok()?;
                self.convert(&input.convert, input.accept, &tree, input.site)
            }
        }
    }

    fn given_back(
        &mut self,
        relation: &Relation,
        raw: &RelationRaw,
        row: &Row,
        inputs: &[Option<String>],
    ) -> Option<String> {
        let ours = self.value_at(raw.system).is_some_and(|system| system.is(&raw.ours));
        let value = self.value_at(raw.value).filter(|value| ours && !value.null())?.raw;
        let output = usize::from(raw.output);
        for (dialect, canonical) in &raw.back {
            let mut fits = true;
            for (at, test) in dialect.iter().enumerate() {
                // Asked for only as far as the fast one asks.
                if fits && *test != Test::Any {
                    let written = if at == output {
                        Some(value.to_owned())
                    } else {
                        self.write(relation, row.writes.get(at), inputs)
                    };
                    fits = all(std::slice::from_ref(test), &[written]);
                }
            }
            if fits {
                return all(canonical, inputs).then(|| value.to_owned());
            }
        }
        None
    }
}

fn all(tests: &[Test], values: &[Option<String>]) -> bool {
    tests.iter().enumerate().all(|(at, test)| {
        let json = values.get(at).and_then(|json| json.as_deref());
        let tree = json.and_then(|json| Tree::read(json).ok());
        holds(test, tree.as_ref())
    })
}
