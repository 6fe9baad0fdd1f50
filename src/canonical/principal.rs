//! Who is asking, as whom, and what of an answer they may see.

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::json::{text, walk, write};

/// A company whose helpdesk is behind the gateway. First part of every cache key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tenant(pub Arc<str>);

/// As whom an operation is asked; the value of `Deskbridge-Actor` on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Actor {
    /// The gateway itself: look-ups, and reads of objects in the widened view.
    #[default]
    Gateway,
    /// A contact, as one inbox knows it.
    ContactIdentity(Arc<str>),
    /// A person of the business. The id may be an alias (`n:2`).
    Agent(Arc<str>),
    /// A bot.
    Bot(Arc<str>),
    /// A platform application.
    Platform(Arc<str>),
}

impl Actor {
    /// What [`Actor`] displays: its kind with a colon, and whose reference it has.
    #[must_use]
    pub fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Gateway => ("gateway", ""),
            Self::ContactIdentity(id) => ("contact-identity:", id),
            Self::Agent(id) => ("agent:", id),
            Self::Bot(id) => ("bot:", id),
            Self::Platform(id) => ("platform:", id),
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, id) = self.parts();
        f.write_str(kind)?;
        f.write_str(id)
    }
}

impl std::str::FromStr for Actor {
    type Err = ();

    /// Reads what [`Actor`] displays.
    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "gateway" {
            return Ok(Self::Gateway);
        }
        let (kind, id) = text.split_once(':').filter(|(_, id)| is_reference(id)).ok_or(())?;
        match kind {
            "contact-identity" => Ok(Self::ContactIdentity(id.into())),
            "agent" => Ok(Self::Agent(id.into())),
            "bot" => Ok(Self::Bot(id.into())),
            "platform" => Ok(Self::Platform(id.into())),
            _ => Err(()),
        }
    }
}

/// Whether a text is what the contract calls an `IdRef`: an id, or a number, UUID or foreign name
/// that stands for one.
fn is_reference(text: &str) -> bool {
    const LONGEST: usize = 255;
    let short = |text: &str| (1..=LONGEST).contains(&text.chars().count());
    match text.split_once(':') {
        None => {
            let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
            text.len() <= LONGEST && !text.is_empty() && text.bytes().all(letter)
        }
        Some(("n", number)) => {
            (1..=16).contains(&number.len())
                && !number.starts_with('0')
                && number.bytes().all(|b| b.is_ascii_digit())
        }
        Some(("u", uuid)) => {
            uuid.len() == 36 && uuid.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
        }
        Some(("x", name)) => name.split_once(':').is_some_and(|(system, id)| {
            let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b);
            system.len() <= 64
                && system.bytes().all(letter)
                && system.starts_with(|c: char| c.is_ascii_lowercase())
                && short(id)
                && !id.contains(char::is_control)
        }),
        Some(_) => false,
    }
}

/// What a credential may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Reads only.
    Read,
    /// Reads and writes.
    #[default]
    Write,
}

/// As whom objects are read: what is the same for everyone who may see everything of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadsAs {
    /// As the gateway, so that everyone shares one answer.
    #[default]
    Gateway,
    /// As the actor, whose answers are then nobody else's: the backend judges every read of one who
    /// does not see everything.
    Actor,
}

/// Who is calling, as the credential told. Mapping files read it as `$principal.<name>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Whose backend.
    pub tenant: Tenant,
    /// A name for logs and rate limits that says nothing secret: the credential's name in the
    /// configuration, or the dialect's credential kind.
    pub name: Arc<str>,
    /// As whom the backend is asked.
    pub actor: Actor,
    /// Reads, or writes too.
    pub access: Access,
    /// Whether it may say as whom it asks (`Deskbridge-Actor`).
    pub act_as: bool,
    /// As whom objects are read.
    pub reads_as: ReadsAs,
    /// What `yields` gave: `kind` (`agent`, `contact`, `public`, `platform`), `account`, `inbox`,
    /// `identity`, `contact`, `agent`, `verified`, …
    pub facts: Facts,
}

impl Principal {
    /// The JSON text of `$principal.<name>`.
    #[must_use]
    pub fn fact(&self, name: &str) -> Option<&str> {
        self.facts.get(name)
    }
}

/// What is known of a principal: name and JSON text. One JSON object, which mostly needs no memory
/// of its own: a principal that is looked up is made for every request.
#[derive(Clone, Default)]
pub struct Facts {
    object: SmallVec<[u8; 192]>,
    /// Where the members stand: facts are asked for several times in every request.
    members: SmallVec<[Member; 8]>,
}

/// Where a name, with its quotes, and its value stand.
#[derive(Clone, Copy)]
struct Member {
    name: (u16, u16),
    value: (u16, u16),
}

impl Facts {
    /// The members of an object of up to 64 KiB; a longer one has none.
    #[must_use]
    pub fn from_object(json: &[u8]) -> Self {
        let text = std::str::from_utf8(json).unwrap_or_default();
        let place = |part: &str| {
            let start = part.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
            let end = start.checked_add(part.len())?;
            Some((u16::try_from(start).ok()?, u16::try_from(end).ok()?))
        };
        let members = walk::members(text)
            .map_while(|(name, value)| Some(Member { name: place(name)?, value: place(value)? }));
        Self { members: members.collect(), object: SmallVec::from_slice(json) }
    }

