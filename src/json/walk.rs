//! Walking over the members of an object or the elements of a list, one level at a time.
//!
//! For text that [`super::scan`] has accepted: nothing is checked again, values are passed over by
//! their brackets and quotes. On other text a walk ends early; it never panics.

/// The members of an object token: the name's token (quotes included) and the value's. Nothing for
/// other kinds.
#[must_use]
pub fn members(token: &str) -> Members<'_> {
    Members(Walk::into(token, b'{'))
}

/// The elements of a list token. Nothing for other kinds.
#[must_use]
pub fn elements(token: &str) -> Elements<'_> {
    Elements(Walk::into(token, b'['))
}

/// See [`members`].
#[derive(Clone, Debug)]
pub struct Members<'a>(Walk<'a>);

/// See [`elements`].
#[derive(Clone, Debug)]
pub struct Elements<'a>(Walk<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let key = self.0.value()?;
        Some((key, self.0.value()?))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.0.value()
    }
}

#[derive(Clone, Debug)]
struct Walk<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Walk<'a> {
    fn into(token: &'a str, open: u8) -> Self {
        let opens = token.as_bytes().first() == Some(&open);
        Self { text: token, at: if opens { 1 } else { token.len() } }
    }

    /// The next value, over separators. Of accepted text nothing else can stand between two.
    fn value(&mut self) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at)?, b' ' | b'\n' | b'\r' | b'\t' | b',' | b':') {
            self.at += 1;
        }
        let start = self.at;
        match bytes.get(self.at)? {
            b'"' => self.string(),
            b'{' | b'[' => self.nested(),
            b'}' | b']' => return None,
            _ => {
                let rest = bytes.get(start..)?;
                let ends = |b: &u8| matches!(b, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t');
                self.at += rest.iter().position(ends).unwrap_or(rest.len());
            }
        }
        self.text.get(start..self.at)
    }

    fn string(&mut self) {
        let bytes = self.text.as_bytes();
        self.at += 1;
        loop {
            let rest = bytes.get(self.at..).unwrap_or_default();
            match memchr::memchr2(b'"', b'\\', rest) {
                None => {
                    self.at = bytes.len();
                    return;
                }
                Some(n) if rest.get(n) == Some(&b'"') => {
                    self.at += n + 1;
                    return;
                }
                Some(n) => self.at = (self.at + n + 2).min(bytes.len()),
            }
        }
    }

    fn nested(&mut self) {
        let bytes = self.text.as_bytes();
        let mut open = 0_usize;
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b'"' => {
                    self.string();
                    continue;
                }
                b'{' | b'[' => open += 1,
                b'}' | b']' => open = open.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
            if open == 0 {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walks_give_each_value_as_it_stands() {
        let object = r#"{ "a" : 1.10 , "b\"":[ 1,"]",{"x":"}"}],"c":{},"d":"\\" }"#;
        let found: Vec<_> = members(object).collect();
        assert_eq!(
            found,
            [
                ("\"a\"", "1.10"),
                (r#""b\"""#, r#"[ 1,"]",{"x":"}"}]"#),
                ("\"c\"", "{}"),
                ("\"d\"", r#""\\""#)
            ]
        );
        assert_eq!(elements("[ 1 ,[2, 3],null]").collect::<Vec<_>>(), ["1", "[2, 3]", "null"]);
        assert_eq!(
            elements("{\"a\":1}").count() + members("[1]").count() + elements("[ ]").count(),
            0
        );
        for broken in ["[", "[\"", "[\"\\", "{\"a\"", "", "[[[", "[}"] {
            assert!(elements(broken).count() + members(broken).count() < 3);
        }
    }
}
