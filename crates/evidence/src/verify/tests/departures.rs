//! What a package shows besides tampering: paper, reruns, tags, times; and storage that changes its mind.

use std::io;

use super::{check, plan};
use crate::acquisition::{Acquisition, Departure, MediumId, OTHER_MEDIUM, Resumed, RunNumber};
use crate::approval::{Instrument, InstrumentKind};
use crate::event::{
    AcquisitionEnd, AcquisitionResume, AcquisitionStart, Action, Examine, Note, Override, PackageSeal,
    SealSignature,
};
use crate::files::{Files, MemoryFiles, ReadSeek};
use crate::report::Intact;
use crate::sshsig;
use crate::verify::testing::{Plan, build, identity, key_line, medium, with_ledger};
use crate::verify::{VerifyOptions, audit, policy_of, verify};

fn resume(batch: u64, key: &str) -> Action {
    Action::AcquisitionResume(AcquisitionResume {
        package: RunNumber([7; 16]),
        run_key: key_line(key),
        batch,
        policy: scope::Digest([0; 32]),
        medium: medium(),
    })
}

/// A run that was resumed before batches 2 and 2 again; `change` and `state` spoil the last event and the statement.
fn resumed(change: fn(&mut AcquisitionResume), state: fn(&mut Acquisition)) -> Plan {
    plan(|p| {
        p.after_start = vec![resume(2, "second"), resume(2, "third")];
        p.event = Box::new(move |action| {
            if let Action::AcquisitionResume(resume) = action
                && resume.run_key == key_line("third")
            {
                change(resume);
            }
        });
        p.acquisition = Box::new(move |a| {
            let key = |key: &str| Resumed { batch: 2, run_key: key_line(key) };
            a.resumed = vec![key("second"), key("third")];
            state(a);
        });
    })
}

#[test]
fn each_resume_is_stated_with_its_key_and_its_batch() {
    let same = |_: &mut AcquisitionResume| {};
    let report = check(&resumed(same, |_| {}), "", "");
    assert_eq!(
        report.exit_code(),
        0,
        "a break that was mended in order departs from nothing: {}",
        report.text()
    );
    let told: Vec<&String> = report.limits.iter().filter(|limit| limit.contains("interrupted")).collect();
    assert!(
        matches!(told.as_slice(), [one] if one.contains("interrupted 2 times, and went on at ") && one.contains("3 run keys")),
        "{told:?}"
    );
    let unbroken = check(&plan(|_| {}), "", "");
    assert!(!unbroken.text().contains("interrupted"), "{}", unbroken.text());
    let keys = "run keys of resumes";
    check(&resumed(same, |a| drop(a.resumed.pop())), "agreement", keys);
    check(&resumed(same, |a| a.resumed.clear()), "agreement", keys);
    check(&resumed(same, |a| a.resumed[1].batch = 3), "agreement", keys);
    check(&resumed(same, |a| a.resumed[1].run_key = key_line("fourth")), "agreement", keys);
    check(&resumed(same, |a| a.resumed[1].batch = 1), "agreement", "resumed: batches not in order");
    check(&resumed(|r| r.policy.0[0] ^= 1, |_| {}), "agreement", "policy");
    check(&resumed(|r| r.medium.ids[0].value.push('8'), |_| {}), "agreement", "medium");
    check(&resumed(|r| r.run_key = key_line("second"), |_| {}), "log", "used by a run before");
    check(&resumed(|r| r.package.0[0] ^= 1, |_| {}), "log", "acquisition.resume: run");
    let mut alone = resumed(same, |_| {});
    let default = Plan::default().signers;
    alone.signers = Box::new(move |action| match action {
        Action::AcquisitionResume(_) => vec!["examiner"],
        other => default(other),
    });
    check(&alone, "log", "acquisition.start needs examiner and witness");
}

/// An order on paper: these people sign both the approval and its event.
fn on_paper(people: &'static [&'static str]) -> Plan {
    attested(people, InstrumentKind::Paper)
}

