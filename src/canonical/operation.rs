//! Which operation: an index into the loaded contract.

/// An operation of the loaded contract. Never changes within a process: a reload that would
/// change the contract is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OperationId(pub u16);
