use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::quiet::settled;

#[tokio::test(start_paused = true)]
async fn a_crowd_of_changes_is_one_and_is_over_when_it_is_quiet() {
    let told = Arc::new(Notify::new());
    let begun = Instant::now();
    let teller = tokio::spawn({
        let told = Arc::clone(&told);
        async move {
            sleep(Duration::from_secs(10)).await;
            for _ in 0..5 {
                told.notify_one();
                sleep(Duration::from_millis(200)).await;
            }
        }
    });
    settled(&told).await;
    // The last one at 10.8 s, and a quarter of a second after it.
    assert_eq!(begun.elapsed(), Duration::from_millis(11_050));
    teller.await.unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(60), settled(&told)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn where_it_is_never_quiet_it_ends_all_the_same() {
    let told = Arc::new(Notify::new());
    let teller = tokio::spawn({
        let told = Arc::clone(&told);
        async move {
            loop {
                told.notify_one();
                sleep(Duration::from_millis(100)).await;
            }
        }
    });
    let begun = Instant::now();
    settled(&told).await;
    assert_eq!(begun.elapsed(), Duration::from_secs(2));
    teller.abort();
}
