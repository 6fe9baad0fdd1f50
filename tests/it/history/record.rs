//! What happened, as those saw it to whom it happened. Times are microseconds of one clock.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

/// A point of time, in microseconds since the run began.
pub(crate) type Micros = u64;

/// Everything that was asked, and what the backend holds in the end.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) calls: Vec<Call>,
    /// Conversations by number, read from the backend itself when nothing was under way any more.
    pub(crate) held: BTreeMap<u64, Held>,
}

/// What the backend holds of a conversation: messages by `sequence`, oldest first.
pub(crate) type Held = Vec<Message>;

/// A message as the backend holds it.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) id: u64,
    pub(crate) text: String,
    pub(crate) shown: Shown,
}

/// To whom a message is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// To everybody.
    Everybody,
    /// An activity: not to the contact.
    Staff,
    /// A note, or an internal message: in the account API and canonically only.
    Inside,
}

/// Which messages of a conversation a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum View {
    Public,
    Bearer,
    Whole,
}

impl View {
    pub(crate) fn shows(self, message: &Message) -> bool {
        match self {
            Self::Public => message.shown == Shown::Everybody,
            Self::Bearer => message.shown != Shown::Inside,
            Self::Whole => true,
        }
    }
}

/// One request and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The client.
    pub(crate) who: usize,
    pub(crate) dialect: &'static str,
    pub(crate) conversation: u64,
    pub(crate) invoked: Micros,
    pub(crate) returned: Micros,
    pub(crate) did: Did,
}

#[derive(Clone, Debug)]
pub(crate) enum Did {
    /// A message with this text, which nobody else writes.
    Write { text: String, outcome: Outcome },
    /// The same, but the conversation's value instead of one more message.
    Set { value: String, outcome: Outcome },
    /// A part of the thread, as it was shown: numbers (0 where none is shown) and texts.
    Read { view: View, part: Part, messages: Vec<(u64, String)>, claim: Claim },
    /// The conversation's value, as it was shown; empty: never set.
    Get { value: String, claim: Claim },
    /// A read that was not answered with a success.
    Failed { status: Option<u16> },
}

/// What a writer was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is done.
    Acknowledged,
    /// It was not done and will not be, with this status.
    Refused(u16),
    /// Nobody knows. The status; 0: no answer.
    Unknown(u16),
}

/// Which part of the thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    All,
    /// The newest, at most so many.
    Newest(usize),
    /// Those before this message, at most so many.
    Before(u64, usize),
    /// A page counted from the newest, its size, and how many messages there are.
    Numbered { page: usize, size: usize, total: usize },
}

/// What an answer says of its age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// From the store; so many seconds left of so many. Less than none: stale.
    Stored { left: i64, of: u64 },
    /// Asked after the request came.
    Asked,
    /// Asked with others, who may have come earlier.
    Collapsed,
    /// It says nothing.
    Silent,
}

impl Claim {
    /// What a `Cache-Status` says, of an operation whose answers live for `of` seconds.
    pub(crate) fn read(header: &str, of: u64) -> Self {
        let mut members = header.split(';').map(str::trim);
        if members.next() != Some("deskbridge") {
            return Self::Silent;
        }
        let members: Vec<&str> = members.collect();
        let ttl = members.iter().find_map(|m| m.strip_prefix("ttl=")).map(str::parse::<i64>);
        match ttl {
            Some(Ok(left)) if members.iter().any(|m| matches!(*m, "hit" | "fwd=stale")) => {
                Self::Stored { left, of }
            }
            _ if members.contains(&"collapsed") => Self::Collapsed,
            _ if members.iter().any(|m| m.starts_with("fwd=")) => Self::Asked,
            _ => Self::Silent,
        }
    }
}

impl Call {
    /// It as one line of the record.
    pub(crate) fn line(&self) -> Value {
        let mut line = json!({
            "who": self.who, "dialect": self.dialect, "conversation": self.conversation,
            "invoked_us": self.invoked, "returned_us": self.returned,
        });
        match &self.did {
            Did::Write { text, outcome } => {
                line["write"] = json!(text);
                line["outcome"] = json!(format!("{outcome:?}"));
            }
            Did::Set { value, outcome } => {
                line["set"] = json!(value);
                line["outcome"] = json!(format!("{outcome:?}"));
            }
            Did::Read { view, part, messages, claim } => {
                line["read"] = json!(format!("{view:?} {part:?}"));
                line["claim"] = json!(format!("{claim:?}"));
                line["messages"] = json!(messages);
            }
            Did::Get { value, claim } => {
                line["get"] = json!(value);
                line["claim"] = json!(format!("{claim:?}"));
            }
            Did::Failed { status } => line["failed"] = json!(status),
        }
        line
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.line().fmt(f)
    }
}

#[test]
fn what_cache_status_says_is_read() {
    let read = |header: &str| Claim::read(header, 15);
    assert_eq!(read("deskbridge; hit; ttl=12"), Claim::Stored { left: 12, of: 15 });
    assert_eq!(
        read("deskbridge; fwd=stale; fwd-status=503; ttl=-3; detail=unavailable"),
        Claim::Stored { left: -3, of: 15 }
    );
    assert_eq!(read("deskbridge; fwd=uri-miss; stored"), Claim::Asked);
    assert_eq!(read("deskbridge; fwd=bypass; detail=fresh"), Claim::Asked);
    assert_eq!(read("deskbridge; fwd=uri-miss; collapsed"), Claim::Collapsed);
    assert_eq!([read(""), read("other; hit; ttl=3"), read("deskbridge; hit")], [Claim::Silent; 3]);
}
