//! Explaining a decision, from the trits that the record carries.
//!
//! Implements `docs/spec/policy.md`, "Explanation".
//!
//! ```text
//! left (out of scope); looked: metadata
//! nearest to I-2 (Attachment B, paragraph 2): selector tenant-logs
//!   matched: path: /var/log/nginx/cust4417.access.log
//!   did not: time: modified 2009-01-01T00:00:00+00:00
//! ```

use std::fmt;

use crate::compile::{Compiled, CompiledRule, RuleTier};
use crate::decide::rule_value;
use crate::facts::{Facts, Stamp, Zone};
use crate::outcome::{Decision, Tier};
use crate::policy::{Field, Policy, Rule};
use crate::render::words::{kind, time_kind};
use crate::trit::Trit;

/// Why an item's outcome is what it is, in words.
///
/// It names the item: it is for those who may see the name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Explanation {
    /// The lines of the explanation, plain text; names of the medium are escaped.
    pub lines: Vec<String>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Explains a decision by the trits it carries and the facts they rest on.
#[must_use]
pub fn explain(policy: &Policy, facts: &Facts, decision: &Decision) -> Explanation {
    let looks: Vec<&str> = decision.looks.iter().map(|look| look.word()).collect();
    let tier = match decision.tier {
        Tier::Excluded => "excluded",
        Tier::OutOfScope => "out of scope",
        Tier::Undetermined => "a fact that the decision needs could not be determined",
        Tier::Held => "held",
        Tier::Withheld => "withheld",
        Tier::WithheldAndHeld => "withheld and held",
        Tier::Included => "included",
    };
    let mut lines = vec![format!("{} ({tier}); looked: {}", decision.outcome, looks.join(", "))];
    let Some(rows) = rows(&policy.compiled, decision) else {
        lines.push("the record's trits do not fit this policy".to_owned());
        return Explanation { lines };
    };
    let teller = Teller { compiled: &policy.compiled, facts, rows };
    for (rule, compiled) in policy.rules().iter().zip(&policy.compiled.rules) {
        if decision.rules.contains(&rule.id) {
            teller.satisfied(rule, compiled, &mut lines);
        } else if decision.tier == Tier::OutOfScope && compiled.tier == RuleTier::Include {
            teller.nearest(rule, compiled, &mut lines);
        } else if decision.tier == Tier::Undetermined {
            teller.unknown(rule, compiled, &mut lines);
        }
    }
    Explanation { lines }
}

/// The trits of the record, per name; `None` where they are not of this policy.
fn rows(compiled: &Compiled, decision: &Decision) -> Option<Vec<Vec<Trit>>> {
    let read = |letter| match letter {
        'T' => Some(Trit::T),
        'F' => Some(Trit::F),
        'U' => Some(Trit::U),
        _ => None,
    };
    let row = |text: &String| text.chars().map(read).collect::<Option<Vec<_>>>();
    let rows: Vec<_> = decision.trits.iter().map(row).collect::<Option<_>>()?;
    rows.iter().all(|row| row.len() == compiled.atoms.len()).then_some(rows)
}

struct Teller<'a> {
    compiled: &'a Compiled,
    facts: &'a Facts,
    rows: Vec<Vec<Trit>>,
}

