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

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gateway => f.write_str("gateway"),
            Self::ContactIdentity(id) => write!(f, "contact-identity:{id}"),
            Self::Agent(id) => write!(f, "agent:{id}"),
            Self::Bot(id) => write!(f, "bot:{id}"),
            Self::Platform(id) => write!(f, "platform:{id}"),
        }
    }
}

impl std::str::FromStr for Actor {
    type Err = ();

    /// Reads what [`Actor`] displays.
    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "gateway" {
            return Ok(Self::Gateway);
        }
        match text.split_once(':') {
            Some(("contact-identity", id)) if !id.is_empty() => {
                Ok(Self::ContactIdentity(id.into()))
            }
            Some(("agent", id)) if !id.is_empty() => Ok(Self::Agent(id.into())),
            Some(("bot", id)) if !id.is_empty() => Ok(Self::Bot(id.into())),
            Some(("platform", id)) if !id.is_empty() => Ok(Self::Platform(id.into())),
            _ => Err(()),
        }
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
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Facts(SmallVec<[u8; 192]>);

impl Facts {
    /// The members of an object.
    #[must_use]
    pub fn from_object(json: &[u8]) -> Self {
        Self(SmallVec::from_slice(json))
    }

    /// The JSON text of a fact; the first of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let object = std::str::from_utf8(&self.0).ok()?;
        walk::members(object).find(|(n, _)| text::eq(n, name)).map(|(_, json)| json)
    }
}

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
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

/// A compiled `sees`: which objects of an answer are open to a credential's principals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sight(pub Vec<SightRule>);

/// One equality: in every object of `schema`, `member` is one of `allowed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SightRule {
    /// Name of a schema of the contract.
    pub schema: Box<str>,
    /// A member of it.
    pub member: Box<str>,
    /// What it may be.
    pub allowed: Allowed,
}

/// The values that a member may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// One of these JSON texts.
    Words(Vec<Box<str>>),
    /// The fact of the principal with this name.
    Principal(Box<str>),
}
