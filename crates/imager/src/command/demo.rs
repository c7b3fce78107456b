//! `ambit demo`: the main job, from keys to audit, on a bundled medium.
//!
//! Every step runs the command that it prints, in this process; the two
//! checks run the code that `ambit-verify` runs. What is left behind in the
//! folder is all that is needed to repeat any step by hand.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{Duration, SecondsFormat, Utc};
use custody::durable::Disk;
use evidence::report::Report;
use evidence::verify::{VerifyOptions, verify};
use folder::Folder;
use serde_json::json;

use crate::cli::DemoArgs;
use crate::console::{Console, Context as _, Exit, Failure, shell};
use crate::interrupt::Interrupt;
use crate::load;

/// The medium: an E01 image of a hosting server's disk, made by `tests/media/make-demo.sh`.
const MEDIUM: &[u8] = include_bytes!("../../demo/medium.E01");
/// The policy, with placeholders for the keys and dates of this run.
const POLICY: &str = include_str!("../../demo/policy/policy.toml");

/// The log's origin in the demo.
const ORIGIN: &str = "demo.example/kc07";

/// Who takes part: the name of the keys, the role, the person.
const PEOPLE: [(&str, &str, &str, &str); 8] = [
    ("court-officer", "authority", "Ruth Odell", "District Court"),
    ("examiner", "examiner", "Ada Berg", "Computer Forensics Unit"),
    ("witness", "witness", "Tom Iversen", "Hosting provider, duty manager"),
    ("case-team", "case", "Nora Weiss", "Case team"),
    ("neutral", "holder", "Paul Adeyemi", "Neutral examiner"),
    ("victim-data", "holder", "Ines Duarte", "Victim notification unit"),
    ("auditor", "auditor", "Sam Okafor", "Independent auditor"),
    ("court", "court", "Registry", "District Court"),
];

pub(super) fn demo(args: &DemoArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let dir = fresh_folder(args.dir.as_deref())?;
    let stage = Stage { dir };
    console.say(format_args!(
        "This demonstration runs the main job on a bundled medium, in the new folder {}.\n\
         Its keys have no passphrase: they are for this demonstration and nothing else.\n",
        stage.dir.display()
    ));

    stage.heading(console, "The medium: an E01 image of the disk of a shared hosting server (label KC07)");
    put_medium(&stage.path("KC07.E01"))?;
    stage.shows(console, "the digests that the image states of its disk are computed again, and compared");
    stage.shows(
        console,
        "its partitions: two volumes are read, ext4 and NTFS; one is encrypted, and named as not read",
    );
    stage.ambit(console, &["medium", "info", "{medium}", "--digest"])?;

    stage.heading(
        console,
        "Keys: court officer, examiner, witness; case team, holders, auditor, court; the log",
    );
    for (name, ..) in PEOPLE {
        stage.ambit(console, &["key", "new", name, "--dir", "{keys}", "--unprotected"])?;
    }
    stage.ambit(console, &["key", "new", "log", "--dir", "{keys}", "--only", "signing", "--unprotected"])?;
    write_new(&stage.path("trust.toml"), &stage.trust_file()?)?;
    fs::create_dir(stage.path("policy")).context("policy folder")?;
    write_new(&stage.path("policy/policy.toml"), &stage.policy_file()?)?;

    stage.heading(console, "The examiner opens the case: one medium, one custody log");
    stage.ambit(
        console,
        &[
            "case",
            "new",
            "{case}",
            "--trust",
            "{trust}",
            "--medium-label",
            "KC07",
            "--log-key",
            "{keys}/log",
            "--description",
            "Demonstration: command-and-control server at a hosting provider",
            "--sign-as",
            "examiner={keys}/examiner",
        ],
    )?;
    stage.heading(console, "The court officer reads and approves the policy");
    stage.ambit(console, &["policy", "check", "{policy}"])?;
    stage.ambit(
        console,
        &[
            "policy",
            "approve",
            "{policy}",
            "--case",
            "{case}",
            "--sign-as",
            "court-officer={keys}/court-officer",
        ],
    )?;
    stage.heading(console, "The examiner counts what the policy would take");
    stage.shows(
        console,
        "one policy decides on both volumes; streams and a deleted entry are items of their own",
    );
    stage.ambit(
        console,
        &[
            "plan",
            "--policy",
            "{policy}",
            "--medium",
            "{medium}",
            "--case",
            "{case}",
            "--sign-as",
            "examiner={keys}/examiner",
        ],
    )?;
    stage.heading(console, "Examiner and witness capture and seal");
    stage.shows(
        console,
        "the disk is hashed for the record; counts are shown, and no name of an item left or held",
    );
    stage.ambit(
        console,
        &[
            "capture",
            "--policy",
            "{policy}",
            "--medium",
            "{medium}",
            "--case",
            "{case}",
            "--trust",
            "{trust}",
            "--sign-as",
            "examiner={keys}/examiner",
            "--sign-as",
            "witness={keys}/witness",
            "--out",
            "{package}",
            "--digest-medium",
            // Nobody is there to be asked.
            "--yes",
            // One thread, so that control numbers are given in the order of the walk, in every run of the demonstration.
            "--jobs",
            "1",
        ],
    )?;

    stage.heading(console, "A lawyer checks the package: no key, only the trust file");
    let (trust, trust_bytes) = load::trust(&stage.path("trust.toml"))?;
    let words = trust.words();
    stage.print_command(console, true, &["{package}", "--trust", "{trust}", "--trust-words", &words]);
    let files = Folder::open(&stage.path("KC07.ambit")).context("package")?;
    let options = || VerifyOptions {
        trust_words: Some(words.clone()),
        now: Some(Utc::now().fixed_offset()),
        ..VerifyOptions::default()
    };
    let verified = verify(&files, &trust_bytes, &options());
    stage.show_report(console, &verified);

    stage.heading(console, "An auditor replays every decision, and examines the original again");
    stage.print_command(
        console,
        true,
        &[
            "audit",
            "{package}",
            "--trust",
            "{trust}",
            "--trust-words",
            &words,
            "--identity",
            "{keys}/auditor.age",
            "--against",
            "{medium}",
        ],
    );
    let identities = load::identities(&stage.path("keys/auditor.age"), None, console)?;
    let medium = [stage.path("KC07.E01")];
    let mut audit_options = options();
    audit_options.identities = identities;
    let open = source::OpenOptions { reader: console.reader().clone(), ..source::OpenOptions::default() };
    let audited =
        folder::audit_against(&files, &trust_bytes, &audit_options, &medium, &open).map_err(Failure::new)?;
    stage.show_report(console, &audited);

    stage.heading(console, "The case team opens what was captured");
    stage.ambit(
        console,
        &[
            "open",
            "{package}",
            "--trust",
            "{trust}",
            "--identity",
            "{keys}/case-team.age",
            "--set",
            "captured",
            "--out",
            "{opened}",
        ],
    )?;

    let exit = match (verified.exit_code(), audited.exit_code()) {
        (0, 0) => Exit::Done,
        (2, _) | (_, 2) => Exit::No,
        (3, _) | (_, 3) => Exit::Departures,
        _ => Exit::Unfinished,
    };
    finish(&stage, &verified, &audited, &words, exit, console)
}

