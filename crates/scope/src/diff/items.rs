//! All the items that two policies tell apart, and what each comes to under both.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::cells::{self, Cell, Sort, UsedAtom};
use super::rows::{Effects, Fate, Looks, Row, Side, Why, differing, pair};
use crate::compile::{CompiledAtom, Test};
use crate::glob::language::{Budget, Language, Walk};
use crate::policy::{PathCase, Policy};
use crate::trit::Trit;

/// Most combinations of names, and most work to find them: beyond, nothing is said.
const MAX_STATES: usize = 100_000;
const MAX_WORK: u64 = 200_000_000;

/// Most rows that are evaluated or joined, some seconds' work: beyond, nothing is said.
const MAX_ROWS: usize = 5_000_000;

/// Most items that the names of one cell can make: beyond, nothing is said.
const MAX_JOINS: usize = 20_000;

/// Most sets of rows that are remembered so that they are not gone through again; each has some kilobytes.
const MAX_REMEMBERED: usize = 10_000;

/// How an item fares under both policies.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Move {
    /// Which items it is of.
    pub(super) sort: Sort,
    pub(super) before: Fate,
    pub(super) after: Fate,
    /// The looks that the one takes and the other does not.
    pub(super) looks_added: Looks,
    pub(super) looks_removed: Looks,
    /// Whether some name of it is shown by the one and not by the other.
    pub(super) name_added: bool,
    pub(super) name_removed: bool,
}

/// The ways in which items fare differently under the two, each with the effects whose rules lead to it; `None` where there
/// is too much to say so for certain.
pub(super) fn moves(before: &Policy, after: &Policy) -> Option<BTreeMap<Move, Effects>> {
    let first = before.compiled.atoms.len();
    let used: BTreeSet<usize> = used(before, 0).chain(used(after, first)).collect();
    let all = before.compiled.atoms.iter().map(|atom| (atom, before));
    let all = all.chain(after.compiled.atoms.iter().map(|atom| (atom, after))).enumerate();
    let atoms: Vec<UsedAtom<'_>> = all
        .filter(|(at, _)| used.contains(at))
        .map(|(at, (atom, policy))| UsedAtom { at, atom, policy })
        .collect();
    let total = first.saturating_add(after.compiled.atoms.len());
    let sides = (Side::new(before, 0, &used), Side::new(after, first, &used));
    let cases: &[bool] = match before.defaults().path_case {
        PathCase::AsVolume => &[false, true],
        PathCase::Sensitive => &[false],
        PathCase::Insensitive => &[true],
    };
    let (moves, seen) = (BTreeMap::new(), HashSet::new());
    let mut search = Search { sides, atoms: &atoms, sort: Sort::AsRules, moves, seen, rows: 0 };
    for folded in cases {
        let names = names(&atoms, *folded)?;
        for kind in cells::kinds(&atoms, before, after) {
            search.sort = kind.sort;
            let dimensions = cells::dimensions(&atoms, &kind)?;
            let mut values = vec![Trit::F; total];
            set(&mut values, &kind.values);
            search.each(&dimensions, &mut values, &mut |search, values| {
                search.items(values, &names, kind.has_content, kind.is_directory)
            })?;
        }
    }
    Some(search.moves)
}

/// The atoms of the selectors that some rule names.
fn used(policy: &Policy, first: usize) -> impl Iterator<Item = usize> {
    let compiled = &policy.compiled;
    let rules = compiled.rules.iter();
    let selectors: BTreeSet<usize> =
        rules.flat_map(|rule| rule.any.iter().chain(&rule.all).chain(&rule.unless)).copied().collect();
    let ranges = selectors.into_iter().filter_map(|at| compiled.selectors.get(at));
    ranges.flat_map(move |(_, from, until)| (*from..*until).map(move |at| first.saturating_add(at)))
}

