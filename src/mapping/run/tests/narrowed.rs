//! A program that leaves out of a document what was not asked for, inside what is embedded too.

use super::build::*;
use crate::mapping::plan::*;

fn cut(member: &str, include: &str, inner: Vec<Cut>) -> Cut {
    Cut { member: member.into(), include: include.into(), inner }
}

pub(super) fn narrow() -> Program {
    let (mut p, doc, inputs) = Build::new();
    let op = Narrow {
        at: p.at(doc, ""),
        site: p.site(doc, ""),
        members: vec![
            cut("meta", "open", vec![cut("a", "low", vec![])]),
            cut("items", "closed", vec![cut("meta", "open", vec![cut("items", "x", vec![])])]),
        ],
        include: p.at(inputs, "items"),
        limit: Some((p.at(inputs, "id"), 2)),
        visibility: Some(p.at(inputs, "status")),
    };
    p.narrowed(doc, &op);
    p.program(Emit::Narrow(Box::new(op)))
}
