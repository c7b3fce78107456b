//! A policy made ready to decide: atoms in the order of the trits, references resolved.
//!
//! Compiled once, so that deciding an item looks nothing up by name.

use std::collections::BTreeMap;

use crate::facts::{Kind, Look, TimeKind};
use crate::fold::{Symbol, text_symbols};
use crate::glob::Glob;
use crate::hash_list::HashList;
use crate::mail::{MailTest, loose, normal};
use crate::policy::{
    Atom, Condition, Containers, Effect, ListItems, MailCondition, PathCase, TimeMode, Tree,
};

#[derive(Debug)]
pub(crate) struct Compiled {
    /// In the order of the trits: selectors by id bytewise, fields in schema order.
    pub(crate) atoms: Vec<CompiledAtom>,
    /// Selectors by id bytewise: their atoms, as a half-open range.
    pub(crate) selectors: Vec<(String, usize, usize)>,
    /// Rules in file order.
    pub(crate) rules: Vec<CompiledRule>,
    /// How many compartments there are.
    pub(crate) compartments: usize,
    /// Which containers are opened.
    pub(crate) containers: Option<Containers>,
    /// `None` where it is as the volume has it.
    pub(crate) folded: Option<bool>,
    pub(crate) zoneless_offset_ns: Option<i128>,
}

#[derive(Debug)]
pub(crate) struct CompiledAtom {
    pub(crate) atom: Atom,
    pub(crate) look: Look,
    pub(crate) test: Test,
}

/// What an atom asks of the facts.
#[derive(Debug)]
pub(crate) enum Test {
    Path(Vec<Glob>),
    Name(Vec<Glob>),
    /// Folded.
    Ext(Vec<Vec<Symbol>>),
    Kind(Vec<Kind>),
    Type(Vec<String>),
    TypeMismatch(bool),
    Size(u64, u64),
    /// Nanoseconds, half-open.
    Time {
        of: Vec<TimeKind>,
        from: i128,
        until: i128,
        all: bool,
    },
    /// Ids per custodian.
    Owner(Vec<(Vec<u64>, Vec<String>)>),
    HashIn(Vec<HashList>),
    Encrypted(bool),
    /// List, its number of terms, how many must occur, and what a type without text means.
    Keywords {
        list: String,
        terms: u64,
        at_least: u64,
        no_text_is_no_hit: bool,
    },
    Mail(MailTest),
    Volume(Vec<String>),
}

impl Test {
    /// Whether the answer differs from name to name of one item.
    pub(crate) fn is_of_name(&self) -> bool {
        matches!(self, Self::Path(_) | Self::Name(_) | Self::Ext(_) | Self::TypeMismatch(_))
    }
}

#[derive(Debug)]
pub(crate) struct CompiledRule {
    pub(crate) tier: RuleTier,
    pub(crate) any: Vec<usize>,
    pub(crate) all: Vec<usize>,
    pub(crate) unless: Vec<usize>,
}

/// Which group a rule belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RuleTier {
    Exclude,
    Include,
    Withhold,
    /// The compartment's position.
    Hold(usize),
}

impl Compiled {
    pub(crate) fn of(tree: &Tree) -> Self {
        let mut selectors: Vec<_> = tree.selectors.iter().collect();
        selectors.sort_by(|a, b| a.id.as_bytes().cmp(b.id.as_bytes()));
        let mut atoms = Vec::new();
        let mut ranges = Vec::new();
        for selector in selectors {
            let start = atoms.len();
            for condition in &selector.conditions {
                let field = condition.field();
                let atom = Atom { selector: selector.id.clone(), field };
                atoms.push(CompiledAtom { atom, look: field.look(), test: test(tree, condition) });
            }
            ranges.push((selector.id.clone(), start, atoms.len()));
        }
        let index: BTreeMap<&str, usize> =
            ranges.iter().enumerate().map(|(at, (id, _, _))| (id.as_str(), at)).collect();
        let find = |ids: &[String]| ids.iter().filter_map(|id| index.get(id.as_str()).copied()).collect();
        let rules = tree.rules.iter().map(|rule| CompiledRule {
            tier: match rule.effect {
                Effect::Exclude => RuleTier::Exclude,
                Effect::Include => RuleTier::Include,
                Effect::Withhold => RuleTier::Withhold,
                Effect::Hold => {
                    let to = tree.compartments.iter().position(|own| rule.to.as_ref() == Some(&own.id));
                    RuleTier::Hold(to.unwrap_or(usize::MAX))
                }
            },
            any: find(&rule.any),
            all: find(&rule.all),
            unless: find(&rule.unless),
        });
        Self {
            rules: rules.collect(),
            compartments: tree.compartments.len(),
            containers: tree.target.containers.clone(),
            folded: match tree.defaults.path_case {
                PathCase::AsVolume => None,
                PathCase::Sensitive => Some(false),
                PathCase::Insensitive => Some(true),
            },
            zoneless_offset_ns: zoneless(tree),
            atoms,
            selectors: ranges,
        }
    }
}

