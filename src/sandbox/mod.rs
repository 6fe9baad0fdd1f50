//! A helpdesk in SQLite, so that one command runs everything.
//!
//! It serves canonical operations like any backend: a request becomes a job for one of a few
//! threads, one of which alone writes; what a write does, it does in one transaction. The contract
//! shapes its answers, the table [`OPERATIONS`] says which operations it has. It is for trying
//! things out and for tests: nothing is delivered to anybody.

mod accounts;
mod activities;
mod call;
mod changes;
mod compose;
mod contacts;
mod content;
mod conversations;
mod csat;
mod desk;
mod fault;
mod files;
mod follow;
mod identities;
mod identity;
mod ids;
mod inboxes;
mod known;
mod labels;
mod lists;
mod members;
mod messages;
mod metrics;
mod moving;
mod once;
mod opening;
mod parts;
mod placeholders;
mod plain;
mod platform;
mod presence;
mod profile;
mod proof;
mod query;
mod reports;
mod resending;
mod revising;
mod scoped;
mod searching;
mod secrets;
mod seed;
mod shape;
mod show;
mod store;
mod templates;
#[cfg(test)]
mod tests;
mod threads;
mod unite;
mod uploads;
mod users;

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use rusqlite::TransactionBehavior;
use tokio::sync::oneshot;
use tower::Service;

use crate::canonical::outcome::Why;
use crate::canonical::{
    Contract, OperationId, Outcome, Payload, Problem, ProblemCode, Request, Response,
};
use crate::error::Error;
use crate::sandbox::call::Call;
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::{Fault, busy};
use crate::sandbox::files::Files;
use crate::sandbox::shape::Shape;
use crate::sandbox::threads::{Job, Shared, Threads};

/// Connections that read.
const READERS: usize = 2;

/// How the sandbox is set up.
#[derive(Clone, Debug)]
pub struct Params {
    /// Its file; `None` is a temporary one, removed at the end.
    pub path: Option<PathBuf>,
    /// What links in answers begin with: `http://127.0.0.1:8080`.
    pub public_url: String,
    /// How long to wait for a lock that another program holds on the file.
    pub busy_timeout: Duration,
    /// How many requests may wait for the thread that writes, and as many for those that read.
    /// At least 1.
    pub queue: usize,
    /// Names that nobody could guess follow from a number instead, so that the same requests make
    /// the same answers.
    pub repeatable: bool,
}

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Why the sandbox cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the file.
    #[error("the sandbox's file {} is in use by another deskbridge (lock {})", path.display(), lock.display())]
    InUse {
        /// The file.
        path: PathBuf,
        /// The lock beside it.
        lock: PathBuf,
    },
    /// A later version of this program has written the file.
    #[error("the sandbox's file {} has schema version {found}; this program knows versions up to {known}: use the newer deskbridge, or another file", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i32,
        /// The newest version known here.
        known: i32,
    },
    /// The file is something else.
    #[error("the sandbox's file {} is not an SQLite database", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file is a database of another program.
    #[error("the sandbox's file {} is a database, but not one that deskbridge made", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file or its folder cannot be used.
    #[error("the sandbox cannot use {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// SQLite cannot use the file.
    #[error("the sandbox cannot open {}: {source}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// The data that comes with the program is broken.
    #[error("the sandbox's own data is broken: {0}")]
    Seed(String),
    /// The contract lacks an operation that the sandbox serves.
    #[error("the sandbox serves `{0}`, which the contract does not have as it is served")]
    Operation(String),
}

/// What carries out an operation.
#[derive(Clone, Copy)]
enum Serve {
    /// Changes nothing.
    Read(fn(&Desk<'_>, &Call<'_>) -> Result<Payload, Fault>),
    /// All or nothing.
    Write(fn(&Desk<'_>, &Call<'_>) -> Result<Payload, Fault>),
}

