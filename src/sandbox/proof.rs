//! The proof that a contact is who it says: a keyed hash of its identifier, made by the business with
//! the secret of the inbox.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value};
use sha2::Sha256;

use crate::sandbox::desk::Desk;
use crate::sandbox::fault::{Fault, invalid};
use crate::sandbox::store::{self, Row, Table};

/// Where a body has the proof.
const POINTER: &str = "/identifier_hash";

/// Whether a body proves that its `identifier`, or else the one that is known, is the contact's own.
/// Refuses a wrong proof, and none where the inbox asks for one.
pub(super) fn holds(
    desk: &Desk<'_>,
    inbox: &Row,
    body: &Map<String, Value>,
    known: Option<&str>,
) -> Result<bool, Fault> {
    let given = |name: &str| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let Some(proof) = given("identifier_hash") else {
        // The people of the business know whom they write down.
        let asks = matches!(desk.who.kind, "contact" | "system");
        if asks && inbox.is("identity_validation_required") {
            return Err(invalid(POINTER, "required", "this inbox asks who a contact is"));
        }
        return Ok(false);
    };
    let identifier = given("identifier").or(known).unwrap_or_default();
    let secret = inbox.text("identity_secret").filter(|secret| !secret.is_empty());
    if secret.is_some_and(|secret| proves(secret, identifier, proof)) {
        return Ok(true);
    }
    Err(invalid(POINTER, "invalid", "does not prove the identifier"))
}

/// Notes that the contact behind an identity has been proved.
pub(super) fn note(desk: &Desk<'_>, identity: &mut Row) -> Result<(), Fault> {
    if identity.is("verified") {
        return Ok(());
    }
    identity.set("verified", true);
    identity.set("updated_at", desk.now.as_str());
    store::save(desk.db, Table::Identity, identity)
}

/// In the time that every other proof of the same length takes.
fn proves(secret: &str, identifier: &str, proof: &str) -> bool {
    let Some(proof) = bytes(proof) else { return false };
    let Ok(mut code) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return false };
    code.update(identifier.as_bytes());
    code.verify_slice(&proof).is_ok()
}

/// Hexadecimal digits in small letters, as bytes.
fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digit = |c: &u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    let pair = |[high, low]: &[u8; 2]| Some(digit(high)? * 16 + digit(low)?);
    rest.is_empty().then(|| pairs.iter().map(pair).collect())?
}

#[cfg(test)]
mod tests {
    use super::proves;

    const SECRET: &str = "hT5uE2wQ8nKc4LpX9sVb1mZr";
    const PROOF: &str = "e07ed9a9fd174e2303b0d542c3795abb944a23a62326d7d2b7e8d82994dae52d";

    #[test]
    fn only_the_right_hash_with_the_right_secret_proves() {
        assert!(proves(SECRET, "crm-88121", PROOF));
        for (secret, identifier, proof) in [
            ("another secret", "crm-88121", PROOF),
            (SECRET, "crm-88122", PROOF),
            (SECRET, "crm-88121", &PROOF.to_uppercase()),
            (SECRET, "crm-88121", &PROOF[..62]),
            (SECRET, "crm-88121", &PROOF[..63]),
            (SECRET, "crm-88121", ""),
            (SECRET, "crm-88121", "zz"),
        ] {
            assert!(!proves(secret, identifier, proof), "{secret} {identifier} {proof}");
        }
    }
}
