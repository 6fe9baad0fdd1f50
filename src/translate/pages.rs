//! All pages of a list, joined: for dialects whose lists have none.
//!
//! Each page is a canonical call of its own, with its own entry in the cache. The first page alone is
//! passed on as it is; so what is joined is what was long anyway.

use std::sync::Arc;

use bytes::Bytes;
use tower::ServiceExt;

use crate::canonical::{Outcome, Params, Payload, Problem, ProblemCode, Request, Response};
use crate::dialect::route::Walk;
use crate::error::Error;
use crate::json::scan::{self, Limits};
use crate::json::{text, walk};

use super::calls::Backend;

/// Most bytes of a joined list: no single answer may be longer.
pub(super) const MOST_BYTES: usize = 16 << 20;

/// Asks for the first page and for those after it.
///
/// # Errors
/// The first failure; 413 for a list with more pages than the walk may join.
pub(super) async fn all<S: Backend>(
    plan: Walk,
    request: Request,
    canonical: &S,
) -> Result<Response, Error> {
    let first = canonical.clone().oneshot(request.clone()).await?;
    let Some(mut next) = next(&first)? else { return Ok(first) };
    let mut pages = vec![first];
    loop {
        let bytes: usize = pages.iter().map(|page| page.payload.body.len()).sum();
        if pages.len() >= usize::from(plan.pages) || bytes > MOST_BYTES {
            return Err(too_long());
        }
        let params = after(&request.params, plan.cursor, &next).ok_or_else(too_long)?;
        let page = canonical.clone().oneshot(Request { params, ..request.clone() }).await?;
        let following = self::next(&page)?;
        pages.push(page);
        match following {
            Some(cursor) => next = cursor,
            None => return join(&pages),
        }
    }
}

fn too_long() -> Error {
    Problem::new(ProblemCode::PayloadTooLarge)
        .detail("The list is longer than can be answered at once")
        .into()
}

/// The same parameters, from a cursor on.
fn after(params: &Params, position: u8, cursor: &str) -> Option<Params> {
    let mut moved = Params::default();
    let below = params.iter().filter(|(p, _)| *p < position);
    let above = params.iter().filter(|(p, _)| *p > position);
    let all = below.chain([(position, cursor)]).chain(above);
    all.into_iter().all(|(p, value)| moved.push(p, value)).then_some(moved)
}

/// The text of an answer. What a backend sends is believed only once it was read.
pub(super) fn read(page: &Response) -> Result<&str, Error> {
    scan::validate(&page.payload.body, Limits::default()).map_err(|error| {
        Error::from(ProblemCode::UpstreamInvalid).within(format!("a page is no JSON: {error:?}"))
    })
}

pub(super) fn member<'t>(object: &'t str, name: &str) -> Option<&'t str> {
    let mut members = walk::members(object).filter(|(key, _)| text::eq(key, name));
    members.next().map(|(_, value)| value)
}

/// The cursor of the page after this one.
fn next(page: &Response) -> Result<Option<String>, Error> {
    let next = member(read(page)?, "page").and_then(|page| member(page, "next"));
    let next = next.filter(|token| text::content(token).is_some());
    Ok(next.map(|token| text::decode(token).into_owned()))
}

