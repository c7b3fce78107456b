//! Entries: the form that names in directories and extended attributes share.

use crate::btrfs::tree::{KEY, Key};
use crate::field::{byte, le16};

/// A name, what it leads to, and a value.
pub(crate) struct NamedEntry<'a> {
    /// The item to which a directory's name leads.
    pub(crate) target: Key,
    pub(crate) name: &'a [u8],
    /// An attribute's value.
    pub(crate) value: &'a [u8],
}

/// The entries of an item: more than one where the hashes of their names are equal. The last is `None` where the item
/// contradicts itself.
pub(crate) fn entries(item: &[u8]) -> impl Iterator<Item = Option<NamedEntry<'_>>> {
    let mut rest = item;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some((entry, after)) = split(rest) else {
            rest = &[];
            return Some(None);
        };
        rest = after;
        Some(Some(entry))
    })
}

fn split(rest: &[u8]) -> Option<(NamedEntry<'_>, &[u8])> {
    let value = usize::from(le16(rest, KEY + 8)?);
    let name = usize::from(le16(rest, KEY + 10)?);
    byte(rest, KEY + 12)?;
    let target = Key::parse(rest, 0)?;
    let (name, rest) = rest.get(HEADER..)?.split_at_checked(name)?;
    let (value, rest) = rest.split_at_checked(value)?;
    Some((NamedEntry { target, name, value }, rest))
}

const HEADER: usize = KEY + 13;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(item: &[u8], expect: &[Option<(&str, &str)>]) {
        let text = |bytes| std::str::from_utf8(bytes).unwrap();
        let found: Vec<_> =
            entries(item).map(|entry| entry.map(|entry| (text(entry.name), text(entry.value)))).collect();
        assert_eq!(found, expect);
    }

    fn entry(name: &str, value: &str) -> Vec<u8> {
        let mut item = vec![0; HEADER];
        item[KEY + 8] = u8::try_from(value.len()).unwrap();
        item[KEY + 10] = u8::try_from(name.len()).unwrap();
        [&item, name.as_bytes(), value.as_bytes()].concat()
    }

    #[test]
    fn entries_of_one_hash_and_entries_cut_short() {
        let one = entry("name", "value");
        let two = [one.clone(), entry("other", "")].concat();
        check(&[], &[]);
        check(&one, &[Some(("name", "value"))]);
        check(&two, &[Some(("name", "value")), Some(("other", ""))]);
        check(&two[..two.len() - 1], &[Some(("name", "value")), None]);
        check(&one[..5], &[None]);
    }
}
