//! What the custody log shows besides the run that is judged: looks, reruns, other packages.

use std::collections::BTreeSet;

use scope::Digest;
use scope::render::counted;

use crate::acquisition::RunNumber;
use crate::custody_log::{Log, folder};
use crate::event::{AcquisitionStart, Action};

/// Most sentences told one by one: whoever reads more than these has seen enough.
const MAX_TOLD: usize = 50;

/// What a log tells beyond one run.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Looks without an approved policy or by another one; runs that were never sealed.
    pub(crate) departures: Vec<String>,
    /// How often the medium was opened, and which other packages there are.
    pub(crate) limits: Vec<String>,
}

/// Goes through the log for the package of `run`, which was made by `policy`.
pub(crate) fn of(log: &Log, run: Option<RunNumber>, policy: Option<Digest>) -> History {
    let mut history = History::default();
    let (mut examinations, mut acquisitions) = (0_u64, 0_u64);
    let mut approved = false;
    let mut others: Vec<(String, &AcquisitionStart)> = Vec::new();
    let mut sealed = BTreeSet::new();
    let mut noted: Vec<&str> = Vec::new();
    for logged in &log.entries {
        let (at, when) = (folder(logged.event.index), &logged.event.when);
        match &logged.event.action {
            Action::PolicyApprove(_) => approved = true,
            Action::Examine(examine) => {
                examinations = examinations.saturating_add(1);
                let by = examine.policy.map_or_else(|| "no policy".to_owned(), |id| format!("policy {id}"));
                if !approved {
                    history.departures.push(format!(
                        "{at}: the medium was examined at {when} by {by}, before any policy was approved"
                    ));
                } else if examine.policy.is_none() || examine.policy != policy {
                    history.departures.push(format!(
                        "{at}: the medium was examined at {when} by {by}, which is not that of this package"
                    ));
                }
            }
            Action::AcquisitionStart(start) => {
                acquisitions = acquisitions.saturating_add(1);
                if Some(start.package) != run {
                    others.push((when.to_string(), start));
                }
            }
            Action::PackageSeal(seal) => {
                sealed.insert(seal.package);
            }
            Action::Note(note) => noted.push(&note.text),
            Action::CaseOpen(_)
            | Action::AcquisitionResume(_)
            | Action::AcquisitionEnd(_)
            | Action::AuditorReplay(_)
            | Action::HolderVerdict(_)
            | Action::Override(_) => {}
        }
    }
    for (when, start) in others {
        let (number, policy) = (start.package, start.policy);
        if sealed.contains(&number) {
            history.limits.push(format!("run {number} of {when}, by policy {policy}, is another package"));
            continue;
        }
        // A note is a word of those who ran it: it explains, and excuses nothing.
        let known = noted.iter().any(|text| text.contains(&number.to_string()));
        let note = if known { "; a note on the log tells of it" } else { "" };
        history
            .departures
            .push(format!("run {number} of {when}, by policy {policy}, was started and never sealed{note}"));
    }
    for sentences in [&mut history.departures, &mut history.limits] {
        let more = sentences.len().saturating_sub(MAX_TOLD);
        if more > 0 {
            sentences.truncate(MAX_TOLD);
            sentences.push(format!("and {more} more of this kind on the custody log"));
        }
    }
    history.limits.push(format!(
        "the custody log shows {} and {} of this medium",
        counted(examinations, "examination"),
        counted(acquisitions, "acquisition")
    ));
    history
}
