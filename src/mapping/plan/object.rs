//! Objects, and the choice between several.

use super::{Emit, Gap, Guard, Ref, SiteId};
use crate::json::write::Key;

/// An object to write.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectOp {
    /// The object it is made from, whose null and absence decide; `None` is always made.
    pub from: Option<Source>,
    /// Equalities that must hold, else the object is written as null (`sees`) and counted.
    pub guard: Vec<Guard>,
    /// Its members in order.
    pub members: Vec<Member>,
    /// null when this place is null or absent (`null_with`).
    pub null_with: Option<Ref>,
    /// What is written when no member is written, or only nulls.
    pub hollow: Hollow,
    /// Members that the object has with a value, if it is made at all: index into `members`, and
    /// where it comes from, for the problem otherwise.
    pub needed: Vec<(u16, SiteId)>,
}

/// What becomes of an object of nothing but nulls. Members that are [`Emit::Const`] do not count:
/// decode fills what the contract requires with constants, and they make no object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hollow {
    /// It is written as it is.
    Keep,
    /// null instead (decode of an answer into a nullable object).
    Null,
    /// Left out when no member was written at all, constants aside (a patch).
    AbsentWhenEmpty,
}

/// The object that another is made from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// Where it is.
    pub at: Ref,
    /// Its place, for problems. It must be an object.
    pub site: SiteId,
    /// What null gives.
    pub when_null: Gap,
    /// What absent gives.
    pub when_absent: Gap,
}

/// A member of an object to write.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    /// The quoted, escaped key and its colon: `"id":`.
    pub key: Key,
    /// The value.
    pub emit: Emit,
    /// When the key is left out. Absent always leaves it out.
    pub omit: Omit,
}

/// When a key is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Omit {
    /// Never, unless nothing was written.
    Never,
    /// When null was written.
    Null,
    /// When null, `[]` or `{}` was written.
    Empty,
}

/// One of several, by a discriminator's text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OneOf {
    /// The object's own presence.
    pub from: Option<Source>,
    /// The discriminator.
    pub by: Ref,
    /// Its place, for problems.
    pub site: SiteId,
    /// In order.
    pub cases: Vec<Case>,
    /// For any other value; `None` is a problem.
    pub otherwise: Option<Emit>,
}

/// One case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Case {
    /// When it applies.
    pub test: Test,
    /// What is written.
    pub emit: Emit,
    /// Counted when set.
    pub event: Option<u16>,
}

/// A test of one place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Test {
    /// Anything.
    Any,
    /// null.
    Null,
    /// Not there.
    Absent,
    /// Null or not there.
    Unset,
    /// Neither.
    Set,
    /// Null, not there, `""`, `[]` or `{}`.
    Empty,
    /// None of these.
    Filled,
    /// One of these JSON texts. Strings compare by their decoded value.
    Is(Vec<Box<[u8]>>),
}
