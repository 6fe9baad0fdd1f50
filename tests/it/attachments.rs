//! Files through every dialect that can send them: byte for byte there and back, through one process
//! and through two, and what is refused.

use http::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::client::{Answer, Client};
use crate::support::desk::{AGENT, BEARER, NONE};
use crate::support::shipped::{Shipped, configuration};

const PUBLIC: &str = "/public/api/v1/inboxes/demo-inbox/contacts/demo-contact/conversations/1";
const ACCOUNT: &str = "/api/v1/accounts/1/conversations/1";
const CANONICAL: &str = "/v1/accounts/1/conversations/n:1";
const BOUNDARY: &str = "----a boundary";

const REST: &str = "
credentials:
  - { name: agent, secret: \"${env:AGENT_TOKEN}\", tenant: demo, account: \"1\", actor: \"agent:n:2\", dialects: [account, chatwoot-account] }
  - { name: bearer, secret: \"${env:BEARER_TOKEN}\", tenant: demo, account: \"1\", actor: \"agent:n:1\", dialects: [third-party, canonical], act_as: true }
mounts:
  - { dialect: public-inbox, tenant: demo }
  - { dialect: account, tenant: demo }
  - { dialect: third-party, tenant: demo }
  - { dialect: canonical, tenant: demo }
  - { dialect: chatwoot-account, tenant: demo, prefix: /chatwoot }
  - { dialect: chatwoot-public, tenant: demo, prefix: /chatwoot }
limits: { uploads: { max_file: 40KiB, max_files: 3, max_body: 60KiB } }
";

/// The process that clients talk to, and the one behind it.
struct Served {
    front: Shipped,
    behind: Option<Shipped>,
    _folder: tempfile::TempDir,
}

async fn one() -> Served {
    let text = format!(
        "upstreams: {{ main: {{ kind: sandbox }} }}\ntenants: {{ demo: {{ upstream: main }} }}\
         \nserver: {{ public_url: http://desk.example }}{REST}"
    );
    let (folder, file) = configuration(&text);
    let front = Shipped::start(&["--config", &file]).await;
    Served { front, behind: None, _folder: folder }
}

async fn two() -> Served {
    let Served { front: backend, _folder: folder, .. } = one().await;
    let file = folder.path().join("gateway.yaml").display().to_string();
    let text = format!(
        "upstreams:\n  main: {{ kind: canonical, url: \"http://{}/v1\", credential: \"${{env:BEARER_TOKEN}}\" }}\n\
         tenants: {{ demo: {{ upstream: main }} }}\nserver: {{ public_url: https://front.example }}{REST}",
        backend.address
    );
    std::fs::write(&file, text).unwrap();
    let front = Shipped::start(&["--config", &file]).await;
    Served { front, behind: Some(backend), _folder: folder }
}

impl Served {
    fn public_url(&self) -> &'static str {
        if self.behind.is_some() { "https://front.example" } else { "http://desk.example" }
    }

    /// The path of a link that a client would follow.
    #[track_caller]
    fn path<'l>(&self, link: &'l Value) -> &'l str {
        let link = link.as_str().unwrap_or_else(|| panic!("no link: {link}"));
        link.strip_prefix(self.public_url()).unwrap_or_else(|| panic!("no link of ours: {link}"))
    }
}

/// Every byte there is, and those that end lines and parts.
fn picture(length: usize) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\r\n--\r\n----a boundar\r\n".to_vec();
    bytes.extend((0..length).map(|n| u8::try_from(n * 7 % 256).unwrap()));
    bytes
}

#[derive(Clone, Copy)]
enum Part<'p> {
    Text(&'p str, &'p str),
    /// Name, name of the file, media type, bytes.
    File(&'p str, &'p str, &'p str, &'p [u8]),
}

