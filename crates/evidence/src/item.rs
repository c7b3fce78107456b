//! Records: one for every item on the medium.
//!
//! Implements `docs/spec/record.md`, version 1.
//!
//! ```text
//! {"id":"4pCk...","locator":"ext4:9f0c.../inode:12:0",
//!  "facts":["{\"volume\":\"ext4:9f0c...\"}","{\"kind\":\"file\"}","{\"name\":\"/var/log/auth.log\"}",...],
//!  "trits":"[\"TFU\"]",
//!  "decision":"{\"outcome\":\"captured\",\"tier\":\"included\",\"rules\":[\"I-1\"],...}",
//!  "object":"{\"sha256\":\"sha256:...\",\"size\":18231,\"part\":\"captured-0001\",...}"}
//! ```
//!
//! A record holds *values*: the exact bytes that [`crate::commit`] commits to.
//! They are made here from facts and decisions, and read back, strictly, by
//! [`Record::parts`].

mod consistency;
mod control;
mod partial;

use scope::facts::{Fact, Facts, FactsError, Failure, Look};
use scope::{Decision, Digest, Outcome, Tier};
use serde::{Deserialize, Serialize};

pub use consistency::Mismatch;
pub(crate) use consistency::mismatches;
pub use control::{Control, ControlError, Series};
pub use partial::Partial;

use crate::event::{given, present};
use crate::strict::{self, StrictError};

/// The value of a field that has nothing to say: no object, or an item left under `record.left = "counts"`.
pub const ABSENT: &str = "-";

/// Longest locator in bytes. Ours have under 100.
pub const MAX_LOCATOR: usize = 512;

/// Where the names begin in a record's list of facts: volume, case rule, node and kind come first.
pub const NAMES_AT: usize = 4;

/// What is recorded of one item: five values, and the id under which they are salted.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// 16 random bytes. They never leave the ledger.
    #[serde(with = "base64_bytes")]
    pub id: [u8; 16],
    /// Where the item is on the medium: printable ASCII without a space, no names.
    pub locator: String,
    /// One JSON [`Fact`] each, in the order of [`Facts::to_list`]. Empty stands for [`ABSENT`].
    pub facts: Vec<String>,
    /// A JSON array of strings of `T`, `F` and `U`: one per name, or one for an item without a name.
    pub trits: String,
    /// A JSON [`DecisionValue`].
    pub decision: String,
    /// A JSON [`ObjectValue`], or [`ABSENT`].
    pub object: String,
}

/// A record's values, parsed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Parts {
    /// The facts.
    pub facts: Facts,
    /// One string of `T`, `F` and `U` per name.
    pub trits: Vec<String>,
    /// The decision.
    pub decision: DecisionValue,
    /// The preserved bytes, where there are any.
    pub object: Option<ObjectValue>,
}

/// What was decided of an item, as its record carries it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionValue {
    /// What becomes of the item.
    pub outcome: Outcome,
    /// Which group of rules determined it.
    pub tier: Tier,
    /// The determining rules, in the policy's order.
    pub rules: Vec<String>,
    /// The looks taken, in order.
    pub looks: Vec<Look>,
    /// The control number; absent (`null`) for items that were left, and for them alone.
    #[serde(deserialize_with = "present")]
    pub control: Option<Control>,
    /// The policy's id.
    pub policy: Digest,
}

/// The preserved bytes of an item.
///
/// A kept item of a kind without content (a directory, a link) has no object: its value is [`ABSENT`].
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectValue {
    /// SHA-256 of the bytes in the part, with zeros where the medium could not be read.
    pub sha256: Digest,
    /// How many bytes are in the part: the item's size.
    pub size: u64,
    /// The part, such as `captured-0001`.
    pub part: String,
    /// Whether the medium gave every byte.
    pub read: ReadState,
    /// Byte ranges `[from, to)` that could not be read: ascending, none empty, none touching the next.
    pub unreadable: Vec<(u64, u64)>,
    /// What was amiss with the reading, in words and numbers: why the first bytes are missing, or that the item changed
    /// meanwhile. Absent where nothing was.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// Whether the medium gave every byte of an item.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadState {
    /// It did.
    Complete,
    /// Some ranges could not be read.
    Partial,
}

/// Why a record cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// A value is not strict JSON of its type.
    #[error("the value of `{field}` cannot be used: {source}")]
    Value {
        /// Which field: `facts/0`, `trits`, `decision`, `object`.
        field: String,
        /// What is wrong with it.
        source: StrictError,
    },
    /// The locator is empty, too long, or not plain.
    #[error("the locator is not 1 to {MAX_LOCATOR} printable ASCII characters without a space")]
    Locator,
    /// The facts are not a record's.
    #[error("the facts cannot be used: {0}")]
    Facts(#[from] FactsError),
    /// Trits are `T`, `F` or `U`, one string per name, all of one length.
    #[error("the trits are not one string of T, F and U per name, all of one length")]
    Trits,
    /// Items that were left have no control number; all others have one.
    #[error("the outcome `{outcome}` and the control number do not go together")]
    Control {
        /// The outcome.
        outcome: Outcome,
    },
    /// An object's ranges contradict its size or its reading.
    #[error("what was amiss with the object's reading is not 1 to 200 printable ASCII characters")]
    Trouble,
    /// The ranges of an object do not fit.
    #[error("the object's unreadable ranges do not fit its size, or whether it was read completely")]
    Ranges,
}

