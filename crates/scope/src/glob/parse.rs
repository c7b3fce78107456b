//! Reading a glob. What glob/1 does not define is an error with its place.

use unicode_normalization::char::canonical_combining_class;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::{Class, Glob, GlobError, Segment, Token};
use crate::fold::{Symbol, undecodable};

/// The segments of a glob over whole paths.
pub(super) fn path(text: &str) -> Result<Vec<Segment>, GlobError> {
    bounded(text)?;
    let Some(below) = text.strip_prefix('/') else {
        return fail(
            0,
            "a path glob begins with `/`, the root of the volume",
            Some("write `/**/` before it for any folder"),
        );
    };
    if below.is_empty() {
        return Ok(Vec::new());
    }
    let mut segments = Vec::new();
    let mut at = 1;
    for part in below.split('/') {
        let segment = match part {
            "" if at == text.len() => {
                return fail(
                    at,
                    "a path glob does not end in `/`",
                    Some("`/**` at the end means the folder and whatever lies below it"),
                );
            }
            "" => return fail(at, "there is nothing between two `/`", None),
            "." | ".." => return fail(at, "`.` and `..` are not names of items", None),
            "**" if matches!(segments.last(), Some(Segment::AnyDepth)) => {
                return fail(at, "`**` after `**` says nothing more", None);
            }
            "**" => Segment::AnyDepth,
            _ => Segment::Tokens(tokens(part, at)?),
        };
        segments.push(segment);
        at = at.saturating_add(part.len()).saturating_add(1);
    }
    Ok(segments)
}

/// The tokens of a glob over one component.
pub(super) fn name(text: &str) -> Result<Vec<Token>, GlobError> {
    bounded(text)?;
    if let Some(at) = text.find('/') {
        return fail(at, "a name glob is one component and has no `/`", Some("use `path` for whole paths"));
    }
    if matches!(text, "." | "..") {
        return fail(0, "`.` and `..` are not names of items", None);
    }
    tokens(text, 0)
}

fn bounded(text: &str) -> Result<(), GlobError> {
    if text.is_empty() {
        return fail(0, "an empty glob matches nothing", None);
    }
    if text.len() > Glob::MAX {
        return fail(0, &format!("a glob has at most {} bytes", Glob::MAX), None);
    }
    Ok(())
}

/// What one piece of a glob stands for, before runs of literals are brought to NFC.
enum Piece {
    Char(char),
    Byte(u8),
    Wild(Token),
}

fn tokens(text: &str, base: usize) -> Result<Vec<Token>, GlobError> {
    let mut reader = Reader { text, at: 0, base };
    let mut run = Run::default();
    while let Some((at, c)) = reader.next() {
        let piece = match c {
            '*' if reader.eat('*') => {
                return reader.fail(at, "`**` stands for whole segments only", Some("write `*`, or `/**/`"));
            }
            '*' => Piece::Wild(Token::Many),
            '?' => Piece::Wild(Token::One),
            '[' => Piece::Wild(Token::Class(class(&mut reader, at)?)),
            _ => literal(&mut reader, at, c)?,
        };
        run.push(piece, base.saturating_add(at))?;
    }
    run.close_chars();
    run.close_bytes()?;
    Ok(run.tokens)
}

/// One symbol outside or inside a class: itself, or what follows `\`.
fn literal(reader: &mut Reader<'_>, at: usize, c: char) -> Result<Piece, GlobError> {
    match c {
        '\\' => match reader.next() {
            Some((_, escaped @ ('\\' | '*' | '?' | '['))) => Ok(Piece::Char(escaped)),
            Some((_, 'x')) => match reader.hex() {
                Some(byte @ 0x80..) => Ok(Piece::Byte(byte)),
                Some(_) => reader.fail(
                    at,
                    "`\\x` is for bytes from 80 to FF, which are not text",
                    Some("write the character itself"),
                ),
                None => reader.fail(at, "`\\x` needs two hexadecimal digits", None),
            },
            _ => reader.fail(
                at,
                "after `\\` comes one of `\\`, `*`, `?`, `[`, or `x` and two hexadecimal digits",
                Some("for `\\` itself write `\\\\`; in TOML, put globs with `\\` in single quotes"),
            ),
        },
        '{' | '}' => reader.fail(
            at,
            "glob/1 has no braces",
            Some("write one glob for each alternative; for a brace itself write `[{]` or `[}]`"),
        ),
        '\0' => reader.fail(at, "no name has a NUL", None),
        _ => Ok(Piece::Char(c)),
    }
}

