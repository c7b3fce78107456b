//! Salted commitments: what is left is committed to but not named.
//!
//! Implements `docs/spec/record.md`, sections "Commitments" and "Openings", version 1.
//!
//! ```text
//! salt_f = HMAC-SHA256(K, "ambit/salt/1" 00 id 00 f)
//! C_f    = HMAC-SHA256(salt_f, "ambit/field/1" 00 f 00 value_f)
//! line   = outcome SP hex(SHA-256("ambit/item/1" 00 C_locator C_facts C_trits C_decision C_object))
//! ```
//!
//! An [`Opening`] carries salts and values of some fields and the commitments
//! of the others; whoever has it can make the item's [`Line`] again and look
//! for it in the inventory. It tells nothing of the closed fields, nor of any
//! other item: a salt says nothing about the key that it was made with.

use std::collections::BTreeSet;
use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use scope::facts::Fact;
use scope::{Digest, Outcome};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::inventory::Line;
use crate::item::{self, ABSENT, DecisionValue, ObjectValue, Record, RecordError, base64_bytes, parse_fact};
use crate::tree;

/// The key `K` of one batch: 32 random bytes. Whoever has it can test guesses at every item of the batch.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct BatchKey(#[serde(with = "base64_bytes")] pub [u8; 32]);

impl fmt::Debug for BatchKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BatchKey(..)") // a secret: never in a log
    }
}

/// The commitments of an item's five fields.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Commitments {
    /// Of the locator.
    pub locator: Digest,
    /// Of the root over the facts.
    pub facts: Digest,
    /// Of the trits.
    pub trits: Digest,
    /// Of the decision.
    pub decision: Digest,
    /// Of the object.
    pub object: Digest,
}

impl Commitments {
    /// Commits to a record under the key of its batch.
    #[must_use]
    pub fn of(key: &BatchKey, record: &Record) -> Self {
        let salts = Salts::of(key, &record.id);
        let plain = |name: &str, value: &str| field(&salts.of_field(name), name, value.as_bytes());
        let facts_salt = salts.of_field(FACTS);
        let leaves = record.facts.iter().enumerate().map(|(i, value)| {
            let name = fact_name(i);
            plain(&name, value)
        });
        Self {
            locator: plain(LOCATOR, &record.locator),
            facts: if record.facts.is_empty() {
                field(&facts_salt, FACTS, ABSENT.as_bytes())
            } else {
                field(&facts_salt, FACTS, &tree::root(leaves.map(|leaf| leaf.0)).0)
            },
            trits: plain(TRITS, &record.trits),
            decision: plain(DECISION, &record.decision),
            object: plain(OBJECT, &record.object),
        }
    }

    /// The item's line in the inventory.
    #[must_use]
    pub fn line(&self, outcome: Outcome) -> Line {
        let mut hash = Sha256::new_with_prefix(b"ambit/item/1\0");
        for commitment in [self.locator, self.facts, self.trits, self.decision, self.object] {
            hash.update(commitment.0);
        }
        Line { outcome, digest: Digest(hash.finalize().into()) }
    }
}

/// The inventory line of a record, under the key of its batch.
///
/// # Errors
///
/// [`RecordError`] if the record's decision, whose outcome the line states, cannot be read.
pub fn line(key: &BatchKey, record: &Record) -> Result<Line, RecordError> {
    Ok(Commitments::of(key, record).line(DecisionValue::parse(&record.decision)?.outcome))
}

/// Some fields of a record, opened; of the others the commitments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// Where the item is on the medium.
    pub locator: Field,
    /// What was found.
    pub facts: FactsField,
    /// What each condition of the policy came to.
    pub trits: Field,
    /// What was decided.
    pub decision: Field,
    /// What was preserved.
    pub object: Field,
}

/// One field of an opening.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Field {
    /// `{"salt":"<base64>","value":"..."}`
    Open(OpenField),
    /// `{"commitment":"<64 hex digits>"}`
    Closed(ClosedField),
}

/// An opened field.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OpenField {
    /// The field's salt.
    #[serde(with = "base64_bytes")]
    pub salt: [u8; 32],
    /// The field's value.
    pub value: String,
}

/// A closed field.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ClosedField {
    /// What the field is committed to by.
    #[serde(with = "hex_digest")]
    pub commitment: Digest,
}

