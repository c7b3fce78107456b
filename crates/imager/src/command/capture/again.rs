//! A run that had ended before the break: nothing of the medium is read, and what is missing is done again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use custody::{Complete, Rest, Unfinished};
use evidence::acquisition::Departure;
use evidence::event::{Action, Note, Override};
use serde_json::json;

use super::super::destination::tell_loss;
use super::super::resume::{self, Announced};
use super::{AtWork, clock, recipients};
use crate::console::{Console, Context as _, Exit, Failure};
use crate::workplace;

impl AtWork<'_> {
    /// Goes on with a package whose last batch was committed before the break: nothing of the medium is read.
    pub(super) fn ends_again(
        mut self,
        mut found: Unfinished,
        announced: Announced,
        console: &mut Console<'_>,
    ) -> Result<Exit, Failure> {
        let Some(sealed) = &announced.seal else {
            let older = resume::older(&found, self.args)?;
            announced.fits(&found)?;
            let run = found.begun().package;
            let unsaid = announced.unsaid(&found).into_iter();
            for own in unsaid.chain(older.iter().filter(|own| !announced.says(own)).cloned()) {
                self.append(Action::Override(own))?;
            }
            if let Some(Override { what, reason }) = older {
                console.say(format_args!("departure: {what}; reason given: {reason}"));
                // Once the log quotes the statement, the override alone says it.
                if announced.end.is_none() {
                    found.depart(Departure { what, reason });
                }
            }
            // Nothing is read any more, but acquisition.end is of now, and is what the order's time is compared with.
            let late = match announced.end {
                Some(_) => Vec::new(),
                None => {
                    let now = workplace::now();
                    clock::overran(self.loaded.policy.authority(), (&now, &now), true)
                }
            };
            clock::tell(&late, console);
            let quoted = announced.end.map(|(_, statement)| statement);
            for copy in quoted.iter().flat_map(|quoted| found.other_statements(*quoted)) {
                let altered = format!(
                    "meta/acquisition.json of copy {copy} was changed after the run ended, and is made again as it was"
                );
                console.say(format_args!("warning: {altered}"));
                self.append(Action::Note(Note { text: format!("of the package of {run}: {altered}") }))?;
            }
            let closed = found.close(recipients(&self.loaded.policy), quoted).context("package")?;
            let ended = self.conclude(closed, run, console)?;
            return Ok(if late.is_empty() { ended } else { Exit::Departures });
        };
        let run = found.begun().package;
        let last = resume::counted_last(&found)?;
        let mut departs = last.departs
            || found.ending().is_some_and(|ending| !ending.departures.is_empty())
            || !found.lost().is_empty();
        let made = match (&announced.start, &announced.end) {
            (Some((start, _)), Some((log, quoted))) => {
                let (run_key, resumed) = (start.run_key.clone(), announced.resumed.clone());
                let rest = Rest { run_key, resumed, log: *log };
                found.made_again(recipients(&self.loaded.policy), rest, *quoted).unwrap_or_default()
            }
            _ => BTreeMap::new(),
        };
        let Some((unsealed, mended)) =
            found.sealed(sealed, &made).map_err(|error| resume::advised("package", &error))?
        else {
            return Err(Failure::no(format!(
                "what is to be sealed is not what package.seal quotes, {}",
                sealed.tagmanifest
            ))
            .hint("keep it with the case, and say so in a note"));
        };
        for mended in mended {
            console.say(format_args!("warning: {mended}"));
            let text = format!("of the package of {run}: {mended}");
            self.append(Action::Note(Note { text }))?;
            departs = true;
        }
        self.case.log().checkpoint(&self.log_key).context("custody log")?;
        let disk = unsealed.disk().clone();
        unsealed.place(&self.case).context("seal")?;
        departs |= tell_loss(disk.loss().as_ref(), console);
        let outs: Vec<PathBuf> = self.places.all_kept(disk.loss().as_ref()).map(Path::to_owned).collect();
        placed(&outs, departs, true, console)
    }

    /// Gives a package its name that lacked it alone, and makes again what follows from the rest of it.
    pub(super) fn complete(mut self, complete: Complete, console: &mut Console<'_>) -> Result<Exit, Failure> {
        let said = complete.acquisition();
        let (run, mut departs) = (said.package, !said.departures.is_empty());
        let sealed = Announced::of(&self.case, run)?.seal.is_some();
        let anew: Vec<String> = complete.anew().map(|path| path.display().to_string()).collect();
        for path in anew {
            let text = format!(
                "{path} was not what a capture writes, and is made again as it was: it follows from what else is in the package"
            );
            console.say(format_args!("warning: {text}"));
            self.append(Action::Note(Note { text: format!("of the package of {run}: {text}") }))?;
            departs = true;
        }
        // A place of a destination stands in no log.
        if let Some(left) = complete.left() {
            let number = left.number;
            console.say(format_args!(
                "warning: copy {number} of 2 is not whole, and is left as it is at {}: {}; once the other is verified, copy it to that disk again",
                left.partial.display(),
                left.why
            ));
            let text = format!(
                "of the two copies of the package of {run}: copy {number} of 2 was not whole when the other got its name, and was left as it was"
            );
            self.append(Action::Note(Note { text }))?;
            departs = true;
        }
        let outs = complete.outs().to_vec();
        complete.place().context("package")?;
        placed(&outs, departs, sealed, console)
    }
}

/// A package that was complete before the break, but for its name.
fn placed(outs: &[PathBuf], departs: bool, sealed: bool, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let package = outs.first().map(|out| out.display().to_string()).unwrap_or_default();
    let next = match (sealed, outs.len()) {
        (true, _) => "`ambit-verify PACKAGE --trust FILE` checks it",
        (false, 1) => {
            "it is NOT sealed yet: `ambit sign PACKAGE --trust FILE --case DIR --sign-as NAME=KEY` seals it"
        }
        (false, _) => {
            "it is NOT sealed yet: `ambit sign PACKAGE SECOND --trust FILE --case DIR --sign-as NAME=KEY` seals both copies"
        }
    };
    let text = format!("{package} was complete but for its name, and has it now; {next}");
    console.result(&json!({ "package": package, "sealed": sealed }), text)?;
    Ok(if departs || !sealed { Exit::Departures } else { Exit::Done })
}
