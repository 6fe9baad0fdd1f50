//! Packs the mappings, which are embedded in the program.
//!
//! The files of a folder lie in one pack, its examples in another: who serves reads no examples, and
//! what is packed takes little memory where it is only there to be unpacked once. The index says of
//! each file, on a line of its own, its path, the number of its pack, how many bytes of that are its own
//! (they lie one after the other), and their SHA-256.

#![allow(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::{env, fs};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use sha2::{Digest as _, Sha256};

const MAPPINGS: &str = "mappings";
/// The folder of a dialect's examples.
const EXAMPLES: &str = "examples";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed={MAPPINGS}");
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("no OUT_DIR"))?);
    let mut found = BTreeMap::new();
    // Where only dependencies are built there are none yet.
    if Path::new(MAPPINGS).is_dir() {
        collect(Path::new(MAPPINGS), "", &mut found)?;
    }
    let mut packs: BTreeMap<(String, bool), Vec<u8>> = BTreeMap::new();
    for (path, bytes) in &found {
        packs.entry(pack(path)).or_default().extend_from_slice(bytes);
    }
    let mut index = String::new();
    for (path, bytes) in &found {
        let number = packs.keys().position(|key| *key == pack(path)).unwrap_or_default();
        let _ = write!(index, "{path}\t{number}\t{}\t", bytes.len());
        for byte in Sha256::digest(bytes) {
            let _ = write!(index, "{byte:02x}");
        }
        index.push('\n');
    }
    let mut list = format!(
        "/// What the packs hold.\nstatic INDEX: Pack = {};\n",
        put(&out, "index", index.as_bytes())?
    );
    let _ = writeln!(list, "/// The packs.\nstatic PACKS: [Pack; {}] = [", packs.len());
    for (number, bytes) in packs.values().enumerate() {
        let _ = writeln!(list, "    {},", put(&out, &format!("pack-{number}"), bytes)?);
    }
    list.push_str("];\n");
    fs::write(out.join("packs.rs"), list)
}

/// Which pack a file is in.
fn pack(path: &str) -> (String, bool) {
    let mut parts = path.split('/');
    let folder = if path.contains('/') { parts.next().unwrap_or_default() } else { "" };
    (folder.to_owned(), parts.next() == Some(EXAMPLES))
}

/// Writes something packed, and gives the expression that embeds it.
fn put(out: &Path, name: &str, bytes: &[u8]) -> io::Result<String> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    let path = out.join(name);
    fs::write(&path, encoder.finish()?)?;
    Ok(format!("Pack {{ deflated: include_bytes!({path:?}), length: {} }}", bytes.len()))
}

/// Editors and version control leave hidden files; they are nobody's mapping.
fn collect(dir: &Path, prefix: &str, found: &mut BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if name.starts_with('.') || name.ends_with('~') {
            continue;
        }
        let relative = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        if path.is_dir() {
            collect(&path, &relative, found)?;
        } else {
            found.insert(relative, fs::read(&path)?);
        }
    }
    Ok(())
}
