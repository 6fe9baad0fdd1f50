//! Whether a history is one that a correct gateway can have. Pure: a history in, what is wrong with it
//! out.
//!
//! The order in which the backend holds a conversation's messages is the one that everybody must have
//! seen. Against it:
//!
//! - a write that was acknowledged stands there once, one that was refused never, any other at most
//!   once;
//! - what was known (acknowledged to its writer, or shown to anybody) before a write was begun stands
//!   before it;
//! - every part that was read is a piece of it without a gap, as far as its reader may see it, and as
//!   long as it should be;
//! - a read shows what was acknowledged before it was begun, through whichever dialect;
//! - a read shows what was known before the time that its `Cache-Status` admits to: an answer from the
//!   store is as old as it says, an answer that was asked for is not older than the question.
//!
//! A write whose outcome is unknown may be carried out late, when the gateway has long forgotten it.
//! It is then known when somebody has seen it, and only the last rule speaks of it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use super::record::{Call, Claim, Did, Held, History, Micros, Outcome, Part, View};
use super::register;

/// How our messages begin; others come from the backend itself.
pub(crate) const OURS: &str = "line ";

/// What is promised.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Promise {
    /// The longest that one request waits for a flight that another began.
    pub(crate) flight: Micros,
    /// So many seconds a stale answer may be given after its time.
    pub(crate) stale: u64,
}

/// What kind of wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Acknowledged, and not there.
    Lost,
    /// There twice.
    Duplicated,
    /// There although its writer was told that it is not.
    Refused,
    /// Nobody wrote it, or not so early.
    Phantom,
    /// In another order than the one that was seen, or that was told.
    Reordered,
    /// A part with a gap, or of the wrong length.
    Torn,
    /// Acknowledged before the read, and not in it.
    Stale,
    /// Older than its `Cache-Status` says.
    Older,
    /// No `Cache-Status` that says something.
    Silent,
}

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub(crate) struct Broken {
    pub(crate) kind: Kind,
    pub(crate) conversation: u64,
    pub(crate) why: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} in conversation {}: {}", self.kind, self.conversation, self.why)
    }
}

/// Everything that is wrong with a history.
pub(crate) fn judge(history: &History, promise: Promise) -> Vec<Broken> {
    let mut by_conversation: BTreeMap<u64, Vec<&Call>> = BTreeMap::new();
    for call in &history.calls {
        by_conversation.entry(call.conversation).or_default().push(call);
    }
    let mut broken = Vec::new();
    for (number, calls) in by_conversation {
        let none = Held::new();
        let held = history.held.get(&number).unwrap_or(&none);
        let mut tell = |kind, why: String| broken.push(Broken { kind, conversation: number, why });
        Thread::new(held, &calls).judge(&calls, promise, &mut tell);
        register::judge(&calls, promise, &mut tell);
    }
    broken
}

/// The latest time an answer may be as old as; what was known before it must be in the answer.
pub(super) fn as_of(call: &Call, claim: Claim, promise: Promise) -> Result<Micros, (Kind, String)> {
    const SECOND: i64 = 1_000_000;
    let back = |seconds: i64| {
        call.invoked.saturating_sub(u64::try_from(seconds * SECOND).unwrap_or_default())
    };
    match claim {
        Claim::Asked => Ok(call.invoked),
        Claim::Collapsed => Ok(call.invoked.saturating_sub(promise.flight)),
        Claim::Stored { left, of } => {
            let of = i64::try_from(of).unwrap_or(i64::MAX);
            let window = i64::try_from(promise.stale).unwrap_or(i64::MAX);
            if left > of || -left > window {
                return Err((
                    Kind::Older,
                    format!("ttl={left} of {of}, stale for {window}: {call}"),
                ));
            }
            Ok(back(of - left))
        }
        Claim::Silent => Err((Kind::Silent, call.to_string())),
    }
}

/// A conversation's messages, and since when each is known.
struct Thread<'h> {
    held: &'h Held,
    place: HashMap<u64, usize>,
    by_text: HashMap<&'h str, usize>,
    /// For each view the number of messages that it shows among the first n.
    shown: BTreeMap<View, Vec<usize>>,
    acknowledged: Known,
    known: Known,
}

/// What was known when: times in order, each with the last message that must have been shown then.
#[derive(Default)]
struct Known(Vec<(Micros, usize)>);

impl Known {
    fn new(mut times: Vec<(Micros, usize)>) -> Self {
        times.sort_unstable();
        let mut most = 0;
        for (_, place) in &mut times {
            most = most.max(*place);
            *place = most;
        }
        Self(times)
    }

    /// So many messages were there before this time, at least.
    fn before(&self, time: Micros) -> usize {
        let until = self.0.partition_point(|(known, _)| *known < time);
        until.checked_sub(1).map_or(0, |last| self.0[last].1 + 1)
    }
}

impl<'h> Thread<'h> {
    fn new(held: &'h Held, calls: &[&Call]) -> Self {
        let place: HashMap<u64, usize> =
            held.iter().enumerate().map(|(n, message)| (message.id, n)).collect();
        let count = |view: View| {
            let mut all = vec![0];
            for message in held {
                all.push(all[all.len() - 1] + usize::from(view.shows(message)));
            }
            all
        };
        let views = [View::Public, View::Bearer, View::Whole];
        let shown = views.into_iter().map(|view| (view, count(view))).collect();
        let by_text: HashMap<&str, usize> =
            held.iter().enumerate().map(|(n, message)| (message.text.as_str(), n)).collect();
        let mut acknowledged = Vec::new();
        let mut known = Vec::new();
        for call in calls {
            match &call.did {
                Did::Write { text, outcome: Outcome::Acknowledged } => {
                    acknowledged.extend(by_text.get(text.as_str()).map(|n| (call.returned, *n)));
                }
                Did::Read { messages, .. } => {
                    let last = messages.iter().filter_map(|(id, text)| match id {
                        0 => by_text.get(text.as_str()),
                        id => place.get(id),
                    });
                    known.extend(last.max().map(|n| (call.returned, *n)));
                }
                _ => {}
            }
        }
        known.extend_from_slice(&acknowledged);
        let (acknowledged, known) = (Known::new(acknowledged), Known::new(known));
        Self { held, place, by_text, shown, acknowledged, known }
    }

