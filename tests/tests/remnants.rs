//! What is left between and behind files: taken where the order grants it, for whom it says, and never else.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "all of this is test code: what fails here fails a test"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use scenarios::reading::{files_below, ledger, zip_entries};
use scenarios::second::{self, opened};
use scenarios::story::Desk;
use scope::facts::Kind;
use scope::{Outcome, Tier};

/// Bytes of a cluster.
const CLUSTER: usize = 2048;

/// Runs a program of others; `false` where it is not here, which CI does not excuse.
fn made_by(program: &str, words: &[&str]) -> bool {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    match Command::new(program).args(words).env("PATH", path).stdin(Stdio::null()).output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{program} {words:?}: {said}");
            true
        }
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "`{program}` is absent in CI: {error}");
            println!("did not run: `{program}` is not here");
            false
        }
    }
}

/// A file of the medium: its path, what it says, what is put behind its end, and whether it is deleted.
const FILES: [(&str, &str, &str, bool); 5] = [
    ("opt/panel/the gate of the panel.php", "<?php // the panel\n", "behind the panel", false),
    ("opt/panel/list of emails.txt", "somebody@victim.example\n", "behind the addresses", false),
    ("opt/panel/what was removed.php", "<?php // it was removed\n", "", true),
    ("home/other/Maildir/a letter.txt", "a letter of somebody else\n", "behind the letter", false),
    ("home/other/Maildir/a lost letter.txt", "a letter that was thrown away\n", "", true),
];

/// What stands in a free cluster.
const ADRIFT: &str = "nobody knows whose this was";

/// A FAT volume with these files, and bytes that are known behind and between them.
fn medium(folder: &Path) -> Option<()> {
    let image = folder.join("fat.img");
    let place = image.to_str().unwrap();
    fs::write(&image, []).unwrap();
    fs::OpenOptions::new().write(true).open(&image).unwrap().set_len(10 << 20).unwrap();
    let format = ["-F", "16", "-s", "4", "-i", "1A2B3C4D", place];
    made_by("mkfs.vfat", &format).then_some(())?;
    for (path, text, _, _) in FILES {
        let file = folder.join("tree").join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
    }
    for top in ["opt", "home"] {
        let tree = folder.join("tree").join(top);
        made_by("mcopy", &["-i", place, "-s", tree.to_str().unwrap(), "::/"]).then_some(())?;
    }
    for (path, _, _, _) in FILES.iter().filter(|file| file.3) {
        made_by("mdel", &["-i", place, &format!("::/{path}")]);
    }
    let mut bytes = fs::read(&image).unwrap();
    for (_, text, behind, _) in FILES {
        let at = find(&bytes, text) + text.len();
        bytes[at..at + behind.len()].copy_from_slice(behind.as_bytes());
    }
    let free = bytes.len() - 64 * CLUSTER;
    bytes[free..free + ADRIFT.len()].copy_from_slice(ADRIFT.as_bytes());
    fs::write(&image, bytes).unwrap();
    Some(())
}

