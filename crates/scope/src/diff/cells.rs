//! What items can be like, apart from their names: each dimension in as many cells as two policies tell apart.
//!
//! A cell is the value of every condition of that dimension, in both policies, as it is once all looks are
//! taken. The cells of a dimension are all that there can be, so that what holds for each of their combinations
//! holds for each item.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use crate::compile::{CompiledAtom, Test};
use crate::digest::Digest;
use crate::facts::{Kind, TimeKind};
use crate::hash_list::HashList;
use crate::mail::MailTest;
use crate::policy::{Deleted, ListItems, NotSearchable, Policy};
use crate::read::KINDS;
use crate::trit::Trit;

/// The values of some atoms, by their position among those of both policies.
pub(super) type Cell = Vec<(usize, Trit)>;

/// Most cells of one dimension; two policies that differ as amendments do have some dozens.
const MAX_CELLS: usize = 4096;

/// Most conditions on keywords that are taken together.
const MAX_KEYWORD_ATOMS: usize = 10;

/// One atom that a rule uses, and the policy that it is of.
pub(super) struct UsedAtom<'p> {
    pub(super) at: usize,
    pub(super) atom: &'p CompiledAtom,
    pub(super) policy: &'p Policy,
}

/// Items of some kinds that no condition tells apart, and that `[target]` treats alike.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct KindCell {
    pub(super) sort: Sort,
    pub(super) has_content: bool,
    pub(super) has_size: bool,
    pub(super) is_directory: bool,
    pub(super) values: Cell,
}

/// What `[target]` makes of what the rules say of items.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Sort {
    /// Nothing.
    AsRules,
    /// Of what was deleted, where it is held: what the rules capture goes to the compartment of each policy, by position.
    Deleted(usize, usize),
    /// Of slack: so, too, and what they list is left.
    Slack(usize, usize),
}

