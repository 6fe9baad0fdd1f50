//! CONTRIBUTING.md to the letter: one line of one mapping file adds a field to a dialect's answer.

use std::fs;

use deskbridge::dialect::embedded::Files;

use crate::support::gateway::{Gateway, deskbridge};
use crate::support::text;

#[tokio::test]
async fn a_field_is_one_line_of_one_mapping_file() {
    let page = text("CONTRIBUTING.md");
    let section = page.split("## Add a field").nth(1).unwrap().split("\n## ").next().unwrap();
    let diff = section.split("```diff\n").nth(1).unwrap().split("```").next().unwrap();
    let mut lines = diff.lines();
    let file = lines.find_map(|l| l.strip_prefix("+++ b/mappings/")).unwrap();
    let changed: Vec<&str> = lines.filter(|l| !l.starts_with("@@")).collect();
    let [before, added] = changed[..] else { panic!("more than one line is added: {diff}") };
    let before = before.strip_prefix(' ').unwrap();
    let added = added.strip_prefix('+').unwrap();

    let folder = tempfile::tempdir().unwrap();
    let mappings = folder.path().join("mappings");
    Files::embedded().export(&mappings).unwrap();
    let path = mappings.join(file);
    let old = fs::read_to_string(&path).unwrap();
    assert_eq!(old.lines().filter(|l| *l == before).count(), 1, "`{before}` of the diff in {file}");
    fs::write(&path, old.replacen(before, &format!("{before}\n{added}"), 1)).unwrap();

    // Every command of the section that ends by itself.
    let name = mappings.display().to_string();
    let commands: Vec<&str> =
        section.lines().filter_map(|l| l.strip_prefix("cargo run -q -- ")).collect();
    let mut shown = Vec::new();
    for command in commands.iter().filter(|c| !c.starts_with("serve")) {
        let words: Vec<String> = command
            .split_whitespace()
            .take_while(|word| *word != "#")
            .map(|word| word.replacen("mappings", &name, usize::from(word.starts_with("mappings"))))
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let output = deskbridge(&words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}\n{said}");
        shown.push(String::from_utf8(output.stdout).unwrap());
    }
    assert_eq!(shown.len(), 2, "check and translate: {commands:?}");
    assert!(shown[1].contains("due_at"), "{}", shown[1]);

    let gateway = Gateway::start(None, Some(&mappings)).await;
    let token = [("api_access_token", "demo-agent")];
    let details = "/api/v1/accounts/1/conversations/1";
    let answer = gateway.client().get(details, &token).await.expect(200).value();
    let keys: Vec<&str> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    let at = keys.iter().position(|k| *k == "due_at").expect("the new field is served");
    assert_eq!(keys[at - 1], "unread_count", "in the place where the line stands");
    assert_eq!(answer["due_at"], 1_778_778_000, "2026-05-14T17:00:00Z");

    let before = Gateway::sandbox().await.client().get(details, &token).await.expect(200).value();
    assert!(before.get("due_at").is_none());
}
