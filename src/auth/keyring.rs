//! The credentials of the configuration, hashed: which principal a secret stands for.
//!
//! Nothing here can give a secret back. Digests are keyed with random bytes of this process, so
//! that the time a look-up takes tells nothing about a stored digest, and a dump of the memory
//! nothing about the secrets.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use foldhash::fast::RandomState;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::canonical::{Access, Actor, Facts, Principal, ReadsAs, Tenant};

/// The credentials that the configuration lists. Names are unique; no secret stands twice for one
/// tenant and dialect.
pub type Params = Vec<Credential>;

/// A credential, as the configuration says it.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Its name in logs, rate limits and metrics.
    pub name: Arc<str>,
    /// What a client sends.
    pub secret: SecretString,
    /// Whose backend it opens.
    pub tenant: Tenant,
    /// The account it belongs to; `None` for what belongs to none (platform applications).
    pub account: Option<Box<str>>,
    /// As whom the backend is asked.
    pub actor: Actor,
    /// The dialects it is good for; none listed is all of them.
    pub dialects: Vec<Box<str>>,
    /// Reads, or writes too.
    pub access: Access,
    /// Whether its bearer may say as whom it asks (`Deskbridge-Actor`).
    pub act_as: bool,
    /// As whom objects are read.
    pub reads_as: ReadsAs,
}

impl Credential {
    /// Whether it is good for a dialect.
    #[must_use]
    pub fn opens(&self, dialect: &str) -> bool {
        self.dialects.is_empty() || self.dialects.iter().any(|d| **d == *dialect)
    }
}

/// Credentials to look up by what a client sends.
pub struct Keyring {
    key: [u8; 32],
    /// By the digest of the secret, and the tenant: one secret that a thousand tenants have is found
    /// as quickly as another. More than one only where dialects tell them apart.
    entries: HashMap<[u8; 32], HashMap<Tenant, Vec<Entry>, RandomState>, RandomState>,
}

struct Entry {
    digest: [u8; 32],
    dialects: Vec<Box<str>>,
    principal: Arc<Principal>,
}

impl Keyring {
    /// A keyring of these credentials. Their secrets are not kept.
    #[must_use]
    pub fn new(credentials: &[Credential]) -> Self {
        let mut key = [0; 32];
        let random = Uuid::new_v4().into_bytes().into_iter().chain(Uuid::new_v4().into_bytes());
        for (byte, random) in key.iter_mut().zip(random) {
            *byte = random;
        }
        let mut keyring = Self { key, entries: HashMap::default() };
        for credential in credentials {
            let digest = keyring.digest(credential.secret.expose_secret().as_bytes());
            let of_tenants = keyring.entries.entry(digest).or_default();
            of_tenants.entry(credential.tenant.clone()).or_default().push(Entry {
                digest,
                dialects: credential.dialects.clone(),
                principal: Arc::new(principal(credential)),
            });
        }
        keyring
    }

    /// The principal that `secret` stands for in this dialect and for this tenant.
    #[must_use]
    pub fn find(&self, secret: &[u8], dialect: &str, tenant: &Tenant) -> Option<Arc<Principal>> {
        let digest = self.digest(secret);
        self.entries
            .get(&digest)?
            .get(tenant)?
            .iter()
            .filter(|entry| bool::from(entry.digest.ct_eq(&digest)))
            .find(|e| e.dialects.is_empty() || e.dialects.iter().any(|d| **d == *dialect))
            .map(|entry| Arc::clone(&entry.principal))
    }

    /// Hashed twice with the key, as HMAC does, so that no digest can be continued.
    fn digest(&self, secret: &[u8]) -> [u8; 32] {
        let inner = Sha256::new().chain_update(self.key).chain_update(secret).finalize();
        Sha256::new().chain_update(self.key).chain_update(inner).finalize().into()
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("secrets", &self.entries.len()).finish_non_exhaustive()
    }
}

/// What mapping files read of an actor: `kind`, `account`, and `agent` of a person. `account` is
/// JSON text.
pub(super) fn facts(actor: &Actor, account: Option<&str>) -> Facts {
    let (kind, agent) = match actor {
        Actor::Agent(id) => ("agent", Some(id)),
        Actor::Bot(_) => ("bot", None),
        Actor::Platform(_) => ("platform", None),
        Actor::ContactIdentity(_) => ("contact", None),
        Actor::Gateway => ("gateway", None),
    };
    let kind = Some(("kind", text(kind)));
    let account = account.map(|account| ("account", account.to_owned()));
    let agent = agent.map(|id| ("agent", text(id)));
    kind.into_iter().chain(account).chain(agent).collect()
}

fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn principal(credential: &Credential) -> Principal {
    let account = credential.account.as_deref().map(text);
    Principal {
        tenant: credential.tenant.clone(),
        name: Arc::clone(&credential.name),
        actor: credential.actor.clone(),
        access: credential.access,
        act_as: credential.act_as,
        reads_as: credential.reads_as,
        facts: facts(&credential.actor, account.as_deref()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(name: &str, secret: &str, tenant: &str, dialects: &[&str]) -> Credential {
        Credential {
            name: name.into(),
            secret: secret.into(),
            tenant: Tenant(tenant.into()),
            account: Some("1".into()),
            actor: Actor::Agent("n:2".into()),
            dialects: dialects.iter().map(|d| (*d).into()).collect(),
            access: Access::Read,
            act_as: false,
            reads_as: ReadsAs::default(),
        }
    }

    fn found(keyring: &Keyring, secret: &str, dialect: &str, tenant: &str) -> Option<String> {
        let tenant = Tenant(tenant.into());
        keyring.find(secret.as_bytes(), dialect, &tenant).map(|p| p.name.to_string())
    }

    #[test]
    fn a_secret_opens_its_tenant_and_its_dialects_and_nothing_else() {
        let keyring = Keyring::new(&[
            credential("dash", "s3cret", "acme", &["account"]),
            credential("any", "other", "acme", &[]),
        ]);
        assert_eq!(found(&keyring, "s3cret", "account", "acme").as_deref(), Some("dash"));
        assert_eq!(found(&keyring, "s3cret", "third-party", "acme"), None);
        assert_eq!(found(&keyring, "s3cret", "account", "globex"), None);
        assert_eq!(found(&keyring, "other", "third-party", "acme").as_deref(), Some("any"));
        for wrong in ["", "s3cre", "s3crets", "S3CRET"] {
            assert_eq!(found(&keyring, wrong, "account", "acme"), None, "{wrong}");
        }
    }

    #[test]
    fn one_secret_may_stand_for_different_principals_of_two_tenants() {
        let keyring = Keyring::new(&[
            credential("a", "same", "acme", &[]),
            credential("b", "same", "globex", &[]),
        ]);
        assert_eq!(found(&keyring, "same", "account", "acme").as_deref(), Some("a"));
        assert_eq!(found(&keyring, "same", "account", "globex").as_deref(), Some("b"));
    }

    #[test]
    fn one_secret_of_many_tenants_is_found_without_looking_at_the_others() {
        let tenants: Vec<String> = (0..1_000).map(|n| format!("tenant-{n}")).collect();
        let all = tenants.iter().map(|tenant| credential(tenant, "same", tenant, &[]));
        let keyring = Keyring::new(&all.collect::<Vec<_>>());
        let looked_at = keyring.entries.values().flat_map(HashMap::values);
        assert!(looked_at.clone().count() == 1_000 && looked_at.clone().all(|e| e.len() == 1));
        assert_eq!(found(&keyring, "same", "account", "tenant-7").as_deref(), Some("tenant-7"));
    }

    #[test]
    fn the_principal_says_what_the_configuration_said() {
        let keyring = Keyring::new(&[credential("dash", "s", "acme", &[])]);
        let principal = keyring.find(b"s", "account", &Tenant("acme".into())).unwrap();
        assert_eq!(principal.access, Access::Read);
        assert_eq!(principal.fact("kind"), Some("\"agent\""));
        assert_eq!(principal.fact("account"), Some("\"1\""));
        assert_eq!(principal.fact("agent"), Some("\"n:2\""));
    }

    #[test]
    fn no_secret_is_kept_or_shown() {
        let keyring = Keyring::new(&[credential("dash", "s3cret", "acme", &[])]);
        assert!(!format!("{keyring:?}").contains("s3cret"));
        assert!(!format!("{:?}", credential("dash", "s3cret", "acme", &[])).contains("s3cret"));
    }
}
