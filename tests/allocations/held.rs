//! What a process holds for as long as it runs: the shipped mappings, compiled.

use stats_alloc::Region;

use crate::{ALLOCATOR, alone, shipped};

/// Bytes that the contract and every shipped dialect may hold together.
const MOST: usize = 11_600_000;

#[test]
fn the_shipped_mappings_hold_no_more_than_they_did() {
    let _alone = alone();
    // What a process makes once.
    drop(shipped::catalog());
    let region = Region::new(ALLOCATOR);
    let catalog = shipped::catalog();
    let change = region.change();
    let held = change.bytes_allocated.saturating_sub(change.bytes_deallocated);
    let blocks = change.allocations.saturating_sub(change.deallocations);
    println!("{} dialects hold {held} bytes in {blocks} blocks", catalog.dialects.len());
    assert!((1..=MOST).contains(&held), "{held}");
}
