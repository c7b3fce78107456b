//! The ledger against the medium itself, or a sample of it.
//!
//! Implements `docs/spec/record.md`, section "Re-examination".
//!
//! Compared are the facts of the looks that both the ledger and the
//! re-examination took, the content of every preserved object, and what the
//! medium shows of itself. Left out are, as they change without anyone's doing:
//!
//! - of a mounted tree (volume `tree`): access times, which reading may move,
//!   and the allocated size, which file systems settle after the fact;
//! - the reason of a failure, though not that there was one;
//! - what the original does not give today and gave then: that item is told as not compared. Where the archive that holds the
//!   item contradicts it today, the original was read, and differs.

mod content;
mod unopened;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;

use scope::facts::{Fact, Facts, Failure, Look, Stamp, TimeKind};

use super::finding::{Finding, FindingKind, called, shown};
use super::short_digest;
use crate::acquisition::{LayerStatement, MediumStatement};
use crate::item::{ObjectValue, Record, RecordError};
pub use content::Original;
use content::Preserved;
use unopened::Unopened;

/// The kind of identity that any changed byte changes.
const IMAGE_SHA256: &str = "image_sha256";

/// As [`IMAGE_SHA256`], of each drive of a set.
const DRIVE_SHA256: &str = "drive_sha256";

/// The volume of a mounted tree.
const TREE: &str = "tree";

/// Compares ledger records with a re-examined medium, by locator.
///
/// First every record, then every re-examined item; about 600 bytes of memory per record.
#[derive(Debug, Default)]
pub struct Reexamination {
    recorded: HashMap<Box<str>, Recorded>,
    objects: Objects,
    unread: Unread,
    left: u64,
    /// Containers that were opened then and cannot be today.
    unopened: Unopened,
    findings: Vec<Finding>,
}

/// How many preserved objects were compared with the content of the original.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Objects {
    /// Read to their end and compared; a difference is a finding.
    pub compared: u64,
    /// Of these, objects that have zeros where the medium gave nothing: there, nothing was compared.
    pub partial: u64,
    /// Of these, objects whose original gives bytes today where none could be read then.
    pub readable_now: u64,
    /// Not compared: the original cannot be read today where it could be read then.
    pub unreadable_now: u64,
}

/// Items that could not be compared in all that the ledger has of them, since the original cannot be read there today.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Unread {
    /// How many items: of their objects or of their facts.
    pub items: u64,
    /// The first of them, by locator, with what of them was not compared.
    pub first: Vec<String>,
    /// Items without a record that might be among those of which none is kept: what decides them cannot be read today.
    pub undecided: u64,
}

impl Unread {
    fn add(&mut self, what: String) {
        self.items = self.items.saturating_add(1);
        if self.first.len() < MAX_TOLD {
            self.first.push(what);
        }
    }
}

/// Most items that are told by locator.
const MAX_TOLD: usize = 1_000;

/// What stays in memory of a record.
#[derive(Debug)]
struct Recorded {
    /// Sixteen bytes of the digest of each kind of fact that is there: finding a second fact for one of them takes
    /// 2^128 steps.
    facts: Box<[(Label, Short)]>,
    looks: u8,
    met: bool,
    object: Option<Box<Preserved>>,
}

/// The first bytes of a digest.
type Short = [u8; 16];

/// A kind of fact, as a finding names it.
type Label = &'static str;

/// Digests that are made where somebody asks for them: compared where both sides have them.
const CONTAINER: Label = "container";
const MD5: Label = "md5";
const SHA1: Label = "sha1";

impl Reexamination {
    /// Nothing recorded, nothing compared.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in a record.
    ///
    /// # Errors
    ///
    /// [`RecordError`] for a record whose facts cannot be read: the replay has a finding about it. Its item counts
    /// as recorded, and nothing of it is compared.
    pub fn record(&mut self, record: &Record) -> Result<(), RecordError> {
        match record.parts() {
            Ok(parts) => self.recorded_item(&record.locator, &parts.facts, parts.object.as_ref()),
            Err(error) => {
                self.recorded.insert(record.locator.as_str().into(), Recorded::unreadable());
                return Err(error);
            }
        }
        Ok(())
    }

