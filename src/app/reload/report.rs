//! What came of reloads: for the log, the metrics and the admin listener.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::app::generation::Generation;
use crate::app::refused::Refused;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::Read;

/// Who asked for a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A file changed.
    Files,
    /// SIGHUP.
    Signal,
    /// `POST /reload`.
    Admin,
}

/// What came of a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Requests from now on are served with what was read.
    Applied,
    /// What was read is what is served.
    Unchanged,
    /// There are no files that could be read again. Counted as unchanged.
    Nothing,
    /// Something is wrong with what was read; what is served stays.
    Refused,
}

/// One reload.
#[derive(Clone, Debug)]
pub struct Report {
    trigger: Trigger,
    /// What came of it.
    pub outcome: Outcome,
    at: Timestamp,
    took: Duration,
    /// The generation that serves after it.
    generation: u64,
    /// What is wrong, or worth a look.
    problems: Option<Refused>,
}

impl Trigger {
    fn word(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Signal => "signal",
            Self::Admin => "admin",
        }
    }
}

impl Outcome {
    const LABELS: [&'static str; 3] = ["applied", "unchanged", "refused"];

    fn index(self) -> usize {
        match self {
            Self::Applied => 0,
            Self::Unchanged | Self::Nothing => 1,
            Self::Refused => 2,
        }
    }
}

impl Report {
    pub(super) fn new(
        trigger: Trigger,
        outcome: Outcome,
        generation: u64,
        problems: Option<Refused>,
        took: Duration,
    ) -> Self {
        Self { trigger, outcome, at: Timestamp::now(), took, generation, problems }
    }

    /// Of the answer to whoever asked for it.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self.outcome {
            Outcome::Refused => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::OK,
        }
    }

    /// For machines, with a text for people in it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let detail = (self.outcome == Outcome::Nothing).then_some(NOTHING);
        let problems = self.problems.as_ref();
        json!({
            "outcome": Outcome::LABELS.get(self.outcome.index()),
            "detail": detail,
            "trigger": self.trigger.word(),
            "at": self.at.to_string(),
            "took_ms": self.took_ms(),
            "generation": self.generation,
            "diagnostics": problems.map_or_else(|| json!([]), Refused::to_json),
            "text": problems.map_or_else(String::new, |problems| problems.render(false)),
        })
    }

    fn took_ms(&self) -> u64 {
        u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn log(&self) {
        let (trigger, generation) = (self.trigger.word(), self.generation);
        let took_ms = self.took_ms();
        let text = self.problems.as_ref().map(|problems| problems.render(false));
        let count = self.problems.as_ref().map_or(0, Refused::count);
        match (self.outcome, text) {
            (Outcome::Applied, Some(problems)) if count > 0 => {
                tracing::warn!(
                    trigger,
                    generation,
                    took_ms,
                    count,
                    problems,
                    "reloaded, with warnings"
                );
            }
            (Outcome::Applied, _) => tracing::info!(trigger, generation, took_ms, "reloaded"),
            (Outcome::Refused, problems) => tracing::error!(
                trigger,
                generation,
                took_ms,
                count,
                problems,
                "reload refused: what was served before stays"
            ),
            (Outcome::Unchanged, _) => {
                tracing::info!(
                    trigger,
                    generation,
                    took_ms,
                    "nothing to reload: what is served is what the files say"
                );
            }
            (Outcome::Nothing, _) => tracing::info!(trigger, "{NOTHING}"),
        }
    }
}

const NOTHING: &str = "nothing to reload: the gateway was started without files";

/// What is remembered of reloads.
#[derive(Debug, Default)]
pub(super) struct Told {
    last: ArcSwapOption<Report>,
    counts: [AtomicU64; 3],
}

impl Told {
    pub(super) fn last(&self, report: &Arc<Report>) {
        self.last.store(Some(Arc::clone(report)));
    }

    pub(super) fn count(&self, outcome: Outcome) {
        if let Some(count) = self.counts.get(outcome.index()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// For `GET /reload`: the last one; null before the first.
    pub(super) fn to_json(&self) -> Value {
        self.last.load().as_ref().map(|report| report.to_json()).into()
    }

    /// Makes them metrics.
    pub(super) fn measure(
        self: &Arc<Self>,
        metrics: &Metrics,
        current: &Arc<ArcSwap<Generation>>,
    ) -> Result<(), prometheus::Error> {
        #[expect(clippy::cast_precision_loss, reason = "counters are floats; these stay small")]
        let as_number = |n: u64| n as f64;
        let samples = Outcome::LABELS
            .iter()
            .enumerate()
            .map(|(index, label)| {
                let told = Arc::clone(self);
                let read: Read = Box::new(move || {
                    told.counts.get(index).map_or(0.0, |n| as_number(n.load(Ordering::Relaxed)))
                });
                (*label, read)
            })
            .collect();
        metrics.register_counter(
            "deskbridge_reloads_total",
            "Readings of configuration and mappings after the first one, by what came of them.",
            "outcome",
            samples,
        )?;
        // A generation holds the metrics: held by them in turn, it would outlive the gateway, and
        // the sandbox's file would never be closed.
        let (number, since) = (Arc::downgrade(current), Arc::downgrade(current));
        metrics.register_gauge(
            "deskbridge_config_generation",
            "1 since the start, one more with each configuration that was put in place.",
            move || number.upgrade().map_or(0.0, |current| as_number(current.load().number)),
        )?;
        metrics.register_gauge(
            "deskbridge_config_applied_timestamp_seconds",
            "When the configuration that is served was put in place.",
            move || {
                let applied = |current: Arc<ArcSwap<Generation>>| current.load().since;
                since.upgrade().map(applied).unwrap_or_default().as_duration().as_secs_f64()
            },
        )
    }
}
