//! What was amiss with the medium or a destination, told before anybody is asked to sign.

use custody::mirror::Loss;
use evidence::event::MediumUnreadable;

use super::super::destination::lost;
use super::after::ranges;
use super::failed;
use crate::survey::{Amiss, Amount};

/// Lines about items that changed, items and bytes of the medium that could not be read, and a copy that was lost.
pub(super) fn told(
    amiss: &Amiss,
    unreadable: u64,
    medium: Option<&MediumUnreadable>,
    loss: Option<&Loss>,
) -> String {
    let mut text = String::new();
    for warning in sentences(amiss) {
        text += &format!("\nWARNING: {warning}");
    }
    if unreadable > 0 {
        text += &format!(
            "\nWARNING: some content of {unreadable} kept items could not be read; the record lists the ranges"
        );
    }
    if let Some(failed) = failed(medium) {
        let where_ = medium.map(ranges).unwrap_or_default();
        text += &format!("\nWARNING: {failed}: {where_}; the custody log lists them");
    }
    if let Some(loss) = loss {
        text += &format!("\n{}", lost(loss));
    }
    text
}

/// What was amiss with kept items, in the words of the record.
pub(super) fn sentences(amiss: &Amiss) -> Vec<String> {
    let Amiss { changed, contradicted, unread, cut_off, .. } = amiss;
    let mut said = Vec::new();
    if *changed > 0 {
        said.push(format!(
            "{changed} kept items changed while they were read, or gave other bytes when they were read a second time; items.tsv and an audit name them"
        ));
    }
    if *contradicted > 0 {
        said.push(format!(
            "{contradicted} kept files in archives are not as their archive says: of another length or check sum, or not to be unpacked to their end; nothing says that the medium changed; items.tsv names them"
        ));
    }
    if *cut_off > 0 {
        said.push(format!(
            "{cut_off} kept items were not read to their end, since the process that reads was ended each time: killed, as where the computer runs out of memory, or by their bytes; nothing says that the medium does not give the rest; items.tsv names them"
        ));
    }
    let mut all = Amount::default();
    unread.values().for_each(|amount| all += *amount);
    if all.items > 0 {
        said.push(format!(
            "of {} items that were to be kept, of {} bytes by what is stated, not one byte could be read: nobody can read their content in the package. Of a file in an archive that is kept whole, the packed bytes are in that; of all others the content is on the original alone. The items.tsv of each set names its own",
            all.items, all.bytes
        ));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_signs_is_told_first_what_was_amiss() {
        let none = Amiss::default();
        assert_eq!(told(&none, 0, None, None), "");
        let loss = Loss { copy: 2, place: "b".into(), why: "it is full".to_owned(), stated: String::new() };
        let unread = [(scope::Outcome::Captured, Amount { items: 2, bytes: 12000 })].into();
        let amiss = Amiss { changed: 1, contradicted: 4, unread, partial: 3, cut_off: 5, ..Amiss::default() };
        let text = told(&amiss, 3, None, Some(&loss));
        for expected in [
            "WARNING: 1 kept items changed",
            "WARNING: 4 kept files in archives are not as their archive says",
            "WARNING: of 2 items that were to be kept, of 12000 bytes by what is stated, not one byte could be read",
            "WARNING: 5 kept items were not read to their end, since the process that reads was ended",
            "WARNING: some content of 3 kept items",
            "copy 2 of 2, b, was lost: it is full",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }
}
