//! `one_of`: a discriminator on either side, and cases.

use crate::syntax::fields::wrong_type;
use crate::syntax::yaml::Entry;
use crate::syntax::{Diagnostics, Node};

use super::rule::{read_rule, required, unknown_key};
use super::text;
use super::{Case, CaseWord, Union};

/// Reads `one_of`.
pub(super) fn read_union(node: &Node, d: &mut Diagnostics) -> Option<Union> {
    let by = required(node, "by", "`one_of` needs `by`: where the discriminator stands", d);
    let cases = required(node, "cases", "`one_of` needs `cases`", d);
    for entry in node.as_map().unwrap_or_default() {
        if !["by", "cases"].contains(&entry.key.as_str()) {
            d.push(unknown_key("`one_of`", entry, &["by", "cases"]));
        }
    }
    let by = by?;
    let dialect = required(by, "dialect", "`by` names the discriminator of the dialect", d);
    let canonical = required(by, "canonical", "`by` names the canonical discriminator", d);
    let (dialect, canonical) = (text::path(dialect?, d), text::path(canonical?, d));
    let cases = cases?;
    let Some(items) = cases.as_list() else {
        d.push(wrong_type(cases, "`cases` is a list"));
        return None;
    };
    let cases = items.iter().map(|case| read_case(case, d)).collect::<Vec<_>>();
    Some(Union {
        span: by.span,
        dialect: dialect?,
        canonical: canonical?,
        cases: cases.into_iter().collect::<Option<_>>()?,
    })
}

fn read_case(node: &Node, d: &mut Diagnostics) -> Option<Case> {
    const OWN: [&str; 2] = ["dialect", "canonical"];
    let Some(entries) = node.as_map() else {
        d.push(wrong_type(node, "a case is a map"));
        return None;
    };
    let makes = |e: &Entry| !OWN.contains(&e.key.as_str()) && !["only", "why"].contains(&&*e.key);
    let rule = match entries.iter().any(makes) {
        true => Some(read_rule(node, &OWN, d)?),
        false => None,
    };
    Some(Case {
        span: node.span,
        dialect: node.get("dialect").map(|n| case_words(n, d)).unwrap_or_default(),
        canonical: node.get("canonical").map(|n| case_words(n, d)).unwrap_or_default(),
        only: node.get("only").and_then(|n| text::only(n, d)),
        rule,
    })
}

/// A word of a case, or a list of them.
fn case_words(node: &Node, d: &mut Diagnostics) -> Vec<CaseWord> {
    let items = node.as_list().unwrap_or(std::slice::from_ref(node));
    items
        .iter()
        .filter_map(|item| match item.as_text() {
            Some("absent") => Some(CaseWord::Absent(item.span)),
            Some("other") => Some(CaseWord::Other),
            _ => text::scalar(item, "a value of a case", d).map(|v| CaseWord::Value(v, item.span)),
        })
        .collect()
}
