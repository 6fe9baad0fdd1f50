//! A file on its way to a backend: what is known of it, and its bytes as they come.
//!
//! Whoever receives the file holds a [`Feed`], whoever sends it on takes the [`Pieces`]; between them
//! lies one piece at most, so that nobody ever holds a whole file. A feed that is dropped without its
//! end is a client that left: the pieces break off, and what was sent of them counts for nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, mpsc};

/// Longest name of a file, in characters.
const LONGEST_NAME: usize = 255;

/// What is taken of files that clients send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest file in bytes; a longer one is 413. Default 40 MiB.
    pub max_file: u64,
    /// Most files of one request; more are 422. Default 15.
    pub max_files: usize,
    /// Largest body of a request with files in bytes; a longer one is 413. Default 100 MiB.
    pub max_body: u64,
    /// How long a request with files may take, from its head to its answer's. Default 2 minutes.
    pub request_timeout: Duration,
    /// Media types that are taken, whole or up to a `*`; another one is 415.
    pub media_types: Vec<Box<str>>,
}

impl Default for Limits {
    fn default() -> Self {
        // Nothing that a browser would run. What is not shown is saved.
        let media_types = [
            "image/*",
            "audio/*",
            "video/*",
            "text/plain",
            "text/csv",
            "text/vcard",
            "text/calendar",
            "text/rtf",
            "message/rfc822",
            "application/pdf",
            "application/json",
            "application/rtf",
            "application/zip",
            "application/gzip",
            "application/msword",
            "application/vnd.*",
            "application/octet-stream",
        ];
        Self {
            max_file: 40 << 20,
            max_files: 15,
            max_body: 100 << 20,
            request_timeout: Duration::from_secs(120),
            media_types: media_types.map(Into::into).into(),
        }
    }
}

/// A file that is being sent. Clones are the same file, whose bytes can be taken once.
#[derive(Clone, Debug)]
pub struct Upload(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: Option<Box<str>>,
    media: Box<str>,
    steps: Mutex<Option<mpsc::Receiver<Step>>>,
    broke: AtomicBool,
    over: Notify,
}

#[derive(Debug)]
enum Step {
    Piece(Bytes),
    End,
}

/// Where the bytes of a file are put.
#[derive(Debug)]
pub struct Feed(mpsc::Sender<Step>);

/// Nobody takes the file any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unwanted;

/// The file ended before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the file broke off")]
pub struct BrokenOff;

/// The bytes of a file, in order.
#[derive(Debug)]
pub struct Pieces {
    steps: mpsc::Receiver<Step>,
    file: Arc<Inner>,
    ended: bool,
}

/// A file of this name and media type, and where its bytes go.
#[must_use]
pub fn begin(name: Option<&str>, media: &str) -> (Feed, Upload) {
    let (feed, steps) = mpsc::channel(1);
    let upload = Upload(Arc::new(Inner {
        name: name.and_then(plain),
        media: media.into(),
        steps: Mutex::new(Some(steps)),
        broke: AtomicBool::new(false),
        over: Notify::new(),
    }));
    (Feed(feed), upload)
}

/// A name as it may be shown and stored: no path, nothing that cannot be printed.
fn plain(name: &str) -> Option<Box<str>> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = last.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
    let kept = kept.trim();
    (!kept.is_empty() && kept != "." && kept != "..").then(|| kept.into())
}

impl Upload {
    /// Its name, without a path.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// Its media type.
    #[must_use]
    pub fn media(&self) -> &str {
        &self.0.media
    }

    /// Its bytes; nothing where somebody has them already.
    #[must_use]
    pub fn take(&self) -> Option<Pieces> {
        let steps = self.0.steps.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(Pieces { steps, file: Arc::clone(&self.0), ended: false })
    }

    /// Whether it ended before its end.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.0.broke.load(Ordering::Relaxed)
    }

    /// Waits until its last byte was taken, or it broke off. For one who waits.
    pub async fn over(&self) {
        self.0.over.notified().await;
    }
}

impl Feed {
    /// Gives the next bytes, once there is room for them.
    ///
    /// # Errors
    /// Where nobody takes them any more.
    pub async fn send(&self, piece: Bytes) -> Result<(), Unwanted> {
        self.0.send(Step::Piece(piece)).await.map_err(|_| Unwanted)
    }

    /// Says that these were all.
    ///
    /// # Errors
    /// Where nobody takes them any more.
    pub async fn end(self) -> Result<(), Unwanted> {
        self.0.send(Step::End).await.map_err(|_| Unwanted)
    }
}

impl Pieces {
    /// The next bytes; `None` after the last.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let step = ready!(self.steps.poll_recv(cx));
        Poll::Ready(match step {
            Some(Step::Piece(piece)) => Some(Ok(piece)),
            Some(Step::End) => {
                self.ended = true;
                self.file.over.notify_one();
                None
            }
            None => {
                self.ended = true;
                self.file.broke.store(true, Ordering::Relaxed);
                self.file.over.notify_one();
                Some(Err(BrokenOff))
            }
        })
    }

    /// The next bytes; `None` after the last.
    pub async fn next(&mut self) -> Option<Result<Bytes, BrokenOff>> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        // Whoever waits for its end waits for nothing more.
        self.file.over.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_come_out_as_they_went_in_and_once() {
        let (feed, file) = begin(Some("a/b\\../se\u{7}e.png"), "image/png");
        assert_eq!((file.name(), file.media()), (Some("see.png"), "image/png"));
        let mut pieces = file.clone().take().unwrap();
        assert!(file.take().is_none());
        let giving = async {
            feed.send(Bytes::from_static(b"one")).await.unwrap();
            feed.send(Bytes::from_static(b"two")).await.unwrap();
            feed.end().await.unwrap();
        };
        let taking = async {
            let mut all = Vec::new();
            while let Some(piece) = pieces.next().await {
                all.extend_from_slice(&piece.unwrap());
            }
            all
        };
        let ((), all) = tokio::join!(giving, taking);
        assert_eq!(all, b"onetwo");
        file.over().await;
        assert!(!file.is_broken() && pieces.next().await.is_none());
    }

    #[tokio::test]
    async fn a_feed_without_an_end_breaks_the_file_off() {
        let (feed, file) = begin(None, "text/plain");
        feed.send(Bytes::from_static(b"half")).await.unwrap();
        drop(feed);
        let mut pieces = file.take().unwrap();
        assert_eq!(pieces.next().await, Some(Ok(Bytes::from_static(b"half"))));
        assert_eq!(pieces.next().await, Some(Err(BrokenOff)));
        assert!(pieces.next().await.is_none() && file.is_broken());
        file.over().await;
    }

    #[tokio::test]
    async fn nobody_is_told_of_bytes_that_nobody_takes() {
        let (feed, file) = begin(Some(".."), "text/plain");
        assert_eq!(file.name(), None);
        drop(file.take());
        assert_eq!(feed.send(Bytes::from_static(b"x")).await, Err(Unwanted));
        assert_eq!(feed.end().await, Err(Unwanted));
    }
}
