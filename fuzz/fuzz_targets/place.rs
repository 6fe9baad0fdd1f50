//! Texts of places: reading never panics, and what is written back is read alike.
#![no_main]

use deskbridge::json::place::{Hop, Place};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(place) = text.parse::<Place>() else { return };
    let written = place.to_string();
    // Names in brackets and quotes are read, but written without: for people, not to be read again.
    let plain = place.hops.iter().all(|hop| match hop {
        Hop::Member(name) => is_name(name),
        Hop::Index(_) | Hop::Each => true,
    });
    if plain {
        assert_eq!(written.parse(), Ok(place), "{text:?} became {written:?}");
    }
});

/// A name that JSONPath takes after a dot.
fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
