//! Every file that a configuration is read from: itself, its secrets and certificates. So it can be
//! told where to look for a change, and whether there is one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// What was read, or should have been.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilesRead(Vec<(PathBuf, Option<Digest>)>);

/// Of a file's content, keyed anew in each process: some files hold a short secret and nothing else.
type Digest = [u8; 32];

static KEY: LazyLock<[[u8; 16]; 2]> =
    LazyLock::new(|| [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()]);

impl FilesRead {
    /// The bytes of a file, remembered as read whether it can be or not.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        let content = std::fs::read(path);
        let digest = content.as_ref().ok().map(|bytes| {
            Sha256::new().chain_update(KEY.as_flattened()).chain_update(bytes).finalize().into()
        });
        self.0.push((path.to_owned(), digest));
        content
    }

    /// As [`Self::read`], of a file that holds text.
    ///
    /// # Errors
    /// It cannot be read, or holds something else.
    pub fn read_text(&mut self, path: &Path) -> io::Result<String> {
        let not_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8");
        String::from_utf8(self.read(path)?).map_err(not_text)
    }

    /// Their paths.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(|(path, _)| &**path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_one_of_content_and_a_file_that_is_not_there_is_watched_too() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        let read = || {
            let mut files = FilesRead::default();
            let text = files.read_text(&file).ok();
            assert_eq!(files.paths().collect::<Vec<_>>(), [&*file]);
            (files, text)
        };
        let (absent, text) = read();
        assert_eq!(text, None);
        std::fs::write(&file, "one").unwrap();
        let (one, text) = read();
        assert_eq!(text.as_deref(), Some("one"));
        assert_ne!(one, absent);
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, "one").unwrap();
        assert_eq!(read().0, one);
        std::fs::write(&file, "two").unwrap();
        assert_ne!(read().0, one);
        std::fs::write(&file, [0xff]).unwrap();
        assert_eq!(read().1, None);
    }
}
