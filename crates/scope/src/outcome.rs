//! Outcomes and decisions: what becomes of an item, and why.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::facts::Look;

/// What becomes of an item: `captured`, `held:<compartment>`, `listed`, `listed:<compartment>` or `left`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Outcome {
    /// Preserved for the case team.
    Captured,
    /// Preserved for one compartment alone.
    Held(String),
    /// Not taken, but named in the withholding log.
    Listed,
    /// Not taken, but named to one compartment alone.
    ListedTo(String),
    /// Not taken and not named.
    Left,
}

/// Why a text is not an outcome.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not an outcome: expected captured, held:<compartment>, listed, listed:<compartment> or left")]
pub struct OutcomeError;

impl Outcome {
    /// Whether the item's bytes are preserved.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        matches!(self, Self::Captured | Self::Held(_))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Captured => f.write_str("captured"),
            Self::Held(compartment) => write!(f, "held:{compartment}"),
            Self::Listed => f.write_str("listed"),
            Self::ListedTo(compartment) => write!(f, "listed:{compartment}"),
            Self::Left => f.write_str("left"),
        }
    }
}

impl FromStr for Outcome {
    type Err = OutcomeError;
    fn from_str(text: &str) -> Result<Self, OutcomeError> {
        let compartment = |id: &str| if is_id(id) { Ok(id.to_owned()) } else { Err(OutcomeError) };
        match text.split_once(':') {
            None => match text {
                "captured" => Ok(Self::Captured),
                "listed" => Ok(Self::Listed),
                "left" => Ok(Self::Left),
                _ => Err(OutcomeError),
            },
            Some(("held", id)) => Ok(Self::Held(compartment(id)?)),
            Some(("listed", id)) => Ok(Self::ListedTo(compartment(id)?)),
            Some(_) => Err(OutcomeError),
        }
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Outcome {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Whether `text` can name a compartment, selector, list, window or custodian: `[a-z0-9][a-z0-9_-]{0,63}`.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() <= 64
        && text.bytes().next().is_some_and(plain)
        && text.bytes().all(|c| plain(c) || c == b'-' || c == b'_')
}

/// Which group of rules determined the outcome.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// An exclude rule is satisfied.
    Excluded,
    /// No include rule is satisfied.
    OutOfScope,
    /// A fact that the decision needs could not be determined.
    Undetermined,
    /// A hold rule is satisfied.
    Held,
    /// A withhold rule is satisfied.
    Withheld,
    /// Both a withhold and a hold rule are satisfied.
    WithheldAndHeld,
    /// An include rule is satisfied, and nothing stands against it.
    Included,
}

impl Tier {
    /// The word used in records.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Excluded => "excluded",
            Self::OutOfScope => "out-of-scope",
            Self::Undetermined => "undetermined",
            Self::Held => "held",
            Self::Withheld => "withheld",
            Self::WithheldAndHeld => "withheld-and-held",
            Self::Included => "included",
        }
    }
}

/// What the policy says of an item, from its facts alone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Decision {
    /// What becomes of the item.
    pub outcome: Outcome,
    /// Which group of rules determined it.
    pub tier: Tier,
    /// The satisfied rules of that tier, in the policy's order; empty for out of scope and undetermined.
    pub rules: Vec<String>,
    /// The looks taken, in order.
    pub looks: Vec<Look>,
    /// `T`, `F` or `U` per atom of the policy, one string per name of the item, in the order of its names.
    pub trits: Vec<String>,
}

/// What to do next with an item.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// The decision needs this look.
    Look(Look),
    /// The facts suffice, or no allowed look can tell more.
    Decided(Decision),
}