fn set(values: &mut [Trit], cell: &[(usize, Trit)]) {
    for (at, value) in cell {
        if let Some(own) = values.get_mut(*at) {
            *own = *value;
        }
    }
}

struct Search<'p> {
    sides: (Side<'p>, Side<'p>),
    atoms: &'p [UsedAtom<'p>],
    /// Of the items that are gone through now.
    sort: Sort,
    moves: BTreeMap<Move, Effects>,
    seen: HashSet<(Sort, Vec<Row>)>,
    rows: usize,
}

impl Search<'_> {
    /// Each combination of one cell of each dimension.
    fn each(
        &mut self,
        dimensions: &[Vec<Cell>],
        values: &mut Vec<Trit>,
        then: &mut dyn FnMut(&mut Self, &[Trit]) -> Option<()>,
    ) -> Option<()> {
        let Some((cells, rest)) = dimensions.split_first() else { return then(self, values) };
        for cell in cells {
            set(values, cell);
            self.each(rest, values, then)?;
        }
        Some(())
    }

    /// The items that differ in their names alone.
    fn items(
        &mut self,
        values: &[Trit],
        names: &[Cell],
        has_content: bool,
        is_directory: bool,
    ) -> Option<()> {
        let mismatch = |own: &&UsedAtom<'_>| matches!(own.atom.test, Test::TypeMismatch(_));
        let fits: Vec<&UsedAtom<'_>> = self.atoms.iter().filter(mismatch).collect();
        let known = has_content && fits.iter().any(|own| values.get(own.at) != Some(&Trit::U));
        let bears: &[Option<bool>] = if known { &[Some(true), Some(false)] } else { &[None] };
        let mut found = Vec::new();
        let mut with_unseen = Vec::new();
        for name in names {
            for bears in bears {
                let mut own = values.to_vec();
                set(&mut own, name);
                for atom in &fits {
                    if let (Test::TypeMismatch(wanted), Some(bears)) = (&atom.atom.test, bears) {
                        set(&mut own, &[(atom.at, Trit::known(wanted == bears))]);
                    }
                }
                found.push(self.row(&own, has_content, true)?);
                if !is_directory {
                    // A name that was not found may be the one that matches.
                    for atom in self.atoms.iter().filter(|own| is_of_name(own.atom, has_content)) {
                        if own.get(atom.at) == Some(&Trit::F) {
                            set(&mut own, &[(atom.at, Trit::U)]);
                        }
                    }
                    with_unseen.push(self.row(&own, has_content, true)?);
                }
            }
        }
        let mut own = values.to_vec();
        for atom in self.atoms.iter().filter(|own| is_of_name(own.atom, has_content)) {
            set(&mut own, &[(atom.at, Trit::U)]);
        }
        let unseen = self.row(&own, has_content, false)?;
        self.joins(&found, None)?;
        self.joins(&with_unseen, Some(unseen))
    }

    fn row(&mut self, values: &[Trit], has_content: bool, found: bool) -> Option<Row> {
        self.rows = self.rows.saturating_add(1);
        (self.rows <= MAX_ROWS).then(|| Row::of(&self.sides.0, &self.sides.1, values, has_content, found))
    }

    /// Every item that has some of the rows, and the one that was not found where there is one.
    fn joins(&mut self, rows: &[Row], unseen: Option<Row>) -> Option<()> {
        let rows: BTreeSet<&Row> = rows.iter().collect();
        if !rows.iter().any(|row| row.differs()) && !unseen.as_ref().is_some_and(Row::differs) {
            return Some(());
        }
        let key = (self.sort, unseen.iter().chain(rows.iter().copied()).cloned().collect::<Vec<Row>>());
        if self.seen.contains(&key) {
            return Some(());
        }
        if self.seen.len() < MAX_REMEMBERED {
            self.seen.insert(key);
        }
        let start: Vec<Row> = match &unseen {
            Some(unseen) => vec![unseen.clone()],
            None => rows.iter().map(|row| (*row).clone()).collect(),
        };
        let mut items: HashSet<Row> = start.iter().cloned().collect();
        let mut waiting = start;
        while let Some(item) = waiting.pop() {
            self.compare(&item);
            self.rows = self.rows.saturating_add(rows.len());
            if self.rows > MAX_ROWS {
                return None;
            }
            for row in &rows {
                let more = item.join(row);
                if !items.contains(&more) {
                    if items.len() >= MAX_JOINS {
                        return None;
                    }
                    items.insert(more.clone());
                    waiting.push(more);
                }
            }
        }
        Some(())
    }

    fn compare(&mut self, item: &Row) {
        let (old, new) = &self.sides;
        let ((before, a), (after, b)) = (old.fate(&item.before), new.fate(&item.after));
        let (before, after) = match self.sort {
            Sort::AsRules => (before, after),
            Sort::Deleted(old, new) => (before.of_deleted(old), after.of_deleted(new)),
            Sort::Slack(old, new) => (before.of_slack(old), after.of_slack(new)),
        };
        let (had, has) = (old.looks(a), new.looks(b));
        let named = |fate: Fate| matches!(fate, Fate::Captured | Fate::Listed);
        let both = named(before) && named(after);
        let own = Move {
            sort: self.sort,
            before,
            after,
            looks_added: has & !had,
            looks_removed: had & !has,
            name_added: both && item.shown_after & pair(a, b) != 0,
            name_removed: both && item.shown_before & pair(a, b) != 0,
        };
        let left =
            |fate: Fate| matches!(fate, Fate::Left(Why::Excluded | Why::OutOfScope | Why::Undetermined));
        let same = old.is_alike(before, new, after) || left(before) && left(after);
        if !same || own.looks_added != 0 || own.looks_removed != 0 || own.name_added || own.name_removed {
            let effects = differing((old, a), (new, b), item);
            *self.moves.entry(own).or_default() |= effects;
        }
    }
}

