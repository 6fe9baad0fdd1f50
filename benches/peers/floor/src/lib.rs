//! What both binaries of the benchmark share, and what could be tested of them by itself.

pub mod public_inbox;
