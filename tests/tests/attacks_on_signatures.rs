//! Attacks on what a package is believed for: log, seal, approval, trust file, versions.
//!
//! As in `attacks.rs`: whoever must sign has signed, unless the test says whose key
//! the forger lacks, and the check that is meant for the lie fails alone.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::sliced_string_as_bytes,
    clippy::type_complexity,
    clippy::unwrap_used,
    reason = "all of this is test code: what fails here fails a test"
)]

use std::ffi::OsString;

use evidence::custody_log::Log;
use evidence::event::{Action, Note};
use evidence::report::Status;
use evidence::sshsig;
use evidence::trust::Role;
use scenarios::forge::{
    Forge, Package, Sealed, Signing, check, digest, forged, only_its_holder, packed, statuses,
};

#[test]
fn the_log_cannot_be_rewritten_without_the_witness() {
    let honest = Forge::honest().assemble().seal();
    let lost = |lie: fn(&mut Package)| {
        packed(|package| {
            package.lost = Some(("witness".to_owned(), honest.files.clone()));
            for (set, part) in &mut package.parts {
                part.file = honest.files.get(&set.file(1)).cloned();
            }
            lie(package);
        })
    };
    check(&lost(|_| {}), &[], "", "INTACT");
    let stale = "witness.sig: ";
    let edited = lost(|package| package.step("examine").statement.reason = "a last look".to_owned());
    check(&edited, &[], "seal log", stale);
    let dropped = lost(|package| drop(package.log.remove(package.index("examine"))));
    check(&dropped, &[], "seal log", stale);
    let swapped = lost(|package| {
        let (approve, examine) = (package.index("policy.approve"), package.index("examine"));
        package.log.swap(approve, examine);
    });
    check(&swapped, &[], "seal log", stale);
}

#[test]
fn the_log_tells_a_story_that_can_be() {
    let swapped = packed(|package| {
        let (approve, start) = (package.index("policy.approve"), package.index("acquisition.start"));
        package.log.swap(approve, start);
    });
    // Whoever moves an event moves its time along.
    let failed = statuses(&swapped.verify(&[]), Status::Fail);
    assert_eq!(failed, "approval log", "{}", swapped.verify(&[]).text());
    let chain =
        packed(|package| package.event = |event| event.prev_entry = event.prev_entry.map(|_| digest(b"?")));
    check(&chain, &[], "log", "prev_entry is");
    let tree = packed(|package| {
        package.event = |event| {
            event.prev_tree = event.prev_tree.map(|t| evidence::event::TreeHead { size: t.size + 1, ..t })
        };
    });
    check(&tree, &[], "log", "prev_tree is");
    let alone = packed(|package| package.step("acquisition.start").who.retain(|who| who.key == "examiner"));
    check(&alone, &[], "log", "acquisition.start needs examiner and witness");
    // A signature of one who was not a witness yet.
    let name = "name = \"witness\"\n";
    let mut early = Forge::honest().assemble();
    early.trust = early.trust.replace(name, &format!("{name}valid_from = \"2999-01-01T00:00:00Z\"\n"));
    let failed = early.seal().verify(&[]);
    assert_eq!(statuses(&failed, Status::Fail), "seal log", "{}", failed.text());
    assert!(failed.check("log").unwrap().detail.contains("was not valid at"), "{}", failed.text());
    // Back-dated within validity: nobody can prove it by signatures alone, and it is told.
    let back = packed(|package| {
        package.step("acquisition.start").statement.when = "2000-01-01T00:00:00Z".parse().unwrap();
    });
    let report = back.verify(&[]);
    assert_eq!((statuses(&report, Status::Fail).as_str(), report.exit_code()), ("", 3), "{}", report.text());
    assert!(report.text().contains("earlier time than the event before"), "{}", report.text());
}

/// A package whose log goes on after the seal, and a trust file that knows its head.
fn with_a_note(text: &str) -> Sealed {
    packed(|package| {
        let mut note = package.log.last().unwrap().clone();
        note.who.retain(|who| who.key == "examiner");
        note.statement.action = Action::Note(Note { text: text.to_owned() });
        package.log.push(note);
    })
}

