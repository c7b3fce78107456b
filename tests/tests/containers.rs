//! Archives on a medium: opened as far as the order grants it, their files items of their own; what is excluded stays closed.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is test code: what fails here fails a test"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use scenarios::archives::{desk, desk_with, made_by};
use scenarios::reading::{files_below, ledger, zip_entries};
use scenarios::second::{self, opened};
use scope::{Digest, Tier};

const CAPTURE: &str = "ambit capture --policy {dir}/policy --medium {dir}/fat.img --case {case} --trust {trust} {both} --out {dir}/fat.ambit";
const AUDIT: &str = "ambit-verify audit {dir}/fat.ambit --trust {trust} --identity {keys}/auditor.age --against {dir}/fat.img";

/// What an independent program gets out of an archive.
fn truth(folder: &Path, program: &str, words: &[&str]) -> Option<Digest> {
    let ran = Command::new(program).args(words).current_dir(folder.join("tree/opt/panel")).output().ok()?;
    assert!(ran.status.success(), "{program} {words:?}");
    Some(Digest::of(&ran.stdout))
}

#[test]
fn an_archive_is_taken_whole_or_its_files_are_taken_singly() {
    let Some(desk) = desk("left   = \"facts\"") else { return };
    let planned = desk
        .run("ambit plan --policy {dir}/policy --medium {dir}/fat.img --case {case} {examiner} --html {dir}/plan.html")
        .exits(0);
    let page = fs::read_to_string(desk.path("plan.html")).unwrap();
    for why in ["to tell whether it is an archive that is opened (target.containers)", "not all is known"] {
        assert!(planned.out.contains(why) && page.contains(why), "{why}: {planned}");
    }
    let ran = desk.run(CAPTURE).exits(3);
    let package = desk.path("fat.ambit");
    let key = |who: &str| desk.demo.path(&format!("keys/{who}.age"));
    let records = ledger(&package, &key("auditor"));
    let by_name: BTreeMap<String, _> = records
        .values()
        .filter_map(|parts| {
            Some((String::from_utf8_lossy(parts.facts.names.first()?.bytes()).into_owned(), parts))
        })
        .collect();
    let panel = "/opt/panel/";
    for (name, outcome, tier) in [
        ("whole.zip", "captured", Tier::Included),
        ("whole.zip!/gate.php", "captured", Tier::Included),
        ("whole.zip!/inc/db.php", "captured", Tier::Included),
        ("mixed.zip", "left", Tier::OutOfScope),
        ("mixed.zip!/panel.php", "captured", Tier::Included),
        ("mixed.zip!/old/emails.txt", "held:victim-data", Tier::Held),
        ("backup.tar.gz", "captured", Tier::Included),
        ("backup.tar.gz!/backup.tar", "captured", Tier::Included),
        ("backup.tar.gz!/backup.tar!/notes.txt", "captured", Tier::Included),
        ("backup.tar.gz!/backup.tar!/a/b.zip", "captured", Tier::Included),
        ("backup.tar.gz!/backup.tar!/a/b.zip!/deep.txt", "captured", Tier::Included),
        ("locked.zip", "held:neutral", Tier::Undetermined),
        ("cut.zip", "held:neutral", Tier::Undetermined),
        // Not all of it is known, and a file in it is held for others than those who have what is unknown.
        ("half.zip", "left", Tier::OutOfScope),
        ("half.zip!/half.php", "captured", Tier::Included),
        ("half.zip!/old/emails.txt", "held:victim-data", Tier::Held),
        ("deep.zip", "left", Tier::OutOfScope),
        ("deep.zip!/level2.zip", "left", Tier::OutOfScope),
        ("deep.zip!/level2.zip!/level1.zip", "left", Tier::OutOfScope),
        ("deep.zip!/level2.zip!/level1.zip!/level0.zip", "held:neutral", Tier::Undetermined),
        // Where `..` leads, nobody can tell.
        ("odd.zip", "left", Tier::OutOfScope),
        ("odd.zip!/../../etc/passwd", "held:neutral", Tier::Undetermined),
        ("odd.zip!//abs", "captured", Tier::Included),
        ("odd.zip!/x!/y", "captured", Tier::Included),
    ] {
        let found =
            by_name.get(&format!("{panel}{name}")).unwrap_or_else(|| panic!("{name}: {:?}", by_name.keys()));
        assert_eq!(
            (found.decision.outcome.to_string().as_str(), found.decision.tier),
            (outcome, tier),
            "{name}"
        );
    }
    let trouble =
        |name: &str| by_name[&format!("{panel}{name}")].facts.container.as_ref().unwrap().trouble.clone();
    assert!(trouble("half.zip").unwrap().contains("encrypted"));
    assert!(trouble("locked.zip").unwrap().contains("encrypted"));
    assert!(trouble("cut.zip").unwrap().contains("not opened"));
    assert_eq!(trouble("whole.zip"), None);

    // What was taken is what other programs find there.
    let sha256 = |name: &str| by_name[&format!("{panel}{name}")].object.as_ref().unwrap().sha256;
    for (name, program, words) in [
        ("whole.zip!/gate.php", "unzip", &["-p", "whole.zip", "gate.php"][..]),
        ("mixed.zip!/old/emails.txt", "unzip", &["-p", "mixed.zip", "old/emails.txt"]),
        ("backup.tar.gz!/backup.tar", "gzip", &["-dc", "backup.tar.gz"]),
        ("backup.tar.gz!/backup.tar!/notes.txt", "tar", &["-xzOf", "backup.tar.gz", "notes.txt"]),
        ("backup.tar.gz!/backup.tar!/a/b.zip", "tar", &["-xzOf", "backup.tar.gz", "a/b.zip"]),
        ("whole.zip", "cat", &["whole.zip"]),
    ] {
        match truth(&desk.path(""), program, words) {
            Some(truth) => assert_eq!(sha256(name), truth, "{name}"),
            None => assert!(std::env::var_os("CI").is_none(), "`{program}` is absent in CI"),
        }
    }
    assert_eq!(sha256("backup.tar.gz!/backup.tar!/a/b.zip!/deep.txt"), Digest::of(b"three archives down\n"));

    // The archive of somebody else was not opened: the name of what is in it is nowhere, nor in any output.
    assert!(by_name["/home/other/Maildir/box.zip"].facts.container.is_none());
    assert!(!by_name.keys().any(|name| name.contains("a-private-letter")));
    let hidden = by_name
        .iter()
        .filter(|(name, parts)| name.contains('.') && parts.decision.outcome.to_string() != "captured");
    for (name, _) in hidden {
        let last = name.rsplit('/').next().unwrap();
        assert!(last.is_empty() || !ran.out.contains(last) && !ran.err.contains(last), "{name}: {ran}");
    }
    // Nor does the case team learn of a file that is held, from the archive in which it lies.
    for (entry, bytes) in zip_entries(&package, "captured", &key("case-team")) {
        for hidden in [&b"emails.txt"[..], b"somebody@victim", b"a-private-letter", b"locked.txt"] {
            assert!(!bytes.windows(hidden.len()).any(|window| window == hidden), "{entry}");
        }
    }

    // Replayed by two programs, examined again on the original.
    let ran = desk.run(AUDIT).exits(0);
    assert!(ran.out.contains("MATCHED") && !ran.out.contains("NOT MATCHED"), "{ran}");
    if second::is_there() {
        let replayed = opened(&desk, &desk.fill("{dir}/fat.ambit")).replay();
        assert_eq!((replayed.exit, replayed.kinds().as_str()), (0, ""), "{}", replayed.text);
    }
    desk.run("ambit open {dir}/fat.ambit --trust {trust} --identity {keys}/case-team.age --set captured --out {dir}/got").exits(0);
    assert!(files_below(&desk.path("got")).values().any(|bytes| bytes == b"three archives down\n"));

    // What another tool saw on the volume is no file in an archive, whatever its folder is called.
    let size = by_name["/opt/panel/mixed.zip!/panel.php"].facts.size.unwrap();
    fs::write(desk.path("listing.csv"), format!("path,size\n/opt/panel/mixed.zip!/panel.php,{size}\n"))
        .unwrap();
    let listed = desk.run(
        "ambit-verify audit {dir}/fat.ambit --trust {trust} --identity {keys}/auditor.age --json --against-listing {dir}/listing.csv",
    );
    let json = listed.json();
    let missing = json["findings"].as_array().unwrap().iter().filter(|finding| finding["kind"] == "missing");
    assert_eq!((listed.exit, missing.count(), &json["listing"]["agreed"]), (2, 1, &0.into()), "{listed}");

    // Who asks about an archive hears of its files, though it was left itself: they stand for it.
    let attest = "ambit-verify attest {dir}/fat.ambit --trust {trust} --identity {keys}/auditor.age --prefix /opt/panel/mixed.zip --write-result {dir}/mixed.txt";
    desk.run(attest).exits(0);
    let text = fs::read_to_string(desk.path("mixed.txt")).unwrap();
    assert!(text.contains("\ncaptured 1\nheld 1\nlisted 0\nunread 0\nleft 1\nwithin 0 0\n"), "{text}");
    assert!(text.contains("says Something under this path was taken.\n"), "{text}");
    assert!(text.contains("says On the whole medium the files in "), "{text}");

    // One byte of a file in an archive: it has another check sum, and so it differs.
    let mut image = fs::read(desk.path("fat.img")).unwrap();
    let text = b"three archives";
    assert!(!image.windows(text.len()).any(|window| window == text), "it is packed in the gzip");
    change(&mut image, b"level0.zip", b"Level0.zip");
    fs::write(desk.path("fat.img"), image).unwrap();
    let ran = desk.run(AUDIT).exits(2);
    assert!(ran.out.contains("NOT MATCHED") && !ran.out.contains("not compared: fat:"), "{ran}");
}

