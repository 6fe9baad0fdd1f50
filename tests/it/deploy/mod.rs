//! What `deploy/` ships is what the program reads, and its parts agree with each other.

mod image;

use std::fs;
use std::path::Path;

use deskbridge::config::{Input, load};
use deskbridge::dialect::embedded::Files;

/// Where the production configuration looks for secrets.
const SECRETS: &str = "/run/secrets/deskbridge";

#[test]
fn the_production_configuration_loads() {
    let folder = tempfile::tempdir().unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/deskbridge.yaml");
    let text = fs::read_to_string(shipped).unwrap();
    for secret in ["backend-token", "dashboards-token", "order-sync-token"] {
        assert!(text.contains(&format!("{SECRETS}/{secret}")));
        fs::write(folder.path().join(secret), secret).unwrap();
    }
    let file = folder.path().join("deskbridge.yaml");
    fs::write(&file, text.replace(SECRETS, &folder.path().display().to_string())).unwrap();

    let config = load(&Input { file: Some(file), ..Input::default() })
        .unwrap_or_else(|problems| panic!("{problems}"));
    config.check_dialects(&Files::embedded().dialects()).unwrap();

    // What stands in the file as a default is one, and no key of these blocks is missing there.
    let empty = folder.path().join("empty.yaml");
    let least = "upstreams: { main: { kind: sandbox } }\ntenants: { acme: { upstream: main } }\n";
    fs::write(&empty, least).unwrap();
    let defaults = load(&Input { file: Some(empty), ..Input::default() }).unwrap().to_json();
    let mut written = config.to_json();
    written["limits"]["rate"] = serde_json::Value::Null;
    written["telemetry"]["log"] = "auto".into();
    for block in ["resilience", "cache", "limits", "telemetry"] {
        assert_eq!(written[block], defaults[block], "{block}");
        for key in defaults[block].as_object().unwrap().keys() {
            assert!(
                text.contains(&format!("  {key}:")),
                "deploy/deskbridge.yaml has no {block}.{key}"
            );
        }
    }
}
