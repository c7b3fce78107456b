//! A listing against the ledger: what only one of them has, and where both differ.

use std::collections::{BTreeMap, HashMap, HashSet};

use scope::facts::{Facts, Kind};
use scope::{Digest, Outcome, Policy, RawName};

use super::{Class, Seen, unescaped};
use crate::acquisition::Acquisition;
use crate::item::{ObjectValue, ReadState, Record};
use crate::replay::{Finding, FindingKind};

/// Compares what another tool saw of some volumes with the ledger.
///
/// Names compare byte for byte, but for control characters: `fls` writes `^` for each. Memory grows by some
/// 200 bytes for each name of the volumes concerned.
#[derive(Debug)]
pub struct Comparison<'a> {
    policy: &'a Policy,
    acquisition: &'a Acquisition,
    volume: Option<String>,
    known: HashMap<Key, Known>,
    left_recorded: u64,
    /// Whether the run stopped at a limit: of what is not in the ledger a listing cannot say on which side of it it lies.
    stopped: bool,
    /// The kinds of which the listing has anything: some tools list no named streams, or files alone.
    lists: HashSet<Kind>,
    result: Compared,
}

/// What a comparison came to.
#[derive(Debug, Default)]
pub struct Compared {
    /// Entries of the listing that the ledger has, too, without a difference.
    pub agreed: u64,
    /// Entries of which the listing and the ledger have a digest of one kind.
    pub digests_compared: u64,
    /// Entries that the ledger has, too, of which the listing has a digest, and the ledger none of that kind.
    pub digests_uncompared: u64,
    /// What only one of the two has, and why that is no difference.
    pub explained: BTreeMap<&'static str, u64>,
    /// What is not explained.
    pub findings: Vec<Finding>,
}

/// Sixteen bytes of the digest of a volume and a path: two alike take 2^64 names.
type Key = [u8; 16];

/// A name in the ledger.
#[derive(Debug)]
struct Known {
    locator: Box<str>,
    kind: Kind,
    size: Option<u64>,
    sha256: Option<Digest>,
    md5: Option<String>,
    sha1: Option<String>,
    /// Why there is no digest, where there is none.
    without: &'static str,
    /// Names that are written alike.
    names: u32,
    /// The directory in which a volume's names begin: no listing has it.
    root: bool,
    met: bool,
}

/// Why a listing cannot be compared: it does not say which volume it is of.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoVolume {
    /// The package has several, or none.
    #[error("the ledger has {}; say which of them the listing is of", told(.0))]
    Which(Vec<String>),
    /// It has no such volume.
    #[error("the ledger has no volume {asked}; it has {}", told(.known))]
    Unknown {
        /// The one that was asked for.
        asked: String,
        /// Those that there are.
        known: Vec<String>,
    },
}

fn told(volumes: &[String]) -> String {
    if volumes.is_empty() { "no volume".to_owned() } else { volumes.join(", ") }
}

impl<'a> Comparison<'a> {
    /// Begins a comparison with one volume of the ledger; without one, with the only one that there is. Entries of DFXML
    /// name their volumes by offset.
    ///
    /// # Errors
    ///
    /// [`NoVolume`], but not where the ledger has several volumes and `by_offset`.
    pub fn new(
        policy: &'a Policy,
        acquisition: &'a Acquisition,
        volume: Option<&str>,
        by_offset: bool,
    ) -> Result<Self, NoVolume> {
        let known: Vec<String> = acquisition.walk.iter().map(|walk| walk.volume.clone()).collect();
        let volume = match (volume, known.as_slice()) {
            (Some(asked), _) if known.iter().any(|known| known == asked) => Some(asked.to_owned()),
            (Some(asked), _) => return Err(NoVolume::Unknown { asked: asked.to_owned(), known }),
            (None, [one]) => Some(one.clone()),
            (None, _) if by_offset => None,
            (None, _) => return Err(NoVolume::Which(known)),
        };
        let result = Compared::default();
        Ok(Self {
            policy,
            acquisition,
            volume,
            known: HashMap::new(),
            left_recorded: 0,
            stopped: false,
            lists: HashSet::new(),
            result,
        })
    }

