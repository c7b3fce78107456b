//! What an unfinished package lacks beside its payload and can be made again from the journal: the statement, and the texts
//! of the bag.

use std::collections::BTreeMap;
use std::io::BufReader;

use evidence::acquisition::InventoryStatement;
use evidence::bag::Oxum;
use evidence::inventory::Inventory;
use scope::Digest;

use super::{Copy, Unfinished, by_set};
use crate::close::{ACQUISITION, Batches, Closed, INVENTORY, Rest, Subject, known_texts};
use crate::journal::Begun;
use crate::package::{PackageError, SetRecipients};
use crate::read_back::digest_of;
use crate::site::Site;
use crate::sorted::Merged;

impl Unfinished {
    /// The copies that have a statement, and another than the log quotes.
    #[must_use]
    pub fn other_statements(&self, quoted: Digest) -> Vec<usize> {
        let differs = |copy: &&Copy| {
            let path = copy.partial.join(ACQUISITION);
            self.disk.exists(&path) && digest_of(&self.disk, &path).map_or(true, |found| found != quoted)
        };
        self.copies().filter(differs).map(|copy| copy.number).collect()
    }

    /// The files beside the payload that a capture makes of what the journal knows, as it makes them: whoever takes one compares
    /// its digest with the one that is sealed. The statement is read from nowhere, and is there only where no copy has the
    /// one that the log quotes.
    ///
    /// # Errors
    ///
    /// [`PackageError`] where the run has not ended, or the inventory cannot be read.
    pub fn made_again(
        &self,
        recipients: SetRecipients,
        rest: Rest,
        quoted: Digest,
    ) -> Result<BTreeMap<String, Vec<u8>>, PackageError> {
        let recipients = recipients.by_set()?;
        let ending = self.journal.ending.clone();
        let ending = ending.ok_or_else(|| PackageError::Broken("the run has not ended".to_owned()))?;
        let mut payload = Oxum::default();
        for (_, part) in self.parts() {
            payload.octets = payload.octets.saturating_add(part.bytes);
            payload.files = payload.files.saturating_add(1);
        }
        let Begun { origin, package: run, policy, medium, record_left, .. } = self.journal.begun.clone();
        let texts = known_texts(&origin, run, &ending.ended, payload);
        let mut made: BTreeMap<String, Vec<u8>> =
            texts.map(|(file, text)| (file.to_owned(), text.into_bytes())).into();
        let is_there = self.copies().any(|copy| {
            digest_of(&self.disk, &copy.partial.join(ACQUISITION)).is_ok_and(|found| found == quoted)
        });
        if is_there {
            return Ok(made);
        }
        let totals = self.last().map(|batch| batch.totals.clone()).unwrap_or_default();
        let parts = by_set(&recipients, &self.journal.batches);
        let batches = Batches { totals, parts, inventory: self.inventory()? };
        let subject = Subject { origin, run, policy, medium, record_left };
        let site = Site {
            disk: self.disk.clone(),
            out: self.outs.first().cloned().unwrap_or_default(),
            key_path: self.key_path.clone(),
            locks: Vec::new(),
        };
        let closed = Closed::ended(site, subject, recipients, batches, (ending, Vec::new(), Some(quoted)));
        made.insert(ACQUISITION.to_owned(), closed.statement(rest).to_bytes());
        Ok(made)
    }

    /// What was merged, from the first copy that has it.
    fn inventory(&self) -> Result<Merged, PackageError> {
        let mut first = None;
        for copy in self.copies() {
            let path = copy.partial.join(INVENTORY);
            let read = self.disk.open(&path).map_err(PackageError::from).and_then(|file| {
                let broken = |error| PackageError::Broken(format!("{INVENTORY}: {error}"));
                Inventory::read(BufReader::new(file)).map_err(broken)
            });
            match read {
                Ok(read) => {
                    let (lines, root, counts) = (read.len(), read.root(), read.counts().clone());
                    let statement = InventoryStatement { lines, root, counts };
                    return Ok(Merged { statement, sha256: digest_of(&self.disk, &path)? });
                }
                Err(error) => first = first.or(Some(error)),
            }
        }
        Err(first.unwrap_or_else(|| PackageError::Broken("no copy is left".to_owned())))
    }

    fn copies(&self) -> impl Iterator<Item = &Copy> {
        std::iter::once(&self.first).chain(&self.second)
    }
}
