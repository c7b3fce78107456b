//! What the program believes of a process that reads: nothing that it can check.

use scope::facts::{Attribute, Facts, Kind, Look};

use super::words::{Item, plain};
use crate::medium::{LayerState, Medium, Within};
use crate::walk::{Entry, Issue, SourceInfo, stated};

/// An item as the process told it, if it is one that a reader of this volume may give.
///
/// # Errors
///
/// In words without names: what it must not be.
pub(super) fn item(item: Item, info: &SourceInfo) -> Result<Entry, &'static str> {
    let entry = item.entry().ok_or("an item's facts are not those of a record")?;
    locator(&entry.locator, info)?;
    facts(&entry.facts, info)?;
    Ok(entry)
}

/// An issue: its words made plain.
///
/// # Errors
///
/// As [`item`].
pub(super) fn issue(issue: Issue, info: &SourceInfo) -> Result<Issue, &'static str> {
    if let Some(place) = &issue.locator {
        locator(place, info)?;
    }
    Ok(Issue { locator: issue.locator, what: plain(&issue.what) })
}

/// Makes a source's description plain.
pub(super) fn info(info: &mut SourceInfo) {
    for text in [&mut info.place, &mut info.volume, &mut info.file_system] {
        *text = plain(text);
    }
    pairs(&mut info.ids);
    info.limits.iter_mut().for_each(|limit| *limit = plain(limit));
}

/// Makes a medium's description plain.
pub(super) fn medium(medium: &mut Medium) {
    medium.form = plain(&medium.form);
    pairs(&mut medium.ids);
    for Within { place, kind, value } in &mut medium.within {
        (*place, *kind, *value) = (plain(place), plain(kind), plain(value));
    }
    pairs(&mut medium.said);
    for digest in &mut medium.stored {
        (digest.algorithm, digest.hex) = (plain(&digest.algorithm), plain(&digest.hex));
    }
    medium.limits.iter_mut().for_each(|limit| *limit = plain(limit));
    for layer in &mut medium.layers {
        let own = [&mut layer.place, &mut layer.stated, &mut layer.what];
        for text in own.into_iter().chain(&mut layer.members) {
            *text = plain(text);
        }
        if let LayerState::Read(text) | LayerState::Unread(text) = &mut layer.state {
            *text = plain(text);
        }
    }
}

/// Makes identifiers plain.
pub(super) fn pairs(pairs: &mut [(String, String)]) {
    for (kind, value) in pairs {
        (*kind, *value) = (plain(kind), plain(value));
    }
}

/// A locator stands in messages and in the record: plain ASCII, short, and of this volume.
fn locator(text: &str, info: &SourceInfo) -> Result<(), &'static str> {
    let begin = if info.place.is_empty() { &info.volume } else { &info.place };
    let own = text.strip_prefix(begin.as_str()).is_some_and(|rest| rest.starts_with('/'));
    if own && is_word(text) { Ok(()) } else { Err("a locator is not one of this volume") }
}

fn facts(facts: &Facts, info: &SourceInfo) -> Result<(), &'static str> {
    // Slack is asked for item by item, by the program: no walk tells of it.
    if facts.kind == Kind::Slack || facts.slack.is_some() || facts.kind == Kind::Volume {
        return Err("an item of a kind that no walk of a file system gives");
    }
    let other = facts.type_fact.is_some()
        || facts.hash.is_some()
        || !facts.keywords.is_empty()
        || !facts.mail.is_empty();
    if other || !facts.failures.is_empty() || facts.looks != [Look::Metadata] {
        return Err("an item has facts of a look that was not taken");
    }
    if facts.volume != info.volume {
        return Err("an item is of another volume");
    }
    let words = facts.times.iter().map(|stamp| &stamp.from).chain(&facts.sid).chain([&facts.node]);
    if !words.into_iter().all(|word| is_word(word)) {
        return Err("an item's numbers are not plain text");
    }
    let numbers = [facts.links, facts.size, facts.allocated, facts.uid, facts.gid, facts.mode];
    let sizes = facts.attributes.iter().map(|attribute| attribute.size);
    if !numbers.into_iter().flatten().chain(sizes).all(|number| stated(number).is_some()) {
        return Err("an item has a number that no record can state");
    }
    if facts.attributes.iter().any(|attribute| attribute.value.bytes().len() > Attribute::MAX_VALUE) {
        return Err("an attribute is longer than a record keeps");
    }
    Ok(())
}

/// One word of plain ASCII, of at most [`MAX_WORD`] characters.
fn is_word(text: &str) -> bool {
    text.len() <= MAX_WORD && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Longest locator. Ours are under 100 bytes each, and a volume may lie in a volume.
const MAX_WORD: usize = 512;

#[cfg(test)]
mod tests {
    use scope::facts::{CaseRule, Fact, TypeFact};

    use super::*;
    use crate::walk::bare_facts;

    fn check(place: &str, locator: &str, more: &[Fact], expect: Result<(), &'static str>) {
        let info = SourceInfo { place: place.into(), volume: "ext4:u".into(), ..SourceInfo::default() };
        let mut facts = bare_facts("ext4:u", CaseRule::Sensitive, "inode:2:0".into(), Kind::File).to_list();
        let looks = facts.pop();
        facts.extend(more.iter().cloned().chain(looks));
        let told = Item { locator: locator.into(), facts, node: (2, 0) };
        assert_eq!(item(told, &info).map(drop), expect, "{locator} {more:?}");
    }

    #[test]
    fn only_facts_of_metadata_about_this_volume() {
        let volume = Err("a locator is not one of this volume");
        let look = Err("an item has facts of a look that was not taken");
        check("", "ext4:u/inode:2:0", &[], Ok(()));
        check("gpt:2", "gpt:2/ext4:u/inode:2:0", &[], Ok(()));
        check("gpt:2", "ext4:u/inode:2:0", &[], volume);
        check("gpt:2", "gpt:20/inode:2:0", &[], volume);
        check("", "ext4:u/\u{1b}[2J", &[], volume);
        check("", &format!("ext4:u/{}", "x".repeat(600)), &[], volume);
        let unknown = TypeFact { name: "zip".into(), encrypted: None, examined: 4, end: None };
        check("", "ext4:u/inode:2:0", &[Fact::Type(unknown)], look);
        check(
            "",
            "ext4:u/inode:2:0",
            &[Fact::Size(1 << 53)],
            Err("an item has a number that no record can state"),
        );
        check(
            "",
            "ext4:u/inode:2:0",
            &[Fact::Size(5), Fact::Size(5)],
            Err("an item's facts are not those of a record"),
        );
    }
}