    /// The one volume whose entries are compared; none where each entry says which volume it is of.
    #[must_use]
    pub fn volume(&self) -> Option<&str> {
        self.volume.as_deref()
    }

    /// Takes in a record of the ledger. One that cannot be read is a finding of the replay.
    pub fn record(&mut self, record: &Record) {
        let Ok(parts) = record.parts() else { return };
        if parts.decision.outcome == Outcome::Left {
            self.left_recorded = self.left_recorded.saturating_add(1);
        }
        let Some(volume) = self.volume_of(&record.locator) else { return };
        if self.volume.as_ref().is_some_and(|asked| *asked != volume) {
            return;
        }
        // Nothing of the volume has the name of a file in an archive: a folder of it may be called `x.zip!`.
        let place = if parts.facts.member.is_some() { record.locator.as_str() } else { &volume };
        for name in &parts.facts.names {
            let key = key(place, name.bytes());
            let again = self.known.get_mut(&key).map(|known| known.names = known.names.saturating_add(1));
            if again.is_none() {
                let known = Known::of(&record.locator, &parts.facts, parts.object.as_ref());
                self.known.insert(key, known);
            }
        }
    }

    /// The volume of a locator, as the acquisition's walks name it.
    fn volume_of(&self, locator: &str) -> Option<String> {
        let walks = self.acquisition.walk.iter().map(|walk| &walk.volume);
        let mut own = walks
            .filter(|volume| locator.strip_prefix(volume.as_str()).is_some_and(|rest| rest.starts_with('/')));
        own.next().cloned()
    }

    /// Says that the run stopped at a limit of the policy.
    pub fn stopped_at_limit(&mut self) {
        self.stopped = true;
    }

    /// Compares an entry of the listing. All records were taken in before.
    pub fn seen(&mut self, seen: &Seen) {
        let Some(volume) = self.volume_at(seen.volume_at) else {
            return self.explain("of a volume that the ledger does not have, or that was not asked for");
        };
        // A name that is spelt like an escape is itself first.
        let met = self.meet(&volume, &seen.path, seen.link).or_else(|| {
            let plain = unescaped(&seen.path, |byte| !(0x20..0x7f).contains(&byte));
            self.meet(&volume, &plain, seen.link).filter(|_| seen.escapes)
        });
        match seen.class {
            Class::Virtual => return self.explain("made up by the other tool ($OrphanFiles, $MBR, $FAT1)"),
            Class::Deleted => {
                return self.explain("deleted entries, which the ledger has by what is left of their names");
            }
            Class::Attribute => {
                // The item itself may be listed by its attributes alone, as $Extend/$ObjId is.
                let base = seen.path.iter().rposition(|byte| *byte == b':').unwrap_or(seen.path.len());
                for end in [seen.path.len(), base] {
                    let key = key(&volume, seen.path.get(..end).unwrap_or_default());
                    if let Some(known) = self.known.get_mut(&key) {
                        known.met = true;
                    }
                }
                return self.explain("attributes of NTFS that the other tool lists like files");
            }
            Class::Ordinary => {}
        }
        let Some(known) = met.and_then(|key| self.known.get_mut(&key)) else {
            return self.only_seen(seen);
        };
        known.met = true;
        self.lists.insert(known.kind);
        let differ = known.differences(seen);
        let (item, digests) = (known.locator.to_string(), known.digests(seen));
        match digests {
            Digests::None => {}
            Digests::Compared => {
                self.result.digests_compared = self.result.digests_compared.saturating_add(1);
            }
            Digests::Uncompared(why) => {
                self.result.digests_uncompared = self.result.digests_uncompared.saturating_add(1);
                self.explain(why);
            }
        }
        if differ.is_empty() {
            self.result.agreed = self.result.agreed.saturating_add(1);
            return;
        }
        let detail = format!("another tool's listing differs from the ledger: {}", differ.join("; "));
        self.raise(FindingKind::Fact, item, detail);
    }

    /// The name in the ledger that a path means.
    fn meet(&self, volume: &str, path: &[u8], link: bool) -> Option<Key> {
        // A link's name ends at one of the arrows; which, only the other side knows.
        let ends = path.windows(ARROW.len()).enumerate();
        let ends = ends.filter(|(_, part)| link && *part == ARROW).map(|(at, _)| at);
        std::iter::once(path.len()).chain(ends).take(MAX_ARROWS).find_map(|end| {
            let key = key(volume, path.get(..end)?);
            self.known.contains_key(&key).then_some(key)
        })
    }

