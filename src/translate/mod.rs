//! THE SEAM: HTTP in a dialect above, canonical below.
//!
//! | | going down (request) | coming up (response) |
//! |---|---|---|
//! | [`recognise`] | which dialect and route; never refuses | – |
//! | [`rescue`] | – | every failure becomes the dialect's own error body |
//! | [`authority`] | what no one host is asked for is refused | – |
//! | [`cors`] | answers preflights | says who may read the answer |
//! | [`inbound`] | query and body are decoded, the route's calls are made | results are encoded |
//!
//! An upstream that speaks our own contract needs no mirror of this room: its plans are identity,
//! and `upstream::client` writes them straight to the wire.

pub mod ahead;
pub mod authority;
pub mod body;
pub mod cache_status;
pub mod calls;
pub mod coding;
pub mod content;
pub mod cors;
pub mod credentials;
pub mod form;
pub mod head;
pub mod inbound;
pub mod inflate;
pub mod inputs;
pub mod multipart;
pub mod outgoing;
mod pages;
pub mod problems;
pub mod recognise;
pub mod render;
pub mod rescue;
pub mod scratch;
pub mod twin;
mod uploads;
mod whole;

use std::time::Duration;

use crate::canonical::upload::Limits;

/// What the seam needs to know of the configuration.
#[derive(Clone, Debug)]
pub struct Params {
    /// Largest body of a client in bytes; a longer one is 413.
    pub max_body: u64,
    /// What is taken of files.
    pub uploads: Limits,
    /// How long a client may take between two pieces of a body; after that it is 408.
    pub body_timeout: Duration,
    /// Whether answers are compressed for clients that take it.
    pub compression: bool,
    /// Values that mapping files read as `$config.<name>`: name and JSON text.
    pub values: Vec<(Box<str>, Box<str>)>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            max_body: 1 << 20,
            uploads: Limits::default(),
            body_timeout: Duration::from_secs(10),
            compression: true,
            values: Vec::new(),
        }
    }
}

/// Every answer: whole, in memory, and therefore with a length; but for a file.
pub type Answer = http::Response<outgoing::Outgoing>;
