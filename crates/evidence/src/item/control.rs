//! Control numbers: what an item that is named or kept is called outside the ledger.
//!
//! Implements `docs/spec/record.md`, section "Control numbers".
//!
//! ```text
//! KC07-C-0000012    captured
//! KC07-H1-0000003   held for the first compartment of the policy
//! KC07-L-0000001    listed, whoever may see the name
//! ```
//!
//! Numbers run per series from 1, in the order of decision. Gaps tell nothing.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest label in a control number. Sixteen characters tell the media of one case apart.
const MAX_LABEL: usize = 16;

/// Label of a medium whose own label has no character that may stand in a control number.
const NO_LABEL: &str = "MEDIUM";

/// A control number, such as `KC07-C-0000012`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Control {
    label: String,
    series: Series,
    number: u64,
}

/// Which counter a control number comes from.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Series {
    /// Captured items.
    Captured,
    /// Items held for the n-th compartment of the policy, from 1.
    Held(u32),
    /// Listed items, to whomever.
    Listed,
}

/// Why a text is not a control number: there is exactly one spelling per value.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a control number: expected LABEL-C-0000001, LABEL-H1-0000001 or LABEL-L-0000001")]
pub struct ControlError;

impl Control {
    /// The control number `number` (from 1) of a series, for the medium of that label.
    ///
    /// Of the label, upper-cased, the first 16 characters of `[A-Z0-9-]` stay, but for hyphens at its
    /// beginning; where none is left, `MEDIUM` stands for it.
    #[must_use]
    pub fn new(medium_label: &str, series: Series, number: u64) -> Self {
        Self { label: label(medium_label), series, number }
    }

    /// The series.
    #[must_use]
    pub fn series(&self) -> Series {
        self.series
    }

    /// The number within the series.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether this number belongs to the medium of that label.
    #[must_use]
    pub fn is_for(&self, medium_label: &str) -> bool {
        self.label == label(medium_label)
    }
}

fn label(medium_label: &str) -> String {
    let plain = medium_label.chars().map(|c| c.to_ascii_uppercase()).filter(|c| is_label(*c));
    // A leading hyphen would read as an option on a command line.
    let kept: String = plain.skip_while(|c| *c == '-').take(MAX_LABEL).collect();
    if kept.is_empty() { NO_LABEL.to_owned() } else { kept }
}

fn is_label(c: char) -> bool {
    c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-'
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { label, series, number } = self;
        match series {
            Series::Captured => write!(f, "{label}-C-{number:07}"),
            Series::Held(compartment) => write!(f, "{label}-H{compartment}-{number:07}"),
            Series::Listed => write!(f, "{label}-L-{number:07}"),
        }
    }
}

impl FromStr for Control {
    type Err = ControlError;
    fn from_str(text: &str) -> Result<Self, ControlError> {
        let (rest, number) = text.rsplit_once('-').ok_or(ControlError)?;
        let (label, series) = rest.rsplit_once('-').ok_or(ControlError)?;
        let series = match (series, series.strip_prefix('H')) {
            ("C", _) => Series::Captured,
            ("L", _) => Series::Listed,
            (_, Some(compartment)) => Series::Held(compartment.parse().map_err(|_| ControlError)?),
            _ => return Err(ControlError),
        };
        let control =
            Self { label: label.to_owned(), series, number: number.parse().map_err(|_| ControlError)? };
        let sound = (1..=MAX_LABEL).contains(&label.len())
            && label.chars().all(is_label)
            && !label.starts_with('-')
            && control.number > 0
            && series != Series::Held(0)
            && control.to_string() == text; // one spelling: no sign, seven digits or as many as it takes
        if sound { Ok(control) } else { Err(ControlError) }
    }
}

impl Serialize for Control {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Control {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(medium: &str, series: Series, number: u64, text: &str) {
        let control = Control::new(medium, series, number);
        assert_eq!(control.to_string(), text);
        assert_eq!(text.parse(), Ok(control.clone()));
        assert!(control.is_for(medium));
    }

    #[test]
    fn one_spelling_per_value() {
        check("KC07", Series::Captured, 12, "KC07-C-0000012");
        check("kc-07 (left drive)", Series::Held(2), 1, "KC-07LEFTDRIVE-H2-0000001");
        check("--x--", Series::Captured, 1, "X---C-0000001");
        check("\u{e9}", Series::Listed, 12_345_678, "MEDIUM-L-12345678");
        check("abcdefghijklmnopqrst", Series::Captured, 1, "ABCDEFGHIJKLMNOP-C-0000001");
        for wrong in [
            "KC07-C-12",
            "KC07-C-+000012",
            "KC07-C-00000012",
            "KC07-C-0000000",
            "KC07-H-0000001",
            "KC07-H0-0000001",
            "KC07-H01-0000001",
            "KC07-X-0000001",
            "kc07-C-0000001",
            "-C-0000001",
            "-X-C-0000001",
            "C-0000001",
            "ABCDEFGHIJKLMNOPQ-C-0000001",
            "KC07-C-0000001\n",
            "",
        ] {
            assert_eq!(wrong.parse::<Control>(), Err(ControlError), "{wrong:?}");
        }
    }
}