/// Every operation that the sandbox has a program of its own for.
const OPERATIONS: &[(&str, Serve)] = &[
    ("accounts.create", Serve::Write(platform::create_account)),
    ("accounts.update", Serve::Write(platform::update_account)),
    ("accounts.delete", Serve::Write(platform::delete_account)),
    ("account_users.list", Serve::Read(platform::list_members)),
    ("account_users.create", Serve::Write(platform::add_member)),
    ("account_users.delete", Serve::Write(platform::remove_member)),
    ("users.create", Serve::Write(users::create)),
    ("users.get", Serve::Read(users::get)),
    ("users.update", Serve::Write(users::update)),
    ("users.delete", Serve::Write(users::delete)),
    ("users.sso_link", Serve::Write(users::link)),
    ("logins.get", Serve::Read(users::look_at_link)),
    ("logins.create", Serve::Write(users::log_in)),
    ("resolve.inbox", Serve::Read(identities::resolve_inbox)),
    ("resolve.conversation", Serve::Read(csat::resolve_conversation)),
    ("attachments.content", Serve::Read(content::content)),
    ("contacts.list", Serve::Read(contacts::list)),
    ("contacts.search", Serve::Read(contacts::search)),
    ("contacts.get", Serve::Read(contacts::get)),
    ("contacts.create", Serve::Write(contacts::create)),
    ("contacts.update", Serve::Write(contacts::update)),
    ("contacts.delete", Serve::Write(contacts::delete)),
    ("contacts.merge", Serve::Write(contacts::merge_into)),
    ("contacts.labels.list", Serve::Read(contacts::labels)),
    ("contacts.labels.replace", Serve::Write(contacts::replace_labels)),
    ("identities.find", Serve::Read(identities::find)),
    ("identities.list", Serve::Read(identities::list)),
    ("identities.get", Serve::Read(identities::get)),
    ("identities.create", Serve::Write(identities::create)),
    ("conversations.list", Serve::Read(lists::list)),
    ("conversations.search", Serve::Read(lists::search)),
    ("conversations.counts", Serve::Read(lists::counts)),
    ("conversations.get", Serve::Read(conversations::get)),
    ("conversations.create", Serve::Write(opening::create)),
    ("conversations.update", Serve::Write(conversations::update)),
    ("conversations.delete", Serve::Write(conversations::delete)),
    ("conversations.labels.list", Serve::Read(labels::list)),
    ("conversations.labels.replace", Serve::Write(labels::replace)),
    ("conversations.labels.change", Serve::Write(labels::adjust)),
    ("conversations.typing", Serve::Write(presence::typing)),
    ("conversations.seen", Serve::Write(presence::seen)),
    ("messages.list", Serve::Read(messages::list)),
    ("messages.create", Serve::Write(compose::create)),
    ("messages.get", Serve::Read(revising::get)),
    ("messages.update", Serve::Write(revising::update)),
    ("messages.delete", Serve::Write(revising::delete)),
    ("messages.reactions.set", Serve::Write(revising::react)),
    ("notes.list", Serve::Read(messages::list_notes)),
    ("notes.create", Serve::Write(compose::create_note)),
    ("notes.get", Serve::Read(revising::get_note)),
    ("notes.update", Serve::Write(revising::update_note)),
    ("notes.delete", Serve::Write(revising::delete_note)),
    ("csat.list", Serve::Read(csat::list)),
    ("csat.get", Serve::Read(csat::get)),
    ("csat.request", Serve::Write(csat::request)),
    ("csat.submit", Serve::Write(csat::submit)),
    ("profile.get", Serve::Read(profile::get)),
    ("profile.update", Serve::Write(profile::update)),
    ("conversations.reporting_events", Serve::Read(reports::events::list)),
    ("reports.series", Serve::Read(reports::series)),
    ("reports.summary", Serve::Read(reports::summary)),
    ("reports.conversations", Serve::Read(reports::conversations)),
    ("reports.agents", Serve::Read(reports::agents)),
    ("attachments.upload", Serve::Write(uploads::upload)),
    ("identities.update", Serve::Write(identity::update)),
    ("conversations.restart", Serve::Write(templates::restart)),
    ("conversations.parse_text", Serve::Read(placeholders::parse)),
    ("messages.search", Serve::Read(searching::search)),
    ("messages.resend", Serve::Write(resending::resend)),
    ("messages.errors.list", Serve::Read(resending::errors)),
    ("messages.errors.get", Serve::Read(resending::error)),
    ("channel_templates.create", Serve::Write(templates::create)),
    ("channel_usage.get", Serve::Read(templates::usage)),
    ("metrics.get", Serve::Read(metrics::month)),
    ("inboxes.create", Serve::Write(inboxes::create)),
    ("inboxes.update", Serve::Write(inboxes::update)),
    ("inboxes.delete", Serve::Write(inboxes::delete)),
    ("contact_activities.list", Serve::Read(activities::list)),
    ("contact_activities.get", Serve::Read(activities::get)),
    ("profile.login_link", Serve::Write(profile::login_link)),
];