impl Record {
    /// The record of an item.
    ///
    /// # Errors
    ///
    /// [`RecordError`] for values that [`Record::parts`] would refuse.
    pub fn new(
        id: [u8; 16],
        locator: &str,
        facts: &Facts,
        decision: &Decision,
        control: Option<&Control>,
        policy: Digest,
        object: Option<&ObjectValue>,
    ) -> Result<Self, RecordError> {
        check_locator(locator)?;
        check_trits(&decision.trits, facts)?;
        let value = DecisionValue::new(decision, control, policy)?;
        let list = facts.to_list();
        Ok(Self {
            id,
            locator: locator.to_owned(),
            facts: list
                .iter()
                .enumerate()
                .map(|(i, fact)| to_value(fact).map_err(in_field(&format!("facts/{i}"))))
                .collect::<Result<_, _>>()?,
            trits: to_value(&decision.trits).map_err(in_field("trits"))?,
            decision: to_value(&value).map_err(in_field("decision"))?,
            object: object.map_or_else(|| Ok(ABSENT.to_owned()), ObjectValue::to_value)?,
        })
    }

    /// What is committed to for an item left under `record.left = "counts"`: its decision alone.
    ///
    /// Such a record makes an inventory line and is then forgotten: it has no row in the ledger.
    ///
    /// # Errors
    ///
    /// [`RecordError`] unless the outcome is `left`.
    pub fn unnamed(id: [u8; 16], decision: &Decision, policy: Digest) -> Result<Self, RecordError> {
        let value = DecisionValue::new(decision, None, policy)?;
        Ok(Self {
            id,
            locator: ABSENT.to_owned(),
            facts: Vec::new(),
            trits: ABSENT.to_owned(),
            decision: to_value(&value).map_err(in_field("decision"))?,
            object: ABSENT.to_owned(),
        })
    }

    /// Reads the values back.
    ///
    /// # Errors
    ///
    /// [`RecordError`] for any value that is not exactly what [`Record::new`] could have written, other than
    /// in the white space of its JSON.
    pub fn parts(&self) -> Result<Parts, RecordError> {
        check_locator(&self.locator)?;
        let list = self
            .facts
            .iter()
            .enumerate()
            .map(|(i, value)| parse_fact(value).map_err(in_field(&format!("facts/{i}"))))
            .collect::<Result<Vec<_>, _>>()?;
        let facts = Facts::from_list(&list)?;
        let trits = parse_trits(&self.trits)?;
        check_trits(&trits, &facts)?;
        Ok(Parts { facts, trits, decision: DecisionValue::parse(&self.decision)?, object: self.object()? })
    }

    /// The object, parsed.
    ///
    /// # Errors
    ///
    /// [`RecordError`] as for [`Record::parts`].
    pub fn object(&self) -> Result<Option<ObjectValue>, RecordError> {
        ObjectValue::parse(&self.object)
    }
}

impl DecisionValue {
    /// A decision with its control number and policy.
    ///
    /// # Errors
    ///
    /// [`RecordError::Control`] if an item that was left has a number, or any other has none.
    pub fn new(decision: &Decision, control: Option<&Control>, policy: Digest) -> Result<Self, RecordError> {
        let Decision { outcome, tier, rules, looks, trits: _ } = decision.clone();
        Self { outcome, tier, rules, looks, control: control.cloned(), policy }.checked()
    }

    /// Reads the value of `decision`.
    ///
    /// # Errors
    ///
    /// [`RecordError`] for anything that [`DecisionValue::new`] would not make.
    pub fn parse(value: &str) -> Result<Self, RecordError> {
        from_value::<Self>(value).map_err(in_field("decision"))?.checked()
    }

    fn checked(self) -> Result<Self, RecordError> {
        if (self.outcome == Outcome::Left) == self.control.is_none() {
            Ok(self)
        } else {
            Err(RecordError::Control { outcome: self.outcome })
        }
    }
}

impl ObjectValue {
    /// An object of which the medium gave all but the `unreadable` ranges.
    #[must_use]
    pub fn new(sha256: Digest, size: u64, part: String, unreadable: Vec<(u64, u64)>) -> Self {
        let read = if unreadable.is_empty() { ReadState::Complete } else { ReadState::Partial };
        Self { sha256, size, part, read, unreadable, trouble: None }
    }