    /// Takes in a record by its locator, its facts and what was preserved.
    pub fn recorded_item(&mut self, locator: &str, facts: &Facts, object: Option<&ObjectValue>) {
        let recorded = Recorded {
            facts: digests(facts).into_iter().collect(),
            looks: bits(&facts.looks),
            met: false,
            object: object.map(|object| Box::new(Preserved::of(object))),
        };
        self.recorded.insert(locator.into(), recorded);
    }

    /// Whether a record has an MD5: then it is worth computing again.
    #[must_use]
    pub fn has_md5(&self) -> bool {
        self.has(MD5)
    }

    /// Whether a record has a SHA-1.
    #[must_use]
    pub fn has_sha1(&self) -> bool {
        self.has(SHA1)
    }

    fn has(&self, label: Label) -> bool {
        self.recorded.values().any(|recorded| recorded.facts.iter().any(|(found, _)| *found == label))
    }

    /// Why this is not the medium that was acquired, where it shows that it is not. Nothing on it need be looked at then.
    ///
    /// It is another where its length differs; where a kind of identity that both have has no value in common, but for a
    /// digest of the whole where another identity agrees, since one changed byte changes it; and where no identity can
    /// be compared and its layers differ.
    #[must_use]
    pub fn other_medium(
        stated: &MediumStatement,
        stated_layers: &[LayerStatement],
        size: Option<u64>,
        ids: &[(String, String)],
        layers: &[LayerStatement],
    ) -> Option<String> {
        if let (Some(was), Some(is)) = (stated.size, size)
            && was != is
        {
            return Some(format!("it has {is} bytes, and {was} were acquired"));
        }
        let mut agrees = false;
        let mut digest = None;
        let kinds: BTreeSet<&str> = ids.iter().map(|(kind, _)| kind.as_str()).collect();
        for kind in kinds {
            let was: Vec<&str> =
                stated.ids.iter().filter(|id| id.kind == kind).map(|id| id.value.as_str()).collect();
            let is: Vec<&str> =
                ids.iter().filter(|(of, _)| of == kind).map(|(_, value)| value.as_str()).collect();
            if was.is_empty() || is.iter().any(|value| was.contains(value)) {
                agrees |= !was.is_empty();
                continue;
            }
            let told =
                |values: &[&str]| values.iter().map(|value| shown(value)).collect::<Vec<_>>().join(", ");
            let why = format!("it has the {} {}, and {} was acquired", shown(kind), told(&is), told(&was));
            match kind {
                IMAGE_SHA256 | DRIVE_SHA256 => digest = Some(why),
                _ => return Some(why),
            }
        }
        if agrees {
            return None;
        }
        let layers_differ = || {
            let mut rest: Vec<&LayerStatement> = stated_layers.iter().collect();
            let found = layers.iter().all(|layer| {
                rest.iter().position(|other| *other == layer).map(|at| rest.swap_remove(at)).is_some()
            });
            (!found || !rest.is_empty())
                .then(|| "it shows no identity that was acquired, and its layers are others".to_owned())
        };
        digest.or_else(layers_differ)
    }

    /// The whole answer for a medium that is another.
    #[must_use]
    pub fn of_another(why: &str) -> Finding {
        Finding {
            kind: FindingKind::Fact,
            item: String::new(),
            rule: String::new(),
            detail: format!("another medium: {why}; no item of it was looked at"),
        }
    }

