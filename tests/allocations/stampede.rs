//! Many at once who want what nobody has yet: how often the backend is asked for them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::alone;
use crate::served::{READS, gateway, json, known, which};
use crate::support::{Client, serve};

/// How many ask at once.
const CROWD: usize = 32;

/// What the backend was asked for: inboxes, identities, conversations.
type Asked = [AtomicUsize; 3];

/// A backend that answers nobody before it is told to.
async fn backend(asked: Arc<Asked>, told: watch::Receiver<bool>) -> SocketAddr {
    let known = known(16);
    serve(move |request| {
        let which = which(request.uri().path());
        asked[which].fetch_add(1, Ordering::Relaxed);
        let (mut told, body) = (told.clone(), known[which].clone());
        async move {
            told.wait_for(|told| *told).await.unwrap();
            json(body)
        }
    })
    .await
}

/// How many requests the gateway is answering, by its own word.
async fn in_flight(admin: SocketAddr) -> usize {
    let mut stream = TcpStream::connect(admin).await.unwrap();
    let request = "GET /metrics HTTP/1.1\r\nhost: desk.example\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    let line = page.lines().find_map(|l| l.strip_prefix("deskbridge_requests_in_flight "));
    line.unwrap().trim().parse().unwrap()
}

#[test]
fn a_crowd_that_misses_asks_once_for_each_thing() {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for read in READS {
        let asked = Arc::new(Asked::default());
        runtime.block_on(async {
            let (tell, told) = watch::channel(false);
            let gateway = gateway(backend(Arc::clone(&asked), told).await, true).await;
            let request = read.request("");
            let mut crowd = Vec::new();
            for _ in 0..CROWD {
                crowd.push(Client::connect(gateway.address).await);
            }
            let asking = join_all(
                crowd
                    .iter_mut()
                    .map(|client| async { client.send(&request).await.ok().body.to_vec() }),
            );
            // On one thread: who is counted has gone as far as it gets without the backend.
            let watching = async {
                while in_flight(gateway.admin).await < CROWD {}
                tell.send(true).unwrap();
            };
            let (answers, ()) = tokio::join!(asking, watching);
            assert!(answers.iter().all(|body| *body == answers[0] && body.len() > 1000));
        });
        let counts = asked.each_ref().map(|count| count.load(Ordering::Relaxed));
        let due = if read.looks_up { [1, 1, 1] } else { [0, 0, 1] };
        assert_eq!(counts, due, "{}", read.name);
    }
}
