//! The look *content*: which keywords occur in a file, where, and whether a keyword's absence says anything.
//!
//! Implements `docs/spec/keywords.md`, kw/1 and text/1. The bytes are read in
//! five views at once: UTF-8, and UTF-16 in both byte orders at even and odd
//! offsets. Text is folded after decoding, so that `ÄRGER` finds `ärger`; what
//! does not decode ends a word and nothing else.
//!
//! ```text
//! {"list":"spam-marks","hits":[{"term":1,"count":3,"offsets":[65530,70112,70340]}],"searched":81920,"layer":"full"}
//! ```
//!
//! Build a [`Searcher`] once per policy, a [`Search`] once per file, and feed
//! it the content in pieces of any size: the pieces' borders change nothing.

mod automaton;
mod tally;

use std::collections::BTreeMap;

use scope::facts::{Hit, KeywordFact, Layer, TextFact};
use scope::policy::KeywordList;

use crate::decoded::LEAST;
use crate::loose::loose;
use crate::reading::Read;
use crate::text::Text;
use automaton::{Automaton, SURROGATE, State};
use tally::{Place, Tally};

/// Keyword lists, ready to search for.
#[derive(Debug)]
pub struct Searcher {
    automaton: Automaton,
    /// The lists' ids and how many terms each has; the automaton numbers terms over all lists.
    lists: Vec<(String, usize)>,
}

/// Why keyword lists cannot be searched for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SearcherError {
    /// More characters than the automaton has room for.
    #[error(
        "the keyword lists hold {found} characters, and {} is the most that can be searched for",
        Automaton::MAX_CHARS
    )]
    TooLong {
        /// Characters in all terms of all lists.
        found: usize,
    },
}

/// One file's search.
#[derive(Debug)]
pub struct Search<'a> {
    searcher: &'a Searcher,
    /// Of each term that was met, by its number: most files have few, however long the lists are.
    tallies: BTreeMap<usize, Tally>,
    position: u64,
    previous: u8,
    first: [u8; 2],
    /// UTF-16 little-endian at even and odd offsets, then big-endian at even and odd offsets.
    wide: [Wide; 4],
    narrow: Narrow,
    /// Where the last characters of the UTF-8 view began, as many as the longest term has.
    starts: Vec<u64>,
    characters: usize,
}

/// What a search found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Found {
    /// Per list, its id and the terms that occur.
    pub lists: Vec<(String, Vec<Hit>)>,
    /// How many bytes were searched.
    pub searched: u64,
    /// Whether all of them are UTF-8.
    pub is_utf_8: bool,
    /// Whether all of them are UTF-16 in the byte order of the mark that they begin with.
    pub is_utf_16: bool,
}

/// The same lists, as they are written and loosely.
#[derive(Debug)]
pub struct Searchers {
    /// For the content and its text.
    pub exact: Searcher,
    /// For text as a reader may see it.
    pub loose: Searcher,
    /// For text that may be written in another way: the same, without short terms.
    pub long: Searcher,
}

