//! TLS to a backend: whom to believe, which name it must have, and who we are.
//!
//! TLS 1.2 at least, HTTP/1.1 alone, and no way around the check of certificates. Files are read
//! once, when the configuration is; a changed one holds from the next reading on.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::{Error as Pem, PemObject as _};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use sha2::{Digest as _, Sha256};

/// What an operator says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params {
    /// Whose certificates are believed.
    pub ca: Ca,
    /// The name that the backend's certificate must have, and that it is asked for (SNI); `None` is
    /// the host of its address.
    pub server_name: Option<String>,
    /// Our own certificate and its key, where the backend wants one.
    pub client: Option<Client>,
}

/// Whose certificates are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Ca {
    /// Whose the system believes.
    #[default]
    System,
    /// Those of the authorities in this file (PEM), and nobody else's.
    File(PathBuf),
}

/// Who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// File of the certificate and what leads from it to an authority (PEM).
    pub certificate: PathBuf,
    /// File of its key (PEM).
    pub key: PathBuf,
}

/// What of [`Params`] cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// [`Params::ca`]
    Ca,
    /// [`Params::server_name`]
    ServerName,
    /// [`Client::certificate`]
    ClientCertificate,
    /// [`Client::key`]
    ClientKey,
}

/// Why not. Nothing of a file's content is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Fault {
    /// What.
    pub part: Part,
    /// In words that follow the name of the key.
    pub why: String,
}

/// TLS that is ready to be used. Clones share it.
#[derive(Clone)]
pub struct Tls {
    pub(super) config: Arc<ClientConfig>,
    pub(super) name: Option<ServerName<'static>>,
    /// Of everything it was made of.
    digest: [u8; 32],
}

impl PartialEq for Tls {
    /// Whether it was made of the same certificates, key and name: a renewed file makes another one.
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

/// Reads a file.
pub type Read<'r> = &'r mut dyn FnMut(&Path) -> io::Result<Vec<u8>>;

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Tls {
    /// Has the files read, with `read`.
    ///
    /// # Errors
    ///
    /// Everything that cannot be used.
    pub fn new(params: &Params, read: Read<'_>) -> Result<Self, Vec<Fault>> {
        let provider = Arc::new(ring::default_provider());
        let mut faults = Vec::new();
        let mut keep = |fault| faults.push(fault);
        let mut made_of = Sha256::new();
        let mut read = |path: &Path| {
            let content = read(path)?;
            made_of.update(content.len().to_be_bytes());
            made_of.update(&content);
            Ok(content)
        };
        let roots = roots(&params.ca, &mut read).map_err(&mut keep).ok();
        let name = params.server_name.as_deref().map(server_name);
        let name = name.transpose().map_err(&mut keep).ok();
        let client = params.client.as_ref().map(|client| identity(client, &provider, &mut read));
        let client = client.transpose().map_err(&mut keep).ok();
        let (Some(roots), Some(name), Some(client)) = (roots, name, client) else {
            return Err(faults);
        };
        // The system's authorities are in files that are not ours to read.
        roots.roots.iter().for_each(|root| made_of.update(&root.subject_public_key_info));
        made_of.update(params.server_name.as_deref().unwrap_or_default());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| vec![Part::Ca.fault(error.to_string())])?
            .with_root_certificates(roots);
        let mut config = match client {
            Some(key) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key))),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), name, digest: made_of.finalize().into() })
    }
}

fn roots(ca: &Ca, read: Read<'_>) -> Result<RootCertStore, Fault> {
    let (found, whose) = match ca {
        Ca::System => {
            (rustls_native_certs::load_native_certs().certs, "the system's store of authorities")
        }
        Ca::File(path) => (certificates(path, Part::Ca, read)?, "the file"),
    };
    let mut roots = RootCertStore::empty();
    // A store holds some that are too old to be read; one that is left will do.
    let (usable, _) = roots.add_parsable_certificates(found);
    if usable == 0 {
        return Err(Part::Ca.fault(format!("{whose} holds no certificate that can be used")));
    }
    Ok(roots)
}

fn server_name(name: &str) -> Result<ServerName<'static>, Fault> {
    let owned = ServerName::try_from(name.to_owned());
    owned.map_err(|_| Part::ServerName.fault(format!("`{name}` is no host name")))
}

fn identity(
    client: &Client,
    provider: &CryptoProvider,
    read: Read<'_>,
) -> Result<CertifiedKey, Fault> {
    let chain = certificates(&client.certificate, Part::ClientCertificate, read)?;
    let key = read(&client.key)
        .map_err(Pem::Io)
        .and_then(|text| PrivateKeyDer::from_pem_slice(&text))
        .map_err(|error| unreadable(error, Part::ClientKey, &client.key, "private key"))?;
    CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            Part::ClientKey.fault("the key is not that of `client_certificate`".to_owned())
        }
        rustls::Error::InvalidCertificate(_) => {
            Part::ClientCertificate.fault("the certificate cannot be read".to_owned())
        }
        _ => Part::ClientKey.fault("this kind of key is not supported".to_owned()),
    })
}

fn certificates(
    path: &Path,
    part: Part,
    read: Read<'_>,
) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let unreadable = |error| unreadable(error, part, path, "certificate");
    let found: Result<Vec<_>, _> = read(path)
        .map_err(Pem::Io)
        .and_then(|text| CertificateDer::pem_slice_iter(&text).collect());
    match found.map_err(unreadable)? {
        none if none.is_empty() => Err(unreadable(Pem::NoItemsFound)),
        found => Ok(found),
    }
}

fn unreadable(error: Pem, part: Part, path: &Path, what: &str) -> Fault {
    let path = path.display();
    part.fault(match error {
        Pem::Io(error) => format!("`{path}` cannot be read: {error}"),
        Pem::NoItemsFound => format!("`{path}` holds no {what} (PEM)"),
        _ => format!("`{path}` is no PEM file"),
    })
}

impl Part {
    /// The key that says it.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Ca => "ca",
            Self::ServerName => "server_name",
            Self::ClientCertificate => "client_certificate",
            Self::ClientKey => "client_key",
        }
    }

    fn fault(self, why: String) -> Fault {
        Fault { part: self, why }
    }
}

#[cfg(test)]
mod tests;
