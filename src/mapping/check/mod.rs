//! What can be known of tables and records without lowering them.

pub(crate) mod enums;
pub(crate) mod records;
pub(crate) mod relations;