    /// The volume that begins there.
    fn volume_at(&self, offset: Option<u64>) -> Option<String> {
        let Some(offset) = offset else { return self.volume.clone() };
        let layer = self.acquisition.layers.iter().find(|layer| {
            let on_medium = !layer.place.contains('/')
                && (layer.place.starts_with("gpt:") || layer.place.starts_with("mbr:"));
            on_medium && layer.start == Some(offset)
        });
        let place = match layer {
            Some(layer) => format!("{}/", layer.place),
            None if offset == 0 => String::new(),
            None => return None,
        };
        let is_asked = |volume: &&String| self.volume.as_ref().is_none_or(|asked| asked == *volume);
        let walks = self.acquisition.walk.iter().map(|walk| &walk.volume).filter(is_asked);
        let mut there = walks.filter(|volume| {
            volume.strip_prefix(place.as_str()).is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
        });
        there.next().cloned()
    }

    fn only_seen(&mut self, seen: &Seen) {
        let name = RawName(seen.path.clone());
        // As a stream: the file of that name is known, or would be.
        if seen.path.contains(&b':') && !self.policy.target().streams {
            return self.explain("named streams, which the policy does not have read");
        }
        let cases = [scope::facts::CaseRule::Sensitive, scope::facts::CaseRule::Insensitive];
        let slashes = seen.path.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/');
        let mut folders =
            slashes.filter_map(|(at, _)| seen.path.get(..at)).map(|folder| RawName(folder.to_vec()));
        if folders.any(|folder| cases.iter().any(|case| self.policy.is_closed(&folder, *case))) {
            return self.explain("below a folder that the policy closes");
        }
        if seen.path == BAD_CLUSTERS {
            return self.explain("$BadClus:$Bad, the volume's own map of bad clusters, which is no item");
        }
        if self.unrecorded() > self.result.explained.get(UNRECORDED).copied().unwrap_or(0) {
            return self.explain(UNRECORDED);
        }
        if self.stopped {
            return self.explain(BEYOND);
        }
        self.raise(
            FindingKind::Missing,
            name.to_string(),
            "another tool lists it, the ledger has it not".to_owned(),
        );
    }

    /// Lines `left` without a record.
    fn unrecorded(&self) -> u64 {
        let left = self.acquisition.inventory.counts.get(&Outcome::Left).copied().unwrap_or(0);
        left.saturating_sub(self.left_recorded)
    }

    /// After the whole listing: also what the ledger has and the listing has not.
    #[must_use]
    pub fn finish(mut self) -> Compared {
        let mut unmet: Vec<Known> =
            std::mem::take(&mut self.known).into_values().filter(|known| !known.met).collect();
        unmet.sort_unstable_by(|a, b| a.locator.cmp(&b.locator));
        for known in unmet {
            match known.kind {
                Kind::Deleted | Kind::Recovered | Kind::Unallocated | Kind::Slack | Kind::Volume => {
                    self.explain("in the ledger alone: deleted entries, space and slack");
                }
                _ if known.root => self.explain("in the ledger alone: the root of the volume"),
                Kind::Member => self.explain("in the ledger alone: files in archives"),
                Kind::Stream if !self.lists.contains(&Kind::Stream) => {
                    self.explain("in the ledger alone: named streams, of which the other tool lists none");
                }
                Kind::Directory if !self.lists.contains(&Kind::Directory) => {
                    self.explain("in the ledger alone: folders, of which the other tool lists none");
                }
                Kind::Symlink if !self.lists.contains(&Kind::Symlink) => {
                    self.explain("in the ledger alone: symbolic links, of which the other tool lists none");
                }
                _ => {
                    let detail = "in the ledger, not in the other tool's listing".to_owned();
                    self.raise(FindingKind::Extra, known.locator.to_string(), detail);
                }
            }
        }
        self.result
    }

    fn explain(&mut self, why: &'static str) {
        let count = self.result.explained.entry(why).or_default();
        *count = count.saturating_add(1);
    }

