//! DFXML as `fiwalk` writes it: the elements of `fileobject`, and the offset of each `volume`.
//!
//! `fiwalk` writes a backslash, control characters and what is no UTF-8 in a name as `\xHH`, each byte of them: in a document
//! of which it is the creator every `\xHH` is such a byte.
//!
//! Not an XML parser for all of XML: no DOCTYPE, no CDATA, no entities but the five and numbers; what is not needed is
//! passed over. So nothing in a listing can grow or point elsewhere.

use std::io::BufRead;

use super::{Class, Lines, ListingError, Seen, digest, unescaped};

pub(super) fn read<R: BufRead>(
    first: Vec<u8>,
    lines: &mut Lines<R>,
    each: &mut dyn FnMut(Seen),
) -> Result<(), ListingError> {
    let mut reader = Reader::default();
    let mut next = Some(first);
    while let Some(text) = next {
        reader.text.extend_from_slice(&text);
        reader.text.push(b'\n');
        reader.waiting = reader.waiting.saturating_add(1);
        if reader.text.len() > MAX_PENDING || reader.value.len() > MAX_PENDING || reader.waiting > MAX_WAITING
        {
            return Err(lines.form("an element longer than any of a listing"));
        }
        reader.go_on(each).map_err(|what| lines.form(what))?;
        next = lines.next()?;
    }
    if reader.open.is_empty() && reader.rooted && reader.text.trim_ascii().is_empty() {
        return Ok(());
    }
    Err(lines.form("the document does not end"))
}

/// What has been read and not used yet.
#[derive(Default)]
struct Reader {
    text: Vec<u8>,
    open: Vec<Vec<u8>>,
    rooted: bool,
    /// Whether `fiwalk` says that it made the document.
    fiwalk: bool,
    volume_at: Option<u64>,
    object: Option<Object>,
    /// The text of the innermost element.
    value: Vec<u8>,
    hash: Vec<u8>,
    /// Lines since an element began or ended.
    waiting: u32,
}

#[derive(Default)]
struct Object {
    seen: Seen,
    file: bool,
}

impl Reader {
    /// Uses up all markup that is complete.
    fn go_on(&mut self, each: &mut dyn FnMut(Seen)) -> Result<(), &'static str> {
        let text = std::mem::take(&mut self.text);
        let mut rest: &[u8] = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
        while let Some(at) = rest.iter().position(|byte| *byte == b'<') {
            let (before, markup) = rest.split_at(at);
            let end: &[u8] = if markup.starts_with(b"<!--") { b"-->" } else { b">" };
            let Some(length) = markup.windows(end.len()).position(|part| part == end) else { break };
            let (tag, after) = markup.split_at(length.saturating_add(end.len()));
            self.value.extend_from_slice(before);
            self.waiting = 0;
            self.tag(tag, each)?;
            rest = after;
        }
        self.text = rest.to_vec();
        Ok(())
    }

    fn tag(&mut self, tag: &[u8], each: &mut dyn FnMut(Seen)) -> Result<(), &'static str> {
        if tag.starts_with(b"<?") || tag.starts_with(b"<!--") {
            return Ok(());
        }
        if tag.starts_with(b"<!") {
            return Err("a DOCTYPE or CDATA, which no listing needs");
        }
        let inner = tag.get(1..tag.len().saturating_sub(1)).unwrap_or_default();
        if let Some(name) = inner.strip_prefix(b"/") {
            let value = std::mem::take(&mut self.value);
            if self.open.pop().as_deref() != Some(name.trim_ascii_end()) {
                return Err("an element ends that is not the one that began last");
            }
            return self.ended(name.trim_ascii_end(), &value, each);
        }
        let (inner, empty) = match inner.strip_suffix(b"/") {
            Some(inner) => (inner, true),
            None => (inner, false),
        };
        let name_end = inner.iter().position(u8::is_ascii_whitespace).unwrap_or(inner.len());
        let (name, attributes) = inner.split_at(name_end);
        if name.is_empty() || (self.open.is_empty() && self.rooted) {
            return Err("markup that is no element, or a second document");
        }
        if self.open.len() >= MAX_DEPTH {
            return Err("elements nested deeper than in any listing");
        }
        self.rooted = true;
        self.value.clear();
        self.began(name, attributes)?;
        match empty {
            true => self.ended(name, b"", each),
            false => {
                self.open.push(name.to_vec());
                Ok(())
            }
        }
    }

    fn began(&mut self, name: &[u8], attributes: &[u8]) -> Result<(), &'static str> {
        match name {
            b"volume" => {
                let offset = attribute(attributes, b"offset").map(number);
                self.volume_at = offset.transpose().map_err(|()| "an offset that is not a number")?;
            }
            b"fileobject" => {
                if self.object.is_some() {
                    return Err("a fileobject in a fileobject");
                }
                let seen = Seen { volume_at: self.volume_at, escapes: !self.fiwalk, ..Seen::default() };
                self.object = Some(Object { seen, file: false });
            }
            b"hashdigest" => {
                self.hash = attribute(attributes, b"type").unwrap_or_default().to_ascii_lowercase();
            }
            _ => {}
        }
        Ok(())
    }

    fn ended(&mut self, name: &[u8], value: &[u8], each: &mut dyn FnMut(Seen)) -> Result<(), &'static str> {
        // Where the element stands: what a parent or a run of bytes says is not of the object itself.
        let direct = self.open.last().is_some_and(|parent| parent == b"fileobject");
        if name == b"volume" {
            self.volume_at = None;
        }
        if name == b"fileobject" {
            let Some(Object { mut seen, file }) = self.object.take() else { return Ok(()) };
            if seen.path.is_empty() {
                return Err("a fileobject without a filename");
            }
            if !file {
                seen = Seen { size: None, md5: None, sha1: None, sha256: None, ..seen };
            }
            if seen.path.ends_with(b"/.") || seen.path.ends_with(b"/..") {
                return Ok(());
            }
            each(seen);
            return Ok(());
        }
        if name == b"program" && self.open.last().is_some_and(|parent| parent == b"creator") {
            self.fiwalk = self.object.is_none() && value.trim_ascii().eq_ignore_ascii_case(b"fiwalk");
        }
        let Some(object) = self.object.as_mut().filter(|_| direct) else { return Ok(()) };
        let seen = &mut object.seen;
        match name {
            b"filename" => {
                seen.path = decoded(value)?;
                if self.fiwalk {
                    seen.path = unescaped(&seen.path, |_| true);
                }
                if seen.path.windows(ORPHANS.len()).any(|part| part == ORPHANS) {
                    seen.class = Class::Virtual;
                }
                if !seen.path.starts_with(b"/") {
                    seen.path.insert(0, b'/');
                }
            }
            b"filesize" => seen.size = Some(number(value).map_err(|()| "a size that is not a number")?),
            b"name_type" if matches!(value, b"v" | b"V") => seen.class = Class::Virtual,
            b"name_type" => object.file = value == b"r",
            b"unalloc" if value == b"1" && seen.class == Class::Ordinary => seen.class = Class::Deleted,
            b"hashdigest" => match self.hash.as_slice() {
                b"md5" => seen.md5 = digest(value, 32),
                b"sha1" => seen.sha1 = digest(value, 40),
                b"sha256" => seen.sha256 = digest(value, 64),
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }
}

