//! What may never be written.
//!
//! Log lines are made of named fields; a field with one of these names is written as
//! [`REDACTED`], whoever in the process logged it. The first defence is not to log such things;
//! this is the second.

/// What stands in place of a value.
pub const REDACTED: &str = "[redacted]";

/// Names, or parts of names between `_`, `-` and `.`, whose values are never written.
const NEVER: &[&str] = &[
    "authorization",
    "body",
    "cookie",
    "credential",
    "email",
    "headers",
    "identifier",
    "password",
    "payload",
    "phone",
    "query",
    "secret",
    "token",
    "uri",
    "url",
];

/// Whether a field of this name may be written.
#[must_use]
pub fn may_write(name: &str) -> bool {
    !name
        .split(['_', '-', '.'])
        .any(|part| NEVER.iter().any(|never| part.eq_ignore_ascii_case(never)))
}

#[cfg(test)]
mod tests {
    use super::may_write;

    #[test]
    fn names_of_secrets_and_of_personal_facts_are_known_in_any_spelling() {
        for name in
            ["api_access_token", "Authorization", "set-cookie", "http.url", "body", "user_email"]
        {
            assert!(!may_write(name), "{name}");
        }
        for name in ["request_id", "status", "duration_ms", "message", "upstream", "bytes"] {
            assert!(may_write(name), "{name}");
        }
    }
}
