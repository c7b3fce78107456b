//! The medium itself against what the acquisition states of it: size, identities, layers.

use std::collections::BTreeSet;

use super::Reexamination;
use crate::acquisition::{LayerStatement, MediumStatement};
use crate::replay::finding::{Finding, FindingKind, shown};

/// The kind of identity that any changed byte changes.
const IMAGE_SHA256: &str = "image_sha256";

/// As [`IMAGE_SHA256`], of each drive of a set.
const DRIVE_SHA256: &str = "drive_sha256";

impl Reexamination {
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
}

/// A layer, as a finding names it.
fn told(layer: &LayerStatement) -> String {
    let (place, what, state) = (shown(&layer.place), shown(&layer.what), layer.state);
    let place = if place.is_empty() { "the medium".to_owned() } else { place };
    let start = layer.start.map_or_else(|| "several places".to_owned(), |start| start.to_string());
    format!("{place}: {what} ({state}), {} bytes at {start}", layer.length)
}
