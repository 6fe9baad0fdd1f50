//! Counters and durations of every route of the catalog, found by its names without making any.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use foldhash::fast::RandomState;
use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec};

/// The labels of a request that no route claimed.
pub(super) const NO_ROUTE: &str = "none";

/// Statuses that an answer may have; any other is counted as `other`.
const STATUSES: &[u16] = &[
    200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 406, 408, 409,
    410, 412, 413, 414, 415, 416, 422, 428, 429, 431, 499, 500, 501, 502, 503, 504,
];

#[derive(Debug, Default)]
pub(super) struct Routes {
    rows: Vec<Row>,
    /// By names: what is a request's of an earlier catalog.
    named: HashMap<Arc<str>, HashMap<Arc<str>, usize, RandomState>, RandomState>,
    /// By where the present catalog has its names, which are kept alive here: no text is digested.
    placed: HashMap<(usize, usize), usize, RandomState>,
    none: Option<Row>,
}

/// Where two names stand.
fn places((dialect, operation): &(Arc<str>, Arc<str>)) -> (usize, usize) {
    (Arc::as_ptr(dialect).addr(), Arc::as_ptr(operation).addr())
}

#[derive(Debug)]
struct Row {
    dialect: Arc<str>,
    operation: Arc<str>,
    requests: IntCounterVec,
    statuses: Vec<OnceLock<IntCounter>>,
    duration: Histogram,
}

impl Routes {
    pub(super) fn new(
        routes: impl IntoIterator<Item = (Arc<str>, Arc<str>)>,
        requests: &IntCounterVec,
        durations: &HistogramVec,
    ) -> Self {
        let row = |dialect: Arc<str>, operation: Arc<str>| {
            let mut statuses = Vec::new();
            statuses.resize_with(STATUSES.len() + 1, OnceLock::new);
            Row {
                duration: durations.with_label_values(&[&*dialect, &*operation]),
                requests: requests.clone(),
                statuses,
                dialect,
                operation,
            }
        };
        let mut built =
            Self { none: Some(row(NO_ROUTE.into(), NO_ROUTE.into())), ..Self::default() };
        for names in routes {
            let number = built.rows.len();
            built.placed.insert(places(&names), number);
            let (dialect, operation) = names;
            built.rows.push(row(Arc::clone(&dialect), Arc::clone(&operation)));
            built.named.entry(dialect).or_default().insert(operation, number);
        }
        built
    }

    /// Counts an answer to `route`; names that are not of the catalog are no labels.
    pub(super) fn answered(
        &self,
        route: Option<&(Arc<str>, Arc<str>)>,
        status: u16,
        took: Duration,
    ) {
        let number = route.and_then(|route| {
            let placed = self.placed.get(&places(route));
            placed.or_else(|| self.named.get(&route.0)?.get(&route.1))
        });
        let row = number.and_then(|number| self.rows.get(*number)).or(self.none.as_ref());
        let Some(row) = row else { return };
        row.duration.observe(took.as_secs_f64());
        let column = STATUSES.binary_search(&status).unwrap_or(STATUSES.len());
        if let Some(cell) = row.statuses.get(column) {
            cell.get_or_init(|| {
                let mut digits = itoa::Buffer::new();
                let word = if column < STATUSES.len() { digits.format(status) } else { "other" };
                row.requests.with_label_values(&[&*row.dialect, &*row.operation, word])
            })
            .inc();
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus::{HistogramOpts, Opts};

    use super::*;

    #[test]
    fn names_are_found_where_the_catalog_has_them_and_by_what_they_are() {
        let labels = ["dialect", "operation", "status"];
        let requests = IntCounterVec::new(Opts::new("requests", "."), &labels).unwrap();
        let took = HistogramOpts::new("took", ".");
        let took = HistogramVec::new(took, labels.get(..2).unwrap()).unwrap();
        let names = |operation: &str| -> (Arc<str>, Arc<str>) { ("a".into(), operation.into()) };
        let (one, two) = (names("one"), names("two"));
        let routes = Routes::new([one.clone(), two.clone()], &requests, &took);
        for (route, times) in [(&one, 1), (&two, 2), (&names("one"), 4), (&names("three"), 8)] {
            (0..times).for_each(|_| routes.answered(Some(route), 200, Duration::ZERO));
        }
        let count = |dialect, name| requests.with_label_values(&[dialect, name, "200"]).get();
        assert_eq!((count("a", "one"), count("a", "two")), (5, 2));
        assert_eq!(count(NO_ROUTE, NO_ROUTE), 8);
    }
}
