//! JSON as bytes: one pass over them, places that can be written, and what is written.
//!
//! No tree is built here. [`scan`] checks the whole grammar and fills slots with the spans a
//! [`shape::Shape`] asks for; everything else works on those spans.

mod blocks;
mod brackets;
mod index;
mod lanes;
pub mod place;
pub mod scan;
pub mod shape;
pub mod text;
pub mod walk;
pub mod write;
