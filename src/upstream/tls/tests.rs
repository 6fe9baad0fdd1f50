use std::fs;

use rcgen::{CertificateParams, KeyPair};

use super::*;

/// A certificate and a key, as PEM.
fn made() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["gateway.example".to_owned()]).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

fn ready(params: &Params) -> Result<Tls, Vec<Fault>> {
    Tls::new(params, &mut |path| fs::read(path))
}

fn faults(params: &Params) -> Vec<(Part, String)> {
    let faults = ready(params).map(drop).unwrap_err();
    faults.into_iter().map(|fault| (fault.part, fault.why)).collect()
}

#[test]
fn everything_that_cannot_be_used_is_named() {
    let folder = Folder(tempfile::tempdir().unwrap());
    let (certificate, key) = made();
    let (_, other) = made();
    let certificate = folder.file("tls.crt", &certificate);
    let key = folder.file("tls.key", &key);
    let other = folder.file("other.key", &other);
    let empty = folder.file("empty.pem", "");
    let garbled = folder.file("garbled.pem", "-----BEGIN CERTIFICATE-----\n?\n");
    let nonsense = folder
        .file("nonsense.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let missing = folder.0.path().join("missing.pem");
    let ca = |path: &PathBuf| Params { ca: Ca::File(path.clone()), ..Params::default() };
    let client = |certificate: &PathBuf, key: &PathBuf| Params {
        client: Some(Client { certificate: certificate.clone(), key: key.clone() }),
        ..ca(certificate)
    };

    let whole = Params { server_name: Some("db.example".into()), ..client(&certificate, &key) };
    let made = ready(&whole).unwrap();
    assert_eq!(made.config.alpn_protocols, [b"http/1.1"]);
    assert!(!format!("{made:?}").contains("PRIVATE"));

    for (params, part, word) in [
        (ca(&missing), Part::Ca, "cannot be read"),
        (ca(&empty), Part::Ca, "holds no certificate"),
        (ca(&key), Part::Ca, "holds no certificate"),
        (ca(&garbled), Part::Ca, "no PEM"),
        (ca(&nonsense), Part::Ca, "no certificate that can be used"),
        (client(&certificate, &missing), Part::ClientKey, "cannot be read"),
        (client(&certificate, &empty), Part::ClientKey, "holds no private key"),
        (client(&certificate, &other), Part::ClientKey, "not that of `client_certificate`"),
        (
            Params { server_name: Some("no name".into()), ..ca(&certificate) },
            Part::ServerName,
            "`no name` is no host name",
        ),
    ] {
        let found = faults(&params);
        assert!(found.len() == 1 && found[0].0 == part && found[0].1.contains(word), "{found:?}");
    }
    let wrong = Params { server_name: Some(String::new()), ..client(&missing, &missing) };
    let parts: Vec<Part> = faults(&wrong).into_iter().map(|(part, _)| part).collect();
    assert_eq!(parts, [Part::Ca, Part::ServerName, Part::ClientCertificate], "all at once");
}

#[test]
fn a_renewed_file_makes_another_one_and_the_same_makes_the_same() {
    let folder = Folder(tempfile::tempdir().unwrap());
    let (first, _) = made();
    let (second, _) = made();
    let path = folder.file("ca.pem", &first);
    let params = Params { ca: Ca::File(path), ..Params::default() };
    let before = ready(&params).unwrap();
    assert!(before == ready(&params).unwrap());
    folder.file("ca.pem", &second);
    assert!(before != ready(&params).unwrap());
    folder.file("ca.pem", &first);
    assert!(before == ready(&params).unwrap());
    assert!(before != ready(&Params { server_name: Some("a".into()), ..params }).unwrap());
}
