//! A proxy that fails on purpose. It stands between the gateway and a canonical backend, on real
//! sockets, passes everything on, keeps what it was asked, and does what a rule tells it to a request
//! that the rule fits.
//!
//! ```text
//! gateway ── Faulty (rules: When → Fault) ── backend
//! ```
//!
//! [`Faulty::inject`] adds a rule; of those that fit a request the first is followed, once per
//! request. What is left to chance (`When::chance`, `Fault::jitter`) depends on the seed, the rule,
//! the request's method and target, and how many such requests there were; not on the order in which
//! connections happen to be served. [`Faulty::seen`] tells every request, whether it was read to its
//! end, what was done to it, and what the backend answered, so that tests can count what was sent
//! twice.

mod fault;
mod wire;

pub(crate) use fault::{At, Fault, When};

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use deskbridge::mapping::law::rng::Rng;
use http::{HeaderMap, Method};
use http_body_util::Full;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The proxy. Clones are the same one; with the last of them it is gone.
#[derive(Clone)]
pub(crate) struct Faulty {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    door: Arc<tokio::sync::Mutex<Door>>,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    /// Empty until it was read to its end.
    pub(crate) body: Bytes,
    /// Whether every byte of it was read.
    pub(crate) whole: bool,
    /// The name of what was done to it.
    pub(crate) fault: Option<&'static str>,
    /// The backend's status, once it has answered.
    pub(crate) answered: Option<u16>,
}

impl Seen {
    /// Its target without the query.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// The listening side.
enum Door {
    Open(JoinHandle<()>),
    /// The port is kept, but nobody listens: whoever connects is refused.
    Shut(Option<TcpSocket>),
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Self::Open(task) = self {
            task.abort();
        }
    }
}

struct State {
    backend: SocketAddr,
    pool: Pool<HttpConnector, Full<Bytes>>,
    seed: u64,
    rules: Mutex<Vec<Rule>>,
    seen: watch::Sender<Vec<Seen>>,
    /// So many connections are reset as soon as they are accepted.
    unwelcome: AtomicUsize,
    /// Requests whose head was read and that have not come to their end.
    busy: watch::Sender<usize>,
    /// Connections that are served; counted, so that cutting them can be waited for.
    open: watch::Sender<usize>,
    /// Changes when every connection is to be cut.
    cut: watch::Sender<u64>,
}

/// What to do to which requests.
struct Rule {
    /// Its place among all rules there ever were.
    number: u64,
    when: When,
    fault: Fault,
    /// How often it was followed.
    followed: usize,
    /// Requests that fitted, by method and target: what chance depends on.
    fitted: HashMap<String, u64>,
}

/// A rule's number, to ask how often it was followed and to take it away.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RuleId(u64);

impl Faulty {
    /// A proxy before a backend, with seed 0.
    pub(crate) async fn before(backend: SocketAddr) -> Self {
        Self::seeded(backend, 0).await
    }

    /// A proxy before a backend, on a free port of the loopback.
    pub(crate) async fn seeded(backend: SocketAddr, seed: u64) -> Self {
        let socket = bound(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let address = socket.local_addr().unwrap();
        let state = Arc::new(State {
            backend,
            pool: Pool::builder(TokioExecutor::new()).build_http(),
            seed,
            rules: Mutex::default(),
            seen: watch::Sender::new(Vec::new()),
            unwelcome: AtomicUsize::new(0),
            busy: watch::Sender::new(0),
            open: watch::Sender::new(0),
            cut: watch::Sender::new(0),
        });
        let door = Door::Open(serve(listening(socket), Arc::clone(&state)));
        Self { address, state, door: Arc::new(tokio::sync::Mutex::new(door)) }
    }

    /// From now on does this to requests that fit, unless an earlier rule fits.
    pub(crate) fn inject(&self, when: When, fault: Fault) -> RuleId {
        let mut rules = self.state.rules.lock().unwrap();
        let number = rules.last().map_or(0, |rule| rule.number + 1);
        rules.push(Rule { number, when, fault, followed: 0, fitted: HashMap::new() });
        RuleId(number)
    }

    /// How often a rule was followed.
    pub(crate) fn followed(&self, rule: RuleId) -> usize {
        let rules = self.state.rules.lock().unwrap();
        rules.iter().find(|r| r.number == rule.0).map_or(0, |r| r.followed)
    }

    /// Does nothing to anything from now on. What is on its way keeps what was done to it.
    pub(crate) fn heal(&self) {
        for rule in self.state.rules.lock().unwrap().iter_mut() {
            rule.when = When::never();
        }
    }

    /// Resets the next connections as soon as they are accepted, before anything is read.
    pub(crate) fn reset_connections(&self, count: usize) {
        self.state.unwelcome.store(count, Ordering::SeqCst);
    }

    /// Waits until no request is under way any more, the late ones included.
    pub(crate) async fn idle(&self) {
        self.state.busy.subscribe().wait_for(|busy| *busy == 0).await.unwrap();
    }

    /// Resets every connection that there is, idle or not.
    pub(crate) async fn cut(&self) {
        self.state.cut.send_modify(|n| *n += 1);
        self.state.open.subscribe().wait_for(|open| *open == 0).await.unwrap();
    }

    /// Stops listening and resets every connection. The port stays this proxy's.
    pub(crate) async fn refuse(&self) {
        let mut door = self.door.lock().await;
        let Door::Open(task) = &mut *door else { return };
        task.abort();
        // With the task its listener is gone.
        let _ = task.await;
        *door = Door::Shut(Some(bound(self.address)));
        self.cut().await;
    }

    /// Listens again, on the same port.
    pub(crate) async fn reopen(&self) {
        let mut door = self.door.lock().await;
        let Door::Shut(socket) = &mut *door else { return };
        let listener = listening(socket.take().unwrap());
        *door = Door::Open(serve(listener, Arc::clone(&self.state)));
    }

    /// Every request so far, in the order in which their heads were read.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.seen.borrow().clone()
    }