/// The facts of an opening.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(untagged)]
pub enum FactsField {
    /// `{"salt":"<base64>","leaves":[...]}`: each fact is open or closed by itself.
    Open(OpenFacts),
    /// `{"commitment":"<64 hex digits>"}`
    Closed(ClosedField),
}

/// Opened facts.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OpenFacts {
    /// The salt of `facts`.
    #[serde(with = "base64_bytes")]
    pub salt: [u8; 32],
    /// Every fact of the record, in its order.
    pub leaves: Vec<Field>,
}

/// Why an opening cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpeningError {
    /// A field that is needed is closed.
    #[error("the field `{0}` is closed")]
    Closed(&'static str),
    /// A value inside cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl Opening {
    /// Opens a record for a reader who may see the names at the positions `visible` (from 0, among its names).
    ///
    /// Open are locator, decision, object and all facts but the other names. The trits are open only if every
    /// name is: each name has its own, and they tell what it matches.
    #[must_use]
    pub fn for_reader(key: &BatchKey, record: &Record, visible: &[usize]) -> Self {
        let visible: BTreeSet<usize> = visible.iter().copied().collect();
        let mut names = 0..;
        let shown: Vec<bool> = record
            .facts
            .iter()
            .map(|value| {
                !may_be_name(value) || names.next().is_some_and(|name: usize| visible.contains(&name))
            })
            .collect();
        Self::new(key, record, &shown)
    }

    /// Opens a record whole: for the holder of a compartment, or for a court that shows one item to a person.
    #[must_use]
    pub fn whole(key: &BatchKey, record: &Record) -> Self {
        Self::new(key, record, &vec![true; record.facts.len()])
    }

    fn new(key: &BatchKey, record: &Record, shown: &[bool]) -> Self {
        let trits = shown.iter().all(|shown| *shown);
        let salts = Salts::of(key, &record.id);
        let open = |name: &str, value: &str| {
            Field::Open(OpenField { salt: salts.of_field(name), value: value.to_owned() })
        };
        let closed = |name: &str, value: &str| {
            let commitment = field(&salts.of_field(name), name, value.as_bytes());
            Field::Closed(ClosedField { commitment })
        };
        let leaves = record.facts.iter().zip(shown).enumerate().map(|(i, (value, shown))| {
            let name = fact_name(i);
            if *shown { open(&name, value) } else { closed(&name, value) }
        });
        Self {
            locator: open(LOCATOR, &record.locator),
            facts: FactsField::Open(OpenFacts { salt: salts.of_field(FACTS), leaves: leaves.collect() }),
            trits: if trits { open(TRITS, &record.trits) } else { closed(TRITS, &record.trits) },
            decision: open(DECISION, &record.decision),
            object: open(OBJECT, &record.object),
        }
    }

    /// The commitments, made again from what is open and taken as stated from what is closed.
    #[must_use]
    pub fn commitments(&self) -> Commitments {
        Commitments {
            locator: self.locator.commitment(LOCATOR),
            facts: self.facts.commitment(),
            trits: self.trits.commitment(TRITS),
            decision: self.decision.commitment(DECISION),
            object: self.object.commitment(OBJECT),
        }
    }

    /// The item's line in the inventory, with the outcome that the opened decision states.
    ///
    /// # Errors
    ///
    /// [`OpeningError`] if the decision is closed or cannot be read.
    pub fn line(&self) -> Result<Line, OpeningError> {
        Ok(self.commitments().line(self.decision()?.outcome))
    }

    /// The locator.
    ///
    /// # Errors
    ///
    /// [`OpeningError::Closed`].
    pub fn locator(&self) -> Result<&str, OpeningError> {
        self.locator.value().ok_or(OpeningError::Closed(LOCATOR))
    }

    /// The facts one by one: `None` for a closed one.
    ///
    /// # Errors
    ///
    /// [`OpeningError`] if the facts are closed as a whole, or an open one cannot be read.
    pub fn facts(&self) -> Result<Vec<Option<Fact>>, OpeningError> {
        let FactsField::Open(facts) = &self.facts else {
            return Err(OpeningError::Closed(FACTS));
        };
        let fact = |(i, leaf): (usize, &Field)| match leaf.value() {
            None => Ok(None),
            Some(value) => parse_fact(value)
                .map(Some)
                .map_err(|source| RecordError::Value { field: format!("facts/{i}"), source }.into()),
        };
        facts.leaves.iter().enumerate().map(fact).collect()
    }

    /// The trits: `None` if they are closed.
    ///
    /// # Errors
    ///
    /// [`OpeningError`] if they are open and cannot be read.
    pub fn trits(&self) -> Result<Option<Vec<String>>, OpeningError> {
        Ok(self.trits.value().map(item::parse_trits).transpose()?)
    }

    /// The decision.
    ///
    /// # Errors
    ///
    /// [`OpeningError`] if it is closed or cannot be read.
    pub fn decision(&self) -> Result<DecisionValue, OpeningError> {
        Ok(DecisionValue::parse(self.decision.value().ok_or(OpeningError::Closed(DECISION))?)?)
    }

    /// The object: `None` if nothing was preserved.
    ///
    /// # Errors
    ///
    /// [`OpeningError`] if it is closed or cannot be read.
    pub fn object(&self) -> Result<Option<ObjectValue>, OpeningError> {
        Ok(ObjectValue::parse(self.object.value().ok_or(OpeningError::Closed(OBJECT))?)?)
    }
}

