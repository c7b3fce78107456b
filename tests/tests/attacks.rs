//! Attacks on what a package holds: parts, archives, readers, names.
//!
//! The forger has every key ([`scenarios::forge`]). What is left for him to be
//! caught by is the one check that is meant for his lie; that it alone fails is
//! part of each test.

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

use evidence::acquisition::RunNumber;
use evidence::manifest::Row;
use evidence::report::Status;
use scenarios::forge::{Entry, Forge, Sealed, archive, check, forged, only_its_holder, packed, statuses};

const EVERYBODY: [&str; 5] = ["case-team", "neutral", "victim-data", "auditor", "court"];

#[test]
fn an_honest_forgery_is_a_package() {
    let sealed = Forge::honest().assemble().seal();
    check(&sealed, &[], "", "INTACT: the package is as it was when Ada Berg");
    let report = check(&sealed, &EVERYBODY, "", "475 records, signed by the run key");
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

/// `ambit open` of the captured set: how it ended, the names of what it laid out, and all that it printed.
fn opened(sealed: &Sealed) -> (imager::Exit, Vec<String>, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).into_os_string();
    sealed.write(dir.path().join("KC07.ambit").as_path());
    std::fs::write(path("trust.toml"), &sealed.trust).unwrap();
    std::fs::write(path("case.age"), sealed.keys.identity_file("case-team")).unwrap();
    let words = ["ambit", "open", "--set", "captured", "--trust"].map(Into::into).into_iter();
    let options = ["--identity".into(), path("case.age"), "--out".into(), path("out"), path("KC07.ambit")];
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = imager::run_to_exit(words.chain([path("trust.toml")]).chain(options), &mut out, &mut err);
    let printed = String::from_utf8([out, err].concat()).unwrap();
    let mut names = Vec::new();
    let mut folders = vec![dir.path().join("out")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() { folders.push(path) } else { names.push(name) }
        }
    }
    (exit, names, printed)
}

#[test]
fn nothing_of_a_forged_part_is_laid_out() {
    let (exit, names, printed) = opened(&Forge::honest().assemble().seal());
    assert_eq!(exit, imager::Exit::Done, "{printed}");
    // The medium has names with line breaks, escapes and controls of direction; a folder has none of them.
    let plain = |name: &String| name.bytes().all(|c| c.is_ascii_alphanumeric() || b"-._".contains(&c));
    assert!(names.len() > 60 && names.iter().all(plain), "{names:?}");
    assert!(printed.chars().all(|c| c == '\n' || !c.is_control()), "{printed}");
    for name in ["objects/../../../evil", "objects/KC07-C-9000000"] {
        let sealed = packed(|package| {
            package.part("captured").objects().insert(0, (name.to_owned(), b"evil".to_vec()));
        });
        let (exit, names, printed) = opened(&sealed);
        assert_eq!((exit, names), (imager::Exit::No, vec![]), "{printed}");
    }
}