fn find(bytes: &[u8], text: &str) -> usize {
    bytes.windows(text.len()).position(|window| window == text.as_bytes()).expect(text)
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// A desk with that medium, and a policy for it, approved, with these lines in `[target]`.
fn desk(target: &str, deleted: &str) -> Option<Desk> {
    let desk = Desk::with_open_case();
    let media = "media = [{ label = \"KC07\", fsuuid = \"1A2B-3C4D\" }]";
    desk.policy_with(&[("media ", media), ("unallocated", target), ("deleted", deleted)]);
    medium(&desk.path(""))?;
    desk.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
    Some(desk)
}

const CAPTURE: &str = "ambit capture --policy {dir}/policy --medium {dir}/fat.img --case {case} --trust {trust} {both} --out {dir}/fat.ambit";
const AUDIT: &str = "ambit-verify audit {dir}/fat.ambit --trust {trust} --identity {keys}/auditor.age --against {dir}/fat.img";

#[test]
fn what_the_order_grants_is_held_for_its_compartment_alone() {
    let target = "unallocated = \"hold:neutral\"\nslack = \"hold:neutral\"";
    let Some(desk) = desk(target, "deleted = \"hold:neutral\"") else { return };
    let ran = desk.run(CAPTURE).exits(0);
    for (path, _, _, _) in FILES {
        let name = path.rsplit('/').next().unwrap();
        assert!(!ran.out.contains(name) && !ran.err.contains(name), "{ran}");
    }
    let package = desk.path("fat.ambit");
    let key = |who: &str| desk.demo.path(&format!("keys/{who}.age"));

    // The neutral examiner gets free space, the captured file's slack and what stands where a deleted file was.
    let neutral = zip_entries(&package, "held:neutral", &key("neutral"));
    let found = |text: &str| neutral.iter().any(|(_, bytes)| has(bytes, text));
    assert!(found(ADRIFT));
    assert!(neutral.iter().any(|(_, bytes)| bytes.starts_with(b"behind the panel")));
    assert!(neutral.iter().any(|(_, bytes)| bytes == b"<?php // it was removed\n"));
    assert!(!found("behind the letter") && !found("behind the addresses"));
    // What is held for another keeps its slack there; what is left keeps its own.
    let victim = zip_entries(&package, "held:victim-data", &key("victim-data"));
    assert!(victim.iter().any(|(_, bytes)| bytes.starts_with(b"behind the addresses")));
    for (name, bytes) in zip_entries(&package, "captured", &key("case-team")) {
        let hidden = [ADRIFT, "behind the", "it was removed", "a letter"];
        assert!(!hidden.iter().any(|text| has(&bytes, text)), "{name}");
    }

    // The record: each by its kind, with its length.
    let records = ledger(&package, &key("auditor"));
    let of =
        |kind: Kind| records.iter().filter(move |(_, parts)| parts.facts.kind == kind).collect::<Vec<_>>();
    let slack = of(Kind::Slack);
    assert_eq!(slack.len(), 2);
    for (locator, parts) in slack {
        let file = &records[locator.strip_suffix("/slack").unwrap()];
        assert_eq!(parts.facts.names, file.facts.names);
        assert_eq!(parts.facts.size, file.facts.size);
        let length = CLUSTER - usize::try_from(file.facts.size.unwrap()).unwrap();
        assert_eq!(parts.facts.slack.unwrap().size, u64::try_from(length).unwrap());
    }
    let recovered = of(Kind::Recovered);
    let outcome =
        |outcome: &Outcome| recovered.iter().filter(|(_, parts)| parts.decision.outcome == *outcome).count();
    assert_eq!(
        (outcome(&Outcome::Held("neutral".into())), outcome(&Outcome::Left), recovered.len()),
        (1, 1, 2)
    );
    for (locator, parts) in of(Kind::Unallocated) {
        assert!(locator.starts_with("fat:1A2B3C4D/unallocated:"), "{locator}");
        assert_eq!((&parts.decision.tier, parts.decision.rules.len()), (&Tier::Held, 0));
    }

    // Audited, and the same on the original; holders open and check what is theirs.
    let ran = desk.run(AUDIT).exits(0);
    assert!(ran.out.contains("MATCHED") && !ran.out.contains("NOT MATCHED"), "{ran}");
    let open = |who: &str, set: &str, to: &str| {
        desk.run(&format!(
            "ambit open {{dir}}/fat.ambit --trust {{trust}} --identity {{keys}}/{who}.age --set {set} --out {{dir}}/{to}"
        ))
    };
    assert_ne!(open("case-team", "held:neutral", "no").exit, 0);
    open("neutral", "held:neutral", "neutral").exits(0);
    open("case-team", "captured", "captured").exits(0);
    assert!(files_below(&desk.path("neutral")).values().any(|bytes| has(bytes, ADRIFT)));

    // One byte of free space, or of slack, and the medium is another.
    for text in [ADRIFT, "behind the panel"] {
        let sound = fs::read(desk.path("fat.img")).unwrap();
        let mut altered = sound.clone();
        altered[find(&sound, text)] ^= 1;
        fs::write(desk.path("fat.img"), altered).unwrap();
        let ran = desk.run(AUDIT).exits(2);
        assert!(ran.out.contains("NOT MATCHED") && ran.out.contains("object"), "{text}: {ran}");
        fs::write(desk.path("fat.img"), sound).unwrap();
    }
    // Slack that was empty, and is not any more, is an item that the record lacks; that of a letter is nobody's business.
    let sound = fs::read(desk.path("fat.img")).unwrap();
    let mut altered = sound.clone();
    altered[find(&sound, "behind the letter")] ^= 1;
    fs::write(desk.path("fat.img"), altered).unwrap();
    desk.run(AUDIT).exits(0);
}

#[test]
fn what_the_order_does_not_grant_is_not_read() {
    for (deleted, kinds) in [("deleted = \"never\"", 0), ("deleted = \"catalogue\"", 2)] {
        let Some(desk) = desk("unallocated = \"never\"\nslack = \"never\"", deleted) else { return };
        desk.run(CAPTURE).exits(0);
        let package = desk.path("fat.ambit");
        let records = ledger(&package, &desk.demo.path("keys/auditor.age"));
        let of = |kinds: &[Kind]| records.values().filter(|parts| kinds.contains(&parts.facts.kind)).count();
        assert_eq!(of(&[Kind::Slack, Kind::Unallocated, Kind::Recovered]), 0);
        assert_eq!(of(&[Kind::Deleted]), kinds, "{deleted}");
        let held = zip_entries(&package, "held:victim-data", &desk.demo.path("keys/victim-data.age"));
        assert!(held.iter().all(|(_, bytes)| !has(bytes, "behind the")));
        desk.run(AUDIT).exits(0);
    }
}

#[test]
fn slack_is_replayed_under_an_order_that_opens_archives() {
    let target =
        "unallocated = \"never\"\nslack = \"hold:neutral\"\ncontainers = { open = [\"zip\"], max_depth = 2 }";
    let Some(desk) = desk(target, "deleted = \"never\"") else { return };
    desk.run(CAPTURE).exits(0);
    let records = ledger(&desk.path("fat.ambit"), &desk.demo.path("keys/auditor.age"));
    let slack: Vec<_> = records.iter().filter(|(_, parts)| parts.facts.kind == Kind::Slack).collect();
    assert_eq!(slack.len(), 2);
    for (locator, parts) in slack {
        assert_eq!(parts.facts.looks, records[locator.strip_suffix("/slack").unwrap()].facts.looks);
        assert_eq!(parts.decision.tier, Tier::Held);
    }
    desk.run(AUDIT).exits(0);
    if second::is_there() {
        let replayed = opened(&desk, &desk.fill("{dir}/fat.ambit")).replay();
        assert_eq!((replayed.exit, replayed.kinds().as_str()), (0, ""), "{}", replayed.text);
    }
}
