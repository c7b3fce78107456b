//! Tampering with a package: every file, every way, and the right check fails.

mod departures;

use std::io;

use super::testing::{Plan, build, identity, trust, with_ledger};
use super::{VerifyOptions, audit, verify};
use crate::acquisition::{Departure, MediumId, OTHER_MEDIUM};
use crate::approval::Approval;
use crate::event::{AcquisitionStart, Action};
use crate::files::{Files, MemoryFiles, ReadSeek};
use crate::report::{Answer, Intact, Report, Status};
use crate::sshsig;
use crate::trust::Trust;

fn report(files: &dyn Files, trust: &[u8]) -> Report {
    verify(files, trust, &VerifyOptions::default())
}

fn failed(report: &Report) -> Vec<&'static str> {
    report.checks.iter().filter(|check| check.status == Status::Fail).map(|check| check.id).collect()
}

/// The plan's package fails at `id`, with a detail that says `why`; an empty `id` means INTACT.
fn check(plan: &Plan, id: &str, why: &str) -> Report {
    let (files, trust) = build(plan);
    let report = report(&files, &trust);
    let found = failed(&report);
    if id.is_empty() {
        assert_eq!((report.intact, found), (Intact::Yes, vec![]), "{}", report.text());
        assert!(report.text().contains(why), "{}", report.text());
    } else {
        assert_eq!(report.intact, Intact::No, "{}", report.text());
        assert_eq!(report.exit_code(), 2);
        assert!(found.contains(&id), "{id} should fail\n{}", report.text());
        let detail = &report.check(id).unwrap().detail;
        assert!(detail.contains(why), "{id} should say {why}: {detail}");
    }
    report
}

fn plan(change: impl FnOnce(&mut Plan)) -> Plan {
    let mut plan = Plan::default();
    change(&mut plan);
    plan
}

/// As a plan whose events are changed before they are signed.
fn start(change: impl Fn(&mut AcquisitionStart) + 'static) -> Plan {
    plan(|plan| {
        plan.event = Box::new(move |action| {
            if let Action::AcquisitionStart(start) = action {
                change(start);
            }
        });
    })
}

#[test]
fn an_approval_names_the_language_that_was_read() {
    let german = |_: String| {
        let mut bundle = scope::Bundle::new();
        bundle.insert("policy.toml", Plan::default().policy.into_bytes()).unwrap();
        scope::render_in(&scope::Policy::parse(&bundle).unwrap(), scope::Language::German)
    };
    let named = |approval: &mut Approval| approval.renderer = scope::Language::German.renderer().into();
    check(&plan(|p| (p.rendering, p.approval) = (Box::new(german), Box::new(named))), "", "approved by");
    check(&plan(|p| p.rendering = Box::new(german)), "approval", "rendered again by ambit-render/2/en");
    check(&plan(|p| p.approval = Box::new(named)), "approval", "rendered again by ambit-render/2/de");
    // Where nobody approved it, the rendering is English.
    let unapproved = plan(|p| (p.rendering, p.with_approval) = (Box::new(german), false));
    check(&unapproved, "approval", "rendered again by ambit-render/2/en");
}