fn knowing_the_head_of(known: &Sealed, mut sealed: Sealed) -> Sealed {
    let head = Log::read(&known.memory()).head().unwrap().tree().unwrap();
    let line = format!("checkpoint = {{ size = {}, root = \"{}\" }}\n\n[[principal]]", head.size, head.root);
    sealed.trust = sealed.trust.replacen("\n[[principal]]", &line, 1);
    sealed
}

#[test]
fn a_cut_or_forked_log_needs_an_earlier_head() {
    let whole = with_a_note("the package was handed over");
    check(&whole, &[], "", "INTACT");
    check(&knowing_the_head_of(&whole, whole.clone()), &[], "", "INTACT");
    let entries = Log::read(&whole.memory()).entries.len();
    let mut cut = whole.clone();
    let last = format!("custody/{:06}/", entries - 1);
    cut.files.retain(|name, _| !name.starts_with(&last));
    check(&cut, &[], "", &format!("shown as of {} entries", entries - 1));
    check(&knowing_the_head_of(&whole, cut), &[], "consistency", "it was cut");
    let fork = with_a_note("the package was not handed over");
    check(&fork, &[], "", "INTACT");
    check(&knowing_the_head_of(&whole, fork), &[], "consistency", "forked or changed");
    // An examination before the capture, gone from a log that everybody signed again.
    let honest = Forge::honest().assemble().seal();
    let dropped = packed(|package| drop(package.log.remove(package.index("examine"))));
    check(&dropped, &[], "", "INTACT");
    check(&knowing_the_head_of(&honest, dropped), &[], "consistency", "it was cut");
}

#[test]
fn strangers_keys() {
    let strange = |who: &mut Vec<Signing>| who.iter_mut().for_each(|who| who.key = "stranger".to_owned());
    let mut all = forged(|forge| {
        forge.approve(|_| {}, "court-officer", "stranger", sshsig::APPROVAL);
        forge.log.iter_mut().for_each(|step| strange(&mut step.who));
    });
    strange(&mut all.seal);
    all.log_key = "stranger".to_owned();
    check(&all.seal(), &[], "seal approval log checkpoint", "examiner.sig: ");
    check(&packed(|package| package.log_key = "examiner".to_owned()), &[], "checkpoint", "log key");
    check(
        &packed(|package| package.part("captured").key = "examiner".to_owned()),
        &["case-team"],
        "objects",
        "run key",
    );
    check(
        &packed(|package| package.part("ledger").key = "examiner".to_owned()),
        &["court"],
        "objects",
        "run key",
    );
}

/// Runs `ambit-verify`; its exit code and what it printed.
fn program(args: &[&str]) -> (u8, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = std::iter::once(&"ambit-verify").chain(args).map(OsString::from);
    let code = verifier::run_to_code(args, &mut out, &mut err);
    (code, String::from_utf8_lossy(&out).into_owned() + &String::from_utf8_lossy(&err))
}

#[test]
fn the_trust_file_is_the_courts() {
    let sealed = Forge::honest().assemble().seal();
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let package = path("KC07.ambit");
    sealed.write(dir.path().join("KC07.ambit").as_path());
    std::fs::write(path("trust.toml"), &sealed.trust).unwrap();
    std::fs::write(path("other.toml"), format!("{}\n# mine\n", sealed.trust)).unwrap();
    std::fs::write(path("KC07.ambit/trust.toml"), &sealed.trust).unwrap();
    let words = evidence::trust::Trust::parse(sealed.trust.as_bytes()).unwrap().words();
    let run = |trust: &str, expected: u8, says: &str| {
        let (code, text) = program(&[&package, "--trust", trust, "--trust-words", &words]);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(code == expected && text.contains(says), "{expected}, {says}: {code}, {text}");
    };
    run(&path("KC07.ambit/trust.toml"), 1, "the trust file lies in the package");
    std::fs::remove_file(path("KC07.ambit/trust.toml")).unwrap();
    run(&path("trust.toml"), 0, "INTACT");
    run(&path("other.toml"), 2, "First to fail: trust; all that failed: trust.");
}

