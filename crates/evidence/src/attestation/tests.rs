//! One spelling per statement, and who may sign it.

use super::*;
use crate::trust::Trust;
use crate::verify::testing;

pub(crate) fn replay() -> Attestation {
    let statement = Statement::Replay(Replay {
        parts: vec![Part { file: "data/ledger-0001.jsonl.gz.age".to_owned(), sha256: Digest::of(b"ledger") }],
        records: 3,
        intact: Verdict::Yes,
        followed: Verdict::No,
        matched: Verdict::NotChecked,
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
        under: Counts { captured: 0, held: 0, listed: 1, left: 2 },
        unnamed_kept: 1,
        unrecorded: 0,
    }))
}

#[test]
fn what_is_written_is_read_and_reads_as_sentences() {
    for (attestation, words) in [
        (replay(), "says Findings: 2 of the kind fact, 1 of the kind trits.\n"),
        (prefix(), "says Nothing of yours under this path was taken.\n"),
        (prefix(), "under /home/%FFanna, captured 0, held 0, listed 1, left 2.\n"),
        (prefix(), "says This is an attestation: the word of whoever signs it, and no proof.\n"),
    ] {
        let bytes = attestation.to_bytes();
        assert_eq!(Attestation::parse(&bytes).unwrap(), attestation);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains(words), "{text}");
    }
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