    /// Compares the medium itself with what the acquisition states of it: its size, and identities of a kind that
    /// both have. Returns how many identities were compared.
    pub fn medium(&mut self, stated: &MediumStatement, size: Option<u64>, ids: &[(String, String)]) -> usize {
        if let (Some(was), Some(is)) = (stated.size, size)
            && was != is
        {
            let detail = format!("the medium has {is} bytes; {was} were acquired");
            self.raise(FindingKind::Fact, String::new(), detail);
        }
        let mut compared: usize = 0;
        for (kind, value) in ids {
            let mut same_kind = stated.ids.iter().filter(|id| id.kind == *kind).peekable();
            if same_kind.peek().is_none() {
                continue;
            }
            compared = compared.saturating_add(1);
            let was: Vec<String> = same_kind.map(|id| shown(&id.value)).collect();
            if !stated.ids.iter().any(|id| id.kind == *kind && id.value == *value) {
                let (kind, value, was) = (shown(kind), shown(value), was.join(", "));
                let detail =
                    format!("the medium has the {kind} {value}; the one that was acquired has {was}");
                self.raise(FindingKind::Fact, String::new(), detail);
            }
        }
        compared
    }

    /// Compares the layers of the medium with those that the acquisition states: where each is, how long, what it is.
    pub fn layers(&mut self, stated: &[LayerStatement], found: &[LayerStatement]) {
        let mut stated: Vec<&LayerStatement> = stated.iter().collect();
        for layer in found {
            // Each stated layer stands for one: two of a kind are two.
            match stated.iter().position(|other| *other == layer) {
                Some(at) => _ = stated.swap_remove(at),
                None => {
                    let detail =
                        format!("the medium has, and the acquisition does not state, {}", told(layer));
                    self.raise(FindingKind::Fact, String::new(), detail);
                }
            }
        }
        for layer in stated {
            let detail = format!("the acquisition states, and the medium does not have, {}", told(layer));
            self.raise(FindingKind::Fact, String::new(), detail);
        }
    }

    /// Whether the ledger has an object of the item, which [`Reexamination::object`] compares.
    #[must_use]
    pub fn has_object(&self, locator: &str) -> bool {
        self.recorded.get(locator).is_some_and(|recorded| recorded.object.is_some())
    }

