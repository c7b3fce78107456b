//! What only an audit can find: records that lie, and are signed by everybody.
//!
//! Every package here is INTACT unless a test says otherwise: seals hold, the
//! log is whole, counts add up. The replay must find the lie by its own kind of
//! finding, and so must the second implementation, `tests/replay/replay.py`; a
//! lie that the record tells without contradiction is for the re-examination of
//! the medium.

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

use evidence::report::{Answer, Report, Status};
use scenarios::forge::{Forge, Item, Medium, Package, digest, kinds, statuses};
use scenarios::second;
use scope::facts::{HashFact, Look, TypeFact};
use scope::{Outcome, Tier};

/// The audit of an intact package has findings of these kinds, and one says `why`; none: FOLLOWED.
fn check(package: Package, expected: &str, why: &str) -> Report {
    let sealed = package.seal();
    let report = sealed.audit(&["auditor"]);
    assert_eq!(statuses(&report, Status::Fail), "", "{}", report.text());
    assert_eq!(kinds(&report), expected, "{}", report.text());
    let answer = if expected.is_empty() { (Answer::Yes, 0) } else { (Answer::No, 2) };
    assert_eq!((report.followed, report.exit_code()), answer, "{}", report.text());
    let told = report.findings.iter().any(|finding| finding.detail.contains(why));
    assert!(told || expected.is_empty(), "it should say {why}\n{}", report.text());
    // The second implementation finds the same.
    if second::is_there() {
        let replayed = second::replayed(&sealed);
        let exit = if expected.is_empty() { 0 } else { 2 };
        assert_eq!((replayed.kinds().as_str(), replayed.exit), (expected, exit), "{}", replayed.text);
    }
    // The court has the same key.
    assert_eq!(kinds(&sealed.audit(&["court"])), expected);
    report
}

fn forged(lie: impl FnOnce(&mut Forge)) -> Package {
    let mut forge = Forge::honest();
    lie(&mut forge);
    forge.assemble()
}

/// A lie about one item.
fn about(name: &str, lie: impl FnOnce(&mut Item)) -> Package {
    forged(|forge| lie(forge.item(name)))
}

const CAPTURED: &str = "/etc/crontab";
const HELD: &str = "/var/log/auth.log";
const LEFT: &str = "/etc/passwd"; // looked into as deep as its hash
const FOLDER: &str = "/opt/panel";
const LEFT_UNSEEN: &str = "/home/bakery/Maildir/cur/9001.kc07"; // its metadata were enough

#[test]
fn an_honest_forgery_is_followed_and_matched() {
    check(Forge::honest().assemble(), "", "");
    let report = Forge::honest().assemble().seal().audit_against(&Medium::copied());
    assert_eq!((report.matched, report.exit_code()), (Answer::Yes, 0), "{}", report.text());
}

#[test]
fn one_trit() {
    for (from, to) in [("F", "T"), ("F", "U")] {
        let report = check(
            about(LEFT, |item| item.trits[0] = item.trits[0].replacen(from, to, 1)),
            "trits",
            "; the policy gives ",
        );
        assert_eq!((report.findings.len(), report.findings[0].item.as_str()), (1, LEFT));
    }
    check(
        about(CAPTURED, |item| {
            item.trits[0].pop();
        }),
        "trits",
        "; the policy gives ",
    );
}

#[test]
fn one_outcome() {
    let report = check(
        about(CAPTURED, |item| {
            item.leave();
            (item.decision.tier, item.decision.rules) = (Tier::OutOfScope, vec![]);
        }),
        "outcome",
        "recorded left (out-of-scope); the policy gives captured (included by I-1)",
    );
    assert_eq!((report.findings[0].item.as_str(), report.findings[0].rule.as_str()), (CAPTURED, "I-1"));
    // Taken under a rule that does not give it, content and all.
    let taken = about(LEFT_UNSEEN, |item| {
        let content = vec![b'x'; usize::try_from(item.facts.size.unwrap()).unwrap()];
        let control = "KC07-C-9000000".parse().unwrap();
        item.decision.outcome = Outcome::Captured;
        (item.decision.tier, item.decision.rules) = (Tier::Included, vec!["I-1".to_owned()]);
        item.decision.control = Some(control);
        item.object = Some(evidence::item::ObjectValue::new(
            digest(&content),
            item.facts.size.unwrap(),
            "captured-0001".to_owned(),
            vec![],
        ));
        item.content = Some(content);
    });
    check(taken, "outcome", "recorded captured (included by I-1); the policy gives left (excluded by X-2)");
    // To the case team instead of the neutral examiner.
    let taken = about(HELD, |item| {
        item.decision.outcome = Outcome::Captured;
        item.decision.tier = Tier::Included;
        item.decision.rules = vec!["I-2".to_owned()];
        item.decision.control = Some("KC07-C-9000000".parse().unwrap());
        item.object.as_mut().unwrap().part = "captured-0001".to_owned();
    });
    check(taken, "outcome", "the policy gives held:neutral (held by H-1)");
    check(about(CAPTURED, |item| item.decision.rules = vec!["I-2".to_owned()]), "outcome", "included by I-2");
    check(about(LEFT_UNSEEN, |item| item.decision.tier = Tier::OutOfScope), "outcome", "excluded by X-2");
}