fn attested(people: &'static [&'static str], kind: InstrumentKind) -> Plan {
    plan(|p| {
        let sha256 = scope::Digest([1; 32]);
        p.approval = Box::new(move |a| a.instrument = Some(Instrument { kind, sha256 }));
        p.approval_signers = people.iter().map(|name| (*name, sshsig::APPROVAL)).collect();
        let default = Plan::default().signers;
        p.signers = Box::new(move |action| match action {
            Action::PolicyApprove(_) => people.to_vec(),
            other => default(other),
        });
    })
}

#[test]
fn an_order_on_paper_is_a_departure_and_needs_two_people() {
    let report = check(&on_paper(&["examiner", "witness"]), "", "that was attested, not signed by the");
    assert_eq!(report.exit_code(), 3);
    let expected = format!(
        "no signature by the authority: A. Berg (Lab) and B. Tal (Lab) attest a paper order by its digest {}; \
         compare the paper",
        scope::Digest([1; 32])
    );
    assert!(report.departures.contains(&expected), "{:?}", report.departures);
    for (kind, says) in [
        (InstrumentKind::Electronic, ["attest an electronic order by", "compare the court's own copy"]),
        (InstrumentKind::Telephone, ["attest an order by telephone by", "own record of the call"]),
    ] {
        let report = check(&attested(&["examiner", "witness"], kind), "", "not signed by the");
        let told = |departure: &String| says.iter().all(|words| departure.contains(words));
        assert!(report.departures.iter().any(told), "{:?}", report.departures);
    }
    check(&on_paper(&["examiner"]), "log", "policy.approve needs examiner and witness");
    check(&on_paper(&["examiner"]), "approval", "policy.approve needs examiner and witness");
    check(&on_paper(&["examiner", "other"]), "log", "policy.approve needs examiner and witness");
    let mut own = on_paper(&["examiner"]);
    own.trust.push_str("\n[[quorum]]\nstep = \"policy.approve\"\nroles = [\"examiner\"]\n");
    assert_eq!(check(&own, "", "compare the paper").exit_code(), 3);
}

#[test]
fn tag_files_have_one_spelling() {
    check(&plan(|p| p.instructions = "Trust me.\n".into()), "bag", "do not follow them");
    let info = |from: &'static str, to: &'static str| {
        plan(|p| p.info = Box::new(move |text| text.replacen(from, to, 1)))
    };
    check(&info("KC07 07", "KC08 07"), "bag", "External-Identifier: expected example.org/cases/KC07 0707");
    check(&info("2026-11-23", "2026-11-22"), "bag", "Bagging-Date: expected 2026-11-23");
    check(&info("Payload-Oxum: ", "Payload-Oxum: 1"), "bag", "bag-info.txt: it states");
    check(&info("profile:1", "profile:2"), "bag", "BagIt-Profile-Identifier: expected");
    check(&info("Bagging-Date: 2026-11-23\n", ""), "bag", "no Bagging-Date");
    check(&info("Bagging-Date", "Contact-Name: A judge\nBagging-Date"), "bag", "these four labels alone");
}

fn examine(policy: Option<scope::Digest>) -> Action {
    let counts = [("items".to_owned(), 3)].into();
    Action::Examine(Examine { purpose: "plan".into(), policy, medium: medium(), counts })
}

fn start_of(run: u8, policy: scope::Digest) -> Action {
    Action::AcquisitionStart(AcquisitionStart {
        package: RunNumber([run; 16]),
        run_key: key_line(&run.to_string()),
        policy,
        medium: medium(),
        freshness: "not checked".into(),
        writable_source: None,
        without_approval: Some("a test".into()),
        write_blocker: None,
    })
}

