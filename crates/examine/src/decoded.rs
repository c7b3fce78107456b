//! Text that may be written in another way, read in that way: what is found so leaves a doubt, and is no hit.
//!
//! Implements `docs/spec/keywords.md`, "Decoded text".
//!
//! ```text
//! kick\u0062ack   kick%62ack   kick=62ack   kick+AGI-ack   kick{}back      kickback
//! a2lja2JhY2s=                                                             kickback
//! ```

use crate::keywords::{Found, Search, Searcher};

/// Loose text that is being decoded, in pieces of any size.
#[derive(Debug)]
pub(crate) struct Decoded<'s> {
    /// The text with characters in place of escapes.
    text: Search<'s>,
    /// What cannot be decoded before more of it is there.
    carry: String,
    /// The last characters, of which none is an escape: they are searched once one comes.
    around: String,
    /// Whether what was before them was not searched: no escape is near.
    apart: bool,
    /// What rows of Base64 have.
    bytes: Search<'s>,
    row: Vec<u8>,
    /// Whether the row goes on one that ended with its line.
    goes_on: bool,
}

impl<'s> Decoded<'s> {
    /// `searcher` has the terms loosely, without those that are too short to say anything.
    pub(crate) fn new(searcher: &'s Searcher) -> Self {
        Self {
            text: searcher.start(),
            carry: String::new(),
            around: String::new(),
            apart: true,
            bytes: searcher.start(),
            row: Vec::new(),
            goes_on: false,
        }
    }

    /// The next characters.
    pub(crate) fn feed(&mut self, piece: &str) {
        piece.bytes().for_each(|byte| self.base64(byte));
        let held;
        let mut rest = if self.carry.is_empty() {
            piece
        } else {
            held = std::mem::take(&mut self.carry) + piece;
            &held
        };
        while !rest.is_empty() {
            let at = rest.bytes().position(|byte| matches!(byte, b'\\' | b'%' | b'=' | b'+' | b'{'));
            let (plain, from) = rest.split_at_checked(at.unwrap_or(rest.len())).unwrap_or((rest, ""));
            self.plain(plain);
            if from.is_empty() {
                break;
            }
            if from.len() < LONGEST && self.carries(from) {
                self.carry = from.to_owned();
                break;
            }
            rest = self.escape(from);
        }
    }

    /// Whether more of the text can change what this is.
    fn carries(&self, from: &str) -> bool {
        !from.contains([' ', '\n']) || from.len() < 8
    }

    /// Takes an escape, or the character that begins none; returns what follows.
    fn escape<'t>(&mut self, from: &'t str) -> &'t str {
        match escape(from) {
            Some((text, rest)) => {
                if std::mem::replace(&mut self.apart, false) {
                    self.text.feed(APART);
                }
                self.text.feed(self.around.as_bytes());
                self.around.clear();
                self.text.feed(text.as_bytes());
                rest
            }
            None => {
                let (first, rest) = from.split_at_checked(1).unwrap_or((from, ""));
                self.plain(first);
                rest
            }
        }
    }

    fn plain(&mut self, text: &str) {
        self.around.push_str(text);
        let mut cut = self.around.len().saturating_sub(CONTEXT);
        if cut < CONTEXT {
            return;
        }
        while !self.around.is_char_boundary(cut) {
            cut = cut.saturating_sub(1);
        }
        let far: String = self.around.drain(..cut).collect();
        if !std::mem::replace(&mut self.apart, true) {
            self.text.feed(far.as_bytes());
        }
    }

    fn base64(&mut self, byte: u8) {
        if sextet(byte).is_some() {
            self.row.push(byte);
            if self.row.len() >= ROW {
                self.end_row(true);
            }
        } else if byte == b'=' && !self.row.is_empty() {
            self.end_row(false);
        } else if !self.row.is_empty() {
            let full = self.row.len().is_multiple_of(4) && self.row.len() >= FULL;
            self.end_row(full && byte == b' ');
        } else {
            self.goes_on = false;
        }
    }

    /// Decodes a row, of which `goes_on` says whether the next one is the same text.
    fn end_row(&mut self, goes_on: bool) {
        let mixed = self.row.iter().skip(1).any(|byte| !byte.is_ascii_lowercase());
        let decodes = self.goes_on || (self.row.len() >= SHORTEST && mixed);
        if decodes {
            if !self.goes_on {
                self.bytes.feed(APART);
            }
            let mut bytes = Vec::with_capacity(self.row.len());
            for group in self.row.chunks(4) {
                let bits = group.iter().fold(0_u32, |bits, byte| bits << 6 | sextet(*byte).unwrap_or(0));
                let missing = 4_usize.saturating_sub(group.len());
                let [_, all @ ..] = (bits << (6 * missing)).to_be_bytes();
                bytes.extend(all.iter().take(3_usize.saturating_sub(missing)));
            }
            self.bytes.feed(&bytes);
        }
        self.goes_on = goes_on && decodes;
        self.row.clear();
    }

    /// Ends the text: what was found in each way.
    pub(crate) fn finish(mut self) -> [Found; 2] {
        let carry = std::mem::take(&mut self.carry);
        let mut rest = carry.as_str();
        while let Some(first) = rest.chars().next() {
            rest = match first {
                '\\' | '%' | '=' | '+' | '{' => self.escape(rest),
                _ => {
                    let (plain, after) = rest.split_at_checked(first.len_utf8()).unwrap_or((rest, ""));
                    self.plain(plain);
                    after
                }
            };
        }
        self.end_row(false);
        if !self.apart {
            self.text.feed(self.around.as_bytes());
        }
        [self.text.finish(), self.bytes.finish()]
    }
}

