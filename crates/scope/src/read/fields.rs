//! Typed access to the fields of a TOML table, with a problem for whatever does not fit.
//!
//! Every getter reports and hands back a harmless value, so that one reading
//! finds all problems. A tree with problems is never handed out.

use std::ops::Range;

use chrono::{DateTime, FixedOffset};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::doc::{Doc, did_you_mean, is_visible};

/// Longest text of a policy in bytes: about two pages, more than one provision should have.
pub(super) const MAX_TEXT: usize = 8192;

/// Most values in one field, such as the globs of a selector. Longer ones are lists in files.
pub(super) const MAX_VALUES: usize = 1000;

pub(super) type Value<'d> = Spanned<DeValue<'d>>;

/// One table of the policy.
pub(super) struct Section<'d> {
    /// What messages call it: `[authority]`, rule `I-1`.
    pub(super) name: String,
    pub(super) span: Range<usize>,
    table: Option<&'d DeTable<'d>>,
}

impl<'d> Section<'d> {
    /// A table whose fields are all among `known`. `refused` are fields of the design that this version
    /// does not have, each with the reason.
    pub(super) fn open(
        doc: &mut Doc<'_>,
        name: impl Into<String>,
        value: &'d Value<'d>,
        known: &[&str],
        refused: &[(&str, &str)],
    ) -> Self {
        let name = name.into();
        let table = match value.get_ref() {
            DeValue::Table(table) => Some(table),
            other => {
                doc.report(
                    value.span(),
                    format!("{name} has to be a table, and is {}", describe(other)),
                    None,
                );
                None
            }
        };
        let section = Self { name, span: value.span(), table };
        section.check_keys(doc, known, refused);
        section
    }

    /// The whole document.
    pub(super) fn root(doc: &mut Doc<'_>, table: &'d DeTable<'d>, known: &[&str]) -> Self {
        let section = Self { name: "the policy".to_owned(), span: 0..0, table: Some(table) };
        section.check_keys(doc, known, &[]);
        section
    }

    /// A table that is not there and not required.
    pub(super) fn absent(name: &str) -> Self {
        Self { name: name.to_owned(), span: 0..0, table: None }
    }

    fn check_keys(&self, doc: &mut Doc<'_>, known: &[&str], refused: &[(&str, &str)]) {
        for (key, _) in self.table.into_iter().flatten() {
            let word: &str = key.get_ref();
            if let Some((_, reason)) = refused.iter().find(|(field, _)| *field == word) {
                let message = format!("`{word}` of {} is not supported in this version", self.name);
                doc.report(key.span(), message, Some((*reason).to_owned()));
            } else if !known.contains(&word) {
                let message = format!("unknown field `{}` in {}", shown(word), self.name);
                doc.report(key.span(), message, did_you_mean(word, known.iter().copied()));
            }
        }
    }

    /// The value of a field.
    pub(super) fn get(&self, key: &str) -> Option<&'d Value<'d>> {
        self.table?.iter().find(|(found, _)| found.get_ref() == key).map(|(_, value)| value)
    }

    /// The span of a field's value, or else of the table.
    pub(super) fn span_of(&self, key: &str) -> Range<usize> {
        self.get(key).map_or(self.span.clone(), Spanned::span)
    }

    /// The value of a field that must be there.
    pub(super) fn need(&self, doc: &mut Doc<'_>, key: &str, hint: &str) -> Option<&'d Value<'d>> {
        let value = self.get(key);
        if value.is_none() && self.table.is_some() && !doc.faulty {
            doc.report(self.span.clone(), format!("{} has no `{key}`", self.name), Some(hint.to_owned()));
        }
        value
    }

    /// A text that must be there.
    pub(super) fn text(&self, doc: &mut Doc<'_>, key: &str, hint: &str) -> String {
        let value = self.need(doc, key, hint);
        value.and_then(|value| text(doc, value, key)).unwrap_or_default().to_owned()
    }

    /// A text that may be there.
    pub(super) fn maybe_text(&self, doc: &mut Doc<'_>, key: &str) -> Option<String> {
        text(doc, self.get(key)?, key).map(str::to_owned)
    }

    /// A text of a few that must be there; the first where it is none of them.
    pub(super) fn word<T: Copy>(&self, doc: &mut Doc<'_>, key: &str, words: &[(&str, T)]) -> Option<T> {
        let listed: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let value = self.need(doc, key, &format!("expected one of {}", listed.join(", ")))?;
        one_of(doc, value, key, words)
    }

