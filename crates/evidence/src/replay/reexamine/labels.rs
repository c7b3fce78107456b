//! The facts of an item as they are compared: a digest for each kind.

use std::collections::BTreeMap;

use scope::facts::{Fact, Facts, Look, Stamp, TimeKind};

use super::unsaid::Claims;
use crate::replay::short_digest;

/// The volume of a mounted tree.
pub(super) const TREE: &str = "tree";

/// The first bytes of a digest.
pub(super) type Short = [u8; 16];

/// A kind of fact, as a finding names it.
pub(super) type Label = &'static str;

/// Digests that are made where somebody asks for them: compared where both sides have them.
pub(super) const CONTAINER: Label = "container";
pub(super) const MD5: Label = "md5";
pub(super) const SHA1: Label = "sha1";

pub(super) const NAME: Label = "name";
/// What of an item's metadata its folder says, or is known of any item that can be read at all.
pub(super) const KIND_AND_PLACE: [Label; 5] = ["volume", "case-rule", "node", "kind", NAME];

/// What of an item's metadata stands in one place: where it is stated it is whole, whatever else could not be read.
pub(super) const OF_ONE_PLACE: [Label; 5] = ["size", "uid", "gid", "sid", "mode"];

/// One digest per kind of fact: several names or times are one.
pub(super) fn digests(facts: &Facts) -> BTreeMap<Label, Short> {
    let tree = facts.volume == TREE;
    let mut texts: BTreeMap<Label, Vec<u8>> = BTreeMap::new();
    for fact in facts.to_list() {
        if let Fact::Hash(hash) = &fact {
            let extras = [(MD5, &hash.md5), (SHA1, &hash.sha1)];
            let extras =
                extras.into_iter().filter_map(|(label, hex)| Some((label, hex.clone()?.into_bytes())));
            texts.extend(extras);
        }
        if let Some((label, text)) = compared(&fact, tree) {
            let bytes = texts.entry(label).or_default();
            bytes.extend_from_slice(&text);
            bytes.push(b'\n'); // no JSON value of ours holds a line feed
        }
    }
    texts.into_iter().map(|(label, text)| (label, short_digest(&text))).collect()
}

/// The label and text of a fact, if it is one that is compared.
pub(super) fn compared(fact: &Fact, tree: bool) -> Option<(Label, Vec<u8>)> {
    let label = match fact {
        Fact::Volume(_) => "volume",
        Fact::CaseRule(_) => "case-rule",
        Fact::Node(_) => "node",
        Fact::Kind(_) => "kind",
        Fact::Name(_) => NAME,
        Fact::Links(_) => "links",
        Fact::Size(_) => "size",
        Fact::Allocated(_) if tree => return None,
        Fact::Allocated(_) => "allocated",
        Fact::Slack(_) => "slack",
        Fact::Member(_) => "member",
        Fact::Time(Stamp { of: TimeKind::Accessed, .. }) if tree => return None,
        Fact::Time(stamp) => time_label(stamp.of),
        Fact::Uid(_) => "uid",
        Fact::Gid(_) => "gid",
        Fact::Sid(_) => "sid",
        Fact::Mode(_) => "mode",
        Fact::LinkTarget(_) => "link-target",
        Fact::Attribute(attribute) if Claims::is_one(attribute) => return None,
        Fact::Attribute(_) => "attribute",
        Fact::Type(_) => "type",
        Fact::Hash(hash) => return Some(("hash", hash.sha256.0.to_vec())),
        Fact::Keywords(_) => "keywords",
        Fact::Mail(_) => "mail",
        Fact::Container(_) => CONTAINER,
        Fact::Failure(failure) => return Some((failure_label(failure.look), Vec::new())),
        Fact::Looks(_) => return None,
    };
    // Facts hold strings, integers and booleans alone: writing them cannot fail.
    Some((label, serde_json::to_vec(fact).unwrap_or_default()))
}

pub(super) fn time_label(of: TimeKind) -> Label {
    match of {
        TimeKind::Modified => "time modified",
        TimeKind::Accessed => "time accessed",
        TimeKind::Changed => "time changed",
        TimeKind::Created => "time created",
    }
}

pub(super) fn failure_label(look: Look) -> Label {
    match look {
        Look::Metadata => "failure of metadata",
        Look::Type => "failure of type",
        Look::Hash => "failure of hash",
        Look::Content => "failure of content",
    }
}

/// What a look finds, in words.
pub(super) fn look_word(look: Look) -> &'static str {
    match look {
        Look::Metadata => "metadata",
        Look::Type => "type",
        Look::Hash => "hash",
        Look::Content => "words searched for",
    }
}

pub(super) fn look_of(label: Label) -> Look {
    match label {
        "type" | "failure of type" => Look::Type,
        "hash" | MD5 | SHA1 | "failure of hash" => Look::Hash,
        "keywords" | "mail" | CONTAINER | "failure of content" => Look::Content,
        _ => Look::Metadata,
    }
}

pub(super) fn bits(looks: &[Look]) -> u8 {
    looks.iter().fold(0, |bits, look| bits | bit(*look))
}

pub(super) fn bit(look: Look) -> u8 {
    match look {
        Look::Metadata => 1,
        Look::Type => 2,
        Look::Hash => 4,
        Look::Content => 8,
    }
}