#[test]
fn a_rendering_that_says_something_else() {
    let sealed = forged(|forge| {
        let rendering = forge.policy_files.get_mut("rendering.md").unwrap();
        rendering.extend(b"\nMailboxes are left alone.\n");
        let rendering = digest(rendering);
        // Even the authority signed what it read.
        forge.approve(
            |approval| approval.rendering = rendering,
            "court-officer",
            "court-officer",
            sshsig::APPROVAL,
        );
    });
    check(&sealed.seal(), &[], "approval", "meta/policy/rendering.md: expected");
}

#[test]
fn the_approval_is_the_authoritys_for_this_medium() {
    let approved = |edit: fn(&mut evidence::approval::Approval), principal: &str, namespace: &str| {
        forged(|forge| forge.approve(edit, principal, principal, namespace)).seal()
    };
    check(&approved(|_| {}, "court-officer", sshsig::APPROVAL), &[], "", "INTACT");
    check(&approved(|_| {}, "examiner", sshsig::APPROVAL), &[], "approval", "needs authority");
    check(&approved(|_| {}, "case-team", sshsig::APPROVAL), &[], "approval", "needs authority");
    let other_label = approved(|a| a.medium = "KC08".to_owned(), "court-officer", sshsig::APPROVAL);
    check(&other_label, &[], "approval", "medium: expected KC07, found KC08");
    let other_disk = approved(|a| a.medium_ids[0].value.push('8'), "court-officer", sshsig::APPROVAL);
    check(&other_disk, &[], "approval", "medium-id: expected");
    let mut by_examiner = Forge::honest();
    by_examiner.approve(|_| {}, "examiner", "examiner", sshsig::APPROVAL);
    let mut package = by_examiner.assemble();
    let examiner = package.step("examine").who.clone();
    package.step("policy.approve").who = examiner;
    check(&package.seal(), &[], "approval log", "needs authority");
    // A policy for another medium, approved and followed, and a medium that is not it.
    let other_medium = packed(|package| {
        let other =
            |ids: &mut Vec<evidence::acquisition::MediumId>| ids.iter_mut().for_each(|id| id.value.push('8'));
        other(&mut package.acquisition.medium.ids);
        if let Action::AcquisitionStart(start) = &mut package.step("acquisition.start").statement.action {
            other(&mut start.medium.ids);
        }
    });
    check(&other_medium, &[], "agreement", "medium: the policy's medium has");
    let swapped = forged(|forge| forge.swap_policy("/etc/crontab", "/etc/shadow"));
    check(&swapped.seal(), &[], "approval log", "rendering.md: expected");
}

#[test]
fn one_person_has_one_role() {
    let twice = |package: &mut Package| {
        // The examiner's second key, in a second name, with the witness's role.
        let name = "person = \"Tom Iversen\"\norganisation = \"Hosting provider, duty manager\"";
        let second = "person = \"Ada Berg\"\norganisation = \"Computer Forensics Unit\"";
        package.trust = package.trust.replace(name, second);
        package.trust += &format!(
            "\n[[principal]]\nname = \"bystander\"\nperson = \"Tom Iversen\"\norganisation = \"Elsewhere\"\n\
             roles = [\"witness\"]\nkeys = [\"{}\"]\n",
            package.keys.signing("stranger").public_line()
        );
        let ada = |who: &mut Vec<Signing>| {
            for who in who.iter_mut().filter(|who| who.person.role == Role::Witness) {
                who.person.person = "Ada Berg".to_owned();
                who.person.organisation = "Computer Forensics Unit".to_owned();
            }
        };
        package.log.iter_mut().for_each(|step| ada(&mut step.who));
        ada(&mut package.seal);
    };
    check(&packed(twice), &[], "seal log", "each another person");
}

