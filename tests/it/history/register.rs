//! A conversation's value, set as a whole by anybody: every value is set once, so that it is known
//! which write a read shows.
//!
//! Then one pass decides (Gibbons and Korach, "Testing shared memories", 1997). A value's calls are
//! its write and the reads that show it. It was surely the conversation's value from the earliest of
//! their ends to the latest of their beginnings; where the end comes first that is a stretch that it
//! has for itself, else a moment somewhere between the two. The history has an order if no two
//! stretches overlap and no moment is bound to lie inside a stretch.

use std::collections::HashMap;

use super::judge::{Kind, Promise, as_of};
use super::record::{Call, Did, Micros, Outcome};

/// A value: its write, and between which times it was surely or somewhere there.
struct Value<'h> {
    name: &'h str,
    /// When its write was begun, and when that was acknowledged.
    begun: Micros,
    acknowledged: Option<Micros>,
    earliest_end: Micros,
    latest_start: Micros,
    read: bool,
}

pub(super) fn judge(calls: &[&Call], promise: Promise, tell: &mut impl FnMut(Kind, String)) {
    // Nobody set it in the beginning.
    let first = Value {
        name: "",
        begun: 0,
        acknowledged: Some(0),
        earliest_end: 0,
        latest_start: 0,
        read: false,
    };
    let mut values = vec![first];
    let mut refused: HashMap<&str, &Call> = HashMap::new();
    for call in calls {
        match &call.did {
            Did::Set { value, outcome: Outcome::Refused(_) } => {
                refused.insert(value, call);
            }
            Did::Set { value, outcome } => {
                let acknowledged = (*outcome == Outcome::Acknowledged).then_some(call.returned);
                values.push(Value {
                    name: value,
                    begun: call.invoked,
                    acknowledged,
                    earliest_end: acknowledged.unwrap_or(Micros::MAX),
                    latest_start: call.invoked,
                    read: false,
                });
            }
            _ => {}
        }
    }
    let place: HashMap<&str, usize> = values.iter().enumerate().map(|(n, v)| (v.name, n)).collect();
    // By the time of each acknowledgement: the latest beginning of a write acknowledged until then.
    let mut overtaken: Vec<(Micros, Micros)> =
        values.iter().filter_map(|v| Some((v.acknowledged?, v.begun))).collect();
    overtaken.sort_unstable();
    let mut latest = 0;
    for (_, begun) in &mut overtaken {
        latest = latest.max(*begun);
        *begun = latest;
    }
    for call in calls {
        let Did::Get { value, claim } = &call.did else { continue };
        if let Some(write) = refused.get(value.as_str()) {
            tell(Kind::Refused, format!("{write} was read: {call}"));
            continue;
        }
        let Some(shown) = place.get(value.as_str()).map(|n| &mut values[*n]) else {
            tell(Kind::Phantom, format!("nobody set it: {call}"));
            continue;
        };
        if call.returned < shown.begun {
            tell(Kind::Phantom, format!("not yet set: {call}"));
            continue;
        }
        let until = overtaken.partition_point(|(end, _)| *end < call.invoked);
        let overtaker = until.checked_sub(1).map(|last| overtaken[last].1);
        if let (Some(end), Some(begun)) = (shown.acknowledged, overtaker)
            && end < begun
        {
            tell(Kind::Stale, format!("another was acknowledged: {call}"));
            continue;
        }
        match as_of(call, *claim, promise) {
            Ok(time) => {
                shown.read = true;
                shown.earliest_end = shown.earliest_end.min(call.returned);
                shown.latest_start = shown.latest_start.max(time);
            }
            Err((kind, why)) => tell(kind, why),
        }
    }
    // A write of unknown outcome that nobody saw need not have happened.
    values.retain(|v| v.read || v.acknowledged.is_some());
    let (mut stretches, moments): (Vec<&Value<'_>>, Vec<&Value<'_>>) =
        values.iter().partition(|v| v.earliest_end < v.latest_start);
    stretches.sort_unstable_by_key(|v| v.earliest_end);
    for pair in stretches.windows(2) {
        if pair[1].earliest_end < pair[0].latest_start {
            let why = format!("{:?} and {:?} were there at once", pair[0].name, pair[1].name);
            tell(Kind::Older, why);
        }
    }
    for moment in moments {
        // Of the stretches that begin before it can be over, the last reaches furthest.
        let until = stretches.partition_point(|s| s.earliest_end < moment.latest_start);
        let around = until.checked_sub(1).map(|last| stretches[last]);
        if let Some(around) = around.filter(|s| moment.earliest_end < s.latest_start) {
            let why =
                format!("{:?} can only have been there while {:?} was", moment.name, around.name);
            tell(Kind::Older, why);
        }
    }
}
