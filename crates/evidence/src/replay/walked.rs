//! What the acquisition states that was walked, against the order and the records.
//!
//! ```text
//! walk     gpt:2/ext:5b43...          the order covers its file system, and locators begin with it
//! layers   gpt:3  unread, 1 GiB       in a package of volumes: ranges of it, without a gap
//! ```

use std::collections::{BTreeMap, BTreeSet};

use scope::Policy;
use scope::facts::{Facts, Kind};

use super::finding::{Finding, FindingKind, shown};
use crate::acquisition::{Acquisition, Extent, LayerState, LayerStatement, MediumId};

/// What the records are compared with.
#[derive(Debug, Default)]
pub(super) struct Walked {
    volumes: BTreeSet<String>,
}

/// A range of a volume: its place, its first byte, and the byte after its last.
pub(super) type Range = (String, u64, u64);

/// First byte and the byte after the last of what the records cover, by place.
#[derive(Debug, Default)]
pub(super) struct Ranges(BTreeMap<String, Vec<(u64, u64)>>);

impl Walked {
    pub(super) fn new(acquisition: &Acquisition) -> Self {
        Self { volumes: acquisition.walk.iter().map(|walk| walk.volume.clone()).collect() }
    }

    /// An item is on a volume that was walked; a range of a volume is where its locator says. Gives such a range.
    pub(super) fn item(&self, item: &str, locator: &str, facts: &Facts) -> Result<Option<Range>, Finding> {
        let mut volumes = locator.match_indices('/').filter_map(|(at, _)| locator.get(..at));
        if !volumes.any(|volume| self.volumes.contains(volume)) {
            let detail = "an item on a volume that is not among those walked".to_owned();
            return Err(Finding { item: item.to_owned(), ..about(FindingKind::Extra, "", detail) });
        }
        if facts.kind != Kind::Volume {
            return Ok(None);
        }
        match range(locator).filter(|(_, start, end)| facts.size == end.checked_sub(*start)) {
            Some((place, start, end)) => Ok(Some((place.to_owned(), start, end))),
            None => {
                let detail = "a range of a volume whose size is not that of its locator".to_owned();
                Err(Finding { item: item.to_owned(), ..about(FindingKind::Fact, "", detail) })
            }
        }
    }
}

impl Ranges {
    pub(super) fn add(&mut self, (place, start, end): Range) {
        self.0.entry(place).or_default().push((start, end));
    }

    /// In a package of volumes, each unread volume is there from its first byte to its last, once.
    /// Where the medium is known by file systems alone (`by_file_system`), that holds of those that were taken.
    pub(super) fn finish(mut self, acquisition: &Acquisition, by_file_system: bool) -> Vec<Finding> {
        if acquisition.extent == Extent::Files {
            return Vec::new();
        }
        let (mut findings, mut met) = (Vec::new(), BTreeSet::new());
        for layer in acquisition.layers.iter().filter(|layer| layer.is_unread_volume()) {
            let place = if layer.place.is_empty() { MEDIUM } else { &layer.place };
            // Two marks at one place are two layers of the same bytes.
            let again = !met.insert(place);
            let Some(mut ranges) = self.0.remove(place) else {
                let taken = acquisition.walk.iter().any(|walk| walk.volume == place);
                if !again && (taken || !by_file_system) {
                    let detail = format!("nothing of {} was preserved", shown(place));
                    findings.push((place.to_owned(), about(FindingKind::Missing, UNREAD, detail)));
                }
                continue;
            };
            ranges.sort_unstable();
            let mut at = 0;
            for (start, end) in ranges {
                if start != at {
                    let detail = format!(
                        "of {} the bytes {at} to {start} are there twice, or not at all",
                        shown(place)
                    );
                    findings.push((place.to_owned(), about(FindingKind::Missing, UNREAD, detail)));
                }
                at = end;
            }
            if at != layer.length {
                let detail = format!("{} has {} bytes, the records cover {at}", shown(place), layer.length);
                findings.push((place.to_owned(), about(FindingKind::Missing, UNREAD, detail)));
            }
        }
        for place in self.0.keys() {
            let detail = format!("ranges of {}, of which no layer says that it is unread", shown(place));
            findings.push((place.clone(), about(FindingKind::Extra, UNREAD, detail)));
        }
        findings.into_iter().map(|(_, finding)| finding).collect()
    }
}

