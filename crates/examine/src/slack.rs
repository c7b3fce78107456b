//! The slack of what is kept: looked at after its item was decided, and never for an item that is left.
//!
//! ```text
//! .../inode:13:0          captured
//! .../inode:13:0/slack    the item's facts and a length; held, by the item's own decision
//! ```

use std::io::Read as _;
use std::ops::ControlFlow;

use scope::facts::{Kind, Slack};
use scope::{Step, decide};
use source::{Entry, Issue, Source, SourceError, slack_of};
use zeroize::Zeroizing;

use crate::every_item::Event;
use crate::{Examined, Examiner};

/// What came of the slack of a source's items.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slacks {
    /// Items of slack.
    pub items: u64,
    /// Kept items whose slack is of a form that is not read.
    pub unread: u64,
    /// Kept items whose slack could not be read.
    pub wanting: u64,
}

/// The slack of an item, if the policy has it read and the item is kept.
#[must_use]
pub fn slack_wanted(examiner: &Examiner<'_>, entry: &Entry, examined: &Examined) -> Option<Entry> {
    let granted = examiner.policy().target().slack.is_some()
        && entry.facts.kind != Kind::Member
        && examined.decision.outcome.is_kept();
    if granted { slack_of(entry, &examined.facts) } else { None }
}

impl Slacks {
    /// Reads a slack and hands it on, unless there is none or it is all zeros.
    pub fn take(
        &mut self,
        examiner: &Examiner<'_>,
        source: &dyn Source,
        mut slack: Entry,
        visit: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut stream = match source.open(&slack) {
            Ok(stream) => stream,
            Err(SourceError::NoContent(_)) => {
                self.unread = self.unread.saturating_add(1);
                return ControlFlow::Continue(());
            }
            Err(error) => {
                self.wanting = self.wanting.saturating_add(1);
                let what = format!("the slack behind the content cannot be read: {error}");
                return visit(Event::Issue(Issue { locator: Some(slack.locator), what }));
            }
        };
        let size = stream.declared_len();
        if size == 0 {
            return ControlFlow::Continue(());
        }
        let room = usize::try_from(size).ok().filter(|room| *room <= examiner.options().buffer);
        let mut content = room.map(|room| Zeroizing::new(Vec::with_capacity(room)));
        if let Some(bytes) = &mut content {
            match stream.read_to_end(bytes) {
                Ok(_) if bytes.iter().all(|byte| *byte == 0) => return ControlFlow::Continue(()),
                Ok(_) => {}
                // It is kept as far as it can be read, and its record says which ranges were not.
                Err(_) => content = None,
            }
        }
        slack.facts.slack = slack.facts.slack.map(|own| Slack { size, ..own });
        let Step::Decided(decision) = decide(examiner.policy(), &slack.facts) else {
            // The same facts decided of its item: they cannot ask for a further look.
            let what = "the decision of an item does not hold of its slack, which is not taken".to_owned();
            return visit(Event::Issue(Issue { locator: Some(slack.locator), what }));
        };
        self.items = self.items.saturating_add(1);
        let facts = slack.facts.clone();
        visit(Event::Item(source, &slack, Examined { facts, decision, content }))
    }
}