/// The kinds of items that both policies come to, but for those that `[target]` alone decides. Of a kind that one of them does
/// not come to, its provision tells.
pub(super) fn kinds(atoms: &[UsedAtom<'_>], before: &Policy, after: &Policy) -> Vec<KindCell> {
    let mut cells = BTreeSet::new();
    for (_, kind) in &KINDS {
        if let Some(sort) = sort(*kind, before, after) {
            cells.insert(cell(atoms, *kind, sort));
        }
    }
    // Slack has the kind of its file, for rules.
    if let Some((old, new)) = held(before, &before.target().slack).zip(held(after, &after.target().slack)) {
        for kind in [Kind::File, Kind::Stream, Kind::Member] {
            cells.insert(cell(atoms, kind, Sort::Slack(old, new)));
        }
    }
    cells.into_iter().collect()
}

fn cell(atoms: &[UsedAtom<'_>], kind: Kind, sort: Sort) -> KindCell {
    KindCell {
        sort,
        has_content: kind.has_content(),
        has_size: kind.has_size(),
        is_directory: kind == Kind::Directory,
        values: of(atoms, |test| match test {
            Test::Kind(kinds) => Some(Trit::known(kind.is_among(kinds))),
            _ => None,
        }),
    }
}

/// `None` where one of the policies does not come to such items.
fn sort(kind: Kind, before: &Policy, after: &Policy) -> Option<Sort> {
    let (old, new) = (before.target(), after.target());
    match kind {
        Kind::Stream => (old.streams && new.streams).then_some(Sort::AsRules),
        Kind::Deleted | Kind::Recovered => match (&old.deleted, &new.deleted) {
            (Deleted::Hold(old), Deleted::Hold(new)) => {
                Some(Sort::Deleted(position(before, old)?, position(after, new)?))
            }
            (Deleted::Never, _) | (_, Deleted::Never) => None,
            // What the one has for everybody and the other for a compartment is told by its provision.
            (Deleted::Catalogue, _) | (_, Deleted::Catalogue) => {
                (kind == Kind::Deleted).then_some(Sort::AsRules)
            }
        },
        _ => Some(Sort::AsRules),
    }
}

fn held(policy: &Policy, id: &Option<String>) -> Option<usize> {
    position(policy, id.as_deref()?)
}

fn position(policy: &Policy, id: &str) -> Option<usize> {
    policy.compartments().iter().position(|own| own.id == id)
}

/// The dimensions of items with or without content and size; `None` where one has too many cells.
pub(super) fn dimensions(atoms: &[UsedAtom<'_>], kind: &KindCell) -> Option<Vec<Vec<Cell>>> {
    let mut dimensions = vec![volumes(atoms), owners(atoms)?, times(atoms)?];
    dimensions.push(if kind.has_size {
        sizes(atoms)
    } else {
        never(atoms, |test| matches!(test, Test::Size(..)))
    });
    if kind.has_content {
        dimensions.extend([types(atoms), encrypted(atoms), hashes(atoms)?, keywords(atoms)?, mail(atoms)?]);
    } else {
        dimensions.push(never(atoms, |test| {
            matches!(
                test,
                Test::Type(_)
                    | Test::TypeMismatch(_)
                    | Test::Encrypted(_)
                    | Test::HashIn(_)
                    | Test::Keywords { .. }
                    | Test::Mail(_)
            )
        }));
    }
    dimensions.retain(|cells| cells.iter().any(|cell| !cell.is_empty()));
    dimensions.iter().all(|cells| cells.len() <= MAX_CELLS).then_some(dimensions)
}

fn of(atoms: &[UsedAtom<'_>], value: impl Fn(&Test) -> Option<Trit>) -> Cell {
    atoms.iter().filter_map(|own| value(&own.atom.test).map(|value| (own.at, value))).collect()
}

fn distinct(cells: impl IntoIterator<Item = Cell>) -> Vec<Cell> {
    cells.into_iter().collect::<BTreeSet<Cell>>().into_iter().collect()
}

fn never(atoms: &[UsedAtom<'_>], which: impl Fn(&Test) -> bool) -> Vec<Cell> {
    vec![of(atoms, |test| which(test).then_some(Trit::F))]
}

fn volumes(atoms: &[UsedAtom<'_>]) -> Vec<Cell> {
    let mut names: BTreeSet<Option<&String>> = BTreeSet::from([None]);
    for own in atoms {
        if let Test::Volume(volumes) = &own.atom.test {
            names.extend(volumes.iter().map(Some));
        }
    }
    distinct(names.into_iter().map(|name| {
        of(atoms, |test| match test {
            Test::Volume(volumes) => Some(Trit::known(name.is_some_and(|name| volumes.contains(name)))),
            _ => None,
        })
    }))
}

fn sizes(atoms: &[UsedAtom<'_>]) -> Vec<Cell> {
    let mut ends = BTreeSet::from([0]);
    for own in atoms {
        if let Test::Size(min, max) = &own.atom.test {
            ends.extend([*min, max.saturating_add(1)]);
        }
    }
    let cell = |size: Option<u64>| {
        of(atoms, |test| match test {
            Test::Size(min, max) => {
                Some(size.map_or(Trit::U, |size| Trit::known((*min..=*max).contains(&size))))
            }
            _ => None,
        })
    };
    distinct(ends.into_iter().map(Some).chain([None]).map(cell))
}

/// Types, and with an unknown type whether the name fits it: that differs from name to name.
fn types(atoms: &[UsedAtom<'_>]) -> Vec<Cell> {
    let mut names: BTreeSet<Option<&str>> = BTreeSet::from([None]);
    for own in atoms {
        if let Test::Type(types) = &own.atom.test {
            names.extend(types.iter().map(|name| Some(name.as_str())));
        }
    }
    let known = names.into_iter().map(|name| {
        of(atoms, |test| match test {
            Test::Type(types) => {
                Some(Trit::known(name.is_some_and(|name| types.iter().any(|own| own == name))))
            }
            // Whether the name fits the type is set for each name.
            Test::TypeMismatch(_) => Some(Trit::F),
            _ => None,
        })
    });
    let unknown = of(atoms, |test| matches!(test, Test::Type(_) | Test::TypeMismatch(_)).then_some(Trit::U));
    distinct(known.chain([unknown]))
}

fn encrypted(atoms: &[UsedAtom<'_>]) -> Vec<Cell> {
    distinct([Some(true), Some(false), None].into_iter().map(|found| {
        of(atoms, |test| match test {
            Test::Encrypted(wanted) => Some(found.map_or(Trit::U, |found| Trit::known(found == *wanted))),
            _ => None,
        })
    }))
}

fn owners(atoms: &[UsedAtom<'_>]) -> Option<Vec<Cell>> {
    let (mut uids, mut sids) = (BTreeSet::new(), BTreeSet::new());
    for own in atoms {
        if let Test::Owner(custodians) = &own.atom.test {
            for (uid, sid) in custodians {
                uids.extend(uid.iter().copied());
                sids.extend(sid.iter().cloned());
            }
        }
    }
    // An id that nobody has, too, and none.
    let other = (0..=u64::MAX).find(|uid| !uids.contains(uid));
    let uids: Vec<Option<u64>> = uids.into_iter().map(Some).chain([other, None]).collect();
    let sids: Vec<Option<String>> = sids.into_iter().map(Some).chain([Some(String::new()), None]).collect();
    if uids.len().saturating_mul(sids.len()) > MAX_CELLS {
        return None;
    }
    let ids = uids.iter().flat_map(|uid| sids.iter().map(move |sid| (*uid, sid.as_deref())));
    Some(distinct(ids.map(|(uid, sid)| {
        of(atoms, |test| match test {
            Test::Owner(custodians) => Some(Trit::or(
                custodians.iter().map(|(uids, sids)| crate::atom::owner_of(uids, sids, uid, sid)),
            )),
            _ => None,
        })
    })))
}

fn hashes(atoms: &[UsedAtom<'_>]) -> Option<Vec<Cell>> {
    let mut lists: BTreeMap<Digest, &HashList> = BTreeMap::new();
    for own in atoms {
        if let Test::HashIn(own) = &own.atom.test {
            lists.extend(own.iter().map(|list| (list.set(), list)));
        }
    }
    let mut cells = BTreeSet::new();
    for on in lists_together(&lists)? {
        cells.insert(of(atoms, |test| match test {
            Test::HashIn(lists) => Some(Trit::known(lists.iter().any(|list| on.contains(&list.set())))),
            _ => None,
        }));
        if cells.len() > MAX_CELLS {
            return None;
        }
    }
    cells.insert(of(atoms, |test| matches!(test, Test::HashIn(_)).then_some(Trit::U)));
    Some(cells.into_iter().collect())
}

/// On which lists a digest can be together: on none, or with the others that have it. `None` where a list cannot be read, or
/// there are too many ways.
fn lists_together(lists: &BTreeMap<Digest, &HashList>) -> Option<BTreeSet<BTreeSet<Digest>>> {
    let mut found = BTreeSet::from([BTreeSet::new()]);
    // Of a single list it is known without reading it.
    if let (1, Some((set, list))) = (lists.len(), lists.first_key_value()) {
        found.extend((list.count() > 0).then(|| BTreeSet::from([*set])));
        return Some(found);
    }
    let mut next = BinaryHeap::new();
    let mut rows: Vec<_> = lists.values().map(|list| list.iter()).collect();
    let sets: Vec<Digest> = lists.keys().copied().collect();
    let mut advance = |row: usize, next: &mut BinaryHeap<Reverse<(Digest, usize)>>| {
        let digest = rows.get_mut(row).and_then(Iterator::next).transpose().ok()?;
        next.extend(digest.map(|digest| Reverse((digest, row))));
        Some(())
    };
    for row in 0..sets.len() {
        advance(row, &mut next)?;
    }
    let (mut together, mut last) = (BTreeSet::new(), None);
    while let Some(Reverse((digest, row))) = next.pop() {
        if last != Some(digest) {
            found.insert(std::mem::take(&mut together));
            last = Some(digest);
        }
        together.extend(sets.get(row).copied());
        advance(row, &mut next)?;
        if found.len() > MAX_CELLS {
            return None;
        }
    }
    found.insert(together);
    Some(found)
}

/// Which conditions have enough hits, and whether the others are false or unknown: that is of the text's layer, and
/// one for all lists.
fn keywords(atoms: &[UsedAtom<'_>]) -> Option<Vec<Cell>> {
    let mut conditions: Vec<(usize, BTreeSet<&str>, u64)> = Vec::new();
    for own in atoms {
        if let Test::Keywords { list, at_least, .. } = &own.atom.test {
            let found = own.policy.lists().iter().find(|known| known.id == *list);
            let terms = match found.map(|known| &known.items) {
                Some(ListItems::Keywords(terms)) => terms.iter().map(String::as_str).collect(),
                _ => BTreeSet::new(),
            };
            conditions.push((own.at, terms, *at_least));
        }
    }
    if conditions.len() > MAX_KEYWORD_ATOMS {
        return None;
    }
    let mut cells = BTreeSet::new();
    for hit in 0..1_u32 << conditions.len() {
        let is_hit = |at: usize| hit >> at & 1 == 1;
        // Who finds as many terms in a list finds them in a longer one.
        let implied = conditions.iter().enumerate().all(|(at, (_, terms, most))| {
            !is_hit(at)
                || conditions.iter().enumerate().all(|(other_at, (_, other, least))| {
                    is_hit(other_at) || !(terms.is_subset(other) && most >= least)
                })
        });
        if !implied {
            continue;
        }
        for missed in [Trit::F, Trit::U] {
            let value = |at: usize| if is_hit(at) { Trit::T } else { missed };
            cells
                .insert(conditions.iter().enumerate().map(|(at, (atom, _, _))| (*atom, value(at))).collect());
        }
    }
    Some(cells.into_iter().collect())
}

/// Every combination of values of the conditions on mail, but for those that cannot be: a message that fits a condition
/// fits a wider one.
fn mail(atoms: &[UsedAtom<'_>]) -> Option<Vec<Cell>> {
    let mut conditions: Vec<(usize, &MailTest)> = Vec::new();
    for own in atoms {
        if let Test::Mail(test) = &own.atom.test {
            conditions.push((own.at, test));
        }
    }
    let mut cells: Vec<Cell> = vec![Vec::new()];
    for (place, (at, test)) in conditions.iter().enumerate() {
        let mut next = Vec::new();
        for cell in &cells {
            for value in [Trit::F, Trit::U, Trit::T] {
                let earlier = conditions.iter().take(place).zip(cell);
                let can_be = earlier.into_iter().all(|((_, other), (_, found))| {
                    (!test.implies(other) || value <= *found) && (!other.implies(test) || *found <= value)
                });
                if can_be {
                    next.push(cell.iter().copied().chain([(*at, value)]).collect());
                }
            }
        }
        if next.len() > MAX_CELLS {
            return None;
        }
        cells = next;
    }
    Some(cells)
}

/// The greatest and the least value, per window, of the stamps of one kind.
type Stamps = Vec<(Trit, Trit)>;

fn times(atoms: &[UsedAtom<'_>]) -> Option<Vec<Cell>> {
    let mut windows: BTreeSet<(i128, i128)> = BTreeSet::new();
    let mut kinds: Vec<TimeKind> = Vec::new();
    for own in atoms {
        if let Test::Time { of, from, until, .. } = &own.atom.test {
            windows.insert((*from, *until));
            kinds.extend(of.iter().filter(|kind| !kinds.contains(kind)).copied().collect::<Vec<_>>());
        }
    }
    let windows: Vec<(i128, i128)> = windows.into_iter().collect();
    let one_kind = stamps(&windows)?;
    // Kind by kind: where one of several stamps suffices, begin with false; where all must be inside, with true.
    let asked = |kind: TimeKind| {
        of(atoms, |test| matches!(test, Test::Time { of, .. } if of.contains(&kind)).then_some(Trit::U))
    };
    let mut found: BTreeSet<Cell> = BTreeSet::from([of(atoms, |test| match test {
        Test::Time { all, .. } => Some(Trit::known(*all)),
        _ => None,
    })]);
    for kind in kinds {
        let asked: Vec<usize> = asked(kind).into_iter().map(|(at, _)| at).collect();
        let mut next = BTreeSet::new();
        for stamps in &one_kind {
            for have in &found {
                let own = have.iter().map(|(at, value)| {
                    let atom = atoms.iter().find(|own| own.at == *at).map(|own| &own.atom.test);
                    let Some(Test::Time { from, until, all, .. }) = atom.filter(|_| asked.contains(at))
                    else {
                        return (*at, *value);
                    };
                    let window = windows.iter().position(|own| *own == (*from, *until));
                    let (most, least) =
                        window.and_then(|at| stamps.get(at)).copied().unwrap_or((Trit::U, Trit::U));
                    (*at, if *all { least.min(*value) } else { most.max(*value) })
                });
                next.insert(own.collect());
                if next.len() > MAX_CELLS {
                    return None;
                }
            }
        }
        found = next;
    }
    Some(found.into_iter().collect())
}

/// What the stamps of one kind can say: none, one, or several, each inside or outside of each window or unknown.
fn stamps(windows: &[(i128, i128)]) -> Option<Vec<Stamps>> {
    let ends: BTreeSet<i128> =
        windows.iter().flat_map(|(from, until)| [*from, *until]).chain([i128::MIN]).collect();
    let one =
        |at: &i128| windows.iter().map(|(from, until)| Trit::known((*from..*until).contains(at))).collect();
    let mut singles: BTreeSet<Vec<Trit>> = ends.iter().map(one).collect();
    singles.insert(vec![Trit::U; windows.len()]); // of no zone; and as if there were none
    let mut found: BTreeSet<Stamps> =
        singles.iter().map(|own| own.iter().map(|value| (*value, *value)).collect()).collect();
    let mut waiting: Vec<Stamps> = found.iter().cloned().collect();
    while let Some(have) = waiting.pop() {
        for single in &singles {
            let pairs = have.iter().zip(single);
            let joined: Stamps =
                pairs.map(|((most, least), own)| ((*most).max(*own), (*least).min(*own))).collect();
            if found.insert(joined.clone()) {
                waiting.push(joined);
            }
        }
        if found.len() > MAX_CELLS {
            return None;
        }
    }
    Some(found.into_iter().collect())
}

/// Whether two policies read the facts alike, so that one item has one cell in both.
pub(super) fn read_alike(a: &Policy, b: &Policy) -> bool {
    let of = |policy: &Policy| {
        let defaults = policy.defaults();
        (defaults.path_case, defaults.zoneless_times, defaults.not_searchable == NotSearchable::NoHit)
    };
    of(a) == of(b)
}