    fn raise(&mut self, kind: FindingKind, item: String, detail: String) {
        self.result.findings.push(Finding { kind, item, rule: String::new(), detail });
    }
}

/// On NTFS, a stream as long as the volume, with nothing in it but where the volume has bad clusters.
const BAD_CLUSTERS: &[u8] = b"/$BadClus:$Bad";

const BEYOND: &str = "not in the ledger, whose run stopped at the policy's limit: whether they lie beyond it a listing cannot say, only the \
                      original can (--against)";

const UNRECORDED: &str = "as many as were left without a record: which they are, nobody can say";

/// What of an entry's digests could be compared.
enum Digests {
    /// The listing has none.
    None,
    /// At least one.
    Compared,
    /// None, and why.
    Uncompared(&'static str),
}

const NOT_TAKEN: &str = "with a digest that was not compared: the ledger has no content of the item";
const PARTIAL: &str =
    "with a digest that was not compared: the medium did not give all of the item's content";
const ALIKE: &str = "with a digest that was not compared: several names of the ledger are written alike";
const OTHER_KIND: &str = "with a digest that was not compared: the ledger's is of another kind";

impl Known {
    fn of(locator: &str, facts: &Facts, object: Option<&ObjectValue>) -> Self {
        let hash = facts.content_hash();
        let whole = object.filter(|object| object.read == ReadState::Complete);
        let size = facts.size.or(whole.map(|object| object.size));
        Self {
            locator: locator.into(),
            kind: facts.kind,
            size: size.filter(|_| matches!(facts.kind, Kind::File | Kind::Stream)),
            sha256: hash.map(|hash| hash.sha256).or(whole.map(|object| object.sha256)),
            without: if object.is_some() && whole.is_none() { PARTIAL } else { NOT_TAKEN },
            md5: hash.and_then(|hash| hash.md5.clone()),
            sha1: hash.and_then(|hash| hash.sha1.clone()),
            names: 1,
            root: facts.names.iter().any(|name| name.bytes() == b"/"),
            met: false,
        }
    }

    /// Whether the content of an entry could be compared by a digest.
    fn digests(&self, seen: &Seen) -> Digests {
        let sides = [
            (seen.md5.is_some(), self.md5.is_some()),
            (seen.sha1.is_some(), self.sha1.is_some()),
            (seen.sha256.is_some(), self.sha256.is_some()),
        ];
        if !sides.iter().any(|(seen, _)| *seen) {
            Digests::None
        } else if self.names > 1 {
            Digests::Uncompared(ALIKE)
        } else if sides.contains(&(true, true)) {
            Digests::Compared
        } else if sides.iter().any(|(_, known)| *known) {
            Digests::Uncompared(OTHER_KIND)
        } else {
            Digests::Uncompared(self.without)
        }
    }

    /// What differs, each with both values.
    fn differences(&self, seen: &Seen) -> Vec<String> {
        if self.names > 1 {
            return Vec::new(); // names that are written alike: which of them is meant, nobody can say
        }
        let size = |size: Option<u64>| size.map(|size| size.to_string());
        let sha256 = self.sha256.map(|digest| digest.hex());
        let both = [
            ("size", &size(self.size), &size(seen.size)),
            ("md5", &self.md5, &seen.md5),
            ("sha1", &self.sha1, &seen.sha1),
            ("sha256", &sha256, &seen.sha256),
        ];
        both.into_iter()
            .filter_map(|(what, ledger, listing)| {
                let (ledger, listing) = (ledger.as_ref()?, listing.as_ref()?);
                (ledger != listing)
                    .then(|| format!("{what} {ledger} in the ledger, {listing} in the listing"))
            })
            .collect()
    }
}

/// Between a link's name and its target.
const ARROW: &[u8] = b" -> ";

/// Most arrows in a link's line that are tried: a name with more is one that nobody meets by chance.
const MAX_ARROWS: usize = 16;

fn key(volume: &str, path: &[u8]) -> Key {
    let mut text = volume.as_bytes().to_vec();
    text.push(0);
    text.extend(path.iter().map(|byte| if *byte < 0x20 || *byte == 0x7f { b'^' } else { *byte }));
    let digest = Digest::of(&text).0;
    std::array::from_fn(|at| digest.get(at).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests;
