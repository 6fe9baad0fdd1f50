//! Word of writes made elsewhere: whoever changes something past the gateway says so, signed, and
//! what was remembered of it is forgotten.
//!
//! ```text
//! POST /_deskbridge/events            on the admin listener
//! webhook-id: evt_7f3                 any name of the delivery
//! webhook-timestamp: 1795255200       within five minutes of now
//! webhook-signature: v1,BASE64        HMAC-SHA256 of `ID.TIMESTAMP.BODY`
//!
//! {"tenant": "acme", "operation": "conversations.update",
//!  "parameters": {"conversation_id": "n:418"}, "answer": {"id": "cnv_1", "number": 418}}
//! ```
//!
//! Headers and signature are those of Standard Webhooks, so any library of it can sign. An event
//! names the contract's operation that would have been the write, or the `tags` themselves. It never
//! replaces a read: nothing of it is stored. Heard twice it costs a read more.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, StatusCode};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use sha2::Sha256;

use crate::admin::{Asked, Page, Reply};
use crate::cache::CacheLayer;
use crate::canonical::{Contract, Params, Payload, Tenant};
use crate::telemetry::Metrics;

/// Where it is posted to.
const PATH: &str = "/_deskbridge/events";
/// Longest body.
const LONGEST: usize = 64 << 10;
/// A signature is good for so long, either way.
const SKEW: Duration = Duration::from_secs(300);
/// Shortest key, in bytes.
const SHORTEST_KEY: usize = 16;

/// What signs events: the bytes of a secret, or after `whsec_` what its base64 stands for.
#[derive(Clone, Debug)]
pub struct Key(SecretSlice<u8>);

impl Key {
    /// The key that a secret says.
    ///
    /// # Errors
    /// What is wrong with it, for whoever configures it.
    pub fn new(secret: &SecretString) -> Result<Self, &'static str> {
        let text = secret.expose_secret();
        let bytes = match text.strip_prefix("whsec_") {
            Some(coded) => STANDARD.decode(coded).map_err(|_| "is not base64 after `whsec_`")?,
            None => text.as_bytes().to_vec(),
        };
        if bytes.len() < SHORTEST_KEY {
            return Err("is shorter than 16 bytes");
        }
        Ok(Self(bytes.into()))
    }

    /// Whether one of the signatures is ours, in the time that any other takes.
    fn signed(&self, headers: &HeaderMap, body: &Bytes, now: SystemTime) -> Result<(), Refused> {
        let header = |name| headers.get(name).and_then(|v: &http::HeaderValue| v.to_str().ok());
        let (Some(id), Some(time), Some(signatures)) =
            (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"))
        else {
            return Err(Refused("it is not signed"));
        };
        let sent = time.parse().ok().and_then(|s| UNIX_EPOCH.checked_add(Duration::from_secs(s)));
        let apart = sent.map(|sent| match now.duration_since(sent) {
            Ok(ago) => ago,
            Err(ahead) => ahead.duration(),
        });
        if apart.is_none_or(|apart| apart > SKEW) {
            return Err(Refused("its time is not within five minutes of now"));
        }
        let proves = |signature: &str| {
            let given = signature.strip_prefix("v1,").and_then(|code| STANDARD.decode(code).ok());
            let code = Hmac::<Sha256>::new_from_slice(self.0.expose_secret());
            let (Some(given), Ok(mut code)) = (given, code) else { return false };
            for part in [id.as_bytes(), b".", time.as_bytes(), b".", body] {
                code.update(part);
            }
            code.verify_slice(&given).is_ok()
        };
        // Several while a key is changed for another.
        if signatures.split(' ').take(8).any(proves) { Ok(()) } else { Err(Refused("not by us")) }
    }
}

/// Why an event is not listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Refused(&'static str);

/// What was written, as it is told.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Event {
    tenant: String,
    #[serde(default)]
    operation: Option<String>,
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    #[serde(default)]
    answer: Option<Box<RawValue>>,
    #[serde(default)]
    tags: Vec<String>,
}

/// What has come of events so far, by outcome. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Counts(Arc<[AtomicU64; 3]>);

const OUTCOMES: [&str; 3] = ["heard", "refused", "invalid"];

impl Counts {
    /// Shows them.
    ///
    /// # Errors
    /// The metric's name is taken.
    pub fn measure(&self, metrics: &Metrics) -> prometheus::Result<()> {
        let samples = OUTCOMES.iter().enumerate().map(|(at, outcome)| {
            let counts = Arc::clone(&self.0);
            #[expect(clippy::cast_precision_loss, reason = "counters are floats")]
            let read =
                move || counts.get(at).map_or(0.0, |count| count.load(Ordering::Relaxed) as f64);
            let read: Box<dyn Fn() -> f64 + Send + Sync> = Box::new(read);
            (*outcome, read)
        });
        metrics.register_counter(
            "deskbridge_cache_events_total",
            "Events of writes made elsewhere, by what came of them.",
            "outcome",
            samples.collect(),
        )
    }
}