/// The text that an escape at the beginning of `from` stands for, and what follows it.
fn escape(from: &str) -> Option<(String, &str)> {
    let body = from.get(1..)?;
    match from.as_bytes().first()? {
        b'{' => Some((String::new(), body.strip_prefix('}')?)),
        b'+' => utf_7(body),
        b'\\' if body.starts_with('-') => Some((String::new(), body.get(1..)?)),
        b'\\' if body.starts_with('u') => {
            let body = body.get(1..)?;
            let (digits, rest) = match body.strip_prefix('{') {
                Some(body) => body.split_once('}')?,
                None => body.split_at_checked(4)?,
            };
            let hex = (1..=6).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            let letter = char::from_u32(u32::from_str_radix(digits, 16).ok().filter(|_| hex)?)?;
            Some((letter.to_string(), rest))
        }
        b'\\' => bytes(from, &["\\x", "\\'"]),
        b'%' => bytes(from, &["%"]),
        // What stands behind `=` elsewhere is a word, more often than not.
        _ if body.bytes().take(2).any(|byte| byte.is_ascii_lowercase()) => None,
        _ => bytes(from, &["="]),
    }
}

/// Bytes in two hexadecimal digits each, behind one of these beginnings.
fn bytes<'t>(from: &'t str, begins: &[&str]) -> Option<(String, &'t str)> {
    let (mut found, mut rest) = (Vec::new(), from);
    while found.len() < MOST {
        let digits = begins.iter().find_map(|begin| rest.strip_prefix(begin));
        let Some((digits, after)) = digits.and_then(|digits| digits.split_at_checked(2)) else { break };
        let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let Some(byte) = u8::from_str_radix(digits, 16).ok().filter(|_| hex) else { break };
        found.push(byte);
        rest = after;
    }
    // What is no UTF-8 may be Latin-1.
    let text = String::from_utf8(found)
        .unwrap_or_else(|other| other.as_bytes().iter().map(|byte| char::from(*byte)).collect());
    (!text.is_empty()).then_some((text, rest))
}

/// UTF-7, behind its `+`.
fn utf_7(body: &str) -> Option<(String, &str)> {
    let end = body.bytes().position(|byte| sextet(byte).is_none() || matches!(byte, b'-' | b'_'));
    let end = end.unwrap_or(body.len());
    let (row, rest) = body.split_at_checked(end)?;
    let rest = rest.strip_prefix('-').unwrap_or(rest);
    if row.len() < 3 || row.len() > MOST {
        return None;
    }
    let (mut bits, mut held, mut units) = (0_u32, 0_u32, Vec::new());
    for byte in row.bytes() {
        bits = (bits << 6 | sextet(byte)?) & 0x3f_ffff;
        held = held.saturating_add(6);
        if held >= 16 {
            held = held.saturating_sub(16);
            units.push(u16::try_from((bits >> held) & 0xffff).ok()?);
        }
    }
    let text = String::from_utf16(&units).ok()?;
    Some((text, rest))
}

/// The six bits of a digit of Base64, in either alphabet.
fn sextet(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte.checked_sub(b'A')?,
        b'a'..=b'z' => byte.checked_sub(b'a')?.checked_add(26)?,
        b'0'..=b'9' => byte.checked_sub(b'0')?.checked_add(52)?,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

/// Fewest bytes, in UTF-8, of a term that is looked for: shorter ones are met by chance.
pub(crate) const LEAST: usize = 4;
/// Longest escape, in bytes: what is longer is read as it is written.
const LONGEST: usize = 512;
/// Most bytes in a row of escapes, and digits of UTF-7, that are one text: they fit the longest.
const MOST: usize = 120;
/// Bytes of text before an escape and behind it in which a term may lie that has it: a term has at most 256 bytes, and loosely
/// up to 18 times as many.
const CONTEXT: usize = 8 << 10;
/// Digits of Base64 that are decoded at once.
const ROW: usize = 16 << 10;
/// Fewest digits of a row of Base64: six for a term, and its padding.
const SHORTEST: usize = 6;
/// Digits of a line that is full: the next line goes on with it.
const FULL: usize = 60;
/// What no term goes on behind.
const APART: &[u8] = &[0xff; 4];
