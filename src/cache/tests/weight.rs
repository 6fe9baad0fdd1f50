//! Bytes: what is held, what is said to be held, and the bound.

use std::sync::Weak;

use tokio::time::Instant;

use super::*;
use crate::cache::freshness::Ages;
use crate::cache::store::{Entry, Held as Stored, Store};
use crate::canonical::Payload;
use crate::canonical::payload::{Rendering, RenderingKey};

#[tokio::test]
async fn the_bytes_stay_within_their_bound_while_entries_and_renderings_come_and_go() {
    let inner = tower::service_fn(|_: Request| async {
        answer(&format!(r#"{{"id":"x","pad":"{}"}}"#, "p".repeat(4_000)))
    });
    let bound = 200_000;
    let layer = layer_of(&Params { max_bytes: bound, ..Params::default() });
    let (cache, stats) = (layer.layer(inner), layer.stats());
    let mut alive: Vec<Weak<Payload>> = Vec::new();
    for round in 0..600_u32 {
        let id = format!("n:{}", round % 97);
        let response = cache.clone().oneshot(get(&id)).await.unwrap();
        for route in 0..4 {
            let key = RenderingKey { catalog: 1, route, inputs: 0 };
            let body = Bytes::from(vec![b'r'; 4_000]);
            response.payload.keep(key, Rendering { body, etag: Bytes::new() });
        }
        alive.push(Arc::downgrade(&response.payload));
        drop(response);
        // Read again: a hit notices that the entry has grown.
        drop(cache.clone().oneshot(get(&id)).await.unwrap());
        tokio::task::yield_now().await;
        layer.shared.store.settle().await;
        assert!(stats.bytes() <= bound);
    }
    let held = || alive.iter().filter_map(Weak::upgrade).map(|p| p.weight()).sum::<usize>();
    // What was taken out is freed when nobody in the process can be reading it any more, and other
    // tests read in theirs.
    for _ in 0..10_000 {
        if held() as u64 <= bound {
            break;
        }
        drop(cache.clone().oneshot(get("1")).await.unwrap());
        layer.shared.store.settle().await;
        tokio::task::yield_now().await;
    }
    let held = held();
    assert!(held as u64 <= bound, "{held} bytes are alive");
    assert!(held as u64 > bound / 4, "the bound is used: {held}");
    assert!(stats.removed(Removal::Size) > 0 && stats.removed(Removal::Replaced) > 0);
    assert_eq!(stats.flights(), 0);
}

fn rendering(bytes: Bytes) -> Rendering {
    Rendering { body: bytes, etag: Bytes::from_static(b"\"0123456789abcdef0123456789abcdef\"") }
}

/// Numbers in no order, the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }
}

/// Puts, renderings, looks and removals in no order, of all sizes: whenever moka has tidied up, what
/// the entries really take is no more than what is said, and that is no more than the bound.
#[tokio::test]
async fn whatever_comes_and_goes_what_is_said_is_what_is_held_and_within_the_bound() {
    const BOUND: u64 = 24 << 20;
    static BYTES: [u8; 64 << 10] = [b'x'; 64 << 10];
    let store = Store::new(BOUND, Duration::from_secs(3_600));
    let epochs = Epochs::new();
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    // Mostly small, now and then large.
    let some = |random: &mut Random| {
        let most = if random.below(50) == 0 { BYTES.len() } else { 900 };
        Bytes::from_static(&BYTES[..random.below(most)])
    };
    let words = [epochs.word(&Tenant("t".into()), "a")];
    let ages = Duration::from_secs(60);
    let ages = Ages { fresh: ages, revalidating: ages, failing: ages };
    let mut most_held = 0;
    for step in 0..100_000_u32 {
        let key: Arc<[u8]> = random.below(40_000).to_be_bytes().as_slice().into();
        match random.below(10) {
            0..5 => {
                let payload = Arc::new(Payload::new(200, some(&mut random), None));
                let words = words[..random.below(2)].into();
                let entry = Entry::new(payload, Instant::now(), ages, epochs.now(), words);
                if !store.is_too_large(&entry.payload, &entry.words) {
                    store.put(key, Stored::Answer(Arc::new(entry))).await;
                }
            }
            5..8 => {
                if let Some(entry) = store.answer(&key).await {
                    let route = u32::try_from(random.below(12)).unwrap();
                    let key = RenderingKey { catalog: 1, route, inputs: 0 };
                    entry.payload.keep(key, rendering(some(&mut random)));
                }
            }
            8 => store.put(key, Stored::Alone(Instant::now())).await,
            _ => store.forget(key, Instant::now()).await,
        }
        if step % 2_500 == 2_499 {
            // Those that have outgrown their room are put in again.
            tokio::task::yield_now().await;
            store.settle().await;
            let (really, count) = store.really();
            let said = store.bytes();
            assert!(said <= BOUND, "{said} bytes at step {step}");
            assert!(really <= said, "{really} bytes are held, {said} are said, at step {step}");
            assert_eq!(count as u64, store.entries());
            // Room for what is to come is half at most.
            assert!(said <= really * 2, "{said} are said, {really} are held");
            most_held = most_held.max(really);
        }
    }
    assert!(most_held > BOUND / 2, "the bound is used: {most_held}");
    assert!(store.removed(Removal::Size) > 1_000 && store.removed(Removal::Explicit) > 1_000);
}
