//! One spelling per statement, and who may sign it.

use scope::RawName;

use super::*;
use crate::listing::{Form, Listed};
use crate::trust::Trust;
use crate::verify::testing;

pub(crate) fn replay() -> Attestation {
    let statement = Statement::Replay(Replay {
        parts: vec![Part { file: "data/ledger-0001.jsonl.gz.age".to_owned(), sha256: Digest::of(b"ledger") }],
        records: 3,
        intact: Verdict::Yes,
        followed: Verdict::No,
        matched: Verdict::NotChecked,
        other_medium: None,
        compared: None,
        listing: None,
        findings: vec![("fact".to_owned(), 2), ("trits".to_owned(), 1)],
        departures: 0,
    });
    attestation(statement)
}

pub(crate) fn attestation(statement: Statement) -> Attestation {
    Attestation {
        origin: testing::ORIGIN.to_owned(),
        medium: "KC07".to_owned(),
        package: RunNumber([7; 16]),
        tagmanifest: Digest::of(b"tagmanifest"),
        log: TreeHead { size: 5, root: Digest::of(b"log") },
        policy: Digest::of(b"policy"),
        inventory: TreeHead { size: 3, root: Digest::of(b"inventory") },
        statement,
        trust: "naive bird father enemy gap rare vendor sweet".to_owned(),
        trust_compared: false,
        when: "2026-11-24T10:00:00+01:00".parse().unwrap(),
        tool: Tool { name: "ambit-verify".to_owned(), version: "0.1.0".to_owned(), digest: Digest::of(b"") },
    }
}

fn prefix() -> Attestation {
    attestation(Statement::Prefix(Prefix {
        parts: vec![],
        records: 3,
        path: RawName(b"/home/\xffanna".to_vec()),
        under: Counts { captured: 0, held: 0, listed: 1, unread: 0, left: 2 },
        within: Within::default(),
        volumes: vec![
            Volume { locator: "gpt:1/ext4:9f0c".to_owned(), under: 3, not_walked: 0 },
            Volume { locator: "gpt:2/ext4:77aa".to_owned(), under: 0, not_walked: 2 },
        ],
        endings: vec![Ending { path: RawName(b"/\xffanna".to_vec()), items: Portion { all: 12, kept: 11 } }],
        inside: vec![Ending {
            path: RawName(b"/home/\xffanna".to_vec()),
            items: Portion { all: 5, kept: 4 },
        }],
        other_case: Portion { all: 2, kept: 1 },
        archives: Archives { opened: 7, closed: 2, closed_kept: 1 },
        unread: vec![Unread {
            place: "gpt:3".to_owned(),
            length: 8_388_608,
            what: "LUKS, encrypted".to_owned(),
        }],
        other_runs: vec![RunNumber([9; 16])],
        unnamed_kept: 1,
        unrecorded: 0,
    }))
}

/// A statement about a path with other numbers.
fn with(change: fn(&mut Prefix)) -> Attestation {
    let mut own = prefix();
    let Statement::Prefix(found) = &mut own.statement else { unreachable!() };
    change(found);
    own
}

