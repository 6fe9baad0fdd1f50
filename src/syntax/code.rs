//! The registry of diagnostic codes. A number is documented in `docs/diagnostics.md` and never
//! reused after a release.

use std::fmt;

macro_rules! codes {
    ($($(#[$section:meta])* $number:literal $name:ident $summary:literal,)*) => {
        /// A stable kind of problem, written `E0101`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $summary] $(#[$section])* $name = $number,)*
        }

        impl Code {
            /// Every code, in the order of its number.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// What kind of problem it is, in a few words.
            #[must_use]
            pub fn summary(self) -> &'static str {
                match self { $(Self::$name => $summary,)* }
            }
        }
    };
}

codes! {
    // 01xx: the text itself
    101 Syntax "not readable as YAML",
    102 QuoteThis "text that YAML reads as something else and must be quoted",
    103 UnknownKey "a key that this block does not have",
    104 MissingKey "a key that this block must have",
    105 WrongType "a value of the wrong type",
    106 DuplicateKey "a key written twice",
    107 UnknownWord "a word outside a closed list",
    108 UnsupportedLanguage "a language version this program does not know",
    109 MissingFile "a file or folder that should be there",
    // 02xx: the canonical contract
    201 Contract "a contract, canonical or documented, contradicts itself",
    202 UnknownReference "a reference to something a contract does not define",
    // 03xx: names and places
    301 BadPlace "text that is no place (names, indexes and `[*]` only)",
    302 UnknownPlace "a place the canonical schema does not have",
    303 UnknownRecord "a record that no file defines",
    304 UnknownEnum "an enum table that no file defines",
    305 UnknownOperation "an operation the contract does not have",
    306 UnknownParameter "a parameter the operation does not have",
    307 UnknownRoot "a root ($name) that nothing here provides",
    308 UnknownCodec "a codec that does not exist",
    309 UnknownOperator "an operator that does not exist, or two that exclude each other",
    310 UnknownCredential "a credential the dialect does not define",
    311 UnknownRelation "a relation the record does not define",
    312 UnknownDialect "a dialect that no folder defines",
    313 RecordCycle "a record that contains itself",
    314 UnknownPagination "a pagination the dialect does not define",
    315 UnknownConditions "a table of conditions that no file defines",
    321 ExtendsCycle "dialects or records that are built on each other",
    322 ExtendsTooDeep "a dialect that stands on too many others",
    323 NothingBelow "`replace`, `remove` or `order` where the base has nothing",
    324 UnknownLine "a field line that the other record does not have",
    // 04xx: types and directions
    401 TypeMismatch "a value of one type where another is due",
    402 TwoWriters "two rules write one place",
    403 ReadOnlyPlace "a rule writes a place that only the backend writes",
    404 NotTotal "values without a row",
    405 Ambiguous "two rows for one value",
    406 DeadRow "a row that can never match",
    407 NotInvertible "a row or rule without a way back",
    408 Unwritten "decode leaves a required place unwritten",
    409 MissingArgument "an argument that is not given",
    410 InternalData "a public dialect could show internal data",
    411 KeysApart "keys of one object do not stand together",
    412 NeedsRaw "a table that is not 1:1 on the way in keeps no raw value",
    // 05xx: routes
    501 BadRequestLine "a request line that is no method and path",
    502 RouteCollision "two routes claim the same requests",
    503 UnusedParameter "a parameter that nothing uses",
    504 MissingParameter "a required parameter that nothing gives",
    505 BadCondition "a condition that can never hold",
    506 MissingErrorTable "an error code without a row",
    507 PagingPair "a way of paging that a call or reply cannot follow",
    508 UndocumentedRoute "a route that the documents do not have",
    509 DeadErrorRow "a row of a route's errors that can never be used",
    510 BadPage "a page that cannot be filled in",
    // 06xx: examples
    601 ExampleMismatch "an example does not come out as written",
    602 NoExample "a route without an example",
    603 BadExample "an example that cannot be run",
    604 NotAsDocumented "an answer that is not what the documents promise",
    // 07xx: leftovers
    701 Unused "a record, table, argument or credential that nothing uses",
    // 08xx: configuration
    801 ConfigInvalid "a configuration value that cannot be used",
    802 ConfigMissing "a configuration value that must be given",
    803 SecretUnavailable "a secret that cannot be read",
    804 NeedsRestart "a value that only a restart can change",
    // 09xx: the laws
    901 NotReadBack "a value that is read back as another",
    902 NotWrittenAgain "a value that is written again as another",
    903 NotStable "a value that changes each time it goes there and back",
    904 NotSound "decode makes what the contract does not allow",
    905 NotPromised "encode writes what the documents do not promise",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "E{:04}", *self as u16)
    }
}

impl std::str::FromStr for Code {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|code| code.to_string() == text).ok_or(())
    }
}
