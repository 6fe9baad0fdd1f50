//! A counterexample made smaller: members taken away, values nulled, lists shortened, scalars made
//! plain, as long as the same law fails at the same rule.

use super::Finding;
use super::json::Json;
use super::judge::{Case, Judge};
use super::subject::Subject;

/// Most values tried.
const MOST: usize = 800;

/// Plain values, the plainest first.
const PLAIN: [&str; 10] = [
    "0",
    "\"\"",
    "1",
    "\"a\"",
    "null",
    "false",
    "[]",
    "{}",
    "\"1970-01-01\"",
    "\"2026-03-04T09:15:30.000Z\"",
];

/// The smallest case found that fails in the same way, and how it fails.
pub(super) fn shrink<'l>(
    judge: &mut Judge<'l>,
    subject: &Subject<'l>,
    case: &Case,
    finding: &Finding,
) -> (Case, Finding) {
    let mut best = (case.clone(), finding.clone());
    let mut tried = 0;
    let parts = match case {
        Case::Canonical { arguments, .. } => arguments.len() + 1,
        _ => 1,
    };
    for part in (0..parts).rev() {
        let mut at = 0;
        while let Some(smaller) = part_of(&best.0, part).and_then(|tree| nth(tree, at)) {
            let mut won = None;
            for smaller in smaller {
                tried += 1;
                if tried > MOST {
                    return best;
                }
                let Some(case) = with(judge, subject, &best.0, part, smaller) else { continue };
                let same = judge.judge(subject, &case).findings.into_iter();
                let mut same = same.filter(|f| f.law == finding.law && f.span == finding.span);
                if let Some(finding) = same.next() {
                    won = Some((case, finding));
                    break;
                }
            }
            match won {
                // What stands at the position now is something else.
                Some(won) => best = won,
                None => at += 1,
            }
        }
    }
    best
}

fn part_of(case: &Case, part: usize) -> Option<&Json> {
    match case {
        Case::Canonical { object, arguments } => match part.checked_sub(1) {
            None => Some(object),
            Some(index) => arguments.get(index)?.as_ref(),
        },
        Case::Theirs(json) | Case::Damaged(json) => Some(json),
    }
}

/// The case with another part, where it is still one of the contract.
fn with(
    judge: &Judge<'_>,
    subject: &Subject<'_>,
    case: &Case,
    part: usize,
    json: Json,
) -> Option<Case> {
    let mut case = case.clone();
    match &mut case {
        Case::Canonical { object, arguments } => match part.checked_sub(1) {
            None if judge.valid(&subject.ty, &json) => *object = json,
            None => return None,
            Some(index) => {
                let need = subject.record.needs.get(index)?;
                if !judge.valid(&judge.book.type_of_need(need), &json) {
                    return None;
                }
                *arguments.get_mut(index)? = Some(json);
            }
        },
        Case::Theirs(own) | Case::Damaged(own) => *own = json,
    }
    Some(case)
}

/// The tree with its `at`-th value, level by level, made smaller in every way there is; `None` past
/// the last one.
fn nth(tree: &Json, at: usize) -> Option<Vec<Json>> {
    let mut ways: Vec<Vec<usize>> = vec![Vec::new()];
    let mut index = 0;
    loop {
        let way = ways.get(index)?.clone();
        let here = inside(tree, &way)?;
        let count = match here {
            Json::List(all) => all.len(),
            Json::Object(all) => all.len(),
            _ => 0,
        };
        if index == at {
            let size = here.to_string().len();
            let mut smaller: Vec<Option<Json>> = Vec::new();
            if !way.is_empty() {
                smaller.push(None);
            }
            smaller.extend(
                PLAIN
                    .iter()
                    .map(|json| Json::read(json))
                    .filter(|j| j.to_string().len() < size)
                    .map(Some),
            );
            return Some(
                smaller
                    .into_iter()
                    .filter_map(|json| {
                        let mut tree = tree.clone();
                        replace(&mut tree, &way, json).then_some(tree)
                    })
                    .collect(),
            );
        }
        for child in 0..count {
            let mut way = way.clone();
            way.push(child);
            ways.push(way);
        }
        index += 1;
    }
}

fn inside<'j>(tree: &'j Json, way: &[usize]) -> Option<&'j Json> {
    way.iter().try_fold(tree, |tree, index| match tree {
        Json::List(all) => all.get(*index),
        Json::Object(all) => all.get(*index).map(|(_, value)| value),
        _ => None,
    })
}

/// Puts another value there, or takes it away.
fn replace(tree: &mut Json, way: &[usize], json: Option<Json>) -> bool {
    let Some((index, rest)) = way.split_first() else {
        return json.is_some_and(|json| {
            *tree = json;
            true
        });
    };
    let last = rest.is_empty() && json.is_none();
    match tree {
        Json::List(all) if last && *index < all.len() => {
            all.remove(*index);
            true
        }
        Json::Object(all) if last && *index < all.len() => {
            all.remove(*index);
            true
        }
        Json::List(all) => all.get_mut(*index).is_some_and(|tree| replace(tree, rest, json)),
        Json::Object(all) => all.get_mut(*index).is_some_and(|(_, tree)| replace(tree, rest, json)),
        _ => false,
    }
}
