//! What the shipped process asks of the machine it runs on. Numbers are in docs/benchmarks.md: they
//! differ from machine to machine. Here is what must be so on every one.
#![cfg(target_os = "linux")]

use crate::support::shipped::Shipped;

/// With huge pages a process holds half as much memory again, and each idle connection twice as much.
#[tokio::test]
async fn no_memory_is_marked_for_huge_pages() {
    let shipped = Shipped::start(&[]).await;
    let regions = shipped.told("smaps");
    let flags: Vec<_> = regions.lines().filter_map(|line| line.strip_prefix("VmFlags:")).collect();
    assert!(flags.len() > 10, "{regions}");
    let marked = flags.iter().filter(|flags| flags.split(' ').any(|flag| flag == "hg")).count();
    assert_eq!(marked, 0, "mimalloc does so unless its feature `no_thp` is on");
}
