//! What a connection holds that is open and asks for nothing, through the whole gateway.
//!
//! Counted is what the process has allocated and not given back, after one request on each of many
//! connections and some time: gateway and client run in it both, and the client's part is small.

use std::time::Duration;

use stats_alloc::Region;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::served::{Asked, READS, backend, gateway};
use crate::{ALLOCATOR, alone};

/// Connections that are opened.
const CONNECTIONS: usize = 200;
/// What each may hold, the client's end of it included.
const MOST: usize = 4 * 1024;

#[test]
fn an_idle_connection_holds_little() {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let backend = backend(&Asked::default(), 16).await;
        let address = gateway(backend, true).await.address;
        let request = READS[0].request("");
        let mut buffer = vec![0; 1 << 20];
        let mut open = async |connections: usize, kept: &mut Vec<TcpStream>| {
            for _ in 0..connections {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.write_all(&request).await.unwrap();
                assert_ne!(stream.read(&mut buffer).await.unwrap(), 0);
                kept.push(stream);
            }
            // Longer than an idle connection keeps what it needs for a busy one.
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(2)).await;
            for _ in 0..16 {
                tokio::task::yield_now().await;
            }
            tokio::time::resume();
        };
        let mut kept = Vec::with_capacity(2 * CONNECTIONS);
        // Whatever grows with the first ones.
        open(CONNECTIONS, &mut kept).await;
        let region = Region::new(ALLOCATOR);
        open(CONNECTIONS, &mut kept).await;
        let change = region.change();
        let held = change.bytes_allocated.saturating_sub(change.bytes_deallocated) / CONNECTIONS;
        println!("an idle connection holds {held} bytes");
        assert!((1..=MOST).contains(&held), "{held}");
    });
}
