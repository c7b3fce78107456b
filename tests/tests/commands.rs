//! What the commands refuse, what they say then, and what they leave behind.

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

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use scenarios::hazard::copy;
use scenarios::reading::{acquisition, expected_counts, files_below};
use scenarios::story::{Desk, run};
use serde_json::json;

/// The kinds of the events in a log, in their order.
fn events(folder: &Path) -> Vec<String> {
    let files = files_below(&folder.join("custody"));
    let events = files.iter().filter(|(name, _)| name.ends_with("event.json"));
    events
        .map(|(_, bytes)| {
            let event: serde_json::Value = serde_json::from_slice(bytes).unwrap();
            event["action"]["kind"].as_str().unwrap().to_owned()
        })
        .collect()
}

/// Fails if a file on the desk was made, changed or removed since `before`.
#[track_caller]
fn unchanged(desk: &Desk, before: &BTreeMap<String, Vec<u8>>, command: &str) {
    let after = files_below(&desk.path(""));
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let changed: Vec<_> = names.into_iter().filter(|name| before.get(*name) != after.get(*name)).collect();
    assert!(changed.is_empty(), "{command}: these files were made, changed or removed: {changed:?}");
}

/// Runs a program of others, which CI installs; `None` where it is not here.
fn other_program(program: &str, words: &[&str]) -> Option<()> {
    match Command::new(program).args(words).stdin(Stdio::null()).output() {
        Ok(output) => {
            assert!(
                output.status.success(),
                "{program} {words:?}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            Some(())
        }
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "`{program}` is absent in CI: {error}");
            println!("did not run: `{program}` is not here");
            None
        }
    }
}

#[test]
fn a_case_folder_that_was_put_elsewhere_says_where_its_log_key_is_missing() {
    // The demonstration's case has its log key beside it.
    let desk = Desk::new();
    copy(&desk.demo.path("case"), &desk.path("deeper/case"));
    let what = "--policy {policy} --medium {medium} --case {dir}/deeper/case --trust {trust}";
    let ran = desk.run(&format!("ambit capture {what} {{both}} --out {{dir}}/P"));
    ran.exits(1).says("log key, `../").says("deeper/case/case.json").says("the field `log_key` of that file");
}

#[test]
fn a_capture_that_may_not_be_made_reads_nothing_and_leaves_nothing() {
    let approved = Desk::with_case();
    let unapproved = Desk::with_open_case();
    fs::create_dir(approved.path("there")).unwrap();
    fs::write(approved.path("there.txt"), "mine").unwrap();
    for (desk, command, exit, says) in [
        (
            &approved,
            "capture {what} {examiner} --out {dir}/x",
            1,
            "acquisition.start needs examiner and witness",
        ),
        (
            &approved,
            "capture {what} {witness} --out {dir}/x",
            1,
            "acquisition.start needs examiner and witness",
        ),
        (
            &approved,
            "capture {what} --out {dir}/x",
            1,
            "add the missing signer with --sign-as NAME=KEY; nothing was read",
        ),
        (&approved, "capture {what} {both} --out {dir}/there", 1, "there exists; nothing is overwritten"),
        (
            &approved,
            "capture {what} {both} --out {dir}/there.txt",
            1,
            "there.txt exists; nothing is overwritten",
        ),
        (
            &approved,
            "capture {what} --sign-as examiner={keys}/witness {witness} --out {dir}/x",
            1,
            "this is not a key of `examiner` in the trust file",
        ),
        (&approved, "capture {what} {both} {both} --out {dir}/x", 1, "--sign-as examiner is given twice"),
        (
            &approved,
            "capture {what} --sign-as nobody={keys}/witness --out {dir}/x",
            1,
            "has no principal `nobody`",
        ),
        (
            &unapproved,
            "capture {what} {both} --out {dir}/x",
            2,
            "is not approved: the case has no approval on record",
        ),
        (
            &unapproved,
            "capture {what} {both} --out {dir}/x",
            2,
            "hint: have the authority run `ambit policy approve`",
        ),
        (
            &unapproved,
            "plan --policy {policy} --medium {medium} --case {case} {examiner}",
            2,
            "is not approved",
        ),
        (
            &approved,
            "plan --policy {policy} --medium {medium} --case {case} {witness}",
            1,
            "examine needs examiner",
        ),
    ] {
        let before = files_below(&desk.path(""));
        desk.run(&format!("ambit {command}")).exits(exit).says("error: ").says(says);
        unchanged(desk, &before, command);
        assert!(!desk.path("x").exists() && !desk.path("x.partial").exists(), "{command}");
    }
    assert_eq!(events(&approved.path("case")), ["case.open", "policy.approve"]);
    assert_eq!(events(&unapproved.path("case")), ["case.open"]);
}

