//! The languages of the rendering, and what writing down dates and numbers takes in each.

use std::fmt::{self, Display};

use chrono::{DateTime, Datelike as _, FixedOffset, Timelike as _};

use super::document::{Mark, Text};
use super::sentence::Sentence;
use super::{english, german};
use crate::policy::MediumIdKind;

/// A language in which a policy can be read, and approved.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// German.
    German,
}

impl Language {
    /// All languages.
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// The tag of BCP 47: `en`, `de`.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// The name of the rendering's format in this language, as `approval.txt` states it. Its bytes are signed: any
    /// change of them is a new name.
    #[must_use]
    pub fn renderer(self) -> &'static str {
        match self {
            Self::English => "ambit-render/2/en",
            Self::German => "ambit-render/2/de",
        }
    }

    /// The language of a format, where it is one of ours.
    #[must_use]
    pub fn of_renderer(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.renderer() == name)
    }

    /// Who sees to a provision, in words.
    #[must_use]
    pub fn mark(self, mark: Mark) -> &'static str {
        match (self, mark) {
            (Self::English, Mark::Tool) => "Enforced by the tool",
            (Self::English, Mark::Duty) => "Duty of a person",
            (Self::English, Mark::Unchecked) => "Not checked",
            (Self::German, Mark::Tool) => "Vom Programm durchgesetzt",
            (Self::German, Mark::Duty) => "Von Personen einzuhalten",
            (Self::German, Mark::Unchecked) => "Nicht geprüft",
        }
    }

    /// What identifies a medium, in words.
    #[must_use]
    pub fn identity(self, kind: MediumIdKind) -> &'static str {
        match self {
            Self::English => english::identity(kind),
            Self::German => german::identity(kind),
        }
    }

    pub(super) fn say(self, sentence: &Sentence<'_>) -> Text {
        match self {
            Self::English => english::say(sentence),
            Self::German => german::say(sentence),
        }
    }
}

impl Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

/// `1,048,576` or `1.048.576`.
pub(super) fn grouped(number: impl Display, separator: char) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len().saturating_mul(2));
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && digits.len().saturating_sub(at).is_multiple_of(3) {
            grouped.push(separator);
        }
        grouped.push(digit);
    }
    grouped
}

/// Day, month as a number from 1, year, the time of the day with seconds only where they are not zero, and the offset.
pub(super) fn moment(time: DateTime<FixedOffset>) -> (u32, u32, i32, String, String) {
    let clock = match (time.second(), time.timestamp_subsec_nanos()) {
        (0, 0) => "%H:%M",
        (_, 0) => "%H:%M:%S",
        _ => "%H:%M:%S%.9f",
    };
    let zone = time.format("UTC%:z").to_string();
    (time.day(), time.month(), time.year(), time.format(clock).to_string(), zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        let check = |number: u64, expected: &str| assert_eq!(grouped(number, ','), expected);
        check(0, "0");
        check(999, "999");
        check(1000, "1,000");
        check(1_048_576, "1,048,576");
        assert_eq!(grouped(9_007_199_254_740_991_u64, '.'), "9.007.199.254.740.991");
    }

    #[test]
    fn a_format_names_its_language() {
        for language in Language::ALL {
            assert_eq!(Language::of_renderer(language.renderer()), Some(language));
        }
        assert_eq!(Language::of_renderer("ambit-render/1"), None);
    }
}
