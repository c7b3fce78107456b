//! An explanation in words.

use std::fmt;

use super::{Compared, Condition, Explanation, LookTaken, Reason};
use crate::facts::Look;
use crate::outcome::Tier;
use crate::policy::Field;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let apart = self.inside.is_some() && self.tier == Tier::OutOfScope;
        let because = if apart { "what is in it is decided by itself" } else { tier(self.tier) };
        writeln!(f, "{}: {because}", self.outcome)?;
        if let Some(inside) = &self.inside {
            writeln!(f, "{inside}")?;
        }
        if let Some(remark) = self.remark {
            writeln!(f, "{remark}")?;
        }
        self.looks.iter().try_for_each(|look| writeln!(f, "{}", look_taken(look)))?;
        reasons(f, &self.rules, if apart { "opened because of" } else { "because of" })?;
        reasons(f, &self.misses, "missed")?;
        reasons(f, &self.unknown, "unknown")
    }
}

/// A tier in words.
fn tier(tier: Tier) -> &'static str {
    match tier {
        Tier::Excluded => "excluded",
        Tier::OutOfScope => "out of scope, since no include rule fits",
        Tier::Undetermined => "undetermined, since a fact that the decision needs could not be had",
        Tier::Held => "held",
        Tier::Withheld => "withheld",
        Tier::WithheldAndHeld => "withheld and held",
        Tier::Included => "included",
    }
}

fn look_taken(taken: &LookTaken) -> String {
    let mut text = format!("looked: {}", taken.look.word());
    match taken.needed_by.split_first() {
        Some((first, others)) => {
            let of = format!("{} waited for `{}` of \"{}\"", first.rule, first.field, plain(&first.label));
            text += &format!(", since {of} ({})", first.selector);
            let mut rules: Vec<&str> = others.iter().map(|own| own.rule.as_str()).collect();
            rules.retain(|rule| *rule != first.rule);
            rules.dedup();
            if !rules.is_empty() {
                text += &format!(", and {} for it, too", rules.join(", "));
            }
        }
        None if taken.look == Look::Metadata => {}
        None if taken.opens && taken.look == Look::Type => {
            text += ", to tell whether it is an archive that is opened"
        }
        None if taken.opens => text += ", to open the archive",
        None => text += ", which the decision did not need",
    }
    if let Some(reason) = &taken.failure {
        text += &format!("; not to its end: {reason}");
    }
    text
}

fn reasons(f: &mut fmt::Formatter<'_>, reasons: &[Reason], word: &str) -> fmt::Result {
    for reason in reasons {
        let Reason { rule, effect, basis, text, .. } = reason;
        writeln!(f, "{word} {rule}, {effect} ({}): {}", plain(basis), plain(text))?;
        for compared in &reason.selectors {
            writeln!(f, "  {}", selector(compared))?;
        }
    }
    Ok(())
}

/// `"tenant's logs" (tenant-logs): path and kind matched, period did not: modified 2009-01-01T00:00:00Z`
fn selector(compared: &Compared) -> String {
    let Compared { selector, label, part, name, conditions } = compared;
    let except = if *part == super::teller::UNLESS { "exception " } else { "" };
    let under = name.as_ref().map(|name| format!(", for {name}")).unwrap_or_default();
    let of = |value: &str| conditions.iter().filter(|own| own.value == value).collect::<Vec<_>>();
    let (matched, missed, unknown) = (of("matched"), of("missed"), of("unknown"));
    let mut said = Vec::new();
    if !matched.is_empty() && missed.is_empty() && unknown.is_empty() {
        said.push(matched.iter().map(|own| with_value(own)).collect::<Vec<_>>().join("; ") + ": matched");
    } else if !matched.is_empty() {
        let nouns: Vec<&str> = matched.iter().map(|own| noun(own.of)).collect();
        said.push(format!("{} matched", and(&nouns)));
    }
    said.extend(missed.iter().map(|own| format!("{} did not: {}", noun(own.of), own.used)));
    said.extend(unknown.iter().map(|own| {
        let cause = own.cause.map_or("", |cause| cause.words());
        format!("{} unknown: {cause}", noun(own.of))
    }));
    format!("{except}\"{}\" ({selector}){under}: {}", plain(label), said.join(", "))
}

fn with_value(condition: &Condition) -> String {
    format!("{} {}", noun(condition.of), condition.used)
}

/// A field as a person would call it.
fn noun(field: Field) -> &'static str {
    match field {
        Field::Path => "path",
        Field::Name => "name",
        Field::Ext => "extension",
        Field::Kind => "kind",
        Field::Type => "type",
        Field::TypeMismatch => "extension for its type",
        Field::Size => "size",
        Field::Time => "period",
        Field::Owner => "owner",
        Field::HashIn => "hash",
        Field::Encrypted => "encryption",
        Field::Keywords => "keywords",
        Field::Mail => "mail",
        Field::Artifact => "artifact",
        Field::Volume => "volume",
    }
}

fn and(words: &[&str]) -> String {
    match words {
        [init @ .., last] if !init.is_empty() => format!("{} and {last}", init.join(", ")),
        words => words.concat(),
    }
}

/// A text of the policy on a terminal: it has no control characters, and direction marks are written out.
fn plain(text: &str) -> String {
    let shown = |c: char| crate::render::words::is_visible(c);
    let one = |c: char| if shown(c) { c.to_string() } else { format!("\\u{{{:X}}}", u32::from(c)) };
    text.chars().map(one).collect()
}
