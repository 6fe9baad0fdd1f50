//! The shipped binary, serving in a process of its own.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use tokio::sync::mpsc;

use super::client::Client;
use super::gateway::SECRETS;

/// Longer than anything here takes, so that a process that hangs fails its test.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that serves. Dropped, it is killed.
pub(crate) struct Shipped {
    pub(crate) address: SocketAddr,
    pub(crate) admin_address: SocketAddr,
    child: Child,
    lines: mpsc::UnboundedReceiver<String>,
    /// What it has written so far.
    pub(crate) written: Vec<String>,
}

impl Shipped {
    /// Starts `deskbridge serve` with these arguments on free ports, and waits until it listens.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_deskbridge"))
            .args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .args(arguments)
            .envs(SECRETS.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = follow(child.stdout.take().unwrap());
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut shipped =
            Self { address: unknown, admin_address: unknown, child, lines, written: Vec::new() };
        let banner = shipped.line(|line| line.contains(" listens on ")).await;
        let mut addresses = banner.split("http://").skip(1).map(|rest| {
            let end = rest
                .find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':')
                .unwrap_or(rest.len());
            rest[..end].parse().unwrap()
        });
        shipped.address = addresses.next().unwrap();
        shipped.admin_address = addresses.next().unwrap();
        shipped
    }

    /// The next line it writes that fits.
    pub(crate) async fn line(&mut self, fits: impl Fn(&str) -> bool) -> String {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.lines.recv()).await;
            let Ok(Some(line)) = next else {
                let mut errors = String::new();
                if next.is_ok() {
                    let _ = self.child.stderr.take().unwrap().read_to_string(&mut errors);
                }
                panic!("no such line in\n{}\n{errors}", self.written.join("\n"));
            };
            self.written.push(line.clone());
            if fits(&line) {
                return line;
            }
        }
    }

    /// A client of its public side.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// A client of its admin side.
    pub(crate) fn admin(&self) -> Client {
        Client::new(self.admin_address)
    }

    /// What the kernel says of the process: a file of `/proc/PID`.
    #[cfg(target_os = "linux")]
    pub(crate) fn told(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap()
    }

    /// Sends it SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits until it ends; gives its exit code and all it wrote to standard output.
    pub(crate) async fn ended(mut self) -> (Option<i32>, Vec<String>) {
        let mut written = std::mem::take(&mut self.written);
        let rest = async {
            while let Some(line) = self.lines.recv().await {
                written.push(line);
            }
        };
        tokio::time::timeout(PATIENCE, rest).await.expect("it does not end");
        (self.child.wait().unwrap().code(), written)
    }
}

impl Drop for Shipped {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads on a thread of its own, so that a full pipe never holds the process up.
fn follow(stdout: ChildStdout) -> mpsc::UnboundedReceiver<String> {
    let (tell, lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if tell.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

/// A folder with this configuration as `deskbridge.yaml`, and its path as text.
pub(crate) fn configuration(yaml: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deskbridge.yaml");
    std::fs::write(&file, yaml).unwrap();
    let path = file.display().to_string();
    (folder, path)
}
