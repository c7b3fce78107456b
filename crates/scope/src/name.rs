//! Names as they stand on the medium: raw bytes, and one safe way to write them.
//!
//! ```text
//! /var/www/caf%C3%A9/a%0Ab.txt
//! ```
//!
//! Printable ASCII other than `%` stands for itself; every other byte is `%`
//! and two upper-case hex digits. The form is one to one, plain ASCII, safe on
//! a terminal, and read by `urllib.parse.unquote_to_bytes` and its like.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::facts::CaseRule;
use crate::fold::symbols;

/// Bytes from a medium: a path from the root of its volume, a link target, an attribute.
///
/// On volumes that store UTF-16, the units are written in WTF-8.
#[derive(Clone, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RawName(pub Vec<u8>);

/// Why a text is not an escaped name: there is exactly one spelling per value.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not an escaped name at byte {0}: expected printable ASCII, or `%` and two upper-case hex digits")]
pub struct RawNameError(pub usize);

impl RawName {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether somebody means this name by a text: escaped as in every record or as it is, and where its volume does not tell
    /// capital letters from small ones, in either.
    #[must_use]
    pub fn is_meant(&self, text: &str, case: CaseRule) -> bool {
        let is = |bytes: &[u8]| match case {
            CaseRule::Sensitive => self.0 == bytes,
            CaseRule::Insensitive => symbols(&self.0, true) == symbols(bytes, true),
        };
        is(text.as_bytes()) || text.contains('%') && text.parse::<Self>().is_ok_and(|name| is(&name.0))
    }
}

impl From<&str> for RawName {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl fmt::Display for RawName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        self.0.iter().try_for_each(|&byte| match byte {
            b'%' | ..0x20 | 0x7f.. => write!(f, "%{byte:02X}"),
            plain => f.write_char(char::from(plain)),
        })
    }
}

impl fmt::Debug for RawName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RawName {
    type Err = RawNameError;
    fn from_str(text: &str) -> Result<Self, RawNameError> {
        let digit = |c: Option<u8>| match c? {
            c @ b'0'..=b'9' => Some(c - b'0'),
            c @ b'A'..=b'F' => Some(c - b'A' + 10),
            _ => None,
        };
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.bytes().enumerate();
        while let Some((at, byte)) = rest.next() {
            match byte {
                b'%' => {
                    let high = digit(rest.next().map(|(_, c)| c));
                    let low = digit(rest.next().map(|(_, c)| c));
                    let value = high.zip(low).map(|(h, l)| h << 4 | l).ok_or(RawNameError(at))?;
                    if value != b'%' && (0x20..0x7f).contains(&value) {
                        return Err(RawNameError(at));
                    }
                    bytes.push(value);
                }
                0x20..0x7f => bytes.push(byte),
                _ => return Err(RawNameError(at)),
            }
        }
        Ok(Self(bytes))
    }
}

impl Serialize for RawName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RawName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_one_spelling() {
        let all = RawName((0..=255).collect());
        assert_eq!(all.to_string().parse(), Ok(all.clone()));
        assert_eq!(RawName(b"/a%\n\xff ".to_vec()).to_string(), "/a%25%0A%FF ");
        for (wrong, at) in [("%41", 0), ("a%0a", 1), ("%", 0), ("\u{e9}", 0), ("x\n", 1)] {
            assert_eq!(wrong.parse::<RawName>(), Err(RawNameError(at)), "{wrong:?}");
        }
    }

    #[test]
    fn a_path_is_meant_by_the_rule_of_its_volume() {
        let check = |name: &str, text: &str, case, expected| {
            assert_eq!(RawName::from(name).is_meant(text, case), expected, "{name} by {text}");
        };
        check("/share/cust4417", "/share/cust4417", CaseRule::Sensitive, true);
        check("/share/Cust4417", "/share/cust4417", CaseRule::Sensitive, false);
        check("/share/Cust4417", "/SHARE/cust4417", CaseRule::Insensitive, true);
        check("/\u{fc}n", "/%C3%BCn", CaseRule::Sensitive, true);
        check("/\u{fc}n", "/\u{dc}N", CaseRule::Insensitive, true);
        check("/\u{fc}n", "/%C3%9CN", CaseRule::Insensitive, true);
        check("/a%41", "/a%41", CaseRule::Sensitive, true);
        check("/a%2F", "/a/", CaseRule::Insensitive, false);
    }
}