impl Searchers {
    /// Prepares both.
    ///
    /// # Errors
    ///
    /// [`SearcherError::TooLong`] where the lists are too large to be searched for at once.
    pub fn new(lists: &[KeywordList<'_>]) -> Result<Self, SearcherError> {
        let (loose, long) = (Searcher::loose(lists, 0)?, Searcher::loose(lists, LEAST)?);
        Ok(Self { exact: Searcher::new(lists)?, loose, long })
    }
}

impl Searcher {
    /// Prepares to search for every term of `lists` that has so many bytes in UTF-8, in loose text.
    ///
    /// # Errors
    ///
    /// [`SearcherError::TooLong`] where the lists are too large to be searched for at once.
    pub fn loose(lists: &[KeywordList<'_>], least: usize) -> Result<Self, SearcherError> {
        let long = |term: &String| term.len() >= least;
        let of_term = |term: &String| if long(term) { loose(term) } else { String::new() };
        let loosened = |list: &KeywordList<'_>| list.terms.iter().map(of_term).collect();
        let terms: Vec<Vec<String>> = lists.iter().map(loosened).collect();
        let pairs = lists.iter().zip(&terms);
        let lists: Vec<KeywordList<'_>> =
            pairs.map(|(list, terms)| KeywordList { id: list.id, terms }).collect();
        Self::new(&lists)
    }

    /// Prepares to search for every term of `lists`. An empty term never occurs.
    ///
    /// # Errors
    ///
    /// [`SearcherError::TooLong`] where the lists are too large to be searched for at once.
    pub fn new(lists: &[KeywordList<'_>]) -> Result<Self, SearcherError> {
        let terms = lists.iter().flat_map(|list| list.terms).map(String::as_str);
        let found = terms.clone().map(|term| term.chars().count()).fold(0, usize::saturating_add);
        if found > Automaton::MAX_CHARS {
            return Err(SearcherError::TooLong { found });
        }
        let lists = lists.iter().map(|list| (list.id.to_owned(), list.terms.len())).collect();
        Ok(Self { automaton: Automaton::new(terms), lists })
    }

    /// Begins one file.
    #[must_use]
    pub fn start(&self) -> Search<'_> {
        let longest = self.automaton.longest().next_power_of_two();
        Search {
            searcher: self,
            tallies: BTreeMap::new(),
            position: 0,
            previous: 0,
            first: [0; 2],
            wide: [Wide::default(); 4],
            narrow: Narrow::default(),
            starts: vec![0; longest],
            characters: 0,
        }
    }
}

impl Search<'_> {
    /// Searches the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        let begun = usize::try_from(self.position).unwrap_or(usize::MAX);
        for (slot, byte) in self.first.iter_mut().skip(begun).zip(bytes) {
            *slot = *byte;
        }
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            let idle = self.idle(rest);
            if let Some((skipped @ [.., last], awake)) = rest.split_at_checked(idle) {
                self.previous = *last;
                self.position += skipped.len() as u64;
                rest = awake;
                continue;
            }
            if self.position > 0 {
                // INVARIANT: at each end UTF-16 comes before UTF-8; the tallies rely on it.
                let odd = self.position.is_multiple_of(2);
                self.unit::<0>(odd, u16::from_le_bytes([self.previous, byte]));
                self.unit::<2>(odd, u16::from_be_bytes([self.previous, byte]));
            }
            self.byte(byte);
            self.previous = byte;
            self.position += 1;
            rest = after;
        }
    }

    /// How many bytes can be passed over: no view has begun a term or a character, and none of them begins one.
    fn idle(&self, rest: &[u8]) -> usize {
        let at_rest = |view: &Wide| view.state == State::ROOT && view.high == 0;
        let narrow = self.narrow.state == State::ROOT && self.narrow.missing == 0;
        if !narrow || self.position == 0 || !self.wide.iter().all(at_rest) {
            return 0;
        }
        let automaton = &self.searcher.automaton;
        let mut previous = self.previous;
        let wakes = |&byte: &u8| {
            let little = u16::from_le_bytes([previous, byte]);
            let big = u16::from_be_bytes([previous, byte]);
            previous = byte;
            automaton.wakes_narrow(byte, self.narrow.broken)
                || automaton.wakes_wide(little)
                || automaton.wakes_wide(big)
        };
        rest.iter().position(wakes).unwrap_or(rest.len())
    }

    /// Ends the file.
    #[must_use]
    pub fn finish(mut self) -> Found {
        self.tallies.values_mut().for_each(Tally::finish);
        let (mut lists, mut first) = (Vec::new(), 0_usize);
        for (id, terms) in &self.searcher.lists {
            let next = first.saturating_add(*terms);
            let rest = self.tallies.split_off(&next);
            let own = std::mem::replace(&mut self.tallies, rest).into_iter();
            let hits = own.filter(|(_, tally)| tally.count > 0).map(|(number, tally)| {
                let term = u64::try_from(number.saturating_sub(first)).unwrap_or(u64::MAX);
                Hit { term, count: tally.count, offsets: tally.offsets }
            });
            lists.push((id.clone(), hits.collect()));
            first = next;
        }
        let [little, _, big, _] = self.wide.map(|view| !view.broken && view.high == 0);
        let whole_units = self.position.is_multiple_of(2);
        Found {
            lists,
            searched: self.position,
            is_utf_8: !self.narrow.broken && self.narrow.missing == 0,
            is_utf_16: whole_units
                && match self.first {
                    [0xff, 0xfe] => little,
                    [0xfe, 0xff] => big,
                    _ => false,
                },
        }
    }

    /// The UTF-16 unit that ends with the current byte, in the view `ORDER` (+ 1 at odd offsets).
    fn unit<const ORDER: usize>(&mut self, odd: bool, unit: u16) {
        let automaton = &self.searcher.automaton;
        let Some(view) = self.wide.get_mut(ORDER + usize::from(odd)) else { return };
        let mut class = automaton.class_of_unit(unit);
        if view.high != 0 || class == SURROGATE {
            let high = std::mem::take(&mut view.high);
            if (0xdc00..0xe000).contains(&unit) && high != 0 {
                let pair = 0x1_0000 + ((u32::from(high) - 0xd800) << 10 | (u32::from(unit) - 0xdc00));
                class = automaton.class_of_pair(pair);
            } else {
                if high != 0 {
                    view.broken = true;
                    view.state = State::ROOT;
                }
                if class == SURROGATE {
                    if unit < 0xdc00 {
                        view.high = unit; // whatever follows, the state waits with it
                    } else {
                        view.broken = true;
                        view.state = State::ROOT;
                    }
                    return;
                }
            }
        }
        if class == 0 {
            view.state = State::ROOT;
            return;
        }
        view.state = automaton.step(view.state, class);
        let end = self.position + 1;
        let place = if odd { Place::Odd } else { Place::Even };
        for term in automaton.terms_at(view.state) {
            let tally = self.tallies.entry(term.number).or_default();
            tally.meet(place, end.saturating_sub(term.wide_len), end);
        }
    }

    /// The current byte, in the UTF-8 view.
    fn byte(&mut self, byte: u8) {
        let automaton = &self.searcher.automaton;
        let view = &mut self.narrow;
        let class = if view.missing == 0 && byte < 0x80 {
            view.began = self.position;
            automaton.class_of_unit(u16::from(byte))
        } else {
            match view.decode(byte, self.position) {
                Some(code) => u16::try_from(code)
                    .map_or_else(|_| automaton.class_of_pair(code), |unit| automaton.class_of_unit(unit)),
                None => return,
            }
        };
        if class == 0 {
            view.state = State::ROOT;
            return;
        }
        view.state = automaton.step(view.state, class);
        if view.state == State::ROOT {
            return;
        }
        // The characters of a match all leave the root, so only those need their starts remembered.
        let mask = self.starts.len().wrapping_sub(1);
        if let Some(start) = self.starts.get_mut(self.characters & mask) {
            *start = view.began;
        }
        self.characters = self.characters.wrapping_add(1);
        for term in automaton.terms_at(view.state) {
            let first = self.characters.wrapping_sub(term.chars) & mask;
            if let Some(&start) = self.starts.get(first) {
                let tally = self.tallies.entry(term.number).or_default();
                tally.meet(Place::Narrow, start, self.position + 1);
            }
        }
    }
}

