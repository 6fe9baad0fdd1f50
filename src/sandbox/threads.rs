//! The threads that talk to SQLite: one writes, two read. Requests wait in bounded queues.
//!
//! Dropping the queues ends the threads once they have answered what waits in them.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::{io, mem};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use crate::canonical::{Payload, Problem, ProblemCode, Request};
use crate::error::Error;
use crate::sandbox::accounts::{self, Databases};
use crate::sandbox::call::Call;
use crate::sandbox::desk::{Desk, Place};
use crate::sandbox::fault::{Fault, not_found};
use crate::sandbox::files::Files;
use crate::sandbox::shape::Shape;
use crate::sandbox::store::Row;
use crate::sandbox::{Clock, Serve, platform};

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
    /// One thread per connection to the sandbox's own file, whose transactions begin as
    /// `behaviour` says. At most `length` jobs wait.
    pub(super) fn start(
        (name, behaviour): (&str, TransactionBehavior),
        connections: Vec<Connection>,
        files: &Arc<Files>,
        length: usize,
        shared: &Shared,
    ) -> io::Result<Self> {
        let (queue, jobs) = sync_channel(length.max(1));
        let jobs = Arc::new(Mutex::new(jobs));
        let mut threads = Self { queue: Some(queue), running: Vec::new() };
        for db in connections {
            let (jobs, files, shared) = (Arc::clone(&jobs), Arc::clone(files), shared.clone());
            let run = move || run(&Databases::new(db, files, behaviour), &jobs, &shared);
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

fn run(databases: &Databases, jobs: &Mutex<Receiver<Job>>, shared: &Shared) {
    loop {
        // The guard is held while waiting: the next thread waits for the lock instead.
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { request, serve, reply }) = next else { return };
        // A read that nobody waits for any more is not worth doing; a write is.
        if reply.is_closed() && matches!(serve, Serve::Read(_)) {
            continue;
        }
        let answer =
            catch_unwind(AssertUnwindSafe(|| carry_out(databases, &request, serve, shared)));
        let answer = match answer {
            Ok(answer) => answer.map_err(Error::from),
            // The transaction was rolled back while unwinding.
            Err(_) => Err(Error::from(ProblemCode::UpstreamError).within("sandbox: panic")),
        };
        // The client may have left meanwhile.
        let _ = reply.send(answer);
    }
}

/// Carries out a request in the account that it names. One that names none is for the first account
/// that does not refuse it.
fn carry_out(
    databases: &Databases,
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
    let work = Work { databases, call: &call, serve, shape: &shared.shape };
    if let Some(reference) = call.text("account_id") {
        return work.within(&accounts::named(databases.hub(), reference)?);
    }
    let mut first = None;
    if platform::is_about(&call) {
        return work.within(&accounts::named(databases.hub(), &accounts::FIRST.to_string())?);
    }
    for account in accounts::all(databases.hub())? {
        match work.within(&account) {
            Err(Fault::Refused(problem)) if is_elsewhere(&problem) => {
                first.get_or_insert(Fault::Refused(problem));
            }
            done => return done,
        }
    }
    Err(first.unwrap_or_else(|| not_found("account")))
}

/// Whether another account may answer what one has refused.
fn is_elsewhere(problem: &Problem) -> bool {
    matches!(problem.code, ProblemCode::NotFound | ProblemCode::Forbidden)
}

struct Work<'w> {
    databases: &'w Databases,
    call: &'w Call<'w>,
    serve: Serve,
    shape: &'w Shape,
}

impl Work<'_> {
    /// One transaction in each file that may be touched, so that every part of an answer is of the
    /// same moment, and a write is done whole or not at all.
    fn within(&self, account: &Row) -> Result<Payload, Fault> {
        let (databases, call) = (self.databases, self.call);
        let hub = databases.begin(databases.hub())?;
        let own = match account.number {
            accounts::FIRST => None,
            number => Some(databases.other(number)?),
        };
        let own = own.as_deref().map(|db| databases.begin(db)).transpose()?;
        let home: &Connection = own.as_ref().unwrap_or(&hub);
        let platform = platform::is_about(call);
        let db: &Connection = if platform { &hub } else { home };
        let place = Place { db, home, hub: &hub, account: account.number, databases };
        let desk = Desk::new(place, self.shape, call)?;
        platform::refuse_others(&desk, call, account)?;
        let (Serve::Read(serve) | Serve::Write(serve)) = self.serve;
        let payload = serve(&desk, call)?;
        let gone = desk.gone.get();
        drop(desk);
        if let Serve::Write(_) = self.serve {
            own.map_or(Ok(()), Transaction::commit)?;
            hub.commit()?;
        }
        if let Some(account) = gone {
            databases.remove(account);
        }
        Ok(payload)
    }
}