    /// Compares the content of an item with the object that the ledger says was preserved of it.
    ///
    /// `open` is asked only where there is such an object. The content is read once and not kept. Where the original gives
    /// less today than then, the item is told as not compared: its digest is of all of its bytes together.
    pub fn object<'c>(
        &mut self,
        locator: &str,
        facts: &Facts,
        open: impl FnOnce() -> io::Result<Box<dyn Original + 'c>>,
    ) {
        let Some(object) = self.recorded.get(locator).and_then(|recorded| recorded.object.as_deref()) else {
            return;
        };
        let found = match object.of_original(open()) {
            Ok(found) => found,
            Err(why) => {
                self.objects.unreadable_now = self.objects.unreadable_now.saturating_add(1);
                self.unread.add(format!("{}: {why}", shown(locator)));
                return;
            }
        };
        let detail = (!object.is(&found)).then(|| {
            format!("the medium differs from the ledger in: object ({}; recorded: {object})", found.told())
        });
        let (partial, readable_now) = (object.is_partial(), found.readable_now);
        self.objects.compared = self.objects.compared.saturating_add(1);
        self.objects.partial = self.objects.partial.saturating_add(u64::from(partial));
        self.objects.readable_now = self.objects.readable_now.saturating_add(u64::from(readable_now));
        if let Some(detail) = detail {
            self.raise(FindingKind::Fact, called(locator, facts), detail);
        }
    }

    /// How many objects were compared so far.
    #[must_use]
    pub fn objects(&self) -> Objects {
        self.objects
    }

    /// What could not be compared so far.
    #[must_use]
    pub fn unread(&self) -> &Unread {
        &self.unread
    }

    /// Whether the ledger has a record of the item.
    #[must_use]
    pub fn has_record(&self, locator: &str) -> bool {
        self.recorded.contains_key(locator)
    }

    /// Takes note of an item without a record that the policy may leave: a look that its decision needs fails today.
    pub fn undecided(&mut self, locator: &str) {
        self.unread.undecided = self.unread.undecided.saturating_add(1);
        let what = "it has no record, and what decides whether it needs one cannot be read today";
        self.unread.add(format!("{}: {what}", shown(locator)));
        self.unopened.insert(locator);
    }

    /// Compares an item of the medium, looked into as deep as the examiner of today wants.
    pub fn item(&mut self, locator: &str, facts: &Facts) {
        let Some(recorded) = self.recorded.get_mut(locator) else {
            let detail = format!("on the medium at {}, not in the ledger", shown(locator));
            self.raise(FindingKind::Missing, called(locator, facts), detail);
            return;
        };
        recorded.met = true;
        let both = recorded.looks & bits(&facts.looks);
        let found = digests(facts);
        let was: BTreeMap<Label, Short> = recorded.facts.iter().copied().collect();
        // What its archive contradicts could be read, and is not what it was.
        let of_archive = |look: Look| {
            let mut failures = facts.failures.iter().filter(|failure| failure.look == look);
            failures.any(Failure::is_of_archive)
        };
        let fails_today = |look: &Look| {
            let label = failure_label(*look);
            both & bit(*look) != 0
                && found.contains_key(label)
                && !was.contains_key(label)
                && !of_archive(*look)
        };
        let failed: Vec<Look> =
            [Look::Type, Look::Hash, Look::Content].into_iter().filter(fails_today).collect();
        let both = failed.iter().fold(both, |both, look| both & !bit(*look));
        let differ: Vec<Label> = was
            .keys()
            .chain(found.keys())
            .filter(|label| both & bit(look_of(label)) != 0 && was.get(*label) != found.get(*label))
            .filter(|label| {
                ![MD5, SHA1].contains(label) || was.contains_key(*label) && found.contains_key(*label)
            })
            .copied()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        if !differ.is_empty() {
            let detail = format!("the medium differs from the ledger in: {}", differ.join(", "));
            self.raise(FindingKind::Fact, called(locator, facts), detail);
        }
        if !failed.is_empty() {
            let words: Vec<&str> = failed.iter().map(|look| look_word(*look)).collect();
            let what = format!("{}: it cannot be read today for its {}", shown(locator), words.join(", "));
            self.unread.add(what);
            if failed.contains(&Look::Content) && was.contains_key(CONTAINER) {
                self.unopened.insert(locator);
            }
        }
    }

    /// As [`Reexamination::item`], for an item that the policy leaves, under `record.left = "counts"`.
    ///
    /// No record of it is kept, so none is missing. Returns whether the ledger has one all the same.
    pub fn left_item(&mut self, locator: &str, facts: &Facts) -> bool {
        let recorded = self.recorded.contains_key(locator);
        if recorded {
            self.item(locator, facts);
        } else {
            self.left = self.left.saturating_add(1);
            let without = facts.failures.iter().any(|failure| failure.look == Look::Content);
            if without && self.unopened.without_record(locator, self.recorded.keys().map(|own| &**own)) {
                self.unread.add(format!("{}: it cannot be opened today", shown(locator)));
            }
        }
        recorded
    }

    /// After the whole medium, under `record.left = "counts"`: as many items are left as the inventory has lines of
    /// that outcome.
    pub fn left_lines(&mut self, lines: u64) {
        let most = self.left.saturating_add(self.unread.undecided);
        // How many members were left of a container that cannot be opened today is not known.
        let most = if self.unopened.is_empty() { most } else { u64::MAX };
        if !(self.left..=most).contains(&lines) {
            let detail = format!("outcome left: {lines} lines, {} items on the medium", self.left);
            self.raise(FindingKind::Count, String::new(), detail);
        }
    }

    /// After the whole medium: also what the ledger has and the medium has not.
    #[must_use]
    pub fn finish(mut self) -> Vec<Finding> {
        let mut unmet: Vec<&str> = self
            .recorded
            .iter()
            .filter(|(_, recorded)| !recorded.met)
            .map(|(locator, _)| &**locator)
            .filter(|locator| !self.unopened.holds(locator))
            .collect();
        unmet.sort_unstable();
        for locator in unmet {
            self.findings.push(Finding {
                kind: FindingKind::Extra,
                item: shown(locator),
                rule: String::new(),
                detail: "in the ledger, not on the medium".to_owned(),
            });
        }
        self.findings
    }

    /// What was found since the last time, for a caller that goes item by item.
    #[must_use]
    pub fn take_findings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.findings)
    }

    /// After a sample of the medium: items that were not drawn say nothing.
    #[must_use]
    pub fn finish_sample(self) -> Vec<Finding> {
        self.findings
    }

    fn raise(&mut self, kind: FindingKind, item: String, detail: String) {
        self.findings.push(Finding { kind, item, rule: String::new(), detail });
    }
}

