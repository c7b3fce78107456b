//! Replaying a log against a trust file: signatures, quorums, and what may follow what.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, FixedOffset};
use scope::Digest;

use super::{Log, Logged, NAMESPACE, attested, folder};
use crate::acquisition::RunNumber;
use crate::event::{AcquisitionStart, Action, ApprovedBy, Event, PackageSeal, Person};
use crate::sshsig::{self, PublicKey};
use crate::trust::{Principal, QuorumError, Role, Step, Trust};

/// What a replay found.
#[derive(Debug, Default)]
pub struct Replayed {
    /// Why the log cannot be believed, one line each; empty for a log that can.
    pub problems: Vec<String>,
    /// Departures from the procedure that the log itself states.
    pub departures: Vec<String>,
}

impl Log {
    /// Replays the log from its first entry: each signature, each quorum, each step after what it needs.
    ///
    /// Whether a key was valid is judged at the event's own time, since no time stamp is checked in this version.
    #[must_use]
    pub fn replay(&self, trust: &Trust) -> Replayed {
        let mut found = Replayed::default();
        let mut course = Course::default();
        let mut before: Option<DateTime<FixedOffset>> = None;
        for (index, logged) in (0_u64..).zip(&self.entries) {
            let at = folder(index);
            let mut problems = signature_problems(logged, trust);
            problems.extend(quorum_problem(logged, trust));
            problems.extend(course.step(index, &logged.event.action));
            problems.extend(attested::problems(logged, trust, &course.sealed));
            found.problems.extend(problems.into_iter().map(|problem| format!("{at}: {problem}")));

            let when = logged.event.when.at();
            if before.is_some_and(|before| when < before) {
                found.departures.push(format!("{at}: its clock shows an earlier time than the event before"));
            }
            before = Some(when);
            found
                .departures
                .extend(stated_departure(&logged.event.action).map(|text| format!("{at}: {text}")));
        }
        if self.entries.iter().any(|logged| logged.event.origin != trust.origin()) {
            found.problems.push(format!("the log is not that of the trust file: {}", trust.origin()));
        }
        found
    }

    /// The event that announced a run, with its place in the log.
    #[must_use]
    pub fn start_of(&self, package: RunNumber) -> Option<(&Logged, &AcquisitionStart)> {
        self.entries.iter().find_map(|logged| match &logged.event.action {
            Action::AcquisitionStart(start) if start.package == package => Some((logged, start)),
            _ => None,
        })
    }
}

/// Checks one signature file by any of the principal's keys.
///
/// # Errors
///
/// In words: what is wrong with the signature, or with the key at that time.
pub(crate) fn check_signature(
    principal: &Principal,
    armored: &[u8],
    namespace: &str,
    message: &[u8],
    when: DateTime<FixedOffset>,
) -> Result<(), String> {
    let mut refused = "the trust file gives no signing key".to_owned();
    for key in &principal.keys {
        match sshsig::verify(armored, key, namespace, message) {
            Ok(()) if principal.valid_at(when) => return Ok(()),
            Ok(()) => return Err(format!("the key of {} was not valid at {when}", principal.name)),
            Err(e) => refused = e.to_string(),
        }
    }
    Err(refused)
}

fn signature_problems(logged: &Logged, trust: &Trust) -> Vec<String> {
    let event = &logged.event;
    let mut problems = Vec::new();
    for who in &event.who {
        let Some(principal) = trust.principal(&who.principal) else {
            problems.push(format!("{} is not in the trust file", who.principal));
            continue;
        };
        problems.extend(person_problem(who, principal));
        let file = logged.signatures.iter().find(|(name, _)| *name == who.principal);
        let Some((_, armored)) = file else {
            problems.push(format!("{} has not signed", who.principal));
            continue;
        };
        if let Err(e) = check_signature(principal, armored, NAMESPACE, &logged.event_bytes, event.when.at()) {
            problems.push(format!("{}.sig: {e}", who.principal));
        }
    }
    problems
}

fn person_problem(who: &Person, principal: &Principal) -> Option<String> {
    if !principal.roles.contains(&who.role) {
        return Some(format!(
            "{} signs as {}, a role that the trust file does not give",
            who.principal, who.role
        ));
    }
    if who.person != principal.person || who.organisation != principal.organisation {
        return Some(format!(
            "{} is `{}` of `{}`, in the trust file `{}` of `{}`",
            who.principal, who.person, who.organisation, principal.person, principal.organisation
        ));
    }
    None
}

/// Who must stand for an order without its own signature: two persons, since the authority gives no signature of its own.
///
/// A quorum that the trust file itself sets for the step counts as well.
pub(crate) fn attestation_quorum(trust: &Trust, signers: &[(&str, Option<Role>)]) -> Result<(), QuorumError> {
    let two = [vec![Role::Examiner], vec![Role::Witness]];
    trust
        .meets_roles(Step::PolicyApprove, &two, signers)
        .or_else(|error| trust.meets(Step::PolicyApprove, signers).map_err(|_| error))
}

