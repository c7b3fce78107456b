//! What another tool saw of a medium: its listing, read strictly, and compared with the ledger.
//!
//! ```text
//! 0|/home/anna/letter.txt|58|r/rrw-r--r--|1000|1000|158|...       a bodyfile, as `fls -r -p -m /` writes it
//! <fileobject><filename>home/anna/letter.txt</filename>...        DFXML, as `fiwalk -X` writes it
//! path,size,sha256                                                CSV
//! ```
//!
//! Where both runs of our own readers share a blind spot, only another tool shows it. A listing is input from
//! elsewhere: every line and every element is bounded, and read one at a time.

mod bodyfile;
mod compare;
mod csv;
mod dfxml;
#[cfg(test)]
mod tests;

use std::io::{self, BufRead};

pub use compare::{Compared, Comparison, NoVolume};
use scope::Digest;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// A listing that was compared, and what came of it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Listed {
    /// Its form.
    pub form: Form,
    /// SHA-256 of the listing's bytes.
    pub sha256: Digest,
    /// The tool that made it, as whoever compared it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The volume that it is of; none where each entry says so itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<String>,
    /// Entries that agree with the ledger.
    pub agreed: u64,
    /// Findings.
    pub differ: u64,
    /// Entries of which a digest was compared.
    pub digests_compared: u64,
    /// Entries of which the listing has a digest that could not be compared.
    pub digests_uncompared: u64,
}

impl Listed {
    /// Which listing it is, in words.
    pub(crate) fn told(&self) -> String {
        let tool = self.tool.as_ref().map(|tool| format!("of {tool}, ")).unwrap_or_default();
        let volume = match &self.volume {
            Some(volume) => format!("volume {volume}"),
            None => "volumes by their offsets".to_owned(),
        };
        format!("{tool}{} {}, {volume}", self.form.word(), self.sha256)
    }

    /// What of the content was compared, in words: names and sizes say nothing of it.
    pub(crate) fn told_of_digests(&self) -> String {
        match (self.digests_compared, self.digests_uncompared) {
            (0, 0) => "the listing has no digest: no content was compared".to_owned(),
            (0, not) => {
                format!(
                    "no content was compared: {not} entries have a digest, and the ledger has none to compare it with"
                )
            }
            (compared, 0) => format!("{compared} entries were compared by a digest of their content"),
            (compared, not) => format!(
                "{compared} entries were compared by a digest of their content, and {not} have one that could not be compared"
            ),
        }
    }
}

/// The form of a listing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// A bodyfile.
    Bodyfile,
    /// DFXML.
    Dfxml,
    /// CSV.
    Csv,
}

impl Form {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Bodyfile, Self::Dfxml, Self::Csv];

    /// The word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Bodyfile => "bodyfile",
            Self::Dfxml => "dfxml",
            Self::Csv => "csv",
        }
    }
}

/// One thing that another tool saw.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Seen {
    /// Its path from the root of its volume, with the slash.
    pub path: Vec<u8>,
    /// Its size, where the listing gives one.
    pub size: Option<u64>,
    /// MD5 in lower-case hex, where the listing gives one.
    pub md5: Option<String>,
    /// SHA-1.
    pub sha1: Option<String>,
    /// SHA-256.
    pub sha256: Option<String>,
    /// First byte of its volume, where the listing says.
    pub volume_at: Option<u64>,
    /// What kind of entry it is.
    pub class: Class,
    /// Whether the path may go on with ` -> ` and a link's target.
    pub link: bool,
    /// Whether bytes of the path that are no printable ASCII may be written `\xNN`: nobody knows, where DFXML is not by
    /// `fiwalk`, of which every escape is undone already.
    pub escapes: bool,
}

/// What kind of entry something is for the tool that lists it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Class {
    /// Something that is there.
    #[default]
    Ordinary,
    /// Something that was deleted.
    Deleted,
    /// Something that the tool makes up: `$OrphanFiles`, `$MBR`, `$FAT1`.
    Virtual,
    /// An attribute that the tool lists like a file: `$FILE_NAME`, an index of NTFS.
    Attribute,
}

