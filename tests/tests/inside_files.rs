//! What is inside files decides: who wrote to whom and when, and the words of pages and documents; what cannot be read is never
//! "no hit".

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "all of this is test code: what fails here fails a test"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use scenarios::reading::{ledger, zip_entries};
use scenarios::second;
use scenarios::story::Desk;

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

const EARLY: &str = "Mon, 3 Jan 2011 09:30:00 -0600";
const LATE: &str = "Mon, 3 Jan 2022 09:30:00 -0600";

fn message(from: &str, to: &str, date: &str) -> String {
    format!(
        "Received: by mx.example\r\nFrom: {from}\r\nTo: {to}\r\nDate: {date}\r\nSubject: =?utf-8?B?w4Q=?=\r\n\r\ntext of it\r\n"
    )
}

fn mailbox(messages: &[String]) -> String {
    let one =
        |own: &String| format!("From x@y.example Mon Jan  3 00:00:00 2011\n{}\n", own.replace("\r\n", "\n"));
    messages.iter().map(one).collect()
}

/// The files: name, content, what becomes of it, by which rule or tier.
fn files() -> Vec<(&'static str, Vec<u8>, &'static str, &'static str)> {
    let (ann, bob) = ("\"A, Ann\" <Ann@Tenant.example>", "Team: bob@tenant.example, c@tenant.example;");
    let counsel = "=?utf-8?Q?B=C3=BCro?= <Kanzlei@XN--MLLER-KVA.example>";
    let plain = || message(ann, bob, EARLY);
    vec![
        ("within-period.eml", plain().into(), "captured", "I-1"),
        ("after-period.eml", message(ann, bob, LATE).into(), "left", "out-of-scope"),
        ("counsel-letter.eml", message(ann, counsel, EARLY).into(), "held:neutral", "H-1"),
        ("firm-letter.eml", message("partner@firm.example", bob, EARLY).into(), "held:neutral", "H-1"),
        ("subdomain-letter.eml", message("x@sub.firm.example", bob, EARLY).into(), "captured", "I-1"),
        ("whole-box.mbox", mailbox(&[plain(), plain()]).into(), "captured", "I-1"),
        ("mixed-box.mbox", mailbox(&[plain(), message(ann, bob, LATE)]).into(), "left", "out-of-scope"),
        ("lawyer-box.mbox", mailbox(&[plain(), message(ann, counsel, EARLY)]).into(), "held:neutral", "H-1"),
        ("without-zone.eml", message(ann, bob, "3 Jan 2011 09:30:00").into(), "held:neutral", "undetermined"),
        (
            "senders-twice.eml",
            message(&format!("{ann}\r\nFrom: {ann}"), bob, EARLY).into(),
            "held:neutral",
            "undetermined",
        ),
        (
            "broken-to-field.eml",
            message(ann, "somebody without an address", EARLY).into(),
            "held:neutral",
            "undetermined",
        ),
        ("store-of-mail.pst", b"!BDN and then pages of it".to_vec(), "held:neutral", "undetermined"),
        ("store-of-mail.ost", b"!BDN and other pages".to_vec(), "held:neutral", "undetermined"),
        ("picture-of-it.png", b"\x89PNG\r\n\x1a\n...".to_vec(), "left", "out-of-scope"),
        ("notes-of-mine.txt", b"To do: write to counsel@firm.example\n".to_vec(), "left", "out-of-scope"),
    ]
}

const RULES: &str = r#"
[list.counsel]
kind  = "addresses"
label = "counsel"
items = ["kanzlei@m\u00fcller.example", "@firm.example"]

[selector.counsel]
label = "to or from counsel"
path  = ["/mail/**"]
mail  = { party = ["counsel"], role = ["from", "to", "cc", "bcc"], messages = "any" }

[selector.period]
label = "mail of the period alone"
path  = ["/mail/**"]
mail  = { within = "lease", messages = "all" }

[[rule]]
id     = "I-1"
effect = "include"
basis  = "order"
text   = "Mail of the period."
any    = ["period"]

[[rule]]
id     = "H-1"
effect = "hold"
to     = "neutral"
ground = "privilege"
basis  = "order"
text   = "Mail to and from counsel."
any    = ["counsel"]
"#;

/// A FAT volume with these files in a folder.
fn medium(desk: &Desk, name: &str, files: &[(&str, Vec<u8>)]) -> Option<()> {
    let image = desk.path("fat.img");
    let place = image.to_str().unwrap().to_owned();
    fs::File::create(&image).unwrap().set_len(10 << 20).unwrap();
    made_by("mkfs.vfat", &["-F", "16", "-s", "4", "-i", "1A2B3C4D", &place]).then_some(())?;
    let folder = desk.path(name);
    fs::create_dir(&folder).unwrap();
    for (name, content) in files {
        fs::write(folder.join(name), content).unwrap();
    }
    made_by("mcopy", &["-i", &place, "-s", folder.to_str().unwrap(), "::/"]).then_some(())
}