/// The folder of one demonstration, and how its commands are shown.
struct Stage {
    dir: PathBuf,
}

impl Stage {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn heading(&self, console: &mut Console<'_>, text: &str) {
        console.say(format_args!("\n== {text}"));
    }

    /// What to look for in the lines that follow.
    fn shows(&self, console: &mut Console<'_>, text: &str) {
        console.say(format_args!("   {text}"));
    }

    /// Puts the paths of this folder in place of `{keys}` and its like.
    fn fill(&self, word: &str) -> String {
        let places = [
            ("{keys}", "keys"),
            ("{trust}", "trust.toml"),
            ("{case}", "case"),
            ("{policy}", "policy"),
            ("{medium}", "KC07.E01"),
            ("{package}", "KC07.ambit"),
            ("{opened}", "opened"),
        ];
        places.iter().fold(word.to_owned(), |word, (place, name)| {
            word.replace(place, &self.path(name).display().to_string())
        })
    }

    /// Prints a command in the form in which it works here: by the program as it was called, and `ambit-verify` beside it.
    fn print_command(&self, console: &mut Console<'_>, verifier: bool, words: &[&str]) {
        let called = Path::new(console.called());
        let program = match verifier {
            true => called.with_file_name("ambit-verify").display().to_string(),
            false => called.display().to_string(),
        };
        let words: Vec<String> = words.iter().map(|word| self.fill(word)).collect();
        let line = shell([program.as_str()].into_iter().chain(words.iter().map(String::as_str)));
        console.say(format_args!("$ {line}"));
    }

    /// Prints a command, and runs it as it is printed.
    fn ambit(&self, console: &mut Console<'_>, words: &[&str]) -> Result<(), Failure> {
        self.print_command(console, false, words);
        let args = std::iter::once("ambit".to_owned()).chain(words.iter().map(|word| self.fill(word)));
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let reader = console.reader().clone();
        let exit =
            crate::run_with(reader, Interrupt::default(), args.map(OsString::from), &mut out, &mut err);
        for text in [&err, &out] {
            for line in String::from_utf8_lossy(text).lines() {
                console.say(format_args!("  {line}"));
            }
        }
        match exit {
            Exit::Done => Ok(()),
            _ => Err(Failure::new("the demonstration stopped at the command above")),
        }
    }

    fn show_report(&self, console: &mut Console<'_>, report: &Report) {
        for line in report.text().lines() {
            console.say(format_args!("  {line}"));
        }
    }

