//! `/reload` of the admin listener.

use std::sync::Arc;

use arc_swap::ArcSwap;
use http::StatusCode;
use serde_json::json;

use crate::admin::{Page, Reply};
use crate::app::generation::Generation;
use crate::app::reload::{Reloader, Trigger};

/// Nothing is read of a body; some clients send one all the same.
const LONGEST_BODY: usize = 1024;

/// What is served and how it came to be; posted to, it is read again.
pub(in crate::app) fn page(reloader: &Reloader, current: &Arc<ArcSwap<Generation>>) -> Page {
    let (told, current) = (Arc::clone(&reloader.told), Arc::clone(current));
    let reloader = reloader.clone();
    Page::new("/reload", "what came of the last reload; POST reloads")
        .telling(move || {
            let generation = current.load();
            json!({
                "generation": generation.number,
                "since": generation.since.to_string(),
                "last": told.to_json(),
            })
        })
        .doing(LONGEST_BODY, move |_| {
            let reloader = reloader.clone();
            async move {
                match reloader.reload(Trigger::Admin).await {
                    Some(report) => Reply { status: report.status(), body: report.to_json() },
                    None => Reply {
                        status: StatusCode::SERVICE_UNAVAILABLE,
                        body: json!({
                            "title": "The gateway ends, or is reloading already",
                            "status": 503,
                        }),
                    },
                }
            }
        })
}