/// The demo's policy with rules of this test in place of its own.
fn policy(desk: &Desk, rules: &str) {
    desk.policy_with(&[
        ("media ", "media = [{ label = \"KC07\", fsuuid = \"1A2B-3C4D\" }]"),
        ("deleted", "deleted = \"never\""),
    ]);
    let path = desk.path("policy/policy.toml");
    let text = fs::read_to_string(&path).unwrap();
    let (head, rest) = text.split_once("[custodian.tenant]").unwrap();
    let compartments =
        &rest[rest.find("[[compartment]]").unwrap()..rest.find("# What the order describes.").unwrap()];
    fs::write(path, format!("{head}{compartments}{rules}")).unwrap();
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap()
}

#[test]
fn parties_and_dates_decide_and_what_cannot_be_read_is_never_no_hit() {
    let desk = Desk::with_open_case();
    policy(&desk, RULES);
    let of = files().into_iter().map(|(name, content, ..)| (name, content)).collect::<Vec<_>>();
    if medium(&desk, "mail", &of).is_none() {
        return;
    }
    desk.run("ambit policy render {dir}/policy")
        .exits(0)
        .prints("every message is dated")
        .prints("is decided as a whole");
    desk.run("ambit policy render {dir}/policy --lang de")
        .exits(0)
        .prints("jede Nachricht ab dem")
        .prints("Postfach ist eine Datei");
    desk.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
    let plan =
        desk.run("ambit plan --policy {dir}/policy --medium {dir}/fat.img --case {case} {examiner}").exits(0);
    for cause in [
        "mail: the date has no zone",
        "mail: a field stands twice",
        "mail: mail that may be in it was not read",
    ] {
        assert!(plan.out.contains(cause), "{cause}: {plan}");
    }
    desk.run("ambit capture --policy {dir}/policy --medium {dir}/fat.img --case {case} --trust {trust} {both} --out {dir}/fat.ambit").exits(0);

    // Each file as it should be, and no address in the record.
    let package = desk.path("fat.ambit");
    let records = ledger(&package, &desk.demo.path("keys/auditor.age"));
    for (name, content, outcome, because) in files() {
        let path = format!("/mail/{name}");
        let parts = records
            .values()
            .find(|own| own.facts.names.iter().any(|own| own.to_string() == path))
            .expect(name);
        let decided = &parts.decision;
        let why =
            if decided.rules.is_empty() { decided.tier.word().to_owned() } else { decided.rules.join(",") };
        assert_eq!(
            (decided.outcome.to_string().as_str(), why.as_str()),
            (outcome, because),
            "{name}: {:?}",
            parts.facts.mail
        );
        assert!(parts.facts.keywords.is_empty() && parts.facts.size == Some(content.len() as u64));
        assert!(!format!("{:?}", parts.facts).contains("tenant.example"), "{name}: {:?}", parts.facts);
    }
    let captured = zip_entries(&package, "captured", &desk.demo.path("keys/case-team.age"));
    assert!(
        captured.iter().all(|(_, bytes)| !bytes.windows(7).any(|own| own.eq_ignore_ascii_case(b"kanzlei")))
    );

    // Followed and matched; explained with its numbers; replayed by the second implementation.
    let audit = "ambit-verify audit {dir}/fat.ambit --trust {trust} --identity {keys}/auditor.age --against {dir}/fat.img";
    let ran = desk.run(audit).exits(0);
    assert!(ran.out.contains("MATCHED") && !ran.out.contains("NOT MATCHED"), "{ran}");
    let explain = |item: &str| {
        desk.run(&format!(
            "ambit-verify explain {{dir}}/fat.ambit {item} --trust {{trust}} --identity {{keys}}/auditor.age"
        ))
    };
    explain("/mail/lawyer-box.mbox").exits(0).prints("mail 1 of 2 messages fit; one is wanted");
    explain("/mail/mixed-box.mbox").exits(0).prints("1 of 2 messages fit; every one is wanted");
    explain("/mail/without-zone.eml").exits(0).prints("mail unknown: the date has no zone");
    if second::is_there() {
        let replayed = second::opened(&desk, &desk.fill("{dir}/fat.ambit")).replay();
        assert_eq!((replayed.exit, replayed.kinds().as_str()), (0, ""), "{}", replayed.text);
    }

    // A file that was left says something else today: the fact is not that of the record.
    let sound = read(&desk.path("fat.img"));
    let mut altered = sound.clone();
    let late = altered.windows(6).position(|own| own == b"n 2022").expect("the date that is too late");
    altered[late + 2..late + 6].copy_from_slice(b"2011");
    fs::write(desk.path("fat.img"), &altered).unwrap();
    let ran = desk.run(audit).exits(2);
    assert!(ran.out.contains("NOT MATCHED") && ran.out.contains("mail"), "{ran}");
}

const WORDS: &str = r#"
[list.marks]
kind  = "keywords"
label = "words of the templates"
items = ["viagra", "microsoft lottery", "M\u00fcller"]

[selector.marks]
label    = "has two of the words"
path     = ["/docs/**"]
keywords = { list = "marks", at_least = 2 }

[[rule]]
id     = "I-1"
effect = "include"
basis  = "order"
text   = "Documents with the words."
any    = ["marks"]
"#;