fn test(tree: &Tree, condition: &Condition) -> Test {
    let list = |id: &String| tree.lists.iter().find(|list| list.id == *id);
    match condition {
        Condition::Path(globs) => Test::Path(globs.clone()),
        Condition::Name(globs) => Test::Name(globs.clone()),
        Condition::Ext(exts) => Test::Ext(exts.iter().map(|ext| text_symbols(ext, true)).collect()),
        Condition::Kind(kinds) => Test::Kind(kinds.clone()),
        Condition::Type(types) => Test::Type(types.clone()),
        Condition::TypeMismatch(wanted) => Test::TypeMismatch(*wanted),
        Condition::Size { min, max } => Test::Size(min.unwrap_or(0), max.unwrap_or(u64::MAX)),
        Condition::Time(time) => {
            let window = tree.windows.iter().find(|window| window.id == time.within);
            Test::Time {
                of: time.of.clone(),
                from: window.map_or(i128::MAX, |window| ns(window.from)),
                until: window.map_or(i128::MIN, |window| ns(window.until)),
                all: time.mode == TimeMode::All,
            }
        }
        Condition::Owner(ids) => {
            let known = ids.iter().filter_map(|id| tree.custodians.iter().find(|own| own.id == *id));
            Test::Owner(known.map(|own| (own.uid.clone(), own.sid.clone())).collect())
        }
        Condition::HashIn(ids) => {
            let lists = ids.iter().filter_map(list).filter_map(|list| match &list.items {
                ListItems::Sha256(digests) => Some(digests.clone()),
                ListItems::Keywords(_) | ListItems::Addresses(_) => None,
            });
            Test::HashIn(lists.collect())
        }
        Condition::Encrypted(wanted) => Test::Encrypted(*wanted),
        Condition::Keywords { list: id, at_least } => Test::Keywords {
            list: id.clone(),
            terms: list(id).map_or(0, |list| list.items.count()),
            at_least: *at_least,
            no_text_is_no_hit: tree.defaults.not_searchable == crate::policy::NotSearchable::NoHit,
        },
        Condition::Mail(mail) => Test::Mail(mail_test(tree, mail)),
        Condition::Artifact(ids) => {
            let known = ids.iter().filter_map(|id| tree.artifacts.iter().find(|own| own.id == *id));
            Test::Path(known.flat_map(|own| own.path.iter().cloned()).collect())
        }
        Condition::Volume(volumes) => Test::Volume(volumes.clone()),
    }
}

fn ns(at: chrono::DateTime<chrono::FixedOffset>) -> i128 {
    i128::from(at.timestamp()) * 1_000_000_000 + i128::from(at.timestamp_subsec_nanos())
}

fn mail_test(tree: &Tree, mail: &MailCondition) -> MailTest {
    let lists = mail.party.iter().filter_map(|id| tree.lists.iter().find(|list| list.id == *id));
    let mut party: Vec<String> = lists
        .flat_map(|list| match &list.items {
            ListItems::Addresses(items) => items.as_slice(),
            _ => &[],
        })
        .map(|address| normal(address))
        .collect();
    party.sort_unstable();
    party.dedup();
    let mut loosely: Vec<String> = party.iter().map(|address| loose(address)).collect();
    loosely.sort_unstable();
    let window = mail.within.as_ref().map(|id| tree.windows.iter().find(|window| window.id == *id));
    MailTest {
        party: (!mail.party.is_empty()).then_some(party),
        loose: loosely,
        role: mail.role.clone(),
        within: window.map(|own| own.map_or((i128::MAX, i128::MIN), |own| (ns(own.from), ns(own.until)))),
        all: mail.messages == TimeMode::All,
        zoneless_ns: zoneless(tree),
    }
}

/// Local time minus UTC of times that carry no zone, in nanoseconds.
fn zoneless(tree: &Tree) -> Option<i128> {
    tree.defaults.zoneless_times.map(|offset| i128::from(offset.local_minus_utc()) * 1_000_000_000)
}

/// The order of the fields is the order of `Field`; conditions are read in it.
#[cfg(test)]
#[test]
fn fields_are_in_schema_order() {
    assert!(crate::policy::Field::ALL.is_sorted());
}