#[test]
fn looks_and_reruns_show() {
    let (files, _) = build(&Plan::default());
    let policy = policy_of(&files).unwrap().id();
    let history = |before_approval: Vec<Action>, before_start: Vec<Action>, why: &str, code: u8| {
        let report = check(
            &plan(|p| {
                p.before_approval = before_approval;
                p.before_start = before_start;
            }),
            "",
            "",
        );
        assert_eq!(report.exit_code(), code, "{}", report.text());
        let told = [report.departures.join("\n"), report.limits.join("\n")];
        assert!(told[usize::from(code == 0)].contains(why), "{why}: {told:?}");
    };
    history(vec![], vec![], "shows 0 examinations and 1 acquisition of this medium", 0);
    history(vec![], vec![examine(Some(policy))], "shows 1 examination and 1 acquisition", 0);
    history(vec![examine(Some(policy))], vec![], "before any policy was approved", 3);
    history(vec![], vec![examine(None)], "by no policy, which is not that of this package", 3);
    history(vec![], vec![examine(Some(scope::Digest([1; 32])))], "which is not that of this package", 3);
    let never = format!("run {} of 2026-11-23T09:02:00+01:00", RunNumber([1; 16]));
    history(vec![], vec![start_of(1, policy)], &never, 3);
    let note = |text: String| Action::Note(Note { text });
    history(vec![], vec![note("the room was locked".into())], "shows 0 examinations", 0);
    let told = note(format!("the acquisition {} ended without a package", RunNumber([1; 16])));
    history(vec![], vec![start_of(1, policy), told], "never sealed; a note on the log tells of it", 3);
}

#[test]
fn another_package_of_the_medium_is_no_departure() {
    let zero = || AcquisitionEnd {
        package: RunNumber([1; 16]),
        items: 0,
        captured: 0,
        held: 0,
        listed: 0,
        left: 0,
        bytes: 0,
        unreadable: 0,
        issues: 0,
        interrupted: false,
        acquisition_sha256: scope::Digest([2; 32]),
        medium_sha256: None,
        drive_sha256: None,
        medium_unreadable: None,
    };
    let seal = |package| {
        let signatures =
            vec![SealSignature { principal: "examiner".into(), signature: scope::Digest([2; 32]) }];
        Action::PackageSeal(PackageSeal { package, tagmanifest: scope::Digest([2; 32]), signatures })
    };
    let (files, _) = build(&Plan::default());
    let policy = policy_of(&files).unwrap().id();
    let mut first = start_of(1, policy);
    if let Action::AcquisitionStart(start) = &mut first {
        start.without_approval = None;
    }
    let report = check(
        &plan(|p| p.before_start = vec![first, Action::AcquisitionEnd(zero()), seal(RunNumber([1; 16]))]),
        "",
        "is another package",
    );
    assert_eq!(report.exit_code(), 0, "{}", report.text());
}

/// A policy that names these identities, and a medium that shows those.
fn identities(named: &'static str, shown: &[(&'static str, &'static str)]) -> Plan {
    let ids = |shown: &[(&str, &str)]| -> Vec<MediumId> {
        shown.iter().map(|(kind, value)| MediumId { kind: (*kind).into(), value: (*value).into() }).collect()
    };
    let (at_start, at_end) = (ids(shown), ids(shown));
    let named: Vec<(&str, &str)> = named.split(", ").map(|id| id.split_once(' ').unwrap()).collect();
    let signed = ids(&named);
    plan(|p| {
        let text: Vec<String> = named.iter().map(|(kind, value)| format!("{kind} = \"{value}\"")).collect();
        p.policy = p.policy.replace("serial = \"WD-1\"", &text.join(", "));
        p.approval = Box::new(move |a| a.medium_ids = signed.clone());
        p.event = Box::new(move |action| {
            if let Action::AcquisitionStart(start) = action {
                start.medium.ids = at_start.clone();
            }
        });
        p.acquisition = Box::new(move |a| a.medium.ids = at_end.clone());
    })
}