/// Makes an OOXML document of these parts: zipped by Python, whose writer is not ours.
fn document(desk: &Desk, name: &str, parts: &[(&str, &[u8])]) -> Option<Vec<u8>> {
    let folder = desk.path(name);
    let mut words = vec![
        "-m".to_owned(),
        "zipfile".to_owned(),
        "-c".to_owned(),
        desk.path("made.zip").to_str().unwrap().to_owned(),
    ];
    let types: (&str, &[u8]) =
        ("[Content_Types].xml", b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Types/>");
    fs::create_dir(&folder).unwrap();
    for (part, content) in [types].iter().chain(parts) {
        let (top, _) = part.split_once('/').unwrap_or((part, ""));
        let path = folder.join(part);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        let top = folder.join(top).to_str().unwrap().to_owned();
        if !words.contains(&top) {
            words.push(top);
        }
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    made_by("python3", &words).then(|| read(&desk.path("made.zip")))
}

#[test]
fn words_are_found_in_documents_and_what_has_no_text_to_search_is_never_no_hit() {
    let desk = Desk::with_open_case();
    policy(&desk, WORDS);
    let body =
        |text: &str| format!("<w:document xmlns:w=\"u\"><w:body>{text}</w:body></w:document>").into_bytes();
    let split = body(
        "<w:p><w:r><w:t>Via</w:t></w:r><w:del><w:r><w:delText>x</w:delText></w:r></w:del><w:r><w:t>gra for M&#xFC;ller</w:t></w:r></w:p>",
    );
    let clean = body("<w:p><w:r><w:t>viagra alone</w:t></w:r></w:p>");
    let sheet = b"<sst><si><r><t>Microsoft</t></r><r><t xml:space=\"preserve\"> </t></r><r><t>lottery</t></r></si><si><t>VIAGRA</t></si></sst>";
    let picture: (&str, &[u8]) = ("word/media/image1.png", b"\x89PNG\r\n\x1a\n....");
    let docx = |name: &str, parts: &[(&str, &[u8])]| document(&desk, name, parts);
    let made = || {
        Some([
            (
                "split-runs.docx",
                docx("a", &[("word/document.xml", &split), picture])?,
                "captured",
                "I-1",
                true,
            ),
            (
                "one-word.docx",
                docx("b", &[("word/document.xml", &clean), picture])?,
                "left",
                "out-of-scope",
                true,
            ),
            (
                "with-macros.docm",
                docx("c", &[("word/document.xml", &clean), ("word/vbaProject.bin", b"\xd0\xcf\x11\xe0")])?,
                "held:neutral",
                "undetermined",
                false,
            ),
            ("shared-strings.xlsx", docx("d", &[("xl/sharedStrings.xml", sheet)])?, "captured", "I-1", true),
            (
                "encoded-page.html",
                b"<html><p>vi&#97;<b>gra</b><p>Microsoft\n  lottery".to_vec(),
                "captured",
                "I-1",
                true,
            ),
            (
                "one-word-page.html",
                b"<html><p>viagra &amp; nothing else</p>".to_vec(),
                "left",
                "out-of-scope",
                true,
            ),
            (
                "unknown-name.html",
                b"<html><p>viagra &alpha;</p>".to_vec(),
                "held:neutral",
                "undetermined",
                false,
            ),
            (
                "some-report.pdf",
                b"%PDF-1.4\n% viagra\n1 0 obj".to_vec(),
                "held:neutral",
                "undetermined",
                false,
            ),
        ])
    };
    let Some(files) = made() else { return };
    let of = files.iter().map(|(name, content, ..)| (*name, content.clone())).collect::<Vec<_>>();
    if medium(&desk, "docs", &of).is_none() {
        return;
    }
    desk.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
    desk.run("ambit capture --policy {dir}/policy --medium {dir}/fat.img --case {case} --trust {trust} {both} --out {dir}/fat.ambit").exits(0);
    let records = ledger(&desk.path("fat.ambit"), &desk.demo.path("keys/auditor.age"));
    for (name, _, outcome, because, told) in files {
        let path = format!("/docs/{name}");
        let parts = records
            .values()
            .find(|own| own.facts.names.iter().any(|own| own.to_string() == path))
            .expect(name);
        let decided = &parts.decision;
        let why =
            if decided.rules.is_empty() { decided.tier.word().to_owned() } else { decided.rules.join(",") };
        assert_eq!(
            (decided.outcome.to_string().as_str(), why.as_str()),
            (outcome, because),
            "{name}: {:?}",
            parts.facts.keywords
        );
        assert_eq!(parts.facts.keywords[0].text.is_some(), told, "{name}");
    }
    let audit = "ambit-verify audit {dir}/fat.ambit --trust {trust} --identity {keys}/auditor.age --against {dir}/fat.img";
    let ran = desk.run(audit).exits(0);
    assert!(ran.out.contains("MATCHED") && !ran.out.contains("NOT MATCHED"), "{ran}");
    if second::is_there() {
        let replayed = second::opened(&desk, &desk.fill("{dir}/fat.ambit")).replay();
        assert_eq!((replayed.exit, replayed.kinds().as_str()), (0, ""), "{}", replayed.text);
    }
}