/// What a generation of the configuration says about events.
#[derive(Clone, Debug)]
pub struct Told {
    /// Whose writes there are.
    pub tenants: BTreeSet<Tenant>,
    /// What signs; without it none is listened to.
    pub key: Option<Key>,
}

/// Who hears of events.
pub struct Events {
    cache: CacheLayer,
    contract: Arc<Contract>,
    counts: Counts,
    told: Box<dyn Fn() -> Arc<Told> + Send + Sync>,
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("counts", &self.counts).finish_non_exhaustive()
    }
}

impl Events {
    /// Events for `cache`, as `told` says at the time.
    #[must_use]
    pub fn new(
        cache: CacheLayer,
        contract: Arc<Contract>,
        counts: Counts,
        told: impl Fn() -> Arc<Told> + Send + Sync + 'static,
    ) -> Self {
        Self { cache, contract, counts, told: Box::new(told) }
    }

    /// The address that they are posted to.
    #[must_use]
    pub fn page(self) -> Page {
        let about =
            "POST: what was written elsewhere, signed; what was remembered of it is forgotten";
        Page::new(PATH, about)
            .doing(LONGEST, move |asked| std::future::ready(self.hear(&asked, SystemTime::now())))
    }

    fn hear(&self, asked: &Asked, now: SystemTime) -> Reply {
        let (outcome, status, body) = match self.heard(asked, now) {
            Ok(moved) => (0, StatusCode::OK, json!({ "moved": moved })),
            Err((status, why)) => {
                let outcome = if status == StatusCode::UNPROCESSABLE_ENTITY { 2 } else { 1 };
                tracing::warn!(status = status.as_u16(), why, "an event is not heard");
                (outcome, status, json!({ "error": why }))
            }
        };
        if let Some(count) = self.counts.0.get(outcome) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        Reply { status, body }
    }

    /// How many names it takes out.
    fn heard(&self, asked: &Asked, now: SystemTime) -> Result<usize, (StatusCode, &'static str)> {
        let told = (self.told)();
        let Some(key) = &told.key else {
            return Err((StatusCode::FORBIDDEN, "no `admin.events_secret` is configured"));
        };
        key.signed(&asked.headers, &asked.body, now)
            .map_err(|Refused(why)| (StatusCode::UNAUTHORIZED, why))?;
        self.take(&told, &asked.body).map_err(|why| (StatusCode::UNPROCESSABLE_ENTITY, why))
    }

