use std::sync::atomic::{AtomicBool, Ordering};

use http_body_util::BodyExt;

use super::*;

fn admin(ready: Arc<AtomicBool>) -> Admin {
    service(Params {
        metrics: Arc::new(Metrics::new("1.2.3", "abc").unwrap()),
        ready: Box::new(move || Readiness {
            checks: vec![
                (SERVING.into(), None),
                ("main".into(), (!ready.load(Ordering::SeqCst)).then(|| "not reachable".into())),
            ],
        }),
        version: Box::new(|| Version {
            version: "1.2.3".into(),
            revision: "abc".into(),
            mappings: "d1".into(),
            generation: 7,
        }),
        routes: Box::new(|| json!([{ "dialect": "account" }])),
        upstreams: Box::new(|| serde_json::json!([])),
        config: Box::new(|| json!({ "server": {} })),
        pages: vec![
            Page::new("/weather", "what it is like outside").telling(|| json!({ "rain": true })),
            Page::new("/echo", "says it again").doing(8, |asked| async move {
                let said = String::from_utf8_lossy(&asked.body).into_owned();
                let by = asked.headers.get("by").and_then(|by| by.to_str().ok()).map(str::to_owned);
                Reply { status: StatusCode::ACCEPTED, body: json!({ "said": said, "by": by }) }
            }),
            Page::new("/both", "tells and does")
                .telling(|| json!("told"))
                .doing(0, |_| async { Reply { status: StatusCode::OK, body: json!("done") } }),
        ],
    })
}

async fn ask(admin: &Admin, method: &str, path: &str) -> (Response<()>, String) {
    let request = Request::builder().method(method).uri(path).body(Full::default()).unwrap();
    send(admin, request).await
}

async fn send<B>(admin: &Admin, request: Request<B>) -> (Response<()>, String)
where
    B: Body<Data = Bytes, Error: Into<Box<dyn StdError + Send + Sync>>> + Send + 'static,
{
    let (head, body) = admin.clone().call(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (Response::from_parts(head, ()), String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn every_page_of_the_index_is_there() {
    let admin = admin(Arc::new(AtomicBool::new(true)));
    let (index, html) = ask(&admin, "GET", "/").await;
    assert_eq!(index.headers()["content-type"], "text/html; charset=utf-8");
    let links: Vec<&str> =
        html.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(links.len(), 10);
    assert!(html.contains("<li>POST /echo: says it again</li>"), "{html}");
    for link in links {
        let (page, body) = ask(&admin, "GET", link).await;
        assert_eq!(page.status(), 200, "{link}");
        if link == "/metrics" {
            assert!(body.contains("deskbridge_build_info{revision=\"abc\",version=\"1.2.3\"} 1"));
        } else {
            assert!(serde_json::from_str::<Value>(&body).is_ok(), "{body}");
        }
        let (head, empty) = ask(&admin, "HEAD", link).await;
        assert_eq!((head.status().as_u16(), empty.as_str()), (200, ""));
    }
}

#[tokio::test]
async fn ready_says_what_is_wrong() {
    let ready = Arc::new(AtomicBool::new(true));
    let admin = admin(Arc::clone(&ready));
    assert_eq!(ask(&admin, "GET", "/ready").await.0.status(), 200);
    ready.store(false, Ordering::SeqCst);
    let (answer, body) = ask(&admin, "GET", "/ready").await;
    assert_eq!(answer.status(), 503);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["ready"], false);
    assert_eq!(body["checks"]["main"], "not reachable");
    assert_eq!(body["checks"]["serving"], "ok");
    let (answer, body) = ask(&admin, "GET", "/serving").await;
    assert_eq!(answer.status(), 200, "no better instance of the gateway helps: {body}");
    assert!(!body.contains("main"), "{body}");
    // Alive all the same: nobody should restart it.
    assert_eq!(ask(&admin, "GET", "/live").await.0.status(), 200);
}

#[tokio::test]
async fn what_is_not_there_or_not_a_read_is_refused() {
    let admin = admin(Arc::new(AtomicBool::new(true)));
    assert_eq!(ask(&admin, "GET", "/nothing").await.0.status(), 404);
    let (answer, _) = ask(&admin, "POST", "/config").await;
    assert_eq!(answer.status(), 405);
    assert_eq!(answer.headers()["allow"], "GET, HEAD");
    for (method, path, allow) in [
        ("POST", "/weather", "GET, HEAD"),
        ("GET", "/echo", "POST"),
        ("DELETE", "/both", "GET, HEAD, POST"),
    ] {
        let (answer, _) = ask(&admin, method, path).await;
        assert_eq!(answer.status(), 405, "{method} {path}");
        assert_eq!(answer.headers()["allow"], allow, "{method} {path}");
    }
}

fn post(path: &str, body: &'static str) -> http::request::Builder {
    Request::post(path).header("by", "me").header("content-length", body.len())
}

#[tokio::test]
async fn what_is_posted_reaches_the_page_with_its_headers() {
    let admin = admin(Arc::new(AtomicBool::new(true)));
    let request = post("/echo", "12345678").body(Full::from("12345678")).unwrap();
    let (answer, body) = send(&admin, request).await;
    assert_eq!(answer.status(), 202);
    assert_eq!(answer.headers()["content-type"], "application/json");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body, json!({ "said": "12345678", "by": "me" }));
    assert_eq!(ask(&admin, "POST", "/both").await.1.trim(), "\"done\"");
    assert_eq!(ask(&admin, "GET", "/both").await.1.trim(), "\"told\"");
}

#[tokio::test]
async fn a_body_is_bounded_whether_it_says_its_length_or_not() {
    let admin = admin(Arc::new(AtomicBool::new(true)));
    let said = post("/echo", "123456789").body(Full::from("123456789")).unwrap();
    let unsaid = Request::post("/echo").body(Full::from("123456789")).unwrap();
    assert_eq!(send(&admin, said).await.0.status(), 413);
    assert_eq!(send(&admin, unsaid).await.0.status(), 413);
}

/// A body of which nothing comes, or only its end.
struct Broken(bool);

impl Body for Broken {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, std::io::Error>>> {
        match self.0 {
            true => Poll::Ready(Some(Err(std::io::Error::other("gone")))),
            false => Poll::Pending,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_off_or_does_not_come_moves_nothing() {
    let admin = admin(Arc::new(AtomicBool::new(true)));
    let broken = Request::post("/echo").body(Broken(true)).unwrap();
    assert_eq!(send(&admin, broken).await.0.status(), 400);
    let silent = Request::post("/echo").body(Broken(false)).unwrap();
    assert_eq!(send(&admin, silent).await.0.status(), 408);
}

#[tokio::test]
async fn no_page_of_the_web_may_post() {
    let admin = admin(Arc::new(AtomicBool::new(true)));
    for origin in ["https://evil.example", "http://127.0.0.1:8081", "null"] {
        let request = post("/echo", "hello").header("origin", origin).body(Full::from("hello"));
        assert_eq!(send(&admin, request.unwrap()).await.0.status(), 403, "{origin}");
    }
}