/// Changes the first place of these bytes.
fn change(image: &mut [u8], from: &[u8], to: &[u8]) {
    let at = image.windows(from.len()).position(|window| window == from).expect("it is there");
    image[at..at + to.len()].copy_from_slice(to);
}

/// A member whose check sum was wrong from the beginning is recorded as that, and compared as that.
#[test]
fn a_check_sum_that_was_always_wrong_is_no_difference() {
    let Some(desk) = desk("left   = \"facts\"") else { return };
    let mut image = fs::read(desk.path("fat.img")).unwrap();
    // Stored, in a zip that is captured: other bytes than those that the check sum is of.
    change(&mut image, b"abs\n", b"ABS\n");
    fs::write(desk.path("fat.img"), &image).unwrap();
    let ran = desk.run(CAPTURE).exits(3);
    assert!(ran.out.contains("1 kept files in archives are not as their archive says"), "{ran}");
    assert!(!ran.out.contains("changed while they were read"), "{ran}");
    let records = ledger(&desk.path("fat.ambit"), &desk.demo.path("keys/auditor.age"));
    let named = |name: &str| {
        let found = records.values().find(|parts| {
            parts.facts.names.iter().any(|own| String::from_utf8_lossy(own.bytes()).ends_with(name))
        });
        found.unwrap_or_else(|| panic!("{name}"))
    };
    let object = named("odd.zip!//abs").object.clone().unwrap();
    assert_eq!(object.sha256, Digest::of(b"ABS\n"));
    assert!(object.unreadable.is_empty() && object.trouble.unwrap().contains("check sum"));
    let ran = desk.run(AUDIT).exits(0);
    assert!(ran.out.contains("MATCHED") && !ran.out.contains("NOT MATCHED"), "{ran}");
    // The check sum is put right today, or the bytes are others again: either is a difference.
    for (from, to) in [(&b"ABS\n"[..], &b"abs\n"[..]), (b"ABS\n", b"Abs\n")] {
        let mut other = image.clone();
        change(&mut other, from, to);
        fs::write(desk.path("fat.img"), &other).unwrap();
        let ran = desk.run(AUDIT).exits(2);
        assert!(
            ran.out.contains("NOT MATCHED") && ran.out.contains("differs from the ledger in: object"),
            "{ran}"
        );
    }
}

