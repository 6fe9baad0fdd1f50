//! Which lines a head has, of those that several layers ask for.
//!
//! To look one up by its name is to digest the name, and most heads have none of these. So a head is
//! walked once, and each layer looks here first.

use http::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, IF_NONE_MATCH, ORIGIN,
};

/// A line that is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// `Accept-Encoding`.
    AcceptEncoding = 1,
    /// `Content-Length`.
    ContentLength = 2,
    /// `Content-Type`.
    ContentType = 4,
    /// `If-None-Match`.
    IfNoneMatch = 8,
    /// `Origin`.
    Origin = 16,
}

/// Those that a head has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lines(u8);

impl Lines {
    /// Those of this head.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let mut all = 0;
        for name in headers.keys() {
            all |= match name {
                name if *name == ACCEPT_ENCODING => Line::AcceptEncoding as u8,
                name if *name == CONTENT_LENGTH => Line::ContentLength as u8,
                name if *name == CONTENT_TYPE => Line::ContentType as u8,
                name if *name == IF_NONE_MATCH => Line::IfNoneMatch as u8,
                name if *name == ORIGIN => Line::Origin as u8,
                _ => 0,
            };
        }
        Self(all)
    }

    /// Whether it has this one.
    #[must_use]
    pub fn has(self, line: Line) -> bool {
        self.0 & line as u8 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_has_the_lines_that_it_has() {
        let all = [
            (ACCEPT_ENCODING, Line::AcceptEncoding),
            (CONTENT_LENGTH, Line::ContentLength),
            (CONTENT_TYPE, Line::ContentType),
            (IF_NONE_MATCH, Line::IfNoneMatch),
            (ORIGIN, Line::Origin),
        ];
        let mut headers = HeaderMap::new();
        headers.insert("x-origin", "a".parse().unwrap());
        assert_eq!(Lines::of(&headers), Lines::default());
        for n in 0..all.len() {
            headers.insert(&all[n].0, "a".parse().unwrap());
            let lines = Lines::of(&headers);
            let has: Vec<_> = all.iter().map(|(_, line)| lines.has(*line)).collect();
            let due: Vec<_> = (0..all.len()).map(|m| m <= n).collect();
            assert_eq!(has, due);
        }
    }
}