#[test]
fn what_is_written_is_read_and_reads_as_sentences() {
    let departed = {
        let mut own = replay();
        let Statement::Replay(found) = &mut own.statement else { unreachable!() };
        found.departures = 2;
        own
    };
    let held = with(|own| own.under = Counts { captured: 0, held: 1, listed: 0, unread: 0, left: 2 });
    let taken = with(|own| own.under = Counts { captured: 1, held: 1, listed: 0, unread: 0, left: 1 });
    for words in ["was taken into this package", "Of the listed items"] {
        let text = String::from_utf8(held.to_bytes()).unwrap();
        assert!(!text.contains(words), "{text}");
    }
    for (attestation, words) in [
        (departed, "says Departures from the order or the procedure that the report names: 2.\n"),
        (held, "went to the case team with this package; what was held lies with a holder.\n"),
        (taken, "says Something under this path was taken.\n"),
        (prefix(), "says Of the listed items the names were handed over, and no content.\n"),
        (prefix(), "says On the whole medium 1 items were taken that have no name on record"),
        (
            with(|own| own.unrecorded = 5),
            "says On the whole medium 5 items were left of which nothing is on record",
        ),
        (replay(), "says Findings: 2 of the kind fact, 1 of the kind trits.\n"),
        (prefix(), "says Nothing that has a name under this path on record was taken into this package.\n"),
        (prefix(), "In this package, of 3 items on record that have a name under /home/%FFanna, captured 0,"),
        (prefix(), "under this path are 3 on gpt:1/ext4:9f0c, 0 on gpt:2/ext4:77aa.\n"),
        (
            prefix(),
            "says 12 items more have a name under /%FFanna, with which this path ends; 11 of these were taken.",
        ),
        (prefix(), "says 2 places of these volumes could not be walked.\n"),
        (prefix(), "says 5 files in archives have there a name under /home/%FFanna and none under this path"),
        (
            prefix(),
            "says On the whole medium the files in 7 archives are on record. 2 more archives are known",
        ),
        (prefix(), "says 2 items more have a name under it only if capital and small letters"),
        (prefix(), "says No file was read of gpt:3 (LUKS, encrypted, 8388608 bytes): what lies there"),
        (prefix(), "of whose packages nothing is said here: 09090909090909090909090909090909.\n"),
        (prefix(), "says This is an attestation: the word of whoever signs it, and no proof.\n"),
    ] {
        let bytes = attestation.to_bytes();
        assert_eq!(Attestation::parse(&bytes).unwrap(), attestation);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains(words), "{text}");
    }
}

/// Whoever compared a listing has not examined the original, and signs nothing of the kind.
#[test]
fn a_listing_has_a_sentence_of_its_own() {
    let mut with = replay();
    let Statement::Replay(found) = &mut with.statement else { unreachable!() };
    found.listing = Some(Listed {
        form: Form::Bodyfile,
        sha256: Digest::of(b"listing"),
        tool: Some("fls 4.12.1".to_owned()),
        volume: Some("mbr:1/ext4:9f0c".to_owned()),
        agreed: 12,
        differ: 1,
        digests_compared: 5,
        digests_uncompared: 2,
    });
    let bytes = with.to_bytes();
    assert_eq!(Attestation::parse(&bytes).unwrap(), with);
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains("\nmatched not-checked\nlisting bodyfile sha256:"), "{text}");
    assert!(text.contains("says Whether the record agrees with the original is not said here.\n"), "{text}");
    assert!(
        text.contains("the original was not examined: 12 entries agree, and there are 1 difference"),
        "{text}"
    );
    assert!(text.contains("\nlisting-digests-compared 5\nlisting-digests-uncompared 2\n"), "{text}");
    assert!(
        text.contains(
            "differences; 5 entries were compared by a digest of their content, and 2 have one that"
        ),
        "{text}"
    );
    assert!(!text.contains("examined again"), "{text}");
    let error = Attestation::parse(text.replace("listing bodyfile", "listing dream").as_bytes()).unwrap_err();
    assert!(error.what.contains("form of listing"), "{error}");
}

#[test]
fn any_other_spelling_is_refused_with_its_line() {
    let check = |from: &str, to: &str, line: usize, what: &str| {
        let text = String::from_utf8(replay().to_bytes()).unwrap();
        assert!(text.contains(from), "{from}");
        let error = Attestation::parse(text.replacen(from, to, 1).as_bytes()).unwrap_err();
        assert_eq!((error.line, error.what.contains(what)), (line, true), "{from} -> {to}: {error}");
    };
    check("attestation/v1", "attestation/v2", 1, "expected");
    check("auditor.replay", "auditor.dream", 2, "does not know");
    check("origin example", "origin  example", 3, "visible");
    check("records 3", "records 03", 11, "one spelling");
    check("records 3", "records three", 11, "another kind");
    check("followed no", "followed maybe", 13, "expected `yes`");
    check("finding fact 2", "finding fact 0", 15, "in order");
    check("finding fact 2", "finding trits 2", 16, "in order");
    check("departures 0\n", "", 17, "expected `departures`");
    check("trust-words not-compared", "trust-words looked-at", 19, "expected `compared`");
    // A sentence that says something else than the fields is the attack that this is for.
    check("It is not so that every", "Every", 23, "what the fields say");
    check("and no proof.\n", "and no proof.\nsays All is well.\n", 28, "what the fields say");
    check("and no proof.\n", "and no proof.", 1, "does not end");
    let long = vec![b'x'; usize::try_from(MAX_ATTESTATION).unwrap() + 1];
    assert_eq!(Attestation::parse(&long).unwrap_err().line, 1);
}