#[test]
fn under_counts_nothing_is_recorded_of_what_is_left_in_an_archive() {
    let Some(desk) = desk("left   = \"counts\"") else { return };
    let counts = desk.run(&format!("{CAPTURE} --json")).exits(3).json();
    // Of what is encrypted not a byte was read: no table has its bytes, by outcome, tier or rule.
    let bytes = |table: &str, row: &str| counts[table][row]["bytes"].as_u64().unwrap_or(0);
    let sum =
        |table: &str| counts[table].as_object().unwrap().keys().map(|row| bytes(table, row)).sum::<u64>();
    assert_eq!(sum("outcomes"), sum("tiers"), "{counts}");
    assert_eq!(bytes("outcomes", "held:victim-data"), bytes("tiers", "held"), "{counts}");
    let records = ledger(&desk.path("fat.ambit"), &desk.demo.path("keys/auditor.age"));
    let names: Vec<String> = records
        .values()
        .flat_map(|parts| {
            parts.facts.names.iter().map(|name| String::from_utf8_lossy(name.bytes()).into_owned())
        })
        .collect();
    assert!(names.iter().any(|name| name == "/opt/panel/mixed.zip!/panel.php"));
    assert!(!names.iter().any(|name| name == "/opt/panel/mixed.zip"));
    let ran = desk.run(AUDIT).exits(0);
    assert!(ran.out.contains("MATCHED") && !ran.out.contains("NOT MATCHED"), "{ran}");
    if second::is_there() {
        let replayed = opened(&desk, &desk.fill("{dir}/fat.ambit")).replay();
        assert_eq!((replayed.exit, replayed.kinds().as_str()), (0, ""), "{}", replayed.text);
    }
}

