//! The mapping files: those shipped inside the program, and a directory laid over them.
//!
//! A folder of the directory replaces the shipped dialect of the same name whole, or adds one;
//! files of two versions of a dialect are never mixed. The folder `canonical` is the exception: its
//! `openapi.yaml` is the contract, and each of its files replaces only its namesake.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::shipped::{self, Packed, Unpacked};

/// The folder of the contract.
pub const CANONICAL: &str = "canonical";
/// The contract's file.
pub const CONTRACT: &str = "canonical/openapi.yaml";
/// Folders below folders: `account/examples/x.yaml` is two deep.
const DEEPEST: usize = 4;
/// No mapping file is larger, in bytes.
const LARGEST: u64 = 8 << 20;

/// A set of mapping files, read once. Paths are relative and use `/`: `account/records.yaml`.
#[derive(Clone, Debug, Default)]
pub struct Files {
    files: BTreeMap<Box<str>, File>,
    unpacked: Unpacked,
}

#[derive(Clone, Debug)]
struct File {
    /// As diagnostics name it.
    shown: Box<str>,
    text: Text,
}

#[derive(Clone, Debug)]
enum Text {
    Shipped(Packed),
    Own(Vec<u8>),
}

impl File {
    fn hash(&self) -> [u8; 32] {
        match &self.text {
            Text::Shipped(packed) => packed.hash,
            Text::Own(bytes) => Sha256::digest(bytes).into(),
        }
    }
}

/// A file or folder that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct Unreadable {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

impl Files {
    /// The shipped files.
    #[must_use]
    pub fn embedded() -> Self {
        let file = |(path, packed): (Box<str>, Packed)| {
            let shown = format!("mappings/{path}").into();
            (path, File { shown, text: Text::Shipped(packed) })
        };
        let files = shipped::files().into_iter().map(file).collect();
        Self { files, unpacked: Unpacked::default() }
    }

    /// Files from texts, without the shipped ones: (path, text).
    pub fn from_texts<'t>(texts: impl IntoIterator<Item = (&'t str, &'t str)>) -> Self {
        let file = |(path, text): (&str, &str)| {
            let shown = format!("mappings/{path}").into();
            (path.into(), File { shown, text: Text::Own(text.into()) })
        };
        Self { files: texts.into_iter().map(file).collect(), ..Self::default() }
    }

    /// Lays a directory over these files.
    ///
    /// # Errors
    /// The first file or folder that cannot be read.
    pub fn overlay(mut self, dir: &Path) -> Result<Self, Unreadable> {
        if dir.join("dialect.yaml").exists() {
            let why = "this is the folder of one dialect; name the folder above it, which has one for each";
            return Err(Unreadable { path: dir.to_owned(), source: io::Error::other(why) });
        }
        let mut found = Vec::new();
        collect(dir, "", 0, &mut found)?;
        let replaced: Vec<&str> = found
            .iter()
            .filter_map(|(path, _)| path.split_once('/').map(|(folder, _)| folder))
            .filter(|folder| *folder != CANONICAL)
            .collect();
        self.files.retain(|path, _| {
            path.split_once('/').is_none_or(|(folder, _)| !replaced.contains(&folder))
        });
        for (path, bytes) in found {
            let shown = dir.join(&path).display().to_string().into();
            self.files.insert(path.into(), File { shown, text: Text::Own(bytes) });
        }
        Ok(self)
    }

    /// Names of the dialects: the folders, `canonical` only where it is served as one.
    #[must_use]
    pub fn dialects(&self) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.files.keys().filter_map(|p| p.split_once('/')).map(|(folder, _)| folder).collect();
        names.dedup();
        names.retain(|n| *n != CANONICAL || self.files.contains_key("canonical/dialect.yaml"));
        names
    }

    /// The paths of all files, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(|p| &**p)
    }

    /// The text of a file; bytes that are no UTF-8 are replaced.
    #[must_use]
    pub fn read(&self, path: &str) -> Option<Cow<'_, str>> {
        self.files.get(path).map(|file| String::from_utf8_lossy(self.bytes(file)))
    }

    /// SHA-256 of what a file holds. Of a shipped one it is known without reading it.
    #[must_use]
    pub fn hash(&self, path: &str) -> Option<[u8; 32]> {
        self.files.get(path).map(File::hash)
    }

    /// How diagnostics name a file: `mappings/account/records.yaml`, or below the directory that
    /// was laid over. A file that is not there gets the name it would have among the shipped ones.
    #[must_use]
    pub fn shown(&self, path: &str) -> Cow<'_, str> {
        match self.files.get(path) {
            Some(file) => Cow::Borrowed(&file.shown),
            None => Cow::Owned(format!("mappings/{path}")),
        }
    }

    /// The paths of `<dialect>/<kind>.yaml` and `<dialect>/<kind>/*.yaml`, sorted.
    #[must_use]
    pub fn of_kind(&self, dialect: &str, kind: &str) -> Vec<&str> {
        let single = format!("{dialect}/{kind}.yaml");
        let folder = format!("{dialect}/{kind}/");
        let within = |p: &str| {
            p.strip_prefix(&folder).is_some_and(|f| f.ends_with(".yaml") && !f.contains('/'))
        };
        self.paths().filter(|p| *p == single || within(p)).collect()
    }

    /// The paths of `<dialect>/pages/*.html`, sorted, with their names.
    #[must_use]
    pub fn pages(&self, dialect: &str) -> Vec<(&str, &str)> {
        let folder = format!("{dialect}/pages/");
        let name = |path: &'_ str| -> Option<usize> {
            let inside = path.strip_prefix(&folder)?.strip_suffix(".html")?;
            (!inside.contains('/')).then_some(folder.len())
        };
        let found = self.paths().filter_map(|path| Some((path, name(path)?)));
        found.map(|(path, at)| (path.get(at..path.len() - 5).unwrap_or(path), path)).collect()
    }

    fn bytes<'f>(&'f self, file: &'f File) -> &'f [u8] {
        match &file.text {
            Text::Shipped(packed) => self.unpacked.read(packed),
            Text::Own(bytes) => bytes,
        }
    }

    /// SHA-256 over names and the SHA-256 of what the files hold, in hexadecimal. Unpacks
    /// nothing.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for (path, file) in &self.files {
            for part in [path.as_bytes(), &file.hash()] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part);
            }
        }
        let mut text = String::with_capacity(64);
        for byte in hash.finalize() {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// Writes every file below `dir`, making folders as needed and overwriting nothing.
    ///
    /// # Errors
    /// The first file that exists already or cannot be written.
    pub fn export(&self, dir: &Path) -> Result<usize, Unreadable> {
        for (path, file) in &self.files {
            let to = dir.join(&**path);
            write_new(&to, self.bytes(file)).map_err(|source| Unreadable { path: to, source })?;
        }
        Ok(self.files.len())
    }
}