#[test]
fn a_medium_is_known_by_what_it_shows_itself() {
    let both = [("asset_tag", "T-1"), ("serial", "WD-1")];
    assert_eq!(check(&identities("asset_tag T-1, serial WD-1", &both), "", "").exit_code(), 0);
    let tag = check(
        &identities("asset_tag T-1, serial WD-1", &both[..1]),
        "",
        "rests on an asset tag that a person read",
    );
    assert_eq!(tag.exit_code(), 3);
    check(&identities("serial WD-1", &[]), "agreement", "is known by serial WD-1; this one shows none");
    check(&identities("serial WD-1", &both[..1]), "agreement", "this one shows asset_tag T-1");
    check(&identities("serial WD-1", &[("serial", "WD-2")]), "agreement", "this one has WD-2");
    // What the record leaves out is not believed: a drive would show its table.
    check(&identities("serial WD-1, gpt 1", &both[1..]), "agreement", "has gpt 1; this one has none");
    let signature = [("mbr_signature", "deadbeef")];
    let weak = check(
        &identities("serial WD-1, mbr_signature deadbeef", &signature),
        "",
        "the signature of its MBR alone",
    );
    assert_eq!(weak.exit_code(), 3);
    let mut on_purpose = identities("serial WD-1", &[]);
    let (what, reason) = (format!("{OTHER_MEDIUM}a copy"), "the drive is broken".to_owned());
    on_purpose.before_start = vec![Action::Override(Override { what: what.clone(), reason: reason.clone() })];
    on_purpose.acquisition = Box::new(move |a| {
        a.medium.ids.clear();
        a.departures.push(Departure { what: what.clone(), reason: reason.clone() });
    });
    assert_eq!(check(&on_purpose, "", "other medium: a copy").exit_code(), 3);
}

#[test]
fn times_and_walks_are_compared() {
    let acquisition = |change: fn(&mut Acquisition)| plan(|p| p.acquisition = Box::new(change));
    let back = check(
        &acquisition(|a| a.began = "2026-11-23T09:01:59+01:00".parse().unwrap()),
        "",
        "times: acquisition.start 2026-11-23T09:02:00+01:00 is after began",
    );
    assert_eq!(back.exit_code(), 3, "a clock that was set back is a departure");
    check(
        &acquisition(|a| a.ended = "2026-11-23T09:03:01+01:00".parse().unwrap()),
        "",
        "is after acquisition.end",
    );
    check(&acquisition(|a| a.walk[0].items += 1), "agreement", "found 4, the inventory has 3");
    check(&acquisition(|a| a.walk.clear()), "agreement", "found 0, the inventory has 3");
    check(&acquisition(|a| a.walk[0].issues += 1), "agreement", "issues");
    let interrupted = |items: u64| {
        plan(|p| {
            p.acquisition = Box::new(move |a| a.walk[0].items = items);
            p.event = Box::new(|action| {
                if let Action::AcquisitionEnd(end) = action {
                    end.interrupted = true;
                }
            });
        })
    };
    assert_eq!(check(&interrupted(4), "", "ended before the walk was").exit_code(), 3);
    check(&interrupted(2), "agreement", "found 2, the inventory has 3");
    // The event that ends the run is later than execute_by; acquisition.json says that all was over before.
    let late = plan(|p| {
        p.policy = p.policy.replace("2026-12-01T00:00:00Z", "2026-11-23T08:02:30Z");
        p.acquisition = Box::new(|a| a.ended = "2026-11-23T09:02:10+01:00".parse().unwrap());
    });
    assert_eq!(check(&late, "", "ended at 2026-11-23T09:03:00+01:00, after execute_by").exit_code(), 3);
}

/// Whole, and with this among its departures.
fn departs(plan: &Plan, told: &str) {
    let report = check(plan, "", "");
    assert!(
        report.departures.iter().any(|departure| departure.contains(told)),
        "{told}: {:?}",
        report.departures
    );
    assert_eq!(report.exit_code(), 3);
}