    /// Whom the demonstration believes: the public halves of the keys just made.
    fn trust_file(&self) -> Result<String, Failure> {
        let public = |name: &str| -> Result<String, Failure> {
            let path = self.path("keys").join(format!("{name}.pub"));
            let line = fs::read_to_string(&path).context(path.display())?;
            Ok(line.split(' ').take(2).collect::<Vec<_>>().join(" ").trim().to_owned())
        };
        let mut text =
            format!("format = \"ambit/trust/1\"\norigin = \"{ORIGIN}\"\nlog_key = \"{}\"\n", public("log")?);
        for (name, role, person, organisation) in PEOPLE {
            text += &format!(
                "\n[[principal]]\nname = \"{name}\"\nperson = \"{person}\"\norganisation = \"{organisation}\"\n\
                 roles = [\"{role}\"]\nkeys = [\"{}\"]\nage = [\"{}\"]\n",
                public(name)?,
                self.recipient(name)?
            );
        }
        Ok(text)
    }

    /// The age recipient of the identity file `keys/NAME.age`.
    fn recipient(&self, name: &str) -> Result<String, Failure> {
        let path = self.path("keys").join(format!("{name}.age"));
        let text = fs::read_to_string(&path).context(path.display())?;
        let line = text.lines().find_map(|line| line.strip_prefix("# public key: "));
        line.map(str::to_owned).ok_or_else(|| Failure::new(format!("{}: no recipient", path.display())))
    }

    /// The bundled policy, with the recipients of the keys just made and dates around today.
    fn policy_file(&self) -> Result<String, Failure> {
        let now = Utc::now();
        let date = |days: i64| (now + Duration::days(days)).to_rfc3339_opts(SecondsFormat::Secs, true);
        Ok(POLICY
            .replace("@CASE@", &self.recipient("case-team")?)
            .replace("@AUDITOR@", &self.recipient("auditor")?)
            .replace("@COURT@", &self.recipient("court")?)
            .replace("@NEUTRAL@", &self.recipient("neutral")?)
            .replace("@VICTIM@", &self.recipient("victim-data")?)
            .replace("@ISSUED@", &date(-1))
            .replace("@EXECUTE_BY@", &date(13))
            .replace("@REVIEW_BY@", &date(180)))
    }
}

/// The last words: what came out, and where everything lies.
fn finish(
    stage: &Stage,
    verified: &Report,
    audited: &Report,
    words: &str,
    exit: Exit,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let counts: Vec<(String, u64)> = verified.summary.counts.clone();
    let mut text = String::from(
        "\nWhat the policy took, and what it left (counts; no item that was left or held is named here)\n",
    );
    for (outcome, items) in &counts {
        text += &format!("  {outcome:<22} {items:>6}\n");
    }
    text += &format!("\nThe trust file's words: {words}\n\nIn {}:\n", stage.dir.display());
    for (name, what) in [
        ("KC07.E01", "the medium: a disk with ext4, NTFS and a locked partition"),
        ("policy/", "the policy that was approved"),
        ("trust.toml", "whom the checks believe"),
        ("keys/", "signing keys NAME, and age identities NAME.age; no passphrases"),
        ("case/", "the case folder: the custody log's master"),
        ("KC07.ambit/", "the sealed package"),
        ("opened/", "the captured set, opened by the case team"),
    ] {
        text += &format!("  {name:<14} {what}\n");
    }
    text += "\nEvery command above can be repeated by hand.";
    let value = json!({
        "dir": stage.dir.display().to_string(),
        "package": stage.path("KC07.ambit").display().to_string(),
        "trust_words": words,
        "outcomes": counts.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        "intact": verified.exit_code() == 0,
        "audit_findings": audited.findings.len(),
        "exit": exit as u8,
    });
    console.result(&value, text)?;
    Ok(exit)
}

/// A new folder: the one that was named, or the first free `ambit-demo-<n>` here.
fn fresh_folder(named: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(dir) = named {
        let empty = fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none());
        if !empty {
            fs::create_dir(dir).map_err(|error| {
                Failure::new(format!("{}: {error}", dir.display()))
                    .hint("give a folder that does not exist yet; nothing is overwritten")
            })?;
        }
        return Ok(dir.to_owned());
    }
    for n in 1..10_000 {
        let dir = PathBuf::from(format!("ambit-demo-{n}"));
        match fs::create_dir(&dir) {
            Ok(()) => return Ok(dir),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).context(dir.display()),
        }
    }
    Err(Failure::new("no free name for the demonstration's folder").hint("give --dir DIR"))
}

/// Puts the bundled medium down, not to be written to.
fn put_medium(path: &Path) -> Result<(), Failure> {
    Disk::new().write_new(path, MEDIUM).context(path.display())?;
    let mut permissions = fs::metadata(path).context(path.display())?.permissions();
    permissions.set_readonly(true);
    fs::set_permissions(path, permissions).context(path.display())
}

fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    Disk::new().write_new(path, text.as_bytes()).context(path.display())
}