impl Found {
    /// One fact per list.
    ///
    /// `name` is the file's type in `magic/1`. `complete` says whether the
    /// content was read to its end; where it was not, the layer is `unread`.
    /// `read` is what reading a text showed, `text` what was found in what was extracted from it.
    pub(crate) fn facts(
        self,
        name: &str,
        complete: bool,
        read: Option<&Read>,
        text: Option<Text>,
    ) -> Vec<KeywordFact> {
        let extracted = text.as_ref().is_some_and(|text| !text.is_reversed);
        let layer = self.layer_of_all(name, complete, read, extracted);
        let searched = self.searched;
        let mut loose: Vec<Self> = read.into_iter().flat_map(|read| read.loose.clone()).collect();
        let mut extracted = None;
        if let Some(text) = text {
            let bytes = text.found.searched;
            loose.extend(text.loose);
            extracted = Some((text.sha256, bytes, text.found.lists));
        }
        let mut facts = Vec::new();
        for (place, (list, hits)) in self.lists.into_iter().enumerate() {
            let text = extracted.as_mut().and_then(|(sha256, bytes, lists)| {
                let hits = std::mem::take(&mut lists.get_mut(place)?.1);
                Some(TextFact { sha256: *sha256, bytes: *bytes, hits })
            });
            let mut fact = KeywordFact { list, hits, text, searched, layer };
            // What a reader may see, and was not found as it is written, is neither there nor not there.
            let found = fact.terms();
            let seen = loose.iter().filter_map(|own| own.lists.get(place)).flat_map(|(_, hits)| hits);
            if fact.layer == Layer::Full
                && seen.into_iter().any(|hit| found.binary_search(&hit.term).is_err())
            {
                fact.layer = Layer::Unread;
            }
            facts.push(fact);
        }
        facts
    }

