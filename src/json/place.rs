//! A path that names places, not matches: members, non-negative indexes and `[*]`.
//!
//! Only such a path can be written to, so only such a path may stand in a mapping. The text is
//! RFC 9535 JSONPath; the root may carry a name (`$now.status`).

use std::fmt;

use jsonpath_rust::parser::model::{Segment, Selector};
use jsonpath_rust::parser::parse_json_path;

/// A place below a root.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The root's name: empty for `$`, `now` for `$now`.
    pub root: Box<str>,
    /// The way down from it.
    pub hops: Vec<Hop>,
}

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hop {
    /// Into a member.
    Member(Box<str>),
    /// Into one element.
    Index(u32),
    /// Into every element.
    Each,
}

/// Why a text is no place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAPlace {
    /// Not JSONPath at all.
    #[error("not a JSONPath (RFC 9535)")]
    Syntax,
    /// JSONPath that selects instead of naming.
    #[error(
        "only member names, indexes from 0 and [*] name a place; filters, slices, `..`, unions and negative indexes select"
    )]
    Selects,
}

impl std::str::FromStr for Place {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let after = text.strip_prefix('$').ok_or(NotAPlace::Syntax)?;
        let end =
            after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len());
        let (root, rest) = after.split_at(end);
        let query = parse_json_path(&format!("${rest}")).map_err(|_| NotAPlace::Syntax)?;
        let hops = query.segments.into_iter().map(hop).collect::<Result<_, _>>()?;
        Ok(Self { root: root.into(), hops })
    }
}

fn hop(segment: Segment) -> Result<Hop, NotAPlace> {
    let Segment::Selector(selector) = segment else { return Err(NotAPlace::Selects) };
    match selector {
        Selector::Name(name) => Ok(Hop::Member(name.into())),
        Selector::Wildcard => Ok(Hop::Each),
        Selector::Index(index) => {
            u32::try_from(index).map(Hop::Index).map_err(|_| NotAPlace::Selects)
        }
        Selector::Slice(..) | Selector::Filter(_) => Err(NotAPlace::Selects),
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${}", self.root)?;
        for hop in &self.hops {
            match hop {
                Hop::Member(name) => write!(f, ".{name}")?,
                Hop::Index(index) => write!(f, "[{index}]")?,
                Hop::Each => f.write_str("[*]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_indexes_and_every_element_are_places() {
        let place: Place = "$now.channels[0].type".parse().unwrap();
        assert_eq!(&*place.root, "now");
        assert_eq!(
            place.hops,
            [Hop::Member("channels".into()), Hop::Index(0), Hop::Member("type".into())]
        );
        assert_eq!(place.to_string(), "$now.channels[0].type");
        let plain: Place = "$".parse().unwrap();
        assert!(plain.root.is_empty() && plain.hops.is_empty());
        assert_eq!("$.a[*].b".parse::<Place>().unwrap().hops[1], Hop::Each);
        assert_eq!("$.files['attachments[]']".parse::<Place>().unwrap().hops.len(), 2);
    }

    #[test]
    fn what_selects_is_refused() {
        for text in ["$..id", "$.a[-1]", "$.a[1:2]", "$.a[?@.x==1]", "$['a','b']"] {
            assert_eq!(text.parse::<Place>(), Err(NotAPlace::Selects), "{text}");
        }
        for text in ["status", "$.", "$.a[", ""] {
            assert_eq!(text.parse::<Place>(), Err(NotAPlace::Syntax), "{text}");
        }
    }
}