fn write_new(to: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = std::fs::File::create_new(to)?;
    io::Write::write_all(&mut file, bytes)
}

/// Editors and version control leave hidden files; they are nobody's mapping.
fn visible(path: &str) -> bool {
    !path.split('/').any(|part| part.starts_with('.') || part.ends_with('~'))
}

fn collect(
    dir: &Path,
    prefix: &str,
    depth: usize,
    found: &mut Vec<(String, Vec<u8>)>,
) -> Result<(), Unreadable> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Unreadable { path, source }
    };
    for entry in std::fs::read_dir(dir).map_err(failed(dir))? {
        let entry = entry.map_err(failed(dir))?;
        let path = entry.path();
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|n| visible(n)) else { continue };
        let relative = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        // Follows links: mounted secrets and config maps are links.
        let facts = std::fs::metadata(&path).map_err(failed(&path))?;
        if facts.is_dir() {
            if depth < DEEPEST {
                collect(&path, &relative, depth + 1, found)?;
            }
        } else if facts.len() > LARGEST {
            let source = io::Error::new(io::ErrorKind::FileTooLarge, "larger than 8 MiB");
            return Err(Unreadable { path, source });
        } else {
            found.push((relative, std::fs::read(&path).map_err(failed(&path))?));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Files {
        Files::from_texts([
            ("canonical/openapi.yaml", "contract"),
            ("canonical/dialect.yaml", "ours"),
            ("account/dialect.yaml", "old"),
            ("account/records.yaml", "old records"),
            ("README.md", "read me"),
        ])
    }

    #[test]
    fn a_folder_replaces_a_dialect_whole_and_a_contract_alone() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let to = dir.path().join(path);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::write(to, text).unwrap();
        };
        write("account/dialect.yaml", "new");
        write("account/.swp", "junk");
        write("canonical/openapi.yaml", "new contract");
        write("mine/routes/a.yaml", "a");
        let files = base().overlay(dir.path()).unwrap();
        assert_eq!(files.read("account/dialect.yaml").as_deref(), Some("new"));
        assert_eq!(files.read("account/records.yaml"), None, "not mixed");
        assert_eq!(files.read(CONTRACT).as_deref(), Some("new contract"));
        assert_eq!(files.read("canonical/dialect.yaml").as_deref(), Some("ours"));
        assert_eq!(files.dialects(), ["account", "canonical", "mine"]);
        assert_eq!(files.of_kind("mine", "routes"), ["mine/routes/a.yaml"]);
        assert!(files.shown("mine/routes/a.yaml").ends_with("mine/routes/a.yaml"));
        assert_eq!(files.shown("canonical/dialect.yaml"), "mappings/canonical/dialect.yaml");
        assert!(!files.paths().any(|p| p.contains(".swp")));
    }

    #[test]
    fn a_missing_directory_is_named() {
        let error = base().overlay(Path::new("/nowhere/at/all")).unwrap_err();
        assert!(error.to_string().starts_with("/nowhere/at/all: "), "{error}");
    }

    #[test]
    fn the_folder_of_one_dialect_is_told_from_the_folder_of_all() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("dialect.yaml"), "language: 1").unwrap();
        let error = base().overlay(dir.path()).unwrap_err();
        assert!(error.to_string().contains("name the folder above it"), "{error}");
    }

    #[test]
    fn the_digest_knows_names_from_bytes() {
        let one = Files::from_texts([("a", "bc")]);
        let other = Files::from_texts([("ab", "c")]);
        assert_ne!(one.digest(), other.digest());
        assert_eq!(one.digest().len(), 64);
        assert_eq!(one.digest(), Files::from_texts([("a", "bc")]).digest());
    }

    #[test]
    fn the_digest_of_shipped_files_is_that_of_the_same_files_elsewhere() {
        let shipped = Files::embedded();
        let read = |path| (path, std::str::from_utf8(shipped.bytes(&shipped.files[path])).unwrap());
        let same = Files::from_texts(shipped.paths().map(read));
        assert_eq!(shipped.digest(), same.digest());
    }

    #[test]
    fn exported_files_read_back_and_are_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(base().export(dir.path()).unwrap(), 5);
        let back = Files::default().overlay(dir.path()).unwrap();
        assert_eq!(back.digest(), base().digest());
        assert!(base().export(dir.path()).is_err());
    }
}
