use std::sync::atomic::{AtomicBool, Ordering};

use http_body_util::BodyExt;

use super::*;

fn admin(ready: Arc<AtomicBool>) -> Admin {
    service(Params {
        metrics: Arc::new(Metrics::new("1.2.3", "abc").unwrap()),
        ready: Box::new(move || Readiness {
            checks: vec![
                ("mappings".into(), None),
                ("main".into(), (!ready.load(Ordering::SeqCst)).then(|| "not reachable".into())),
            ],
        }),
        version: Version { version: "1.2.3".into(), revision: "abc".into(), mappings: "d1".into() },
        routes: Box::new(|| json!([{ "dialect": "account" }])),
        config: json!({ "server": {} }),
    })
}

async fn ask(admin: &Admin, method: &str, path: &str) -> (Response<()>, String) {
    let request = Request::builder().method(method).uri(path).body(()).unwrap();
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
    assert_eq!(links.len(), 6);
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
    assert_eq!(body["checks"]["mappings"], "ok");
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
}
