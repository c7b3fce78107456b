//! The seal at the end of a capture, or what is left for `ambit sign`.

use custody::{Signer, Unsealed};
use evidence::acquisition::RunNumber;
use evidence::event::{Action, Note, PackageSeal};
use evidence::trust::Step;
use scope::Digest;

use super::super::copies;
use super::AtWork;
use crate::console::{Context as _, Failure};
use crate::workplace;

/// What the log says of two copies that were left to be signed later.
pub(super) fn left_in_two(run: RunNumber) -> Note {
    Note { text: copies::left_in_two(run) }
}

impl AtWork<'_> {
    /// Seals if those who agree make up the quorum; otherwise leaves the package, with their signatures, to `ambit sign`. Of two copies the
    /// log then says so, unless it has `said` that: whoever signs one of them is told of the other. `present` signs that note, who
    /// does not agree to the seal as well.
    pub(super) fn seal(
        &mut self,
        unsealed: Unsealed,
        (by, present): (&[&Signer], &[Signer]),
        (run, tagmanifest): (RunNumber, Digest),
        said: bool,
    ) -> Result<bool, Failure> {
        let names: Vec<_> = by.iter().map(|own| (own.principal(), Some(own.person.role))).collect();
        if self.trust.meets(Step::PackageSeal, &names).is_err() {
            let two = self.places.all_kept(unsealed.disk().loss().as_ref()).count() > 1;
            if two && !said {
                let note = workplace::statement(Action::Note(left_in_two(run)), "", &self.tool);
                self.case.append(note, &present.iter().collect::<Vec<_>>()).context("custody log")?;
            }
            unsealed.leave_open(&self.case, by, &self.log_key).context("seal")?;
            return Ok(false);
        }
        // The signatures are filled in by the seal itself.
        let action = Action::PackageSeal(PackageSeal { package: run, tagmanifest, signatures: Vec::new() });
        let statement = workplace::statement(action, "", &self.tool);
        unsealed.seal(&mut self.case, statement, by, &self.log_key).context("seal")?;
        Ok(true)
    }
}
