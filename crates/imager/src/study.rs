//! What a dry run counts beside outcomes: what each rule does alone, why looks were taken, what was unknown. Never a name.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use examine::Examined;
use scope::contribution::{alone, crosses_scopes};
use scope::explain::{explain, unknowns};
use scope::facts::Look;
use scope::{Outcome, Policy, Tier};
use serde::Serialize;

use crate::survey::Amount;

/// The counts of a dry run.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Study {
    /// Items and bytes that one rule alone brings in, takes out, holds or withholds.
    pub(crate) alone: BTreeMap<String, Amount>,
    /// Items at which a look was taken since a condition of a rule waited for it.
    pub(crate) waited: BTreeMap<String, BTreeMap<Look, BTreeMap<String, u64>>>,
    /// Items at which a look was taken that no rule waited for: to tell whether they are archives, or to open them.
    pub(crate) for_archives: BTreeMap<Look, u64>,
    /// Items that are undetermined, by the condition that was unknown and its cause.
    pub(crate) unknown: BTreeMap<String, Amount>,
    /// Items of which one name alone would be taken, and another not.
    pub(crate) links_across_scopes: u64,
    /// Per keyword list, how many searched items have no term of it, one, two, three or more.
    pub(crate) keyword_hits: BTreeMap<String, [u64; 4]>,
    /// Archives that were looked into.
    pub(crate) archives: Archives,
    /// Bytes that a capture would keep.
    pub(crate) kept: Amount,
}

/// Archives that were looked into.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Archives {
    /// How many.
    pub(crate) opened: u64,
    /// Files in them, with those in archives in each other.
    pub(crate) files: u64,
    /// Archives of which not all is known.
    pub(crate) in_part: u64,
}

impl Archives {
    /// In words; `None` where none was looked into.
    pub(crate) fn told(&self) -> Option<String> {
        let Self { opened, files, in_part } = self;
        (*opened > 0).then(|| {
            format!("{opened} looked into, with {files} files in them, which are among the items; of {in_part} not all is known")
        })
    }
}

/// The cause of an archive of which not all is known.
const NOT_ALL: &str = "archive: not all that is in it is known";

impl Study {
    /// Adds one item.
    pub(crate) fn add(&mut self, policy: &Policy, examined: &Examined) {
        let (facts, decision) = (&examined.facts, &examined.decision);
        let bytes = facts.content_size().unwrap_or(0);
        for rule in alone(policy, facts, decision) {
            self.alone.entry(rule.to_owned()).or_default().add(bytes);
        }
        if decision.looks.len() > 1 {
            for look in explain(policy, facts, decision).looks {
                if look.opens {
                    *self.for_archives.entry(look.look).or_default() += 1;
                }
                for own in look.needed_by {
                    let of_rule = self.waited.entry(own.rule).or_default().entry(look.look).or_default();
                    let why = format!("{} of \"{}\" ({})", own.field, own.label, own.selector);
                    *of_rule.entry(why).or_default() += 1;
                }
            }
        }
        if decision.tier == Tier::Undetermined {
            for (field, cause) in unknowns(policy, facts, decision) {
                let key = format!("{}: {}", field.word(), cause.words());
                self.unknown.entry(key).or_default().add(bytes);
            }
            if facts.container.as_ref().is_some_and(|held| held.trouble.is_some()) {
                self.unknown.entry(NOT_ALL.to_owned()).or_default().add(bytes);
            }
        }
        if facts.names.len() > 1 && crosses_scopes(policy, facts) {
            self.links_across_scopes += 1;
        }
        if let Some(held) = &facts.container {
            let archives = &mut self.archives;
            archives.opened = archives.opened.saturating_add(1);
            archives.files = archives.files.saturating_add(held.members);
            archives.in_part = archives.in_part.saturating_add(u64::from(held.trouble.is_some()));
        }
        for found in &facts.keywords {
            let terms = found.terms().len();
            let counts = self.keyword_hits.entry(found.list.clone()).or_default();
            if let Some(count) = counts.get_mut(terms.min(3)) {
                *count += 1;
            }
        }
        if Outcome::is_kept(&decision.outcome) {
            self.kept.add(bytes);
        }
    }

