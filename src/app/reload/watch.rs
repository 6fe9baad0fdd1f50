//! Watching the files that were read.
//!
//! Folders are watched, not files: editors write a new file and rename it over the old one, and a
//! mounted ConfigMap swaps a link beside it. What is told says only that something may have
//! changed; whether it did is decided by content.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

use crate::app::reload::attempt::Inputs;
use crate::app::reload::quiet;

/// Tells of changes.
#[derive(Debug, Default)]
pub(super) struct Watch {
    told: Arc<Notify>,
    /// Ends with what is watched.
    watcher: Option<RecommendedWatcher>,
    places: Places,
}

/// What is watched, and what in it matters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Places {
    /// Folders; true with all that is in them. With device and number, because what is watched is
    /// the folder that stands there now: another may be put in its place.
    folders: BTreeMap<PathBuf, (bool, Option<(u64, u64)>)>,
    /// Files and links that matter.
    names: BTreeSet<PathBuf>,
    /// Folders in which everything matters.
    trees: BTreeSet<PathBuf>,
}

impl Watch {
    /// Watches what these were read from, from now on; says whether that is something else than
    /// before.
    pub(super) fn arm(&mut self, inputs: &Inputs) -> bool {
        let places = if inputs.watch { Places::of(inputs) } else { Places::default() };
        let other = places != self.places;
        if other || self.watcher.is_none() {
            // The old one ends when the new one has begun.
            self.watcher = watch(&places, &self.told);
            self.places = places;
        }
        other
    }

    /// Waits for a change, and until it is over.
    pub(super) async fn settled(&self) {
        quiet::settled(&self.told).await;
    }
}

fn watch(places: &Places, told: &Arc<Notify>) -> Option<RecommendedWatcher> {
    if places.folders.is_empty() {
        return None;
    }
    let (told, what) = (Arc::clone(told), places.clone());
    let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        // What went wrong may have been a change.
        if event.is_ok_and(|event| !what.concerns(&event)) {
            return;
        }
        told.notify_one();
    });
    let mut watcher = match watcher {
        Ok(watcher) => watcher,
        Err(error) => {
            tracing::warn!(%error, "changes of files are not noticed; SIGHUP and POST /reload are");
            return None;
        }
    };
    for (folder, (whole, _)) in &places.folders {
        let mode = if *whole { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
        if let Err(error) = watcher.watch(folder, mode) {
            let folder = folder.display();
            tracing::warn!(%folder, %error, "changes in a folder are not noticed; SIGHUP and POST /reload are");
        }
    }
    Some(watcher)
}

impl Places {
    fn of(inputs: &Inputs) -> Self {
        let mut places = Self::default();
        for file in inputs.files.paths() {
            places.file(file);
        }
        if let Some((folder, _)) = &inputs.mappings {
            places.file(folder);
            for folder in both(folder) {
                places.trees.insert(folder.clone());
                places.folder(folder, true);
            }
        }
        places
    }

    /// A file, or a folder as a thing that can be swapped for another.
    fn file(&mut self, file: &Path) {
        for file in both(file) {
            // A link on the way may be turned to another folder.
            let links = file.ancestors().filter(|path| path.is_symlink()).map(Path::to_owned);
            for name in links.chain([file.clone()]) {
                self.name(name);
            }
        }
    }

    /// A name in a folder; where there is no such folder yet, the one in which it would come to be.
    fn name(&mut self, mut name: PathBuf) {
        while let Some(folder) = name.parent().map(Path::to_owned) {
            let there = folder.is_dir();
            self.names.insert(name);
            if there {
                self.folder(folder, false);
                return;
            }
            name = folder;
        }
    }

    fn folder(&mut self, folder: PathBuf, whole: bool) {
        if folder.is_dir() {
            let is = folder.metadata().ok().map(|facts| (facts.dev(), facts.ino()));
            let known = self.folders.entry(folder).or_insert((whole, is));
            known.0 |= whole;
        }
    }

    fn concerns(&self, event: &Event) -> bool {
        let written = EventKind::Access(AccessKind::Close(AccessMode::Write));
        if matches!(event.kind, EventKind::Access(_)) && event.kind != written {
            // Most of it is our own reading.
            return false;
        }
        // Without a path it says that something was missed.
        event.paths.is_empty() || event.need_rescan() || event.paths.iter().any(|p| self.matters(p))
    }

    fn matters(&self, path: &Path) -> bool {
        // `..data` and its like: a mount turns its links to another folder.
        let mounted =
            path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".."));
        mounted
            || self.names.contains(path)
            || path.ancestors().any(|folder| self.trees.contains(folder))
    }
}

/// A path as it is written, and where it leads.
fn both(path: &Path) -> BTreeSet<PathBuf> {
    let written = std::path::absolute(path).ok();
    let real = path.canonicalize().ok();
    written.into_iter().chain(real).collect()
}