#[test]
fn another_policy_than_the_approved_one_is_refused() {
    let desk = Desk::with_case();
    desk.policy_with(&[("version = ", "version = 2")]);
    let what = "--policy {dir}/policy --medium {medium} --case {case} --trust {trust}";
    desk.run(&format!("ambit capture {what} {{both}} --out {{dir}}/x"))
        .exits(2)
        .says("is not approved: the approval on record is of policy sha256:");
    // And one whose approval somebody else signed is no approval.
    let other = Desk::with_open_case();
    other
        .run("ambit policy approve {policy} --case {case} {examiner}")
        .exits(1)
        .says("policy.approve needs authority");
    other.run("ambit policy approve {policy} --case {case}").exits(1);
    assert_eq!(events(&other.path("case")), ["case.open"]);
}

#[test]
fn an_error_in_a_policy_shows_its_place_and_what_to_do() {
    let desk = Desk::new();
    for (begins, line, shown) in [
        (
            "effect = \"withhold\"",
            "effect = \"withold\"",
            &["policy.toml:", "effect = \"withold\"", "^^^^^^^^", "hint: "][..],
        ),
        ("path  = [\"/var/www/vhosts/**\"]", "path  = [\"/var/www/vhosts/[\"]", &["policy.toml:", "^"]),
        (
            "any    = [\"other-sites\", \"other-shares\"]",
            "any    = [\"other-site\", \"other-shares\"]",
            &["policy.toml:", "other-site", "^", "hint: "],
        ),
        ("deleted     = ", "deleted     = \"always\"", &["policy.toml:", "deleted", "^"]),
        ("execute_by  = ", "execute_by  = \"2026-13-01\"", &["policy.toml:", "2026-13-01", "^"]),
    ] {
        desk.policy_with(&[(begins, line)]);
        for command in [
            "policy check {dir}/policy",
            "policy check {dir}/policy/policy.toml",
            "policy render {dir}/policy",
        ] {
            let ran = desk.run(&format!("ambit {command}")).exits(2);
            for part in shown {
                assert!(ran.err.contains(part), "`{part}` is not shown for `{line}`: {ran}");
            }
            // The place is the line that was changed, with its column.
            let text = fs::read_to_string(desk.path("policy/policy.toml")).unwrap();
            let number = 1 + text.lines().position(|found| found == line).unwrap();
            assert!(ran.err.contains(&format!("policy.toml:{number}:")), "line {number}: {ran}");
            assert!(ran.out.is_empty(), "{ran}");
        }
    }
    let other_files = desk.path("policy/notes.txt");
    fs::write(&other_files, "not part of what is approved").unwrap();
    desk.run("ambit policy check {dir}/policy/notes.txt").exits(1).says("not a policy").says("hint: ");
}