/// Where the medium is known by file systems alone, nothing else was walked.
pub(super) fn beyond_order(policy: &Policy, acquisition: &Acquisition) -> Vec<Finding> {
    let Some(named) = acquisition.file_systems(policy.target()) else { return Vec::new() };
    let is_named = |id: &&MediumId| id.kind == "fsuuid" && named.contains(&id.value.as_str());
    let mut shown_by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut findings = Vec::new();
    for walk in &acquisition.walk {
        let ids: BTreeSet<&str> = walk.ids.iter().filter(is_named).map(|id| id.value.as_str()).collect();
        if ids.is_empty() {
            let detail = format!(
                "{} was walked, and the medium is known by other file systems alone",
                shown(&walk.volume)
            );
            findings.push(about(FindingKind::Look, MEDIA, detail));
        }
        for id in ids {
            shown_by.entry(id).or_default().push(&walk.volume);
        }
    }
    for (id, volumes) in shown_by.into_iter().filter(|(_, volumes)| volumes.len() > 1) {
        let volumes = volumes.into_iter().map(shown).collect::<Vec<String>>().join(", ");
        let detail = format!(
            "the medium is known by the file system {} alone, and several have that identity: {volumes}",
            shown(id)
        );
        findings.push(about(FindingKind::Look, MEDIA, detail));
    }
    findings
}

/// What is stated of layers holds together: each lies inside what holds it, and each walk is of one.
pub(super) fn unfounded(acquisition: &Acquisition) -> Vec<Finding> {
    let layers = &acquisition.layers;
    if layers.is_empty() {
        return Vec::new(); // a mounted tree
    }
    // Two layers can have one place: a member that also holds a file system. Gaps have the place of what they are in.
    let mut lengths: BTreeMap<&str, u64> = BTreeMap::new();
    for layer in layers.iter().filter(|layer| layer.state != LayerState::Gap) {
        let length = lengths.entry(&layer.place).or_default();
        *length = layer.length.max(*length);
    }
    let mut findings = Vec::new();
    for layer in layers {
        let holder = match outer(layer) {
            Some(outer) => lengths.get(outer).copied(),
            None if layer.start.is_none() => continue, // put together from several places
            None => Some(acquisition.medium.size.unwrap_or(u64::MAX)),
        };
        let place = if layer.place.is_empty() { "the medium itself".to_owned() } else { shown(&layer.place) };
        let (start, length) = (layer.start.unwrap_or(0), layer.length);
        match holder {
            None => findings.push(about(FindingKind::Fact, LAYERS, format!("no layer holds {place}"))),
            Some(holder) if length > 0 && start.checked_add(length).is_none_or(|end| end > holder) => {
                let detail =
                    format!("{place} has {length} bytes from byte {start}, and what holds it has {holder}");
                findings.push(about(FindingKind::Fact, LAYERS, detail));
            }
            Some(_) => {}
        }
    }
    for walk in &acquisition.walk {
        let is_there = match acquisition.extent {
            Extent::Files => {
                let place = walk.volume.rsplit_once('/').map_or("", |(place, _)| place);
                layers.iter().any(|layer| layer.place == place && layer.state == LayerState::Read)
            }
            Extent::Volumes => {
                let place = if walk.volume == MEDIUM { "" } else { &walk.volume };
                layers.iter().any(|layer| layer.place == place && layer.is_unread_volume())
            }
        };
        if !is_there {
            let detail = format!("{} was walked, and no layer says that it is there", shown(&walk.volume));
            findings.push(about(FindingKind::Extra, LAYERS, detail));
        }
    }
    findings
}

