//! Every item of a source, looked into as deep as its decision needs.

use std::ops::ControlFlow;

use scope::policy::Deleted;
use scope::{Policy, RawName};
use source::{Entry, Issue, Source, SourceError, WalkEvent, WalkOptions, WalkReport};

use crate::slack::{self, Slacks};
use crate::{ExamineError, Examined, Examiner};

/// What a walk gives: an item with its decision, or something that could not be read.
#[expect(clippy::large_enum_variant, reason = "nearly every event is an item, and it is used at once")]
pub enum Event<'e> {
    /// An item, examined, and where its content can be read.
    Item(&'e dyn Source, &'e Entry, Examined),
    /// A place that could not be walked.
    Issue(Issue),
}

/// Why a source could not be examined to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EveryItemError {
    /// The source's root.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// An item. What cannot be read is a fact of it; this is a policy that no facts can satisfy.
    #[error("item {locator}: {source}")]
    Item {
        /// Where it is.
        locator: String,
        /// Why.
        source: ExamineError,
    },
}

/// Walks `source` and examines every item. Folders that the policy closes are not entered. Where the policy has slack
/// read, that of a kept item follows it.
///
/// Re-examinations go through here, captures and plans through [`every_entry`], so that they see the same items.
///
/// # Errors
///
/// [`EveryItemError`]. Damage below the root is an [`Event::Issue`].
pub fn every_item(
    examiner: &Examiner<'_>,
    source: &dyn Source,
    visit: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
) -> Result<WalkReport, EveryItemError> {
    let mut failed = None;
    let mut slacks = Slacks::default();
    let mut members = Met::default();
    let mut report = every_entry(examiner.policy(), source, &mut |event| match event {
        WalkEvent::Issue(issue) => visit(Event::Issue(issue)),
        WalkEvent::Item(entry) => match members.each(examiner, &entry, source, visit) {
            Ok(_) if members.stopped => ControlFlow::Break(()),
            Ok(examined) => {
                let slack = slack::slack_wanted(examiner, &entry, &examined);
                visit(Event::Item(source, &entry, examined))?;
                match slack {
                    Some(slack) => slacks.take(examiner, source, slack, visit),
                    None => ControlFlow::Continue(()),
                }
            }
            Err(source) => {
                failed = Some(EveryItemError::Item { locator: entry.locator, source });
                ControlFlow::Break(())
            }
        },
    })?;
    report.items = report.items.saturating_add(slacks.items).saturating_add(members.items);
    report.limits.extend(remnant_limits(examiner.policy(), source, &report, slacks.unread));
    report.wanting.slack = slacks.wanting;
    report.limits.extend(examiner.unconfined());
    failed.map_or(Ok(report), Err)
}

/// Members of containers, as they come before their container.
#[derive(Default)]
struct Met {
    items: u64,
    stopped: bool,
}

impl Met {
    fn each(
        &mut self,
        examiner: &Examiner<'_>,
        entry: &Entry,
        source: &dyn Source,
        visit: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<Examined, ExamineError> {
        examiner.examine_each(entry, source, &mut |source, member, examined| {
            self.items = self.items.saturating_add(1);
            let flow = visit(Event::Item(source, member, examined));
            self.stopped |= flow.is_break();
            flow
        })
    }
}

/// Walks `source` as `policy` has it walked, and examines nothing: for a program that examines items elsewhere.
///
/// # Errors
///
/// [`SourceError`] where the source's root cannot be read.
pub fn every_entry(
    policy: &Policy,
    source: &dyn Source,
    visit: &mut dyn FnMut(WalkEvent) -> ControlFlow<()>,
) -> Result<WalkReport, SourceError> {
    let volume = source.info().case_rule;
    let closed = |path: &RawName| policy.is_closed(path, volume);
    let target = policy.target();
    let options = WalkOptions {
        closed: &closed,
        closes: !target.closed.is_empty(),
        streams: target.streams,
        deleted: target.deleted != Deleted::Never,
        recovered: matches!(target.deleted, Deleted::Hold(_)),
        unallocated: target.unallocated.is_some(),
    };
    source.walk_with(&options, visit)
}

/// What of free space the policy has read, and a source cannot tell of. `unread`: kept items whose slack is of a form that
/// is not read.
#[must_use]
pub fn remnant_limits(policy: &Policy, source: &dyn Source, report: &WalkReport, unread: u64) -> Vec<String> {
    if report.remnants {
        let told =
            format!("the slack of {unread} kept items is of a form that is not read (compressed, encrypted)");
        return if unread > 0 { vec![told] } else { Vec::new() };
    }
    let target = policy.target();
    let asked = [
        ("unallocated space", target.unallocated.is_some()),
        ("slack", target.slack.is_some()),
        ("the content of deleted entries", matches!(target.deleted, Deleted::Hold(_))),
    ];
    let file_system = &source.info().file_system;
    let asked = asked.into_iter().filter(|(_, asked)| *asked);
    asked.map(|(what, _)| format!("{what} of {file_system} is not read by this version")).collect()
}
