//! Globs as languages: sets of whole paths, walked together symbol by symbol.
//!
//! Every condition on names is a set of paths: a path glob says it outright, a
//! name glob means the paths whose last segment matches, an extension those
//! that end in it. Each is an automaton whose places are the tokens; a [`Walk`]
//! follows several at once, and a state is the places where they can be.
//!
//! ```text
//! /a/*b     after `/`: {a}   after `/a`: {end of a}   after `/a/`: {*, b}   after `/a/xb`: {*, b, end}
//! ```

use std::collections::{BTreeMap, BTreeSet, HashSet};

use unicode_normalization::UnicodeNormalization;

use super::{Class, Glob, SLASH, Segment, Token};
use crate::fold::{Symbol, fold};

/// A set of paths that a walk can follow: one glob, or one extension.
#[derive(Clone, Debug)]
pub(crate) struct Language {
    segments: Vec<Segment>,
    /// Whether the path of the root, which has no segment, belongs to it.
    root: bool,
}

impl Language {
    /// What a path glob or a name glob matches.
    pub(crate) fn of(glob: &Glob, folded: bool) -> Self {
        let segments = glob.program(folded).segments.clone();
        if glob.text().starts_with('/') {
            let root = segments.iter().all(|segment| matches!(segment, Segment::AnyDepth));
            return Self { segments, root };
        }
        // The last segment of the root's path is empty.
        let root = matches!(segments.as_slice(), [Segment::Tokens(tokens)] if tokens.iter().all(|token| matches!(token, Token::Many)));
        Self { segments: std::iter::once(Segment::AnyDepth).chain(segments).collect(), root }
    }

    /// The paths with this extension, given in folded symbols.
    pub(crate) fn of_extension(folded_ext: &[Symbol], folded: bool) -> Self {
        let mut tokens = vec![Token::One, Token::Many, Token::Symbol(Symbol::from('.'))];
        tokens.extend(folded_ext.iter().map(|&symbol| {
            let spellings = if folded { vec![symbol] } else { crate::fold::unfolded(symbol) };
            Token::Class(Class::new(false, spellings.into_iter().map(|own| (own, own)).collect()))
        }));
        Self { segments: vec![Segment::AnyDepth, Segment::Tokens(tokens)], root: false }
    }
}

/// What may follow a place.
#[derive(Debug)]
enum Place {
    /// A token of a segment, and whether it may be passed without a symbol.
    Token(Token),
    /// The end of a segment; what a `/` leads to.
    End(Vec<usize>),
    /// In a segment that `**` takes; what a `/` leads to.
    Deep(Vec<usize>),
}

/// How much walking may still be done: places that are looked at, over all walks that share it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget(pub(crate) u64);

impl Budget {
    /// Takes `work` off; `None` where there is less.
    pub(crate) fn spend(&mut self, work: usize) -> Option<()> {
        let rest = self.0.checked_sub(work as u64);
        self.0 = rest.unwrap_or(0);
        rest.map(|_| ())
    }
}

/// Where the automata of several languages can be after some symbols. Sorted, none twice.
pub(crate) type State = Box<[usize]>;

/// Several languages, followed at once.
pub(crate) struct Walk {
    places: Vec<Place>,
    /// Per place: the language that it belongs to.
    owner: Vec<usize>,
    /// Per place: whether a path may end here.
    accepts: Vec<bool>,
    /// Whether everything below is accepted too, whatever it is.
    takes_all: Vec<bool>,
    /// One symbol for each group that no token tells apart.
    pub(super) groups: Vec<Symbol>,
    pub(super) start: State,
    pub(super) roots: Vec<bool>,
}