    fn judge(&self, calls: &[&Call], promise: Promise, tell: &mut impl FnMut(Kind, String)) {
        self.judge_writes(calls, tell);
        for call in calls {
            if let Did::Read { view, part, messages, claim } = &call.did {
                let result = self.judge_read(call, (*view, *part), messages, *claim, promise);
                if let Err((kind, why)) = result {
                    tell(kind, why);
                }
            }
        }
    }

    fn judge_writes(&self, calls: &[&Call], tell: &mut impl FnMut(Kind, String)) {
        let mut writes: HashMap<&str, &Call> = HashMap::new();
        for call in calls {
            if let Did::Write { text, .. } = &call.did {
                writes.insert(text, call);
            }
        }
        let mut times: HashMap<&str, usize> = HashMap::new();
        for message in self.held {
            *times.entry(&message.text).or_default() += 1;
            if message.text.starts_with(OURS) && !writes.contains_key(message.text.as_str()) {
                tell(Kind::Phantom, format!("nobody wrote {:?}", message.text));
            }
        }
        for (text, call) in &writes {
            let Did::Write { outcome, .. } = &call.did else { continue };
            match (outcome, times.get(text).copied().unwrap_or_default()) {
                (_, 2..) => tell(Kind::Duplicated, call.to_string()),
                (Outcome::Acknowledged, 0) => tell(Kind::Lost, call.to_string()),
                (Outcome::Refused(_), 1) => tell(Kind::Refused, call.to_string()),
                _ => {}
            }
        }
        // What was known before a write was begun stands before it.
        for (place, message) in self.held.iter().enumerate() {
            let Some(call) = writes.get(message.text.as_str()) else { continue };
            let before = self.known.before(call.invoked);
            if before > place {
                let last = &self.held[before - 1].text;
                tell(Kind::Reordered, format!("{last:?} was known before this was begun: {call}"));
            }
        }
    }

    fn judge_read(
        &self,
        call: &Call,
        (view, part): (View, Part),
        messages: &[(u64, String)],
        claim: Claim,
        promise: Promise,
    ) -> Result<(), (Kind, String)> {
        let places = self.placed(call, view, messages)?;
        let Some(length) = self.piece(view, part, &places) else {
            return Err((Kind::Torn, call.to_string()));
        };
        // What lies before a message does not change any more.
        if matches!(part, Part::Before(..)) {
            return as_of(call, claim, promise).map(|_| ());
        }
        let shown = &self.shown[&view];
        if length < shown[self.acknowledged.before(call.invoked)] {
            let last = &self.held[self.acknowledged.before(call.invoked) - 1].text;
            return Err((Kind::Stale, format!("{last:?} was acknowledged: {call}")));
        }
        let time = as_of(call, claim, promise)?;
        if length < shown[self.known.before(time)] {
            let last = &self.held[self.known.before(time) - 1].text;
            return Err((Kind::Older, format!("{last:?} was known at {time}: {call}")));
        }
        Ok(())
    }

    /// Where a message stands. Some lists show no numbers, but no text is written twice.
    fn find(&self, id: u64, text: &str) -> Option<usize> {
        if id == 0 { self.by_text.get(text).copied() } else { self.place.get(&id).copied() }
    }

    /// Where the messages stand among those of the view.
    fn placed(
        &self,
        call: &Call,
        view: View,
        messages: &[(u64, String)],
    ) -> Result<Vec<usize>, (Kind, String)> {
        let mut places = Vec::with_capacity(messages.len());
        let mut seen = HashSet::new();
        for (id, text) in messages {
            let place = self.find(*id, text).filter(|n| {
                let message = &self.held[*n];
                view.shows(message) && message.text == *text
            });
            let Some(place) = place else {
                return Err((Kind::Phantom, format!("{id} {text:?} is not held so: {call}")));
            };
            if !seen.insert(place) {
                return Err((Kind::Duplicated, format!("{id} {text:?}: {call}")));
            }
            places.push(self.shown[&view][place]);
        }
        if !places.is_sorted() {
            return Err((Kind::Reordered, call.to_string()));
        }
        Ok(places)
    }

    /// How long the thread was, as far as the view shows it, when this part of it was taken: `None`
    /// where it can be no part. (A part before a message does not tell; any number does.)
    fn piece(&self, view: View, part: Part, places: &[usize]) -> Option<usize> {
        let is = |from: usize, to: usize| places.iter().copied().eq(from..to);
        let end = places.last().map_or(0, |last| last + 1);
        match part {
            Part::All => is(0, end).then_some(end),
            Part::Newest(most) => is(end.saturating_sub(most), end).then_some(end),
            Part::Before(anchor, most) => {
                let end = self.shown[&view][*self.place.get(&anchor)?];
                is(end.saturating_sub(most), end).then_some(end)
            }
            Part::Numbered { page, size, total } => {
                let end = total.saturating_sub((page - 1) * size);
                is(end.saturating_sub(size), end).then_some(total)
            }
        }
    }
}