    /// A text of a few that may be there.
    pub(super) fn maybe_word<T: Copy>(&self, doc: &mut Doc<'_>, key: &str, words: &[(&str, T)]) -> Option<T> {
        one_of(doc, self.get(key)?, key, words)
    }

    /// A whole number that may be there.
    pub(super) fn maybe_number(&self, doc: &mut Doc<'_>, key: &str) -> Option<u64> {
        number(doc, self.get(key)?, key)
    }

    /// `true` or `false`, which may be there.
    pub(super) fn maybe_flag(&self, doc: &mut Doc<'_>, key: &str) -> Option<bool> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::Boolean(flag) => Some(*flag),
            other => {
                doc.report(value.span(), format!("`{key}` is true or false, not {}", describe(other)), None);
                None
            }
        }
    }

    /// A point in time that must be there.
    pub(super) fn time(&self, doc: &mut Doc<'_>, key: &str) -> Option<DateTime<FixedOffset>> {
        let value = self.need(doc, key, "write a time with its offset, as in \"2026-03-01T00:00:00+01:00\"");
        value.and_then(|value| time(doc, value, key))
    }

    /// Texts, at least one, none twice; none where the field is not there.
    pub(super) fn texts(&self, doc: &mut Doc<'_>, key: &str) -> Vec<(Range<usize>, &'d str)> {
        self.strings(doc, key, |doc, value| text(doc, value, key))
    }

    /// Strings of which characters are checked elsewhere: globs, keywords.
    pub(super) fn raw_strings(&self, doc: &mut Doc<'_>, key: &str) -> Vec<(Range<usize>, &'d str)> {
        self.strings(doc, key, |doc, value| string(doc, value, key))
    }

    fn strings(
        &self,
        doc: &mut Doc<'_>,
        key: &str,
        mut read: impl FnMut(&mut Doc<'_>, &'d Value<'d>) -> Option<&'d str>,
    ) -> Vec<(Range<usize>, &'d str)> {
        let mut found: Vec<(Range<usize>, &'d str)> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for value in self.values(doc, key) {
            let Some(text) = read(doc, value) else { continue };
            if !seen.insert(text) {
                doc.report(value.span(), format!("`{}` stands twice in `{key}`", shown(text)), None);
            }
            found.push((value.span(), text));
        }
        found
    }

    /// The elements of an array, at least one; none where the field is not there.
    pub(super) fn values(&self, doc: &mut Doc<'_>, key: &str) -> &'d [Value<'d>] {
        let Some(value) = self.get(key) else { return &[] };
        let DeValue::Array(array) = value.get_ref() else {
            let message = format!("`{key}` is a list, not {}", describe(value.get_ref()));
            doc.report(value.span(), message, Some("put it in square brackets".to_owned()));
            return &[];
        };
        let values: &'d [Value<'d>] = array;
        if values.is_empty() {
            let hint = "leave the field out where it is not wanted".to_owned();
            doc.report(value.span(), format!("`{key}` is empty"), Some(hint));
        } else if values.len() > MAX_VALUES {
            let message = format!("`{key}` has {} values; at most {MAX_VALUES} can stand here", values.len());
            let hint = (key == "items")
                .then(|| "put them into a file of their own, and give `file` and `sha256`".to_owned());
            doc.report(value.span(), message, hint);
        }
        values.get(..MAX_VALUES).unwrap_or(values)
    }
}

/// A string as it is.
pub(super) fn string<'d>(doc: &mut Doc<'_>, value: &'d Value<'d>, what: &str) -> Option<&'d str> {
    let DeValue::String(text) = value.get_ref() else {
        let message = format!("`{what}` is a text, not {}", describe(value.get_ref()));
        doc.report(value.span(), message, Some("put it in quotes".to_owned()));
        return None;
    };
    let text: &'d str = text;
    if text.trim().is_empty() {
        doc.report(value.span(), format!("`{what}` is empty"), None);
        return None;
    }
    if text.len() > MAX_TEXT {
        doc.report(
            value.span(),
            format!("`{what}` has {} bytes; at most {MAX_TEXT} are read", text.len()),
            None,
        );
        return None;
    }
    Some(text)
}