    /// Requests so far for `method path`.
    pub(crate) fn count(&self, method: &Method, path: &str) -> usize {
        self.state.seen.borrow().iter().filter(|s| s.method == *method && s.path() == path).count()
    }

    /// Waits until so many requests fit.
    pub(crate) async fn wait_for(&self, count: usize, fits: impl Fn(&Seen) -> bool) {
        let enough = |seen: &Vec<Seen>| seen.iter().filter(|s| fits(s)).count() >= count;
        self.state.seen.subscribe().wait_for(enough).await.unwrap();
    }
}

impl State {
    /// What is to be done to a request, if anything.
    fn judge(&self, method: &Method, target: &str) -> Option<(Fault, Rng)> {
        let mut rules = self.rules.lock().unwrap();
        for rule in rules.iter_mut().filter(|rule| rule.when.fits(method, target)) {
            if rule.when.spent(rule.followed) {
                continue;
            }
            let name = format!("{method} {target}");
            let nth = rule.fitted.entry(name.clone()).or_default();
            *nth += 1;
            let mut lots = Rng::of(self.seed ^ (rule.number << 32), &name, *nth);
            if rule.when.drawn(&mut lots) {
                rule.followed += 1;
                return Some((rule.fault.clone(), lots));
            }
        }
        None
    }

    fn note(&self, seen: Seen) -> usize {
        let mut place = 0;
        self.seen.send_modify(|all| {
            place = all.len();
            all.push(seen);
        });
        place
    }

    fn amend(&self, place: usize, amend: impl FnOnce(&mut Seen)) {
        self.seen.send_modify(|all| amend(&mut all[place]));
    }
}

/// A request under way.
struct Busy<'a>(&'a State);

impl<'a> Busy<'a> {
    fn new(state: &'a State) -> Self {
        state.busy.send_modify(|busy| *busy += 1);
        Self(state)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.send_modify(|busy| *busy -= 1);
    }
}

fn bound(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

fn listening(socket: TcpSocket) -> TcpListener {
    socket.listen(1024).unwrap()
}

fn serve(listener: TcpListener, state: Arc<State>) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let less = |n: usize| n.checked_sub(1);
            let order = Ordering::SeqCst;
            if state.unwelcome.fetch_update(order, order, less).is_ok() {
                let _ = stream.set_zero_linger();
                continue;
            }
            // Counted before the task begins, so that none is missed when all are cut.
            state.open.send_modify(|open| *open += 1);
            let mut cut = state.cut.subscribe();
            let state = Arc::clone(&state);
            tokio::spawn(async move {
                let _ = stream.set_nodelay(true);
                let mut stream = stream;
                tokio::select! {
                    _ = cut.changed() => {
                        let _ = stream.set_zero_linger();
                    }
                    () = wire::converse(&mut stream, &state) => {}
                }
                drop(stream);
                state.open.send_modify(|open| *open -= 1);
            });
        }
    })
}