#[test]
fn what_contradicts_itself_is_refused() {
    let check = |attestation: Attestation, what: &str| {
        let error = Attestation::parse(&attestation.to_bytes()).unwrap_err();
        assert!(error.what.contains(what), "{error}");
    };
    let path = |edit: fn(&mut Prefix)| {
        let mut attestation = prefix();
        if let Statement::Prefix(prefix) = &mut attestation.statement {
            edit(prefix);
        }
        attestation
    };
    for name in ["/home//anna", "/home/./anna", "/home/../anna", "/home/anna/", "home/anna"] {
        let mut attestation = prefix();
        if let Statement::Prefix(prefix) = &mut attestation.statement {
            prefix.path = RawName(name.as_bytes().to_vec());
        }
        check(attestation, "not a path that a name can have");
    }
    let nothing = |prefix: &mut Prefix| {
        prefix.under = Counts::default();
        prefix.volumes.iter_mut().for_each(|volume| volume.under = 0);
    };
    check(path(nothing), "nothing can be said of a path that no item");
    check(path(|prefix| prefix.volumes.clear()), "the items of the volumes are not");
    check(path(|prefix| prefix.other_case.kept = 3), "that cannot be");
    check(path(|prefix| prefix.endings[0].items = Portion::default()), "that cannot be");
    check(path(|prefix| prefix.inside[0].path = RawName(b"/bob".to_vec())), "that cannot be");
    check(path(|prefix| prefix.within.held = 1), "more in archives that were taken than was taken");
    check(path(|prefix| prefix.archives.closed_kept = 3), "more archives that were taken than there are");
    check(path(|prefix| prefix.endings[0].path = RawName(b"/bob".to_vec())), "that cannot be");

    let audit = |edit: fn(&mut Replay)| {
        let mut attestation = replay();
        if let Statement::Replay(replay) = &mut attestation.statement {
            edit(replay);
        }
        attestation
    };
    check(audit(|replay| replay.followed = Verdict::Yes), "neither `followed` nor `matched` is `no`");
    check(
        audit(|replay| (replay.followed, replay.matched) = (Verdict::Yes, Verdict::No)),
        "that only a replay makes",
    );
    check(
        audit(|replay| {
            replay.findings.clear();
            (replay.intact, replay.followed) = (Verdict::NotChecked, Verdict::Yes);
        }),
        "not intact",
    );
    let matched = |partial, not_compared| {
        let mut attestation = audit(|replay| {
            replay.findings.clear();
            (replay.followed, replay.matched) = (Verdict::Yes, Verdict::Yes);
        });
        if let Statement::Replay(replay) = &mut attestation.statement {
            replay.compared = Some(Compared { objects: 12, partial, not_compared, beyond: None });
        }
        attestation
    };
    for (partial, not_compared, says) in [
        (
            0,
            0,
            "agrees with the record.\nsays Of the preserved objects 12 were compared with the content of the original.\n",
        ),
        (
            2,
            0,
            "where both could be read.\nsays Of the preserved objects 12 were compared with the content of the original. 2 of them are partial:",
        ),
        (
            0,
            3,
            "where both could be read.\nsays Of the preserved objects 12 were compared with the content of the original. Of 3 items something",
        ),
    ] {
        let attestation = matched(partial, not_compared);
        let text = String::from_utf8(attestation.to_bytes()).unwrap();
        assert!(text.contains(&format!("matched yes\ncompared 12 {partial} {not_compared}\n")), "{text}");
        assert!(text.contains(says), "{says}: {text}");
        assert_eq!(Attestation::parse(text.as_bytes()).unwrap(), attestation);
    }
    let mut stopped = matched(0, 0);
    if let Statement::Replay(Replay { compared: Some(compared), .. }) = &mut stopped.statement {
        compared.beyond = Some(7);
    }
    let text = String::from_utf8(stopped.to_bytes()).unwrap();
    assert!(text.contains("\ncompared 12 0 0\nbeyond 7\n"), "{text}");
    assert!(text.contains("agrees with the record as far as the run went"), "{text}");
    assert!(
        text.contains("7 items of the original lie beyond it, and nothing of them is on record."),
        "{text}"
    );
    assert_eq!(Attestation::parse(text.as_bytes()).unwrap(), stopped);
    let mut other = audit(|replay| {
        replay.findings = vec![("fact".to_owned(), 1)];
        (replay.followed, replay.matched) = (Verdict::Yes, Verdict::No);
        replay.other_medium = Some("it has 9 bytes, and 8 were acquired".to_owned());
    });
    let text = String::from_utf8(other.to_bytes()).unwrap();
    assert!(text.contains("\nmatched no\nother-medium it has 9 bytes, and 8 were acquired\n"), "{text}");
    assert!(text.contains("is another medium than the one that was acquired: it has 9 bytes"), "{text}");
    assert!(!text.contains("examined again"), "{text}");
    assert_eq!(Attestation::parse(text.as_bytes()).unwrap(), other);
    if let Statement::Replay(replay) = &mut other.statement {
        replay.matched = Verdict::NotChecked;
        replay.findings.clear();
    }
    check(other, "another medium, and `matched` is not `no`");
    check(matched(13, 0), "more objects are partial than were compared");
    check(
        audit(|replay| {
            replay.findings.clear();
            (replay.followed, replay.matched) = (Verdict::Yes, Verdict::Yes);
        }),
        "nothing says how much was compared",
    );
    let control = |number| crate::item::Control::new("KC07", crate::item::Series::Held(1), number);
    let verdict = |objects, problem: Option<&str>| {
        let verdicts = vec![Run { verdict: ItemVerdict::Ok, first: control(1), last: control(12) }];
        let set = "held:neutral".parse().unwrap();
        let problem = problem.map(str::to_owned);
        attestation(Statement::Holder(SetVerdict {
            set,
            parts: vec![],
            problem,
            objects,
            bytes: 0,
            verdicts,
        }))
    };
    assert!(Attestation::parse(&verdict(12, None).to_bytes()).is_ok());
    check(verdict(1, None), "`objects` is not the number");
    check(verdict(12, Some("the seal is broken")), "a set whose check fails");
}

