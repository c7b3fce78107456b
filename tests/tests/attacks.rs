//! The attacks that a package must withstand, each signed by everybody it needs.
//!
//! The forger has every key ([`scenarios::forge`]). What is left for him to be
//! caught by is the one check that is meant for his lie; that it alone fails is
//! part of each test. The table is that of `docs/concepts/limits.md` and of the
//! spec pages' sections on attacks.

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

use evidence::acquisition::RunNumber;
use evidence::custody_log::Log;
use evidence::event::{Action, Note};
use evidence::manifest::Row;
use evidence::report::{Report, Status};
use evidence::sshsig;
use evidence::trust::Role;
use scenarios::forge::{Entry, Forge, Package, Sealed, Signing, archive, digest, statuses};

/// Exactly these checks fail, and the first of them says `why`; none: the package is INTACT.
fn check(sealed: &Sealed, people: &[&str], fails: &str, why: &str) -> Report {
    let report = sealed.verify(people);
    assert_eq!(statuses(&report, Status::Fail), fails, "{}", report.text());
    let expected = if fails.is_empty() { 0 } else { 2 };
    assert_eq!(report.exit_code(), expected, "{}", report.text());
    let said = match fails.split(' ').next() {
        Some(first) if !first.is_empty() => report.check(first).unwrap().detail.clone(),
        _ => report.text().split_whitespace().collect::<Vec<_>>().join(" "),
    };
    assert!(said.contains(why), "it should say {why}: {said}");
    report
}

fn forged(lie: impl FnOnce(&mut Forge)) -> Package {
    let mut forge = Forge::honest();
    lie(&mut forge);
    forge.assemble()
}

fn packed(lie: impl FnOnce(&mut Package)) -> Sealed {
    let mut package = Forge::honest().assemble();
    lie(&mut package);
    package.seal()
}

/// Nobody sees it without a key, and everybody is told so; the holder of `who`'s key does.
fn only_its_holder(sealed: &Sealed, who: &str, why: &str) {
    check(sealed, &[], "", "not checked: contents of the captured parts");
    check(sealed, &[who], "objects", why);
}

const EVERYBODY: [&str; 5] = ["case-team", "neutral", "victim-data", "auditor", "court"];

#[test]
fn an_honest_forgery_is_a_package() {
    let sealed = Forge::honest().assemble().seal();
    check(&sealed, &[], "", "INTACT: the package is as it was when Ada Berg");
    let report = check(&sealed, &EVERYBODY, "", "425 records, signed by the run key");
    assert_eq!(statuses(&report, Status::NotChecked), "consistency cosignatures time");
    let report = sealed.audit(&["court"]);
    assert_eq!(report.exit_code(), 0, "{}", report.text());
}

#[test]
fn what_is_smuggled_into_a_part() {
    let captured = |lie: fn(&mut Vec<Row>, &mut Vec<(String, Vec<u8>)>)| {
        packed(|package| {
            let part = package.part("captured");
            let mut rows = std::mem::take(part.rows());
            lie(&mut rows, part.objects());
            *part.rows() = rows;
        })
    };
    let check = |sealed: &Sealed, why: &str| only_its_holder(sealed, "case-team", why);
    check(
        &captured(|_, objects| objects.push(("objects/KC07-C-9000000".into(), b"more".into()))),
        "KC07-C-9000000: an object without a row",
    );
    check(&captured(|rows, _| rows.push(rows[0].clone())), "stands twice");
    check(
        &captured(|rows, objects| {
            // One opening for two control numbers, each with the object that it opens.
            let at = rows.iter().position(|row| matches!(row, Row::Object(_))).unwrap();
            let Row::Object(mut opened) = rows[at].clone() else { unreachable!() };
            let content = objects.iter().find(|(name, _)| name.ends_with(&opened.control.to_string()));
            let content = content.map(|(_, content)| content.clone()).unwrap_or_default();
            opened.control = "KC07-C-9000000".parse().unwrap();
            objects.push(("objects/KC07-C-9000000".into(), content));
            rows.push(Row::Object(opened));
        }),
        "its decision has another control number",
    );
    check(&captured(|_, objects| objects[0].1.push(b'!')), "the object is sha256:");
    check(&captured(|_, objects| drop(objects.pop())), "its object is not in the part");
    check(
        &captured(|rows, _| {
            let at = rows.iter().position(|row| matches!(row, Row::Listed(_))).unwrap();
            rows.remove(at);
        }),
        "1 lines of outcome listed have no row",
    );
    check(&captured(|rows, _| rows.retain(|row| !matches!(row, Row::Held(_)))), "0 rows for held items");
    // A whole item besides, in part and manifest, of which inventory and ledger say nothing.
    let sealed = forged(|forge| {
        let mut more = forge.item("/etc/crontab").clone();
        (more.id, more.line, more.records) = ([7; 16], false, 0);
        more.locator.push('9');
        more.decision.control = Some("KC07-C-9000000".parse().unwrap());
        forge.items.push(more);
    });
    check(&sealed.seal(), "is not in the inventory");
    // The holder of a compartment sees the same of his own.
    let sealed = packed(|package| {
        package.part("held:neutral").objects().push(("objects/KC07-C-9000000".into(), b"more".into()));
    });
    only_its_holder(&sealed, "neutral", "an object without a row");
}