/// The last page, with the entries of all.
fn join(pages: &[Response]) -> Result<Response, Error> {
    let Some(last) = pages.last() else { return Err(ProblemCode::Internal.into()) };
    let mut body = Vec::with_capacity(pages.iter().map(|p| p.payload.body.len()).sum());
    for (key, value) in walk::members(read(last)?) {
        body.push(if body.is_empty() { b'{' } else { b',' });
        body.extend_from_slice(key.as_bytes());
        body.push(b':');
        if !text::eq(key, "data") {
            body.extend_from_slice(value.as_bytes());
            continue;
        }
        body.push(b'[');
        let start = body.len();
        for page in pages {
            for entry in walk::elements(member(read(page)?, "data").unwrap_or("[]")) {
                if body.len() > start {
                    body.push(b',');
                }
                body.extend_from_slice(entry.as_bytes());
            }
        }
        body.push(b']');
    }
    body.push(b'}');
    let outcome = pages.iter().map(|page| page.outcome).reduce(Outcome::and);
    let payload = Payload::new(last.payload.status, Bytes::from(body), None);
    Ok(Response { payload: Arc::new(payload), outcome: outcome.unwrap_or(last.outcome) })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::canonical::{Actor, OperationId, Seen, Tenant};
    use crate::telemetry::record::Record;

    fn request() -> Request {
        let mut params = Params::default();
        assert!(params.push(0, "1") && params.push(2, "20"));
        Request {
            tenant: Tenant("demo".into()),
            operation: OperationId(0),
            params,
            body: Bytes::new(),
            actor: Actor::Gateway,
            viewer: None,
            upload: None,
            seen: Seen::default(),
            fresh: false,
            record: Record::default(),
        }
    }

    /// What a walk of four pages makes of a backend that answers these, and what it asked.
    async fn walked(pages: &'static [&'static str]) -> (Result<String, ProblemCode>, Vec<String>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let backend = tower::service_fn(move |request: Request| {
            let mut asked = seen.lock().unwrap();
            let all: Vec<String> = request.params.iter().map(|(p, v)| format!("{p}={v}")).collect();
            asked.push(all.join(" "));
            let body = pages[(asked.len() - 1).min(pages.len() - 1)];
            let payload = Arc::new(Payload::new(200, Bytes::from_static(body.as_bytes()), None));
            let outcome = Outcome::Miss { stored: true };
            std::future::ready(Ok::<_, Error>(Response { payload, outcome }))
        });
        let walked = all(Walk { pages: 4, cursor: 1 }, request(), &backend).await;
        let walked = walked.map(|r| String::from_utf8(r.payload.body.to_vec()).unwrap());
        let asked = asked.lock().unwrap().clone();
        (walked.map_err(|e| e.into_problem().code), asked)
    }

    #[tokio::test]
    async fn pages_are_joined_in_their_order() {
        let (json, asked) = walked(&[
            r#"{"data":[1,{"page":2}],"page":{"next":"a\/b","limit":2}}"#,
            r#"{"data":[],"page":{"next":"c","limit":2}}"#,
            r#"{ "page" : {"next":null,"limit":2} , "data" : [ 3 , [4] ] }"#,
        ])
        .await;
        let joined = r#"{"page":{"next":null,"limit":2},"data":[1,{"page":2},3,[4]]}"#;
        assert_eq!(json.as_deref(), Ok(joined));
        assert_eq!(asked, ["0=1 2=20", "0=1 1=a/b 2=20", "0=1 1=c 2=20"]);
    }

    #[tokio::test]
    async fn one_page_is_passed_on_as_it_is_and_an_endless_list_is_refused() {
        let whole = r#"{ "data": [1], "page": {"next": null} }"#;
        assert_eq!(
            walked(&[r#"{ "data": [1], "page": {"next": null} }"#]).await.0.as_deref(),
            Ok(whole)
        );
        let (refused, asked) = walked(&[r#"{"data":[1],"page":{"next":"x"}}"#]).await;
        assert_eq!((refused, asked.len()), (Err(ProblemCode::PayloadTooLarge), 4));
    }

    #[tokio::test]
    async fn what_is_no_page_is_no_list_to_go_on_with() {
        for pages in [&["{"][..], &[r#"{"data":[1],"page":{"next":"x"}}"#, "no"][..]] {
            assert_eq!(walked(pages).await.0, Err(ProblemCode::UpstreamInvalid));
        }
        for whole in [&["[]"][..], &["null"][..], &[r#"{"page":{"next":7}}"#][..]] {
            assert_eq!(walked(whole).await.0.as_deref(), Ok(whole[0]));
        }
    }
}
