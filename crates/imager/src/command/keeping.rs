//! What a capture does with decided items: each worker keeps them in parts of its own.

use std::cell::RefCell;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use custody::{Content, Hand, Item, Missing, PackageWriter};
use evidence::item::{ObjectValue, ReadState};
use examine::Examined;
use scope::facts::{Facts, Failure as Reason};
use scope::{Decision, Outcome, Policy, visible_names};
use source::{Drives, Entry, EvidenceStream, PastGaps, Source};

use super::destination;
use crate::bad_places::BadPlaces;
use crate::console::{Context as _, Failure};
use crate::interrupt::Interrupt;
use crate::pipeline::Crew;
use crate::progress::notice;
use crate::survey::{Amiss, Counted, Kept};

/// Keeps items in a package.
pub(crate) struct Keeping<'a> {
    writer: &'a PackageWriter,
    policy: &'a Policy,
    interrupt: &'a Interrupt,
    amiss: Mutex<Amiss>,
    /// What the medium did not give before a break, and whoever knows what it has not given since.
    bad: (BadPlaces, &'a dyn Drives),
    /// Whether the loss of a copy was told.
    told: AtomicBool,
}

impl<'a> Keeping<'a> {
    /// `before`: what was counted before a break.
    pub(crate) fn new(
        writer: &'a PackageWriter,
        policy: &'a Policy,
        interrupt: &'a Interrupt,
        before: &Counted,
        drives: &'a dyn Drives,
    ) -> Self {
        let told = AtomicBool::new(writer.disk().loss().is_some());
        let amiss = Mutex::new(before.amiss.clone());
        Self { writer, policy, interrupt, amiss, bad: (before.bad.clone(), drives), told }
    }

    /// What the medium has not given so far.
    pub(crate) fn bad(&self) -> BadPlaces {
        self.bad.0.and(&self.bad.1.bad_ranges())
    }

    /// Says at once that a copy was lost: there may be time for another disk.
    fn tell_loss(&self) {
        if let Some(loss) = self.writer.disk().loss().filter(|_| !self.told.swap(true, Ordering::Relaxed)) {
            notice(format_args!("{}", destination::lost(&loss)));
        }
    }

    /// What was amiss with kept items.
    pub(crate) fn amiss(&self) -> Amiss {
        self.amiss.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts what is amiss with what was kept of an item.
    fn look_at(&self, facts: &Facts, decision: &Decision, object: &ObjectValue) {
        let mut amiss = self.amiss.lock().unwrap_or_else(PoisonError::into_inner);
        if object.is_unread() {
            amiss.add_unread(decision, object.size);
        }
        let cut_off = object.trouble.as_deref().is_some_and(source::guard::is_of_reader);
        amiss.partial = amiss.partial.saturating_add(u64::from(!object.unreadable.is_empty()));
        amiss.cut_off = amiss.cut_off.saturating_add(u64::from(cut_off));
        let by_archive = facts.failures.iter().any(|failure| of_archive(&failure.reason))
            || object.trouble.as_deref().is_some_and(of_archive);
        if by_archive && !object.is_unread() {
            amiss.contradicted = amiss.contradicted.saturating_add(1);
        } else if object.read == ReadState::Complete {
            // A large item is read once to decide and once to keep: both readings must give the same bytes.
            let other = facts.content_hash().is_some_and(|hash| object.sha256 != hash.sha256);
            amiss.changed = amiss.changed.saturating_add(u64::from(other || object.trouble.is_some()));
        }
    }
}

impl Crew for Keeping<'_> {
    type Hand = Hand;

    fn hand(&self) -> Hand {
        self.writer.hand()
    }

    fn keeps(&self) -> bool {
        true
    }

    fn has_room(&self, items: u64) -> bool {
        self.writer.has_room(items)
    }

    fn walked(&self, entry: &Entry) {
        self.writer.walked(&entry.locator, &entry.facts);
    }

    fn ahead(&self) -> u64 {
        self.writer.ahead()
    }

