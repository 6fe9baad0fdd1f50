//! Secrets of what is made here (`x-secret`): told in the answer to the creation and kept nowhere, so
//! that nothing can tell them again.

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::canonical::contract::Stored;
use crate::sandbox::desk::Desk;
use crate::sandbox::store::Row;

/// Letters of a secret.
const LENGTH: usize = 24;

/// Sets a secret in each member that is one.
pub(super) fn tell(desk: &Desk<'_>, stored: &Stored, row: &Row, object: &mut Map<String, Value>) {
    for property in desk.contract().properties(stored.schema) {
        if property.secret {
            object.insert(property.name.to_string(), secret(desk, row, &property.name).into());
        }
    }
}

/// Letters and digits that nobody can guess; those of the same resource again where nothing may be
/// left to chance.
fn secret(desk: &Desk<'_>, row: &Row, member: &str) -> String {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let hash = Sha256::new_with_prefix(&row.id).chain_update([0]).chain_update(member);
    let hash = match desk.repeatable() {
        true => hash,
        // Two of them, since some bits of each are always the same.
        false => hash
            .chain_update(uuid::Uuid::new_v4().as_bytes())
            .chain_update(uuid::Uuid::new_v4().as_bytes()),
    };
    let letters = hash.finalize().into_iter().take(LENGTH);
    letters
        .filter_map(|byte| LETTERS.get(usize::from(byte) % 62).copied())
        .map(char::from)
        .collect()
}
