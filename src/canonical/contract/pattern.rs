//! Patterns of texts: regular expressions, compiled when a text is first held against them.
//!
//! One that counts characters (`.{1,255}`) takes a hundred kilobytes, and most belong to what clients
//! write: a process that is only asked for answers never needs them.

use std::sync::OnceLock;

use regex::Regex;

/// A regular expression that a text, or a part of it, must match.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: Box<str>,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// Compiles it once, to know that it can be.
    ///
    /// # Errors
    /// It is no regular expression, or one that is too large.
    pub fn new(text: &str) -> Result<Self, regex::Error> {
        Regex::new(text).map(|_| Self { text: text.into(), compiled: OnceLock::new() })
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a text, or a part of it, matches.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        // It was compiled before; if it were not, nothing would match.
        let compiled = self.compiled.get_or_init(|| Regex::new(&self.text).ok());
        compiled.as_ref().is_some_and(|regex| regex.is_match(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_checked_at_once_and_compiled_when_it_is_needed() {
        assert!(Pattern::new("^[a-z").is_err());
        let pattern = Pattern::new("^[a-z]{1,3}$").unwrap();
        assert!(pattern.compiled.get().is_none());
        assert!(pattern.is_match("abc") && !pattern.is_match("abcd"));
        assert!(pattern.compiled.get().is_some());
        assert_eq!(pattern.as_str(), "^[a-z]{1,3}$");
    }
}
