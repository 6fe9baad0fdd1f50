//! Why a configuration is not served: all that is wrong with it and with its mappings, each problem
//! with the text to show it in.

use std::fmt;

use crate::config::Problems;

/// What is wrong, by where it was found.
#[derive(Clone, Debug, Default)]
pub struct Refused(Vec<Problems>);

impl From<Problems> for Refused {
    fn from(problems: Problems) -> Self {
        Self(vec![problems])
    }
}

impl Refused {
    /// Adds what was found.
    pub(super) fn take(&mut self, found: Result<(), Problems>) {
        self.0.extend(found.err());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many problems.
    pub(super) fn count(&self) -> usize {
        self.0.iter().map(|problems| problems.diagnostics.len()).sum()
    }

    /// Every problem with its line underlined.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        self.0.iter().map(|problems| problems.render(colour)).collect::<Vec<_>>().join("\n\n")
    }

    /// Every problem with code, file, line, column, message and help.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let lists = self.0.iter().map(|problems| problems.diagnostics.to_json(&problems.sources));
        lists.filter_map(|list| list.as_array().cloned()).flatten().collect()
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Refused {}