fn quorum_problem(logged: &Logged, trust: &Trust) -> Option<String> {
    let signers: Vec<(&str, Option<Role>)> =
        logged.event.who.iter().map(|who| (who.principal.as_str(), Some(who.role))).collect();
    let met = match &logged.event.action {
        Action::CaseOpen(_) => trust.meets(Step::CaseOpen, &signers),
        Action::PolicyApprove(approve) if approve.by == ApprovedBy::Instrument => {
            attestation_quorum(trust, &signers)
        }
        Action::PolicyApprove(_) => trust.meets(Step::PolicyApprove, &signers),
        Action::Examine(_) => trust.meets(Step::Examine, &signers),
        Action::AcquisitionStart(_) => trust.meets(Step::AcquisitionStart, &signers),
        // Who had to stand for the start stands for going on: a new key is named.
        Action::AcquisitionResume(_) => trust.meets(Step::AcquisitionStart, &signers),
        Action::AcquisitionEnd(_) => trust.meets(Step::AcquisitionEnd, &signers),
        Action::PackageSeal(seal) => {
            // The quorum of the seal is over its own signatures.
            return nobody_sealed(seal, &logged.event.who);
        }
        // What an attestation says, those say who signed it; whoever keeps the log puts it there.
        Action::AuditorReplay(_) | Action::HolderVerdict(_) | Action::Note(_) | Action::Override(_) => {
            return None;
        }
    };
    met.err().map(|e| e.to_string())
}

/// What is wrong where package.seal is signed by none of those whose signatures it quotes.
fn nobody_sealed(seal: &PackageSeal, who: &[Person]) -> Option<String> {
    let sealed = |name: &str| seal.signatures.iter().any(|own| own.principal == name);
    match who.iter().any(|who| sealed(&who.principal)) {
        true => None,
        false => Some("package.seal is signed by nobody who signed the seal".to_owned()),
    }
}

/// What a log tells of its runs so far: it says which event can come next.
#[derive(Clone, Debug, Default)]
pub struct Course {
    approved: BTreeSet<Digest>,
    runs: BTreeMap<RunNumber, Stage>,
    run_keys: BTreeSet<String>,
    /// What was sealed, by run.
    sealed: BTreeMap<RunNumber, Digest>,
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Started,
    Ended,
    Sealed,
}

impl Course {
    /// Goes on by an event of a log that is read, whatever is wrong with it.
    pub fn read(&mut self, event: &Event) {
        let _ = self.step(event.index, &event.action);
    }

    /// Why an event that is about to be appended would be refused by whoever reads the log, whatever their trust file says.
    /// Nothing is gone on by.
    #[must_use]
    pub fn refuses(&self, event: &Event) -> Option<String> {
        let mut problems = self.clone().step(event.index, &event.action);
        if let Action::PackageSeal(seal) = &event.action {
            problems.extend(nobody_sealed(seal, &event.who));
        }
        if let Some(attested) = event.action.attested().filter(|a| !self.sealed.contains_key(&a.package)) {
            problems.push(attested::not_sealed(attested.package));
        }
        (!problems.is_empty()).then(|| problems.join("; "))
    }

    /// Goes on by one event; what may not follow is a problem.
    fn step(&mut self, index: u64, action: &Action) -> Vec<String> {
        let mut problems = Vec::new();
        if (index == 0) != matches!(action, Action::CaseOpen(_)) {
            problems.push("case.open stands at index 0, once".to_owned());
        }
        match action {
            Action::PolicyApprove(approve) => {
                self.approved.insert(approve.policy);
            }
            Action::AcquisitionStart(start) => {
                if self.runs.insert(start.package, Stage::Started).is_some() {
                    problems.push(format!("run {} has been started before", start.package));
                }
                self.run_key(&start.run_key, &mut problems);
                if start.without_approval.is_none() && !self.approved.contains(&start.policy) {
                    problems.push(format!(
                        "policy {} is not approved, and the event does not say why",
                        start.policy
                    ));
                }
            }
            Action::AcquisitionResume(resume) => {
                let step = self.advance(resume.package, Stage::Started, Stage::Started, "acquisition.resume");
                problems.extend(step);
                self.run_key(&resume.run_key, &mut problems);
            }
            Action::AcquisitionEnd(end) => {
                problems.extend(self.advance(end.package, Stage::Started, Stage::Ended, "acquisition.end"));
            }
            Action::PackageSeal(seal) => {
                problems.extend(self.advance(seal.package, Stage::Ended, Stage::Sealed, "package.seal"));
                self.sealed.insert(seal.package, seal.tagmanifest);
            }
            Action::CaseOpen(_)
            | Action::Examine(_)
            | Action::AuditorReplay(_)
            | Action::HolderVerdict(_)
            | Action::Note(_)
            | Action::Override(_) => {}
        }
        problems
    }

