//! `health [--admin ADDR]`: for container health checks, so it needs no client library and no
//! runtime. Of the configuration it reads the one address and no secret; a file that has become
//! unreadable says nothing, as the gateway itself may well go on with what it read before.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::cli::args::Health;
use crate::cli::{Console, Environment, Exit};
use crate::config::{default_file, glance};

const ADMIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);
/// Shorter than the time that container runtimes usually give a check.
const PATIENCE: Duration = Duration::from_secs(3);
const LONGEST_ANSWER: u64 = 64 * 1024;

pub(super) fn run(args: &Health, environment: &Environment, console: &mut Console<'_>) -> Exit {
    let said = environment.get("DESKBRIDGE__ADMIN__LISTEN").map(|text| text.parse());
    let address = match (args.admin, said) {
        (Some(address), _) | (None, Some(Ok(address))) => address,
        (None, None) => {
            let file = args.config.clone().or_else(default_file);
            file.and_then(|file| glance::admin_listen(&file)).unwrap_or(ADMIN)
        }
        (None, Some(Err(_))) => {
            console.complain("error: DESKBRIDGE__ADMIN__LISTEN is no address with a port\n");
            return Exit::Usage;
        }
    };
    let address = reachable(address);
    match ask(address) {
        Ok(answer) if answer.status == 200 => {
            console.say("ready\n");
            Exit::Done
        }
        Ok(answer) => {
            console.complain(&format!("not ready ({}): {}\n", answer.status, answer.body.trim()));
            Exit::Problems
        }
        Err(error) => {
            console.complain(&format!("{address} does not answer: {error}\n"));
            Exit::Problems
        }
    }
}

/// Who listens on every address is asked on loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

struct Answer {
    status: u16,
    body: String,
}

fn ask(address: SocketAddr) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = format!("GET /ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .ok_or_else(|| std::io::Error::other("the answer is no HTTP"))?;
    Ok(Answer { status, body: body.to_owned() })
}
