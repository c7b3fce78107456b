//! Where a medium gave nothing, over all processes of a run.
//!
//! What a drive did not give is known to the process that asked. A run that is
//! broken off and resumed has several, so each batch's line in the journal has
//! the places that were met by then.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Places `[from, to)` of each drive, ascending, none touching the next.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct BadPlaces {
    /// By drive: at most [`MAX_KEPT`] of all of them.
    drives: Vec<Vec<(u64, u64)>>,
    /// How many an earlier process met beyond those.
    more: u64,
}

impl BadPlaces {
    /// These, and what this process met.
    #[must_use]
    pub(crate) fn and(&self, met: &[Vec<Range<u64>>]) -> Self {
        let count = self.drives.len().max(met.len());
        let of = |at: usize| {
            let before = self.drives.get(at).into_iter().flatten().map(|(from, to)| *from..*to);
            let all = source::merged(before.chain(met.get(at).into_iter().flatten().cloned()).collect());
            all.into_iter().map(|range| (range.start, range.end)).collect()
        };
        Self { drives: (0..count).map(of).collect(), more: self.more }
    }

    /// What of it a journal keeps, so that a drive with a hundred thousand bad places does not fill it with them.
    #[must_use]
    pub(crate) fn for_journal(mut self) -> Self {
        let mut room = MAX_KEPT;
        for drive in &mut self.drives {
            let beyond = drive.len().saturating_sub(room);
            drive.truncate(room);
            room = room.saturating_sub(drive.len());
            self.more = self.more.saturating_add(u64::try_from(beyond).unwrap_or(u64::MAX));
        }
        self
    }

    /// By drive.
    #[must_use]
    pub(crate) fn drives(&self) -> Vec<Vec<Range<u64>>> {
        let ranges = |drive: &Vec<(u64, u64)>| drive.iter().map(|(from, to)| *from..*to).collect();
        self.drives.iter().map(ranges).collect()
    }

    /// What is not known of them any more, as a limit.
    #[must_use]
    pub(crate) fn forgotten(&self) -> Option<String> {
        let more = self.more;
        (more > 0).then(|| {
            format!(
                "before the acquisition was broken off, up to {more} more ranges of the medium could not be read than \
                 the {MAX_KEPT} of which a journal keeps the places; each item of which they are a part says so"
            )
        })
    }
}

/// Most places that a journal keeps with each batch: as many as an event on the log spells out.
const MAX_KEPT: usize = evidence::event::MediumUnreadable::MAX_FIRST;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_processes_met_is_told_once() {
        let one = |from: u64, to: u64| std::iter::once(from..to).collect::<Vec<_>>();
        let before = BadPlaces::default().and(&[vec![0..512, 4_096..4_608], vec![]]);
        let kept: BadPlaces =
            serde_json::from_str(&serde_json::to_string(&before.for_journal()).unwrap()).unwrap();
        let both = kept.and(&[one(512, 1_024), one(7, 8), one(1, 2)]);
        assert_eq!(both.drives(), [vec![0..1_024, 4_096..4_608], one(7, 8), one(1, 2)]);
        assert_eq!(both.forgotten(), None);
    }

    #[test]
    fn a_journal_keeps_so_many_places_and_counts_the_others() {
        let range = |n: u64| n * 10..n * 10 + 1;
        let all = BadPlaces::default().and(&[(0..900).map(range).collect(), (0..200).map(range).collect()]);
        let kept = all.clone().for_journal();
        assert_eq!(kept.drives().iter().map(Vec::len).collect::<Vec<_>>(), [900, 100]);
        assert!(kept.forgotten().unwrap().contains("up to 100 more ranges"), "{:?}", kept.forgotten());
        assert_eq!(all.forgotten(), None, "as long as a process knows all of them, nothing is forgotten");
    }
}
