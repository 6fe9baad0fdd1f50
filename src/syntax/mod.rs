//! Operator-facing text: YAML with the place of every value, and pictures of what is wrong with it.
//!
//! Knows nothing of helpdesks. Everything a person writes for deskbridge (mapping files, the
//! canonical contract, the configuration) is read by [`yaml`], and everything that is wrong with it
//! is reported as a [`Diagnostic`] with a stable [`Code`].

pub mod code;
pub mod diagnostic;
pub mod fields;
pub mod show;
pub mod span;
pub mod suggest;
pub mod yaml;

pub use code::Code;
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use fields::Fields;
pub use show::show;
pub use span::{SourceId, Sources, Span};
pub use suggest::closest;
pub use yaml::{Node, Value};