/// The place of what holds a layer; `None` for a whole disk, and for what is put together from several places.
pub(super) fn outer(layer: &LayerStatement) -> Option<&str> {
    if layer.state == LayerState::Gap {
        return Some(&layer.place);
    }
    let is_whole = layer.place.is_empty() || WHOLE.iter().any(|begins| layer.place.starts_with(begins));
    match layer.place.rsplit_once('/') {
        Some((outer, _)) => Some(outer),
        None if is_whole => None,
        None => Some(""),
    }
}

/// The place, the first byte and the byte after the last of `gpt:3/bytes:0-1073741824`.
fn range(locator: &str) -> Option<(&str, u64, u64)> {
    let (place, range) = locator.rsplit_once("/bytes:")?;
    let (start, end) = range.split_once('-')?;
    Some((place, start.parse().ok()?, end.parse().ok()?))
}

fn about(kind: FindingKind, rule: &str, detail: String) -> Finding {
    Finding { kind, item: String::new(), rule: rule.to_owned(), detail }
}

/// What locators call a volume that is the whole medium.
const MEDIUM: &str = "medium";
const UNREAD: &str = "target.unread_volumes";
const MEDIA: &str = "target.media";
const LAYERS: &str = "layers";
/// What the places of drives of a set, of arrays and of logical volumes begin with.
const WHOLE: [&str; 3] = ["disk:", "md:", "lvm:"];

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, POLICY, told};
    use super::*;
    use crate::acquisition::{WalkStatement, Wanting};

    fn layer(place: &str, length: u64, state: LayerState) -> LayerStatement {
        LayerStatement { place: place.to_owned(), start: Some(0), length, what: "x".to_owned(), state }
    }

    fn walk(volume: &str, fsuuid: &str) -> WalkStatement {
        let ids = vec![MediumId { kind: "fsuuid".to_owned(), value: fsuuid.to_owned() }];
        WalkStatement {
            volume: volume.to_owned(),
            ids,
            items: 0,
            names: 0,
            issues: 0,
            coverage: Vec::new(),
            wanting: Wanting::default(),
        }
    }

    #[test]
    fn unread_volumes_are_there_from_their_first_byte_to_their_last_once() {
        let case = Case::under(POLICY);
        let check = |layers: &[LayerStatement], ranges: &[(&str, u64)], expected: &[&str]| {
            let mut acquisition = case.clone().seal().acquisition;
            acquisition.extent = Extent::Volumes;
            acquisition.layers = layers.to_vec();
            let places = ranges.iter().filter_map(|(locator, _)| range(locator));
            acquisition.walk = places.map(|(place, ..)| walk(place, "-")).collect();
            let (walked, mut covered) = (Walked::new(&acquisition), Ranges::default());
            let mut found: Vec<String> = Vec::new();
            for (locator, size) in ranges {
                let mut case = case.clone();
                let at = case.directory("/x");
                let facts = case.items[at].facts.clone();
                let facts = Facts { kind: Kind::Volume, size: Some(*size), ..facts };
                match walked.item("item", locator, &facts) {
                    Ok(range) => range.into_iter().for_each(|range| covered.add(range)),
                    Err(finding) => found.push(told(&finding)),
                }
            }
            found.extend(covered.finish(&acquisition, false).iter().map(told));
            assert_eq!(found, expected);
        };
        let luks = layer("gpt:3", 30, LayerState::Unread);
        let all = [("gpt:3/bytes:0-10", 10), ("gpt:3/bytes:10-30", 20)];
        check(&[luks.clone(), layer("gpt:2", 9, LayerState::Read)], &all, &[]);
        check(&[luks.clone(), luks.clone()], &all, &[]);
        // A walk that is stated and gave nothing excuses nothing.
        let mut acquisition = case.clone().seal().acquisition;
        (acquisition.extent, acquisition.layers) = (Extent::Volumes, vec![luks.clone()]);
        acquisition.walk = vec![walk("gpt:3", "-")];
        let found: Vec<String> = Ranges::default().finish(&acquisition, false).iter().map(told).collect();
        assert_eq!(found, ["missing : nothing of gpt:3 was preserved"]);
        // Nor where the order covers one file system alone; that it does excuses what was not walked.
        let finish = |acquisition: &Acquisition| Ranges::default().finish(acquisition, true).len();
        assert_eq!(finish(&acquisition), 1);
        acquisition.walk.clear();
        assert_eq!(finish(&acquisition), 0);
        check(std::slice::from_ref(&luks), &[], &["missing : nothing of gpt:3 was preserved"]);
        check(&[layer("", 10, LayerState::Unknown)], &[("medium/bytes:0-10", 10)], &[]);
        check(&[layer("gpt:4", 0, LayerState::Unread), layer("gpt:5", 4, LayerState::Gap)], &[], &[]);
        check(
            std::slice::from_ref(&luks),
            &all[1..],
            &["missing : of gpt:3 the bytes 0 to 10 are there twice, or not at all"],
        );
        check(
            std::slice::from_ref(&luks),
            &all[..1],
            &["missing : gpt:3 has 30 bytes, the records cover 10"],
        );
        check(
            std::slice::from_ref(&luks),
            &[all[0], ("gpt:3/bytes:5-30", 25)],
            &["missing : of gpt:3 the bytes 10 to 5 are there twice, or not at all"],
        );
        check(&[], &all[..1], &["extra : ranges of gpt:3, of which no layer says that it is unread"]);
        check(
            &[layer("gpt:3", 10, LayerState::Blank)],
            &[("gpt:3/bytes:0-10", 11)],
            &[
                "fact item: a range of a volume whose size is not that of its locator",
                "missing : nothing of gpt:3 was preserved",
            ],
        );
    }

    #[test]
    fn an_order_that_names_a_file_system_covers_no_other() {
        let by = |ids: &str| POLICY.replace("serial = \"TEST1\"", ids);
        let shows = |policy: &str, serial: bool, walks: &[WalkStatement], expected: &[&str]| {
            let case = Case::under(policy);
            let mut acquisition = case.clone().seal().acquisition;
            let mut ids: BTreeSet<MediumId> =
                walks.iter().flat_map(|walk| walk.ids.iter().cloned()).collect();
            if serial {
                ids.insert(MediumId { kind: "serial".to_owned(), value: "TEST1".to_owned() });
            }
            acquisition.medium.ids = ids.into_iter().collect();
            acquisition.medium.form = "raw image".to_owned();
            acquisition.layers = vec![layer("gpt:1", 9, LayerState::Read)];
            acquisition.walk = walks.to_vec();
            let found: Vec<String> = beyond_order(&case.policy, &acquisition).iter().map(told).collect();
            assert_eq!(found, expected);
        };
        let check =
            |policy: &str, walks: &[WalkStatement], expected: &[&str]| shows(policy, true, walks, expected);
        let walks = [walk("gpt:1/ext4:a", "a"), walk("gpt:2/ext4:b", "b")];
        check(&by("fsuuid = \"a\""), &walks[..1], &[]);
        check(
            &by("fsuuid = \"a\""),
            &walks,
            &["look : gpt:2/ext4:b was walked, and the medium is known by other file systems alone"],
        );
        check(&by("serial = \"TEST1\", fsuuid = \"a\""), &walks, &[]);
        shows(
            &by("serial = \"TEST1\", fsuuid = \"a\""),
            false,
            &walks,
            &["look : gpt:2/ext4:b was walked, and the medium is known by other file systems alone"],
        );
        // A file system and its copy: which of the two the order means, it does not say.
        let twins = [walk("gpt:1/ext4:a", "a"), walk("gpt:2/ext4:a", "a")];
        let several = "look : the medium is known by the file system a alone, and several have that identity: \
                       gpt:1/ext4:a, gpt:2/ext4:a";
        check(&by("fsuuid = \"a\""), &twins, &[several]);
        check(&by("serial = \"TEST1\", fsuuid = \"a\""), &twins, &[]);
    }

    #[test]
    fn layers_lie_in_what_holds_them_and_walks_are_of_layers() {
        let case = Case::under(POLICY);
        let at = |place: &str, start: u64, length: u64, state| LayerStatement {
            start: Some(start),
            ..layer(place, length, state)
        };
        let check = |extent, layers: &[LayerStatement], walks: &[&str], expected: &[&str]| {
            let mut acquisition = case.clone().seal().acquisition;
            (acquisition.extent, acquisition.layers) = (extent, layers.to_vec());
            acquisition.medium.size = Some(100);
            acquisition.walk = walks.iter().map(|volume| walk(volume, "-")).collect();
            let found: Vec<String> = unfounded(&acquisition).iter().map(told).collect();
            assert_eq!(found, expected);
        };
        let disk = at("", 0, 100, LayerState::Divided);
        let (first, rest) = (at("gpt:1", 10, 50, LayerState::Read), at("", 60, 40, LayerState::Gap));
        let array = LayerStatement { start: None, ..layer("md:a", 900, LayerState::Divided) };
        let inside = at("md:a/mbr:1", 800, 100, LayerState::Unread);
        let sound = [disk.clone(), first.clone(), rest.clone(), array.clone(), inside.clone()];
        check(Extent::Files, &sound, &["gpt:1/ext4:a"], &[]);
        check(Extent::Volumes, &sound, &["md:a/mbr:1"], &[]);
        check(Extent::Files, &[at("", 0, 100, LayerState::Read)], &["ext4:a"], &[]);
        check(Extent::Volumes, &[at("", 0, 100, LayerState::Unknown)], &["medium"], &[]);
        check(Extent::Files, &[], &["ext4:a"], &[]);
        // Of a partition beyond the end of an image that was cut, nothing is there.
        check(Extent::Files, &[disk.clone(), at("gpt:2", 400, 0, LayerState::Blank)], &[], &[]);
        let beyond = "fact : gpt:1 has 50 bytes from byte 60, and what holds it has 100";
        check(Extent::Files, &[disk.clone(), at("gpt:1", 60, 50, LayerState::Read)], &[], &[beyond]);
        let beyond = "fact : the medium itself has 101 bytes from byte 0, and what holds it has 100";
        check(Extent::Files, &[at("", 0, 101, LayerState::Unknown)], &[], &[beyond]);
        let beyond = "fact : the medium itself has 40 bytes from byte 61, and what holds it has 100";
        check(Extent::Files, &[disk.clone(), at("", 61, 40, LayerState::Gap)], &[], &[beyond]);
        let beyond = "fact : md:a/mbr:1 has 100 bytes from byte 801, and what holds it has 900";
        let other = at("md:a/mbr:1", 801, 100, LayerState::Unread);
        check(Extent::Files, &[disk.clone(), array, other], &[], &[beyond]);
        check(Extent::Files, &[disk.clone(), inside], &[], &["fact : no layer holds md:a/mbr:1"]);
        check(Extent::Files, std::slice::from_ref(&first), &[], &["fact : no layer holds gpt:1"]);
        let nowhere =
            |volume: &str| format!("extra : {volume} was walked, and no layer says that it is there");
        check(Extent::Files, &sound, &["gpt:2/ext4:a"], &[&nowhere("gpt:2/ext4:a")]);
        check(Extent::Files, &sound, &["md:a/mbr:1/ext4:a"], &[&nowhere("md:a/mbr:1/ext4:a")]);
        check(Extent::Volumes, &sound, &["gpt:1"], &[&nowhere("gpt:1")]);
    }
}
