//! The honest case, made once by the real program, and what is in it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::sync::OnceLock;

use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use custody::{Disk, SecretKey};
use evidence::acquisition::{Acquisition, SetName};
use evidence::custody_log::{Log, Statement};
use evidence::event::Action;
use evidence::files::MemoryFiles;
use evidence::gzip::GzipReader;
use evidence::ledger::LedgerReader;
use evidence::sshsig;
use evidence::zip_strict::{Name, ZipReader};
use tempfile::TempDir;

use super::{Forge, Item, Signing, Step};

/// Who takes part in the demonstration, and `run` and `stranger` besides.
pub(super) const PEOPLE: [&str; 8] =
    ["court-officer", "examiner", "witness", "case-team", "neutral", "victim-data", "auditor", "court"];

/// Every key of the case, by the name of its owner.
#[derive(Clone)]
pub struct Keys {
    signing: BTreeMap<String, SecretKey>,
    age: BTreeMap<String, Identity>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(..)")
    }
}

impl Keys {
    /// The signing key of a person, of the `log`, of the `run`, or of a `stranger`.
    #[must_use]
    pub fn signing(&self, name: &str) -> &SecretKey {
        self.signing.get(name).expect(name)
    }

    /// The key that opens what is encrypted to a person.
    #[must_use]
    pub fn identity(&self, name: &str) -> &Identity {
        self.age.get(name).expect(name)
    }

    /// For whom a set is encrypted if it is this person's.
    #[must_use]
    pub fn recipient(&self, name: &str) -> String {
        self.identity(name).to_public().to_string()
    }

    /// The identity file of a person, as the programs read it.
    #[must_use]
    pub fn identity_file(&self, name: &str) -> String {
        format!("{}\n", self.identity(name).to_string().expose_secret())
    }

    fn load(dir: &Path) -> Self {
        let disk = Disk::new();
        let mut signing = BTreeMap::new();
        let mut age = BTreeMap::new();
        for name in PEOPLE.into_iter().chain(["log"]) {
            let (key, _) = SecretKey::load(&disk, &dir.join(name), &mut |_| None).expect("key");
            signing.insert(name.to_owned(), key);
        }
        for name in PEOPLE {
            let text = fs::read_to_string(dir.join(format!("{name}.age"))).expect("identity");
            let line = text.lines().find(|line| line.starts_with("AGE-")).expect("identity");
            age.insert(name.to_owned(), line.parse().expect("identity"));
        }
        for name in ["run", "stranger"] {
            signing.insert(name.to_owned(), SecretKey::generate(name).expect("key"));
        }
        age.insert("stranger".to_owned(), Identity::generate());
        Self { signing, age }
    }
}

/// The bundled medium, as a file that may be changed.
#[derive(Debug)]
pub struct Medium {
    dir: TempDir,
}

impl Medium {
    /// Copies the medium into a folder of its own.
    #[must_use]
    pub fn copied() -> Self {
        let bundled = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/imager/demo/medium.E01");
        let medium = Self { dir: tempfile::tempdir().expect("folder") };
        fs::copy(bundled, medium.path()).expect("medium");
        medium
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("KC07.E01")
    }
}

/// The package of `ambit demo`, taken apart; the same within one run of the tests.
pub(super) fn taken_apart() -> &'static Forge {
    static FORGE: OnceLock<Forge> = OnceLock::new();
    FORGE.get_or_init(|| {
        let dir = tempfile::tempdir().expect("folder");
        let demo = dir.path().join("demo");
        let args = ["ambit".into(), "demo".into(), "--dir".into(), demo.clone().into_os_string()];
        let mut said = Vec::new();
        let exit = imager::run_to_exit(args, &mut Vec::new(), &mut said);
        assert_eq!(exit, imager::Exit::Done, "{}", String::from_utf8_lossy(&said));
        take_apart(&demo)
    })
}

