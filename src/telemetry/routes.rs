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
    rows: HashMap<Arc<str>, HashMap<Arc<str>, Row, RandomState>, RandomState>,
    none: Option<Row>,
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
        for (dialect, operation) in routes {
            let row = row(Arc::clone(&dialect), Arc::clone(&operation));
            built.rows.entry(dialect).or_default().insert(operation, row);
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
        let row = route
            .and_then(|(dialect, operation)| self.rows.get(dialect)?.get(operation))
            .or(self.none.as_ref());
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