fn is_of_name(atom: &CompiledAtom, has_content: bool) -> bool {
    match atom.test {
        Test::TypeMismatch(_) => has_content,
        _ => atom.test.is_of_name(),
    }
}

/// Every combination of conditions on names that some name fulfils.
fn names(atoms: &[UsedAtom<'_>], folded: bool) -> Option<Vec<Cell>> {
    let mut languages: Vec<Language> = Vec::new();
    let mut index: BTreeMap<(bool, String), usize> = BTreeMap::new();
    let mut conditions: Vec<(usize, Vec<usize>)> = Vec::new();
    for own in atoms {
        let mut add = |key: (bool, String), language: &dyn Fn() -> Language| {
            *index.entry(key).or_insert_with(|| {
                languages.push(language());
                languages.len().saturating_sub(1)
            })
        };
        let members = match &own.atom.test {
            Test::Path(globs) | Test::Name(globs) => globs
                .iter()
                .map(|glob| add((false, glob.text().to_owned()), &|| Language::of(glob, folded)))
                .collect(),
            Test::Ext(exts) => {
                let text = |ext: &[u32]| ext.iter().map(|symbol| format!("{symbol:x} ")).collect();
                exts.iter()
                    .map(|ext| add((true, text(ext)), &|| Language::of_extension(ext, folded)))
                    .collect()
            }
            _ => continue,
        };
        conditions.push((own.at, members));
    }
    let mut budget = Budget(MAX_WORK);
    let walk = Walk::new(&languages, folded, &mut budget)?;
    let mut found: BTreeSet<Cell> = BTreeSet::new();
    walk.explore(
        MAX_STATES,
        &mut budget,
        |_, state| !state.is_empty(),
        |accepted| {
            let one = |members: &[usize]| members.iter().any(|at| accepted.get(*at) == Some(&true));
            found.insert(conditions.iter().map(|(at, members)| (*at, Trit::known(one(members)))).collect());
            true
        },
    )?;
    Some(found.into_iter().collect())
}