/// Packs an archive of the image again with other content, of the same length in every place.
const SWAP: &str = r#"
import io, sys, zipfile
folder = sys.argv[1]
old = open(folder + "/tree/opt/panel/mixed.zip", "rb").read()
held = io.BytesIO()
with zipfile.ZipFile(io.BytesIO(old)) as was, zipfile.ZipFile(held, "w") as out:
    for info in was.infolist():
        out.writestr(info, was.read(info).replace(b"panel", b"PANEL"))
new = held.getvalue()
image = open(folder + "/fat.img", "rb").read()
assert len(new) == len(old) and new != old and image.count(old) == 1
open(folder + "/fat.img", "wb").write(image.replace(old, new))
"#;

#[test]
fn a_sample_looks_at_files_in_archives_and_so_does_another_program() {
    let Some(desk) = desk("left   = \"facts\"") else { return };
    desk.run(CAPTURE).exits(3);
    let sample = "ambit-verify sample {dir}/fat.ambit --trust {trust} --identity {keys}/auditor.age --nonce lottery-07-14-21 --n 9999 --i-may-see-names --against {dir}/fat.img";
    let ran = desk.run(sample).exits(0).prints("MATCHED: the record agrees").prints("and none is wrong");
    assert!(!ran.out.contains("slack"), "{ran}");
    // Every command that unpacks a file of an archive, run as it is printed, gives what is on record.
    let mut compared = 0;
    for line in ran.out.lines().map(str::trim) {
        assert!(!line.starts_with("icat") || !line.contains("panel.php"), "a name in a command: {line}");
    }
    let lines: Vec<&str> = ran.out.lines().map(str::trim).collect();
    for (at, name) in
        lines.iter().enumerate().filter_map(|(at, line)| Some((at, line.strip_prefix("name ")?)))
    {
        let Some((archive, _)) =
            name.split_once("!/").filter(|(archive, _)| archive.starts_with("/opt/panel/"))
        else {
            continue;
        };
        let mut rest = lines[at..].iter().take_while(|line| !line.is_empty());
        // What is encrypted no program unpacks without its password.
        if name.contains("locked") {
            continue;
        }
        let command = rest.find_map(|line| line.strip_prefix("icat "));
        let on_record = rest.find_map(|line| line.strip_prefix("on record: ")).unwrap();
        let (Some(command), Some((_, sha256))) = (command, on_record.split_once("sha256:")) else { continue };
        let (_, unpack) = command.split_once(" INODE | ").unwrap();
        let command = format!("cat {} | {unpack}", desk.fill(&format!("{{dir}}/tree{archive}")));
        let done = Command::new("sh").args(["-c", &command]).output().unwrap();
        let told = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(
            told.starts_with(sha256),
            "{name}: {command}\n{told}\n{}",
            String::from_utf8_lossy(&done.stderr)
        );
        compared += 1;
    }
    assert!(compared >= 8, "{compared}: {ran}");
    // Of what is encrypted not a byte was read: it was not looked at again, and the bound does not speak of it.
    for words in [
        "Of the drawn lines' items 31 were looked at again, and none is wrong. With 95 % confidence at most 0 of the 31 recorded items that could be read wholly then differ",
        "2 more drawn lines' items are partial",
        "Of the 2 recorded items that are partial the bound says nothing.",
        "and in part alone 2",
        "; partial: 0 of ",
        " is the digest of zeros alone, as many as it has bytes: another tool's digest is not comparable",
    ] {
        assert!(ran.out.contains(words), "{words}: {ran}");
    }
    let unseen = desk.run(sample.split_once(" --against").unwrap().0).exits(0);
    unseen
        .prints("If all 31 that are not partial are looked at and none is wrong, then with 95 % confidence at most 0 of the 31 recorded items that could be read wholly")
        .prints("2 more drawn lines' items are partial");

    // What an auditor signs has the same caveat.
    desk.run("ambit-verify audit {dir}/fat.ambit --trust {trust} --identity {keys}/auditor.age --against {dir}/fat.img --write-result {dir}/result.txt")
        .exits(0)
        .prints("2 of them are partial");
    let signed = fs::read_to_string(desk.path("result.txt")).unwrap();
    assert!(signed.contains("agrees with the record where both could be read."), "{signed}");
    assert!(signed.contains(" 2 of them are partial: what could not be read"), "{signed}");

    // Another content in an archive whose own facts stay the same: the sample sees it, and states no bound.
    assert!(made_by("python3", &["-c", SWAP, &desk.fill("{dir}")]));
    let ran = desk.run(sample).exits(2).prints("NOT MATCHED").prints("No bound is stated");
    assert!(ran.out.contains("/member:0"), "{ran}");
}

