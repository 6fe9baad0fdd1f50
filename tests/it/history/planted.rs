//! Histories made by hand: a good one, and everything that can be wrong with it.

use super::judge::{Broken, Kind, Promise, judge};
use super::record::{Call, Claim, Did, History, Message, Micros, Outcome, Part, Shown, View};

const PROMISE: Promise = Promise { flight: 1_000_000, stale: 60 };
const SECOND: Micros = 1_000_000;

fn call(invoked: Micros, returned: Micros, did: Did) -> Call {
    Call { who: 0, dialect: "account", conversation: 1, invoked, returned, did }
}

fn write(invoked: Micros, returned: Micros, id: u64, outcome: Outcome) -> Call {
    call(invoked, returned, Did::Write { text: format!("line {id}"), outcome })
}

fn read(invoked: Micros, returned: Micros, part: Part, ids: &[u64], claim: Claim) -> Call {
    read_as(View::Whole, invoked, returned, part, ids, claim)
}

fn read_as(
    view: View,
    invoked: Micros,
    returned: Micros,
    part: Part,
    ids: &[u64],
    claim: Claim,
) -> Call {
    let messages = ids.iter().map(|id| (*id, format!("line {id}"))).collect();
    call(invoked, returned, Did::Read { view, part, messages, claim })
}

/// As in lists that show no numbers.
fn nameless(mut read: Call) -> Call {
    let Did::Read { messages, .. } = &mut read.did else { unreachable!() };
    for (id, _) in messages {
        *id = 0;
    }
    read
}

fn set(invoked: Micros, returned: Micros, value: &str, outcome: Outcome) -> Call {
    call(invoked, returned, Did::Set { value: value.to_owned(), outcome })
}

fn get(invoked: Micros, returned: Micros, value: &str, claim: Claim) -> Call {
    call(invoked, returned, Did::Get { value: value.to_owned(), claim })
}

fn held(ids: &[u64]) -> Vec<Message> {
    ids.iter()
        .map(|id| Message { id: *id, text: format!("line {id}"), shown: Shown::Everybody })
        .collect()
}

fn history(held: Vec<Message>, calls: Vec<Call>) -> History {
    History { calls, held: [(1, held)].into() }
}

