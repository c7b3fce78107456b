//! Lists that were restricted, and of which items can be read by everybody in the later policy: as another list, in another
//! order, or in any other text of it.
//!
//! ```text
//! [list.t]  restricted, "alphaword"      [selector.s]  path = ["/**/*AlphaWord*"]      the public gains
//! ```

use std::collections::BTreeSet;

use super::{Audience, Finding, Way, add};
use crate::digest::Digest;
use crate::hash_list::HashList;
use crate::policy::{List, ListItems, Policy};

/// Tells of each list that was restricted what the later policy publishes of it.
pub(super) fn compare(before: &Policy, after: &Policy, findings: &mut Vec<Finding>) {
    if !before.lists().iter().any(|list| list.restricted) {
        return;
    }
    let (old, new) = (texts(before), texts(after));
    let come: Vec<&str> = new.difference(&old).map(String::as_str).collect();
    for list in before.lists().iter().filter(|list| list.restricted) {
        let reads = |own: &&List| !own.restricted && own.id == list.id;
        let shown = match &list.items {
            _ if after.lists().iter().any(|own| reads(&own)) => Some(true),
            ListItems::Sha256(items) => digests(items, &come, before, after),
            ListItems::Keywords(items) | ListItems::Addresses(items) => words(items, &come, &old),
        };
        match shown {
            Some(false) => {}
            Some(true) => {
                let what =
                    format!("the items of the list {}, which was restricted, or some of them", list.id);
                add(findings, Way::Adds, Audience::Public, what);
            }
            None => {
                let what =
                    format!("whether items of the list {}, which was restricted, can be read now", list.id);
                add(findings, Way::Unsaid, Audience::Public, what);
            }
        }
    }
}

/// What can be read in a policy: its texts and lines, but for the items of restricted lists; and the lists that are not.
fn texts(policy: &Policy) -> BTreeSet<String> {
    let restricted = |path: &str| {
        let mut lists = policy.lists().iter().filter(|list| list.restricted);
        lists.any(|list| path.starts_with(&format!("list.{}.items.", list.id)))
    };
    let mut texts: BTreeSet<String> =
        policy.tree.places.texts(&restricted).iter().map(|text| text.to_lowercase()).collect();
    for list in policy.lists().iter().filter(|list| !list.restricted) {
        if let ListItems::Keywords(items) | ListItems::Addresses(items) = &list.items {
            texts.extend(items.iter().map(|item| item.to_lowercase()));
        }
    }
    texts
}

/// Whether one of the words stands in what is new, and could not be read before; `None` where that is too much to look for.
fn words(items: &[String], come: &[&str], old: &BTreeSet<String>) -> Option<bool> {
    let length = come.iter().fold(0_usize, |all, text| all.saturating_add(text.len()));
    if length.saturating_mul(items.len()) > MOST_WORK {
        return None;
    }
    let items = items.iter().map(|item| item.to_lowercase());
    let mut shown = items.filter(|item| come.iter().any(|text| has(text, item)));
    Some(shown.any(|item| !old.iter().any(|text| has(text, &item))))
}

/// Whether a text has a word, not as a part of a longer one.
fn has(text: &str, word: &str) -> bool {
    let letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    text.match_indices(word).any(|(at, found)| {
        let (head, tail) = (text.get(..at), text.get(at.saturating_add(found.len())..));
        !letter(head.and_then(|head| head.chars().next_back()))
            && !letter(tail.and_then(|tail| tail.chars().next()))
    })
}

/// Whether a digest of the list stands in what is new, or on a list that is not restricted.
fn digests(items: &HashList, come: &[&str], before: &Policy, after: &Policy) -> Option<bool> {
    let public = |policy: &Policy| -> Vec<HashList> {
        let lists = policy.lists().iter().filter(|list| !list.restricted);
        lists
            .filter_map(|list| match &list.items {
                ListItems::Sha256(items) => Some(items.clone()),
                ListItems::Keywords(_) | ListItems::Addresses(_) => None,
            })
            .collect()
    };
    let old = public(before);
    for own in public(after) {
        if old.iter().all(|known| known.set() != own.set()) && !are_apart(items, &own, &old)? {
            return Some(true);
        }
    }
    let words = come.iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    for digest in words.filter_map(|word| Digest::from_hex(word).ok()) {
        if items.contains(&digest)? && !is_on(&old, &digest)? {
            return Some(true);
        }
    }
    Some(false)
}

/// Whether two lists have nothing in common but what was public.
fn are_apart(one: &HashList, other: &HashList, old: &[HashList]) -> Option<bool> {
    let (short, long) = if one.count() <= other.count() { (one, other) } else { (other, one) };
    if one.set() == other.set() && old.is_empty() {
        return Some(one.count() == 0);
    }
    if short.count() > MOST_DIGESTS {
        return None;
    }
    for digest in short.iter() {
        let digest = digest.ok()?;
        if long.contains(&digest)? && !is_on(old, &digest)? {
            return Some(false);
        }
    }
    Some(true)
}

fn is_on(lists: &[HashList], digest: &Digest) -> Option<bool> {
    for list in lists {
        if list.contains(digest)? {
            return Some(true);
        }
    }
    Some(false)
}

/// Most bytes of new text times words that are looked for in it: a second's work.
const MOST_WORK: usize = 1_000_000_000;

/// Most digests that are looked up one by one: some seconds where they lie in a file.
const MOST_DIGESTS: u64 = 100_000;
