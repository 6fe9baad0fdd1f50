//! The threads that talk to SQLite: one writes, two read. Requests wait in bounded queues.
//!
//! Dropping the queues ends the threads once they have answered what waits in them.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::{io, mem};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use crate::canonical::{Payload, ProblemCode, Request};
use crate::error::Error;
use crate::sandbox::call::Call;
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::Fault;
use crate::sandbox::shape::Shape;
use crate::sandbox::{Clock, Serve};

/// A request and where its answer goes.
pub(super) struct Job {
    pub(super) request: Request,
    pub(super) serve: Serve,
    pub(super) reply: oneshot::Sender<Result<Payload, Error>>,
}

/// What every thread knows.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) shape: Arc<Shape>,
    pub(super) clock: Clock,
}

/// Threads that share one queue.
pub(super) struct Threads {
    queue: Option<SyncSender<Job>>,
    running: Vec<JoinHandle<()>>,
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Threads").field("running", &self.running.len()).finish_non_exhaustive()
    }
}

impl Threads {
    /// One thread per connection. At most `length` jobs wait.
    pub(super) fn start(
        name: &str,
        connections: Vec<Connection>,
        length: usize,
        shared: &Shared,
    ) -> io::Result<Self> {
        let (queue, jobs) = sync_channel(length.max(1));
        let jobs = Arc::new(Mutex::new(jobs));
        let mut threads = Self { queue: Some(queue), running: Vec::new() };
        for db in connections {
            let (jobs, shared) = (Arc::clone(&jobs), shared.clone());
            let run = move || run(db, &jobs, &shared);
            threads.running.push(Builder::new().name(format!("sandbox-{name}")).spawn(run)?);
        }
        Ok(threads)
    }

    /// Gives a job to the threads, or back when too many wait.
    pub(super) fn submit(&self, job: Job) -> Result<(), ()> {
        self.queue.as_ref().ok_or(())?.try_send(job).map_err(|_| ())
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.queue = None;
        for thread in mem::take(&mut self.running) {
            // A thread that panicked has nothing left to wait for.
            let _ = thread.join();
        }
    }
}

fn run(mut db: Connection, jobs: &Mutex<Receiver<Job>>, shared: &Shared) {
    loop {
        // The guard is held while waiting: the next thread waits for the lock instead.
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { request, serve, reply }) = next else { return };
        // A read that nobody waits for any more is not worth doing; a write is.
        if reply.is_closed() && matches!(serve, Serve::Read(_)) {
            continue;
        }
        let answer = catch_unwind(AssertUnwindSafe(|| carry_out(&mut db, &request, serve, shared)));
        let answer = match answer {
            Ok(answer) => answer.map_err(Error::from),
            // The transaction was rolled back while unwinding.
            Err(_) => Err(Error::from(ProblemCode::UpstreamError).within("sandbox: panic")),
        };
        // The client may have left meanwhile.
        let _ = reply.send(answer);
    }
}

fn carry_out(
    db: &mut Connection,
    request: &Request,
    serve: Serve,
    shared: &Shared,
) -> Result<Payload, Fault> {
    let contract = &*shared.shape.contract;
    let call = Call {
        contract,
        operation: contract.get(request.operation),
        request,
        now: (shared.clock)(),
    };
    call.check_account()?;
    match serve {
        Serve::Read(read) => {
            // One transaction, so that every part of the answer is of the same moment.
            let snapshot = db.transaction()?;
            read(&Desk::new(&snapshot, &shared.shape, &call)?, &call)
        }
        Serve::Write(write) => {
            let change = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let payload = write(&Desk::new(&change, &shared.shape, &call)?, &call)?;
            change.commit()?;
            Ok(payload)
        }
    }
}
