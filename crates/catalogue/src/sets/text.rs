//! Sets in lines of text.

use std::io;

use scope::{Digest, ListBytes};

use super::{SetError, digest};

/// A digest in each line.
pub(super) fn digests(
    bytes: &dyn ListBytes,
    take: &mut dyn FnMut(Digest) -> io::Result<()>,
) -> Result<u64, SetError> {
    let mut count = 0_u64;
    lines(bytes, &mut |number, line| {
        let what = "not 64 hexadecimal digits";
        take(digest(line).ok_or(SetError::Line { line: number, what })?)?;
        count = count.saturating_add(1);
        Ok(())
    })?;
    Ok(count)
}

/// `%%%% HASHDEEP-1.0`, `%%%% size,md5,sha256,filename`, remarks after `##`, and lines with as many fields as the second.
pub(super) fn hashdeep(
    bytes: &dyn ListBytes,
    take: &mut dyn FnMut(Digest) -> io::Result<()>,
) -> Result<u64, SetError> {
    let mut count = 0_u64;
    let mut columns = (0_usize, 0_usize);
    lines(bytes, &mut |number, line| {
        let fault = |what| SetError::Line { line: number, what };
        if number == 1 {
            let first = line == b"%%%% HASHDEEP-1.0";
            return if first { Ok(()) } else { Err(fault("it does not begin with `%%%% HASHDEEP-1.0`")) };
        }
        if number == 2 {
            let named = line.strip_prefix(b"%%%% ").ok_or(fault("it does not name the columns"))?;
            let named: Vec<&[u8]> = named.split(|byte| *byte == b',').collect();
            if named.last() != Some(&b"filename".as_slice()) {
                return Err(fault("the last column is not `filename`"));
            }
            let at = named.iter().position(|own| *own == b"sha256");
            columns = (
                at.ok_or(fault("there is no column `sha256`; make the set with `hashdeep -c sha256`"))?,
                named.len(),
            );
            return Ok(());
        }
        if line.starts_with(b"##") {
            return Ok(());
        }
        // The last field is a name, which may have commas.
        let fields: Vec<&[u8]> = line.splitn(columns.1, |byte| *byte == b',').collect();
        if fields.len() != columns.1 {
            return Err(fault("it has fewer fields than the second line names"));
        }
        let digest = fields.get(columns.0).and_then(|field| digest(field));
        take(digest.ok_or(fault("its `sha256` is not 64 hexadecimal digits"))?)?;
        count = count.saturating_add(1);
        Ok(())
    })?;
    if columns.1 == 0 {
        return Err(SetError::Line { line: 2, what: "it does not name the columns" });
    }
    Ok(count)
}

/// Takes a line and its number.
type TakeLine<'t> = dyn FnMut(u64, &[u8]) -> Result<(), SetError> + 't;

/// Every line, from 1, without its end.
fn lines(bytes: &dyn ListBytes, take: &mut TakeLine<'_>) -> Result<(), SetError> {
    let (length, mut offset, mut number) = (bytes.length(), 0_u64, 0_u64);
    let mut begun: Vec<u8> = Vec::new();
    let mut chunk = vec![0; CHUNK];
    let mut hand = |line: &[u8]| {
        number = number.saturating_add(1);
        take(number, line.strip_suffix(b"\r").unwrap_or(line))
    };
    while offset < length {
        let wanted = usize::try_from(length.saturating_sub(offset)).unwrap_or(CHUNK).min(CHUNK);
        let piece = chunk.get_mut(..wanted).unwrap_or_default();
        bytes.read_at(offset, piece)?;
        offset = offset.saturating_add(wanted as u64);
        let mut parts = piece.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            begun.extend_from_slice(part);
            if begun.len() > MAX_LINE {
                begun.clear();
                return Err(io::Error::other(format!("a line of more than {MAX_LINE} bytes")).into());
            }
            if parts.peek().is_some() {
                hand(&begun)?;
                begun.clear();
            }
        }
    }
    if !begun.is_empty() {
        hand(&begun)?;
    }
    Ok(())
}

const CHUNK: usize = 1 << 20;

/// Longest line: a path of some systems has 64 KiB.
const MAX_LINE: usize = 1 << 20;
