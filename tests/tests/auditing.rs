//! What an auditor hands over: a result that is signed, checked, and put on the log; a statement about one path.

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
use std::process::Command;

use evidence::acquisition::RunNumber;
use evidence::attestation::{Attestation, Prefix, Statement, Unread};
use scenarios::second::replayed_from;
use scenarios::story::Desk;

/// A desk with its own copies of the demo's package and case, which a test may append to.
fn desk() -> Desk {
    let desk = Desk::new();
    copy(&desk.demo.path("KC07.ambit"), &desk.path("KC07.ambit"));
    copy(&desk.demo.path("case"), &desk.path("case"));
    // The case knows its log key as a neighbour.
    copy(&desk.demo.path("keys"), &desk.path("keys"));
    desk
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

const AUDIT: &str = "ambit-verify audit {dir}/KC07.ambit --trust {trust} --identity {keys}/auditor.age";
const APPEND: &str = "ambit attestation append {dir}/result.txt --package {dir}/KC07.ambit --trust {trust} --case {case} {examiner}";

#[test]
fn an_auditors_result_is_signed_checked_and_put_on_the_log() {
    let desk = desk();
    desk.run(&format!("{AUDIT} --write-result {{dir}}/result.txt")).exits(0);
    let text = fs::read_to_string(desk.path("result.txt")).unwrap();
    for line in [
        "ambit/attestation/v1\n",
        "statement auditor.replay\n",
        "part data/ledger-0001.jsonl.gz.age sha256:",
        "\nfollowed yes\n",
        "\nmatched not-checked\n",
        "says I opened every part of the ledger, 475 records; every recorded decision follows from the policy",
        "says The words of the trust file were not compared with paper.\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    desk.run(&format!("{AUDIT} --write-result {{dir}}/result.txt")).exits(1).says("nothing is overwritten");
    desk.run(&format!("{AUDIT} --write-result {{dir}}/KC07.ambit/result.txt"))
        .exits(1)
        .says("lies in the package");

    desk.run(APPEND).exits(1).says("no signature lies beside it");
    let sign = "ambit attestation sign {dir}/result.txt --trust {trust} --sign-as ";
    desk.run(&format!("{sign}examiner={{keys}}/examiner")).exits(2).says("none of the roles");
    desk.run(&format!("{sign}auditor={{keys}}/auditor")).exits(0).says("followed yes");
    let check =
        "ambit-verify attestation {dir}/result.txt --sig {dir}/result.txt.auditor.sig --trust {trust}";
    desk.run(check).exits(0).prints("SIGNED by Sam Okafor (Independent auditor), `auditor`");

    // The same by other people's program, both ways.
    if Command::new("ssh-keygen").arg("-?").output().is_ok() {
        let allowed = desk.run("ambit-verify trust {trust} --allowed-signers").exits(0).out;
        fs::write(desk.path("allowed"), allowed).unwrap();
        let verify =
            "-Y verify -f {dir}/allowed -I auditor -n ambit/attestation/v1 -s {dir}/result.txt.auditor.sig";
        assert!(keygen(&desk, verify, true), "ssh-keygen refuses our signature");
        fs::remove_file(desk.path("result.txt.auditor.sig")).unwrap();
        assert!(keygen(
            &desk,
            "-Y sign -f {dir}/keys/auditor -n ambit/attestation/v1 {dir}/result.txt",
            false
        ));
        fs::rename(desk.path("result.txt.sig"), desk.path("result.txt.auditor.sig")).unwrap();
        desk.run(check).exits(0).prints("SIGNED by Sam Okafor");
    } else {
        assert!(std::env::var_os("CI").is_none(), "ssh-keygen is missing");
        println!("not run: ssh-keygen is missing");
    }

    desk.run(APPEND).exits(0).prints("auditor.replay, signed by auditor, is on the log");
    desk.run("ambit-verify {dir}/KC07.ambit --trust {trust}")
        .exits(0)
        .prints("Sam Okafor (Independent auditor) signed")
        .prints("followed yes, matched not-checked; 0 findings");
    // The second implementation knows what lies beside an event, and an attestation that is another's.
    if scenarios::second::is_there() {
        let (auditor, log) = (desk.demo.path("keys/auditor.age"), desk.demo.path("keys/log.pub"));
        let replay = || replayed_from(&desk.path("KC07.ambit"), &auditor, &log).kinds();
        assert_eq!(replay(), "");
        let text = desk.path("KC07.ambit/custody/000006/attestation.txt");
        let kept = fs::read(&text).unwrap();
        fs::write(&text, [kept.as_slice(), b"x"].concat()).unwrap();
        assert_eq!(replay(), "log");
        fs::write(&text, kept).unwrap();
    }
    // Case and package hold one log, and neither says the same twice.
    assert!(desk.path("case/custody/000006/attestation.txt.auditor.sig").is_file());
    desk.run(APPEND).exits(1).says("event 6 has this attestation with the same signers already");
    desk.run("ambit-verify {dir}/KC07.ambit --trust {trust}").exits(0);
}

fn keygen(desk: &Desk, words: &str, message: bool) -> bool {
    let words = words.split(' ').map(|word| desk.fill(word));
    let mut command = Command::new("ssh-keygen");
    command.args(words);
    if message {
        command.stdin(fs::File::open(desk.path("result.txt")).unwrap());
    }
    let done = command.output().unwrap();
    println!("{}", String::from_utf8_lossy(&done.stderr));
    done.status.success()
}

#[test]
fn an_attestation_that_was_altered_or_is_anothers_never_reaches_a_log_unseen() {
    let desk = desk();
    desk.run(&format!("{AUDIT} --write-result {{dir}}/result.txt")).exits(0);
    desk.run("ambit attestation sign {dir}/result.txt --trust {trust} --sign-as auditor={keys}/auditor")
        .exits(0);
    let good = fs::read_to_string(desk.path("result.txt")).unwrap();
    let check =
        "ambit-verify attestation {dir}/result.txt --sig {dir}/result.txt.auditor.sig --trust {trust}";
    for (from, to, why) in [
        ("records 475", "records 476", "what the fields say"),
        ("matched not-checked", "matched yes", "nothing says how much was compared"),
        ("when 2", "when 3", "does not hold"),
    ] {
        fs::write(desk.path("result.txt"), good.replacen(from, to, 1)).unwrap();
        desk.run(check).exits(2).prints("REFUSED").prints(why);
        desk.run(APPEND).exits(2).says(why);
    }
    fs::write(desk.path("result.txt"), &good).unwrap();
    desk.run(APPEND).exits(0);

    // What lies on the log is judged by every verification.
    let place = desk.path("KC07.ambit/custody/000006");
    let verify = "ambit-verify {dir}/KC07.ambit --trust {trust}";
    fs::write(place.join("attestation.txt"), good.replacen("when 2", "when 3", 1)).unwrap();
    desk.run(verify).exits(2).prints("custody/000006: attestation.txt: expected");
    fs::remove_file(place.join("attestation.txt")).unwrap();
    desk.run(verify).exits(2).prints("attestation.txt is missing");
    fs::write(place.join("attestation.txt"), &good).unwrap();
    desk.run(verify).exits(0);
    fs::write(place.join("attestation.txt.court.sig"), "more").unwrap();
    desk.run(verify).exits(2).prints("no entry names this file");
}

#[test]
fn a_statement_about_one_path_counts_by_all_names_and_stays_off_the_log() {
    let desk = desk();
    let attest = "ambit-verify attest {dir}/KC07.ambit --trust {trust}";
    desk.run(&format!("{attest} --prefix /home/bakery --write-result {{dir}}/a.txt"))
        .exits(1)
        .says("no key was given");
    let attest = format!("{attest} --identity {{keys}}/auditor.age");
    desk.run(&format!("{attest} --prefix home --write-result {{dir}}/a.txt"))
        .exits(1)
        .says("begins with `/`");
    desk.run(&format!("{attest} --prefix /home/bakery/ --write-result {{dir}}/result.txt")).exits(0);
    let text = fs::read_to_string(desk.path("result.txt")).unwrap();
    println!("{text}");
    assert!(text.contains("\nprefix /home/bakery\ncaptured 0\nheld 0\nlisted 0\nunread 0\nleft "), "{text}");
    assert!(text.contains("\nvolume gpt:1/ext"), "{text}");
    assert!(text.contains("on record was taken into this package.\n"), "{text}");
    assert!(text.contains("says A path begins at the root of its volume,"), "{text}");
    assert!(text.contains("no proof.\n"), "{text}");
    // Of a path that is no name's, or that nothing on record has, nothing is written for anybody to sign.
    for (path, why) in [
        ("//home/bakery", "an empty part, `.` or `..`"),
        ("/home/./bakery", "an empty part, `.` or `..`"),
        ("/home/../home/bakery", "an empty part, `.` or `..`"),
        ("/home/bak", "no item on record in this package has a name under /home/bak,"),
        ("/home/bakery/*", "no item on record in this package has a name under"),
        ("/HOME/bakery", "items have one that differs in capital and small letters alone"),
        ("/mnt/sda1/home/bakery", "items have one under /home/bakery: ask for that"),
    ] {
        desk.run(&format!("{attest} --prefix {path} --write-result {{dir}}/none.txt")).exits(1).says(why);
        assert!(!desk.path("none.txt").exists(), "{path}");
    }
    desk.run("ambit attestation sign {dir}/result.txt --trust {trust} --sign-as auditor={keys}/auditor")
        .exits(0);
    desk.run(APPEND).exits(2).says("the custody log is public");
    let check = "ambit-verify attestation {dir}/result.txt --sig {dir}/result.txt.auditor.sig --trust {trust} --package {dir}/KC07.ambit";
    desk.run(check).exits(0).prints("ABOUT this package");
    fs::write(desk.path("result.txt"), text.replace("gpt:2/", "gpt:9/")).unwrap();
    desk.run(check).exits(2).prints("volume: these are not the volumes that were walked");
    // What the package says otherwise is refused, one thing at a time.
    let honest = Attestation::parse(text.as_bytes()).unwrap();
    let contradicts = |edit: &dyn Fn(&mut Prefix), what: &str| {
        let mut own = honest.clone();
        let Statement::Prefix(prefix) = &mut own.statement else { panic!("{own:?}") };
        edit(prefix);
        fs::write(desk.path("result.txt"), own.to_bytes()).unwrap();
        desk.run(check).exits(2).prints(what);
    };
    let unread = Unread { place: "gpt:9".to_owned(), length: 512, what: "LUKS".to_owned() };
    contradicts(&|own| own.records = 1, "records: 1, of an inventory of");
    contradicts(&|own| own.parts.clear(), "parts: the statement says 0");
    contradicts(&|own| own.unread.push(unread.clone()), "unread: these are not the layers");
    contradicts(&|own| own.other_runs.push(RunNumber([9; 16])), "other-run: these are not the other runs");
    contradicts(&|own| own.unnamed_kept = 9999, "unnamed-kept: 9999 under the path, of ");
    fs::write(desk.path("result.txt"), &text).unwrap();
    desk.run(check).exits(0).prints("ABOUT this package");
    fs::write(desk.path("KC07.ambit/meta/policy/rendering.md"), "another text").unwrap();
    desk.run(check).exits(2).prints("is not INTACT: `ambit-verify` says why");
}

const SAMPLE: &str = "ambit-verify sample {package} --trust {trust} --identity {keys}/auditor.age --nonce";

#[test]
fn a_sample_is_drawn_again_by_hand_and_looked_at_with_other_tools() {
    let desk = Desk::new();
    desk.run(&format!("{SAMPLE} 12345 --n 5")).exits(1).says("8 to 200 printable");
    desk.run(&format!("{SAMPLE} lottery-07-14-21 --n 0")).exits(1).says("--n: expected 1 to");
    let blind = desk.run(&format!("{SAMPLE} lottery-07-14-21 --n 475")).exits(0);
    assert!(blind.out.contains("475 of 475 drawn, 475 with a record"), "{blind}");
    assert!(blind.out.contains("Nobody has looked at these yet"), "{blind}");
    assert!(
        !blind.out.contains("/home/") && !blind.out.contains("Share"),
        "names were not asked for: {blind}"
    );
    assert!(blind.out.contains("/inode:") && blind.out.contains("/record:"), "{blind}");
    // All were drawn: the order alone is the draw's. A smaller sample begins the larger one.
    let few = desk
        .run(&format!("{SAMPLE} lottery-07-14-21 --n 40 --against {{medium}} --i-may-see-names"))
        .exits(0);
    for words in [
        "lines  40 of 475 drawn, 40 with a record",
        "nodes  40 of 475 drawn from the medium itself",
        "40 were looked at again, and none is wrong",
        "40 were looked for in the ledger, and none is missing or",
        "      name /",
        "      on record: KC07-C-0",
        " bytes, sha256:",
    ] {
        assert!(few.out.contains(words), "{words}: {few}");
    }
    let other = desk.run(&format!("{SAMPLE} lottery-07-14-22 --n 40")).exits(0);
    assert_ne!(locators(&few.out).get(..40), locators(&other.out).get(..40), "another nonce draws others");
    assert_eq!(locators(&few.out).get(..40), locators(&blind.out).get(..40));
    if Command::new("istat").arg("-V").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "sleuthkit is missing");
        return println!("not run: sleuthkit is missing");
    }
    // The commands are for a shell; run as they are printed, they find what the ledger has.
    let medium = desk.fill("{medium}");
    let commands: Vec<&str> =
        few.out.lines().map(str::trim).filter(|line| line.starts_with("istat -o ")).collect();
    assert!(commands.len() > 40 && commands.iter().all(|line| line.contains(&medium)), "{few}");
    for command in commands.iter().take(20) {
        let done = Command::new("sh").args(["-c", command]).output().unwrap();
        assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

/// The locators of a sample, in the order of the draw.
fn locators(text: &str) -> Vec<&str> {
    let items = text.lines().filter_map(|line| line.strip_prefix("    "));
    items.filter_map(|line| Some(line.split_once(": ")?.1)).filter(|item| item.starts_with("gpt:")).collect()
}

/// What a program of sleuthkit prints about the demo's medium; none where it is not there.
fn sleuthkit(desk: &Desk, words: &str) -> Option<String> {
    let mut words = words.split(' ').map(|word| desk.fill(word));
    let Ok(done) = Command::new(words.next().unwrap()).args(words).output() else {
        assert!(std::env::var_os("CI").is_none(), "sleuthkit is missing");
        println!("not run: sleuthkit is missing");
        return None;
    };
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    // A name is bytes: one letter for each, so that nothing is lost on the way back.
    Some(done.stdout.iter().map(|byte| char::from(*byte)).collect())
}

#[test]
fn another_tools_listing_agrees_and_what_it_alone_saw_is_found() {
    let desk = Desk::new();
    let audit = "ambit-verify audit {package} --trust {trust} --identity {keys}/auditor.age --json --against-listing {dir}/listing";
    let Some(dfxml) = sleuthkit(&desk, "fiwalk -x {medium}") else { return };
    let whole = |text: &str, options: &str| {
        let bytes: Vec<u8> = text.chars().map(|letter| u8::try_from(letter).unwrap()).collect();
        fs::write(desk.path("listing"), bytes).unwrap();
        desk.run(&format!("{audit} {options}"))
    };
    let kinds = |ran: &scenarios::story::Ran| {
        let findings = ran.json()["findings"].as_array().unwrap().clone();
        findings.iter().map(|finding| finding["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let agreed = whole(&dfxml, "").exits(0);
    assert!(kinds(&agreed).is_empty(), "{agreed}");

    let linux = sleuthkit(&desk, "fls -r -p -m / -o 2048 {medium}").unwrap();
    let windows = sleuthkit(&desk, "fls -r -p -m / -o 34816 {medium}").unwrap();
    let which = whole(&linux, "").exits(1);
    let volumes: Vec<&str> =
        which.err.split([' ', ',', ';']).filter(|word| word.starts_with("gpt:")).collect();
    assert_eq!(volumes.len(), 2, "{which}");
    let (ext, ntfs) =
        (format!("--listing-volume {}", volumes[0]), format!("--listing-volume {}", volumes[1]));
    let agreed = whole(&linux, &ext).exits(0);
    let json = agreed.json();
    assert_eq!(
        (&json["matched"], &json["listing"]["form"]),
        (&"not-checked".into(), &"bodyfile".into()),
        "{agreed}"
    );
    assert!(json["listing"]["agreed"].as_u64() > Some(50) && json["listing"]["differ"] == 0, "{agreed}");
    let files: String =
        linux.lines().filter(|line| !line.contains("|d/d")).map(|line| format!("{line}\n")).collect();
    let files = whole(&files, &ext).exits(0).prints("folders, of which the other tool lists none");
    assert!(kinds(&files).is_empty(), "{files}");
    whole(&windows, &ntfs).exits(0);
    whole(&linux, "--listing-volume gpt:9/ext4:none").exits(1).says("no volume gpt:9");

    // One line more, one line less, one line other.
    let line = linux.lines().find(|line| line.contains("/home/bakery/diary.txt|")).unwrap();
    let check = |text: String, kind: &str| {
        let ran = whole(&text, &ext).exits(2);
        assert_eq!(kinds(&ran), [kind], "{ran}");
        assert_eq!(ran.json()["matched"], "not-checked", "nobody examined the original: {ran}");
        ran
    };
    check(format!("{linux}{}\n", line.replace("diary", "hidden")), "missing");
    check(linux.replace(&format!("{line}\n"), ""), "extra");
    check(
        linux.replace(
            "/home/bakery/diary.txt|59|r/rrw-------|10051|10051|59|",
            "/home/bakery/diary.txt|59|r/rrw-------|10051|10051|60|",
        ),
        "fact",
    )
    .prints("size 59 in the ledger, 60 in the listing");
    let result = format!("{ext} --listing-tool fls --write-result {{dir}}/result.txt");
    whole(&linux.replace(&format!("{line}\n"), ""), &result).exits(2);
    let text = fs::read_to_string(desk.path("result.txt")).unwrap();
    assert!(text.contains("\nmatched not-checked\nlisting bodyfile sha256:"), "{text}");
    assert!(
        text.contains("\nlisting-tool fls\nlisting-volume gpt:") && text.contains("\nlisting-differ 1\n"),
        "{text}"
    );
    assert!(!text.contains("examined again"), "{text}");
    // Nothing that a policy leaves unread, and nothing that is made up, is a difference.
    let made_up = "0|/$OrphanFiles/x|9|-/rrw-|0|0|1|1|1|1|1\n0|/gone (deleted)|9|r/rrw-|0|0|1|1|1|1|1\n";
    whole(&format!("{linux}{made_up}"), &ext).exits(0);
}

#[test]
fn a_holder_signs_a_verdict_for_each_number_and_every_report_says_who_looked() {
    let desk = desk();
    let verify = "ambit-verify {dir}/KC07.ambit --trust {trust}";
    desk.run(verify).exits(0).prints("no key was given. Without one nobody sees");
    let holder = "ambit-verify holder {dir}/KC07.ambit --trust {trust} --write-result {dir}/result.txt --set";
    desk.run(&format!("{holder} ledger --identity {{keys}}/auditor.age")).exits(1).says("is for an auditor");
    desk.run(&format!("{holder} captured")).exits(1).says("no key was given");
    desk.run(&format!("{holder} captured --identity {{keys}}/auditor.age"))
        .exits(1)
        .says("no key that was given opens it");
    assert!(!desk.path("result.txt").exists());
    desk.run(&format!("{holder} captured --identity {{keys}}/case-team.age")).exits(0).says("checked yes");
    let text = fs::read_to_string(desk.path("result.txt")).unwrap();
    assert!(text.contains("\nset captured\npart data/captured-0001.zip.age sha256:"), "{text}");
    assert!(text.contains("\nverdict ok KC07-C-0000") && !text.contains("/home"), "{text}");
    desk.run("ambit attestation sign {dir}/result.txt --trust {trust} --sign-as auditor={keys}/auditor")
        .exits(2);
    desk.run("ambit attestation sign {dir}/result.txt --trust {trust} --sign-as case-team={keys}/case-team")
        .exits(0);
    // A verdict on what the package does not have is put on no log, although it is signed.
    fs::write(desk.path("result.txt"), text.replace("KC07-C-", "KC06-C-")).unwrap();
    fs::rename(desk.path("result.txt.case-team.sig"), desk.path("kept.sig")).unwrap();
    desk.run("ambit attestation sign {dir}/result.txt --trust {trust} --sign-as case-team={keys}/case-team")
        .exits(0);
    desk.run(APPEND).exits(2).says("KC06-C-0000001: not a control number of the set captured");
    fs::write(desk.path("result.txt"), &text).unwrap();
    fs::rename(desk.path("kept.sig"), desk.path("result.txt.case-team.sig")).unwrap();
    desk.run(APPEND).exits(0).prints("holder.verdict, signed by case-team, is on the log");
    desk.run(verify)
        .exits(0)
        .prints("contents of the captured parts: checked by")
        .prints("set captured checked:");

    // Of somebody for whom the set is not: it is told, and counts for nothing.
    fs::remove_file(desk.path("result.txt.case-team.sig")).unwrap();
    desk.run("ambit attestation sign {dir}/result.txt --trust {trust} --sign-as neutral={keys}/neutral")
        .exits(0);
    copy(&desk.demo.path("KC07.ambit"), &desk.path("again.ambit"));
    copy(&desk.demo.path("case"), &desk.path("again"));
    desk.run(&APPEND.replace("KC07.ambit", "again.ambit").replace("{case}", "{dir}/again")).exits(0);
    desk.run("ambit-verify {dir}/again.ambit --trust {trust}")
        .exits(0)
        .prints("without a key in the trust file for which")
        .prints("no key was given. Without one nobody sees");
}
