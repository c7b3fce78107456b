//! Relations between globs: subset, disjointness, cover by several.
//!
//! Implements `docs/spec/glob.md`, "Relations". Globs are regular languages, so
//! the answers are exact: the automata are walked together until a path is found
//! that decides, or none is left. A name glob stands for all paths whose last
//! segment matches it.
//!
//! ```text
//! /a/*.txt   is a subset of    /a/**
//! /a/*.txt   is disjoint from  /**/*.jpg
//! /a/**      is covered by     /a, /a/*, /a/*/**     and by no two of them
//! ```

use super::Glob;
use super::language::{Budget, Language, Walk};

/// What is known of a relation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// It holds, for every path.
    Yes,
    /// It does not: some path is against it.
    No,
    /// The automaton has more than [`MAX_STATES`] states, or is larger than can be walked; nothing was found out.
    Unknown,
}

impl Answer {
    fn known(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// Most states that are visited for one answer. Two globs of a real policy have less than a hundred; only
/// globs made for it, such as `*a???????????????`, have more than these.
pub const MAX_STATES: usize = 10_000;

/// Most places that are looked at for one answer, a few tenths of a second: globs may be written by an enemy.
pub(crate) const MAX_WORK: u64 = 50_000_000;

/// Whether every path that `a` matches is matched by `b`, where names compare folded or not.
///
/// ```
/// use scope::glob::{Answer, Glob, subset};
///
/// let (logs, any) = (Glob::path("/var/log/*.log")?, Glob::path("/var/**")?);
/// assert_eq!(subset(&logs, &any, false), Answer::Yes);
/// assert_eq!(subset(&any, &logs, false), Answer::No);
/// # Ok::<(), scope::glob::GlobError>(())
/// ```
#[must_use]
pub fn subset(a: &Glob, b: &Glob, folded: bool) -> Answer {
    covered(a, &[b], folded)
}

/// Whether no path is matched by both.
///
/// ```
/// use scope::glob::{Answer, Glob, disjoint};
///
/// let (temporary, documents) = (Glob::path("/tmp/**")?, Glob::name("*.docx")?);
/// assert_eq!(disjoint(&temporary, &documents, false), Answer::No); // /tmp/a.docx
/// assert_eq!(disjoint(&temporary, &Glob::path("/home/**")?, false), Answer::Yes);
/// # Ok::<(), scope::glob::GlobError>(())
/// ```
#[must_use]
pub fn disjoint(a: &Glob, b: &Glob, folded: bool) -> Answer {
    disjoint_in(a, b, folded, &mut Budget(MAX_WORK)).0
}

/// Whether every path that `a` matches is matched by one of `others`.
///
/// ```
/// use scope::glob::{Answer, Glob, covered};
///
/// let all = Glob::path("/a/**")?;
/// let [folder, below, deeper] = [Glob::path("/a")?, Glob::path("/a/*")?, Glob::path("/a/*/**")?];
/// assert_eq!(covered(&all, &[&folder, &below, &deeper], false), Answer::Yes);
/// assert_eq!(covered(&all, &[&folder, &below], false), Answer::No);
/// # Ok::<(), scope::glob::GlobError>(())
/// ```
#[must_use]
pub fn covered(a: &Glob, others: &[&Glob], folded: bool) -> Answer {
    covered_in(a, others, folded, &mut Budget(MAX_WORK)).0
}

/// The answer, and how many states it took.
pub(crate) fn covered_in(a: &Glob, others: &[&Glob], folded: bool, budget: &mut Budget) -> (Answer, usize) {
    let languages = std::iter::once(a).chain(others.iter().copied());
    let languages: Vec<Language> = languages.map(|glob| Language::of(glob, folded)).collect();
    explore(
        &languages,
        folded,
        budget,
        |walk, state| walk.alive(state, 0) && !walk.takes_all(state, 1),
        |accepted| !matches!(accepted, [true, others @ ..] if !others.contains(&true)),
    )
}

/// The answer, and how many states it took.
pub(crate) fn disjoint_in(a: &Glob, b: &Glob, folded: bool, budget: &mut Budget) -> (Answer, usize) {
    explore(
        &[Language::of(a, folded), Language::of(b, folded)],
        folded,
        budget,
        |walk, state| walk.alive(state, 0) && walk.alive(state, 1),
        |accepted| accepted != [true, true],
    )
}

/// Looks for a path that `holds` denies.
fn explore(
    languages: &[Language],
    folded: bool,
    budget: &mut Budget,
    enter: impl FnMut(&Walk, &[usize]) -> bool,
    holds: impl Fn(&[bool]) -> bool,
) -> (Answer, usize) {
    let mut all = true;
    let states = Walk::new(languages, folded, budget).and_then(|walk| {
        walk.explore(MAX_STATES, budget, enter, |accepted| {
            all = holds(accepted);
            all
        })
    });
    match states {
        Some(states) => (Answer::known(all), states),
        None => (Answer::Unknown, MAX_STATES),
    }
}

#[cfg(test)]
mod tests;