#[test]
fn missing_and_unquoted_signatures() {
    let alone = packed(|package| package.seal.retain(|who| who.key == "examiner"));
    check(&alone, &[], "seal", "needs examiner and witness");
    let unquoted =
        packed(|package| package.quoted = |seal| seal.signatures.retain(|s| s.principal != "witness"));
    check(&unquoted, &[], "directory seal", "tagmanifest-sha256.txt.witness.sig");
    let misquoted =
        packed(|package| package.quoted = |seal| seal.signatures[0].signature = digest(b"another"));
    check(&misquoted, &[], "seal", "expected sha256:");
    let other_bytes = packed(|package| package.quoted = |seal| seal.tagmanifest = digest(b"another"));
    check(&other_bytes, &[], "seal", "tagmanifest-sha256.txt: expected");
    let unapproved = forged(|forge| forge.policy_files.retain(|name, _| !name.ends_with(".sig")));
    check(&unapproved.seal(), &[], "approval", "needs authority");
    let removed = |name: &str| {
        let mut sealed = Forge::honest().assemble().seal();
        sealed.files.remove(name).unwrap();
        sealed
    };
    check(
        &removed("seal/tagmanifest-sha256.txt.witness.sig"),
        &[],
        "seal",
        "is missing, and package.seal quotes it",
    );
    let sealed_at = Forge::honest().assemble().index("package.seal");
    let checkpoint = format!("custody/{sealed_at:06}/checkpoint");
    check(&removed(&checkpoint), &[], "checkpoint", "no entry");
}

#[test]
fn an_unknown_version_is_a_failure() {
    let check = |file: &str, from: &str, to: &str, people: &[&str], first: &str| {
        let sealed = packed(|package| package.swap(file, from, to));
        let report = sealed.verify(people);
        let failed = statuses(&report, Status::Fail);
        assert!(report.exit_code() == 2 && failed.starts_with(first), "{file}: {failed}\n{}", report.text());
    };
    check("meta/acquisition.json", "ambit/acquisition/1", "ambit/acquisition/2", &[], "seal");
    check("meta/acquisition.json", "\"record_left\"", "\"suite\": \"none\", \"record_left\"", &[], "seal");
    check("bagit.txt", "1.0", "0.97", &[], "bag");
    check("custody/000003/event.json", "ambit/custody-event/1", "ambit/custody-event/0", &[], "seal");
    check("custody/000003/event.json", "acquisition.start", "acquisition.begin", &[], "seal");
    check("custody/000003/entry.txt", "ambit/custody-entry/v1", "ambit/custody-entry/v2", &[], "seal");
    check("captured/manifest.jsonl", "ambit/part/1", "ambit/part/0", &["case-team"], "objects");
    check("ledger", "ambit/ledger/1", "ambit/ledger/2", &["auditor"], "objects");
    let approval = forged(|forge| {
        let text = forge.policy_files.get_mut("approval.txt").unwrap();
        *text = String::from_utf8(text.clone()).unwrap().replace("approval/v1", "approval/v2").into_bytes();
    });
    self::check(&approval.seal(), &[], "approval", "line 1");
}

#[test]
fn a_signature_of_one_kind_is_no_other() {
    let all = [
        sshsig::APPROVAL,
        sshsig::PACKAGE_SEAL,
        sshsig::CUSTODY_EVENT,
        sshsig::MANIFEST,
        sshsig::ATTESTATION,
    ];
    for wrong in all {
        if wrong != sshsig::APPROVAL {
            let sealed = forged(|f| f.approve(|_| {}, "court-officer", "court-officer", wrong)).seal();
            check(&sealed, &[], "approval", "signed as");
        }
        if wrong != sshsig::PACKAGE_SEAL {
            let seal = packed(|package| package.seal.iter_mut().for_each(|who| who.namespace = wrong));
            check(&seal, &[], "seal", "signed as");
        }
        if wrong != sshsig::CUSTODY_EVENT {
            let event = packed(|package| package.step("acquisition.start").who[1].namespace = wrong);
            check(&event, &[], "log", "signed as");
        }
        if wrong != sshsig::MANIFEST {
            only_its_holder(&packed(|p| p.part("held:neutral").namespace = wrong), "neutral", "signed as");
            only_its_holder(&packed(|p| p.part("ledger").namespace = wrong), "auditor", "signed as");
        }
    }
}
