//! `upstreams.NAME.tls`: the files are read here, so that a missing one is said where it is named.

use std::path::PathBuf;

use crate::config::raw::{Reading, Section};
use crate::config::resolve::path;
use crate::syntax::{Code, Diagnostic};
use crate::upstream::tls::{Ca, Client, Params, Tls};

/// Whom the system believes, in place of a file.
const SYSTEM: &str = "system";

/// What `https://` needs. `wanted`: the address begins so.
pub(super) fn tls(
    reading: &Reading<'_>,
    block: &mut Section<'_, '_>,
    wanted: bool,
) -> Option<(Params, Tls)> {
    let mut section = block.section("tls");
    let written = section.is_written();
    let ca = section.text("ca").filter(|ca| ca.value != SYSTEM);
    let ca = ca.and_then(|_| file(reading, &mut section, "ca").ok()?);
    let ca = ca.map_or(Ca::System, Ca::File);
    let server_name = section.text("server_name").map(|name| name.value);
    let certificate = file(reading, &mut section, "client_certificate");
    let key = file(reading, &mut section, "client_key");
    let client = match (certificate, key) {
        (Ok(Some(certificate)), Ok(Some(key))) => Some(Client { certificate, key }),
        // One that is wrong has been reported.
        (Ok(None), Ok(None)) | (Err(Wrong), _) | (_, Err(Wrong)) => None,
        (Ok(given), _) => {
            let (given, missing) = match given {
                Some(_) => ("client_certificate", "client_key"),
                None => ("client_key", "client_certificate"),
            };
            let message = format!("`{given}` goes with `{missing}`, which is not given");
            let span = section.span_of(given);
            reading.push(Diagnostic::error(Code::ConfigMissing, span, message));
            None
        }
    };
    if !wanted {
        if written {
            let message = "`tls` is for an address that begins with `https://`";
            reading.push(reading.invalid(block.span_of("url"), message));
        }
        section.finish();
        return None;
    }
    let params = Params { ca, server_name, client };
    let ready = Tls::new(&params, &mut |path| reading.bytes(path)).map_err(|faults| {
        for fault in faults {
            let key = fault.part.key();
            let message = format!("`tls.{key}`: {}", fault.why);
            reading.push(reading.invalid(section.span_of(key), message));
        }
    });
    section.finish();
    Some((params, ready.ok()?))
}

/// Written, and not usable.
struct Wrong;

/// The path of a file under `key`. Its content, written there by mistake, is not repeated.
fn file(
    reading: &Reading<'_>,
    section: &mut Section<'_, '_>,
    key: &'static str,
) -> Result<Option<PathBuf>, Wrong> {
    let Some(written) = section.text(key) else { return Ok(None) };
    if written.value.contains("-----BEGIN") {
        let message = format!("`tls.{key}` is the path of a file, not what is in it");
        reading.push(reading.invalid(written.span, message));
        return Err(Wrong);
    }
    Ok(path(reading, section, key))
}