    fn run_key(&mut self, key: &str, problems: &mut Vec<String>) {
        if !matches!(key.parse(), Ok(PublicKey::Ed25519(_))) {
            problems.push("run_key: not an ssh-ed25519 key".to_owned());
        }
        if !self.run_keys.insert(key.to_owned()) {
            problems.push("run_key: used by a run before".to_owned());
        }
    }

    fn advance(&mut self, package: RunNumber, from: Stage, to: Stage, step: &str) -> Option<String> {
        let stage = self.runs.get(&package).copied();
        if stage == Some(from) {
            self.runs.insert(package, to);
            return None;
        }
        let found = match stage {
            None => "was not started",
            Some(Stage::Started) => "has not ended",
            Some(Stage::Ended) => "has ended already",
            Some(Stage::Sealed) => "is sealed already",
        };
        Some(format!("{step}: run {package} {found}"))
    }
}

fn stated_departure(action: &Action) -> Option<String> {
    match action {
        Action::Override(departure) => Some(format!("override: {}: {}", departure.what, departure.reason)),
        Action::PolicyApprove(approve) => approve.departure.clone(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{AcquisitionEnd, AcquisitionResume, CaseOpen, Note, PackageSeal, PolicyApprove};
    use crate::verify::testing::key_line;

    fn action(word: &str) -> Action {
        let (kind, run) = word.split_once(' ').unwrap_or((word, "1"));
        let package = RunNumber([run.as_bytes()[0]; 16]);
        match kind {
            "open" => Action::CaseOpen(CaseOpen { medium_label: "m".into(), description: String::new() }),
            "approve" => Action::PolicyApprove(PolicyApprove {
                policy: Digest([0; 32]),
                approval: Digest([0; 32]),
                rendering: Digest([0; 32]),
                by: ApprovedBy::Signature,
                instrument: None,
                departure: None,
            }),
            "start" => Action::AcquisitionStart(AcquisitionStart {
                package,
                run_key: key_line(run),
                policy: Digest([0; 32]),
                medium: medium(),
                freshness: "not checked".into(),
                writable_source: None,
                without_approval: None,
                write_blocker: None,
            }),
            "resume" => {
                let (run, key) = run.split_once(':').unwrap();
                Action::AcquisitionResume(AcquisitionResume {
                    package: RunNumber([run.as_bytes()[0]; 16]),
                    run_key: key_line(key),
                    batch: 1,
                    policy: Digest([0; 32]),
                    medium: medium(),
                })
            }
            "end" => Action::AcquisitionEnd(AcquisitionEnd {
                package,
                items: 0,
                captured: 0,
                held: 0,
                listed: 0,
                left: 0,
                bytes: 0,
                unreadable: 0,
                issues: 0,
                interrupted: false,
                acquisition_sha256: Digest([0; 32]),
                medium_sha256: None,
                drive_sha256: None,
                medium_unreadable: None,
            }),
            "seal" => {
                Action::PackageSeal(PackageSeal { package, tagmanifest: Digest([0; 32]), signatures: vec![] })
            }
            _ => Action::Note(Note { text: String::new() }),
        }
    }

    fn medium() -> crate::acquisition::MediumStatement {
        crate::acquisition::MediumStatement {
            label: "m".into(),
            form: "raw image".into(),
            size: None,
            ids: vec![],
        }
    }

    fn check(story: &str, expected: &str) {
        let mut course = Course::default();
        let actions = (0..).zip(story.split(", ").map(action));
        let problems: Vec<String> = actions.flat_map(|(index, action)| course.step(index, &action)).collect();
        let problems = problems.join("; ");
        assert!(
            problems.contains(expected) && problems.is_empty() == expected.is_empty(),
            "{story}: {problems}"
        );
    }

    #[test]
    fn what_may_follow_what() {
        check("open, approve, start 1, end 1, seal 1", "");
        check("open, approve, start 1, note, start 2, end 2, end 1, seal 1, seal 2", "");
        check("approve, start 1", "case.open stands at index 0");
        check("open, open", "case.open stands at index 0");
        check("open, start 1", "is not approved");
        check("open, start 1, approve", "is not approved");
        check("open, approve, end 1", "was not started");
        check("open, approve, start 1, seal 1", "has not ended");
        check("open, approve, start 1, end 1, end 1", "has ended already");
        check("open, approve, start 1, end 1, seal 1, seal 1", "is sealed already");
        check("open, approve, start 1, end 1, seal 1, end 1", "is sealed already");
        check("open, approve, start 1, start 1", "has been started before");
        check("open, approve, start 1, end 2", "was not started");
        check("open, approve, start 1, resume 1:b, note, resume 1:c, end 1, seal 1", "");
        check("open, approve, resume 1:b, start 1", "acquisition.resume: run");
        check("open, approve, start 1, end 1, resume 1:b", "has ended already");
        check("open, approve, start 1, resume 1:b, resume 1:b, end 1", "used by a run before");
        check("open, approve, start 1, resume 1:1, end 1", "used by a run before");
    }
}
