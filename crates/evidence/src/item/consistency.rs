//! Whether the parts of one record can stand together.
//!
//! Implements `docs/spec/record.md`, section "What must agree within a record".

use scope::facts::{Facts, Kind};
use scope::{Digest, Outcome};

use super::{Control, DecisionValue, ObjectValue, ReadState, Series};
use crate::acquisition::SetName;

/// Two parts of one record contradict each other.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// The facts and the decision name different looks.
    #[error("the looks of the facts are not those of the decision")]
    Looks,
    /// The control number is of another series than the outcome.
    #[error("the control number {control} does not belong to the outcome {outcome}")]
    Control {
        /// The number.
        control: Control,
        /// The outcome.
        outcome: Outcome,
    },
    /// The item was kept, its kind has content, and there is no object.
    #[error("an object is missing: the outcome {outcome} keeps the item's content")]
    ObjectMissing {
        /// The outcome.
        outcome: Outcome,
    },
    /// There is an object of an item that was not kept.
    #[error("an object was taken, which the outcome {outcome} does not allow")]
    ObjectTaken {
        /// The outcome.
        outcome: Outcome,
    },
    /// There is an object of an item whose kind has no content.
    #[error("an object was written for an item whose kind has no content")]
    ObjectWithoutContent {
        /// The kind.
        kind: Kind,
    },
    /// The object lies in a part of another set.
    #[error("the object's part `{}` is not one of the set {set}", part.escape_debug())]
    ObjectPart {
        /// The part.
        part: String,
        /// The set that the outcome asks for.
        set: SetName,
    },
    /// The object's length is not the item's.
    #[error("the object has {object} bytes, the item {item}")]
    ObjectSize {
        /// The object's length in bytes.
        object: u64,
        /// The item's, by its facts.
        item: u64,
    },
    /// A completely read object has another digest than the look *hash* found.
    #[error("the object is {object}, the look hash found {item}")]
    ObjectDigest {
        /// The object's digest.
        object: Digest,
        /// The item's, by its facts.
        item: Digest,
    },
}

/// Everything in a record's facts, decision and object that cannot stand together.
///
/// `facts` may lack names: none of the rules is about them.
pub(crate) fn mismatches(
    facts: &Facts,
    decision: &DecisionValue,
    object: Option<&ObjectValue>,
) -> Vec<Mismatch> {
    let outcome = &decision.outcome;
    let mut found = Vec::new();
    if facts.looks != decision.looks {
        found.push(Mismatch::Looks);
    }
    if let Some(control) = decision.control.as_ref().filter(|control| !control.is_of(outcome)) {
        found.push(Mismatch::Control { control: control.clone(), outcome: outcome.clone() });
    }
    match (SetName::keeping(outcome), object) {
        (None, None) => {}
        (None, Some(_)) => found.push(Mismatch::ObjectTaken { outcome: outcome.clone() }),
        (Some(_), None) if facts.kind.has_content() => {
            found.push(Mismatch::ObjectMissing { outcome: outcome.clone() });
        }
        (Some(_), None) => {}
        (Some(_), Some(_)) if !facts.kind.has_content() => {
            found.push(Mismatch::ObjectWithoutContent { kind: facts.kind });
        }
        (Some(set), Some(object)) => found.extend(object_mismatches(facts, set, object)),
    }
    found
}

fn object_mismatches(facts: &Facts, set: SetName, object: &ObjectValue) -> Vec<Mismatch> {
    let mut found = Vec::new();
    if part_number(&set, &object.part).is_none() {
        found.push(Mismatch::ObjectPart { part: object.part.clone(), set });
    }
    if let Some(item) = facts.content_size().filter(|size| *size != object.size) {
        found.push(Mismatch::ObjectSize { object: object.size, item });
    }
    // Where ranges could not be read, the object has zeros there: a digest found at another reading may differ.
    let complete = object.read == ReadState::Complete;
    let hash = facts.content_hash().map(|hash| hash.sha256);
    if let Some(item) = hash.filter(|hash| complete && *hash != object.sha256) {
        found.push(Mismatch::ObjectDigest { object: object.sha256, item });
    }
    found
}

/// The number in a part's name, if it is a part of that set: 12 in `captured-0012`.
fn part_number(set: &SetName, part: &str) -> Option<u64> {
    let number = part.rsplit_once('-')?.1.parse().ok()?;
    (number > 0 && set.part(number) == part).then_some(number)
}

impl Control {
    /// Whether items of that outcome take their numbers from this one's series.
    pub(crate) fn is_of(&self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Captured => self.series() == Series::Captured,
            Outcome::Held(_) => matches!(self.series(), Series::Held(_)),
            Outcome::Listed | Outcome::ListedTo(_) => self.series() == Series::Listed,
            Outcome::Left => false,
        }
    }
}

impl SetName {
    /// The set that keeps the content of items of that outcome.
    #[must_use]
    pub fn keeping(outcome: &Outcome) -> Option<Self> {
        match outcome {
            Outcome::Captured => Some(Self::Captured),
            Outcome::Held(compartment) => Some(Self::Held(compartment.clone())),
            Outcome::Listed | Outcome::ListedTo(_) | Outcome::Left => None,
        }
    }

    /// The set whose manifest has a row that opens items of that outcome.
    #[must_use]
    pub fn naming(outcome: &Outcome) -> Option<Self> {
        match outcome {
            Outcome::Captured | Outcome::Listed => Some(Self::Captured),
            Outcome::Held(compartment) | Outcome::ListedTo(compartment) => {
                Some(Self::Held(compartment.clone()))
            }
            Outcome::Left => None,
        }
    }
}
