//! The names of an image's segments: `disk.E01` to `disk.E99`, then `disk.EAA` to `disk.ZZZ`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

/// The name of segment `number`, in the series that `first` begins. `None` where `first` does not end in `.E01`, `.s01` or
/// the like, and where the series has no such number.
pub(super) fn segment(first: &OsStr, number: usize) -> Option<OsString> {
    let (stem, [letter, b'0', b'1']) = first.as_bytes().split_last_chunk()? else { return None };
    if stem.last() != Some(&b'.') || !letter.is_ascii_alphabetic() {
        return None;
    }
    let mut name = stem.to_vec();
    if number < 100 {
        name.push(*letter);
        name.extend(format!("{number:02}").bytes());
        return Some(OsString::from_vec(name));
    }
    let a = if letter.is_ascii_uppercase() { b'A' } else { b'a' };
    let index = number.checked_sub(100)?;
    let digit = |value: usize| u8::try_from(value % 26).ok().map(|value| a.saturating_add(value));
    let lead = u8::try_from(index / 676).ok().and_then(|steps| letter.checked_add(steps))?;
    if lead.saturating_sub(a) >= 26 {
        return None;
    }
    name.extend([lead, digit(index / 26)?, digit(index)?]);
    Some(OsString::from_vec(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(first: &str, number: usize, expect: Option<&str>) {
        assert_eq!(segment(OsStr::new(first), number).as_deref(), expect.map(OsStr::new), "{first} {number}");
    }

    #[test]
    fn names_of_segments() {
        check("disk.E01", 2, Some("disk.E02"));
        check("disk.E01", 99, Some("disk.E99"));
        check("disk.E01", 100, Some("disk.EAA"));
        check("disk.E01", 126, Some("disk.EBA"));
        check("disk.E01", 775, Some("disk.EZZ"));
        check("disk.E01", 776, Some("disk.FAA"));
        check("disk.E01", 14_971, Some("disk.ZZZ"));
        check("disk.E01", 14_972, None);
        check("disk.E01", usize::MAX, None);
        check("a.b.e01", 100, Some("a.b.eaa"));
        check("disk.s01", 3, Some("disk.s03"));
        check("disk.s01", 776, Some("disk.taa"));
        check("disk.E02", 2, None);
        check("diskE01", 2, None);
        check("E01", 2, None);
        check("disk.001", 2, None);
    }
}
