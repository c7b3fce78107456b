//! What was preserved whole, against what is read: the order may exclude what the files of a file system are.
//!
//! ```text
//! gpt:1   read     bytes 1,048,576 to 5,242,880 of the disk
//! gpt:2   unread   bytes 4,194,304 to 9,437,184: preserved whole it would hold a part of gpt:1
//! ```

use std::collections::BTreeMap;

use super::finding::{Finding, FindingKind, shown};
use super::walked::outer;
use crate::acquisition::{Acquisition, Extent, LayerState, LayerStatement};

/// In a package of volumes, no place that is preserved shares bytes with a place of which files are read; but for what is
/// said to lie within the latter, or at the same place.
pub(super) fn shared(acquisition: &Acquisition) -> Vec<Finding> {
    if acquisition.extent == Extent::Files {
        return Vec::new();
    }
    let mut holders: BTreeMap<&str, &LayerStatement> = BTreeMap::new();
    for layer in acquisition.layers.iter().filter(|layer| layer.state != LayerState::Gap) {
        holders.entry(&layer.place).or_insert(layer);
    }
    let on_disk = |layer: &&LayerStatement| layer.length > 0;
    let placed = |layer| Some((layer, place_on_disk(layer, &holders)?));
    let read = acquisition.layers.iter().filter(on_disk).filter(|layer| layer.state == LayerState::Read);
    let read: Vec<(&LayerStatement, Stretch<'_>)> = read.filter_map(placed).collect();
    let kept = acquisition.layers.iter().filter(on_disk).filter(|layer| layer.is_unread_volume());
    let mut findings = Vec::new();
    for (kept, own) in kept.filter_map(placed) {
        let other = read.iter().find(|(read, stretch)| {
            let within = read.place.is_empty()
                || kept.place.strip_prefix(&*read.place).is_some_and(|rest| rest.starts_with('/'));
            kept.place != read.place && !within && own.meets(stretch)
        });
        if let Some((read, _)) = other {
            let detail = format!(
                "{} is preserved whole, and shares bytes with {}, of which files are read",
                shown(&kept.place),
                shown(&read.place)
            );
            let rule = "target.unread_volumes".to_owned();
            findings.push(Finding { kind: FindingKind::Extra, item: String::new(), rule, detail });
        }
    }
    findings
}

/// Bytes of a whole disk, or of a volume that is put together.
struct Stretch<'a> {
    of: &'a str,
    start: u64,
    end: u64,
}

impl Stretch<'_> {
    fn meets(&self, other: &Self) -> bool {
        self.of == other.of && self.start < other.end && other.start < self.end
    }
}

/// Where a layer begins and ends on the disk or the volume that holds all of what holds it; `None` where that is not stated.
fn place_on_disk<'a>(
    layer: &'a LayerStatement,
    holders: &BTreeMap<&str, &'a LayerStatement>,
) -> Option<Stretch<'a>> {
    let (mut at, mut start) = (layer, 0_u64);
    // Places get shorter: no circle is possible.
    while let Some(holder) = outer(at) {
        start = start.checked_add(at.start?)?;
        at = holders.get(holder).filter(|holder| holder.place.len() < at.place.len())?;
    }
    Some(Stretch { of: &at.place, start, end: start.checked_add(layer.length)? })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, POLICY, told};
    use super::*;

    #[test]
    fn what_is_preserved_shares_nothing_with_what_is_read() {
        let at = |place: &str, start: Option<u64>, length: u64, state| LayerStatement {
            place: place.to_owned(),
            start,
            length,
            what: "x".to_owned(),
            state,
        };
        let case = Case::under(POLICY);
        let check = |extent, layers: &[LayerStatement], expected: &[&str]| {
            let mut acquisition = case.clone().seal().acquisition;
            (acquisition.extent, acquisition.layers) = (extent, layers.to_vec());
            let found: Vec<String> = shared(&acquisition).iter().map(told).collect();
            assert_eq!(found, expected, "{layers:?}");
        };
        let disk = at("", Some(0), 100, LayerState::Divided);
        let first = at("gpt:1", Some(10), 40, LayerState::Read);
        let beside = at("gpt:2", Some(50), 10, LayerState::Unread);
        let rest = at("gpt:1/rest:30", Some(30), 10, LayerState::Unread);
        check(Extent::Volumes, &[disk.clone(), first.clone(), beside.clone(), rest.clone()], &[]);
        let across = at("gpt:2", Some(49), 10, LayerState::Unknown);
        let said = "extra : gpt:2 is preserved whole, and shares bytes with gpt:1, of which files are read";
        check(Extent::Volumes, &[disk.clone(), first.clone(), across.clone()], &[said]);
        check(Extent::Files, &[disk.clone(), first.clone(), across.clone()], &[]);
        // In partitions of partitions, and on other disks.
        let (outer, inner) = (
            at("gpt:3", Some(40), 30, LayerState::Divided),
            at("gpt:3/mbr:1", Some(5), 9, LayerState::Unread),
        );
        let said =
            "extra : gpt:3/mbr:1 is preserved whole, and shares bytes with gpt:1, of which files are read";
        check(Extent::Volumes, &[disk.clone(), first.clone(), outer, inner], &[said]);
        let second = [
            at("disk:2", None, 100, LayerState::Divided),
            at("disk:2/gpt:1", Some(10), 40, LayerState::Blank),
        ];
        check(Extent::Volumes, &[&[disk.clone(), first.clone()][..], &second].concat(), &[]);
        let array =
            [at("md:a", None, 90, LayerState::Divided), at("md:a/mbr:1", Some(1), 9, LayerState::Unread)];
        check(Extent::Volumes, &[&[disk, first][..], &array].concat(), &[]);
    }
}