#[test]
fn a_set_that_is_not_there() {
    let without = |set: &str, statement_too: bool| {
        let set = set.parse().unwrap();
        packed(|package| {
            drop(package.parts.remove(&set));
            if statement_too {
                package.acquisition.sets.retain(|stated| stated.set != set);
            }
        })
    };
    for set in ["captured", "held:neutral", "ledger"] {
        check(&without(set, false), &[], "agreement", set);
        check(&without(set, true), &[], "agreement", set);
    }
}

#[test]
fn a_name_that_the_case_team_may_not_see() {
    // Captured by one of its names; the other is nobody's business.
    let mut forge = Forge::honest();
    let policy = forge.policy();
    let item = forge.item("/etc/crontab");
    item.facts.names.push(scope::RawName(b"/home/bakery/crontab".to_vec()));
    item.facts.links = Some(2);
    item.decide_again(&policy);
    assert_eq!(item.decision.outcome, scope::Outcome::Captured);
    let (item, mut shown) = (item.clone(), forge.clone().assemble());
    check(&forge.clone().assemble().seal(), &["case-team"], "", "INTACT");
    for row in shown.part("captured").rows() {
        match row {
            Row::Object(opened) if Some(&opened.control) == item.decision.control.as_ref() => {
                opened.opening = item.opened_whole(&forge);
            }
            _ => {}
        }
    }
    only_its_holder(&shown.seal(), "case-team", "it shows a name that is not in scope by itself");
}

#[test]
fn a_part_of_another_package() {
    let mut other = Forge::honest().assemble();
    other.acquisition.package = RunNumber([9; 16]);
    let other = other.seal();
    let replayed =
        |set: &str, file: &str| packed(|package| package.part(set).file = Some(other.files[file].clone()));
    let captured = "data/captured-0001.zip.age";
    only_its_holder(&replayed("captured", captured), "case-team", "the first row's `package` is");
    let ledger = "data/ledger-0001.jsonl.gz.age";
    only_its_holder(&replayed("ledger", ledger), "auditor", "the first row's `package` is");
    // Swapped after the seal, by a recipient who can encrypt to the same keys again.
    let mut sealed = Forge::honest().assemble().seal();
    let again = Forge::honest().assemble().seal();
    assert_ne!(sealed.files[captured], again.files[captured]);
    sealed.files.insert(captured.to_owned(), again.files[captured].clone());
    let report = sealed.verify(&["case-team"]);
    // age's grease is of any length, so the length may tell as well.
    assert!(
        ["bag", "bag agreement"].contains(&statuses(&report, Status::Fail).as_str()),
        "{}",
        report.text()
    );
    assert_eq!(report.check("objects").unwrap().status, Status::Pass, "the objects are the same");
}

#[test]
fn a_ledger_for_the_examiner() {
    let examiner = Forge::honest().keys.recipient("examiner");
    // Openly.
    let open = forged(|forge| {
        let to = forge.recipients.get_mut(&"ledger".parse().unwrap()).unwrap();
        to.push(examiner.clone());
        to.sort();
    });
    check(&open.seal(), &[], "agreement", "recipients of ledger");
    // With a stanza more than there are recipients.
    let hidden = packed(|package| package.part("ledger").to.push(examiner.clone()));
    check(&hidden, &[], "agreement", "stanzas of data/ledger-0001.jsonl.gz.age");
    // In the place of the auditor, whose key does not open what is said to be for him.
    let auditor = Forge::honest().keys.recipient("auditor");
    let instead = packed(|package| {
        let to = &mut package.part("ledger").to;
        to.retain(|recipient| *recipient != auditor);
        to.push(examiner.clone());
    });
    check(&instead, &[], "", "");
    check(&instead, &["court"], "", "");
    check(
        &instead,
        &["auditor"],
        "objects",
        "it is said to be for a key that was given, which does not open it",
    );
    // Whoever can read it is not to.
    check(&instead, &["examiner"], "objects", "it is not said to be for that key");
    let team = Forge::honest().keys.recipient("case-team");
    let held = packed(|package| package.part("held:neutral").to = vec![team]);
    check(&held, &[], "", "");
    check(&held, &["neutral"], "objects", "which does not open it");
    check(&held, &["case-team"], "objects", "held:neutral: a key that was given opens it");
}