/// A text for people: one line, nothing invisible in it, since they sign what they see.
pub(super) fn text<'d>(doc: &mut Doc<'_>, value: &'d Value<'d>, what: &str) -> Option<&'d str> {
    let text = string(doc, value, what)?;
    if let Some(hidden) = text.chars().find(|c| !is_visible(*c)) {
        let message = format!("`{what}` contains the invisible character U+{:04X}", u32::from(hidden));
        doc.report(value.span(), message, Some("people sign what they see: remove it".to_owned()));
        return None;
    }
    Some(text)
}

/// One of a few words.
pub(super) fn one_of<'d, T: Copy>(
    doc: &mut Doc<'_>,
    value: &'d Value<'d>,
    what: &str,
    words: &[(&str, T)],
) -> Option<T> {
    let found = string(doc, value, what)?;
    let known = words.iter().find(|(word, _)| *word == found);
    if known.is_none() {
        let hint = did_you_mean(found, words.iter().map(|(word, _)| *word));
        doc.report(value.span(), format!("`{}` is not a value of `{what}`", shown(found)), hint);
    }
    known.map(|(_, value)| *value)
}

/// A whole number within what JSON carries exactly.
pub(super) fn number(doc: &mut Doc<'_>, value: &Value<'_>, what: &str) -> Option<u64> {
    let DeValue::Integer(integer) = value.get_ref() else {
        doc.report(
            value.span(),
            format!("`{what}` is a whole number, not {}", describe(value.get_ref())),
            None,
        );
        return None;
    };
    let number =
        u64::from_str_radix(integer.as_str(), integer.radix()).ok().filter(|number| *number < 1 << 53);
    if number.is_none() {
        doc.report(value.span(), format!("`{what}` is not between 0 and 2^53 - 1"), None);
    }
    number
}

/// RFC 3339 with `T`, `Z` or a known offset, and no leap second.
pub(super) fn time(doc: &mut Doc<'_>, value: &Value<'_>, what: &str) -> Option<DateTime<FixedOffset>> {
    let hint = "write it in quotes with its offset, as in \"2026-03-01T00:00:00+01:00\" or \"...T00:00:00Z\"";
    let found = match value.get_ref() {
        DeValue::String(text) => text,
        other => {
            let message = format!("`{what}` is a time in quotes, not {}", describe(other));
            doc.report(value.span(), message, Some(hint.to_owned()));
            return None;
        }
    };
    let byte = |at| found.as_bytes().get(at).copied();
    let strict = byte(10) == Some(b'T') && byte(17) != Some(b'6') && !found.ends_with('z');
    match DateTime::parse_from_rfc3339(found) {
        Ok(time) if strict && !found.ends_with("-00:00") => Some(time),
        _ => {
            let zoneless =
                found.parse::<chrono::NaiveDateTime>().is_ok() || found.parse::<chrono::NaiveDate>().is_ok();
            let fault = if zoneless { "has no offset" } else { "is not a time of RFC 3339" };
            doc.report(value.span(), format!("`{what}` {fault}"), Some(hint.to_owned()));
            None
        }
    }
}

/// `+01:00`, `-05:00`.
pub(super) fn offset(text: &str) -> Option<FixedOffset> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let minutes = i32::try_from(minute_of_day(digits)?).ok()?;
    let known = !(sign == -1 && minutes == 0);
    FixedOffset::east_opt(sign * minutes * 60).filter(|_| known)
}

/// `hh:mm`, from 00:00 to 24:00.
pub(super) fn minute_of_day(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |digits: &str| {
        let plain = digits.len() == 2 && digits.bytes().all(|c| c.is_ascii_digit());
        digits.parse::<u32>().ok().filter(|_| plain)
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    (minutes < 60 && hours * 60 + minutes <= 24 * 60).then_some(hours * 60 + minutes)
}

/// A word of the policy as messages show it.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(80).map(|c| if is_visible(c) { c } else { '\u{FFFD}' }).collect()
}

pub(super) fn describe(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a time without quotes",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_and_minutes() {
        for (text, seconds) in [
            ("+01:00", Some(3600)),
            ("-05:30", Some(-19800)),
            ("+00:00", Some(0)),
            ("-00:00", None),
            ("01:00", None),
            ("+1:00", None),
            ("+24:00", None),
            ("Z", None),
        ] {
            assert_eq!(offset(text).map(|offset| offset.local_minus_utc()), seconds, "{text}");
        }
        for (text, minutes) in
            [("06:30", Some(390)), ("24:00", Some(1440)), ("24:01", None), ("6:30", None), ("12:60", None)]
        {
            assert_eq!(minute_of_day(text), minutes, "{text}");
        }
    }
}