#[test]
fn an_honest_package_is_intact() {
    let report =
        check(&Plan::default(), "", "INTACT: the package is as it was when A. Berg (Lab) and B. Tal (Lab)");
    assert_eq!(report.exit_code(), 0);
    let text = report.text();
    assert!(text.starts_with("Relative to trust file "), "{text}");
    assert!(text.contains("Signers not confirmed"), "{text}");
    assert!(text.contains("one sector could not be read"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert!(!text.to_lowercase().contains("verified"), "heard as authentic and admissible");
    let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
    assert_eq!(json["intact"], "yes");
    assert_eq!(json["followed"], "not-checked");
    assert_eq!(json["checks"][9]["status"], "not-checked");
    let ids: Vec<&str> =
        json["checks"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap()).collect();
    let expected = "trust directory bag seal approval log checkpoint consistency cosignatures time agreement inventory objects";
    assert_eq!(ids.join(" "), expected);
}

/// Which check must catch a change of this file, whatever others say.
fn catcher(name: &str) -> &'static str {
    match name.split('/').next().unwrap() {
        "seal" => "seal",
        "custody" if name.ends_with("/checkpoint") => "checkpoint",
        "custody" => "log",
        _ => "bag",
    }
}

#[test]
fn every_file_every_way() {
    let (files, trust) = build(&Plan::default());
    let names = files.names().unwrap();
    assert!(names.len() > 25, "{names:?}");
    for name in &names {
        let bytes = files.get(name).unwrap().to_vec();
        let mut ways: Vec<(&str, Option<Vec<u8>>)> = vec![
            ("removed", None),
            ("emptied", Some(vec![])),
            ("cut by a byte", Some(bytes[..bytes.len() - 1].to_vec())),
            ("cut in half", Some(bytes[..bytes.len() / 2].to_vec())),
            ("longer by a line feed", Some([bytes.as_slice(), b"\n"].concat())),
            ("longer by itself", Some([bytes.as_slice(), &bytes].concat())),
        ];
        for at in [0, bytes.len() / 3, bytes.len() / 2, bytes.len() - 1] {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            ways.push(("flipped", Some(flipped)));
        }
        for (way, changed) in ways {
            let mut tampered = files.clone();
            tampered.remove(name);
            if let Some(changed) = changed {
                tampered.insert(name.clone(), changed);
            }
            let report = report(&tampered, &trust);
            assert_eq!(report.intact, Intact::No, "{name} {way}\n{}", report.text());
            // The tag manifest is sealed, and hashes nothing if it cannot be read: either check may be the one.
            let catcher = if name == "tagmanifest-sha256.txt" { "seal" } else { catcher(name) };
            assert!(failed(&report).contains(&catcher), "{name} {way}: {catcher}\n{}", report.text());
            // What is told first is where to look, and no consequence of it.
            let told = report.text().split_whitespace().collect::<Vec<_>>().join(" ");
            let first = if name == "tagmanifest-sha256.txt" { "bag" } else { catcher };
            assert!(told.contains(&format!("First to fail: {first};")), "{name} {way}: {first}\n{told}");
        }
    }
}

#[test]
fn no_two_files_can_change_places() {
    let (files, trust) = build(&Plan::default());
    let names = files.names().unwrap();
    for (a, b) in names.iter().zip(names.iter().skip(1)) {
        let mut swapped = files.clone();
        let (from_a, from_b) = (swapped.remove(a).unwrap(), swapped.remove(b).unwrap());
        swapped.insert(a.clone(), from_b);
        swapped.insert(b.clone(), from_a);
        let report = report(&swapped, &trust);
        assert_eq!(report.intact, Intact::No, "{a} and {b}\n{}", report.text());
    }
}

#[test]
fn nothing_can_be_added() {
    let (files, trust) = build(&Plan::default());
    for (name, id) in [
        ("extra.txt", "directory"),
        ("meta/extra.json", "directory"),
        ("meta/policy/extra.txt", "bag"),
        ("meta/policy/Extra.txt", "directory"),
        (".DS_Store", "directory"),
        ("data/held-x-0001.zip.age", "bag"),
        ("data/../up", "directory"),
        ("seal/tagmanifest-sha256.txt.other.sig", "directory"),
        ("seal/tagmanifest-sha256.txt.other.sig", "seal"),
        ("custody/readme", "directory"),
        ("custody/000001/other.sig", "log"),
        ("custody/000005/event.json", "log"),
        ("custody/000009/event.json", "log"),
        ("custody/000003/\u{202e}sig", "directory"),
    ] {
        let mut more = files.clone();
        more.insert(name, files.get("VERIFY.txt").unwrap().to_vec());
        let report = report(&more, &trust);
        assert!(failed(&report).contains(&id), "{name}: {id}\n{}", report.text());
        assert_eq!(report.intact, Intact::No, "{name}");
        assert!(!report.text().contains('\u{202e}'));
        assert!(!report.json().contains('\u{202e}'));
    }
    let mut strange = files.clone();
    strange.insert_irregular("data/link -> /etc/passwd");
    assert!(failed(&report(&strange, &trust)).contains(&"directory"));
}

#[test]
fn the_seal_needs_its_people() {
    check(&plan(|p| p.seal_signers = vec!["examiner"]), "seal", "needs examiner and witness");
    check(&plan(|p| p.seal_signers = vec!["examiner", "other"]), "seal", "needs examiner and witness");
    check(&plan(|p| p.seal_namespace = sshsig::CUSTODY_EVENT), "seal", "signed as");
    check(
        &plan(|p| p.seal_quotes = Box::new(|seal| drop(seal.signatures.pop()))),
        "seal",
        "does not quote it",
    );
    check(&plan(|p| p.seal_quotes = Box::new(|seal| seal.tagmanifest.0[0] ^= 1)), "seal", "expected sha256:");
    check(&plan(|p| p.trust = trust().replace("B. Tal", "a.  berg")), "seal", "each another person");
    check(&plan(|p| p.trust = trust().replace("2027-01-01", "2026-06-01")), "seal", "was not valid");
    check(
        &plan(|p| p.trust = trust().replace("roles = [\"witness\"]", "roles = [\"court\"]")),
        "seal",
        "needs examiner",
    );
    let without = |p: &mut Plan| {
        p.last = Box::new(|files| drop(files.remove("seal/tagmanifest-sha256.txt.witness.sig")))
    };
    check(&plan(without), "seal", "is missing, and package.seal quotes it");
}

#[test]
fn the_approval_is_of_this_policy_for_this_medium_by_the_authority() {
    check(
        &plan(|p| p.approval_signers = vec![("examiner", sshsig::APPROVAL)]),
        "approval",
        "needs authority",
    );
    check(
        &plan(|p| p.approval_signers = vec![("authority", sshsig::CUSTODY_EVENT)]),
        "approval",
        "signed as",
    );
    check(
        &plan(|p| p.rendering = Box::new(|text| format!("{text}Nothing is taken.\n"))),
        "approval",
        "rendered again",
    );
    check(&plan(|p| p.approval = Box::new(|a| a.policy.0[0] ^= 1)), "approval", "policy: expected");
    check(&plan(|p| p.approval = Box::new(|a| a.rendering.0[0] ^= 1)), "approval", "rendering: expected");
    check(
        &plan(|p| p.approval = Box::new(|a| a.renderer = "other/1".into())),
        "approval",
        "renderer: expected",
    );
    check(
        &plan(|p| p.approval = Box::new(|a| a.origin = "example.org/2".into())),
        "approval",
        "origin: expected",
    );
    check(&plan(|p| p.approval = Box::new(|a| a.medium = "KC08".into())), "approval", "medium: expected");
    let other = || MediumId { kind: "serial".into(), value: "WD-2".into() };
    check(
        &plan(|p| p.approval = Box::new(move |a| a.medium_ids = vec![other()])),
        "approval",
        "medium-id: expected",
    );
    check(&plan(|p| p.with_approval = false), "approval", "does not say why");
    check(&plan(|p| p.with_approval = false), "log", "is not approved");
}

#[test]
fn departures_are_told_and_do_not_break_the_seal() {
    let bare = plan(|p| {
        *p = start(|start| start.without_approval = Some("the judge was asleep".into()));
        p.with_approval = false;
    });
    let report = check(&bare, "", "the judge was asleep");
    assert_eq!(report.exit_code(), 3);
    let report = check(
        &start(|s| s.writable_source = Some("no blocker".into())),
        "",
        "the source was writable: no blocker",
    );
    assert_eq!(report.exit_code(), 3);
    let late = plan(|p| p.policy = p.policy.replace("2026-12-01", "2026-11-02"));
    assert_eq!(check(&late, "", "after execute_by").exit_code(), 3);
}

#[test]
fn the_log_is_signed_by_those_it_needs() {
    check(&plan(|p| p.event_namespace = sshsig::PACKAGE_SEAL), "log", "signed as");
    check(
        &plan(|p| p.signers = Box::new(|_| vec!["examiner"])),
        "log",
        "acquisition.start needs examiner and witness",
    );
    check(&plan(|p| p.signers = Box::new(|_| vec!["other"])), "log", "case.open needs examiner");
    check(&start(|s| s.run_key = "ssh-rsa AAAA".into()), "log", "run_key: not an ssh-ed25519 key");
    check(&plan(|p| p.log_key = "other"), "checkpoint", "log key");
    check(&plan(|p| p.checkpoint_size = Some(4)), "checkpoint", "package.seal does not lie under");
    check(
        &plan(|p| p.last = Box::new(|f| drop(f.remove("custody/000004/checkpoint")))),
        "checkpoint",
        "no entry",
    );
}

#[test]
fn a_cut_or_forked_log_shows_against_an_earlier_head() {
    let (files, _) = build(&Plan::default());
    let log = crate::custody_log::Log::read(&files);
    let with = |size: u64, root: scope::Digest| {
        let line = format!("checkpoint = {{ size = {size}, root = \"{root}\" }}\n\n[[principal]]");
        trust().replacen("\n[[principal]]", &line, 1)
    };
    let known = log.head_at(3).unwrap().tree().unwrap();
    let good = report(&files, with(3, known.root).as_bytes());
    assert_eq!(good.check("consistency").unwrap().status, Status::Pass, "{}", good.text());
    for (size, root) in [(3, scope::Digest([0; 32])), (9, known.root)] {
        assert_eq!(failed(&report(&files, with(size, root).as_bytes())), ["consistency"]);
    }
}

#[test]
fn files_agree_with_each_other() {
    let acquisition =
        |change: fn(&mut crate::acquisition::Acquisition)| plan(|p| p.acquisition = Box::new(change));
    // Whatever is changed in it after the run: acquisition.end quotes it, and the list of what is sealed may follow.
    let quoted = plan(|p| {
        p.event = Box::new(|action| {
            if let Action::AcquisitionEnd(end) = action {
                end.acquisition_sha256.0[0] ^= 1;
            }
        });
    });
    check(&quoted, "agreement", "meta/acquisition.json: expected sha256:");
    check(&quoted, "agreement", "changed after the run ended");
    check(&acquisition(|a| a.policy.0[0] ^= 1), "agreement", "policy");
    check(&acquisition(|a| a.origin.push('8')), "agreement", "origin");
    check(&acquisition(|a| a.package.0[0] ^= 1), "agreement", "no acquisition.start of run");
    check(&acquisition(|a| a.medium.ids[0].value.push('8')), "agreement", "medium");
    check(&acquisition(|a| a.run_key.push('8')), "agreement", "run_key");
    check(&acquisition(|a| a.tool.digest.0[0] ^= 1), "agreement", "tool");
    check(&acquisition(|a| a.log.size -= 1), "agreement", "log.size");
    check(&acquisition(|a| a.log.root.0[0] ^= 1), "agreement", "log.root");
    check(
        &acquisition(|a| a.record_left = crate::acquisition::RecordLeft::Counts),
        "agreement",
        "record_left",
    );
    check(
        &acquisition(|a| a.sets[0].parts[0].sha256.0[0] ^= 1),
        "agreement",
        "digest of data/captured-0001.zip.age",
    );
    check(&acquisition(|a| a.sets[0].parts[0].bytes += 1), "agreement", "length of");
    check(&acquisition(|a| a.sets[0].parts[0].stanzas += 1), "agreement", "stanzas of");
    check(&acquisition(|a| drop(a.sets.pop())), "agreement", "no set ledger");
    // A clock that goes back is told, and proves nothing against the parts.
    check(&acquisition(|a| std::mem::swap(&mut a.began, &mut a.ended)), "", "is after ended");
    // Another medium is a departure where an override on the log says so too; acquisition.json alone cannot say it.
    let mut another = start(|start| start.medium.ids[0].value.push('8'));
    another.acquisition = Box::new(|a| {
        a.medium.ids[0].value.push('8');
        a.departures.push(Departure { what: format!("{OTHER_MEDIUM}a copy"), reason: "broken".into() });
    });
    check(&another, "agreement", "this one has WD-18");
    // The ledger to one reader more than the policy names, and all else in order.
    let more = plan(|p| {
        let extra = super::testing::identity("case").to_public().to_string();
        p.parts[1].2.push(extra);
    });
    check(&more, "agreement", "recipients of ledger");
    let hidden = plan(|p| {
        let extra = super::testing::identity("case").to_public().to_string();
        p.parts[1].2.push(extra.clone());
        p.acquisition = Box::new(move |a| a.sets[1].recipients.retain(|r| *r != extra));
    });
    check(&hidden, "agreement", "the list of recipients has 2");
}

#[test]
fn the_inventory_adds_up() {
    let line = |outcome: &str, digit: &str| format!("{outcome} {}\n", digit.repeat(64));
    let unsorted = format!("{}{}", line("left", "1"), line("captured", "1"));
    check(&plan(|p| p.inventory = unsorted), "inventory", "does not sort");
    check(&plan(|p| p.inventory = line("left", "1").repeat(2)), "inventory", "stands twice");
    check(&plan(|p| p.acquisition = Box::new(|a| a.inventory.root.0[0] ^= 1)), "inventory", "expected root");
    let counts = |a: &mut crate::acquisition::Acquisition| {
        a.inventory.counts = [(scope::Outcome::Left, 3)].into();
    };
    check(&plan(|p| p.acquisition = Box::new(counts)), "inventory", "expected 0 captured, found 1");
    check(&plan(|p| p.acquisition = Box::new(counts)), "agreement", "captured");
}

#[test]
fn the_trust_file_decides() {
    let (files, trust) = build(&Plan::default());
    let words = Trust::parse(&trust).unwrap().words();
    let with = |words: &str| {
        let options = VerifyOptions { trust_words: Some(words.to_owned()), ..VerifyOptions::default() };
        verify(&files, &trust, &options)
    };
    let good = with(&words.to_uppercase().replace(' ', "-"));
    assert_eq!(good.intact, Intact::Yes);
    assert!(!good.text().contains("not confirmed"));
    let (first, rest) = words.split_once(' ').unwrap();
    let check = |typed: &str, intact: Intact, why: &str| {
        let report = with(typed);
        assert_eq!(report.intact, intact, "{typed}");
        let detail = &report.check("trust").unwrap().detail;
        assert!(detail.contains(why), "{typed}: {detail}");
    };
    check(&format!("zoo {rest}"), Intact::No, "another trust file");
    check(&format!("{rest} {first}"), Intact::No, "in another order");
    // A slip of the pen says nothing of the package.
    check(rest, Intact::Unfinished, "8 words are needed, and 7 were given");
    check(&words.replacen(' ', " x", 1), Intact::Unfinished, "is no word of the list");
    let required =
        String::from_utf8(trust.clone()).unwrap().replacen("\n\n", "\nrequire = [\"time\"]\n\n", 1);
    assert_eq!(failed(&report(&files, required.as_bytes())), ["time"]);
    let broken = report(&files, b"format = 1");
    assert_eq!((broken.intact, broken.exit_code()), (Intact::Unfinished, 1), "{}", broken.text());
}

/// Files of which one cannot be read.
struct Torn(MemoryFiles, String);

impl Files for Torn {
    fn names(&self) -> io::Result<Vec<String>> {
        self.0.names()
    }
    fn open(&self, name: &str) -> io::Result<Box<dyn ReadSeek>> {
        if name == self.1 { Err(io::Error::other("bad sector")) } else { self.0.open(name) }
    }
    fn irregular(&self) -> Vec<String> {
        Vec::new()
    }
}

#[test]
fn what_cannot_be_read_is_never_intact() {
    let (files, trust) = build(&Plan::default());
    for name in files.names().unwrap() {
        let report = report(&Torn(files.clone(), name.clone()), &trust);
        assert_ne!(report.intact, Intact::Yes, "{name}");
    }
    let report = report(&Torn(files, "data/captured-0001.zip.age".into()), &trust);
    assert_eq!(report.intact, Intact::Unfinished, "{}", report.text());
}

/// What an audit with this key says of a package whose ledger was changed before everything was signed.
fn audited(key: &str, change: impl FnOnce(&mut crate::replay::testing::Case)) -> (Report, usize) {
    let (files, trust) = build(&plan(|p| with_ledger(p, change)));
    let options =
        VerifyOptions { identities: vec![Box::new(identity(key).clone())], ..VerifyOptions::default() };
    let mut records = 0;
    let report = audit(&files, &trust, &options, |_| records += 1);
    assert_eq!(report.intact, Intact::Yes, "{}", report.text());
    (report, records)
}

#[test]
fn an_audit_follows_every_decision() {
    let (report, records) = audited("auditor", |_| {});
    assert_eq!((report.followed, report.exit_code(), records), (Answer::Yes, 0, 3), "{}", report.text());
    assert!(report.text().contains("FOLLOWED: every recorded decision"), "{}", report.text());

    let (report, _) = audited("auditor", |case| {
        case.change_decision("/etc/passwd", |decision| decision.tier = scope::Tier::Excluded);
    });
    assert_eq!((report.followed, report.exit_code()), (Answer::No, 2), "{}", report.text());
    assert!(report.findings.iter().any(|finding| finding.kind == "outcome"), "{}", report.text());
    assert!(report.text().contains("NOT FOLLOWED"), "{}", report.text());

    let (report, records) = audited("neutral", |_| {});
    assert_eq!(
        (report.followed, report.exit_code(), records),
        (Answer::NotChecked, 1, 0),
        "{}",
        report.text()
    );
}

#[test]
fn an_audit_of_what_is_not_intact_answers_nothing() {
    let (files, trust) = build(&plan(|p| {
        with_ledger(p, |_| {});
        p.seal_signers = vec!["examiner"];
    }));
    let options =
        VerifyOptions { identities: vec![Box::new(identity("auditor").clone())], ..VerifyOptions::default() };
    let report = audit(&files, &trust, &options, |_| {});
    assert_eq!((report.followed, report.exit_code()), (Answer::NotChecked, 2), "{}", report.text());
}

#[test]
fn a_reexamination_answers_matched() {
    let (mut report, _) = audited("court", |_| {});
    report.reexamined("3 of 3 items, all", vec![]);
    assert_eq!((report.matched, report.exit_code()), (Answer::Yes, 0));
    let finding = crate::report::Finding {
        kind: "fact".into(),
        item: "/etc/passwd".into(),
        rule: String::new(),
        detail: "the size differs".into(),
    };
    report.reexamined("3 of 3 items, all", vec![finding]);
    assert_eq!((report.matched, report.exit_code()), (Answer::No, 2));
}

#[test]
fn a_holder_sees_what_a_part_holds() {
    // The captured part of these plans is no archive: nobody but its holder can tell.
    let with = |key: &str| {
        let (files, trust) = build(&plan(|p| with_ledger(p, |_| {})));
        let options =
            VerifyOptions { identities: vec![Box::new(identity(key).clone())], ..VerifyOptions::default() };
        verify(&files, &trust, &options)
    };
    let report = with("case");
    assert_eq!(failed(&report), ["objects"], "{}", report.text());
    assert_eq!(report.intact, Intact::No);
    let report = with("auditor");
    let objects = report.check("objects").unwrap();
    assert_eq!(objects.status, Status::Pass, "{}", report.text());
    assert!(objects.detail.contains("captured: not checked"), "{}", objects.detail);
    assert!(objects.detail.contains("ledger: 3 records"), "{}", objects.detail);
    let report = with("neutral");
    assert_eq!(report.check("objects").unwrap().status, Status::NotChecked, "{}", report.text());
}