impl Field {
    /// The value, where it is open.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        match self {
            Self::Open(open) => Some(&open.value),
            Self::Closed(_) => None,
        }
    }

    fn commitment(&self, name: &str) -> Digest {
        match self {
            Self::Open(open) => field(&open.salt, name, open.value.as_bytes()),
            Self::Closed(closed) => closed.commitment,
        }
    }
}

impl FactsField {
    fn commitment(&self) -> Digest {
        match self {
            Self::Open(OpenFacts { salt, leaves }) => {
                let leaves = leaves.iter().enumerate().map(|(i, leaf)| leaf.commitment(&fact_name(i)).0);
                field(salt, FACTS, &tree::root(leaves).0)
            }
            Self::Closed(closed) => closed.commitment,
        }
    }
}

/// Whether the value of a fact is a name. One that cannot be read is kept closed like a name, unless it begins as another fact.
fn may_be_name(value: &str) -> bool {
    // How it begins is enough for most of the dozen facts of an item: an object with a second key is no fact.
    let rest = value.strip_prefix("{\"").unwrap_or_default();
    let is_other = OTHERS.iter().any(|label| rest.starts_with(label));
    !is_other && matches!(parse_fact(value), Ok(Fact::Name(_)) | Err(_))
}

/// How the most frequent facts begin that are no names, after `{"`.
const OTHERS: [&str; 13] = [
    "volume\":",
    "case-rule\":",
    "node\":",
    "kind\":",
    "links\":",
    "size\":",
    "allocated\":",
    "time\":",
    "uid\":",
    "gid\":",
    "mode\":",
    "hash\":",
    "looks\":",
];

// INVARIANT: both messages can be read in one way only. The first prefix is
// followed by exactly 16 bytes; no field's name holds a zero byte, so the
// first one after the second prefix ends it. All keys are 32 bytes long, so
// HMAC's padding of short keys cannot make two of them one.

/// The salts of one record: what is the same in all of them is hashed once.
struct Salts(Hmac<Sha256>);

impl Salts {
    fn of(key: &BatchKey, id: &[u8; 16]) -> Self {
        Self(keyed(&key.0, &[b"ambit/salt/1\0", id, b"\0"]))
    }

    fn of_field(&self, name: &str) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(name.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

fn field(salt: &[u8; 32], name: &str, value: &[u8]) -> Digest {
    Digest(hmac(salt, &[b"ambit/field/1\0", name.as_bytes(), b"\0", value]))
}

fn hmac(key: &[u8; 32], message: &[&[u8]]) -> [u8; 32] {
    keyed(key, message).finalize().into_bytes().into()
}

fn keyed(key: &[u8; 32], begins: &[&[u8]]) -> Hmac<Sha256> {
    let mut block = [0; 64];
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    begins.iter().for_each(|bytes| mac.update(bytes));
    mac
}

fn fact_name(index: usize) -> String {
    format!("fact/{index}")
}

const LOCATOR: &str = "locator";
const FACTS: &str = "facts";
const TRITS: &str = "trits";
const DECISION: &str = "decision";
const OBJECT: &str = "object";

mod hex_digest {
    //! A digest as 64 lower-case hex digits, without `sha256:`: commitments are not digests of anything.

    use scope::Digest;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&digest.hex())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        Digest::from_hex(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