fn kinds(history: &History) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = judge(history, PROMISE).iter().map(|b: &Broken| b.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// Three acknowledged writes, one after the other, and these calls besides.
fn three(more: Vec<Call>) -> History {
    let mut calls = vec![
        write(10, 20, 1, Outcome::Acknowledged),
        write(30, 40, 2, Outcome::Acknowledged),
        write(50, 60, 3, Outcome::Acknowledged),
    ];
    calls.extend(more);
    history(held(&[1, 2, 3]), calls)
}

const HIT: Claim = Claim::Stored { left: 10, of: 15 };

#[test]
fn a_history_without_fault_is_passed() {
    let good = three(vec![
        read(70, 80, Part::All, &[1, 2, 3], HIT),
        read(70, 80, Part::Newest(2), &[2, 3], Claim::Asked),
        nameless(read(70, 80, Part::All, &[1, 2, 3], HIT)),
        read(70, 80, Part::Before(3, 2), &[1, 2], HIT),
        read(70, 80, Part::Before(1, 2), &[], HIT),
        read(70, 80, Part::Numbered { page: 2, size: 2, total: 3 }, &[1], Claim::Collapsed),
        // While the second is under way it may be seen or not.
        read(32, 38, Part::All, &[1], Claim::Asked),
        read(32, 38, Part::All, &[1, 2], Claim::Asked),
    ]);
    assert_eq!(judge(&good, PROMISE).len(), 0, "{:?}", judge(&good, PROMISE));
}

#[test]
fn lost_duplicated_refused_and_invented_messages_are_found() {
    let with = |ids: &[u64], outcome| {
        history(held(ids), vec![write(1, 2, 1, Outcome::Acknowledged), write(3, 4, 2, outcome)])
    };
    assert_eq!(kinds(&with(&[1], Outcome::Acknowledged)), [Kind::Lost]);
    assert_eq!(kinds(&with(&[1], Outcome::Unknown(504))), []);
    assert_eq!(kinds(&with(&[1, 2], Outcome::Unknown(504))), []);
    assert_eq!(kinds(&with(&[1, 2], Outcome::Refused(422))), [Kind::Refused]);
    assert_eq!(kinds(&with(&[1, 2, 3], Outcome::Acknowledged)), [Kind::Phantom]);
    for outcome in [Outcome::Acknowledged, Outcome::Unknown(504)] {
        let mut twice = held(&[1, 2, 3]);
        twice[2].text = "line 2".to_owned();
        let calls = vec![write(1, 2, 1, Outcome::Acknowledged), write(3, 4, 2, outcome)];
        assert_eq!(kinds(&history(twice, calls)), [Kind::Duplicated]);
    }
}

#[test]
fn an_order_that_contradicts_the_clock_is_found() {
    let calls = |first: Outcome| vec![write(1, 2, 1, first), write(3, 4, 2, Outcome::Acknowledged)];
    assert_eq!(kinds(&history(held(&[2, 1]), calls(Outcome::Acknowledged))), [Kind::Reordered]);
    // It may have been carried out late,
    assert_eq!(kinds(&history(held(&[2, 1]), calls(Outcome::Unknown(504)))), []);
    // unless somebody saw it before the other was begun.
    let mut seen = calls(Outcome::Unknown(504));
    seen[1] = write(13, 14, 2, Outcome::Acknowledged);
    seen.push(read(3, 4, Part::Newest(1), &[1], Claim::Asked));
    assert!(kinds(&history(held(&[2, 1]), seen)).contains(&Kind::Reordered));
    // Two at once may stand either way.
    let both = vec![write(1, 9, 1, Outcome::Acknowledged), write(2, 8, 2, Outcome::Acknowledged)];
    assert_eq!(kinds(&history(held(&[2, 1]), both)), []);
}

#[test]
fn reads_with_gaps_repetitions_or_strangers_are_found() {
    let one = |part, ids: &[u64]| kinds(&three(vec![read(70, 80, part, ids, Claim::Asked)]));
    assert_eq!(one(Part::All, &[1, 3]), [Kind::Torn]);
    assert_eq!(one(Part::All, &[2, 3]), [Kind::Torn]);
    assert_eq!(one(Part::Newest(2), &[3]), [Kind::Torn]);
    assert_eq!(one(Part::Newest(2), &[1, 2, 3]), [Kind::Torn]);
    assert_eq!(one(Part::Before(3, 2), &[1]), [Kind::Torn]);
    assert_eq!(one(Part::Before(3, 1), &[1]), [Kind::Torn]);
    assert_eq!(one(Part::Before(9, 1), &[3]), [Kind::Torn]);
    assert_eq!(one(Part::Numbered { page: 1, size: 2, total: 3 }, &[1, 2]), [Kind::Torn]);
    let gap = nameless(read(70, 80, Part::All, &[1, 3], Claim::Asked));
    assert_eq!(kinds(&three(vec![gap])), [Kind::Torn]);
    assert_eq!(one(Part::All, &[1, 3, 2]), [Kind::Reordered]);
    assert_eq!(one(Part::All, &[1, 2, 2, 3]), [Kind::Duplicated]);
    assert_eq!(one(Part::All, &[1, 2, 3, 4]), [Kind::Phantom]);
    let mut other = three(vec![read(70, 80, Part::All, &[1, 2, 3], Claim::Asked)]);
    other.held.get_mut(&1).unwrap()[1].shown = Shown::Inside;
    assert_eq!(kinds(&other), [], "who sees everything sees notes");
    for (view, kind) in [(View::Public, Kind::Phantom), (View::Bearer, Kind::Phantom)] {
        other.calls[3] = read_as(view, 70, 80, Part::All, &[1, 2, 3], Claim::Asked);
        assert_eq!(kinds(&other), [kind], "a note was shown");
        other.calls[3] = read_as(view, 70, 80, Part::All, &[1, 3], Claim::Asked);
        assert_eq!(kinds(&other), []);
    }
}

#[test]
fn a_read_without_what_was_acknowledged_is_found() {
    for claim in [HIT, Claim::Asked, Claim::Collapsed, Claim::Stored { left: -5, of: 15 }] {
        let stale = three(vec![read(70, 80, Part::All, &[1, 2], claim)]);
        assert_eq!(kinds(&stale), [Kind::Stale], "{claim:?}");
        let counted = Part::Numbered { page: 2, size: 2, total: 2 };
        assert_eq!(kinds(&three(vec![read(70, 80, counted, &[], claim)])), [Kind::Stale]);
    }
}

/// A write that timed out and was carried out behind everybody's back, and was seen at `seen`.
fn late(seen: Micros, then: Call) -> Vec<Kind> {
    let calls = vec![
        write(1, 2, 1, Outcome::Acknowledged),
        write(3, 4, 2, Outcome::Unknown(504)),
        read(seen - 1, seen, Part::All, &[1, 2], Claim::Asked),
        then,
    ];
    kinds(&history(held(&[1, 2]), calls))
}

#[test]
fn an_answer_older_than_it_says_is_found() {
    let at = 100 * SECOND;
    let without = |time, claim| read(time, time + 1, Part::All, &[1], claim);
    assert_eq!(late(at, without(at + 1, Claim::Asked)), [Kind::Older]);
    assert_eq!(late(at, without(at + 1, Claim::Collapsed)), []);
    assert_eq!(late(at, without(at + SECOND + 1, Claim::Collapsed)), [Kind::Older]);
    // Five seconds old, at most: it may be from before, or not.
    assert_eq!(late(at, without(at + 5 * SECOND, HIT)), []);
    assert_eq!(late(at, without(at + 5 * SECOND + 1, HIT)), [Kind::Older]);
    // Fifteen seconds and five more.
    let stale = Claim::Stored { left: -5, of: 15 };
    assert_eq!(late(at, without(at + 20 * SECOND, stale)), []);
    assert_eq!(late(at, without(at + 20 * SECOND + 1, stale)), [Kind::Older]);
    // Whatever it shows: it cannot have so long left, or be so old.
    for impossible in [16, -61] {
        let claim = Claim::Stored { left: impossible, of: 15 };
        assert_eq!(late(at, read(at, at + 1, Part::All, &[1, 2], claim)), [Kind::Older]);
    }
    assert_eq!(late(at, read(at, at + 1, Part::All, &[1, 2], Claim::Silent)), [Kind::Silent]);
}

fn values(calls: Vec<Call>) -> Vec<Kind> {
    kinds(&history(Vec::new(), calls))
}

#[test]
fn values_that_have_an_order_are_passed() {
    let calls = vec![
        get(1, 2, "", Claim::Asked),
        set(3, 6, "a", Outcome::Acknowledged),
        set(4, 7, "b", Outcome::Acknowledged),
        get(8, 9, "a", HIT),
        get(8, 9, "a", Claim::Asked),
        // Never seen, and perhaps never done.
        set(10, 11, "c", Outcome::Unknown(504)),
        get(12, 13, "a", Claim::Asked),
        // Seen late.
        set(14, 15, "d", Outcome::Unknown(504)),
        get(16, 17, "a", Claim::Asked),
        get(18, 19, "d", Claim::Asked),
    ];
    assert_eq!(values(calls), []);
}

#[test]
fn values_without_an_order_are_found() {
    let set_a = || set(1, 2, "a", Outcome::Acknowledged);
    let set_b = |outcome| set(3, 4, "b", outcome);
    let done = Outcome::Acknowledged;
    let asked = Claim::Asked;
    assert_eq!(values(vec![set_a(), set_b(done), get(5, 6, "a", HIT)]), [Kind::Stale]);
    assert_eq!(values(vec![set_a(), get(5, 6, "", asked)]), [Kind::Stale]);
    assert_eq!(values(vec![set_a(), get(5, 6, "z", asked)]), [Kind::Phantom]);
    assert_eq!(values(vec![get(0, 1, "b", asked), set_b(done)]), [Kind::Phantom]);
    let refused = vec![set_b(Outcome::Refused(422)), get(5, 6, "b", asked)];
    assert_eq!(values(refused), [Kind::Refused]);
    // Back again: the stretch of the first would hold the second.
    let back = |claim| {
        let seen = [get(5, 6, "b", asked), get(7, 8, "a", claim)];
        [vec![set(1, 9, "a", done), set(1, 9, "b", done), get(3, 4, "a", asked)], seen.to_vec()]
            .concat()
    };
    assert_eq!(values(back(asked)), [Kind::Older]);
    assert_eq!(values(back(HIT)), [], "it says that it may be so old");
    // Two orders at once.
    let crossed = vec![
        set(1, 20, "a", done),
        set(1, 20, "b", done),
        get(3, 4, "a", asked),
        get(3, 4, "b", asked),
        get(7, 8, "a", asked),
        get(7, 8, "b", asked),
    ];
    assert_eq!(values(crossed), [Kind::Older]);
}