    fn walked_again(&self, entry: &Entry) -> Result<(), Failure> {
        self.writer.walked_again(&entry.locator, &entry.facts).map_err(|error| {
            Failure::no(error.to_string()).hint(
                "a medium that changes is not resumed: keep what there is with the case, and capture again to another --out",
            )
        })
    }

    /// Puts one decided item where its outcome says.
    fn item(
        &self,
        hand: &mut Hand,
        source: &dyn Source,
        entry: &Entry,
        examined: Examined,
    ) -> Result<Kept, Failure> {
        let (facts, decision) = (&examined.facts, &examined.decision);
        if !decision.outcome.is_kept() {
            let visible = if decision.outcome == Outcome::Listed {
                visible_names(self.policy, facts)
            } else {
                Vec::new()
            };
            let item = Item { locator: &entry.locator, facts, decision, visible: &visible };
            self.writer.record(hand, &item).context("package")?;
            return Ok(None);
        }
        let visible = visible_names(self.policy, facts);
        let item = Item { locator: &entry.locator, facts, decision, visible: &visible };
        if !facts.kind.has_content() {
            self.writer.keep(hand, &item, None).context("package")?;
            return Ok(Some(0));
        }
        // A file without a size on record cannot be opened. One byte of it is declared, so that its object is partial and
        // never the digest of nothing: docs/decisions/0044.
        let length = facts.content_size().unwrap_or(1);
        let mut keep = |bytes: &mut dyn Read, missing: &dyn Fn() -> Missing| {
            let content = Content { length, bytes, missing, stopped: &|| self.interrupt.is_asked() };
            self.writer.keep(hand, &item, Some(content)).context("package")
        };
        let nothing = &Missing::default;
        let kept = match &examined.content {
            Some(content) => keep(&mut content.as_slice(), nothing)?,
            None => match source.open_to_keep(entry) {
                Ok(stream) => {
                    let stream = RefCell::new(PastGaps::new(stream));
                    keep(&mut Shared(&stream), &|| {
                        let stream = stream.borrow();
                        let reason = stream.reason().map(str::to_owned);
                        Missing { ranges: stream.missing().to_vec(), reason }
                    })?
                }
                // What cannot be opened is an object of which nothing could be read, and its record says so.
                Err(error) => keep(&mut Unreadable(Some(std::io::Error::other(error))), nothing)?,
            },
        };
        if let Some(object) = &kept.object {
            self.look_at(facts, decision, object);
        }
        self.tell_loss();
        Ok(Some(kept.object.map_or(0, |object| object.size)))
    }

    fn pause(&self, hand: &mut Hand) -> Result<(), Failure> {
        self.writer.hand_over(hand).context("package")
    }

    fn close(&self, hand: &mut Hand) -> Result<(), Failure> {
        self.writer.close_parts(hand).context("package")
    }

    fn commit(&self, counted: &Counted) -> Result<(), Failure> {
        let counted = Counted { amiss: self.amiss(), bad: self.bad().for_journal(), ..counted.clone() };
        let crew = serde_json::to_string(&counted).context("journal")?;
        self.writer.commit(&crew).context("package")
    }
}

/// A stream that is asked, once it has been read, what it did not give.
struct Shared<'a, 's>(&'a RefCell<PastGaps<Box<dyn EvidenceStream + 's>>>);

impl Read for Shared<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().read(buf)
    }
}

/// A stream that gives its error and nothing else.
struct Unreadable(Option<std::io::Error>);

impl Read for Unreadable {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(self.0.take().unwrap_or_else(|| std::io::Error::other("not readable")))
    }
}

/// Whether the archive around a file is at fault. What was done with the content stands before it in the trouble of an object.
fn of_archive(reason: &str) -> bool {
    reason.contains(Reason::OF_ARCHIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_is_at_fault_whatever_was_done_with_its_content() {
        let fault = source::StreamFault::Damaged("its check sum is another".to_owned()).to_string();
        assert!(of_archive(&fault) && of_archive(&format!("reading: {fault}")), "{fault}");
        assert!(!of_archive("changed during reading: its size is another"));
    }
}