#[test]
fn a_witness_who_signs_later_makes_the_package_whole() {
    // The witness is there when the capture begins; the quorum of the seal asks for the court officer and the auditor too, who come later.
    let desk = Desk::new();
    let trust = fs::read_to_string(desk.demo.path("trust.toml")).unwrap();
    let quorum = "\n[[quorum]]\nstep = \"package.seal\"\nroles = [\"examiner\", \"witness\", \"authority\", \"auditor\"]\n";
    fs::write(desk.path("trust.toml"), trust + quorum).unwrap();
    let trusted = "--trust {dir}/trust.toml";
    desk.run(&format!(
        "ambit case new {{case}} {trusted} --medium-label KC07 --log-key {{keys}}/log {{examiner}}"
    ))
    .exits(0);
    desk.run("ambit policy approve {policy} --case {case} {officer}").exits(0);
    let what = format!("--policy {{policy}} --medium {{medium}} --case {{case}} {trusted}");
    let ran = desk.run(&format!("ambit capture {what} {{both}} --out {{dir}}/KC07.ambit")).exits(3);
    ran.prints("NOT sealed yet")
        .prints("Next: ambit sign ")
        .prints("--sign-as court-officer=KEY")
        .prints("kept in the package: examiner and witness");
    assert!(!events(&desk.path("KC07.ambit")).contains(&"package.seal".to_owned()));

    let verify = format!("ambit-verify {{dir}}/KC07.ambit {trusted} --json");
    let report = desk.run(&verify).exits(2).json();
    assert_eq!(report["intact"], "no");
    let seal = report["checks"].as_array().unwrap().iter().find(|check| check["id"] == "seal").unwrap();
    assert_eq!(seal["status"], "fail");
    assert!(seal["detail"].as_str().unwrap().contains("is not sealed"), "{seal}");
    let open = "--identity {keys}/case-team.age --set captured --out {dir}/opened";
    desk.run(&format!("ambit open {{dir}}/KC07.ambit {trusted} {open}")).exits(2);

    let sign = format!("ambit sign {{dir}}/KC07.ambit {trusted} --case {{case}}");
    desk.run(&sign).exits(1).says("nobody signs");
    desk.run(&format!("{sign} {{witness}}")).exits(1).says("`witness` has sealed this package already");
    desk.run(&format!("{sign} {{officer}}"))
        .exits(3)
        .prints("court-officer and examiner and witness, and kept; not sealed yet")
        .prints("still to sign: auditor (auditor)");
    let signed = desk
        .run(&format!("{sign} --sign-as auditor={{keys}}/auditor"))
        .exits(0)
        .prints("package.seal is on the log");
    assert!(
        signed.err.contains("captured") && signed.err.contains("sealed bytes   sha256:"),
        "what is signed: {signed}"
    );
    assert_eq!(events(&desk.path("KC07.ambit")).last().unwrap(), "package.seal");
    assert_eq!(events(&desk.path("KC07.ambit")), events(&desk.path("case")));
    desk.run(&verify).exits(0);
    desk.run(&format!("ambit open {{dir}}/KC07.ambit {trusted} {open}")).exits(0);
    desk.run(&format!("{sign} {{officer}}")).exits(1).says("has sealed this package already");
}