#[test]
fn only_an_auditor_signs_a_replay_in_its_namespace() {
    let trust = format!(
        "{}\n[[principal]]\nname = \"auditor\"\nperson = \"S. Okafor\"\norganisation = \"Audit\"\nroles = [\"auditor\"]\nkeys = [\"{}\"]\n",
        testing::trust(),
        testing::key_line("auditor")
    );
    let trust = Trust::parse(trust.as_bytes()).unwrap();
    let attestation = replay();
    let bytes = attestation.to_bytes();
    let when = attestation.when.at();
    let check = |principal: &str, key: &str, namespace: &str, message: &[u8], expected: &str| {
        let armored = testing::sign(key, namespace, message);
        let signed = attestation.signed_by(&bytes, &trust, principal, &armored, when);
        let said = signed.map_or_else(|refused| refused.to_string(), |by| by.person.clone());
        assert!(said.contains(expected), "{said} does not say {expected}");
    };
    check("auditor", "auditor", NAMESPACE, &bytes, "S. Okafor");
    check("auditor", "examiner", NAMESPACE, &bytes, "does not hold");
    check("auditor", "auditor", crate::sshsig::CUSTODY_EVENT, &bytes, "does not hold");
    check("auditor", "auditor", NAMESPACE, b"something else", "does not hold");
    check("examiner", "examiner", NAMESPACE, &bytes, "none of the roles");
    check("nobody", "auditor", NAMESPACE, &bytes, "not in the trust file");
}