/// Why a listing cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListingError {
    /// The storage.
    #[error("line {line}: {source}")]
    Read {
        /// The line, from 1.
        line: u64,
        /// Why.
        source: io::Error,
    },
    /// It is not of the form.
    #[error("line {line}: {what}")]
    Form {
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        what: &'static str,
    },
}

/// Reads a listing, of whichever of the three forms its first bytes show, and hands on what it lists. Gives its form, and the digest of all
/// of its bytes: those that were read.
///
/// # Errors
///
/// [`ListingError`] at the first line that is not of the form.
pub fn read(source: impl BufRead, each: &mut dyn FnMut(Seen)) -> Result<(Form, Digest), ListingError> {
    let mut lines = Lines { source: Hashed { source, hash: Sha256::new() }, line: 0 };
    let form = read_lines(&mut lines, each)?;
    let Lines { mut source, line } = lines;
    io::copy(&mut source, &mut io::sink()).map_err(|source| ListingError::Read { line, source })?;
    Ok((form, Digest(source.hash.finalize().into())))
}

fn read_lines<R: BufRead>(lines: &mut Lines<R>, each: &mut dyn FnMut(Seen)) -> Result<Form, ListingError> {
    let first = lines.next()?.ok_or(ListingError::Form { line: 1, what: "the file is empty" })?;
    if first.starts_with(b"<") || first.starts_with(b"\xef\xbb\xbf<") {
        return dfxml::read(first, lines, each).map(|()| Form::Dfxml);
    }
    if csv::is_header(&first) {
        return csv::read(&first, lines, each).map(|()| Form::Csv);
    }
    bodyfile::read(first, lines, each).map(|()| Form::Bodyfile)
}

/// Hashes what is read: the digest is that of the bytes that were compared.
struct Hashed<R> {
    source: R,
    hash: Sha256,
}

impl<R: BufRead> io::Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.hash.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Hashed<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.source.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        // What is consumed stands in the buffer that was asked for before.
        if let Ok(buffer) = self.source.fill_buf() {
            self.hash.update(buffer.get(..amount).unwrap_or_default());
        }
        self.source.consume(amount);
    }
}

/// Lines of bounded length.
pub(crate) struct Lines<R> {
    source: R,
    line: u64,
}

impl<R: BufRead> Lines<R> {
    /// The next line without its line feed.
    fn next(&mut self) -> Result<Option<Vec<u8>>, ListingError> {
        self.line = self.line.saturating_add(1);
        let mut text = Vec::new();
        let limit = MAX_LINE.saturating_add(1);
        let read = io::Read::take(&mut self.source, limit)
            .read_until(b'\n', &mut text)
            .map_err(|source| ListingError::Read { line: self.line, source })?;
        if read == 0 {
            return Ok(None);
        }
        if text.last() == Some(&b'\n') {
            text.pop();
        } else if read as u64 == limit {
            return Err(self.form("longer than any line of a listing"));
        }
        Ok(Some(text))
    }

    fn form(&self, what: &'static str) -> ListingError {
        ListingError::Form { line: self.line, what }
    }
}

/// Longest line in bytes: a path of 4,096 bytes, each escaped in six, fits twice.
const MAX_LINE: u64 = 64 << 10;

/// A digest in lower-case hex of this many digits; none for an empty field or the `0` of a bodyfile.
fn digest(text: &[u8], digits: usize) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?.trim().to_ascii_lowercase();
    (text.len() == digits && text.bytes().all(|c| c.is_ascii_hexdigit())).then_some(text)
}

/// A path with bytes in place of `\xHH`, of those that `is_escaped`.
fn unescaped(path: &[u8], is_escaped: impl Fn(u8) -> bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((first, after)) = rest.split_first() {
        let byte = rest.strip_prefix(b"\\x").and_then(|digits| {
            let digits = std::str::from_utf8(digits.get(..2)?).ok()?;
            let byte = u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?;
            is_escaped(byte).then_some(byte)
        });
        out.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { rest.get(4..).unwrap_or_default() } else { after };
    }
    out
}