/// A class, after its `[`.
fn class(reader: &mut Reader<'_>, start: usize) -> Result<Class, GlobError> {
    let negated = reader.eat('!');
    if reader.peek() == Some('^') {
        return reader.fail(
            reader.at,
            "glob/1 negates a class with `!`",
            Some("write `[!...]`; a `^` may stand anywhere but first"),
        );
    }
    let mut ranges = Vec::new();
    let mut first = true;
    loop {
        let Some((at, c)) = reader.next() else {
            return reader.fail(start, "this `[` is not closed", Some("for a `[` itself write `\\[`"));
        };
        if c == ']' && !first {
            return Ok(Class::new(negated, ranges));
        }
        let low = member(reader, at, c)?;
        let is_range = reader.peek() == Some('-') && reader.peek_second() != Some(']');
        if c == '-' && !first && reader.peek() != Some(']') || is_range && c == '-' {
            return reader.fail(at, "a `-` itself stands first or last in a class", None);
        }
        first = false;
        if !is_range {
            ranges.push((low, low));
            continue;
        }
        reader.next();
        let Some((high_at, high_char)) = reader.next() else {
            return reader.fail(start, "this `[` is not closed", Some("for a `[` itself write `\\[`"));
        };
        if high_char == '-' {
            return reader.fail(high_at, "a `-` itself stands first or last in a class", None);
        }
        let high = member(reader, high_at, high_char)?;
        if is_byte(low) != is_byte(high) {
            return reader.fail(at, "a range goes from character to character or from byte to byte", None);
        }
        if high < low {
            return reader.fail(at, "this range is empty: its end comes before its beginning", None);
        }
        if (low..=high).contains(&Symbol::from('/')) {
            return reader.fail(at, "this range contains `/`, which no class can match", None);
        }
        ranges.push((low, high));
    }
}

/// One end of a range, or a member alone.
fn member(reader: &mut Reader<'_>, at: usize, c: char) -> Result<Symbol, GlobError> {
    match c {
        '/' => return reader.fail(at, "a class cannot match `/`", None),
        '[' => return reader.fail(at, "in a class, `[` is written `\\[`", None),
        '{' | '}' => return Ok(Symbol::from(c)),
        _ => {}
    }
    match literal(reader, at, c)? {
        Piece::Byte(byte) => Ok(undecodable(byte)),
        Piece::Char(c) if combines(c) => {
            reader.fail(at, "a character that combines with the one before it cannot stand in a class", None)
        }
        Piece::Char(c) if !c.nfc().eq([c]) => reader.fail(
            at,
            "this character is not in NFC, so no name has it",
            Some("write its composed form"),
        ),
        Piece::Char(c) => Ok(Symbol::from(c)),
        Piece::Wild(_) => reader.fail(at, "not a member of a class", None),
    }
}

/// Literals in a row. They are brought to NFC together, as names are.
#[derive(Default)]
struct Run {
    tokens: Vec<Token>,
    chars: String,
    bytes: Vec<u8>,
    bytes_at: usize,
    after_wild: bool,
}

impl Run {
    fn push(&mut self, piece: Piece, at: usize) -> Result<(), GlobError> {
        match piece {
            Piece::Char(c) => {
                self.close_bytes()?;
                if self.after_wild && combines(c) {
                    return fail(
                        at,
                        "after a wildcard, a character that combines with the one before it has no single meaning",
                        None,
                    );
                }
                self.chars.push(c);
            }
            Piece::Byte(byte) => {
                self.close_chars();
                if self.bytes.is_empty() {
                    self.bytes_at = at;
                }
                self.bytes.push(byte);
            }
            Piece::Wild(token) => {
                self.close_chars();
                self.close_bytes()?;
                self.tokens.push(token);
                self.after_wild = true;
                return Ok(());
            }
        }
        self.after_wild = false;
        Ok(())
    }

    fn close_chars(&mut self) {
        self.tokens.extend(self.chars.nfc().map(|c| Token::Symbol(Symbol::from(c))));
        self.chars.clear();
    }

    fn close_bytes(&mut self) -> Result<(), GlobError> {
        if self.bytes.utf8_chunks().any(|chunk| !chunk.valid().is_empty()) {
            let hint = "write the character itself; `\\x` is for bytes that are not UTF-8";
            return fail(
                self.bytes_at,
                "these bytes are a character, so no name has them as bytes",
                Some(hint),
            );
        }
        self.tokens.extend(self.bytes.iter().map(|&byte| Token::Symbol(undecodable(byte))));
        self.bytes.clear();
        Ok(())
    }
}

/// Whether normalisation can join or reorder `c` with what stands before it.
fn combines(c: char) -> bool {
    canonical_combining_class(c) != 0 || is_nfc_quick([c].into_iter()) == IsNormalized::Maybe
}

fn is_byte(symbol: Symbol) -> bool {
    (0xDC80..=0xDCFF).contains(&symbol)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    base: usize,
}

impl Reader<'_> {
    fn rest(&self) -> std::str::Chars<'_> {
        self.text.get(self.at..).unwrap_or_default().chars()
    }

    fn peek(&self) -> Option<char> {
        self.rest().next()
    }

    fn peek_second(&self) -> Option<char> {
        self.rest().nth(1)
    }

    /// The next character and its offset.
    fn next(&mut self) -> Option<(usize, char)> {
        let c = self.peek()?;
        let at = self.at;
        self.at = at.saturating_add(c.len_utf8());
        Some((at, c))
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.next();
        }
        found
    }

    fn hex(&mut self) -> Option<u8> {
        let high = self.next()?.1.to_digit(16)?;
        let low = self.next()?.1.to_digit(16)?;
        u8::try_from(high << 4 | low).ok()
    }

    fn fail<T>(&self, at: usize, message: &str, hint: Option<&str>) -> Result<T, GlobError> {
        fail(self.base.saturating_add(at), message, hint)
    }
}

fn fail<T>(at: usize, message: &str, hint: Option<&str>) -> Result<T, GlobError> {
    Err(GlobError { at, message: message.to_owned(), hint: hint.map(str::to_owned) })
}
