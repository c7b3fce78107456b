//! What of a rule an item meets: per name of the item, the selectors that matter, condition by condition.

use super::cause::{Cause, can_apply, names_missing};
use super::value::used;
use super::{Compared, Condition};
use crate::board::rule_value;
use crate::compile::{Compiled, CompiledRule, RuleTier};
use crate::facts::Facts;
use crate::name::RawName;
use crate::policy::{Policy, Selector};
use crate::trit::Trit;

pub(super) struct Teller<'a> {
    policy: &'a Policy,
    compiled: &'a Compiled,
    facts: &'a Facts,
    shown: &'a [bool],
    unseen: bool,
    /// One per name; behind them, where names are missing, one for a name unseen.
    rows: Vec<Vec<Trit>>,
}

impl<'a> Teller<'a> {
    pub(super) fn new(policy: &'a Policy, facts: &'a Facts, rows: Vec<Vec<Trit>>, shown: &'a [bool]) -> Self {
        let compiled = &*policy.compiled;
        let unseen = names_missing(facts);
        let mut rows = rows;
        if let Some(first) = rows.first().filter(|_| unseen && !facts.names.is_empty()) {
            let of_unseen = compiled.atoms.iter().zip(first);
            let of_unseen = of_unseen.map(|(atom, value)| {
                let of_name = atom.test.is_of_name() && can_apply(facts, atom.look);
                if of_name { Trit::U } else { *value }
            });
            let row = of_unseen.collect();
            rows.push(row);
        }
        Self { policy, compiled, facts, shown, unseen, rows }
    }

    /// The selectors by which a rule that is satisfied is satisfied, for each name that satisfies it.
    pub(super) fn satisfied(&self, rule: &CompiledRule) -> Vec<Compared> {
        let mut found = Vec::new();
        for (name, row) in self.rows.iter().enumerate().filter(|(_, row)| self.value(row, rule) == Trit::T) {
            for (part, at) in parts(rule).filter(|(part, _)| *part != UNLESS) {
                if self.selector(row, at) == Trit::T {
                    found.extend(self.compared(name, row, part, at, |_| true));
                }
            }
        }
        found
    }

    /// What an include rule lacks, for the name that comes nearest to it: the nearest of `any`, what of `all` is not met,
    /// and the exceptions that are met.
    pub(super) fn nearest(&self, rule: &CompiledRule) -> Vec<Compared> {
        let lacks = |row: &[Trit], at: usize| {
            let unmet = self.values(row, at).iter().filter(|value| **value != Trit::T).count();
            let refuted = self.values(row, at).iter().filter(|value| **value == Trit::F).count();
            // What is met of the rest tells two selectors apart that lack as much.
            let met = self.values(row, at).len().saturating_sub(unmet);
            (unmet, refuted, usize::MAX.saturating_sub(met))
        };
        let of_row = |row: &[Trit]| {
            let any = rule.any.iter().min_by_key(|at| lacks(row, **at)).copied();
            let all = rule.all.iter().filter(|at| self.selector(row, **at) != Trit::T).map(|at| ("all", *at));
            let unless = rule.unless.iter().filter(|at| self.selector(row, **at) == Trit::T);
            let mut wanted: Vec<(&str, usize)> =
                any.filter(|at| self.selector(row, *at) != Trit::T).map(|at| (ANY, at)).into_iter().collect();
            wanted.extend(all);
            let unmet: usize = wanted.iter().map(|(_, at)| lacks(row, *at).0).sum();
            wanted.extend(unless.map(|at| (UNLESS, *at)));
            (unmet, wanted)
        };
        let rows = self.rows.iter().enumerate().map(|(name, row)| (name, row, of_row(row)));
        let Some((name, row, (_, wanted))) = rows.min_by_key(|(_, _, (unmet, _))| *unmet) else {
            return Vec::new();
        };
        let compared = wanted.into_iter().map(|(part, at)| self.compared(name, row, part, at, |_| true));
        compared.flatten().collect()
    }

    /// The unknown conditions because of which a rule is unknown.
    pub(super) fn unknown(&self, rule: &CompiledRule) -> Vec<Compared> {
        let item = Trit::or(self.rows.iter().map(|row| self.value(row, rule)));
        let mut found = Vec::new();
        for (name, row) in self.rows.iter().enumerate() {
            if item != Trit::U || self.value(row, rule) != Trit::U {
                continue;
            }
            for (part, at) in parts(rule) {
                if self.selector(row, at) == Trit::U {
                    found.extend(self.compared(name, row, part, at, |value| value == Trit::U));
                }
            }
        }
        found.dedup_by(|a, b| a == b);
        found
    }

    /// The rules of a tier together.
    pub(super) fn tier(&self, tier: RuleTier) -> Trit {
        let rules = self.compiled.rules.iter().filter(|rule| rule.tier == tier);
        Trit::or(rules.flat_map(|rule| self.rows.iter().map(|row| self.value(row, rule))))
    }

    fn values<'r>(&self, row: &'r [Trit], at: usize) -> &'r [Trit] {
        let range = self.compiled.selectors.get(at).map_or(0..0, |(_, start, end)| *start..*end);
        row.get(range).unwrap_or_default()
    }

    fn selector(&self, row: &[Trit], at: usize) -> Trit {
        Trit::and(self.values(row, at).iter().copied())
    }

    fn value(&self, row: &[Trit], rule: &CompiledRule) -> Trit {
        let selectors: Vec<Trit> =
            (0..self.compiled.selectors.len()).map(|at| self.selector(row, at)).collect();
        rule_value(rule, &selectors)
    }

    /// A selector with those of its conditions whose value is `wanted`.
    fn compared(
        &self,
        name: usize,
        row: &[Trit],
        part: &'static str,
        at: usize,
        wanted: impl Fn(Trit) -> bool,
    ) -> Option<Compared> {
        let (id, _, _) = self.compiled.selectors.get(at)?;
        let selector: &Selector = self.policy.selectors().iter().find(|own| own.id == *id)?;
        let values = selector.conditions.iter().zip(self.values(row, at));
        let conditions = values.filter(|(_, value)| wanted(**value)).map(|(condition, value)| Condition {
            field: condition.field().word(),
            value: match value {
                Trit::T => "matched",
                Trit::F => "missed",
                Trit::U => "unknown",
            },
            used: used(self.policy, self.facts, self.name(name), id, condition),
            cause: (*value == Trit::U)
                .then(|| Cause::of(self.policy, self.facts, id, condition, self.unseen)),
            of: condition.field(),
        });
        Some(Compared {
            selector: id.clone(),
            label: selector.label.clone(),
            part,
            name: (self.rows.len() > 1).then(|| match self.name(name) {
                Ok(name) => name.to_string(),
                Err(words) => words.to_owned(),
            }),
            conditions: conditions.collect(),
        })
    }

    /// The name of a row, or what is said in its place.
    fn name(&self, at: usize) -> Result<&'a RawName, &'static str> {
        match (self.facts.names.get(at), self.shown.get(at)) {
            (Some(name), Some(true)) => Ok(name),
            (Some(_), _) => Err("a name that is not shown"),
            (None, _) => Err("a name that was not found"),
        }
    }
}

fn parts(rule: &CompiledRule) -> impl Iterator<Item = (&'static str, usize)> {
    let of = |part, list: &Vec<usize>| list.iter().map(move |at| (part, *at)).collect::<Vec<_>>();
    [of(ANY, &rule.any), of("all", &rule.all), of(UNLESS, &rule.unless)].into_iter().flatten()
}

const ANY: &str = "any";
pub(super) const UNLESS: &str = "unless";