/// The zips that parsers read in more than one way, each signed and encrypted.
#[test]
fn hostile_archives() {
    let check = |pack: fn(Vec<Entry>) -> Vec<u8>, why: &str| {
        let sealed = packed(|package| package.part("captured").pack = Box::new(pack));
        only_its_holder(&sealed, "case-team", why);
    };
    check(
        |mut entries| {
            entries.insert(1, entries[0].clone());
            archive(&entries)
        },
        "a second time or out of order",
    );
    check(
        |mut entries| {
            let mut hidden = Entry::new("objects/KC07-C-9000000", b"hidden");
            hidden.listed = false;
            entries.insert(0, hidden);
            archive(&entries)
        },
        "the central directory differs from the entries",
    );
    check(
        |mut entries| {
            entries[0].listed_as = b"objects/KC07-C-9000000".to_vec();
            archive(&entries)
        },
        "the central directory differs from the entries",
    );
    check(|entries| [archive(&entries), b"more".to_vec()].concat(), "bytes follow the archive");
    check(|entries| archive(&entries).repeat(2), "bytes follow the archive");
    check(|entries| [b"#!/bin/sh\n".to_vec(), archive(&entries)].concat(), "not the header of an entry");
    for (name, why) in [
        ("objects/../../../evil", "is not of the profile"),
        ("C:\\evil", "is not of the profile"),
        ("/etc/evil", "is not of the profile"),
        ("objects/\u{202e}\u{1b}[2J", "entry name `objects/"),
    ] {
        let sealed = packed(|package| {
            package.part("captured").objects().insert(0, (name.to_owned(), b"evil".to_vec()));
        });
        only_its_holder(&sealed, "case-team", why);
        let text = sealed.verify(&["case-team"]).text();
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()) && !text.contains('\u{202e}'), "{text}");
    }
    check(
        |mut entries| {
            entries[0].method = 0;
            archive(&entries)
        },
        "not the header of an entry",
    );
    check(
        |mut entries| {
            entries.push(Entry::new("padding", b""));
            archive(&entries)
        },
        "padding where none may be",
    );
    check(
        |mut entries| {
            let last = entries.len() - 1;
            entries.truncate(last);
            archive(&entries)
        },
        "the archive has no `manifest.jsonl.sig`",
    );
}

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
    check(&other_medium, &[], "agreement", "medium: the policy names");
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

#[test]
fn nothing_that_a_package_says_reaches_a_terminal_raw() {
    let hostile = "\u{1b}[2J\u{7}\u{202e}gnikcah\u{2066}\r\nINTACT: all is well\u{85}";
    let mut package = Forge::honest().assemble();
    package.acquisition.limits.push(hostile.to_owned());
    package.acquisition.walk[0].volume = hostile.to_owned();
    package.acquisition.walk[0].coverage[0].counted += 1;
    for who in package.log.iter_mut().flat_map(|step| &mut step.who) {
        who.person.organisation = hostile.to_owned();
    }
    let report = package.seal().verify(&["case-team"]);
    assert_eq!(statuses(&report, Status::Fail), "log", "{}", report.text());
    let departing = |reason: &'static str| {
        let mut forge = Forge::honest();
        for item in &mut forge.items {
            item.decision.rules = vec![reason.to_owned()];
        }
        let mut package = forge.assemble();
        package
            .acquisition
            .departures
            .push(evidence::acquisition::Departure { what: reason.to_owned(), reason: reason.to_owned() });
        package.acquisition.limits.push(reason.to_owned());
        package.seal()
    };
    let audited = departing(hostile).audit(&["auditor"]);
    assert!(!audited.findings.is_empty());
    let odd =
        audited.findings.iter().filter(|finding| finding.item.contains('%') || finding.item.contains("\\u"));
    assert!(odd.count() > 3, "the medium has odd names");
    for text in [report.text(), report.json(), audited.text(), audited.json()] {
        let bad = text.chars().find(|c| {
            (c.is_control() && *c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        });
        assert_eq!(bad, None, "{text}");
        assert!(!text.lines().any(|line| line.trim_start().starts_with("INTACT: all is well")), "{text}");
    }
}
