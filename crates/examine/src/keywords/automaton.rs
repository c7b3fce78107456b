//! Every term at once: an Aho-Corasick automaton over classes of folded characters.
//!
//! The alphabet is the set of characters that the folded terms use; all others
//! are class 0 and lead back to the root. So one automaton serves every
//! encoding, and a character costs one table lookup where no term has begun.
//! Memory is linear in the terms' length, time in the text's.

use std::collections::{BTreeMap, VecDeque};

use scope::fold::fold;

/// Class of UTF-16 units that are half a character.
pub(super) const SURROGATE: u16 = u16::MAX;

/// A state of the automaton: how much of which term has been read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct State(u32);

impl State {
    /// Nothing of any term.
    pub(super) const ROOT: Self = Self(0);

    fn index(self) -> usize {
        self.0 as usize
    }
}

/// A term that ends in a state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Term {
    /// Its position over all lists.
    pub(super) number: usize,
    /// Its length in characters.
    pub(super) chars: usize,
    /// Its length in bytes of UTF-16. Folding never changes it; in UTF-8 it does.
    pub(super) wide_len: u64,
}

#[derive(Debug, Default)]
struct Node {
    /// Next states, sorted by class.
    next: Vec<(u16, State)>,
    /// The longest proper suffix that is a state too.
    fail: State,
    /// The nearest suffix in which a term ends; the root where there is none.
    shorter: State,
    /// The terms that end here, as a range of `Automaton::ends`.
    ends: (usize, usize),
}

#[derive(Debug)]
pub(super) struct Automaton {
    /// The class of each character up to U+FFFF.
    units: Box<[u16]>,
    /// Whether a unit of UTF-16 moves a view at rest: it begins a term, or is half a character.
    wide_wakes: Box<[bool]>,
    /// Whether a byte moves a UTF-8 view at rest: it begins a term or a character of several bytes, or is the
    /// first that breaks the encoding.
    narrow_wakes: Box<[bool]>,
    /// The class of each further character that folds to one in a term.
    pairs: BTreeMap<u32, u16>,
    /// Next state of the root, by class.
    root: Vec<State>,
    nodes: Vec<Node>,
    ends: Vec<Term>,
    longest: usize,
}

impl Automaton {
    /// Most characters in all terms. A node takes about 80 bytes, so this is at most 80 MiB; classes fit in
    /// 16 bits with room for [`SURROGATE`] wherever the distinct characters are fewer than 65,535.
    pub(super) const MAX_CHARS: usize = 1 << 20;

