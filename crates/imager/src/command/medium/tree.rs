//! Layers in the order in which they lie in and on each other.
//!
//! ```text
//! disk:1
//!   disk:1/mbr:1       a member
//! disk:2
//!   disk:2/mbr:1       a member
//!     md:5f1c2d3e-...  what both make up, a physical volume
//!       lvm:...        a volume on it
//! ```

use std::collections::BTreeMap;

use source::{Layer, LayerState};

/// Every layer once, with how deep it lies; what lies on the medium itself is at depth 0. What holds a layer stands before it;
/// what is made of several stands below the last of them. Beside each other they lie by their first bytes.
pub(super) fn rows(layers: &[Layer]) -> Vec<(usize, &Layer)> {
    // At one place there may be two: a member of something, and the file system that it holds.
    let mut at: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, layer) in layers.iter().enumerate().filter(|(_, layer)| layer.state != LayerState::Gap) {
        at.entry(layer.place.as_str()).or_insert(index);
    }
    let mut below: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
    for (index, layer) in layers.iter().enumerate() {
        let first = at.get(layer.place.as_str()).copied().filter(|first| *first != index);
        let holder = first.or_else(|| holder(layer, &at));
        below.entry(holder.filter(|holder| *holder != index)).or_default().push(index);
    }
    for all in below.values_mut() {
        all.sort_by_key(|index| layers.get(*index).and_then(|layer| layer.start));
    }
    let mut rows = Vec::new();
    let mut told = vec![false; layers.len()];
    let mut next: Vec<(usize, usize)> = Vec::new();
    // Those that are in no tree, as two that would hold each other, come last.
    let roots = below.get(&None).into_iter().flatten().copied().chain(0..layers.len());
    for root in roots {
        next.push((0, root));
        while let Some((depth, index)) = next.pop() {
            let (Some(layer), Some(told)) = (layers.get(index), told.get_mut(index)) else { continue };
            if std::mem::replace(told, true) {
                continue;
            }
            rows.push((depth, layer));
            // What is on the medium itself is not set in: most media are one disk.
            let deeper = if layer.place.is_empty() { depth } else { depth.saturating_add(1) };
            for child in below.get(&Some(index)).into_iter().flatten().rev() {
                let beside = layers
                    .get(*child)
                    .is_some_and(|child| child.place == layer.place && child.state != LayerState::Gap);
                next.push((if beside { depth } else { deeper }, *child));
            }
        }
    }
    rows
}

/// The layer that a layer lies in, or the last of those that it is made of.
fn holder(layer: &Layer, at: &BTreeMap<&str, usize>) -> Option<usize> {
    if let Some(last) = layer.members.iter().filter_map(|member| at.get(member.as_str())).max() {
        return Some(*last);
    }
    let mut place = layer.place.as_str();
    loop {
        place = place.rsplit_once('/').map_or("", |(outer, _)| outer);
        match at.get(place) {
            Some(index) => return Some(*index),
            None if place.is_empty() => return None,
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(place: &str, start: Option<u64>, members: &[&str], state: LayerState) -> Layer {
        Layer {
            place: place.to_owned(),
            start,
            length: 1,
            stated: String::new(),
            what: "x".to_owned(),
            members: members.iter().map(|member| (*member).to_owned()).collect(),
            state,
        }
    }

    fn shown(layers: &[Layer]) -> Vec<String> {
        let row = |(depth, layer): (usize, &Layer)| {
            let gap = if layer.state == LayerState::Gap { " gap" } else { "" };
            format!("{}{}{gap}", "-".repeat(depth), layer.place)
        };
        rows(layers).into_iter().map(row).collect()
    }

    #[test]
    fn what_holds_something_stands_before_it() {
        let divided = || LayerState::Divided;
        let all = [
            layer("disk:1", Some(0), &[], divided()),
            layer("disk:2", Some(0), &[], divided()),
            layer("disk:1/mbr:2", Some(900), &[], LayerState::Blank),
            layer("disk:1/mbr:1", Some(100), &[], divided()),
            layer("disk:1", Some(0), &[], LayerState::Gap),
            layer("disk:2/mbr:1", Some(100), &[], divided()),
            layer("lvm:a:b", None, &["md:c"], LayerState::Read("ext4".into())),
            layer("md:c", None, &["disk:1/mbr:1", "disk:2/mbr:1"], divided()),
            layer("md:c", None, &["disk:1/mbr:1", "disk:2/mbr:1"], LayerState::Unknown),
            layer("md:c/free:5", Some(5), &[], LayerState::Unknown),
        ];
        assert_eq!(
            shown(&all),
            [
                "disk:1",
                "-disk:1 gap",
                "-disk:1/mbr:1",
                "-disk:1/mbr:2",
                "disk:2",
                "-disk:2/mbr:1",
                "--md:c",
                "---lvm:a:b",
                "--md:c",
                "---md:c/free:5",
            ]
        );
    }

    #[test]
    fn a_disk_is_not_set_in_and_nothing_is_lost_in_a_circle() {
        let all = [
            layer("", Some(0), &[], LayerState::Divided),
            layer("gpt:2", Some(900), &[], LayerState::Blank),
            layer("gpt:1", Some(100), &[], LayerState::Divided),
            layer("gpt:1/rest:7", Some(7), &[], LayerState::Unknown),
            layer("", Some(0), &[], LayerState::Gap),
            layer("md:a", None, &["md:b"], LayerState::Divided),
            layer("md:b", None, &["md:a"], LayerState::Divided),
        ];
        assert_eq!(shown(&all), ["", " gap", "gpt:1", "-gpt:1/rest:7", "gpt:2", "md:a", "-md:b"]);
    }
}