impl Walk {
    /// Lays the languages out; `None` where that alone is beyond the budget.
    pub(crate) fn new(languages: &[Language], folded: bool, budget: &mut Budget) -> Option<Self> {
        let mut walk = Self {
            places: Vec::new(),
            owner: Vec::new(),
            accepts: Vec::new(),
            takes_all: Vec::new(),
            groups: groups(languages, folded, budget)?,
            start: Box::default(),
            roots: languages.iter().map(|language| language.root).collect(),
        };
        let mut start = BTreeSet::new();
        budget.spend(
            languages
                .iter()
                .map(|language| language.segments.len().saturating_add(1))
                .sum::<usize>()
                .saturating_mul(16),
        )?;
        for (at, language) in languages.iter().enumerate() {
            start.extend(walk.add(at, &language.segments));
        }
        walk.start = start.into_iter().collect();
        Some(walk)
    }

    /// Lays out one language from its last segment to its first; what a path's first segment can begin at.
    fn add(&mut self, language: usize, segments: &[Segment]) -> Vec<usize> {
        let mut below: Vec<usize> = Vec::new(); // where the segment after this one can begin
        let mut ends = true; // whether all that follows is `**`
        for (at, segment) in segments.iter().enumerate().rev() {
            let last = at.saturating_add(1) == segments.len();
            match segment {
                Segment::AnyDepth => {
                    let own = self.places.len();
                    let mut entry = below;
                    entry.push(own);
                    self.push(language, Place::Deep(entry.clone()), ends, last);
                    below = entry;
                }
                Segment::Tokens(tokens) => {
                    let first = self.places.len();
                    for token in tokens {
                        self.push(language, Place::Token(token.clone()), false, false);
                    }
                    self.push(language, Place::End(below), ends, false);
                    ends = false;
                    below = Vec::new();
                    self.pass(first, &mut below);
                }
            }
        }
        below
    }

    fn push(&mut self, language: usize, place: Place, accepts: bool, takes_all: bool) {
        self.places.push(place);
        self.owner.push(language);
        self.accepts.push(accepts);
        self.takes_all.push(takes_all);
    }

    /// Adds a place, and those that it reaches without a symbol: a `*` may stand for none.
    fn pass(&self, mut place: usize, reached: &mut Vec<usize>) {
        reached.push(place);
        while let Some(Place::Token(Token::Many)) = self.places.get(place) {
            place = place.saturating_add(1);
            reached.push(place);
        }
    }

    /// Where one symbol leads.
    pub(super) fn step(&self, state: &[usize], symbol: Symbol) -> State {
        let mut next = Vec::with_capacity(state.len());
        for &at in state {
            match self.places.get(at) {
                Some(Place::Token(Token::Many)) if symbol != SLASH => self.pass(at, &mut next),
                Some(Place::Token(token)) if symbol != SLASH && token.reads(symbol) => {
                    self.pass(at.saturating_add(1), &mut next);
                }
                Some(Place::Deep(_)) if symbol != SLASH => next.push(at),
                Some(Place::Deep(below) | Place::End(below)) if symbol == SLASH => next.extend(below),
                _ => {}
            }
        }
        next.sort_unstable();
        next.dedup();
        next.into_boxed_slice()
    }

    /// Which languages a path that ends here belongs to.
    pub(crate) fn accepted(&self, state: &[usize]) -> Vec<bool> {
        let mut accepted = vec![false; self.roots.len()];
        for &at in state {
            if let (Some(true), Some(own)) = (self.accepts.get(at), self.owner.get(at))
                && let Some(found) = accepted.get_mut(*own)
            {
                *found = true;
            }
        }
        accepted
    }

    /// Whether the language can still be reached from here.
    pub(crate) fn alive(&self, state: &[usize], language: usize) -> bool {
        state.iter().any(|at| self.owner.get(*at) == Some(&language))
    }

    /// Whether one of the languages from `first` on accepts whatever follows.
    pub(crate) fn takes_all(&self, state: &[usize], first: usize) -> bool {
        state.iter().any(|&at| {
            self.takes_all.get(at) == Some(&true) && self.owner.get(at).is_some_and(|own| *own >= first)
        })
    }

