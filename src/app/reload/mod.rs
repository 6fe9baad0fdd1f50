//! Configuration, secrets and mappings read again while the gateway runs.
//!
//! ```text
//! files changed ─┐
//! SIGHUP ────────┼─► one task ─► read, compile, open (off the request path) ─┬─ all well: in place, whole
//! POST /reload ──┘                                                           └─ anything wrong: refused, whole
//! ```
//!
//! One attempt at a time. What was served before stays until its successor is complete.

mod attempt;
mod page;
mod quiet;
mod report;
mod watch;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot};

use crate::app::generation::Generation;
use crate::app::ground::Ground;
use crate::config::{Config, Input};

pub use report::{Outcome, Report, Trigger};

use attempt::{Attempt, Inputs, Tried};
use report::Told;
use watch::Watch;

pub(super) use page::page;

/// Reloads that wait for the one under way. They would all read the same; one more is refused.
const WAITING: usize = 16;

/// Asks for reloads. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reloader {
    requests: mpsc::Sender<Wanted>,
    told: Arc<Told>,
}

/// A reload that is asked for.
#[derive(Debug)]
struct Wanted {
    trigger: Trigger,
    reply: Option<oneshot::Sender<Arc<Report>>>,
}

impl Reloader {
    /// Asks for a reload and does not wait for it.
    pub fn hint(&self, trigger: Trigger) {
        // A full queue is as good: a reload that has not begun reads what there is now.
        let _ = self.requests.try_send(Wanted { trigger, reply: None });
    }

    /// Reloads; `None` when the gateway ends before that, or is asked too often.
    pub async fn reload(&self, trigger: Trigger) -> Option<Arc<Report>> {
        let (reply, told) = oneshot::channel();
        self.requests.try_send(Wanted { trigger, reply: Some(reply) }).ok()?;
        told.await.ok()
    }
}

/// Carries reloads out, one after the other.
pub(super) struct Reloads {
    ground: Arc<Ground>,
    current: Arc<ArcSwap<Generation>>,
    input: Arc<Input>,
    /// What the last attempt read.
    tried: Inputs,
    /// What the current generation was made of.
    held: Inputs,
    requests: mpsc::Receiver<Wanted>,
    told: Arc<Told>,
}

impl Reloads {
    /// For a gateway that has just begun with `config` and these mappings.
    pub(super) fn new(
        ground: &Arc<Ground>,
        current: &Arc<ArcSwap<Generation>>,
        config: &Config,
        mappings: String,
    ) -> Result<(Self, Reloader), prometheus::Error> {
        let (requests, wanted) = mpsc::channel(WAITING);
        let told = Arc::<Told>::default();
        told.measure(&ground.metrics, current)?;
        let held = Inputs::of(config, mappings);
        let reloads = Self {
            ground: Arc::clone(ground),
            current: Arc::clone(current),
            input: Arc::clone(&config.input),
            tried: held.clone(),
            held,
            requests: wanted,
            told: Arc::clone(&told),
        };
        Ok((reloads, Reloader { requests, told }))
    }

    /// Carries them out until nobody can ask any more. `install` puts a generation in front of the
    /// clients.
    pub(super) async fn run(mut self, install: impl Fn(&Generation)) {
        let mut watch = Watch::default();
        // Between the reading at the start and now something may have changed.
        let mut look_again = watch.arm(&self.held);
        loop {
            let ours = std::mem::take(&mut look_again);
            let by_itself = Wanted { trigger: Trigger::Files, reply: None };
            let Wanted { trigger, reply } = if ours {
                by_itself
            } else {
                tokio::select! {
                    asked = self.requests.recv() => match asked {
                        Some(wanted) => wanted,
                        None => return,
                    },
                    () = watch.settled() => by_itself,
                }
            };
            // Before it is read: what changes from here on is told.
            watch.arm(&self.tried);
            let tried = attempt::attempt(self.attempt()).await;
            // What is watched only now may have changed before it was.
            look_again = watch.arm(&tried.read);
            let news = trigger != Trigger::Files || tried.read != self.tried;
            self.tried = tried.read.clone();
            let report = self.settle(trigger, tried, &install);
            if news {
                report.log();
                self.told.last(&report);
            }
            if news || !ours {
                self.told.count(report.outcome);
            }
            if let Some(reply) = reply {
                let _ = reply.send(report);
            }
        }
    }

    fn attempt(&self) -> Attempt {
        Attempt {
            ground: Arc::clone(&self.ground),
            current: self.current.load_full(),
            input: Arc::clone(&self.input),
            held: self.held.clone(),
        }
    }

    /// Puts what came of an attempt in place, and says so.
    fn settle(
        &mut self,
        trigger: Trigger,
        tried: Tried,
        install: &impl Fn(&Generation),
    ) -> Arc<Report> {
        let Tried { read, result, took } = tried;
        let (outcome, problems) = match result {
            Ok(None) if read.is_nothing() => (Outcome::Nothing, None),
            Ok(None) => (Outcome::Unchanged, None),
            Ok(Some((generation, warnings))) => {
                generation.is_counted();
                install(&generation);
                self.current.store(generation);
                self.held = read;
                (Outcome::Applied, Some(warnings))
            }
            Err(refused) => (Outcome::Refused, Some(refused)),
        };
        let generation = self.current.load();
        Arc::new(Report::new(trigger, outcome, generation.number, problems, took))
    }
}