/// The run of the plan is at work from 09:00 to 09:03 by its own zone, which is 08:00 to 08:03 UTC.
#[test]
fn work_outside_of_the_hours_of_the_order_is_a_departure() {
    let hours = |hours: &'static str| {
        plan(|p| p.policy = p.policy.replace("hours       = \"any\"", &format!("hours       = \"{hours}\"")))
    };
    for inside in ["08:00-09:00 +00:00", "22:00-08:05 +00:00", "00:00-24:00 +00:00", "09:00-09:05 +01:00"] {
        assert_eq!(check(&hours(inside), "", "").exit_code(), 0, "{inside}");
    }
    for outside in ["09:00-10:00 +00:00", "08:04-08:00 +00:00", "08:00-09:00 +01:00"] {
        let told = format!("outside of the order's hours, {outside}");
        departs(&hours(outside), &told);
    }
    // It began in time, and went on for too long.
    departs(&hours("07:00-08:02 +00:00"), "was at work at 2026-11-23T09:0");
    // Both ends lie in the hours, of two days.
    let through = plan(|p| {
        p.policy = p.policy.replace("hours       = \"any\"", "hours       = \"08:00-20:00 +00:00\"");
        p.acquisition = Box::new(|a| a.ended = "2026-11-24T09:02:10+01:00".parse().unwrap());
    });
    departs(&through, "through hours that are not the order's, 08:00-20:00 +00:00");
}

#[test]
fn work_before_the_order_is_a_departure() {
    let early = plan(|p| p.policy = p.policy.replace("2026-11-01T00:00:00Z", "2026-11-23T09:00:00Z"));
    departs(&early, "before the order was issued, 2026-11-23 09:00:00 +00:00");
}

#[test]
fn a_key_that_opens_nothing_is_no_answer() {
    let (files, trust) = build(&plan(|p| with_ledger(p, |_| {})));
    let options = |key: &str| VerifyOptions {
        identities: vec![Box::new(identity(key).clone())],
        ..VerifyOptions::default()
    };
    let report = verify(&files, &trust, &options("neutral"));
    assert_eq!((report.intact, report.exit_code()), (Intact::Yes, 1), "{}", report.text());
    assert!(report.text().contains("the key that was given opens nothing in this package"));
    assert_eq!(verify(&files, &trust, &options("auditor")).exit_code(), 0);
    let report = audit(&files, &trust, &options("auditor"), |_| {});
    assert_eq!(report.exit_code(), 0);
    let limit = "the contents of captured were not checked: no key for them was given";
    assert!(report.limits.iter().any(|told| told.starts_with(limit)), "{:?}", report.limits);
}

/// Files of which one gives other bytes, once: when it is opened for the nth time.
struct Fickle {
    files: MemoryFiles,
    name: String,
    nth: usize,
    opened: std::cell::Cell<usize>,
}

impl Files for Fickle {
    fn names(&self) -> io::Result<Vec<String>> {
        self.files.names()
    }
    fn open(&self, name: &str) -> io::Result<Box<dyn ReadSeek>> {
        if name == self.name {
            let nth = self.opened.replace(self.opened.get() + 1);
            if nth == self.nth {
                let mut bytes = self.files.get(name).unwrap().to_vec();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                return Ok(Box::new(io::Cursor::new(bytes)));
            }
        }
        self.files.open(name)
    }
    fn irregular(&self) -> Vec<String> {
        Vec::new()
    }
}

#[test]
fn what_is_judged_is_what_is_hashed() {
    let (files, trust) = build(&plan(|p| with_ledger(p, |_| {})));
    for name in files.names().unwrap().into_iter().filter(|name| !name.starts_with("data/")) {
        let mut opened = 1;
        for nth in 0..4 {
            let fickle = Fickle { files: files.clone(), name: name.clone(), nth, opened: 0.into() };
            let options = VerifyOptions {
                identities: vec![Box::new(identity("auditor").clone())],
                ..VerifyOptions::default()
            };
            let report = verify(&fickle, &trust, &options);
            opened = opened.max(fickle.opened.get());
            assert_eq!(report.intact == Intact::Yes, opened <= nth, "{name} {nth}\n{}", report.text());
        }
        assert_eq!(opened, if name == "meta/inventory.txt" { 3 } else { 1 }, "{name}");
    }
}