    /// The JSON text of a fact; the first of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.bytes(name)?).ok()
    }

    /// As [`Facts::get`]: to compare it needs no text.
    fn bytes(&self, name: &str) -> Option<&[u8]> {
        let is = |member: &&Member| text::eq_bytes(self.part(member.name), name);
        Some(self.part(self.members.iter().find(is)?.value))
    }

    /// Bytes that they take, beyond those of the value itself.
    #[must_use]
    pub fn weight(&self) -> usize {
        let text = if self.object.spilled() { self.object.capacity() } else { 0 };
        let members = if self.members.spilled() { self.members.capacity() } else { 0 };
        text + members * size_of::<Member>()
    }

    fn part(&self, (start, end): (u16, u16)) -> &[u8] {
        self.object.get(usize::from(start)..usize::from(end)).unwrap_or_default()
    }
}

impl PartialEq for Facts {
    fn eq(&self, other: &Self) -> bool {
        self.object == other.object
    }
}

impl Eq for Facts {}

impl<N: AsRef<str>, J: AsRef<str>> FromIterator<(N, J)> for Facts {
    /// Of names and JSON texts.
    fn from_iter<I: IntoIterator<Item = (N, J)>>(facts: I) -> Self {
        let mut object = vec![b'{'];
        for (name, json) in facts {
            if object.len() > 1 {
                object.push(b',');
            }
            object.extend_from_slice(&write::key(name.as_ref()));
            object.extend_from_slice(json.as_ref().as_bytes());
        }
        object.push(b'}');
        Self::from_object(&object)
    }
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.object))
    }
}

/// A compiled `sees`: which objects of an answer are open to a credential's principals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sight(pub Vec<SightRule>);

/// Objects of `schema` are open where everything of one alternative holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SightRule {
    /// Name of a schema of the contract.
    pub schema: Box<str>,
    /// The alternatives; never none of them, and none of them empty.
    pub any: Vec<Vec<SightTest>>,
}

/// One equality.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SightTest {
    /// What is compared.
    pub of: Subject,
    /// What it may be.
    pub allowed: Allowed,
}

/// What an equality of `sees` is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A member of the object.
    Member(Box<str>),
    /// A fact of whoever looks at it.
    Fact(Box<str>),
}

impl Allowed {
    /// Whether a value with this JSON text is one that `principal` may see.
    #[must_use]
    pub fn admits(&self, json: &[u8], principal: &Principal) -> bool {
        match self {
            Self::Words(words) => words.iter().any(|word| word.as_bytes() == json),
            Self::Principal(name) => {
                principal.facts.bytes(name).is_some_and(|own| own == json && own != b"null")
            }
        }
    }
}

/// The values that a member, or a fact, may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// One of these JSON texts.
    Words(Vec<Box<str>>),
    /// The fact of the principal with this name.
    Principal(Box<str>),
}

#[cfg(test)]
mod tests {
    use super::{Actor, Facts, is_reference};

    #[test]
    fn a_fact_is_found_by_its_name_however_it_is_written() {
        let facts = Facts::from_object(
            br#"{"kind":"contact", "a\u0062c" : {"x":[1,"]"]},"kind":"bot","n":1,"":null}"#,
        );
        assert_eq!(facts.get("kind"), Some("\"contact\""), "the first");
        assert_eq!(facts.get("abc"), Some(r#"{"x":[1,"]"]}"#));
        assert_eq!((facts.get("n"), facts.get("")), (Some("1"), Some("null")));
        assert_eq!((facts.get("x"), facts.get("kin"), facts.get("a\\u0062c")), (None, None, None));
        assert_eq!(Facts::default().get("kind"), None);
        let long = format!(r#"{{"a":1,"b":"{}","c":2}}"#, "x".repeat(70_000));
        let long = Facts::from_object(long.as_bytes());
        assert_eq!((long.get("a"), long.get("c")), (Some("1"), None));
        let made: Facts = [("a\"b", "true")].into_iter().collect();
        assert_eq!(made.get("a\"b"), Some("true"));
    }

    #[test]
    fn an_actor_is_a_kind_and_a_reference_and_reads_as_it_is_written() {
        for text in [
            "gateway",
            "agent:n:2",
            "agent:agt_7f-3",
            "bot:u:0f6d9c0e-0000-4000-8000-000000000001",
            "platform:x:zendesk:38:61 b",
            "contact-identity:idn_1",
        ] {
            assert_eq!(text.parse::<Actor>().map(|a| a.to_string()), Ok(text.to_owned()));
        }
        for text in
            ["", "Gateway", "gateway:1", "agent", "agent:", "agents:n:2", "agent:n:2,gateway"]
        {
            assert_eq!(text.parse::<Actor>(), Err(()), "{text}");
        }
    }

    /// The pattern of the contract says the same.
    #[test]
    fn a_reference_is_what_the_contract_says() {
        let contract = crate::canonical::contract::tests::embedded();
        let schema = contract.schema_named("IdRef").unwrap();
        let crate::canonical::contract::Kind::String(text) = &contract.schema(schema).kind else {
            panic!("an IdRef is no text")
        };
        let pattern = text.pattern.as_ref().unwrap();
        let long = "a".repeat(255);
        let texts =
            ["n:", "n:0", "n:01", "n:1", "n:1234567890123456", "n:12345678901234567", "n:-1"];
        let more = [
            "u:",
            "u:0f6d9c0e-0000-4000-8000-00000000000",
            "u:0f6d9c0e-0000-4000-8000-00000000000g",
        ];
        let foreign =
            ["x:zendesk:1", "x:Zendesk:1", "x:9:1", "x::1", "x:z:", "x:z:a:b", "x:z_-9:é", "y:1"];
        let plain = ["", " ", "a b", "a", "A_-9", "é", "a/b", "..", &long];
        let longer = format!("{long}a");
        let longer = [&*longer];
        let all = texts.iter().chain(&more).chain(&foreign).chain(&plain).chain(&longer);
        for text in all {
            assert_eq!(is_reference(text), pattern.is_match(text), "{text:?}");
        }
    }
}
