//! The request path as it is now, one generation after the other.
//!
//! A path is a chain of layers, each with a few things that it shares, and a clone of it counts every
//! one of them up and down. So each thread keeps a clone and asks that, request after request. A new
//! generation takes those of the old one away: nothing of it is kept for a thread that has nothing to
//! do.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Context, Poll};
use std::thread::available_parallelism;

use tower::Service;

/// Most clones that are kept. Past so many threads two share a place, and who finds it taken makes a
/// clone of its own.
const MOST: usize = 64;

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The number of this thread.
    static THREAD: usize = THREADS.fetch_add(1, Ordering::Relaxed);
}

/// The request path as it is now.
#[derive(Debug)]
pub struct Current<S>(Arc<Paths<S>>);

#[derive(Debug)]
struct Paths<S> {
    /// How many there were before the one of now.
    number: AtomicU64,
    now: Mutex<(u64, S)>,
    /// Clones of it by thread, and the number of what they are clones of.
    clones: Box<[Place<S>]>,
}

/// A clone that is kept, if there is one.
type Place<S> = Mutex<Option<(u64, S)>>;

/// The clone of a place, unless another thread has it, or this one further up.
fn taken<S>(place: &Place<S>) -> Option<MutexGuard<'_, Option<(u64, S)>>> {
    match place.try_lock() {
        Ok(clone) => Some(clone),
        Err(TryLockError::WouldBlock) => None,
        Err(TryLockError::Poisoned(left)) => {
            // Whoever asked it last did not come to an end, so it is made anew.
            place.clear_poison();
            let mut clone = left.into_inner();
            *clone = None;
            Some(clone)
        }
    }
}

impl<S: Clone> Paths<S> {
    fn clone_of_now(&self) -> (u64, S) {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<S> Current<S> {
    /// Begins with this one.
    #[must_use]
    pub fn new(first: S) -> Self {
        let threads = available_parallelism().map_or(1, usize::from).min(MOST);
        Self(Arc::new(Paths {
            number: AtomicU64::new(0),
            now: Mutex::new((0, first)),
            // One more: somebody who is no worker begins the process.
            clones: (0..=threads).map(|_| Mutex::new(None)).collect(),
        }))
    }

    /// Requests from now on go down `next`. What is under way stays where it is.
    pub fn replace(&self, next: S) {
        let paths = &*self.0;
        let mut now = paths.now.lock().unwrap_or_else(PoisonError::into_inner);
        let number = now.0 + 1;
        let last = std::mem::replace(&mut *now, (number, next));
        paths.number.store(number, Ordering::Release);
        drop(now);
        for clone in &paths.clones {
            // Whoever comes now finds nothing, or a clone of `next` already.
            let mut clone = clone.lock().unwrap_or_else(PoisonError::into_inner);
            let old = clone.take_if(|(of, _)| *of < number);
            drop(clone);
            drop(old);
        }
        drop(last);
    }
}

impl<S> Clone for Current<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S, R> Service<R> for Current<S>
where
    S: Service<R> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: R) -> S::Future {
        let paths = &*self.0;
        let number = paths.number.load(Ordering::Acquire);
        let thread = THREAD.try_with(|thread| *thread).unwrap_or_default();
        let place = paths.clones.get(thread % paths.clones.len().max(1));
        let Some(mut clone) = place.and_then(taken) else {
            return paths.clone_of_now().1.call(request);
        };
        let (_, path) = match &mut *clone {
            Some(path) if path.0 == number => path,
            other => other.insert(paths.clone_of_now()),
        };
        path.call(request)
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Ready, ready};
    use std::sync::Weak;

    use futures_util::FutureExt as _;

    use super::*;

    /// Answers with its generation; counts its clones.
    struct Path {
        generation: u32,
        shared: Arc<()>,
        clones: Arc<AtomicUsize>,
    }

    impl Path {
        fn new(generation: u32) -> (Self, Weak<()>, Arc<AtomicUsize>) {
            let (shared, clones) = (Arc::new(()), Arc::new(AtomicUsize::new(0)));
            let (held, counted) = (Arc::downgrade(&shared), Arc::clone(&clones));
            (Self { generation, shared, clones }, held, counted)
        }
    }

    impl Clone for Path {
        fn clone(&self) -> Self {
            self.clones.fetch_add(1, Ordering::Relaxed);
            let (shared, clones) = (Arc::clone(&self.shared), Arc::clone(&self.clones));
            Self { generation: self.generation, shared, clones }
        }
    }

    impl Service<&Current<Self>> for Path {
        type Response = u32;
        type Error = ();
        type Future = Ready<Result<u32, ()>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, within: &Current<Self>) -> Self::Future {
            assert_ne!(self.generation, 13, "it panics");
            if self.generation == 7 {
                // Somebody asks while this thread's clone is taken.
                within.replace_by(8);
            }
            ready(Ok(self.generation))
        }
    }

    impl Current<Path> {
        fn ask(&self) -> u32 {
            self.clone().call(self).now_or_never().unwrap().unwrap()
        }

        /// From another thread, as reloads come.
        fn replace_by(&self, generation: u32) {
            let mut now = self.0.now.lock().unwrap();
            *now = (now.0 + 1, Path::new(generation).0);
            self.0.number.store(now.0, Ordering::Release);
        }
    }

    #[test]
    fn one_clone_serves_a_thread_until_the_next_generation() {
        let (first, held, clones) = Path::new(1);
        let current = Current::new(first);
        for _ in 0..10 {
            assert_eq!(current.ask(), 1);
        }
        assert_eq!(clones.load(Ordering::Relaxed), 1);
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| [current.ask(), current.ask()]);
            assert_eq!(asked.join().unwrap(), [1, 1]);
        });
        assert!(clones.load(Ordering::Relaxed) <= 2);

        let (second, _, clones) = Path::new(2);
        current.replace(second);
        assert!(held.upgrade().is_none(), "nothing keeps the first one");
        assert_eq!((current.ask(), current.ask()), (2, 2));
        assert_eq!(clones.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_place_that_is_taken_is_not_waited_for() {
        let (first, _, clones) = Path::new(1);
        let current = Current::new(first);
        assert_eq!(current.ask(), 1);
        let taken: Vec<_> = current.0.clones.iter().map(|clone| clone.lock().unwrap()).collect();
        assert_eq!((current.ask(), current.ask()), (1, 1));
        assert_eq!(clones.load(Ordering::Relaxed), 3);
        drop(taken);
    }

    #[test]
    fn after_a_panic_a_thread_keeps_a_clone_again() {
        let current = Current::new(Path::new(13).0);
        let asked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| current.ask()));
        assert!(asked.is_err());
        let (next, _, clones) = Path::new(14);
        *current.0.now.lock().unwrap() = (0, next);
        assert_eq!((current.ask(), current.ask(), current.ask()), (14, 14, 14));
        assert_eq!(clones.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn what_is_under_way_stays_in_its_generation_and_the_next_does_not() {
        let current = Current::new(Path::new(7).0);
        assert_eq!(current.ask(), 7);
        assert_eq!(current.ask(), 8, "the clone of the seventh is not asked again");
    }
}
