//! Text as a reader may see it: without what is not seen, and with all white space as one space.
//!
//! Implements `docs/spec/keywords.md`, "Loose text".
//!
//! ```text
//! kick<U+00AD>back         kickback
//! account<U+00A0>4711      account 4711
//! account <LF>4711         account 4711
//! ```

use unicode_normalization::char::decompose_compatible;

/// Makes text loose, character by character.
#[derive(Debug, Default)]
pub(crate) struct Loose {
    out: String,
    in_space: bool,
    place: Place,
}

/// Where in a sequence for a terminal.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Place {
    #[default]
    Text,
    Escape,
    Colour,
}

impl Loose {
    /// The next character.
    pub(crate) fn take(&mut self, letter: char) {
        match (self.place, letter) {
            (_, '\u{1b}') => self.place = Place::Escape,
            (Place::Escape, '[') => self.place = Place::Colour,
            (Place::Colour, ' '..='?') => {}
            (Place::Colour, '@'..='~') => self.place = Place::Text,
            _ => {
                self.place = Place::Text;
                self.put(letter);
            }
        }
    }

    fn put(&mut self, letter: char) {
        if letter.is_ascii() {
            self.add(letter);
        } else if !is_unseen(letter) {
            decompose_compatible(letter, |part| self.add(part));
        }
    }

    fn add(&mut self, letter: char) {
        if !letter.is_whitespace() {
            self.out.push(letter);
        } else if !self.in_space {
            self.out.push(' ');
        }
        self.in_space = letter.is_whitespace();
    }

    /// What has become of the characters since the last time.
    pub(crate) fn drain(&mut self) -> String {
        std::mem::take(&mut self.out)
    }
}

/// A whole text, loose.
pub(crate) fn loose(text: &str) -> String {
    let mut loose = Loose::default();
    text.chars().for_each(|letter| loose.take(letter));
    loose.drain()
}

/// Soft hyphens, joiners, marks of direction, selectors of variants.
fn is_unseen(letter: char) -> bool {
    scope::mail::is_unseen(letter)
}
