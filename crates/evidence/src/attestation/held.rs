//! `statement holder.verdict`: a set, checked by somebody who can open it, and a verdict for each control number.
//!
//! ```text
//! set held:neutral
//! checked yes
//! verdict ok KC07-H1-0000001 KC07-H1-0000007
//! verdict partial KC07-H1-0000008 KC07-H1-0000008
//! ```
//!
//! Nothing of a name or of content stands in it.

use super::Part;
use crate::acquisition::SetName;
use crate::item::Control;

/// What a holder found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SetVerdict {
    /// The set.
    pub set: SetName,
    /// Its parts, in order.
    pub parts: Vec<Part>,
    /// Why the check fails, in words that name nothing of the medium; none where rows, objects and inventory lines are one to one.
    pub problem: Option<String>,
    /// Items with content.
    pub objects: u64,
    /// Bytes of content, without those that could not be read.
    pub bytes: u64,
    /// A verdict for each control number, in runs; none where the check fails.
    pub verdicts: Vec<Run>,
}

/// Consecutive control numbers of one verdict.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Run {
    /// What is said of each.
    pub verdict: ItemVerdict,
    /// The first.
    pub first: Control,
    /// The last.
    pub last: Control,
}

/// What is said of one item.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum ItemVerdict {
    /// Its object is there, with the recorded digest.
    Ok,
    /// The same, and the medium did not give every byte of it.
    Partial,
    /// The same, and not one byte of it could be read: its object is zeros.
    Unread,
    /// It is kept, of a kind without content.
    NoContent,
    /// It is named, and was not taken.
    Listed,
}

impl ItemVerdict {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Ok, Self::Partial, Self::Unread, Self::NoContent, Self::Listed];

    /// The word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Partial => "partial",
            Self::Unread => "unread",
            Self::NoContent => "no-content",
            Self::Listed => "listed",
        }
    }
}

impl SetVerdict {
    /// How many control numbers have one of these verdicts.
    #[must_use]
    pub fn numbers(&self, of: &[ItemVerdict]) -> u64 {
        let runs = self.verdicts.iter().filter(|run| of.contains(&run.verdict));
        runs.fold(0, |sum, run| {
            let length = run.last.number().saturating_sub(run.first.number()).saturating_add(1);
            sum.saturating_add(length)
        })
    }

    /// Whether the numbers contradict each other: an object for each verdict on one, and none where the check fails.
    pub(super) fn contradiction(&self) -> Option<&'static str> {
        let with_content = self.numbers(&[ItemVerdict::Ok, ItemVerdict::Partial, ItemVerdict::Unread]);
        match self.problem.is_some() {
            true if self.objects > 0 || self.bytes > 0 || !self.verdicts.is_empty() => {
                Some("verdicts on a set whose check fails")
            }
            false if with_content != self.objects => Some("`objects` is not the number of those verdicts"),
            _ => None,
        }
    }
}

/// Verdicts by control number as runs, sorted.
#[must_use]
pub fn runs(mut verdicts: Vec<(Control, ItemVerdict)>) -> Vec<Run> {
    verdicts.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut runs: Vec<Run> = Vec::new();
    for (control, verdict) in verdicts {
        match runs.last_mut() {
            Some(run) if run.verdict == verdict && follows(&run.last, &control) => run.last = control,
            _ => runs.push(Run { verdict, first: control.clone(), last: control }),
        }
    }
    runs
}

fn follows(last: &Control, next: &Control) -> bool {
    last.series() == next.series() && last.number().checked_add(1) == Some(next.number())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::Series;

    #[test]
    fn consecutive_numbers_of_one_verdict_are_one_run() {
        let control = |series, number| Control::new("KC07", series, number);
        let (held, listed) = (Series::Held(1), Series::Listed);
        let found = runs(vec![
            (control(held, 3), ItemVerdict::Partial),
            (control(held, 1), ItemVerdict::Ok),
            (control(held, 2), ItemVerdict::Ok),
            (control(held, 5), ItemVerdict::Ok),
            (control(listed, 6), ItemVerdict::Ok),
        ]);
        let told: Vec<String> =
            found.iter().map(|run| format!("{} {} {}", run.verdict.word(), run.first, run.last)).collect();
        assert_eq!(
            told,
            [
                "ok KC07-H1-0000001 KC07-H1-0000002",
                "partial KC07-H1-0000003 KC07-H1-0000003",
                "ok KC07-H1-0000005 KC07-H1-0000005",
                "ok KC07-L-0000006 KC07-L-0000006",
            ]
        );
    }
}
