//! Tells cargo to look at the mappings: they are embedded, and a new file would go unnoticed.

#![allow(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]

fn main() {
    println!("cargo::rerun-if-changed=mappings");
}
