//! Where a page stands in a numbered list, as its envelope tells it.

use super::{Ref, SiteId};

/// One part of the envelope of a numbered page: addresses of its neighbours, or numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Page {
    /// Which part.
    pub part: PagePart,
    /// The number that was asked for; what is no whole number from 1 is 1.
    pub number: Ref,
    /// Most entries of a page, as the answer says.
    pub limit: Ref,
    /// Entries of the whole list, as the answer says. Without it there is no last page: a problem.
    pub total: Ref,
    /// Its place, for that problem.
    pub site: SiteId,
    /// The list; its elements have blocks of their own.
    pub list: Ref,
    /// Text: what every address begins with, up to its path.
    pub base: Ref,
    /// Text: path and query of the request up to the number, `/a?b=c&page=`.
    pub address: Ref,
}

/// A part of an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PagePart {
    /// `{first, last, prev, next}`: addresses.
    Links,
    /// `{current_page, from, to, last_page, per_page, total, path, links}`.
    Meta,
}

/// How far the buttons of `meta.links` reach on each side of the page itself.
const SIDE: u64 = 3;
/// Lists of so many pages have a button for each.
const SMALL: u64 = SIDE * 2 + 7;

/// The numbers of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Standing {
    /// Its own, from 1.
    pub number: u64,
    /// Of the last page, from 1.
    pub last: u64,
    /// Most entries of a page, from 1.
    pub limit: u64,
    /// Entries of the whole list.
    pub total: u64,
    /// Entries of this page.
    pub count: u64,
}

impl Standing {
    /// A page of `count` entries.
    #[must_use]
    pub fn new(number: u64, limit: u64, total: u64, count: u64) -> Self {
        let (number, limit) = (number.max(1), limit.max(1));
        Self { number, last: total.div_ceil(limit).max(1), limit, total, count }
    }

    /// The position of its first entry in the list, from 1.
    #[must_use]
    pub fn from(&self) -> Option<u64> {
        let before = (self.number - 1).saturating_mul(self.limit);
        (self.count > 0).then(|| before.saturating_add(1))
    }

    /// The position of its last entry.
    #[must_use]
    pub fn to(&self) -> Option<u64> {
        self.from().map(|from| from.saturating_add(self.count - 1))
    }

    /// The page before it.
    #[must_use]
    pub fn before(&self) -> Option<u64> {
        (self.number > 1).then(|| self.number - 1)
    }

    /// The page after it.
    #[must_use]
    pub fn after(&self) -> Option<u64> {
        (self.number < self.last).then(|| self.number + 1)
    }

    /// The runs of pages that have a button, first and last of each; between two runs is a gap.
    #[must_use]
    pub fn buttons(&self) -> [Option<(u64, u64)>; 3] {
        let (number, last, near) = (self.number, self.last, SIDE + 4);
        if last <= SMALL {
            [Some((1, last)), None, None]
        } else if number <= near {
            [Some((1, near + SIDE)), None, Some((last - 1, last))]
        } else if number > last - near {
            [Some((1, 2)), None, Some((last - near - SIDE + 1, last))]
        } else {
            [Some((1, 2)), Some((number - SIDE, number + SIDE)), Some((last - 1, last))]
        }
    }
}
