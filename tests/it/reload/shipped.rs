use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::Value;

use super::{Mappings, reload, write_account};
use crate::support::backend::Backend;
use crate::support::desk::{self, ACCOUNT, AGENT};
use crate::support::gateway::in_front_of;
use crate::support::shipped::{Shipped, configuration};

/// The next line about a reload.
async fn told(gateway: &mut Shipped) -> Value {
    let line = gateway.line(|line| line.contains("reload")).await;
    serde_json::from_str(&line).unwrap()
}

fn is(told: &Value, message: &str, trigger: &str) {
    let found = (told["message"].as_str().unwrap(), told["trigger"].as_str().unwrap());
    assert_eq!(found, (message, trigger), "{told:#}");
}

const REFUSED: &str = "reload refused: what was served before stays";

/// Puts a file in the place of another as editors do.
fn rename_over(file: &Path, text: &str) {
    let new = file.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, file).unwrap();
}

async fn subject(gateway: &Shipped) -> bool {
    let answer = gateway.client().get(ACCOUNT, AGENT).await.expect(200).value();
    answer["subject"].is_string()
}

#[tokio::test]
async fn a_hang_up_reloads_and_without_files_says_so() {
    let backend = Backend::start().await;
    desk::serve(&backend);
    let mappings = Mappings::new();
    let yaml = in_front_of(&backend.address.to_string(), "reload: { watch: false }\n");
    let (_folder, file) = configuration(&yaml);
    let path = mappings.path().display().to_string();
    let mut gateway = Shipped::start(&["--config", &file, "--mappings", &path]).await;
    assert!(!subject(&gateway).await);
    mappings.with_subject();
    gateway.signal("HUP");
    is(&told(&mut gateway).await, "reloaded", "signal");
    assert!(subject(&gateway).await);
    mappings.broken();
    gateway.signal("HUP");
    let refused = told(&mut gateway).await;
    is(&refused, REFUSED, "signal");
    let problems = refused["problems"].as_str().unwrap();
    assert!(problems.contains("error[E0302]") && problems.contains("records.yaml:"), "{problems}");
    assert!(subject(&gateway).await);

    let mut sandbox = Shipped::start(&[]).await;
    sandbox.signal("HUP");
    let nothing = told(&mut sandbox).await;
    is(&nothing, "nothing to reload: the gateway was started without files", "signal");
    sandbox.admin().get("/ready", &[]).await.expect(200);
}

#[tokio::test]
async fn files_that_change_are_noticed_however_they_do() {
    let backend = Backend::start().await;
    desk::serve(&backend);
    let yaml = in_front_of(&backend.address.to_string(), "mappings: { dir: mappings }\n")
        .replace("${env:AGENT_TOKEN}", "${file:secrets/agent}");
    let (folder, file) = configuration(&yaml);
    let mappings = folder.path().join("mappings");
    write_account(&mappings);
    let secret = folder.path().join("secrets/agent");
    std::fs::create_dir(secret.parent().unwrap()).unwrap();
    std::fs::write(&secret, "demo-agent").unwrap();
    let mut gateway = Shipped::start(&["--config", &file]).await;
    // Whatever has happened by now is over: what comes is what is done here.
    reload(&gateway.admin()).await.expect(200);
    told(&mut gateway).await;

    // A mapping, written over in its place.
    std::fs::write(mappings.join("account/records.yaml"), super::records_with_subject("$.subject"))
        .unwrap();
    is(&told(&mut gateway).await, "reloaded", "files");
    assert!(subject(&gateway).await);
    // The same, refused, and mended.
    rename_over(&mappings.join("account/records.yaml"), &super::records_with_subject("$.subjet"));
    is(&told(&mut gateway).await, REFUSED, "files");
    rename_over(&mappings.join("account/records.yaml"), &super::records_with_subject("$.subject"));
    let back = told(&mut gateway).await;
    is(&back, "nothing to reload: what is served is what the files say", "files");
    // The configuration, renamed into place.
    rename_over(Path::new(&file), &format!("{yaml}telemetry: {{ server_timing: true }}\n"));
    is(&told(&mut gateway).await, "reloaded", "files");
    let answer = gateway.client().get(ACCOUNT, AGENT).await.expect(200);
    assert!(!answer.header("server-timing").is_empty());
    // A secret.
    rename_over(&secret, "another");
    is(&told(&mut gateway).await, "reloaded", "files");
    gateway.client().get(ACCOUNT, AGENT).await.expect(401);
    // The folder of mappings as a whole, and then something in the new one.
    let next = folder.path().join("next");
    write_account(&next);
    std::fs::rename(&mappings, folder.path().join("last")).unwrap();
    std::fs::rename(&next, &mappings).unwrap();
    is(&told(&mut gateway).await, "reloaded", "files");
    std::fs::write(mappings.join("account/records.yaml"), super::records_with_subject("$.subject"))
        .unwrap();
    is(&told(&mut gateway).await, "reloaded", "files");
}

/// As a mounted ConfigMap changes: files are links through `..data`, a link to a folder of this
/// moment, which is swapped by a rename.
#[tokio::test]
async fn a_mount_that_swaps_its_link_is_noticed() {
    let backend = Backend::start().await;
    desk::serve(&backend);
    let folder = tempfile::tempdir().unwrap();
    let mount = folder.path().join("mount");
    std::fs::create_dir(&mount).unwrap();
    let moment = |name: &str, more: &str, subject: bool| {
        let at = mount.join(name);
        write_account(&at.join("mappings"));
        let yaml = in_front_of(&backend.address.to_string(), "mappings: { dir: mappings }\n");
        std::fs::write(at.join("deskbridge.yaml"), yaml + more).unwrap();
        if subject {
            let records = super::records_with_subject("$.subject");
            std::fs::write(at.join("mappings/account/records.yaml"), records).unwrap();
        }
        symlink(name, mount.join("..new")).unwrap();
        std::fs::rename(mount.join("..new"), mount.join("..data")).unwrap();
    };
    moment("..1", "", false);
    for name in ["deskbridge.yaml", "mappings"] {
        symlink(format!("..data/{name}"), mount.join(name)).unwrap();
    }
    let file = mount.join("deskbridge.yaml").display().to_string();
    let mut gateway = Shipped::start(&["--config", &file]).await;
    reload(&gateway.admin()).await.expect(200);
    told(&mut gateway).await;

    moment("..2", "", true);
    is(&told(&mut gateway).await, "reloaded", "files");
    assert!(subject(&gateway).await);
    std::fs::remove_dir_all(mount.join("..1")).unwrap();
    moment("..3", "telemetry: { server_timing: true }\n", true);
    is(&told(&mut gateway).await, "reloaded", "files");
    let answer = gateway.client().get(ACCOUNT, AGENT).await.expect(200);
    assert!(!answer.header("server-timing").is_empty());
}
