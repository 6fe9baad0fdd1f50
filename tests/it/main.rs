//! Integration tests: one binary, real servers on real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "what the tests share panics for them: a test that cannot go on has failed"
)]
#![allow(clippy::type_complexity, reason = "tables of cases are lists of tuples")]

mod support;

mod attachments; // files there and back, and what is refused
mod cache; // one entry for every dialect, nothing old, nothing of somebody else's
mod cli; // every command of the shipped binary
mod compression; // codings of answers and of requests
mod contract_is_data; // a field and an operation are added without Rust
mod contributing; // what CONTRIBUTING.md promises, done
mod conversations; // conversations over `/v1`: opened, changed, listed, found, seen and gone
mod coverage; // nothing that the documents list is missing
mod deploy; // what deploy/ ships is what the program reads, and its parts agree
mod details; // one conversation, as the published documents show it
mod doors; // a new inbox is open at once
mod edges; // every word, null and awkward value of the three records, in every dialect
mod errors; // what a client may get wrong
mod events; // word of writes made elsewhere
mod examples; // the examples beside the embedded mappings
mod failures; // what the backend may get wrong
mod faults; // every fault of a backend, every kind of operation, every dialect
mod faulty; // the proxy that fails on purpose does what it says
mod footprint; // what a process asks of the machine
mod forwarding; // whom a proxy speaks for, and which headers cross
mod framing; // requests that can be read in two ways
mod generated; // pages that the program writes: are they as it would write them now?
mod gotchas; // what docs/gotchas.md names is there
mod history; // what readers and writers may see while faults come and go
mod interpreters; // the fast and the slow interpreter, over every shipped program
mod laws; // what must hold of every record whatever the values are, and faults that are found
mod manners; // HTTP as it should be, and habits of the dialects
mod matrix; // every write against every read
mod messages; // what one dialect writes the others show
mod metrics; // what operators see, and nothing of what clients send
mod old; // what is given past its time, and when not
mod pages; // what pages say is there
mod paging; // pages of lists, as each kind of client asks for them
mod people; // contacts over `/v1`: found, made once, made one of two
mod plants; // faults in mappings, found
mod proofs; // who proves who they are, and what that opens
mod reload; // configuration and mappings change under a running gateway
mod remembered; // a read that was asked before is not worked out again
mod replay;
mod reports; // one process and two answer the same bytes
mod resilience; // what is asked again, what never is, and when a backend is left alone
mod shutdown; // whoever was let in is answered
mod stale; // which reads a write takes out of the cache
mod stories; // ten deeds of a conversation's life, through every dialect that can say them
mod story; // one conversation from beginning to end through three dialects
mod tidy; // the architecture: who imports whom, file sizes, words that may not stand in the code
mod time_only; // what changes without a write bounds how long an answer is kept
mod tls; // TLS to a backend: who is believed, and what is said otherwise
mod trust; // a backend that answers about somebody else
mod two_processes; // a gateway in front of a gateway answers as one
mod untrusted; // answers that are not what the contract says, place by place
mod walks; // a client for each dialect, over every route
mod whole; // conversations longer than the contract embeds