    pub(super) fn new<'a>(terms: impl Iterator<Item = &'a str> + Clone) -> Self {
        let classes = classes(terms.clone());
        let mut nodes = vec![Node::default()];
        let mut ends: Vec<(State, Term)> = Vec::new();
        let mut longest = 1;
        for (number, term) in terms.enumerate() {
            let mut state = State::ROOT;
            let mut wide_len = 0;
            let mut chars = 0;
            for code in term.chars().map(|c| fold(u32::from(c))) {
                let class = classes.get(&code).copied().unwrap_or(0);
                state = grow(&mut nodes, state, class);
                wide_len += if code > 0xffff { 4 } else { 2 };
                chars += 1;
            }
            longest = longest.max(chars);
            if state != State::ROOT {
                ends.push((state, Term { number, chars, wide_len }));
            }
        }
        ends.sort_by_key(|(state, term)| (state.0, term.number));
        for (at, (state, _)) in ends.iter().enumerate() {
            if let Some(node) = nodes.get_mut(state.index()) {
                let from = if node.ends == (0, 0) { at } else { node.ends.0 };
                node.ends = (from, at + 1);
            }
        }
        let mut root = vec![State::ROOT; classes.len() + 1];
        for (class, state) in nodes.first().map_or(&[][..], |node| &node.next) {
            if let Some(slot) = root.get_mut(usize::from(*class)) {
                *slot = *state;
            }
        }
        let (units, pairs) = tables(&classes);
        let ends = ends.into_iter().map(|(_, term)| term).collect();
        let begins = |class: u16| {
            class == SURROGATE || root.get(usize::from(class)).is_some_and(|state| *state != State::ROOT)
        };
        let wide_wakes: Box<[bool]> = units.iter().map(|class| begins(*class)).collect();
        let ascii = wide_wakes.iter().copied().take(0x80);
        let narrow_wakes = ascii.chain((0x80..=0xff).map(|byte| matches!(byte, 0xc2..=0xf4))).collect();
        let mut automaton = Self { units, wide_wakes, narrow_wakes, pairs, root, nodes, ends, longest };
        automaton.link();
        automaton
    }

    /// Characters in the longest term; at least 1.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// The class of a character up to U+FFFF; [`SURROGATE`] for half a character.
    #[inline]
    pub(super) fn class_of_unit(&self, unit: u16) -> u16 {
        self.units.get(usize::from(unit)).copied().unwrap_or(0)
    }

    /// The class of a character from U+10000.
    pub(super) fn class_of_pair(&self, code: u32) -> u16 {
        self.pairs.get(&code).copied().unwrap_or(0)
    }

    /// Whether a unit of UTF-16 moves a view that is at rest.
    #[inline]
    pub(super) fn wakes_wide(&self, unit: u16) -> bool {
        self.wide_wakes.get(usize::from(unit)).copied().unwrap_or(true)
    }

    /// Whether a byte moves the UTF-8 view where it is at rest, and `broken` if it has met a fault before.
    #[inline]
    pub(super) fn wakes_narrow(&self, byte: u8, broken: bool) -> bool {
        let fault = byte >= 0x80 && !broken;
        fault || self.narrow_wakes.get(usize::from(byte)).copied().unwrap_or(true)
    }

    /// The state after one more character of class `class`, which is not 0.
    #[inline]
    pub(super) fn step(&self, mut state: State, class: u16) -> State {
        while state != State::ROOT {
            let Some(node) = self.nodes.get(state.index()) else { return State::ROOT };
            if let Some(next) = find(&node.next, class) {
                return next;
            }
            state = node.fail;
        }
        self.root.get(usize::from(class)).copied().unwrap_or(State::ROOT)
    }

    /// The terms that end in `state`, the longest first.
    #[inline]
    pub(super) fn terms_at(&self, state: State) -> impl Iterator<Item = &Term> {
        let mut at = state;
        let chain = std::iter::from_fn(move || {
            let node = self.nodes.get(at.index()).filter(|_| at != State::ROOT)?;
            at = node.shorter;
            self.ends.get(node.ends.0..node.ends.1)
        });
        chain.flatten()
    }

    /// Sets every node's `fail` and `shorter`, the shallow ones first.
    fn link(&mut self) {
        let mut queue: VecDeque<State> =
            self.root.iter().copied().filter(|state| *state != State::ROOT).collect();
        while let Some(state) = queue.pop_front() {
            let Some(node) = self.nodes.get(state.index()) else { continue };
            let fail = node.fail;
            for (class, child) in node.next.clone() {
                // A child's suffix is the suffix of its parent, one character longer where there is such a state.
                let suffix = self.step(fail, class);
                let ends = self.nodes.get(suffix.index()).is_some_and(|node| node.ends.1 > node.ends.0);
                let shorter = if ends {
                    suffix
                } else {
                    self.nodes.get(suffix.index()).map_or(State::ROOT, |node| node.shorter)
                };
                if let Some(node) = self.nodes.get_mut(child.index()) {
                    node.fail = suffix;
                    node.shorter = shorter;
                }
                queue.push_back(child);
            }
        }
    }
}

/// A class, from 1, for each character of the folded terms.
fn classes<'a>(terms: impl Iterator<Item = &'a str>) -> BTreeMap<u32, u16> {
    let mut classes: BTreeMap<u32, u16> =
        terms.flat_map(str::chars).map(|c| (fold(u32::from(c)), 0)).collect();
    for (class, number) in classes.values_mut().zip(1..SURROGATE) {
        *class = number;
    }
    classes
}

/// The class of every character that folds to one in `classes`.
fn tables(classes: &BTreeMap<u32, u16>) -> (Box<[u16]>, BTreeMap<u32, u16>) {
    let class = |code: u32| match code {
        0xd800..0xe000 => SURROGATE,
        _ => classes.get(&fold(code)).copied().unwrap_or(0),
    };
    let units = (0..=0xffff).map(class).collect();
    // Case pairs outside the first plane lie within one plane; those that no term uses are not asked.
    let wide = classes.keys().any(|code| *code > 0xffff);
    let last = if wide { 0x10_ffff } else { 0xffff };
    let pairs = (0x1_0000..=last).map(|code| (code, class(code))).filter(|(_, class)| *class != 0).collect();
    (units, pairs)
}

fn find(next: &[(u16, State)], class: u16) -> Option<State> {
    let at = next.binary_search_by_key(&class, |(class, _)| *class).ok()?;
    next.get(at).map(|(_, state)| *state)
}

/// The child of `state` under `class`, new if need be.
fn grow(nodes: &mut Vec<Node>, state: State, class: u16) -> State {
    let fresh = State(u32::try_from(nodes.len()).unwrap_or(0));
    let Some(node) = nodes.get_mut(state.index()) else { return State::ROOT };
    match node.next.binary_search_by_key(&class, |(class, _)| *class) {
        Ok(at) => node.next.get(at).map_or(State::ROOT, |(_, state)| *state),
        Err(at) => {
            node.next.insert(at, (class, fresh));
            nodes.push(Node::default());
            fresh
        }
    }
}