/// What a later policy makes of an archive hangs on what it makes of the files in it, and these on whether it opens the archive.
#[test]
fn two_policies_on_one_ledger_are_asked_about_archives_from_their_files_up() {
    let Some(desk) = desk("left   = \"facts\"") else { return };
    desk.run(CAPTURE).exits(3);
    let own = fs::read_to_string(desk.path("policy/policy.toml")).unwrap();
    let moves = |later: String| -> BTreeMap<String, (Option<String>, Option<String>, String)> {
        fs::create_dir_all(desk.path("later")).unwrap();
        fs::write(desk.path("later/policy.toml"), later).unwrap();
        let told = desk
            .run("ambit policy diff {dir}/policy {dir}/later --ledger {dir}/fat.ambit --trust {trust} --identity {keys}/auditor.age --i-may-see-names --json")
            .exits(2)
            .json();
        let mut all = BTreeMap::new();
        for own in told["ledger"]["moves"].as_array().unwrap() {
            let word = |side: &str, of: &str| own[side][of].as_str().map(str::to_owned);
            let (before, after) = (word("before", "outcome"), word("after", "outcome"));
            for item in own["some"].as_array().unwrap() {
                let name = item["names"][0].as_str().unwrap_or_default().to_owned();
                let because = word("after", "because").unwrap();
                all.insert(name, (before.clone(), after.clone(), because));
            }
        }
        all
    };
    let exclude = "\n[selector.gate]\nlabel = \"l\"\nname = [\"gate.php\"]\n[[rule]]\nid = \"X-9\"\neffect = \"exclude\"\ntext = \"t\"\nbasis = \"b\"\nany = [\"gate\"]\n";
    let moved = moves(format!("{own}{exclude}"));
    for name in ["/opt/panel/whole.zip!/gate.php", "/opt/panel/whole.zip"] {
        let (before, after, _) = &moved[name];
        assert_eq!((before.as_deref(), after.as_deref()), (Some("captured"), Some("left")), "{name}");
    }
    assert!(!moved.contains_key("/opt/panel/whole.zip!/inc/db.php"), "{moved:?}");
    // Where archives are no longer opened, what is in them is no item.
    let opening = own.lines().find(|line| line.starts_with("containers")).unwrap().to_owned();
    let moved = moves(own.replacen(&opening, "", 1));
    let (before, after, because) = &moved["/opt/panel/whole.zip!/gate.php"];
    assert_eq!((before.as_deref(), after.as_deref()), (Some("captured"), None));
    assert!(because.contains("is not opened"), "{because}");
    assert_eq!(moved["/opt/panel/mixed.zip"].1.as_deref(), Some("captured"), "{moved:?}");
    assert!(!moved.contains_key("/opt/panel/whole.zip"), "it is captured as before: {moved:?}");
}