impl Teller<'_> {
    fn selector(&self, row: &[Trit], at: usize) -> Trit {
        let range = self.compiled.selectors.get(at).map_or(0..0, |(_, start, end)| *start..*end);
        Trit::and(row.get(range).unwrap_or_default().iter().copied())
    }

    fn value(&self, row: &[Trit], rule: &CompiledRule) -> Trit {
        let selectors: Vec<Trit> =
            (0..self.compiled.selectors.len()).map(|at| self.selector(row, at)).collect();
        rule_value(rule, &selectors)
    }

    /// The fields of a selector that have a value, each with the facts it rests on.
    fn fields(&self, name: usize, row: &[Trit], at: usize, wanted: Trit) -> Vec<String> {
        let range = self.compiled.selectors.get(at).map_or(0..0, |(_, start, end)| *start..*end);
        let atoms = self.compiled.atoms.get(range.clone()).unwrap_or_default();
        let values = row.get(range).unwrap_or_default();
        let fits = atoms.iter().zip(values).filter(|(_, value)| **value == wanted);
        fits.map(|(atom, _)| {
            format!("{}: {}", atom.atom.field.word(), fact(self.facts, name, atom.atom.field))
        })
        .collect()
    }

    fn id(&self, at: usize) -> &str {
        self.compiled.selectors.get(at).map_or("", |(id, _, _)| id)
    }

    fn satisfied(&self, rule: &Rule, compiled: &CompiledRule, lines: &mut Vec<String>) {
        lines.push(format!("{} ({}): {}", rule.id, rule.basis, rule.text));
        for (name, row) in self.rows.iter().enumerate() {
            if self.value(row, compiled) != Trit::T {
                continue;
            }
            for at in compiled.any.iter().chain(&compiled.all) {
                if self.selector(row, *at) == Trit::T {
                    let fields = self.fields(name, row, *at, Trit::T);
                    lines.push(format!("  matched {}: {}", self.id(*at), fields.join("; ")));
                }
            }
        }
    }

    /// The selector and name that came nearest to what an include rule wants.
    fn nearest(&self, rule: &Rule, compiled: &CompiledRule, lines: &mut Vec<String>) {
        let met = |row: &[Trit], at: usize| {
            let (_, start, end) = self.compiled.selectors.get(at)?;
            let values = row.get(*start..*end)?;
            let met = values.iter().filter(|value| **value == Trit::T).count();
            // Compared as fractions of a thousand: whole numbers order the same everywhere.
            Some(met.saturating_mul(1000).checked_div(values.len()).unwrap_or(0))
        };
        let misses = self.rows.iter().enumerate().flat_map(|(name, row)| {
            let selectors = compiled.all.iter().chain(&compiled.any);
            let missed = selectors.filter(|at| self.selector(row, **at) != Trit::T);
            missed.filter_map(move |at| Some((met(row, *at)?, name, *at)))
        });
        let Some((_, name, at)) = misses.max_by_key(|(met, _, _)| *met) else {
            lines.push(format!("{} ({}) would match but for its exception", rule.id, rule.basis));
            return;
        };
        lines.push(format!("nearest to {} ({}): selector {}", rule.id, rule.basis, self.id(at)));
        let row = self.rows.get(name).map(Vec::as_slice).unwrap_or_default();
        for (words, wanted) in [("matched", Trit::T), ("did not", Trit::F), ("not looked at", Trit::U)] {
            for field in self.fields(name, row, at, wanted) {
                lines.push(format!("  {words}: {field}"));
            }
        }
    }

    fn unknown(&self, rule: &Rule, compiled: &CompiledRule, lines: &mut Vec<String>) {
        for (name, row) in self.rows.iter().enumerate() {
            if self.value(row, compiled) != Trit::U {
                continue;
            }
            for at in compiled.any.iter().chain(&compiled.all).chain(&compiled.unless) {
                if self.selector(row, *at) == Trit::U {
                    let fields = self.fields(name, row, *at, Trit::U);
                    lines.push(format!("{} unknown by {}: {}", rule.id, self.id(*at), fields.join("; ")));
                }
            }
        }
    }
}

/// What the facts say of a field.
fn fact(facts: &Facts, name: usize, field: Field) -> String {
    let none = || "not known".to_owned();
    let path = facts.names.get(name).map_or_else(none, ToString::to_string);
    match field {
        Field::Path => path,
        Field::Name | Field::Ext => path.rsplit('/').next().unwrap_or_default().to_owned(),
        Field::Kind => kind(facts.kind_for_rules()).to_owned(),
        Field::Size => facts.size.map_or_else(none, |size| format!("{size} bytes")),
        Field::Volume => facts.volume.clone(),
        Field::Owner => match (facts.uid, &facts.sid) {
            (Some(uid), _) => format!("user id {uid}"),
            (None, Some(sid)) => sid.clone(),
            (None, None) => none(),
        },
        Field::Time => {
            let times: Vec<String> = facts.times.iter().map(stamp).collect();
            if times.is_empty() { none() } else { times.join(", ") }
        }
        Field::Type => facts.type_fact.as_ref().map_or_else(none, |found| found.name.clone()),
        Field::TypeMismatch => {
            let name = path.rsplit('/').next().unwrap_or_default();
            facts.type_fact.as_ref().map_or_else(none, |found| format!("{name} is of type {}", found.name))
        }
        Field::Encrypted => match facts.type_fact.as_ref().and_then(|found| found.encrypted) {
            Some(true) => "encrypted".to_owned(),
            Some(false) => "not encrypted".to_owned(),
            None => none(),
        },
        Field::HashIn => facts.hash.as_ref().map_or_else(none, |hash| hash.sha256.to_string()),
        Field::Keywords => {
            let hit =
                |fact: &crate::facts::KeywordFact| format!("{} terms of {}", fact.hits.len(), fact.list);
            let hits: Vec<String> = facts.keywords.iter().map(hit).collect();
            if hits.is_empty() { none() } else { hits.join(", ") }
        }
    }
}

fn stamp(stamp: &Stamp) -> String {
    let kind = time_kind(stamp.of);
    let seconds = i64::try_from(stamp.ns.div_euclid(1_000_000_000)).ok();
    let nanos = u32::try_from(stamp.ns.rem_euclid(1_000_000_000)).unwrap_or(0);
    let time = seconds.and_then(|seconds| chrono::DateTime::from_timestamp(seconds, nanos));
    let text = time.map_or_else(
        || format!("{} ns", stamp.ns),
        |time| time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, false),
    );
    match stamp.zone {
        Zone::Recorded => format!("{kind} {text}"),
        Zone::Assumed => format!("{kind} {text}, its zone assumed"),
        Zone::None => format!("{kind} {} without a zone", text.trim_end_matches("+00:00")),
    }
}
