//! Keyword lists.

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization;

use super::Remarks;
use crate::fold::fold;
use crate::policy::{Condition, ListItems, NotSearchable, Selector, UnknownDefault};
use crate::read::is_visible;

/// Keywords below this many characters hit by chance in almost any text.
const SHORT_KEYWORD: usize = 4;

// The terms themselves are not shown: a list may be restricted, and remarks are rendered.
pub(super) fn keywords(remarks: &mut Remarks<'_>) {
    for list in remarks.policy.lists() {
        let ListItems::Keywords(terms) = &list.items else { continue };
        let about = || format!("list {}", list.id);
        let place = |at: usize| {
            // The line of a term that nobody is to read is not quoted.
            if list.file.is_none() && !list.restricted {
                format!("list.{}.items.{at}", list.id)
            } else {
                format!("list.{}", list.id)
            }
        };
        let mut report = |id: &'static str, found: Vec<usize>, message: (&str, &str)| {
            if let Some(first) = found.first() {
                let message = match found.len() {
                    1 => format!("1 of its terms {}", message.0),
                    more => format!("{more} of its terms {}", message.1),
                };
                remarks.add(id, about(), &place(*first), message);
            }
        };
        let at = |wanted: &dyn Fn(usize, &String) -> bool| -> Vec<usize> {
            terms.iter().enumerate().filter(|(at, term)| wanted(*at, term)).map(|(at, _)| at).collect()
        };
        let short = at(&|_, term| term.chars().count() < SHORT_KEYWORD);
        report(
            "short-keyword",
            short,
            (
                "has fewer than 4 characters and hits by chance",
                "have fewer than 4 characters and hit by chance",
            ),
        );
        let literal = at(&|_, term| term.contains('*') || !term.chars().all(is_visible));
        report(
            "literal-keyword",
            literal,
            (
                "has a `*` or an invisible character; a term is no pattern, and is searched for as it is written",
                "have a `*` or an invisible character; a term is no pattern, and is searched for as it is written",
            ),
        );
        let mut firsts: BTreeMap<Vec<u32>, usize> = BTreeMap::new();
        for (at, term) in terms.iter().enumerate() {
            firsts.entry(term.chars().map(|c| fold(u32::from(c))).collect()).or_insert(at);
        }
        let folded = |term: &String| term.chars().map(|c| fold(u32::from(c))).collect::<Vec<u32>>();
        let doubled = at(&|at, term| firsts.get(&folded(term)).is_some_and(|first| *first != at));
        report(
            "folded-duplicate",
            doubled,
            (
                "is another of them in capital or small letters, and counts again",
                "are others of them in capital or small letters, and count again",
            ),
        );
        let listed = |other: &String| firsts.contains_key(&folded(other));
        let lonely = at(&|_, term| {
            let (composed, apart): (String, String) = (term.nfc().collect(), term.nfd().collect());
            composed != apart && !(listed(&composed) && listed(&apart))
        });
        report(
            "one-spelling",
            lonely,
            (
                "has letters with marks in one Unicode form; text in the other form is not found",
                "have letters with marks in one Unicode form; text in the other form is not found",
            ),
        );
    }
}

/// Once for all conditions on keywords: which files leave them open, and where those go.
pub(super) fn unread_text(remarks: &mut Remarks<'_>) {
    let policy = remarks.policy;
    let asks = |own: &&Selector| own.conditions.iter().any(|one| matches!(one, Condition::Keywords { .. }));
    let Some(first) = policy.selectors().iter().find(asks) else { return };
    let pictures = match policy.defaults().not_searchable {
        NotSearchable::Unknown => ", a picture",
        NotSearchable::NoHit => "",
    };
    let fate = match policy.defaults().unknown {
        UnknownDefault::Left => "left",
        UnknownDefault::Hold(_) => "held",
    };
    let message = format!(
        "whether one is in a PDF, a mail, a damaged document{pictures} or a text of an older set of characters (Latin-1, Windows-1252) is unknown, so that the items that depend on it are {fate}"
    );
    let place = format!("selector.{}.keywords", first.id);
    remarks.add("unread-text", "keywords".to_owned(), &place, message);
}
