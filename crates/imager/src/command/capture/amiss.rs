//! What was amiss with the medium or a destination, told before anybody is asked to sign.

use custody::mirror::Loss;
use evidence::event::MediumUnreadable;

use super::super::destination::lost;
use super::after::ranges;
use super::failed;

/// Lines about items that changed, items and bytes of the medium that could not be read, and a copy that was lost.
pub(super) fn told(
    changed: u64,
    unreadable: u64,
    medium: Option<&MediumUnreadable>,
    loss: Option<&Loss>,
) -> String {
    let mut text = String::new();
    if changed > 0 {
        text += &format!("\nWARNING: {}", changed_meanwhile(changed));
    }
    if unreadable > 0 {
        text += &format!(
            "\nnote: some content of {unreadable} kept items could not be read; the record lists the ranges"
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

/// That kept items were not the same all the time.
pub(super) fn changed_meanwhile(items: u64) -> String {
    format!(
        "{items} kept items changed while they were read, or gave other bytes when they were read a second time; items.tsv and an audit name them"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_signs_is_told_first_what_was_amiss() {
        assert_eq!(told(0, 0, None, None), "");
        let loss = Loss { copy: 2, place: "b".into(), why: "it is full".to_owned(), stated: String::new() };
        let text = told(1, 3, None, Some(&loss));
        for expected in [
            "WARNING: 1 kept items changed",
            "content of 3 kept items",
            "copy 2 of 2, b, was lost: it is full",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }
}