    /// The counts as a table for people.
    pub(crate) fn text(&self, policy: &Policy) -> String {
        let mut text = String::from(
            "\nby one rule alone           items            bytes   (no other rule of its effect fits; an include counts what is\n                                                         held or withheld afterwards, too)\n",
        );
        for rule in policy.rules() {
            let amount = self.alone.get(&rule.id).copied().unwrap_or_default();
            text += &format!(
                "{:<12} {:<9} {:>10} {:>16}\n",
                rule.id,
                rule.effect.word(),
                amount.items,
                amount.bytes
            );
        }
        if self.deepest().next().is_some() {
            text += "\nlooks beyond metadata       items   (of the deepest look that each rule waited for, and why)\n";
        }
        for (rule, look, why, items) in self.deepest() {
            text += &format!("{rule:<12} {:<9} {items:>10}   {why}\n", look.word());
        }
        if !self.unknown.is_empty() {
            text += "\nunknown                     items            bytes   (of undetermined items; one may have several)\n";
        }
        for (what, amount) in &self.unknown {
            text += &format!("{:>33} {:>16}   {what}\n", amount.items, amount.bytes);
        }
        if let Some(archives) = self.archives.told() {
            text += &format!("\narchives: {archives}\n");
        }
        if !self.keyword_hits.is_empty() {
            text += "\nkeyword list                 none      one      two   three or more terms   (of every item whose content was looked at, whatever for)\n";
        }
        for (list, [none, one, two, more]) in &self.keyword_hits {
            text += &format!("{list:<22} {none:>10} {one:>8} {two:>8} {more:>15}\n");
        }
        if self.links_across_scopes > 0 {
            text += &format!(
                "\nnote: {} items have one name that an include fits and no exclude, and another of which that is not so (hard links)\n",
                self.links_across_scopes
            );
        }
        text
    }

    /// Per rule, what waited for the deepest look that it waited for; then what was looked at for archives alone.
    pub(crate) fn deepest(&self) -> impl Iterator<Item = (&str, Look, &str, u64)> {
        let of_rules = self.waited.iter().flat_map(|(rule, looks)| {
            let deepest = looks.iter().next_back().into_iter();
            deepest.flat_map(move |(look, whys)| {
                whys.iter().map(move |(why, items)| (rule.as_str(), *look, why.as_str(), *items))
            })
        });
        let of_archives = self.for_archives.iter().map(|(look, items)| {
            let why = match look {
                Look::Type => "to tell whether it is an archive that is opened (target.containers)",
                _ => "to open the archive (target.containers)",
            };
            ("no rule", *look, why, *items)
        });
        of_rules.chain(of_archives)
    }

    /// How large a package is at most, in bytes: content as it is, padded where it is held, and what each item costs beside it.
    pub(crate) fn package_bytes(&self, items: u64) -> u64 {
        let padding = self.kept.bytes / 8;
        let records = items.saturating_mul(PER_ITEM);
        self.kept.bytes.saturating_add(padding).saturating_add(records).saturating_add(PACKAGE)
    }
}

/// A study that several threads add to.
#[derive(Debug, Default)]
pub(crate) struct Shared(Mutex<Study>);

impl Shared {
    pub(crate) fn add(&self, policy: &Policy, examined: &Examined) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).add(policy, examined);
    }

    pub(crate) fn finish(self) -> Study {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an item costs beside its content: a row of the ledger, salted and compressed, a line of the inventory, one of a manifest.
const PER_ITEM: u64 = 1 << 10;
/// What a package has whatever is in it: policy, log, statement, and the least that its parts are padded to.
const PACKAGE: u64 = 1 << 20;
