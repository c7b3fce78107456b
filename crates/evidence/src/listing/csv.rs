//! CSV of RFC 4180 with a header: `path`, and `size`, `md5`, `sha1`, `sha256` where they are there.

use std::io::BufRead;

use super::{Lines, ListingError, Seen, digest};

/// Whether a first line is such a header.
pub(super) fn is_header(line: &[u8]) -> bool {
    fields(line).is_some_and(|fields| fields.len() > 1 && fields.iter().any(|field| field == b"path"))
}

pub(super) fn read<R: BufRead>(
    header: &[u8],
    lines: &mut Lines<R>,
    each: &mut dyn FnMut(Seen),
) -> Result<(), ListingError> {
    let header = fields(header).unwrap_or_default();
    let at = |name: &[u8]| header.iter().position(|field| field == name);
    let (path, size) = (at(b"path"), at(b"size"));
    let (md5, sha1, sha256) = (at(b"md5"), at(b"sha1"), at(b"sha256"));
    while let Some(mut text) = lines.next()? {
        // A quoted field may hold line feeds.
        while text.iter().filter(|byte| **byte == b'"').count() % 2 == 1 {
            let Some(more) = lines.next()? else { return Err(lines.form("a quoted field does not end")) };
            text.push(b'\n');
            text.extend(more);
            if text.len() as u64 > super::MAX_LINE {
                return Err(lines.form("longer than any line of a listing"));
            }
        }
        if text.is_empty() || text == b"\r" {
            continue;
        }
        let fields = fields(&text).ok_or_else(|| lines.form("quotes stand where none can"))?;
        if fields.len() != header.len() {
            return Err(lines.form("another number of fields than the header has"));
        }
        let field =
            |at: Option<usize>| at.and_then(|at| fields.get(at)).map(Vec::as_slice).unwrap_or_default();
        let size = match field(size) {
            b"" => None,
            text => {
                let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
                Some(number.ok_or_else(|| lines.form("a size that is not a number"))?)
            }
        };
        let mut path = field(path).to_vec();
        if !path.starts_with(b"/") {
            path.insert(0, b'/');
        }
        let hash = |at: Option<usize>, digits: usize| match field(at) {
            b"" => Ok(None),
            text => digest(text, digits).map(Some).ok_or_else(|| lines.form("a digest of another length")),
        };
        each(Seen {
            path,
            size,
            md5: hash(md5, 32)?,
            sha1: hash(sha1, 40)?,
            sha256: hash(sha256, 64)?,
            ..Seen::default()
        });
    }
    Ok(())
}

/// The fields of one row.
fn fields(row: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut rest = row.strip_suffix(b"\r").unwrap_or(row);
    let mut fields = Vec::new();
    loop {
        let mut field = Vec::new();
        if let Some(mut quoted) = rest.strip_prefix(b"\"") {
            loop {
                let end = quoted.iter().position(|byte| *byte == b'"')?;
                field.extend_from_slice(quoted.get(..end)?);
                quoted = quoted.get(end.saturating_add(1)..)?;
                match quoted.strip_prefix(b"\"") {
                    Some(more) => {
                        field.push(b'"');
                        quoted = more;
                    }
                    None => break,
                }
            }
            rest = quoted;
        } else {
            let end = rest.iter().position(|byte| *byte == b',').unwrap_or(rest.len());
            field.extend_from_slice(rest.get(..end)?);
            rest = rest.get(end..)?;
            if field.contains(&b'"') {
                return None;
            }
        }
        fields.push(field);
        if rest.is_empty() {
            return Some(fields);
        }
        rest = rest.strip_prefix(b",")?;
    }
}
