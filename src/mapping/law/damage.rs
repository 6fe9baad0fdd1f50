//! Documents with something wrong.

use super::json::Json;
use super::rng::Rng;
use super::tokens::{ANYTHING, TEXTS};

/// A document with something wrong: cut off, or a member of another type or missing.
#[must_use]
pub fn broken(document: &str, seed: u64) -> String {
    let mut rng = Rng::new(seed);
    if rng.once_in(8) {
        let mut at = rng.below(document.len());
        while !document.is_char_boundary(at) {
            at -= 1;
        }
        return document.get(..at).unwrap_or_default().to_owned();
    }
    if rng.once_in(12) {
        let at = rng.below(document.len());
        let mut bytes = document.as_bytes().to_vec();
        if let (Some(byte), Some(other)) = (bytes.get_mut(at), rng.choose(b"{}[]\",:0a\\")) {
            *byte = *other;
        }
        return String::from_utf8(bytes).unwrap_or_else(|_| document.replace(':', " "));
    }
    wrong(&Json::read(document), &mut rng).to_string()
}

/// JSON with values of other types and members missing, up to four of them.
#[must_use]
pub(super) fn wrong(document: &Json, rng: &mut Rng) -> Json {
    let mut tree = document.clone();
    for _ in 0..=rng.below(4) {
        let mut at = rng.below(count(&tree));
        damage(&mut tree, &mut at, rng);
    }
    tree
}

fn count(tree: &Json) -> usize {
    1 + match tree {
        Json::List(all) => all.iter().map(count).sum(),
        Json::Object(all) => all.iter().map(|(_, value)| count(value)).sum::<usize>(),
        _ => 0,
    }
}

/// Damages the `at`-th value, in the order of the text.
fn damage(tree: &mut Json, at: &mut usize, rng: &mut Rng) -> bool {
    if *at == 0 {
        *tree = Json::read(match rng.below(6) {
            0 | 1 => "null",
            2 => rng.pick(TEXTS),
            3 => rng.pick(&["1.5", "-1", "0", "1e3", "9007199254740993", "18446744073709551615"]),
            4 => rng.pick(ANYTHING),
            _ => rng.pick(&["true", "[[null]]", r#""\u006fpen""#, r#"{"type":"text"}"#]),
        });
        return true;
    }
    *at -= 1;
    match tree {
        Json::List(all) => all.iter_mut().any(|element| damage(element, at, rng)),
        Json::Object(all) => {
            for index in 0..all.len() {
                if *at == 0 && rng.once_in(3) {
                    all.remove(index);
                    return true;
                }
                if all.get_mut(index).is_some_and(|(_, value)| damage(value, at, rng)) {
                    return true;
                }
            }
            false
        }
        _ => false,
    }
}