    /// The same, with what was amiss: cut to what a record may state, as the reason of a failed look is.
    #[must_use]
    pub fn with_trouble(mut self, trouble: Option<&str>) -> Self {
        let plain = |c: char| if matches!(c, ' '..='~') { c } else { '?' };
        let cut = |text: &str| text.chars().take(Failure::MAX_REASON).map(plain).collect::<String>();
        self.trouble = trouble.map(cut).filter(|text| !text.is_empty());
        self
    }

    /// How many of its bytes were read: the others are zeros in their place.
    #[must_use]
    pub fn read_bytes(&self) -> u64 {
        let missing = self.unreadable.iter().map(|(from, to)| to.saturating_sub(*from));
        self.size.saturating_sub(missing.fold(0, u64::saturating_add))
    }

    /// Whether it should have bytes, and none of them could be read: nobody has anything of its content.
    #[must_use]
    pub fn is_unread(&self) -> bool {
        self.size > 0 && self.read_bytes() == 0
    }

    /// The value of `object`.
    ///
    /// # Errors
    ///
    /// [`RecordError`] for ranges that contradict the size, and for numbers beyond 2^53 - 1.
    pub fn to_value(&self) -> Result<String, RecordError> {
        self.check()?;
        to_value(self).map_err(in_field("object"))
    }

    /// Reads the value of `object`: `None` for [`ABSENT`].
    ///
    /// # Errors
    ///
    /// [`RecordError`] for anything that [`ObjectValue::to_value`] would not write.
    pub fn parse(value: &str) -> Result<Option<Self>, RecordError> {
        if value == ABSENT {
            return Ok(None);
        }
        let object: Self = from_value(value).map_err(in_field("object"))?;
        object.check()?;
        Ok(Some(object))
    }

    fn check(&self) -> Result<(), RecordError> {
        let mut free_from = 0;
        let fits = self.unreadable.iter().enumerate().all(|(i, &(from, to))| {
            let sound = from < to && to <= self.size && (i == 0 || from > free_from);
            free_from = to;
            sound
        });
        let stated = self.trouble.as_ref().is_none_or(|text| {
            (1..=Failure::MAX_REASON).contains(&text.len()) && text.bytes().all(|b| matches!(b, b' '..=b'~'))
        });
        if !stated {
            return Err(RecordError::Trouble);
        }
        if fits && (self.read == ReadState::Complete) == self.unreadable.is_empty() {
            Ok(())
        } else {
            Err(RecordError::Ranges)
        }
    }
}

/// Reads one value of `facts`.
///
/// # Errors
///
/// [`StrictError`] for anything but one strict JSON [`Fact`].
pub fn parse_fact(value: &str) -> Result<Fact, StrictError> {
    from_value(value)
}

/// Reads the value of `trits`.
///
/// # Errors
///
/// [`RecordError`] for anything but a strict JSON array of strings.
pub fn parse_trits(value: &str) -> Result<Vec<String>, RecordError> {
    from_value(value).map_err(in_field("trits"))
}

fn check_locator(locator: &str) -> Result<(), RecordError> {
    // `-` alone means that nothing is recorded, so no item can be there.
    let plain = locator.bytes().all(|byte| byte.is_ascii_graphic());
    if plain && (1..=MAX_LOCATOR).contains(&locator.len()) && locator != ABSENT {
        Ok(())
    } else {
        Err(RecordError::Locator)
    }
}

fn check_trits(trits: &[String], facts: &Facts) -> Result<(), RecordError> {
    let length = trits.first().map_or(0, String::len);
    let sound = trits.len() == facts.names.len().max(1)
        && trits.iter().all(|t| t.len() == length && t.bytes().all(|c| matches!(c, b'T' | b'F' | b'U')));
    if sound { Ok(()) } else { Err(RecordError::Trits) }
}

fn in_field(field: &str) -> impl FnOnce(StrictError) -> RecordError {
    let field = field.to_owned();
    move |source| RecordError::Value { field, source }
}

fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<String, StrictError> {
    let mut line = strict::to_json_line(value)?;
    line.pop(); // its LF
    String::from_utf8(line).map_err(|e| StrictError::Utf8(e.utf8_error().valid_up_to()))
}

fn from_value<T: serde::de::DeserializeOwned>(value: &str) -> Result<T, StrictError> {
    // `from_json` allows one LF after a document; a value inside a record has none.
    if value.ends_with('\n') {
        return Err(StrictError::Around(value.len().saturating_sub(1)));
    }
    strict::from_json(value.as_bytes())
}

pub(crate) mod base64_bytes {
    //! A fixed number of bytes as padded standard base64: one spelling per value.

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer, const N: usize>(
        bytes: &[u8; N],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
        deserializer: D,
    ) -> Result<[u8; N], D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(serde::de::Error::custom)?;
        bytes
            .try_into()
            .map_err(|_| serde::de::Error::custom(format_args!("not {N} bytes in padded standard base64")))
    }
}

#[cfg(test)]
mod tests;
