//! The mapping files inside the program, packed by its build script.
//!
//! A pack is unpacked when the first of its files is read, and lies in memory no longer than whoever
//! reads: a process that serves reads each once, and would keep them for life if they lay there plain.

use std::io::Read as _;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use flate2::read::DeflateDecoder;

include!(concat!(env!("OUT_DIR"), "/packs.rs"));

/// Files, one after the other.
struct Pack {
    deflated: &'static [u8],
    /// Bytes of what is packed.
    length: usize,
}

impl Pack {
    /// What is packed; as much as can be read where the program itself is damaged.
    fn unpacked(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.length);
        // Reading from memory fails only where that is no deflated data.
        let _ = DeflateDecoder::new(self.deflated).read_to_end(&mut bytes);
        bytes
    }
}

/// A file of a pack.
#[derive(Clone, Debug)]
pub(super) struct Packed {
    pack: usize,
    range: Range<usize>,
    /// SHA-256 of its bytes.
    pub(super) hash: [u8; 32],
}

/// Packs that were unpacked. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Unpacked(Arc<[OnceLock<Vec<u8>>; PACKS.len()]>);

impl Unpacked {
    /// The bytes of a file.
    pub(super) fn read(&self, file: &Packed) -> &[u8] {
        let (Some(unpacked), Some(pack)) = (self.0.get(file.pack), PACKS.get(file.pack)) else {
            return &[];
        };
        unpacked.get_or_init(|| pack.unpacked()).get(file.range.clone()).unwrap_or_default()
    }
}

/// Path and place of every shipped file.
pub(super) fn files() -> Vec<(Box<str>, Packed)> {
    let index = INDEX.unpacked();
    let mut ends = [0; PACKS.len()];
    let lines = str::from_utf8(&index).unwrap_or_default().lines();
    lines.filter_map(|line| file(line, &mut ends)).collect()
}

/// What a line of the index says. `ends` is how much of each pack the lines before it were about.
fn file(line: &str, ends: &mut [usize]) -> Option<(Box<str>, Packed)> {
    let mut parts = line.split('\t');
    let (path, pack) = (parts.next()?, parts.next()?.parse().ok()?);
    let (length, digits): (usize, _) = (parts.next()?.parse().ok()?, parts.next()?.as_bytes());
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
    }
    let end = ends.get_mut(pack)?;
    let range = *end..*end + length;
    *end = range.end;
    Some((path.into(), Packed { pack, range, hash }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_of_the_folder_is_packed_as_it_is() {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/mappings"));
        let unpacked = Unpacked::default();
        let files = files();
        assert!(files.len() > 1_000, "{}", files.len());
        for (path, file) in &files {
            assert!(unpacked.read(file) == std::fs::read(folder.join(&**path)).unwrap(), "{path}");
        }
        let packed: BTreeSet<&str> = files.iter().map(|(path, _)| &**path).collect();
        assert_eq!(packed.len(), files.len());
        let top = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        for name in top.filter_map(|name| name.into_string().ok()).filter(|n| !n.starts_with('.')) {
            assert!(packed.iter().any(|path| path.split('/').next() == Some(&name)), "{name}");
        }
    }

    #[test]
    fn no_examples_are_unpacked_for_what_is_read_without_them() {
        let (unpacked, files) = (Unpacked::default(), files());
        let serves = files.iter().filter(|(path, _)| !path.contains("/examples/"));
        let bytes: usize = serves.map(|(_, file)| unpacked.read(file).len()).sum();
        let lies: usize = unpacked.0.iter().filter_map(OnceLock::get).map(Vec::len).sum();
        assert_eq!(lies, bytes);
    }
}
