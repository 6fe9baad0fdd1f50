//! Configuration, secrets and mappings read again under a running gateway.

mod backends; // another backend, and what may still be said of the old one
mod load; // nobody notices, however many ask
mod mappings; // dialects that change under those who speak them
mod shipped; // signals and files, under the shipped binary
mod switches; // what the configuration switches, and what it cannot

use std::path::{Path, PathBuf};

use deskbridge::dialect::embedded::Files;
use http::Method;
use serde_json::Value;

use crate::support::answers_last;
use crate::support::backend::Backend;
use crate::support::client::{Answer, Client};
use crate::support::desk;
use crate::support::gateway::{Gateway, in_front_of};

/// A backend that knows a conversation, and a gateway in front of it that is told to reload.
struct Desk {
    backend: Backend,
    gateway: Gateway,
    mappings: Mappings,
}

impl Desk {
    async fn new() -> Self {
        let backend = Backend::start().await;
        desk::serve(&backend);
        let mappings = Mappings::new();
        let gateway = Gateway::start(Some(&unwatched(&backend)), Some(mappings.path())).await;
        Self { backend, gateway, mappings }
    }

    fn client(&self) -> Client {
        self.gateway.client()
    }

    /// Another configuration.
    fn write(&self, yaml: &str) {
        std::fs::write(self.gateway.folder.path().join("deskbridge.yaml"), yaml).unwrap();
    }

    /// Asks for a reload.
    async fn reload(&self) -> Answer {
        reload(&self.gateway.admin()).await
    }

    /// Reloads with success.
    async fn applied(&self) -> Value {
        let told = self.reload().await.expect(200).value();
        assert_eq!(told["outcome"], "applied", "{told:#}");
        told
    }

    /// Reloads in vain.
    async fn refused(&self) -> Value {
        let told = self.reload().await.expect(422).value();
        assert_eq!(told["outcome"], "refused", "{told:#}");
        told
    }
}

async fn reload(admin: &Client) -> Answer {
    admin.send(Method::POST, "/reload", &[], "").await
}

/// In front of a backend, all dialects mounted; reloads only when asked.
fn unwatched(backend: &Backend) -> String {
    in_front_of(&backend.address.to_string(), "reload: { watch: false }\n")
}

/// A folder with the shipped account dialect in it, to be changed.
struct Mappings(tempfile::TempDir);

impl Mappings {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_account(folder.path());
        answers_last(folder.path());
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn records(&self) -> PathBuf {
        self.path().join("account/records.yaml")
    }

    /// As it is shipped.
    fn as_shipped(&self) {
        write_account(self.path());
    }

    /// A conversation shows its subject.
    fn with_subject(&self) {
        std::fs::write(self.records(), records_with_subject("$.subject")).unwrap();
    }

    /// A conversation shows something that the contract does not have.
    fn broken(&self) {
        std::fs::write(self.records(), records_with_subject("$.subjet")).unwrap();
    }
}

fn write_account(folder: &Path) {
    let shipped = Files::embedded();
    for path in shipped.paths().filter(|p| p.starts_with("account/") && !p.contains("/examples/")) {
        let to = folder.join(path);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::write(to, &*shipped.read(path).unwrap()).unwrap();
    }
}

fn records_with_subject(place: &str) -> String {
    let text = Files::embedded().read("account/records.yaml").unwrap().into_owned();
    let (line, drop) = ("      unread_count: { at: $.unread_count", "          - $.subject\n");
    assert_eq!((text.matches(line).count(), text.matches(drop).count()), (1, 1));
    text.replace(drop, "").replace(line, &format!("      subject: {place}\n{line}"))
}
