//! Extended attributes of OS/2 and of the Windows Subsystem for Linux: the attribute `$EA`, name by name.

use crate::bytes::length;
use crate::field::{byte, le16, le32};

/// What an attribute `$EA` holds.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Extended<'a> {
    /// Names and values, in their order.
    pub(crate) values: Vec<(&'a [u8], &'a [u8])>,
    /// Bytes that are of no entry.
    pub(crate) unread: u64,
}

impl<'a> Extended<'a> {
    /// Reads entries until one contradicts itself, or states that it is the last.
    pub(crate) fn parse(mut rest: &'a [u8]) -> Self {
        let mut found = Self::default();
        while let Some((name, value, end)) = entry(rest) {
            found.values.push((name, value));
            // The last entry states its own length, or 0.
            let next = le32(rest, 0).and_then(|next| usize::try_from(next).ok()).filter(|next| *next > 0);
            let Some(behind) = next.filter(|next| *next >= end).and_then(|next| rest.get(next..)) else {
                found.unread = found.unread.saturating_add(gap(rest.get(end..).unwrap_or_default()));
                return found;
            };
            found.unread =
                found.unread.saturating_add(gap(rest.get(end..next.unwrap_or(end)).unwrap_or_default()));
            rest = behind;
        }
        found.unread = found.unread.saturating_add(length(rest.len()));
        found
    }
}

/// The entry at the beginning of `rest`: name, value, and where it ends.
fn entry(rest: &[u8]) -> Option<(&[u8], &[u8], usize)> {
    let value_at = usize::from(byte(rest, 5)?).checked_add(NAME)?.checked_add(1)?;
    let end = value_at.checked_add(usize::from(le16(rest, 6)?))?;
    Some((rest.get(NAME..value_at.checked_sub(1)?)?, rest.get(value_at..end)?, end))
}

/// Bytes between two entries: entries begin at multiples of four.
fn gap(bytes: &[u8]) -> u64 {
    let is_padding = bytes.len() < 4 && bytes.iter().all(|byte| *byte == 0);
    if is_padding { 0 } else { length(bytes.len()) }
}

/// Where an entry's name begins.
const NAME: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_and_what_is_of_none() {
        let one = b"\x10\0\0\0\0\x03\x02\0ABC\0xy\0\0";
        let last = b"\0\0\0\0\0\x01\x01\0D\0z";
        let both = [&one[..], last].concat();
        let values = vec![(&b"ABC"[..], &b"xy"[..]), (b"D", b"z")];
        assert_eq!(Extended::parse(&both), Extended { values: values.clone(), unread: 0 });
        assert_eq!(Extended::parse(one), Extended { values: values[..1].to_vec(), unread: 0 });
        let behind = [&both[..], &[7; 90]].concat();
        assert_eq!(Extended::parse(&behind), Extended { values, unread: 90 });
        let mut between = one.to_vec();
        between[15] = 7;
        assert_eq!(Extended::parse(&between).unread, 2);
        assert_eq!(Extended::parse(&one[..12]), Extended { values: vec![], unread: 12 });
        assert_eq!(Extended::parse(b""), Extended::default());
    }
}
