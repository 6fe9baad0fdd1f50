//! Lists, one element of them, and what an identity reply shows of one.

use crate::json::shape::{Elements, Member, NodeId, Shape};

use super::{Emit, Gap, Ref, SiteId, Test};

/// A list to write from a list. Order of steps: `guard`, `filter`, `sort_by`, `take`, `reverse`,
/// `at_most`. Its elements are the next frame.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Each {
    /// The list.
    pub list: Ref,
    /// Its place, for problems. It must be a list.
    pub site: SiteId,
    /// What null gives.
    pub when_null: Gap,
    /// What absent gives.
    pub when_absent: Gap,
    /// Elements that fail are left out and counted (`sees`).
    pub guard: Vec<Guard>,
    /// Elements that fail are left out (`where`).
    pub filter: Vec<(Ref, Test)>,
    /// Ascending by this text or number.
    pub sort_by: Option<Ref>,
    /// One element instead of a list.
    pub take: Option<Take>,
    /// Back to front.
    pub reverse: bool,
    /// No more than this many, the first.
    pub at_most: Option<u32>,
    /// What an element becomes; an absent one is left out.
    pub element: Emit,
}

/// One element of a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Take {
    /// The first; what is written when there is none.
    First(Gap),
    /// The last; what is written when there is none.
    Last(Gap),
}

/// Finds one element of a list and makes it the next frame (`find`, `pick`). Without one, every
/// place of the frame is absent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bind {
    /// The list.
    pub list: Ref,
    /// Tests in the next frame; the first element that passes counts.
    pub filter: Vec<(Ref, Test)>,
    /// (place in the next frame, place outside): equal texts, both there and not null.
    pub by: Option<(Ref, Ref)>,
    /// Equalities that must hold (`sees`), else there is no element.
    pub guard: Vec<Guard>,
    /// What is written.
    pub then: Emit,
    /// What is written instead when there is no element; `None` writes `then` with all absent.
    pub otherwise: Option<Emit>,
}

/// What must hold of an object of an answer (`sees`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Guard {
    /// A value must be there and be one of some.
    Is {
        /// Where it stands: in the object, or among the inputs.
        at: Ref,
        /// What it may be.
        allowed: GuardValue,
    },
    /// All of one of these lists must hold.
    Either(Vec<Vec<Self>>),
}

/// What a guarded value may be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GuardValue {
    /// One of these JSON texts.
    Words(Vec<Box<[u8]>>),
    /// The same as this place (of the inputs).
    Same(Ref),
}

/// A member that is there only when it is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cut {
    /// Its name.
    pub member: Box<str>,
    /// The name under which `include` asks for it.
    pub include: Box<str>,
    /// Such members in it, or in each of its elements.
    pub inner: Vec<Self>,
}

/// How an identity reply is cut to what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Narrow {
    /// The document.
    pub at: Ref,
    /// Its place, for problems.
    pub site: SiteId,
    /// Members that are there only when they are asked for.
    pub members: Vec<Cut>,
    /// The `include` list among the inputs: a JSON list of texts.
    pub include: Ref,
    /// `messages_limit` among the inputs and the default: the newest so many of `messages`; 0 is all.
    pub limit: Option<(Ref, u32)>,
    /// `messages_visibility` among the inputs: `public` keeps public messages only.
    pub visibility: Option<Ref>,
}

impl Narrow {
    /// The member that limit and visibility are about.
    pub const MESSAGES: &str = "messages";

    /// Says of the document's node what is read of it: every member, every message, and as much of
    /// the members that are cut themselves. Members are in the order of [`Self::members`], and the
    /// messages after them where they are none of those.
    pub fn read(&self, shape: &mut Shape, node: NodeId) {
        every(shape, node, &self.members);
        if self.limit.is_none() && self.visibility.is_none() {
            return;
        }
        let index = self.messages();
        if shape.node(node).is_some_and(|n| n.members.get(index).is_some_and(|m| m.node.is_some()))
        {
            // They are cut, too: each is read already.
            return;
        }
        let (list, element) = (shape.add(), shape.add());
        if let Some(list) = shape.node_mut(list) {
            list.elements = Some(Elements { node: element, width: 1 });
        }
        if let Some(node) = shape.node_mut(node) {
            match node.members.get_mut(index) {
                Some(member) => member.node = Some(list),
                None => node.members.push(member(Self::MESSAGES, Some(list))),
            }
        }
    }

    /// Which member of the document's node the messages are.
    #[must_use]
    pub fn messages(&self) -> usize {
        let known = self.members.iter().position(|cut| &*cut.member == Self::MESSAGES);
        known.unwrap_or(self.members.len())
    }
}

fn member(name: &str, node: Option<NodeId>) -> Member {
    Member { name: name.into(), slot: 0, node }
}

fn every(shape: &mut Shape, node: NodeId, cuts: &[Cut]) {
    let mut members = Vec::new();
    for cut in cuts {
        let inner = (!cut.inner.is_empty()).then(|| {
            let inner = shape.add();
            every(shape, inner, &cut.inner);
            // It, or each element of it, at any depth.
            if let Some(node) = shape.node_mut(inner) {
                node.elements = Some(Elements { node: inner, width: 1 });
            }
            inner
        });
        members.push(member(&cut.member, inner));
    }
    if let Some(node) = shape.node_mut(node) {
        node.every = true;
        node.members = members;
    }
}