#[test]
fn one_record_too_few_or_too_many() {
    for name in [CAPTURED, LEFT] {
        let dropped = about(name, |item| item.records = 0);
        let report = check(dropped, "missing", "the ledger has no record of this line");
        assert_eq!(report.findings.len(), 1, "{}", report.text());
        let doubled = about(name, |item| item.records = 2);
        check(doubled, "duplicate", "another record has this id and this locator");
    }
    // A second record of one item, with a line of its own and another decision.
    let again = forged(|forge| {
        let mut again = forge.item(LEFT).clone();
        again.id = [7; 16];
        forge.items.push(again);
    });
    check(again, "duplicate", "another record has this locator");
    let number = forged(|forge| {
        let control = forge.item(CAPTURED).decision.control.clone();
        let listed = forge.item("/etc/cron.d/panel");
        (listed.decision.control, listed.rows) = (control, 0);
    });
    check(number, "duplicate", "is given twice");
    let unlined = about(LEFT, |item| item.line = false);
    check(unlined, "extra", "is not in the inventory");
    let line = forged(|_| {});
    let mut line = line;
    line.lines.insert(format!("left {}", "1".repeat(64)));
    check(line, "missing", "the ledger has no record of this line");
}

#[test]
fn one_look_deeper_than_needed() {
    let hashed = about(LEFT_UNSEEN, |item| {
        item.facts.looks.push(Look::Hash);
        item.facts.hash = Some(HashFact { sha256: digest(b"what was in it"), md5: None, sha1: None });
        item.decision.looks.push(Look::Hash);
    });
    let report = check(hashed, "look", "looked: metadata, hash; the decision needs metadata");
    assert_eq!(report.findings[0].item, LEFT_UNSEEN);
    // Of a look that is not admitted, the facts alone.
    let unsaid = about(LEFT_UNSEEN, |item| {
        item.facts.type_fact =
            Some(TypeFact { name: "text".into(), encrypted: None, examined: 100, end: None });
    });
    check(unsaid, "look", "facts of the look type, which is not recorded as taken");
    // Of a look that was needed, not a word.
    let blind = about(LEFT, |item| {
        item.facts.looks.retain(|look| *look != Look::Hash);
        item.facts.hash = None;
        item.decision.looks = item.facts.looks.clone();
    });
    check(blind, "look", "the decision needs the look `hash`, which was not taken");
    // A look that is said to be taken, and left nothing that could be replayed.
    let empty = about(LEFT, |item| item.facts.hash = None);
    let report = empty.seal().audit(&["auditor"]);
    assert!(kinds(&report).contains("fact"), "{}", report.text());
}

#[test]
fn one_list_or_one_recipient_swapped() {
    // The examiner's own list, in the bundle, in every record and in every statement: not what was approved.
    let list = forged(|forge| {
        let known = "32909d9442152d84105cd095e97a99bda51160b6717c8dcec997abefc1d823b7";
        forge.swap_policy(known, &digest(b"what I am curious about").hex());
    });
    no(list, "approval log", "policy", "approved");
    // In the records alone.
    check(about(LEFT, |item| item.decision.policy = digest(b"another")), "policy", "decided under");
    let mine = Forge::honest().keys.recipient("examiner");
    for set in ["captured", "held:neutral", "ledger"] {
        let recipient = forged(|forge| {
            let to = forge.recipients.get_mut(&set.parse().unwrap()).unwrap();
            to[0] = mine.clone();
            to.sort();
        });
        no(recipient, "agreement", "recipients", &format!("the set {set} is encrypted to"));
    }
}

/// The package is not even intact; the audit says so, and why, by its own kind of finding.
fn no(package: Package, fails: &str, expected: &str, why: &str) {
    let report = package.seal().audit(&["court"]);
    assert_eq!(statuses(&report, Status::Fail), fails, "{}", report.text());
    assert_eq!(kinds(&report), expected, "{}", report.text());
    assert_eq!((report.followed, report.exit_code()), (Answer::No, 2), "{}", report.text());
    let told = report.findings.iter().any(|finding| finding.detail.contains(why));
    assert!(told, "it should say {why}\n{}", report.text());
}