fn take_apart(demo: &Path) -> Forge {
    let keys = Keys::load(&demo.join("keys"));
    let trust = fs::read_to_string(demo.join("trust.toml")).expect("trust file");
    let files = read_all(&demo.join("KC07.ambit"));
    let file = |name: &str| files.get(name).expect(name).clone();
    let mut acquisition = Acquisition::from_bytes(&file("meta/acquisition.json")).expect("statement");
    let run_key = keys.signing("run").public_line();
    acquisition.run_key.clone_from(&run_key);

    let mut items = Vec::new();
    let ledger = decrypt(&keys, "auditor", &file("data/ledger-0001.jsonl.gz.age"));
    let mut reader = LedgerReader::new(GzipReader::new(ledger.as_slice(), 1 << 30)).expect("ledger");
    let batch_key = reader.header().k.clone();
    while let Some(record) = reader.next_record().expect("record") {
        let parts = record.parts().expect("record");
        items.push(Item {
            id: record.id,
            locator: record.locator,
            facts: parts.facts,
            trits: parts.trits,
            decision: parts.decision,
            object: parts.object,
            content: None,
            records: 1,
            line: true,
            rows: 1,
        });
    }
    for set in acquisition.sets.iter().filter(|set| set.set != SetName::Ledger) {
        let reader = match &set.set {
            SetName::Held(compartment) => compartment.as_str(),
            _ => "case-team",
        };
        assert!(set.parts.len() <= 1, "the demonstration fits into one batch");
        for part in &set.parts {
            for (control, content) in objects(&decrypt(&keys, reader, &file(&part.file))) {
                let is_it = |item: &&mut Item| {
                    item.decision.control.as_ref().is_some_and(|found| found.to_string() == control)
                };
                items.iter_mut().find(is_it).expect("an object has its record").content = Some(content);
            }
        }
    }
    let recipients = acquisition.sets.iter().map(|set| (set.set.clone(), set.recipients.clone())).collect();
    let in_policy = |name: &String| name.strip_prefix("meta/policy/").map(str::to_owned);
    let policy_files = files.iter().filter_map(|(n, bytes)| Some((in_policy(n)?, bytes.clone()))).collect();
    let mut log = steps(&files);
    for step in &mut log {
        if let Action::AcquisitionStart(start) = &mut step.statement.action {
            start.run_key.clone_from(&run_key);
        }
    }
    let tags = ["bag-info.txt", "VERIFY.txt"].map(|name| (name.to_owned(), file(name))).into();
    Forge { keys, trust, items, policy_files, recipients, acquisition, log, recount: true, tags, batch_key }
}

fn steps(files: &BTreeMap<String, Vec<u8>>) -> Vec<Step> {
    let memory: MemoryFiles = files.iter().map(|(name, bytes)| (name.clone(), bytes.clone())).collect();
    let log = Log::read(&memory);
    assert!(log.problems.is_empty(), "{:?}", log.problems);
    let step = |logged: evidence::custody_log::Logged| {
        let event = logged.event;
        let who = event.who.into_iter().map(|person| Signing {
            key: person.principal.clone(),
            person,
            namespace: sshsig::CUSTODY_EVENT,
        });
        Step {
            who: who.collect(),
            statement: Statement {
                when: event.when,
                clock: event.clock,
                who: Vec::new(),
                action: event.action,
                reason: event.reason,
                tool: event.tool,
            },
            checkpoint: logged.checkpoint.is_some(),
        }
    };
    log.entries.into_iter().map(step).collect()
}

/// Every file below a folder, by its path.
pub(super) fn read_all(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("folder") {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(root).expect("below").to_str().expect("text").to_owned();
            files.insert(name, fs::read(&path).expect("file"));
        }
    }
    files
}

fn decrypt(keys: &Keys, reader: &str, file: &[u8]) -> Vec<u8> {
    age::decrypt(keys.identity(reader), file).expect("a key opens its own set")
}

fn objects(zip: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut reader = ZipReader::new(zip);
    let mut found = Vec::new();
    while let Some(mut entry) = reader.next_entry().expect("entry") {
        let mut content = Vec::new();
        let name = entry.name().clone();
        entry.read_to_end(&mut content).expect("content");
        if let Name::Object(control) = name {
            found.push((control, content));
        }
    }
    found
}
