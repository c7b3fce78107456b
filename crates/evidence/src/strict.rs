//! Strict JSON: one value, read one way.
//!
//! ```text
//! {"format":"ambit/part/1","part":1,"recipients":["age1..."]}
//! ```
//!
//! Two readers that disagree about a document can be shown two documents, so everything on which
//! JSON readers differ is refused: object keys given twice (after unescaping), fractions, exponents
//! and `-0`, integers beyond ±(2^53 - 1), text that is not UTF-8, depth beyond [`MAX_DEPTH`], and any
//! byte around the one value but a final LF. Unknown fields are refused by the types that are read.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Deepest nesting of arrays and objects. Our deepest format has eight levels; a stack has thousands.
pub const MAX_DEPTH: usize = 32;

/// Largest integer, and its negative the least: beyond it other JSON readers round (RFC 7493, section 2.2).
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Why a text is not strict JSON, or not of the expected shape.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StrictError {
    /// Not UTF-8.
    #[error("byte {0}: not UTF-8")]
    Utf8(usize),
    /// Bytes around the one value.
    #[error("byte {0}: only the JSON value, and one line feed after it, may stand here")]
    Around(usize),
    /// Not JSON, or JSON that readers understand differently, or not the expected shape.
    #[error("not strict JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// Reads exactly one strict JSON value; one LF may follow it.
///
/// # Errors
///
/// [`StrictError`], with the place, for anything that the module's page refuses and for a value that is not a `T`.
pub fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StrictError> {
    let text = std::str::from_utf8(bytes).map_err(|e| StrictError::Utf8(e.valid_up_to()))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    if text.starts_with(is_space) {
        return Err(StrictError::Around(0));
    }
    if text.ends_with(is_space) {
        return Err(StrictError::Around(text.trim_end_matches(is_space).len()));
    }
    let mut check = serde_json::Deserializer::from_str(text);
    Unambiguous { depth: 0 }.deserialize(&mut check)?;
    check.end()?;
    Ok(serde_json::from_str(text)?)
}

/// Writes a value as one line of JSON, with its LF.
///
/// # Errors
///
/// [`StrictError::Json`] if the value cannot be written, or holds what [`from_json`] would refuse.
pub fn to_json_line<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, StrictError> {
    checked(serde_json::to_vec(value)?)
}

/// As [`to_json_line`], for a value of strings alone under keys of its own: there is nothing in it on which readers differ,
/// and nothing to go through once more.
///
/// # Errors
///
/// [`StrictError::Json`] if the value cannot be written.
pub(crate) fn strings_to_json_line<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, StrictError> {
    let mut bytes = serde_json::to_vec(value)?;
    debug_assert!(!bytes.is_empty() && checked(bytes.clone()).is_ok(), "more than strings");
    bytes.push(b'\n');
    Ok(bytes)
}

/// Writes a value as indented JSON, with a final LF.
///
/// # Errors
///
/// As [`to_json_line`].
pub fn to_json_pretty<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, StrictError> {
    checked(serde_json::to_vec_pretty(value)?)
}

/// What we write, we can read.
fn checked(mut bytes: Vec<u8>) -> Result<Vec<u8>, StrictError> {
    let text = std::str::from_utf8(&bytes).map_err(|e| StrictError::Utf8(e.valid_up_to()))?;
    let mut check = serde_json::Deserializer::from_str(text);
    Unambiguous { depth: 0 }.deserialize(&mut check)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// Walks over any JSON value and keeps nothing; an error where readers could differ.
#[derive(Clone, Copy)]
struct Unambiguous {
    depth: usize,
}

impl Unambiguous {
    fn inside<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(format_args!("nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(Self { depth: self.depth.saturating_add(1) })
    }
}

impl<'de> DeserializeSeed<'de> for Unambiguous {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unambiguous {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        if value > MAX_INTEGER {
            return Err(E::custom(format_args!("integer {value} is beyond 2^53 - 1")));
        }
        Ok(())
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        if value.unsigned_abs() > MAX_INTEGER {
            return Err(E::custom(format_args!("integer {value} is beyond 2^53 - 1")));
        }
        Ok(())
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        Err(E::custom("a number is not a plain integer within 2^53 - 1"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let inside = self.inside()?;
        while seq.next_element_seed(inside)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let inside = self.inside()?;
        let mut keys = Keys::default();
        while let Some(Key(key)) = map.next_key()? {
            map.next_value_seed(inside)?;
            if let Some(twice) = keys.twice(key) {
                return Err(A::Error::custom(format_args!(
                    "key `{}` twice in one object",
                    twice.escape_debug()
                )));
            }
        }
        Ok(())
    }
}

/// A key, unescaped: out of the text itself where nothing is escaped in it, as in all that we write.
struct Key<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E>(self, key: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// The keys of one object: the first few compared one by one, which is all that our formats need, others sorted.
#[derive(Default)]
struct Keys<'de> {
    few: Vec<Cow<'de, str>>,
    more: BTreeSet<Cow<'de, str>>,
}

impl<'de> Keys<'de> {
    /// The key itself, where it was there already.
    fn twice(&mut self, key: Cow<'de, str>) -> Option<Cow<'de, str>> {
        if self.few.contains(&key) {
            return Some(key);
        }
        if self.few.len() < FEW {
            self.few.push(key);
            return None;
        }
        self.more.replace(key)
    }
}

/// Keys that are compared one by one.
const FEW: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn check(text: &str, expected: &str) {
        let found = match from_json::<Value>(text.as_bytes()) {
            Ok(value) => value.to_string(),
            Err(error) => error.to_string(),
        };
        assert!(found.contains(expected), "{text:?}: {found:?} does not say {expected:?}");
    }

    #[test]
    fn one_value_read_one_way() {
        check("{\"a\":[1,-2,\"x\",null,true]}\n", "{\"a\":[1,-2,\"x\",null,true]}");
        check("9007199254740991", "9007199254740991");
        check("-9007199254740991", "-9007199254740991");
        check("{\n  \"a\": 1\n}\n", "{\"a\":1}");
    }

    #[test]
    fn what_readers_differ_on_is_refused() {
        check(r#"{"a":1,"a":1}"#, "key `a` twice");
        check(r#"{"a":1,"\u0061":2}"#, "key `a` twice");
        check(r#"[{"b":{"c":0,"d":0,"c":0}}]"#, "key `c` twice");
        let many = |last: &str| {
            let keys: Vec<String> = (0..40).map(|n| format!("\"k{n}\":0")).collect();
            format!("{{{},{last}}}", keys.join(","))
        };
        check(&many(r#""k3":1"#), "key `k3` twice");
        check(&many(r#""\u006b39":1"#), "key `k39` twice");
        check("1.0", "not a plain integer");
        check("1e3", "not a plain integer");
        check("-0", "not a plain integer");
        check("9007199254740992", "beyond 2^53 - 1");
        check("-9007199254740992", "beyond 2^53 - 1");
        check("18446744073709551616", "not a plain integer");
        check("01", "not strict JSON");
        check("NaN", "not strict JSON");
        check("{\"a\":1,}", "not strict JSON");
        check("'a'", "not strict JSON");
        check(r#""\ud800""#, "not strict JSON");
        check("\"a\u{0}\"", "not strict JSON");
        check("", "not strict JSON");
        check("\n", "not strict JSON");
        check(" 1", "byte 0: only");
        check("1\n\n", "byte 1: only");
        check("1\r\n", "byte 1: only");
        check("1 ", "byte 1: only");
        check("1\u{0}", "not strict JSON");
        check("1 2", "not strict JSON");
        check("\u{feff}1", "not strict JSON");
        check(&"[".repeat(100_000), "nested deeper");
        let deep = |n| format!("{}1{}", "[".repeat(n), "]".repeat(n));
        check(&deep(MAX_DEPTH), "[[1]]");
        check(&deep(MAX_DEPTH + 1), "nested deeper");
        assert!(matches!(from_json::<Value>(b"\"a\xff\""), Err(StrictError::Utf8(2))));
    }

    #[derive(Debug, Deserialize, PartialEq, serde::Serialize)]
    #[serde(deny_unknown_fields)]
    struct Row {
        part: u64,
    }

    #[test]
    fn a_row_round_trips_and_unknown_fields_are_refused() {
        let line = to_json_line(&Row { part: 7 }).unwrap();
        assert_eq!(line, b"{\"part\":7}\n");
        assert_eq!(from_json::<Row>(&line).unwrap(), Row { part: 7 });
        assert!(from_json::<Row>(b"{\"part\":7,\"extra\":1}").unwrap_err().to_string().contains("extra"));
        assert!(to_json_line(&Row { part: 1 << 53 }).is_err(), "we must not write what we would refuse");
        assert!(to_json_line(&0.5).is_err());
    }
}