/// An archive is one with what is in it: all of it fits below the limit, or nothing of it is on record.
#[test]
fn a_limit_of_bytes_counts_an_archive_with_what_is_in_it() {
    // `whole.zip` has some 400 bytes, and 14,000 in it.
    let limits = "\n[limits]\nbytes = 14000\n";
    let Some(desk) = desk_with("left   = \"facts\"", limits) else { return };
    desk.run("ambit policy render {dir}/policy").exits(0).prints("an archive counting together with");
    let planned = desk
        .run("ambit plan --policy {dir}/policy --medium {dir}/fat.img --case {case} {examiner} --json")
        .exits(0)
        .json();
    let mut items = None;
    for jobs in [1, 4] {
        let out = format!("{jobs}.ambit");
        let capture = CAPTURE.replace("fat.ambit", &out);
        let counts = desk.run(&format!("{capture} --json --jobs {jobs}")).json();
        let why = counts["interrupted"].as_str().unwrap();
        assert!(why.starts_with("the policy's limit of 14000 bytes: "), "{why}");
        // Bytes of what cannot be read are in the plan alone.
        for field in ["items", "deepest_look", "interrupted"] {
            assert_eq!(counts[field], planned[field], "{jobs} {field}");
        }
        let package = desk.path(&out);
        let records = ledger(&package, &desk.demo.path("keys/auditor.age"));
        let sizes = records.values().filter_map(|parts| parts.object.as_ref().map(|object| object.size));
        assert!((1..=14_000).contains(&sizes.sum::<u64>()), "{jobs}");
        let names: Vec<String> =
            records.values().flat_map(|parts| parts.facts.names.iter().map(ToString::to_string)).collect();
        assert!(!names.iter().any(|name| name.contains("whole.zip")), "{names:?}");
        let archives = records.values().filter(|parts| parts.facts.container.is_some());
        let members = archives.map(|parts| parts.facts.container.as_ref().unwrap().members).sum::<u64>();
        let found = records.values().filter(|parts| parts.facts.member.is_some()).count() as u64;
        assert_eq!(members, found, "{names:?}");
        assert_eq!(*items.get_or_insert(records.len()), records.len());
        let audit = AUDIT.replace("fat.ambit", &out);
        desk.run(audit.split_once(" --against").unwrap().0)
            .exits(3)
            .prints("FOLLOWED: every recorded decision");
        // What lies beyond the limit is on the medium, and is counted.
        let against =
            desk.run(&audit).exits(3).prints("MATCHED: the record agrees").prints("3 items lie beyond it");
        assert!(!against.out.contains("missing"), "{against}");
        if second::is_there() {
            let replayed = opened(&desk, &package.display().to_string()).replay();
            assert_eq!((replayed.exit, replayed.kinds().as_str()), (0, ""), "{}", replayed.text);
        }
    }
}
