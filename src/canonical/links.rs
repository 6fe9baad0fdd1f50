//! Links to the gateway's own files. A backend says where a file is under an address of its own, which
//! a client may not reach; what is kept and given out is the gateway's address of the same operation.

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;

use crate::canonical::Contract;

/// Longest beginning of a link, in bytes.
const LONGEST: usize = 2048;

/// Where the files of a tenant are.
#[derive(Clone, Debug)]
pub struct Links {
    /// What their links begin with: `https://desk.example.com/v1`.
    base: Box<str>,
    /// `/accounts/`
    before: Box<str>,
    /// `/attachments/`
    between: Finder<'static>,
    /// `/content`
    after: Box<str>,
}

impl Links {
    /// Links that begin with `base` where the contract's paths begin; `None` where no operation of
    /// the contract gives a file of an account to whoever has its address, or `base` is no URL.
    #[must_use]
    pub fn new(contract: &Contract, base: &str) -> Option<Self> {
        let files = contract.operations().iter().filter(|o| o.binary && o.public);
        files.filter_map(|operation| Self::of(&operation.path, base)).next()
    }

    fn of(path: &str, base: &str) -> Option<Self> {
        let (before, rest) = path.split_once('{')?;
        let (_, rest) = rest.split_once('}')?;
        let (between, rest) = rest.split_once('{')?;
        let (_, after) = rest.split_once('}').filter(|(_, after)| !after.contains('{'))?;
        // What is JSON must be JSON afterwards. The configuration refuses such a base before.
        if !base.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\') {
            return None;
        }
        Some(Self {
            base: base.trim_end_matches('/').into(),
            before: before.into(),
            between: Finder::new(between).into_owned(),
            after: after.into(),
        })
    }

    /// The JSON, which stays JSON, with every such link made one of the gateway; `None` where there is
    /// nothing to do.
    #[must_use]
    pub fn rewritten(&self, json: &[u8]) -> Option<Bytes> {
        let mut out = BytesMut::new();
        let (mut copied, mut from) = (0, 0);
        while let Some(found) = json.get(from..).and_then(|rest| self.between.find(rest)) {
            let at = from.saturating_add(found);
            from = at.saturating_add(self.between.needle().len());
            let Some((start, end)) = self.link(json, at, from) else { continue };
            if json.get(start..end) == Some(self.base.as_bytes()) {
                continue;
            }
            if copied == 0 {
                // Room for all of it at once, should every link be as short as can be.
                let links = self.between.find_iter(json.get(at..).unwrap_or_default()).count();
                out.reserve(json.len().saturating_add(links.saturating_mul(self.base.len())));
            }
            out.extend_from_slice(json.get(copied..start).unwrap_or_default());
            out.extend_from_slice(self.base.as_bytes());
            copied = end;
        }
        if copied == 0 {
            return None;
        }
        out.extend_from_slice(json.get(copied..).unwrap_or_default());
        Some(out.freeze())
    }

    /// Where what a link begins with stands, of the link whose middle ends at `middle..end`.
    fn link(&self, json: &[u8], middle: usize, end: usize) -> Option<(usize, usize)> {
        let letter = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_' || *b == b'-';
        let rest = json.get(end..)?;
        let id = rest.iter().take_while(|b| letter(b)).count();
        let rest = rest.get(id..)?.strip_prefix(self.after.as_bytes())?;
        if id == 0 || rest.first() != Some(&b'"') {
            return None;
        }
        let head = json.get(..middle)?;
        let account = head.iter().rev().take_while(|b| letter(b)).count();
        let head = head.get(..head.len().checked_sub(account)?)?;
        let head = head.strip_suffix(self.before.as_bytes()).filter(|_| account > 0)?;
        let near = head.len().saturating_sub(LONGEST);
        let quote = near.checked_add(memchr::memrchr(b'"', head.get(near..)?)?)?;
        let start = quote.checked_add(1)?;
        let begins = head.get(start..)?;
        let address = begins.is_empty()
            || [&b"http://"[..], b"https://", b"/"].iter().any(|s| begins.starts_with(s));
        let plain = begins.iter().all(|b| b.is_ascii_graphic() && *b != b'\\');
        // Only where an address is due: whoever writes one in a text means that text.
        let key = head.get(..quote)?.trim_ascii_end().strip_suffix(b":")?.trim_ascii_end();
        let named = key.ends_with(b"url\"");
        (address && plain && named).then_some((start, head.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::contract::tests::embedded;

    fn links() -> Links {
        Links::new(&embedded(), "https://desk.example/v1/").unwrap()
    }

    #[test]
    fn what_would_have_to_be_escaped_begins_no_link() {
        for base in
            ["https://desk.example/\"", "https://desk.example/a\\b", "https://desk.example/é"]
        {
            assert!(Links::new(&embedded(), base).is_none(), "{base}");
        }
    }

    #[test]
    fn a_backends_link_becomes_the_gateways() {
        let json = concat!(
            r#"{"url":"http://10.0.0.7:9/api/v1/accounts/1/attachments/att_9x-Y/content","#,
            r#""thumb_url" : "/v1/accounts/a/attachments/b/content","#,
            r#""url":"https://desk.example/v1/accounts/1/attachments/c/content"}"#,
        );
        let made = links().rewritten(json.as_bytes()).unwrap();
        assert_eq!(
            made,
            concat!(
                r#"{"url":"https://desk.example/v1/accounts/1/attachments/att_9x-Y/content","#,
                r#""thumb_url" : "https://desk.example/v1/accounts/a/attachments/b/content","#,
                r#""url":"https://desk.example/v1/accounts/1/attachments/c/content"}"#,
            )
        );
        assert_eq!(links().rewritten(&made), None, "once is enough");
    }

    #[test]
    fn anything_else_is_left_as_it_is() {
        for json in [
            r#"{"text":"http://x/accounts/1/attachments/a/content"}"#,
            r#"{"url":"see http://x/accounts/1/attachments/a/content"}"#,
            r#"{"url":"http://x/accounts/1/attachments/a/content?x=1"}"#,
            r#"{"url":"http://x/accounts/1/attachments/a/content/"}"#,
            r#"{"url":"http://x/accounts//attachments/a/content"}"#,
            r#"{"url":"http://x/accounts/1/attachments//content"}"#,
            r#"{"url":"http://x/attachments/a/content"}"#,
            r#"{"url":"http:\/\/x/accounts/1/attachments/a/content"}"#,
            r#"{"url":"ftp://x/accounts/1/attachments/a/content"}"#,
            r#"["http://x/accounts/1/attachments/a/content"]"#,
            r#"accounts/1/attachments/a/content""#,
            "/attachments/",
            "",
        ] {
            assert_eq!(links().rewritten(json.as_bytes()), None, "{json}");
        }
    }
}
