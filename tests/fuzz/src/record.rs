//! Readers of records: policy, trust file, and the files of a package.
//!
//! An input is the file itself: text mutates well as it is. Where a compressed file would lead nowhere, the first byte
//! says whether the rest is that file or what is to be packed into it.
//!
//! What must hold: no panic; and of a format with one spelling per value, what was read is written as it was.

use std::io::{Read as _, Write as _};

use evidence::acquisition::Acquisition;
use evidence::approval::Approval;
use evidence::bag::{Info, Manifest};
use evidence::checkpoint::SignedCheckpoint;
use evidence::custody_log::Entry;
use evidence::event::Event;
use evidence::gzip::GzipReader;
use evidence::inventory::Reader;
use evidence::item::{DecisionValue, ObjectValue, parse_fact, parse_trits};
use evidence::ledger::LedgerReader;
use evidence::sshsig::{self, PublicKey, Signature};
use evidence::trust::Trust;
use evidence::zip_strict::{Limits, ZipReader};
use flate2::{Compression, GzBuilder};
use scope::{Bundle, Language, Policy, lint, render_in};

/// Most bytes that come out of a packed input: enough to find a bomb, little enough to go on.
const MOST: u64 = 16 << 20;

/// A policy with no list beside it, or with a list in a file after a line of `====`.
pub fn policy(input: &[u8]) {
    let mark = b"\n====\n";
    let at = input.windows(mark.len()).position(|window| window == mark);
    let (policy, list) = at.map_or((input, None), |at| (&input[..at], Some(&input[at + mark.len()..])));
    let mut bundle = Bundle::new();
    if bundle.insert(Bundle::POLICY, policy.to_vec()).is_err() {
        return;
    }
    if let Some(list) = list {
        for name in bundle.named_files().into_iter().take(2) {
            let _ = bundle.insert(name, list.to_vec());
        }
    }
    match Policy::parse(&bundle) {
        Err(problems) => assert!(!problems.to_string().is_empty()),
        Ok(policy) => {
            // Whatever was read can be put before a court, and remarked upon.
            for language in [Language::English, Language::German] {
                assert!(!render_in(&policy, language).is_empty());
            }
            lint(&policy).iter().for_each(|lint| assert!(!lint.to_string().is_empty()));
        }
    }
}

/// A trust file.
pub fn trust(input: &[u8]) {
    if let Ok(trust) = Trust::parse(input) {
        let _ = (trust.words().to_string(), trust.allowed_signers());
    }
}

/// A zip of the profile: every entry is read; nothing is believed before the end.
pub fn zip(input: &[u8]) {
    let limits = Limits { entries: 1000, ..Limits::default() };
    let mut zip = ZipReader::with_limits(input, limits);
    let mut read = 0;
    while let Ok(Some(mut entry)) = zip.next_entry() {
        let mut buf = [0; 4096];
        // A deflate bomb is told by the caller's own count.
        while let Ok(count @ 1..) = entry.read(&mut buf) {
            read += count as u64;
            if read > MOST {
                return;
            }
        }
    }
}

/// A manifest or `bag-info.txt` of a bag.
pub fn bag(input: &[u8]) {
    if let Ok(manifest) = Manifest::parse(input) {
        // The last line feed may be all that differs.
        assert_eq!(manifest.to_string().trim_end().as_bytes(), input.trim_ascii_end());
    }
    let _ = Info::parse(input);
}

/// A ledger part, decrypted: packed, or its rows.
pub fn ledger(input: &[u8]) {
    let Some((how, rest)) = input.split_first() else { return };
    if how & 1 == 0 {
        return rows(GzipReader::new(rest, MOST));
    }
    // As custody packs them.
    let mut gzip = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::new(6));
    gzip.write_all(rest).expect("a vector takes any bytes");
    let packed = gzip.finish().expect("a vector takes any bytes");
    let mut back = Vec::new();
    GzipReader::new(packed.as_slice(), MOST).read_to_end(&mut back).expect("what was packed unpacks");
    assert_eq!(back, rest);
    rows(GzipReader::new(packed.as_slice(), MOST));
}

fn rows(source: impl std::io::Read) {
    let Ok(mut ledger) = LedgerReader::new(source) else { return };
    while let Ok(Some(record)) = ledger.next_record() {
        let _ = record.parts();
    }
}

/// Values of one record, each in a line: facts, decision, object, trits.
pub fn values(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    for line in text.lines() {
        if let Ok(fact) = parse_fact(line) {
            let again = serde_json::to_string(&fact).expect("a fact is JSON");
            assert_eq!(parse_fact(&again).ok(), Some(fact));
        }
        let _ = DecisionValue::parse(line);
        let _ = ObjectValue::parse(line);
        let _ = parse_trits(line);
    }
}

/// `meta/inventory.txt`.
pub fn inventory(input: &[u8]) {
    let mut text = String::new();
    for line in Reader::new(input) {
        let Ok(line) = line else { return };
        text += &format!("{line}\n");
    }
    assert_eq!(text.as_bytes(), input, "another spelling was read");
}

/// A signature in armour.
pub fn signature(input: &[u8]) {
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPxHV9mYlNPXeJlyBxnKn1gdZ3OuaJ7wE2DjHR1vvXl";
    if let Ok(key) = key.parse::<PublicKey>() {
        let _ = sshsig::verify(input, &key, sshsig::MANIFEST, b"a message");
    }
    let _ = Signature::parse(input);
    if let Ok(text) = std::str::from_utf8(input) {
        let _ = text.trim_end().parse::<PublicKey>();
    }
}

/// A checkpoint.
pub fn checkpoint(input: &[u8]) {
    if let Ok(checkpoint) = SignedCheckpoint::parse(input) {
        let _ = checkpoint.verify("lab.example/log", &[7; 32]);
    }
}

/// `meta/acquisition.json`.
pub fn acquisition(input: &[u8]) {
    if let Ok(read) = Acquisition::from_bytes(input) {
        let again = Acquisition::from_bytes(&read.to_bytes()).expect("what is written can be read");
        assert_eq!(again, read);
    }
}

/// An event of the custody log, and the entry beside it.
pub fn event(input: &[u8]) {
    if let Ok(read) = Event::from_bytes(input) {
        assert_eq!(Event::from_bytes(&read.to_bytes()).expect("what is written can be read"), read);
    }
    if let Ok(entry) = Entry::parse(input) {
        assert_eq!(entry.to_bytes(), input, "another spelling was read");
    }
}

/// An approval.
pub fn approval(input: &[u8]) {
    if let Ok(read) = Approval::parse(input) {
        assert_eq!(read.to_bytes(), input, "another spelling was read");
    }
}