/// A layer, as a finding names it.
fn told(layer: &LayerStatement) -> String {
    let (place, what, state) = (shown(&layer.place), shown(&layer.what), layer.state);
    let place = if place.is_empty() { "the medium".to_owned() } else { place };
    let start = layer.start.map_or_else(|| "several places".to_owned(), |start| start.to_string());
    format!("{place}: {what} ({state}), {} bytes at {start}", layer.length)
}

/// Compares all records with a whole re-examined medium, given as locators and facts.
///
/// Under `record.left = "counts"` items that were left have no record and would come out as missing: give those to
/// [`Reexamination::left_item`] instead. What cannot be read today is a finding here.
#[must_use]
pub fn match_medium<'r>(
    records: impl IntoIterator<Item = &'r Record>,
    medium: impl IntoIterator<Item = (String, Facts)>,
) -> Vec<Finding> {
    let mut reexamination = Reexamination::new();
    for record in records {
        if let Err(error) = reexamination.record(record) {
            reexamination.raise(FindingKind::Fact, shown(&record.locator), error.to_string());
        }
    }
    medium.into_iter().for_each(|(locator, facts)| reexamination.item(&locator, &facts));
    for what in std::mem::take(&mut reexamination.unread.first) {
        reexamination.raise(FindingKind::Fact, String::new(), what);
    }
    reexamination.finish()
}

impl Recorded {
    /// A record of which nothing can be compared.
    fn unreadable() -> Self {
        Self { facts: Box::default(), looks: 0, met: false, object: None }
    }
}

/// One digest per kind of fact: several names or times are one.
fn digests(facts: &Facts) -> BTreeMap<Label, Short> {
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
fn compared(fact: &Fact, tree: bool) -> Option<(Label, Vec<u8>)> {
    let label = match fact {
        Fact::Volume(_) => "volume",
        Fact::CaseRule(_) => "case-rule",
        Fact::Node(_) => "node",
        Fact::Kind(_) => "kind",
        Fact::Name(_) => "name",
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

fn time_label(of: TimeKind) -> Label {
    match of {
        TimeKind::Modified => "time modified",
        TimeKind::Accessed => "time accessed",
        TimeKind::Changed => "time changed",
        TimeKind::Created => "time created",
    }
}

fn failure_label(look: Look) -> Label {
    match look {
        Look::Metadata => "failure of metadata",
        Look::Type => "failure of type",
        Look::Hash => "failure of hash",
        Look::Content => "failure of content",
    }
}

/// What a look finds, in words.
fn look_word(look: Look) -> &'static str {
    match look {
        Look::Metadata => "metadata",
        Look::Type => "type",
        Look::Hash => "hash",
        Look::Content => "words searched for",
    }
}

fn look_of(label: Label) -> Look {
    match label {
        "type" | "failure of type" => Look::Type,
        "hash" | MD5 | SHA1 | "failure of hash" => Look::Hash,
        "keywords" | "mail" | CONTAINER | "failure of content" => Look::Content,
        _ => Look::Metadata,
    }
}

fn bits(looks: &[Look]) -> u8 {
    looks.iter().fold(0, |bits, look| bits | bit(*look))
}

fn bit(look: Look) -> u8 {
    match look {
        Look::Metadata => 1,
        Look::Type => 2,
        Look::Hash => 4,
        Look::Content => 8,
    }
}

#[cfg(test)]
mod tests;