#[test]
fn one_count() {
    let counted = |lie: fn(&mut evidence::acquisition::Acquisition)| {
        let mut package = Forge::honest().assemble();
        package.stated = lie;
        package
    };
    check(counted(|a| *a.looks.get_mut(&Look::Hash).unwrap() -= 1), "count", "look hash");
    check(counted(|a| *a.tier_counts.get_mut("excluded").unwrap() += 1), "count", "tier excluded");
    check(
        counted(|a| {
            a.rule_counts.remove("X-1");
        }),
        "count",
        "rule X-1",
    );
}

#[test]
fn an_object_that_is_not_the_one_that_was_read() {
    let shorter = about(CAPTURED, |item| item.object.as_mut().unwrap().size -= 1);
    check(shorter, "fact", "the object has 65 bytes, the item 66");
    let none = about(CAPTURED, |item| (item.object, item.content) = (None, None));
    check(none, "missing", "");
    let of_a_folder = forged(|forge| {
        let object = forge.item(CAPTURED).object.clone();
        forge.item(FOLDER).object = object;
    });
    check(of_a_folder, "fact", "whose kind has no content");
    let of_an_item_left = forged(|forge| {
        let object = forge.item(CAPTURED).object.clone();
        forge.item(LEFT).object = object;
    });
    check(of_an_item_left, "extra", "which the outcome left does not allow");
    let elsewhere =
        about(CAPTURED, |item| item.object.as_mut().unwrap().part = "held-neutral-0001".to_owned());
    check(elsewhere, "fact", "");
    let nowhere = about(CAPTURED, |item| item.object.as_mut().unwrap().part = "captured-0009".to_owned());
    check(nowhere, "fact", "captured-0009");
}

#[test]
fn what_only_the_original_can_tell() {
    let medium = Medium::copied();
    let against = |package: Package, expected: &str, item: &str, why: &str| {
        let report = package.seal().audit_against(&medium);
        assert_eq!(statuses(&report, Status::Fail), "", "{}", report.text());
        // The record does not contradict itself: the replay alone is content.
        assert_eq!(report.followed, Answer::Yes, "{}", report.text());
        assert_eq!((report.matched, report.exit_code()), (Answer::No, 2), "{}", report.text());
        assert_eq!((kinds(&report).as_str(), report.findings.len()), (expected, 1), "{}", report.text());
        assert!(report.findings[0].item.contains(item), "{}", report.text());
        assert!(report.findings[0].detail.contains(why), "{}", report.text());
    };
    // Something incriminating was renamed away; what was then decided follows.
    let renamed = forged(|forge| {
        let policy = forge.policy();
        let item = forge.item(CAPTURED);
        item.facts.names = vec![scope::RawName(b"/etc/nothing".to_vec())];
        item.facts.looks = vec![Look::Metadata, Look::Hash];
        item.facts.hash = Some(HashFact { sha256: digest(b"nothing"), md5: None, sha1: None });
        item.leave();
        item.decide_again(&policy);
        assert_eq!(item.decision.outcome, Outcome::Left);
    });
    against(renamed, "fact", "", "name");
    let backdated = forged(|forge| {
        forge.item("/opt/panel/panel.conf").facts.times[0].ns -= 1_000_000_000;
    });
    against(backdated, "fact", "/opt/panel/panel.conf", "modified");
    let other_bytes = about(LEFT, |item| {
        item.facts.hash = Some(HashFact { sha256: digest(b"other"), md5: None, sha1: None });
    });
    against(other_bytes, "fact", LEFT, "hash");
    // Another content was kept, of which nothing was hashed; object, row and record agree on it.
    let swapped = about(CAPTURED, |item| {
        let content = item.content.as_mut().unwrap();
        content[0] ^= 1;
        item.object.as_mut().unwrap().sha256 = digest(content);
    });
    against(swapped, "fact", CAPTURED, "of 66 bytes; recorded");
    let omitted = about(CAPTURED, |item| (item.records, item.rows, item.line) = (0, 0, false));
    against(omitted, "missing", CAPTURED, "");
    let invented = || {
        forged(|forge| {
            let mut more = forge.item(LEFT).clone();
            more.id = [7; 16];
            more.locator += "9";
            more.facts.names = vec![scope::RawName(b"/etc/passwd.bak".to_vec())];
            forge.items.push(more);
        })
    };
    against(invented(), "extra", "inode:", "in the ledger, not on the medium");

    // A sample that happens to hold the item finds the same, and names it by its locator alone.
    let sampled = |package: Package, expected: &str| {
        let sampled = package.seal().sample_against(&medium, 1000);
        let found: Vec<&str> = sampled.findings.iter().map(|finding| finding.kind.word()).collect();
        assert_eq!(found.join(" "), expected, "{:?}", sampled.findings);
        assert!(
            sampled.findings.iter().all(|finding| finding.item.contains("inode:")),
            "{:?}",
            sampled.findings
        );
    };
    sampled(Forge::honest().assemble(), "");
    sampled(about(CAPTURED, |item| (item.records, item.rows, item.line) = (0, 0, false)), "missing");
    sampled(invented(), "extra");
}
