//! Of a record that says not all of its item's facts could be read: each fact that it states, all the same.
//!
//! ```text
//! the record, in part                  the original                         differs
//! {"size":12}                          {"size":12}                          no
//! modified, inode: 2025-06-01          modified, inode: 2020-05-20          time modified
//! (no attribute)                       user.comment                         no: it was wanting
//! user.comment                         (no attribute)                       attribute
//! ```

use std::collections::{BTreeMap, BTreeSet};

use scope::facts::{Fact, Facts, Look, Stamp};

use super::labels::{Label, Short, TREE, compared, look_of, time_label};
use crate::replay::short_digest;

/// Each fact of the metadata by itself: what it is about (this time from this place, the attribute of this name), and what it says.
#[derive(Debug, Default)]
pub(super) struct Stated(Box<[(Label, Short, Short)]>);

impl Stated {
    pub(super) fn of(facts: &Facts) -> Self {
        let tree = facts.volume == TREE;
        let list = facts.to_list();
        let metadata = list.iter().filter_map(|fact| {
            let (label, text) = compared(fact, tree).filter(|(label, _)| look_of(label) == Look::Metadata)?;
            Some((label, about(label, fact), short_digest(&text)))
        });
        Self(metadata.collect())
    }

    /// The kinds of facts of which this states one that the original, in `facts`, has not.
    ///
    /// Left out is what a reader states otherwise where it lacks a part: of a deleted entry what is left of its name, where it has no path; of an ISO 9660 image the time of the directory's
    /// record stands for one of Rock Ridge, and NTFS counts short names among the names until it has read them.
    pub(super) fn unlike(&self, facts: &Facts) -> BTreeSet<Label> {
        let whole = Self::of(facts);
        let mut known: BTreeMap<Short, BTreeSet<Short>> = BTreeMap::new();
        for (_, about, says) in &whole.0 {
            known.entry(*about).or_default().insert(*says);
        }
        let has_short = facts.attributes.iter().any(|own| own.name.0 == SHORT_NAME);
        let short = of_attribute(SHORT_NAME);
        // What was left of a name stands for the path that a reader could not tell.
        let left_of_name = of_attribute(DELETED_NAME);
        let counts_short = has_short && !self.0.iter().any(|(_, about, _)| *about == short);
        let stands_in: BTreeSet<Short> = facts
            .times
            .iter()
            .filter(|stamp| stamp.from != DIR_ENTRY)
            .map(|stamp| of_time(&Stamp { from: DIR_ENTRY.to_owned(), ..stamp.clone() }))
            .collect();
        let differs = self.0.iter().filter(|(label, about, says)| match known.get(about) {
            Some(known) => !(known.contains(says) || *label == "links" && counts_short),
            None => !stands_in.contains(about) && (*about != left_of_name || facts.names.is_empty()),
        });
        differs.map(|(label, ..)| *label).collect()
    }
}

/// What a fact is about: of one item there can be two facts of that only where each is one of several.
fn about(label: Label, fact: &Fact) -> Short {
    match fact {
        Fact::Time(stamp) => of_time(stamp),
        Fact::Attribute(attribute) => of_attribute(&attribute.name.0),
        _ => short_digest(label.as_bytes()),
    }
}

fn of_attribute(name: &[u8]) -> Short {
    short_digest(&[b"attribute\0", name].concat())
}

fn of_time(stamp: &Stamp) -> Short {
    short_digest(format!("{}\0{}", time_label(stamp.of), stamp.from).as_bytes())
}

/// The attribute of an item that has a short name beside its own.
const SHORT_NAME: &[u8] = b"ntfs.short-name";
/// The attribute of a deleted entry whose path is not certain.
const DELETED_NAME: &[u8] = b"exfat.deleted-name";
/// Where a time stands that is a directory entry's own.
const DIR_ENTRY: &str = "dir-entry";
