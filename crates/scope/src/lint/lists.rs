//! Keyword lists.

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization;

use super::Remarks;
use crate::fold::fold;
use crate::policy::ListItems;
use crate::read::is_visible;

/// Keywords below this many characters hit by chance in almost any text.
const SHORT_KEYWORD: usize = 4;

// The terms themselves are not shown: a list may be restricted, and remarks are rendered.
pub(super) fn keywords(remarks: &mut Remarks<'_>) {
    for list in remarks.policy.lists() {
        let ListItems::Keywords(terms) = &list.items else { continue };
        let about = || format!("list {}", list.id);
        let place = |at: usize| {
            if list.file.is_none() {
                format!("list.{}.items.{at}", list.id)
            } else {
                format!("list.{}", list.id)
            }
        };
        let mut report = |id: &'static str, found: Vec<usize>, message: &str| {
            if let Some(first) = found.first() {
                let message = format!("{} {message}", found.len());
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
            &format!("of its terms have fewer than {SHORT_KEYWORD} characters and hit by chance"),
        );
        let literal = at(&|_, term| term.contains('*') || !term.chars().all(is_visible));
        report(
            "literal-keyword",
            literal,
            "of its terms have a `*` or an invisible character; a term is no pattern, and is searched for as it is written",
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
            "of its terms are others of them in capital or small letters, and count again",
        );
        let listed = |other: &String| firsts.contains_key(&folded(other));
        let lonely = at(&|_, term| {
            let (composed, apart): (String, String) = (term.nfc().collect(), term.nfd().collect());
            composed != apart && !(listed(&composed) && listed(&apart))
        });
        report(
            "one-spelling",
            lonely,
            "of its terms have letters with marks in one Unicode form; text in the other form is not found",
        );
    }
}