    /// The layer, for all lists alike.
    fn layer_of_all(&self, name: &str, complete: bool, read: Option<&Read>, extracted: bool) -> Layer {
        let layer = match name {
            EXTRACTED if complete && extracted => return Layer::Full,
            _ => self.layer(name, complete),
        };
        let otherwise = read.is_some_and(|read| {
            let is_page = name == PAGE || read.plain.is_page();
            let other_xml = name == "xml" && !(read.plain.is_rooted() && extracted);
            read.plain.is_coded() || (is_page && !extracted) || other_xml
        });
        if layer == Layer::Full && otherwise { Layer::Unread } else { layer }
    }

    /// The text layer, by text/1.
    #[must_use]
    pub fn layer(&self, name: &str, complete: bool) -> Layer {
        let decoded = if name == "text-utf-16" { self.is_utf_16 } else { self.is_utf_8 };
        match scope::magic::layer(name) {
            _ if !complete => Layer::Unread,
            // The type is known from the head alone. Bytes further on that are not of its encoding
            // may be text in another one: then a term that was not found may still be there.
            Layer::Full if !decoded => Layer::Unread,
            layer => layer,
        }
    }
}

/// The type whose text is nothing but what is extracted.
const EXTRACTED: &str = "ooxml";
/// The type of pages.
const PAGE: &str = "html";

/// A UTF-16 view.
#[derive(Clone, Copy, Debug, Default)]
struct Wide {
    state: State,
    /// A high surrogate that waits for its low one; 0 where none does.
    high: u16,
    broken: bool,
}

/// The UTF-8 view.
#[derive(Clone, Copy, Debug, Default)]
struct Narrow {
    state: State,
    broken: bool,
    /// Where the current character began.
    began: u64,
    /// How many bytes of it are still missing.
    missing: u8,
    code: u32,
    /// What the next byte may be: the second byte's range shuts out long forms and surrogates.
    low: u8,
    high: u8,
}

impl Narrow {
    /// Takes one byte that is not a lone ASCII one; the character that it completes.
    fn decode(&mut self, byte: u8, position: u64) -> Option<u32> {
        if self.missing > 0 {
            if (self.low..=self.high).contains(&byte) {
                self.code = self.code << 6 | u32::from(byte & 0x3f);
                self.missing -= 1;
                (self.low, self.high) = (0x80, 0xbf);
                return (self.missing == 0).then_some(self.code);
            }
            self.fail();
        }
        self.began = position;
        (self.low, self.high) = (0x80, 0xbf);
        match byte {
            0..=0x7f => return Some(u32::from(byte)),
            0xc2..=0xdf => (self.missing, self.code) = (1, u32::from(byte & 0x1f)),
            0xe0..=0xef => (self.missing, self.code) = (2, u32::from(byte & 0x0f)),
            0xf0..=0xf4 => (self.missing, self.code) = (3, u32::from(byte & 0x07)),
            _ => self.fail(),
        }
        match byte {
            0xe0 => self.low = 0xa0,
            0xed => self.high = 0x9f,
            0xf0 => self.low = 0x90,
            0xf4 => self.high = 0x8f,
            _ => {}
        }
        None
    }

    fn fail(&mut self) {
        self.broken = true;
        self.missing = 0;
        self.state = State::ROOT;
    }
}

#[cfg(test)]
mod tests;