/// Every operation the sandbox serves: those, and those of plain resources that the contract has.
fn served(contract: &Contract) -> impl Iterator<Item = (Cow<'static, str>, Serve)> + '_ {
    let own = OPERATIONS.iter().map(|(name, serve)| (Cow::Borrowed(*name), *serve));
    let plain = contract.stored().iter().flat_map(|stored| {
        let verbs = if stored.scope.is_some() { &scoped::VERBS[..] } else { &plain::VERBS[..] };
        verbs
            .iter()
            .map(|(verb, serve)| (Cow::Owned(format!("{}.{verb}", stored.operations)), *serve))
    });
    let programs = |name: &str| OPERATIONS.iter().any(|(own, _)| *own == name);
    let plain =
        plain.filter(move |(name, _)| contract.operation(name).is_some() && !programs(name));
    own.chain(plain)
}

/// A handle of the running sandbox. The last one dropped ends it, after what waits is answered.
#[derive(Clone, Debug)]
pub struct Sandbox(Arc<Running>);

struct Running {
    // In the order of dropping: threads end before the file is let go.
    writer: Threads,
    readers: Threads,
    /// By operation.
    serve: Vec<Option<Serve>>,
    files: Arc<Files>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("path", &self.files.path).finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Opens the file, fills it when it is new, and starts the threads.
    ///
    /// # Errors
    /// When the file cannot be used, or the contract lacks an operation that is served here.
    pub fn open(params: Params, contract: Arc<Contract>, clock: Clock) -> Result<Self, OpenError> {
        let mut serve = vec![None; contract.operations().len()];
        for (name, function) in served(&contract) {
            let found = contract.operation(&name);
            let id = found.ok_or_else(|| OpenError::Operation(name.to_string()))?;
            if contract.get(id).safe != matches!(function, Serve::Read(_)) {
                return Err(OpenError::Operation(name.into_owned()));
            }
            if let Some(place) = serve.get_mut(usize::from(id.0)) {
                *place = Some(function);
            }
        }
        let files = Files::claim(params.path.as_deref(), params.busy_timeout, &contract)?;
        let files = Arc::new(files);
        let public_url = params.public_url.trim_end_matches('/').into();
        let shared = Shared {
            shape: Arc::new(Shape { contract, public_url, repeatable: params.repeatable }),
            clock,
        };
        let start = |name: &str, behaviour, connections| {
            Threads::start((name, behaviour), connections, &files, params.queue, &shared)
                .map_err(|source| OpenError::Io { path: files.path.clone(), source })
        };
        // The writer makes the tables that the readers need.
        let first = vec![files.writer(&shared.shape.contract)?];
        let writer = start("writer", TransactionBehavior::Immediate, first)?;
        let mut connections = Vec::new();
        for _ in 0..READERS {
            connections.push(files.reader()?);
        }
        let readers = start("reader", TransactionBehavior::Deferred, connections)?;
        Ok(Self(Arc::new(Running { writer, readers, serve, files })))
    }

    /// The names of the operations it serves.
    pub fn handled(contract: &Contract) -> impl Iterator<Item = Cow<'static, str>> {
        served(contract).map(|(name, _)| name)
    }

    fn submit(&self, request: Request) -> Result<(Waiting, Why), Error> {
        let OperationId(index) = request.operation;
        let Some(serve) = self.0.serve.get(usize::from(index)).copied().flatten() else {
            let problem = Problem::new(ProblemCode::NotSupportedByUpstream);
            return Err(problem.detail("The sandbox does not serve this operation").into());
        };
        let (threads, why) = match serve {
            Serve::Read(_) => (&self.0.readers, Why::Off),
            Serve::Write(_) => (&self.0.writer, Why::Write),
        };
        let (reply, waiting) = oneshot::channel();
        threads
            .submit(Job { request, serve, reply })
            .map_err(|()| busy("the sandbox's queue is full"))?;
        Ok((waiting, why))
    }
}

type Waiting = oneshot::Receiver<Result<Payload, Error>>;

/// An answer on its way.
#[derive(Debug)]
pub struct Answer(State);

enum State {
    Refused(Option<Error>),
    Waiting(Waiting, Why),
    /// A file is coming. Boxed: hardly a request is one.
    Receiving(BoxFuture<'static, Result<Response, Error>>),
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused(_) => "Refused",
            Self::Waiting(..) => "Waiting",
            Self::Receiving(_) => "Receiving",
        })
    }
}

impl Future for Answer {
    type Output = Result<Response, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Refused(error) => {
                Poll::Ready(Err(error.take().unwrap_or_else(|| busy("polled after the answer"))))
            }
            State::Receiving(receiving) => receiving.as_mut().poll(context),
            State::Waiting(waiting, why) => {
                let why = *why;
                Pin::new(waiting).poll(context).map(|answer| {
                    // The sender is dropped without an answer only when the sandbox ends.
                    let payload = answer.map_err(|_| busy("the sandbox has ended"))??;
                    Ok(Response { payload: Arc::new(payload), outcome: Outcome::Bypass(why) })
                })
            }
        }
    }
}

impl Service<Request> for Sandbox {
    type Response = Response;
    type Error = Error;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Answer {
        if let Some(file) = request.upload.clone() {
            let sandbox = self.clone();
            return Answer(State::Receiving(Box::pin(async move {
                let body = uploads::receive(&file).await?;
                let (waiting, why) = sandbox.submit(Request { body, ..request })?;
                Answer(State::Waiting(waiting, why)).await
            })));
        }
        Answer(match self.submit(request) {
            Ok((waiting, why)) => State::Waiting(waiting, why),
            Err(error) => State::Refused(Some(error)),
        })
    }
}
