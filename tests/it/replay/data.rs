//! `tests/fixtures/replay.yaml`, and the requests of the examples made of it.

use std::collections::BTreeMap;

use deskbridge::dialect::catalog::Catalog;
use deskbridge::dialect::embedded::Files;
use deskbridge::examples::{self, Asked};
use deskbridge::syntax::{Diagnostics, Sources, yaml};
use serde::Deserialize;

use crate::support::text;

const PATH: &str = "tests/fixtures/replay.yaml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Data {
    pub(super) time: String,
    credentials: BTreeMap<String, BTreeMap<String, String>>,
    instead: Vec<(String, String)>,
    /// Headers that are not compared, and why.
    pub(super) headers: BTreeMap<String, String>,
    /// Of a header, what is not compared.
    pub(super) digits: BTreeMap<String, Vec<Digits>>,
}

/// Digits of a header's value that are not compared.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Digits {
    /// They stand behind this.
    pub(super) after: String,
    /// For whoever reads the file.
    #[serde(rename = "why")]
    _why: String,
}

impl Data {
    pub(super) fn read() -> Self {
        let mut sources = Sources::default();
        let id = sources.add(PATH, text(PATH));
        let node = yaml::parse(&sources, id, yaml::FILE_NODES)
            .unwrap_or_else(|problem| panic!("{PATH}: {}", problem.message));
        serde_json::from_value(node.to_json()).unwrap_or_else(|e| panic!("{PATH}: {e}"))
    }

    /// The text with what the sandbox has in the place of what the examples have.
    fn here(&self, text: &str) -> String {
        self.instead.iter().fold(text.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours))
    }

    /// Who sends a request of a route: the longest key that says so.
    fn credential(&self, dialect: &str, route: &str) -> Option<&BTreeMap<String, String>> {
        let own = |key: &str| match key.split_once('/') {
            None => key == dialect,
            Some((of, routes)) => of == dialect && route.starts_with(routes),
        };
        let fitting = self.credentials.iter().filter(|(key, _)| own(key));
        fitting.max_by_key(|(key, _)| key.len()).map(|(_, credential)| credential)
    }

    /// The requests of a dialect's examples as the sandbox gets them.
    pub(super) fn requests(&self, dialect: &str, catalog: &Catalog) -> Vec<Asked> {
        let (mut sources, mut diagnostics) = (Sources::default(), Diagnostics::default());
        let files = Files::embedded();
        let dialect = catalog.named(dialect).unwrap();
        let mut all = examples::requests(dialect, &files, &mut sources, &mut diagnostics);
        assert!(diagnostics.is_empty(), "{}", diagnostics.render(&sources, false));
        for asked in &mut all {
            asked.target = self.here(&asked.target);
            asked.body = self.here(&asked.body);
            let Some(own) = self.credential(&dialect.name, &asked.route) else { continue };
            if !asked.own_credential {
                asked.headers.extend(own.iter().map(|(k, v)| (k.clone(), v.clone())));
            }
            let secret = own.values().next().unwrap();
            for (_, value) in asked.headers.iter_mut().filter(|(_, value)| value == "example") {
                value.clone_from(secret);
            }
        }
        all
    }
}
