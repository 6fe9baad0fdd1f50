//! Writes that come together.
//!
//! In one turn a worker does whatever was ready when it looked: it reads requests, translates, and
//! writes, each as it comes. A write is a walk through the kernel's network code and mostly wakes
//! somebody, so among other work it finds its own code and data gone from the nearest caches, and
//! the one it wakes asleep again. Where there is much to do, a stream that could write at once
//! waits until the others of the turn have got as far, and they write one after the other.
//!
//! Where there is little to do, nobody waits: there is nothing to be written together with, and the
//! way back through the scheduler would be all that comes of it.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};

/// So many streams that begin to write make a turn in which writes wait. Fewer save nothing: with
/// four connections on one worker it cost 2 to 6 % to let each wait, with 32 it saves 2 to 12 %.
const MANY: u32 = 8;

#[derive(Clone, Copy, Default)]
struct Turns {
    /// Streams that began to write in the turn before.
    last: u32,
    /// And in this one, so far.
    this: u32,
}

thread_local! {
    static TURNS: Cell<Turns> = const { Cell::new(Turns { last: 0, this: 0 }) };
}

/// This thread has nothing left to do: its turn is over. A runtime's `on_thread_park`; without it, a
/// thread has one turn that does not end.
pub fn over() {
    TURNS.with(|turns| turns.set(Turns { last: turns.get().this, this: 0 }));
}

/// Counts a stream that begins to write; whether it is one of many.
fn is_one_of_many() -> bool {
    TURNS.with(|turns| {
        let Turns { last, this } = turns.get();
        turns.set(Turns { last, this: this.saturating_add(1) });
        last.max(this) >= MANY
    })
}

/// When a stream may write.
#[derive(Debug, Default)]
pub struct Turn(Phase);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// All that there was is written.
    #[default]
    Done,
    /// Something could have been written, and waits.
    Waiting,
    Writing,
}

impl Turn {
    /// Whether to write now. Waits once at most before a message, and never within one.
    pub fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.0 == Phase::Done && is_one_of_many() {
            self.0 = Phase::Waiting;
            // To the end of the worker's queue.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.0 = Phase::Writing;
        Poll::Ready(())
    }

    /// A message is written without waiting, and so to its end.
    pub fn at_once(&mut self) {
        self.0 = Phase::Writing;
    }

    /// All of it was written; what comes next is another message.
    pub fn done(&mut self) {
        self.0 = Phase::Done;
    }
}

/// A stream that writes in its turn.
#[derive(Debug)]
pub struct InTurn<T> {
    inner: T,
    turn: Turn,
}

impl<T> InTurn<T> {
    /// Nothing was written to it yet.
    pub fn new(inner: T) -> Self {
        Self { inner, turn: Turn::default() }
    }
}

impl<T: Read + Unpin> Read for InTurn<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_read(cx, buffer)
    }
}

impl<T: Write + Unpin> Write for InTurn<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        std::task::ready!(this.turn.poll(cx));
        Pin::new(&mut this.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        std::task::ready!(this.turn.poll(cx));
        Pin::new(&mut this.inner).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // hyper flushes what is under it once it has nothing left to write itself.
        std::task::ready!(Pin::new(&mut this.inner).poll_flush(cx))?;
        this.turn.done();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::poll_fn;
    use std::rc::Rc;

    use tokio::task::{LocalSet, yield_now};

    use super::*;

    /// Streams of one worker, each with two messages of two writes. What was done, in order.
    async fn done(streams: u32) -> Vec<&'static str> {
        TURNS.with(|turns| turns.set(Turns::default()));
        let (local, done) = (LocalSet::new(), Rc::<RefCell<Vec<_>>>::default());
        for _ in 0..streams {
            let done = Rc::clone(&done);
            local.spawn_local(async move {
                let mut turn = Turn::default();
                for _ in 0..2 {
                    done.borrow_mut().push("made");
                    poll_fn(|cx| turn.poll(cx)).await;
                    done.borrow_mut().push("written");
                    // The rest of the message waits for nobody.
                    let rest = poll_fn(|cx| Poll::Ready(turn.poll(cx).is_ready()));
                    assert!(rest.await);
                    turn.done();
                    yield_now().await;
                }
            });
        }
        local.await;
        Rc::into_inner(done).unwrap().into_inner()
    }

    fn times(word: &'static str, times: u32) -> impl Iterator<Item = &'static str> {
        std::iter::repeat_n(word, times as usize)
    }

    #[tokio::test]
    async fn few_write_at_once() {
        let each = ["made", "written"].repeat(MANY as usize);
        assert_eq!(done(MANY / 2).await, each);
    }

    #[tokio::test]
    async fn many_are_first_all_made_and_then_written_together() {
        let done = done(2 * MANY).await;
        // As long as it is not known that they are many, each is written.
        let first: Vec<_> = times("made", 1).chain(times("written", 1)).collect();
        let (known, rest) = done.split_at(2 * MANY as usize);
        assert_eq!(known, first.repeat(MANY as usize));
        // The other half of them waits for its turn; so do all, with their second message.
        let together = |streams| times("made", streams).chain(times("written", streams));
        let second: Vec<_> = together(MANY).chain(together(2 * MANY)).collect();
        assert_eq!(rest, second);
    }

    #[test]
    fn what_began_at_once_is_written_to_its_end() {
        let cx = Context::from_waker(std::task::Waker::noop());
        TURNS.with(|turns| turns.set(Turns { last: MANY, this: 0 }));
        let mut turn = Turn::default();
        turn.at_once();
        assert!(turn.poll(&cx).is_ready());
        turn.done();
        assert!(turn.poll(&cx).is_pending(), "that is the next message");
    }

    #[test]
    fn a_turn_that_was_over_is_remembered_for_one_more() {
        let cx = Context::from_waker(std::task::Waker::noop());
        let waits = || Turn::default().poll(&cx).is_pending();
        TURNS.with(|turns| turns.set(Turns::default()));
        assert_eq!((0..MANY).filter(|_| waits()).count(), 0);
        over();
        assert!(waits(), "as many will come as before");
        over();
        assert!(!waits(), "there was one");
    }
}
