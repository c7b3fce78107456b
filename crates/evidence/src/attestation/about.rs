//! What of an attestation anybody can compare with the package that it is about, without a key.
//!
//! Who writes the text may be another than who signs it: what the package itself says otherwise is no statement about it.

use scope::{Outcome, Policy};

use super::{Attestation, ItemVerdict, Part, Prefix, Replay, SetVerdict, Statement, Unread, Verdict};
use crate::acquisition::{Acquisition, RecordLeft, RunNumber, SetName};
use crate::custody_log::Log;
use crate::event::{Action, TreeHead};
use crate::item::Series;

/// The package that an attestation is about, as far as it is public.
#[derive(Clone, Copy)]
pub struct About<'a> {
    /// `meta/acquisition.json`.
    pub acquisition: &'a Acquisition,
    /// The policy, where it can be read.
    pub policy: Option<&'a Policy>,
    /// The custody log.
    pub log: &'a Log,
}

/// The runs besides `own` that the first `entries` of a log show, in its order.
#[must_use]
pub fn other_runs(log: &Log, own: RunNumber, entries: u64) -> Vec<RunNumber> {
    let seen = log.entries.iter().take_while(|logged| logged.event.index < entries);
    let started = seen.filter_map(|logged| match &logged.event.action {
        Action::AcquisitionStart(start) if start.package != own => Some(start.package),
        _ => None,
    });
    started.collect()
}

impl Attestation {
    /// What in this statement is not so, by the package itself; `before` is how many entries its log had when the
    /// statement came to it. Nothing where it is about another run.
    #[must_use]
    pub fn contradictions(&self, about: About<'_>, before: u64) -> Vec<String> {
        let acquisition = about.acquisition;
        if self.package != acquisition.package {
            return Vec::new();
        }
        let mut told = Told(Vec::new());
        told.compare("medium", &self.medium, &acquisition.medium.label);
        told.compare("policy", &self.policy, &acquisition.policy);
        let TreeHead { size, root } = self.inventory;
        told.compare("inventory, lines", &size, &acquisition.inventory.lines);
        told.compare("inventory, root", &root, &acquisition.inventory.root);
        self.log_seen(about, before, &mut told);
        match &self.statement {
            Statement::Replay(replay) => of_replay(replay, acquisition, &mut told),
            Statement::Prefix(prefix) => of_prefix(self, prefix, about, &mut told),
            Statement::Holder(held) => of_holder(held, about, &mut told),
        }
        told.0
    }

    /// The log that was seen is the beginning of this one, and has the seal.
    fn log_seen(&self, about: About<'_>, before: u64, told: &mut Told) {
        let TreeHead { size, root } = self.log;
        let sealed = about.log.entries.iter().any(|logged| {
            logged.event.index < size
                && matches!(&logged.event.action, Action::PackageSeal(seal) if seal.package == self.package)
        });
        if size > before {
            told.0.push(format!("log: {size} entries are said to have been seen, where there were {before}"));
        } else if !sealed {
            told.0.push(format!(
                "log: the {size} entries that are said to have been seen lack the seal of this run"
            ));
        } else if let Some(tree) = about.log.head_at(size).and_then(|head| head.tree()) {
            told.compare("log, root", &root, &tree.root);
        }
    }
}

/// What is not so.
struct Told(Vec<String>);

impl Told {
    fn compare<T: PartialEq + std::fmt::Display>(&mut self, what: &str, said: &T, is: &T) {
        if said != is {
            self.0.push(format!("{what}: the statement says {said}, the package {is}"));
        }
    }

    fn parts(&mut self, said: &[Part], acquisition: &Acquisition, set: &SetName) {
        let Some(stated) = acquisition.set(set) else {
            self.0.push(format!("set: the package has no set {set}"));
            return;
        };
        self.compare("parts", &said.len(), &stated.parts.len());
        for (said, is) in said.iter().zip(&stated.parts) {
            self.compare("part", &said.file, &is.file);
            self.compare(&format!("part {}", is.file), &said.sha256, &is.sha256);
        }
    }

    /// A ledger that was followed to its end has a record for each line, but for those that the order keeps no record of.
    fn records(&mut self, records: u64, acquisition: &Acquisition) {
        let lines = acquisition.inventory.lines;
        let unrecorded = match acquisition.record_left {
            RecordLeft::Facts => 0,
            RecordLeft::Counts => acquisition.inventory.counts.get(&Outcome::Left).copied().unwrap_or(0),
        };
        let least = lines.saturating_sub(unrecorded);
        if !(least..=lines).contains(&records) {
            self.0.push(format!(
                "records: {records}, of an inventory of {lines} lines of which {least} have a record"
            ));
        }
    }
}