fn form(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for part in parts {
        body.extend_from_slice(
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; ").as_bytes(),
        );
        match part {
            Part::Text(name, text) => {
                body.extend_from_slice(format!("name=\"{name}\"\r\n\r\n{text}").as_bytes());
            }
            Part::File(name, file, media, bytes) => {
                let head = format!(
                    "name=\"{name}\"; filename=\"{file}\"\r\nContent-Type: {media}\r\n\r\n"
                );
                body.extend_from_slice(head.as_bytes());
                body.extend_from_slice(bytes);
            }
        }
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

async fn post(
    client: &Client,
    path: &str,
    credential: &[(&str, &str)],
    parts: &[Part<'_>],
) -> Answer {
    let media = format!("multipart/form-data; boundary=\"{BOUNDARY}\"");
    let mut headers = vec![("content-type", &*media)];
    headers.extend_from_slice(credential);
    client.send(Method::POST, path, &headers, form(parts)).await
}

async fn messages(client: &Client) -> usize {
    let newest = format!("{CANONICAL}/messages?limit=100");
    client.get(&newest, BEARER).await.expect(200).value()["data"].as_array().unwrap().len()
}

/// The same bytes come out of a link, whole and in parts, and cannot act where they are shown.
async fn reads(client: &Client, path: &str, bytes: &[u8], shown: &str) {
    let whole = client.get(path, NONE).await.expect(200);
    assert!(whole.body == bytes, "{path}: other bytes");
    assert_eq!(whole.header("content-length"), bytes.len().to_string());
    assert_eq!(whole.header("x-content-type-options"), "nosniff");
    assert_eq!(whole.header("content-security-policy"), "sandbox; default-src 'none'");
    assert_eq!(whole.header("referrer-policy"), "no-referrer");
    assert_eq!(whole.header("content-disposition"), shown);
    assert!(whole.header("cache-status").contains("fwd=bypass"), "{:?}", whole.headers);
    let etag = whole.header("etag").to_owned();
    assert!(etag.starts_with('"'), "{etag}");
    let same = client.get(path, &[("if-none-match", &*etag)]).await.expect(304);
    assert!(same.body.is_empty() && same.header("etag") == etag);
    let length = bytes.len();
    for (range, from, to) in
        [("bytes=0-0", 0, 1), ("bytes=5-19", 5, 20), ("bytes=-7", length - 7, length)]
    {
        for condition in [None, Some(&*etag)] {
            let mut headers = vec![("range", range)];
            headers.extend(condition.map(|etag| ("if-range", etag)));
            let part = client.get(path, &headers).await.expect(206);
            assert_eq!(part.body, bytes[from..to], "{range}");
            assert_eq!(part.header("content-range"), format!("bytes {from}-{}/{length}", to - 1));
            assert_eq!(part.header("etag"), etag);
        }
    }
    let other = client.get(path, &[("range", "bytes=0-0"), ("if-range", "\"other\"")]).await;
    assert_eq!(other.expect(200).body.len(), length);
    let beyond = client.get(path, &[("range", "bytes=9999999-")]).await.expect(416);
    assert_eq!(beyond.header("content-range"), format!("bytes */{length}"));
}

#[tokio::test]
async fn a_picture_goes_there_and_back_byte_for_byte() {
    for served in [one().await, two().await] {
        let client = served.front.client();
        let picture = picture(30_000);
        let file = Part::File("attachments[]", "see me.png", "image/png", &picture);
        let shown = "inline; filename=\"see me.png\"";
        for (path, credential, link) in [
            (ACCOUNT.to_owned(), AGENT, "/attachment/data_url"),
            (PUBLIC.to_owned(), NONE, "/attachments/0/data_url"),
            (format!("/chatwoot{ACCOUNT}"), AGENT, "/attachments/0/data_url"),
            (format!("/chatwoot{PUBLIC}"), NONE, "/attachments/0/data_url"),
        ] {
            for parts in [
                &[file, Part::Text("content", "the file first")][..],
                &[Part::Text("content", "the file last"), file],
                &[file],
            ] {
                let before = messages(&client).await;
                let made = post(&client, &format!("{path}/messages"), credential, parts).await;
                let made = made.expect(200).value();
                let link = made.pointer(link).unwrap_or_else(|| panic!("{path}: {made}"));
                reads(&client, served.path(link), &picture, shown).await;
                assert_eq!(messages(&client).await, before + 1);
                // What everybody else reads says the same.
                let newest = format!("{CANONICAL}/messages?order=desc&limit=1");
                let newest = client.get(&newest, BEARER).await.expect(200).value();
                let stored = &newest["data"][0]["attachments"][0];
                assert_eq!(stored["url"], *link);
                assert_eq!(stored["file_name"], "see me.png");
                assert_eq!(
                    (&stored["kind"], &stored["size"]),
                    (&"image".into(), &picture.len().into())
                );
            }
        }
    }
}

#[tokio::test]
async fn the_canonical_api_takes_a_file_and_hands_it_out() {
    for served in [one().await, two().await] {
        let client = served.front.client();
        let page = b"<script>alert(1)</script>";
        let svg = [Part::File("file", "a.svg", "image/svg+xml", page)];
        let made = post(&client, "/v1/accounts/1/attachments", BEARER, &svg).await.expect(201);
        let made = made.value();
        assert_eq!((&made["kind"], &made["size"]), (&"image".into(), &page.len().into()));
        let shown = "attachment; filename=\"a.svg\"";
        reads(&client, served.path(&made["url"]), page, shown).await;
        let body = serde_json::json!({ "kind": "outgoing", "attachment_ids": [made["id"]] });
        let path = format!("{CANONICAL}/messages");
        let message = client.json(Method::POST, &path, BEARER, &body).await.expect(201).value();
        assert_eq!(message["attachments"][0]["id"], made["id"]);
        // It is one message's, and nobody finds it by counting.
        client.json(Method::POST, &path, BEARER, &body).await.expect(422);
        let number = format!("n:{}", made["number"]);
        let body = serde_json::json!({ "kind": "outgoing", "attachment_ids": [number] });
        client.json(Method::POST, &path, BEARER, &body).await.expect(422);
        client.get(&format!("/v1/accounts/1/attachments/{number}/content"), NONE).await.expect(422);
        client.get("/v1/accounts/1/attachments/att_none/content", NONE).await.expect(404);
    }
}

#[tokio::test]
async fn what_is_too_large_too_many_of_a_wrong_kind_or_no_form_makes_no_message() {
    for served in [one().await, two().await] {
        let client = served.front.client();
        let before = messages(&client).await;
        let (small, large) = (picture(10), picture(40 << 10));
        let text = Part::Text("content", "with a file");
        let file = |bytes| Part::File("attachments[]", "a.png", "image/png", bytes);
        let half = picture(31_000);
        for (status, code, parts) in [
            (413, "too_large", vec![text, file(&large)]),
            (422, "too_many", vec![text, file(&small), file(&small), file(&small), file(&small)]),
            (415, "media_type", vec![Part::File("attachments[]", "a", "text/html", &small), text]),
            (415, "media_type", vec![Part::File("attachments[]", "a", "nonsense", &small), text]),
            (422, "file", vec![text, Part::File("attachments", "a.png", "image/png", &small)]),
            (413, "", vec![text, file(&half), file(&half)]),
        ] {
            for (path, credential) in [(ACCOUNT, AGENT), (PUBLIC, NONE)] {
                let path = format!("{path}/messages");
                let refused = post(&client, &path, credential, &parts).await.expect(status).value();
                if !code.is_empty() {
                    assert_eq!(refused["errors"][0]["code"], code, "{refused}");
                    assert_eq!(refused["errors"][0]["field"], "attachments", "{refused}");
                }
            }
        }
        let media = format!("multipart/form-data; boundary=\"{BOUNDARY}\"");
        let headers = [("content-type", &*media), AGENT[0]];
        let whole = form(&[text, file(&small)]);
        for broken in [&whole[..whole.len() - 8], &whole[..whole.len() / 2], b"nothing of a form"] {
            let path = format!("{ACCOUNT}/messages");
            client.send(Method::POST, &path, &headers, broken.to_vec()).await.expect(400);
        }
        assert_eq!(messages(&client).await, before);
        // And it goes on.
        post(&client, &format!("{ACCOUNT}/messages"), AGENT, &[text, file(&small)])
            .await
            .expect(200);
        assert_eq!(messages(&client).await, before + 1);
    }
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_leaves_no_message() {
    for served in [one().await, two().await] {
        let client = served.front.client();
        let before = messages(&client).await;
        let bytes = picture(20_000);
        let body = form(&[
            Part::Text("content", "half of it"),
            Part::File("attachments[]", "a.png", "image/png", &bytes),
        ]);
        let mut stream = TcpStream::connect(served.front.address).await.unwrap();
        let head = format!(
            "POST {ACCOUNT}/messages HTTP/1.1\r\nhost: x\r\n{}: {}\r\n\
             content-type: multipart/form-data; boundary=\"{BOUNDARY}\"\r\ncontent-length: {}\r\n\r\n",
            AGENT[0].0,
            AGENT[0].1,
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body[..body.len() / 2]).await.unwrap();
        stream.shutdown().await.unwrap();
        // The gateway closes once it has seen that nothing more comes.
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert_eq!(messages(&client).await, before);
        let answered = client.get(&format!("{CANONICAL}/messages?limit=1"), BEARER).await;
        answered.expect(200);
    }
}

#[tokio::test]
async fn a_file_is_uploaded_first_and_named_by_a_message() {
    for served in [one().await, two().await] {
        let client = served.front.client();
        let voice = picture(5_000);
        let file = Part::File("file", "Grüße.ogg", "audio/ogg", &voice);
        let path = "/third-party/v1/files/temporary-upload";
        for parts in
            [&[file, Part::Text("type", "audio")][..], &[Part::Text("type", "audio"), file]]
        {
            let kept = post(&client, path, BEARER, parts).await.expect(200).value();
            assert_eq!(kept["name"], "Grüße.ogg");
            let body =
                serde_json::json!({ "type": "audio", "audio": { "voice": true }, "file": kept });
            let messages = "/third-party/v1/conversations/1/messages";
            let made = client.json(Method::POST, messages, BEARER, &body).await.expect(200).value();
            let content = &made["data"]["contents"][0];
            assert_eq!((&content["url"], &content["voice"]), (&kept["url"], &true.into()));
            let shown = "inline; filename=\"Gr__e.ogg\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.ogg";
            reads(&client, served.path(&content["url"]), &voice, shown).await;
        }
        for (status, parts) in [
            (422, &[file, Part::Text("type", "image")][..]),
            (422, &[file]),
            (422, &[file, file, Part::Text("type", "audio")]),
            (422, &[Part::Text("type", "audio")]),
        ] {
            let refused = post(&client, path, BEARER, parts).await.expect(status).value();
            assert!(refused["errors"].is_object(), "{refused}");
        }
        post(&client, path, AGENT, &[file, Part::Text("type", "audio")]).await.expect(401);
    }
}

#[tokio::test]
async fn a_picture_of_somebody_is_sent_beside_what_is_said_of_them() {
    for served in [one().await, two().await] {
        let client = served.front.client();
        let (first, second) = (picture(300), picture(400));
        let avatar = |bytes| Part::File("avatar", "me.png", "image/png", bytes);
        let shown = "inline; filename=\"me.png\"";
        let contacts = "/api/v1/accounts/1/contacts";
        let parts = [avatar(&first), Part::Text("name", "Ada")];
        let made = post(&client, contacts, AGENT, &parts).await.expect(200).value();
        let link = served.path(&made["payload"]["contact"]["thumbnail"]).to_owned();
        reads(&client, &link, &first, shown).await;
        let media = format!("multipart/form-data; boundary=\"{BOUNDARY}\"");
        let headers = [("content-type", &*media), AGENT[0]];
        let path = format!("{contacts}/{}", made["id"]);
        let body = form(&[avatar(&second)]);
        client.send(Method::PATCH, &path, &headers, body).await.expect(204);
        let now = client.get(&path, AGENT).await.expect(200).value();
        reads(&client, served.path(&now["payload"]["contact"]["thumbnail"]), &second, shown).await;

        let visitors = "/public/api/v1/inboxes/demo-inbox/contacts";
        let parts = [Part::Text("name", "Bea"), avatar(&first)];
        let made = post(&client, visitors, NONE, &parts).await.expect(200).value();
        let contact = format!("/v1/accounts/1/contacts/n:{}", made["id"]);
        let contact = client.get(&contact, BEARER).await.expect(200).value();
        reads(&client, served.path(&contact["avatar_url"]), &first, shown).await;

        let bots = "/chatwoot/api/v1/accounts/1/agent_bots";
        let parts = [Part::Text("name", "Robot"), avatar(&second)];
        let made = post(&client, bots, AGENT, &parts).await.expect(200).value();
        reads(&client, served.path(&made["thumbnail"]), &second, shown).await;
    }
}

#[tokio::test]
async fn a_link_is_of_one_tenant() {
    let text = "upstreams: { a: { kind: sandbox }, b: { kind: sandbox } }
tenants: { a: { upstream: a }, b: { upstream: b } }
server: { public_url: http://desk.example }
credentials:
  - { name: a, secret: \"${env:AGENT_TOKEN}\", tenant: a, account: \"1\", actor: \"agent:n:2\" }
  - { name: b, secret: \"${env:BEARER_TOKEN}\", tenant: b, account: \"1\", actor: \"agent:n:1\" }
mounts:
  - { dialect: canonical, tenant: a, prefix: /a }
  - { dialect: canonical, tenant: b, prefix: /b }
";
    let (_folder, file) = configuration(text);
    let front = Shipped::start(&["--config", &file]).await;
    let client = front.client();
    let bytes = picture(10);
    let token = format!("Bearer {}", AGENT[0].1);
    let credential = [("authorization", &*token)];
    let parts = [Part::File("file", "a.png", "image/png", &bytes)];
    let made = post(&client, "/a/v1/accounts/1/attachments", &credential, &parts).await;
    let made = made.expect(201).value();
    let link = made["url"].as_str().unwrap().strip_prefix("http://desk.example").unwrap();
    assert!(link.starts_with("/a/v1/accounts/1/attachments/att_"), "{link}");
    client.get(link, NONE).await.expect(200);
    client.get(&link.replace("/a/", "/b/"), NONE).await.expect(404);
    client.get(&link.replace("/accounts/1/", "/accounts/2/"), NONE).await.expect(404);
}

/// A gateway before a backend that is this test.
async fn before(backend: &tokio::net::TcpListener) -> (Shipped, tempfile::TempDir) {
    let text = format!(
        "upstreams:\n  main: {{ kind: canonical, url: \"http://{}/v1\", credential: \"${{env:BEARER_TOKEN}}\" }}\n\
         tenants: {{ demo: {{ upstream: main }} }}\nserver: {{ public_url: https://front.example }}{REST}",
        backend.local_addr().unwrap()
    );
    let (folder, file) = configuration(&text);
    (Shipped::start(&["--config", &file]).await, folder)
}

/// Reads until the text is there, or nothing more comes; whether it came.
async fn read_until(stream: &mut TcpStream, seen: &mut Vec<u8>, text: &[u8]) -> bool {
    let mut piece = [0; 4096];
    while !seen.windows(text.len()).any(|window| window == text) {
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return false,
            Ok(count) => seen.extend_from_slice(&piece[..count]),
        }
    }
    true
}

#[tokio::test]
async fn the_backend_has_the_first_bytes_before_the_client_has_sent_the_last() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (front, _folder) = before(&listener).await;
    for leaves in [false, true] {
        let mut bytes = b"the first bytes".to_vec();
        bytes.extend(picture(20_000));
        bytes.extend_from_slice(b"the last bytes");
        let body = form(&[Part::File("file", "a.png", "image/png", &bytes)]);
        let head = format!(
            "POST /v1/accounts/1/attachments HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{}: {}\r\n\
             content-type: multipart/form-data; boundary=\"{BOUNDARY}\"\r\ncontent-length: {}\r\n\r\n",
            BEARER[0].0,
            BEARER[0].1,
            body.len()
        );
        let mut client = TcpStream::connect(front.address).await.unwrap();
        client.write_all(head.as_bytes()).await.unwrap();
        client.write_all(&body[..1_000]).await.unwrap();
        // Nothing more is sent until the backend has that.
        let mut seen = Vec::new();
        let mut backend = loop {
            let (mut backend, _) = listener.accept().await.unwrap();
            // Whether it can be reached is tried, too.
            if read_until(&mut backend, &mut seen, b"the first bytes").await {
                break backend;
            }
            assert!(seen.is_empty(), "{}", String::from_utf8_lossy(&seen));
        };
        if leaves {
            drop(client);
            assert!(!read_until(&mut backend, &mut seen, b"the last bytes").await);
            continue;
        }
        client.write_all(&body[1_000..]).await.unwrap();
        assert!(
            read_until(&mut backend, &mut seen, b"--\r\n\r\n0\r\n\r\n").await || {
                read_until(&mut backend, &mut seen, b"0\r\n\r\n").await
            }
        );
        let text = String::from_utf8_lossy(&seen).into_owned();
        assert!(text.contains("filename=\"a.png\"\r\nContent-Type: image/png\r\n"), "{text}");
        let made =
            r#"{"id":"att_1","url":"http://10.0.0.1/v1/accounts/1/attachments/att_1/content"}"#;
        let answer = format!(
            "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{made}",
            made.len()
        );
        backend.write_all(answer.as_bytes()).await.unwrap();
        let mut answered = Vec::new();
        client.read_to_end(&mut answered).await.unwrap();
        let answered = String::from_utf8_lossy(&answered);
        assert!(answered.starts_with("HTTP/1.1 201"), "{answered}");
        let link = "https://front.example/v1/accounts/1/attachments/att_1/content";
        assert!(answered.contains(link), "{answered}");
    }
}
