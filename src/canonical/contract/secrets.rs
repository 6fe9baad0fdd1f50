//! Where an answer may hold a secret: every place of a member that is marked `x-secret`.

use super::{Contract, Kind, SchemaId};

/// Deepest place that is looked for.
const DEEPEST: usize = 8;

/// The places in an answer; `*` is every element of a list.
pub(super) fn places(contract: &Contract, answer: SchemaId) -> Vec<Vec<Box<str>>> {
    let mut found = Vec::new();
    look(contract, answer, &mut Vec::new(), &mut Vec::new(), &mut found);
    found
}

fn look(
    contract: &Contract,
    schema: SchemaId,
    around: &mut Vec<SchemaId>,
    path: &mut Vec<Box<str>>,
    found: &mut Vec<Vec<Box<str>>>,
) {
    if around.contains(&schema) || path.len() >= DEEPEST {
        return;
    }
    around.push(schema);
    match &contract.schema(schema).kind {
        Kind::List { items, .. } => {
            path.push("*".into());
            look(contract, *items, around, path, found);
            path.pop();
        }
        Kind::Object { properties, .. } => {
            for property in properties {
                path.push(property.name.clone());
                if property.secret {
                    found.push(path.clone());
                } else {
                    look(contract, property.schema, around, path, found);
                }
                path.pop();
            }
        }
        Kind::Union(of) | Kind::Any(of) => {
            of.iter().for_each(|one| look(contract, *one, around, path, found));
        }
        _ => {}
    }
    around.pop();
}
