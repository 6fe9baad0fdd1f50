//! The mapping compiler: text in, immutable programs out. No I/O, no clock, no HTTP, no panic.

mod about;
mod check;
mod document;
pub mod law;
pub mod library;
mod lower;
mod merge;
pub mod plan;
pub mod run;
mod types;

pub use about::About;
pub use document::codecs::{AT_MOST, CODECS, CodecWord, NAMED};
pub use document::operators::{Example, Given, OPERATORS, Operator};
pub use library::{Compiled, Library, Root, RootKind, Scope, Settings};
pub use lower::page::{Numbered, PAGED};
pub use merge::{merge, reused};

#[cfg(test)]
mod tests;