    fn take(&self, told: &Told, body: &[u8]) -> Result<usize, &'static str> {
        let event: Event = serde_json::from_slice(body).map_err(|_| "it is not an event")?;
        let tenant = Tenant(event.tenant.into());
        if !told.tenants.contains(&tenant) {
            return Err("there is no such tenant");
        }
        let mut moved = self.cache.forget(&tenant, event.tags.iter().map(|tag| &**tag));
        if let Some(name) = &event.operation {
            let id = self.contract.operation(name).ok_or("there is no such operation")?;
            let operation = self.contract.get(id);
            let mut given = Vec::new();
            for (name, value) in &event.parameters {
                let position = operation.parameter(name).ok_or("there is no such parameter")?;
                given.push((position, value));
            }
            given.sort_unstable();
            let mut params = Params::default();
            if !given.iter().all(|(position, value)| params.push(*position, value)) {
                return Err("its parameters are too long");
            }
            let answer = event
                .answer
                .map(|json| Payload::new(200, Bytes::from(json.get().to_owned()), None));
            let names = self.cache.written(&tenant, id, &params, answer.as_ref());
            moved += names.ok_or("its answer cannot be read")?;
        }
        if moved == 0 { Err("it names nothing that could be forgotten") } else { Ok(moved) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::contract::tests::embedded;

    const NOW: u64 = 1_795_255_200;
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn events(secret: Option<&str>) -> Events {
        let contract = embedded();
        let cache = crate::cache::layer(
            crate::cache::Table::new(),
            &crate::cache::Params::default(),
            &contract,
        );
        let key = secret.map(|secret| Key::new(&secret.into()).unwrap());
        let told = Arc::new(Told { tenants: [Tenant("acme".into())].into(), key });
        Events::new(cache, contract, Counts::default(), move || Arc::clone(&told))
    }

    fn asked(id: &str, time: &str, signature: &str, body: &'static str) -> Asked {
        let mut headers = HeaderMap::new();
        let named =
            [("webhook-id", id), ("webhook-timestamp", time), ("webhook-signature", signature)];
        for (name, value) in named {
            headers.insert(name, value.parse().unwrap());
        }
        Asked { headers, body: Bytes::from_static(body.as_bytes()) }
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// As a sender signs.
    fn signed(time: u64, body: &'static str) -> Asked {
        let key = STANDARD.decode(SECRET.trim_start_matches("whsec_")).unwrap();
        let mut code = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        code.update(format!("evt_1.{time}.{body}").as_bytes());
        let signature = format!("v1,{}", STANDARD.encode(code.finalize().into_bytes()));
        asked("evt_1", &time.to_string(), &signature, body)
    }

    /// The example that Standard Webhooks is published with.
    #[test]
    fn the_published_example_is_signed() {
        let key = Key::new(&SECRET.into()).unwrap();
        let body = r#"{"test": 2432232314}"#;
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let asked = asked("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", signature, body);
        assert_eq!(key.signed(&asked.headers, &asked.body, at(1_614_265_330)), Ok(()));
    }

    #[test]
    fn what_is_not_signed_by_us_and_now_is_not_heard() {
        const BODY: &str = r#"{"tenant":"acme","tags":["conv:any"]}"#;
        let events = events(Some(SECRET));
        let status = |asked: &Asked, now| events.hear(asked, at(now)).status.as_u16();
        assert_eq!(status(&signed(NOW, BODY), NOW), 200);
        assert_eq!(status(&signed(NOW, BODY), NOW + 300), 200, "again: harmless");
        assert_eq!(status(&signed(NOW, BODY), NOW + 301), 401);
        assert_eq!(status(&signed(NOW, BODY), NOW - 301), 401);
        let other = Asked { body: Bytes::from_static(b"{}"), ..signed(NOW, BODY) };
        assert_eq!(status(&other, NOW), 401);
        for (time, signature) in
            [("soon", "v1,AA=="), ("1795255200", "v1,AA=="), ("1795255200", "v2")]
        {
            assert_eq!(
                status(&asked("evt_1", time, signature, BODY), NOW),
                401,
                "{time} {signature}"
            );
        }
        let mut rotated = signed(NOW, BODY);
        let right = rotated.headers["webhook-signature"].to_str().unwrap().to_owned();
        rotated.headers.insert("webhook-signature", format!("v1,AA== {right}").parse().unwrap());
        assert_eq!(status(&rotated, NOW), 200);
        rotated.headers.remove("webhook-id");
        assert_eq!(status(&rotated, NOW), 401);
        assert_eq!(self::events(None).hear(&signed(NOW, BODY), at(NOW)).status.as_u16(), 403);
        let counts = events.counts.0.each_ref().map(|count| count.load(Ordering::Relaxed));
        assert_eq!(counts, [3, 7, 0]);
    }

    #[test]
    fn an_event_says_what_it_takes_out_or_is_refused() {
        let events = events(Some(SECRET));
        let heard = |body| {
            let reply = events.hear(&signed(NOW, body), at(NOW));
            (reply.status.as_u16(), reply.body)
        };
        assert_eq!(heard(r#"{"tenant":"acme","tags":["conv:1","list:conv"]}"#).1["moved"], 2);
        let (status, body) = heard(
            r#"{"tenant":"acme","operation":"conversations.update",
                "parameters":{"conversation_id":"n:418"},"answer":{"id":"cnv_1","number":418}}"#,
        );
        assert!(status == 200 && body["moved"].as_u64() > Some(2), "{body}");
        for wrong in [
            "[]",
            r#"{"tags":["conv:1"]}"#,
            r#"{"tenant":"acme"}"#,
            r#"{"tenant":"acme","tag":["conv:1"]}"#,
            r#"{"tenant":"acme2","tags":["conv:1"]}"#,
            r#"{"tenant":"acme","operation":"conversations.explode"}"#,
            r#"{"tenant":"acme","operation":"conversations.get","parameters":{"conversation_id":"1"}}"#,
            r#"{"tenant":"acme","operation":"conversations.update","parameters":{"id":"1"}}"#,
        ] {
            assert_eq!(heard(wrong).0, 422, "{wrong}");
        }
    }

    #[test]
    fn a_key_that_anybody_could_guess_is_none() {
        for bad in ["short", "whsec_c2hvcnQ=", "whsec_?"] {
            assert!(Key::new(&bad.into()).is_err(), "{bad}");
        }
        assert!(Key::new(&"sixteen bytes at".into()).is_ok());
    }
}
