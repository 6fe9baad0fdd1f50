//! What happened on the way to a backend: the word of RFC 9209 for clients, and the whole chain of
//! causes for the log.

use std::error::Error as StdError;
use std::io;

use crate::upstream::client::Failure;
use crate::upstream::connect::Unreached;

/// Longest reason that is logged; certificates name what they like.
const LONGEST: usize = 500;

const CERTIFICATE: &str = "tls_certificate_error";
const ALERT: &str = "tls_alert_received";
const TLS: &str = "tls_protocol_error";

/// The word for an exchange without a whole answer.
pub(super) fn of(failure: &Failure) -> &'static str {
    match failure {
        Failure::Connect(error) => tls(error).unwrap_or_else(|| connect(error)),
        // With TLS 1.3 a backend that does not like our certificate says so after the handshake.
        Failure::Broken(error) => tls(&**error).unwrap_or_else(|| broken(&**error)),
        Failure::Cut(_) => "http_response_incomplete",
        Failure::Timeout(_) => "http_response_timeout",
        Failure::TooLarge(_) => "http_response_body_size",
    }
}

/// Whether the word is one of TLS.
pub(super) fn is_tls(word: &str) -> bool {
    [CERTIFICATE, ALERT, TLS].contains(&word)
}

/// Every cause, outermost first. For the log.
pub(super) fn reason(failure: &Failure) -> String {
    let mut reason = failure.to_string();
    for cause in causes(failure).skip(1) {
        let cause = cause.to_string();
        // A wrapper says what is in it.
        if !reason.ends_with(&cause) {
            reason.push_str(": ");
            reason.push_str(&cause);
        }
    }
    reason.retain(|c| !c.is_control());
    if let Some((end, _)) = reason.char_indices().nth(LONGEST) {
        reason.truncate(end);
    }
    reason
}

fn connect(error: &(dyn StdError + 'static)) -> &'static str {
    let timeout = |e: &(dyn StdError + 'static)| {
        matches!(e.downcast_ref(), Some(Unreached::Timeout(_)))
            || e.downcast_ref().is_some_and(|e: &io::Error| e.kind() == io::ErrorKind::TimedOut)
    };
    let refused = |e: &(dyn StdError + 'static)| {
        e.downcast_ref().is_some_and(|e: &io::Error| e.kind() == io::ErrorKind::ConnectionRefused)
    };
    if causes(error).any(timeout) {
        "connection_timeout"
    } else if causes(error).any(refused) {
        "connection_refused"
    // The client library has no type for it that can be seen.
    } else if causes(error).any(|e| e.to_string() == "dns error") {
        "dns_error"
    } else {
        "destination_unavailable"
    }
}

fn broken(error: &(dyn StdError + 'static)) -> &'static str {
    match causes(error).find_map(|e| e.downcast_ref::<hyper::Error>()) {
        Some(error) if error.is_parse_too_large() => "http_response_header_section_size",
        Some(error) if error.is_parse() => "http_protocol_error",
        _ => "connection_terminated",
    }
}

fn tls(error: &(dyn StdError + 'static)) -> Option<&'static str> {
    let error = causes(error).find_map(|e| e.downcast_ref::<rustls::Error>())?;
    Some(match error {
        rustls::Error::InvalidCertificate(_) => CERTIFICATE,
        rustls::Error::AlertReceived(_) => ALERT,
        _ => TLS,
    })
}

/// An error and what caused it. An input or output error hides the one it was made of from
/// `source`, so it is asked for it.
fn causes<'e>(
    error: &'e (dyn StdError + 'static),
) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as _),
            None => error.source(),
        };
        Some(error)
    })
}
