//! deskbridge keeps the API of an old helpdesk alive in front of a new backend.

// The edge.
pub mod admin;
pub mod app;
pub mod cli;
pub mod config;
pub mod coverage;
pub mod error;
pub mod events;
pub mod examples;
pub mod forwarded;
pub mod server;
pub mod stack;
// The ground: knows nothing of ours.
pub mod alarm;
pub mod json;
pub mod syntax;
pub mod turn;
// What we know.
pub mod canonical;
pub mod dialect;
pub mod mapping;
// The stages, in the order a request meets them.
pub mod auth;
pub mod cache;
pub mod call;
pub mod limit;
pub mod sandbox;
pub mod telemetry;
pub mod translate;
pub mod upstream;

/// The release, as `Cargo.toml` says.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The revision it was built from, where the build said so (`DESKBRIDGE_REVISION`).
pub const REVISION: &str = match option_env!("DESKBRIDGE_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};