    /// Visits each state that a path can end in, with the languages that accept there; the root's path first.
    ///
    /// `enter` says whether to go on below a state, `visit` whether to go on at all. Returns the number of
    /// states, and `None` where there are more than `limit`, or the budget is spent.
    pub(crate) fn explore(
        &self,
        limit: usize,
        budget: &mut Budget,
        mut enter: impl FnMut(&Self, &[usize]) -> bool,
        mut visit: impl FnMut(&[bool]) -> bool,
    ) -> Option<usize> {
        if !visit(&self.roots) {
            return Some(1);
        }
        // The state after the first `/` is visited as the root; reached again, it is that of an empty segment.
        let mut seen: HashSet<State> = HashSet::new();
        let mut waiting: Vec<State> = Vec::new();
        let mut from = vec![self.start.clone()];
        loop {
            for state in from.drain(..) {
                budget.spend(
                    state.len().saturating_add(1).saturating_mul(self.groups.len().saturating_add(1)),
                )?;
                for symbol in self.groups.iter().copied().chain([SLASH]) {
                    let next = self.step(&state, symbol);
                    if seen.contains(&next) {
                        continue;
                    }
                    if seen.len() >= limit {
                        return None;
                    }
                    seen.insert(next.clone());
                    if !visit(&self.accepted(&next)) {
                        return Some(seen.len().saturating_add(1));
                    }
                    if enter(self, &next) {
                        waiting.push(next);
                    }
                }
            }
            match waiting.pop() {
                Some(next) => from.push(next),
                None => return Some(seen.len().saturating_add(1)),
            }
        }
    }
}

/// One symbol of each group: two symbols are of one group where every token reads both or neither.
fn groups(languages: &[Language], folded: bool, budget: &mut Budget) -> Option<Vec<Symbol>> {
    let mut classes: Vec<&Class> = Vec::new();
    let mut literals: BTreeSet<Symbol> = BTreeSet::new();
    let tokens = languages.iter().flat_map(|language| &language.segments).flat_map(|segment| match segment {
        Segment::Tokens(tokens) => tokens.as_slice(),
        Segment::AnyDepth => &[],
    });
    for token in tokens {
        match token {
            Token::Symbol(symbol) => {
                literals.insert(*symbol);
            }
            Token::Class(class) => {
                budget.spend(classes.len())?;
                if !classes.contains(&class) {
                    classes.push(class);
                }
            }
            _ => {}
        }
    }
    let mut bounds: BTreeSet<Symbol> = BTreeSet::from([0, SLASH, SLASH + 1]);
    bounds.extend(literals.iter().flat_map(|&symbol| [symbol, symbol.saturating_add(1)]));
    for (first, last) in classes.iter().flat_map(|class| class.ranges()) {
        bounds.extend([*first, last.saturating_add(1)]);
    }
    let bounds: Vec<Symbol> = bounds.into_iter().filter(|bound| *bound <= LAST).collect();
    budget.spend(bounds.len().saturating_mul(classes.len().saturating_add(1)))?;
    let mut found: BTreeMap<(Option<Symbol>, Vec<bool>), Symbol> = BTreeMap::new();
    for (at, &first) in bounds.iter().enumerate() {
        let until = bounds.get(at.saturating_add(1)).copied().unwrap_or(LAST + 1);
        let literal = literals.contains(&first).then_some(first);
        let key = (literal, classes.iter().map(|class| class.contains(first)).collect());
        if first != SLASH
            && !found.contains_key(&key)
            && let Some(symbol) = (first..until).find(|symbol| occurs(*symbol, folded))
        {
            found.insert(key, symbol);
        }
    }
    Some(found.into_values().collect())
}

/// Whether names have this symbol: a character that NFC keeps, or a byte; folded, where names are.
fn occurs(symbol: Symbol, folded: bool) -> bool {
    let in_nfc = match char::from_u32(symbol) {
        Some(c) => std::iter::once(c).nfc().eq([c]),
        None => (0xDC80..=0xDCFF).contains(&symbol),
    };
    in_nfc && (!folded || fold(symbol) == symbol)
}

/// The last symbol that there can be.
const LAST: Symbol = 0x0010_FFFF;
