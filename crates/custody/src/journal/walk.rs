//! The walk as the journal sees it: enough of every item to tell whether a medium is still the same.

use std::collections::VecDeque;
use std::fmt::Write as _;

use hmac::{Hmac, Mac as _};
use scope::digest::hex;
use scope::facts::{Facts, TimeKind};
use sha2::Sha256;

use crate::package::PackageError;

/// What was walked so far.
pub(crate) struct Walk {
    mac: Hmac<Sha256>,
    items: u64,
    of_batch: u64,
    line: String,
    /// What an earlier walk came to, after how many items: in order.
    marks: VecDeque<(u64, String)>,
}

impl Walk {
    pub(crate) fn new(mac: Hmac<Sha256>, marks: Vec<(u64, String)>) -> Self {
        Self { mac, items: 0, of_batch: 0, line: String::new(), marks: marks.into() }
    }

    /// Notes an item that was walked.
    pub(crate) fn walked(&mut self, locator: &str, facts: &Facts) {
        self.line.clear();
        self.line.push_str(locator);
        // Writing to a string does not fail.
        let _ = match facts.size {
            Some(size) => write!(self.line, " {size}"),
            None => self.line.write_str(" -"),
        };
        for of in [TimeKind::Modified, TimeKind::Changed] {
            let _ = match facts.times.iter().find(|stamp| stamp.of == of) {
                Some(stamp) => write!(self.line, " {}", stamp.ns),
                None => self.line.write_str(" -"),
            };
        }
        self.line.push('\n');
        self.mac.update(self.line.as_bytes());
        self.items = self.items.saturating_add(1);
        self.of_batch = self.of_batch.saturating_add(1);
    }

    /// Notes an item of a batch that is committed already: it must be what was walked then.
    pub(crate) fn walked_again(&mut self, locator: &str, facts: &Facts) -> Result<(), PackageError> {
        self.walked(locator, facts);
        self.of_batch = 0;
        let from = self.items;
        while let Some((items, before)) = self.marks.front() {
            if *items > from {
                return Ok(());
            }
            if *items == from && *before != self.so_far().1 {
                return Err(PackageError::OtherWalk { until: *items });
            }
            self.marks.pop_front();
        }
        Ok(())
    }

    /// How many committed items are still to be walked again.
    pub(crate) fn ahead(&self) -> u64 {
        self.marks.back().map_or(0, |(items, _)| items.saturating_sub(self.items))
    }

    /// How many items were walked, and what they come to.
    pub(crate) fn so_far(&self) -> (u64, String) {
        (self.items, hex(&self.mac.clone().finalize().into_bytes()))
    }

    /// Items that were walked since the last commit.
    pub(crate) fn of_batch(&self) -> u64 {
        self.of_batch
    }

    pub(crate) fn batch_ended(&mut self) {
        self.of_batch = 0;
    }
}
