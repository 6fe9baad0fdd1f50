//! Children of a metric, found by number: no label is hashed per request, and a series exists only
//! once something was counted in it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec};

use crate::canonical::{Contract, OperationId};

/// Counters and a duration per operation of the contract.
#[derive(Debug)]
pub(super) struct OperationTable {
    contract: Arc<Contract>,
    /// The value of a first label before the operation's name, where the metric has one.
    first: Option<Arc<str>>,
    outcomes: &'static [&'static str],
    counts: IntCounterVec,
    durations: Option<HistogramVec>,
    counters: Vec<OnceLock<IntCounter>>,
    histograms: Vec<OnceLock<Histogram>>,
}

impl OperationTable {
    pub(super) fn new(
        contract: Arc<Contract>,
        first: Option<Arc<str>>,
        outcomes: &'static [&'static str],
        counts: IntCounterVec,
        durations: Option<HistogramVec>,
    ) -> Self {
        let operations = contract.operations().len();
        let mut counters = Vec::new();
        counters.resize_with(operations * outcomes.len(), OnceLock::new);
        let mut histograms = Vec::new();
        histograms.resize_with(operations, OnceLock::new);
        Self { contract, first, outcomes, counts, durations, counters, histograms }
    }

    /// Counts one. An operation or outcome that is not in the table is not counted: neither can
    /// happen without a fault of ours, and a label must not be made up.
    pub(super) fn count(&self, operation: OperationId, outcome: &'static str) {
        let row = usize::from(operation.0);
        let Some(column) = self.outcomes.iter().position(|o| *o == outcome) else { return };
        let Some(cell) = self.counters.get(row * self.outcomes.len() + column) else { return };
        if let Some(counter) = cell.get() {
            counter.inc();
            return;
        }
        let Some(known) = self.contract.operations().get(row) else { return };
        cell.get_or_init(|| match &self.first {
            Some(first) => self.counts.with_label_values(&[&**first, &*known.name, outcome]),
            None => self.counts.with_label_values(&[&*known.name, outcome]),
        })
        .inc();
    }

    /// Notes how long one took.
    pub(super) fn took(&self, operation: OperationId, took: Duration) {
        let row = usize::from(operation.0);
        let (Some(cell), Some(known), Some(durations)) =
            (self.histograms.get(row), self.contract.operations().get(row), &self.durations)
        else {
            return;
        };
        cell.get_or_init(|| match &self.first {
            Some(first) => durations.with_label_values(&[&**first, &*known.name]),
            None => durations.with_label_values(&[&*known.name]),
        })
        .observe(took.as_secs_f64());
    }
}