fn number(text: &[u8]) -> Result<u64, ()> {
    std::str::from_utf8(text).map_err(|_| ())?.trim().parse().map_err(|_| ())
}

/// The value of an attribute, in either kind of quotes.
fn attribute<'a>(attributes: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut rest = attributes.trim_ascii_start();
    while !rest.is_empty() {
        let equals = rest.iter().position(|byte| *byte == b'=')?;
        let (found, after) = rest.split_at(equals);
        let after = after.get(1..)?.trim_ascii_start();
        let (quote, after) = after.split_first()?;
        if !matches!(quote, b'"' | b'\'') {
            return None;
        }
        let end = after.iter().position(|byte| byte == quote)?;
        let (value, after) = after.split_at(end);
        if found.trim_ascii() == name {
            return Some(value);
        }
        rest = after.get(1..)?.trim_ascii_start();
    }
    None
}

/// Text with its entities replaced.
fn decoded(text: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == b'&') {
        out.extend_from_slice(rest.get(..at).unwrap_or_default());
        let entity = rest.get(at.saturating_add(1)..).unwrap_or_default();
        let end = entity.iter().take(MAX_ENTITY).position(|byte| *byte == b';');
        let end = end.ok_or("an entity that does not end")?;
        let (name, after) = entity.split_at(end);
        match name {
            b"lt" => out.push(b'<'),
            b"gt" => out.push(b'>'),
            b"amp" => out.push(b'&'),
            b"quot" => out.push(b'"'),
            b"apos" => out.push(b'\''),
            _ => {
                let text = std::str::from_utf8(name).map_err(|_| "an entity that is not known")?;
                let code = match (text.strip_prefix("#x"), text.strip_prefix('#')) {
                    (Some(hex), _) => u32::from_str_radix(hex, 16).ok(),
                    (None, Some(decimal)) => decimal.parse().ok(),
                    _ => None,
                };
                let letter = code.and_then(char::from_u32).ok_or("an entity that is not known")?;
                out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        rest = after.get(1..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    Ok(out)
}

/// Where the Sleuth Kit puts files that no directory leads to.
const ORPHANS: &[u8] = b"$OrphanFiles";

/// Most bytes that wait for the end of their markup: some lines.
const MAX_PENDING: usize = 256 << 10;

/// Most lines without an element's beginning or end: each is looked at again with the next.
const MAX_WAITING: u32 = 1024;

/// Deepest nesting; fiwalk's is five.
const MAX_DEPTH: usize = 32;

/// Longest entity: `#x10FFFF`.
const MAX_ENTITY: usize = 10;