#[test]
fn nobody_is_led_to_sign_a_package_that_was_changed() {
    let desk = Desk::with_case();
    desk.run("ambit capture {what} {both} --out {dir}/KC07.ambit").exits(0);
    let inventory = desk.path("KC07.ambit/meta/inventory.txt");
    let text = fs::read_to_string(&inventory).unwrap();
    fs::write(&inventory, text.lines().skip(1).map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let before = files_below(&desk.path(""));
    desk.run("ambit sign {dir}/KC07.ambit --trust {trust} --case {case} {officer}")
        .exits(2)
        .says("check `bag` fails")
        .says("hint: do not sign this package");
    unchanged(&desk, &before, "sign");
}

#[test]
fn an_order_without_a_signature_is_attested_by_its_digest() {
    let desk = Desk::with_open_case();
    fs::write(desk.path("order.pdf"), "%PDF-1.4 the judge's hand").unwrap();
    let approve =
        "ambit policy approve {policy} --case {case} --instrument {dir}/order.pdf --instrument-kind paper";
    for (words, says) in [
        ("--attested-by witness {examiner}", "is to be attested by `witness`, who does not sign"),
        ("--attested-by examiner", "is to be attested by `examiner`, who does not sign"),
        ("--attested-by examiner {examiner}", "such an order is attested by the examiner and a witness"),
        ("", "such an order is attested by the examiner and a witness"),
    ] {
        desk.run(&format!("{approve} {words}")).exits(1).says(says);
    }
    desk.run("ambit policy approve {policy} --case {case} {both} --attested-by examiner").exits(1);
    desk.run(
        "ambit policy approve {policy} --case {case} {both} --attested-by examiner --instrument /dev/null --instrument-kind paper",
    )
    .exits(2)
    .says("the order is a file of 0 bytes");
    let kindless = approve.replace(" --instrument-kind paper", "");
    desk.run(&format!("{kindless} {{both}}")).exits(1).says("--instrument-kind");
    assert_eq!(events(&desk.path("case")), ["case.open"]);
    let ran = desk.run(&format!("{approve} --attested-by examiner {{both}}")).exits(3);
    ran.prints("a paper order is attested by examiner");
    let approval = fs::read_to_string(desk.path("case/policy/approval.txt")).unwrap();
    let digest = scope::Digest::of(b"%PDF-1.4 the judge's hand").to_string();
    assert_eq!(approval.lines().last().unwrap(), format!("instrument paper {digest}"));
    assert!(!desk.path("case/policy/order.pdf").exists(), "the scan is recorded by digest alone");

    let departs =
        format!("departure: no signature by the authority: a paper order is attested by its digest {digest}");
    desk.run("ambit plan --policy {policy} --medium {medium} --case {case} {examiner}")
        .exits(3)
        .says(&departs);
    desk.run("ambit capture {what} {both} --out {dir}/KC07.ambit").exits(3).says(&departs);
    let ran = desk.run("ambit-verify {dir}/KC07.ambit --trust {trust}").exits(3);
    ran.prints("attested by Ada Berg");
    desk.run("ambit-verify audit {dir}/KC07.ambit --trust {trust} --identity {keys}/court.age").exits(3);
}

#[test]
fn a_case_folders_copy_that_is_not_the_approved_one_begins_nothing() {
    let desk = Desk::with_case();
    let capture = "ambit capture {what} {both} --out {dir}/KC07.ambit";
    for (file, what) in [
        ("rendering.md", "rendering.md is sha256:"),
        ("policy.toml", "the policy is sha256:"),
        ("approval.txt", "is not approved"),
    ] {
        let path = desk.path("case/policy").join(file);
        let good = fs::read_to_string(&path).unwrap();
        let changed = match file {
            "approval.txt" => good.replacen("renderer ambit-render", "renderer bmbit-render", 1),
            _ => format!("{good}# one line more\n"),
        };
        assert_ne!(changed, good, "{file}");
        fs::write(&path, changed).unwrap();
        let before = events(&desk.path("case"));
        desk.run(capture).exits(2).says(what).says("othing was read");
        assert_eq!(events(&desk.path("case")), before, "{file}");
        assert!(!desk.path("KC07.ambit").exists() && !desk.path("KC07.ambit.partial").exists());
        fs::write(&path, good).unwrap();
    }
    fs::remove_file(desk.path("case/policy/rendering.md")).unwrap();
    desk.run(capture).exits(2).says("rendering.md is missing");
}

#[test]
fn a_plan_counts_and_leaves_one_event() {
    let desk = Desk::with_case();
    let before = files_below(&desk.path("case"));
    let plan = "ambit plan --policy {policy} --medium {medium} --case {case} {examiner} --json";
    let result = desk.run(plan).exits(0).json();
    for (outcome, items) in expected_counts() {
        assert_eq!(result["outcomes"][&outcome]["items"], json!(items), "{outcome}");
    }
    let looks = result["deepest_look"].as_object().unwrap();
    assert!(["metadata", "hash", "content"].iter().all(|look| looks[*look].as_u64() > Some(0)), "{looks:?}");
    assert!(result["rules"]["X-1"]["items"].as_u64() > Some(0), "{result}");

    let mut after = files_below(&desk.path("case"));
    let new: Vec<String> = after.keys().filter(|name| !before.contains_key(*name)).cloned().collect();
    let folder = "custody/000002";
    let mut left =
        ["entry.txt", "event.json", "examiner.sig"].map(|name| format!("{folder}/{name}")).to_vec();
    left.push("state/plan-000002.json".to_owned()); // counts alone, from which a capture tells the time left
    assert_eq!(new, left);
    let event: serde_json::Value = serde_json::from_slice(&after[&format!("{folder}/event.json")]).unwrap();
    assert_eq!((&event["action"]["kind"], &event["action"]["purpose"]), (&json!("examine"), &json!("plan")));
    after.retain(|name, _| before.contains_key(name));
    assert_eq!(after, before, "nothing else is changed");
    assert_eq!(fs::read_dir(desk.path("")).unwrap().count(), 1, "and nothing is made beside the case");
}

#[test]
fn a_second_run_stays_on_the_record() {
    let desk = Desk::with_case();
    for package in ["first", "second"] {
        desk.run(&format!("ambit capture {{what}} {{both}} --out {{dir}}/{package}")).exits(0);
    }
    let run_of = |package: &str| acquisition(&desk.path(package)).package.to_string();
    assert_ne!(run_of("first"), run_of("second"));
    let log = fs::read_to_string(desk.path("second/custody/000002/event.json")).unwrap();
    assert!(
        log.contains("acquisition.start") && log.contains(&run_of("first")),
        "the second package tells of the first run"
    );
    assert_eq!(
        events(&desk.path("first")),
        ["case.open", "policy.approve", "acquisition.start", "acquisition.end", "package.seal"]
    );
    assert_eq!(events(&desk.path("second")).len(), 8);
    for package in ["first", "second"] {
        desk.run(&format!("ambit-verify {{dir}}/{package} --trust {{trust}}")).exits(0);
        let audit = "--trust {trust} --identity {keys}/auditor.age --against {medium}";
        desk.run(&format!("ambit-verify audit {{dir}}/{package} {audit}")).exits(0);
    }
}

#[test]
fn the_medium_is_the_same_before_and_after() {
    let desk = Desk::with_case();
    let digest = || scope::Digest::of(&fs::read(desk.demo.path("KC07.E01")).unwrap());
    let before = digest();
    desk.run("ambit capture {what} {both} --digest-medium --out {dir}/KC07.ambit").exits(0);
    assert_eq!(digest(), before);
    // What is stated is the digest of the disk, not of the image's file.
    let info = desk.run("ambit medium info {medium} --digest --json").exits(0).json();
    let ids = acquisition(&desk.path("KC07.ambit")).medium.ids;
    assert!(
        ids.iter().any(|id| id.kind == "image_sha256" && info["sha256"] == format!("sha256:{}", id.value)),
        "{ids:?}"
    );
    assert!(info["sha256"] != format!("sha256:{}", before.hex()));
}

/// A copy of the demonstration's image which states another MD5, with the checksums of those who can write such a thing.
fn with_another_md5(desk: &Desk) {
    let mut bytes = fs::read(desk.demo.path("KC07.E01")).unwrap();
    let mut patched = 0;
    for (name, covered) in [(&b"hash\0\0\0\0\0\0\0\0\0\0\0\0"[..], 32), (b"digest\0\0\0\0\0\0\0\0\0\0", 76)] {
        let Some(at) = bytes.windows(16).rposition(|window| window == name) else { continue };
        let data = at + 76;
        bytes[data] ^= 1;
        let adler = bytes[data..data + covered].iter().fold((1_u32, 0_u32), |(low, high), byte| {
            let low = (low + u32::from(*byte)) % 65_521;
            (low, (high + low) % 65_521)
        });
        bytes[data + covered..data + covered + 4].copy_from_slice(&(adler.1 << 16 | adler.0).to_le_bytes());
        patched += 1;
    }
    assert!(patched > 0, "the image states no MD5");
    fs::write(desk.path("other.E01"), bytes).unwrap();
}

#[test]
fn an_image_that_is_not_as_it_was_made_is_a_departure_where_that_was_computed() {
    let desk = Desk::with_case();
    with_another_md5(&desk);
    let capture =
        "ambit capture --policy {policy} --medium {dir}/other.E01 --case {case} --trust {trust} {both}";
    // A claim that nobody checked is a limit.
    desk.run(&format!("{capture} --out {{dir}}/claimed.ambit")).exits(0);
    assert!(acquisition(&desk.path("claimed.ambit")).departures.is_empty());
    // Checked, and another: it departs, for whoever reads the record, too.
    desk.run(&format!("{capture} --digest-medium --out {{dir}}/other.ambit"))
        .exits(3)
        .says("it is not as it was made");
    let stated = acquisition(&desk.path("other.ambit")).departures;
    assert!(
        stated.iter().any(|one| one.what.starts_with("other digest: the image states the md5 ")),
        "{stated:?}"
    );
    let ran = desk.run("ambit-verify {dir}/other.ambit --trust {trust}").exits(3);
    ran.prints("other digest: the image states the md5").prints("it is not as it was made");
}

#[test]
fn keys_that_other_programs_made_sign_and_open() {
    let desk = Desk::new();
    let text = |name: &str| desk.path(name).to_str().unwrap().to_owned();
    fs::write(desk.path("passphrase"), "correct horse battery staple\nnot this line\n").unwrap();
    fs::write(desk.path("wrong"), "another horse\n").unwrap();
    // The examiner's key is protected, the witness's is not; the case team's identity is age-keygen's.
    for (name, passphrase) in [("examiner", "correct horse battery staple"), ("witness", "")] {
        let words = ["-q", "-t", "ed25519", "-C", "someone at work", "-N", passphrase, "-f", &text(name)];
        if other_program("ssh-keygen", &words).is_none() {
            return;
        }
    }
    if other_program("age-keygen", &["-o", &text("team.age")]).is_none() {
        return;
    }
    let team = fs::read_to_string(desk.path("team.age")).unwrap();
    let team = team.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    let line = format!("case    = [\"{team}\"]");
    desk.policy_with(&[("case    = ", &line)]);
    let mut trust = fs::read_to_string(desk.demo.path("trust.toml")).unwrap();
    for name in ["examiner", "witness"] {
        let public = |path: &Path| {
            let line = fs::read_to_string(path).unwrap();
            line.split(' ').take(2).collect::<Vec<_>>().join(" ").trim().to_owned()
        };
        let old = public(&desk.demo.path(&format!("keys/{name}.pub")));
        trust = trust.replace(&old, &public(&desk.path(&format!("{name}.pub"))));
    }
    fs::write(desk.path("trust.toml"), trust).unwrap();

    let examiner = "--sign-as examiner={dir}/examiner --passphrase-file";
    let new = "ambit case new {case} --trust {dir}/trust.toml --medium-label KC07 --log-key {keys}/log";
    desk.run(&format!("{new} {examiner} {{dir}}/wrong")).exits(1).says("passphrase");
    assert!(!desk.path("case").exists());
    desk.run(&format!("{new} {examiner} {{dir}}/passphrase")).exits(0);
    desk.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
    let what = "--policy {dir}/policy --medium {medium} --case {case} --trust {dir}/trust.toml";
    let signers = format!("--sign-as witness={{dir}}/witness {examiner} {{dir}}/passphrase");
    let ran = desk.run(&format!("ambit capture {what} {signers} --out {{dir}}/KC07.ambit")).exits(0);
    assert!(!ran.err.contains("correct horse") && !ran.out.contains("correct horse"), "{ran}");
    desk.run("ambit-verify {dir}/KC07.ambit --trust {dir}/trust.toml").exits(0);
    let open = "ambit open {dir}/KC07.ambit --trust {dir}/trust.toml --set captured";
    desk.run(&format!("{open} --identity {{dir}}/team.age --out {{dir}}/opened")).exits(0);
    desk.run(&format!("{open} --identity {{keys}}/case-team.age --out {{dir}}/other")).exits(1);
    // A passphrase stands in no file but the one that was given.
    let files = files_below(&desk.path(""));
    let with: Vec<_> = files
        .iter()
        .filter(|(_, bytes)| bytes.windows(13).any(|window| window == b"correct horse"))
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(with, ["passphrase"]);
}

#[test]
fn keys_made_with_a_passphrase_need_it() {
    let desk = Desk::new();
    fs::write(desk.path("passphrase"), "correct horse\n").unwrap();
    fs::write(desk.path("wrong"), "incorrect\n").unwrap();
    let made = desk
        .run("ambit key new examiner --dir {dir}/keys --passphrase-file {dir}/passphrase --json")
        .exits(0);
    assert_eq!(made.json()["protected"], json!(true));
    // The line that a policy and a trust file need is not to be read in such a file.
    desk.run("ambit key recipient {dir}/keys/examiner.age --passphrase-file {dir}/passphrase")
        .exits(0)
        .prints(made.json()["recipient"].as_str().unwrap());
    desk.run("ambit key recipient {dir}/keys/examiner.age --passphrase-file {dir}/wrong").exits(1);
    let again =
        desk.run("ambit key new examiner --dir {dir}/keys --passphrase-file {dir}/passphrase").exits(1);
    again.says("exists already; nothing is overwritten");
    let key = fs::read_to_string(desk.path("keys/examiner")).unwrap();
    assert!(key.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"), "ssh-keygen reads it");
    let identity = fs::read(desk.path("keys/examiner.age")).unwrap();
    assert!(!identity.windows(14).any(|window| window == b"AGE-SECRET-KEY"), "the identity is encrypted");

    // The examiner's own key, in a trust file that lists it, and the set of a team with a protected identity.
    let json = made.json();
    let mut trust = fs::read_to_string(desk.demo.path("trust.toml")).unwrap();
    let old = fs::read_to_string(desk.demo.path("keys/examiner.pub")).unwrap();
    let old = old.split(' ').take(2).collect::<Vec<_>>().join(" ");
    trust = trust.replace(old.trim(), json["signing_key"].as_str().unwrap());
    fs::write(desk.path("trust.toml"), trust).unwrap();
    desk.policy_with(&[("case    = ", &format!("case    = [\"{}\"]", json["recipient"].as_str().unwrap()))]);
    let signer = "--sign-as examiner={dir}/keys/examiner --passphrase-file {dir}";
    let new = "ambit case new {case} --trust {dir}/trust.toml --medium-label KC07 --log-key {keys}/log";
    desk.run(&format!("{new} {signer}/wrong")).exits(1);
    desk.run(&format!("{new} {signer}/passphrase")).exits(0);
    desk.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
    let what = "--policy {dir}/policy --medium {medium} --case {case} --trust {dir}/trust.toml";
    desk.run(&format!("ambit capture {what} {{witness}} {signer}/passphrase --out {{dir}}/KC07.ambit"))
        .exits(0);

    let open = "ambit open {dir}/KC07.ambit --trust {dir}/trust.toml --set captured --identity {dir}/keys/examiner.age";
    desk.run(&format!("{open} --out {{dir}}/opened --passphrase-file {{dir}}/wrong"))
        .exits(1)
        .says("does not open it");
    desk.run(&format!("{open} --out {{dir}}/opened --passphrase-file {{dir}}/passphrase")).exits(0);
    let verify = "ambit-verify {dir}/KC07.ambit --trust {dir}/trust.toml --identity {dir}/keys/examiner.age";
    desk.run(&format!("{verify} --passphrase-file {{dir}}/wrong")).exits(1).says("does not open it");
    desk.run(&format!("{verify} --passphrase-file {{dir}}/passphrase"))
        .exits(0)
        .prints("captured: 103 items");
}

#[test]
fn existing_files_are_never_overwritten() {
    let desk = Desk::with_case();
    fs::create_dir(desk.path("keys")).unwrap();
    fs::write(desk.path("keys/someone.age"), "mine").unwrap();
    fs::create_dir(desk.path("opened")).unwrap();
    for (command, says) in [
        (
            "key new someone --dir {dir}/keys --unprotected --only opening",
            "exists already; nothing is overwritten",
        ),
        (
            "case new {case} --trust {trust} --medium-label KC07 --log-key {keys}/log {examiner}",
            "exists already",
        ),
        (
            "open {package} --trust {trust} --identity {keys}/case-team.age --set captured --out {dir}/opened",
            "opened exists; nothing is overwritten",
        ),
        ("policy approve {policy} --case {case} {officer}", "nothing is left to do"),
        ("policy approve {policy} --case {case} --lang de {officer}", "as ambit-render/2/en; what was to be"),
    ] {
        let before = files_below(&desk.path(""));
        desk.run(&format!("ambit {command}")).exits(1).says(says);
        unchanged(&desk, &before, command);
    }
    let package = desk.fill("{package}");
    let outside =
        run(["ambit-verify", &package, "--trust", &format!("{package}/meta/policy/policy.toml")]).exits(1);
    outside.says("the trust file lies in the package");
}
