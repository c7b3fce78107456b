//! Bodyfiles of the Sleuth Kit 3 and later.

use std::io::BufRead;

use super::{Class, Lines, ListingError, Seen, digest};

/// `MD5|name|inode|mode|UID|GID|size|atime|mtime|ctime|crtime`: a name may hold bars, the other fields do not.
pub(super) fn read<R: BufRead>(
    first: Vec<u8>,
    lines: &mut Lines<R>,
    each: &mut dyn FnMut(Seen),
) -> Result<(), ListingError> {
    let mut next = Some(first);
    while let Some(text) = next {
        if !text.is_empty() && !text.starts_with(b"#") {
            each(
                line(&text)
                    .ok_or_else(|| lines.form("not a bodyfile of eleven fields, nor DFXML, nor CSV"))?,
            );
        }
        next = lines.next()?;
    }
    Ok(())
}

fn line(text: &[u8]) -> Option<Seen> {
    let mut right = text.rsplitn(10, |byte| *byte == b'|');
    let mut field = || right.next();
    let times = [field()?, field()?, field()?, field()?];
    let (size, _gid, _uid, mode, inode) = (field()?, field()?, field()?, field()?, field()?);
    let left = field()?;
    let bar = left.iter().position(|byte| *byte == b'|')?;
    let (md5, name) = (left.get(..bar)?, left.get(bar.saturating_add(1)..)?);
    let is_number = |text: &[u8]| !text.is_empty() && text.iter().all(|c| c.is_ascii_digit() || *c == b'-');
    if !times.iter().all(|time| is_number(time)) || mode.get(1) != Some(&b'/') {
        return None;
    }
    let size: u64 = std::str::from_utf8(size).ok()?.parse().ok()?;
    // `64-128-1`: a record of NTFS, the type of the attribute, its number.
    let of_type = inode.split(|byte| *byte == b'-').nth(1);
    let directory = mode.starts_with(b"d") || mode.get(2) == Some(&b'd');
    let (name, deleted) = without(name, &[b" (deleted)", b" (deleted-realloc)"]);
    let (name, of_name) = without(name, &[b" ($FILE_NAME)"]);
    let orphan = name.windows(ORPHANS.len()).any(|part| part == ORPHANS);
    let class = if orphan || matches!(mode.first(), Some(b'v' | b'V')) {
        Class::Virtual
    } else if deleted || mode.starts_with(b"-") {
        Class::Deleted
    } else if of_name || of_type.is_some_and(|of| of != b"128" && !(of == b"144" && directory)) {
        Class::Attribute
    } else {
        Class::Ordinary
    };
    let mut path = name.to_vec();
    if !path.starts_with(b"/") {
        path.insert(0, b'/');
    }
    let size = (mode.get(2) == Some(&b'r')).then_some(size);
    let link = mode.starts_with(b"l");
    Some(Seen { path, size, md5: digest(md5, 32), class, link, ..Seen::default() })
}

fn without<'a>(name: &'a [u8], endings: &[&[u8]]) -> (&'a [u8], bool) {
    match endings.iter().find_map(|ending| name.strip_suffix(*ending)) {
        Some(name) => (name, true),
        None => (name, false),
    }
}

/// Where the Sleuth Kit puts files that no directory leads to.
const ORPHANS: &[u8] = b"/$OrphanFiles";
