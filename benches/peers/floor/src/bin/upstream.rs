//! The backend of the benchmark: fixed answers by path, one write each, from a folder that the
//! harness fills. It counts what it is asked, so that the harness can say how many calls a request
//! cost, and that none was saved by asking for several clients at once.
//!
//! usage: upstream PORT FOLDER

use std::cell::Cell;
use std::collections::HashMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use memchr::memmem::find;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

type Failure = Box<dyn Error>;

/// Answers, head and body, and how often they were given.
struct Answers {
    inbox: Vec<u8>,
    identities: Vec<u8>,
    created: Vec<u8>,
    /// What stands before, between and behind the number of a contact.
    contact: Vec<String>,
    /// By the thousands of the conversation's number: 2, 10 and 60; 9 is the stand-in; 102 and so on
    /// must not be kept.
    conversations: HashMap<u32, Vec<u8>>,
    /// Where `/answer/2` is, what a client is told about it: for peers that keep answers, asked once.
    folder: PathBuf,
    looked_up: Cell<u64>,
    read: Cell<u64>,
    written: Cell<u64>,
}

fn answer(status: &str, more: &str, body: &[u8]) -> Vec<u8> {
    let mut whole = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{more}Content-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    whole.extend_from_slice(body);
    whole
}

impl Answers {
    fn read(folder: &Path) -> Result<Self, Failure> {
        let file = |name: &str| {
            std::fs::read(folder.join(name))
                .map_err(|e| format!("{}: {e}", folder.join(name).display()))
        };
        let mut conversations = HashMap::new();
        for size in [2, 9, 10, 60] {
            let body = file(&format!("conversation.{size}.json"))?;
            conversations.insert(size, answer("200 OK", "", &body));
            conversations
                .insert(100 + size, answer("200 OK", "Cache-Control: no-store\r\n", &body));
        }
        Ok(Self {
            inbox: answer("200 OK", "", &file("inbox.json")?),
            identities: answer("200 OK", "", &file("identities.json")?),
            created: answer("201 Created", "", &file("created.json")?),
            contact: String::from_utf8(file("contact.json")?)?
                .split('@')
                .map(str::to_owned)
                .collect(),
            conversations,
            folder: folder.to_owned(),
            looked_up: Cell::new(0),
            read: Cell::new(0),
            written: Cell::new(0),
        })
    }

    fn find(&self, method: &[u8], target: &[u8]) -> Option<&[u8]> {
        let count = |counter: &Cell<u64>| counter.set(counter.get() + 1);
        if let Some(at) = find(target, b"/conversations/") {
            let number = target.get(at + 15..)?;
            let number = number.strip_prefix(b"n:").unwrap_or(number);
            if method == b"POST" {
                count(&self.written);
                return Some(&self.created);
            }
            count(&self.read);
            return self.conversations.get(&(digits(number) / 1000)).map(Vec::as_slice);
        }
        count(&self.looked_up);
        if target.starts_with(b"/v1/resolve/inboxes/") {
            return Some(&self.inbox);
        }
        find(target, b"/identities").map(|_| &*self.identities)
    }

    /// A contact of its own for every number, which may be kept for a day.
    fn contact(&self, target: &[u8]) -> Option<Vec<u8>> {
        let number = target.strip_prefix(b"/v1/accounts/1/contacts/n:")?;
        if number.contains(&b'/') {
            return None;
        }
        self.looked_up.set(self.looked_up.get() + 1);
        let body = self.contact.join(&digits(number).to_string());
        Some(answer("200 OK", "Cache-Control: max-age=86400\r\n", body.as_bytes()))
    }

    fn told(&self, target: &[u8]) -> Option<Vec<u8>> {
        let size = digits(target.strip_prefix(b"/answer/")?);
        let body = std::fs::read(self.folder.join(format!("answer.{size}.json"))).ok()?;
        Some(answer("200 OK", "Cache-Control: max-age=86400\r\n", &body))
    }

    fn counts(&self) -> Vec<u8> {
        let (looked_up, read, written) =
            (self.looked_up.get(), self.read.get(), self.written.get());
        let body = format!(r#"{{"looked_up":{looked_up},"read":{read},"written":{written}}}"#);
        answer("200 OK", "", body.as_bytes())
    }
}

fn digits(text: &[u8]) -> u32 {
    text.iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0, |number: u32, byte| number.wrapping_mul(10).wrapping_add(u32::from(byte - b'0')))
}

/// What stands behind a header's name, which is given in lower case with its line break and colon.
fn header<'h>(head: &'h [u8], name: &[u8]) -> Option<&'h [u8]> {
    let at = head.windows(name.len()).position(|window| window.eq_ignore_ascii_case(name))?;
    head.get(at + name.len()..).map(<[u8]>::trim_ascii_start)
}

/// How long the request's body is. One in chunks is an error: nobody here has to send one.
fn body_length(head: &[u8]) -> Result<usize, Failure> {
    match header(head, b"\r\ncontent-length:") {
        Some(length) => Ok(digits(length) as usize),
        None if head.starts_with(b"POST") => Err("a body without Content-Length".into()),
        None => Ok(0),
    }
}

async fn converse(mut stream: TcpStream, answers: Rc<Answers>) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
    let mut read: Vec<u8> = Vec::with_capacity(16 * 1024);
    loop {
        let head = loop {
            if let Some(end) = find(&read, b"\r\n\r\n") {
                break end;
            }
            if stream.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
        };
        let length = head + 4 + body_length(read.get(..head).unwrap_or_default())?;
        while read.len() < length {
            if stream.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
        }
        let mut words = read.get(..head).unwrap_or_default().split(|byte| *byte == b' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if target == b"/counts" {
            stream.write_all(&answers.counts()).await?;
        } else if let Some(told) = answers.told(target).or_else(|| answers.contact(target)) {
            stream.write_all(&told).await?;
        } else if let Some(found) = answers.find(method, target) {
            stream.write_all(found).await?;
        } else {
            stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await?;
        }
        read.drain(..length);
    }
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, port, folder] = arguments.as_slice() else {
        return Err("usage: upstream PORT FOLDER".into());
    };
    let answers = Rc::new(Answers::read(Path::new(folder))?);
    let port: u16 = port.parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async move {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            let answers = Rc::clone(&answers);
            tokio::task::spawn_local(async move {
                if let Err(error) = converse(stream, answers).await {
                    eprintln!("upstream: {error}");
                }
            });
        }
    })
}