fn of_replay(replay: &Replay, acquisition: &Acquisition, told: &mut Told) {
    told.parts(&replay.parts, acquisition, &SetName::Ledger);
    if replay.followed == Verdict::Yes {
        told.records(replay.records, acquisition);
    }
}

fn of_prefix(attestation: &Attestation, prefix: &Prefix, about: About<'_>, told: &mut Told) {
    let acquisition = about.acquisition;
    told.parts(&prefix.parts, acquisition, &SetName::Ledger);
    told.records(prefix.records, acquisition);
    let walked = acquisition.walk.iter().map(|walk| (&walk.volume, walk.issues));
    if !walked.eq(prefix.volumes.iter().map(|volume| (&volume.locator, volume.not_walked))) {
        told.0.push("volume: these are not the volumes that were walked, or not as they were".to_owned());
    }
    if prefix.unread != Unread::of(acquisition) {
        told.0.push("unread: these are not the layers of which no file was read".to_owned());
    }
    if prefix.other_runs != other_runs(about.log, acquisition.package, attestation.log.size) {
        told.0.push("other-run: these are not the other runs of the log that was seen".to_owned());
    }
    let count = |of: fn(&Outcome) -> bool| {
        let counts = acquisition.inventory.counts.iter().filter(|(outcome, _)| of(outcome));
        counts.fold(0_u64, |sum, (_, count)| sum.saturating_add(*count))
    };
    // What was taken within an archive has another outcome of its own.
    let by_itself = u64::saturating_sub;
    for (what, said, most) in [
        (
            "captured",
            by_itself(prefix.under.captured, prefix.within.captured),
            count(|outcome| *outcome == Outcome::Captured),
        ),
        (
            "held",
            by_itself(prefix.under.held, prefix.within.held),
            count(|outcome| matches!(outcome, Outcome::Held(_))),
        ),
        (
            "listed",
            prefix.under.listed,
            count(|outcome| matches!(outcome, Outcome::Listed | Outcome::ListedTo(_))),
        ),
        ("unread", prefix.under.unread, count(Outcome::is_kept)),
        ("left", prefix.under.left, count(|outcome| *outcome == Outcome::Left)),
        ("unnamed-kept", prefix.unnamed_kept, count(Outcome::is_kept)),
    ] {
        if said > most {
            told.0.push(format!("{what}: {said} under the path, of {most} in the whole package"));
        }
    }
}

fn of_holder(held: &SetVerdict, about: About<'_>, told: &mut Told) {
    let acquisition = about.acquisition;
    told.parts(&held.parts, acquisition, &held.set);
    if held.problem.is_some() {
        return;
    }
    let stated = |listed: bool| {
        let counts = acquisition.inventory.counts.iter();
        let own = counts.filter(|(outcome, _)| SetName::naming(outcome).as_ref() == Some(&held.set));
        own.filter(|(outcome, _)| outcome.is_kept() != listed)
            .fold(0_u64, |sum, (_, n)| sum.saturating_add(*n))
    };
    let kept = [ItemVerdict::Ok, ItemVerdict::Partial, ItemVerdict::Unread, ItemVerdict::NoContent];
    told.compare("verdicts on kept items", &held.numbers(&kept), &stated(false));
    told.compare("verdicts on listed items", &held.numbers(&[ItemVerdict::Listed]), &stated(true));
    let wrong = held.verdicts.iter().find(|run| {
        let first = &run.first;
        let of_set = match (run.verdict, first.series(), &held.set) {
            (ItemVerdict::Listed, series, _) => series == Series::Listed,
            (_, Series::Captured, SetName::Captured) => true,
            (_, Series::Held(number), SetName::Held(id)) => about.policy.is_none_or(|policy| {
                let place = policy.compartments().iter().position(|compartment| compartment.id == *id);
                place.and_then(|place| u32::try_from(place).ok()?.checked_add(1)) == Some(number)
            }),
            _ => false,
        };
        !of_set || !first.is_for(&acquisition.medium.label) || run.last.number() > acquisition.inventory.lines
    });
    if let Some(run) = wrong {
        told.0.push(format!(
            "verdict {} {}: not a control number of the set {}",
            run.verdict.word(),
            run.first,
            held.set
        ));
    }
}
