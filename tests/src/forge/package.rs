//! Sealing: every digest made again, every signature given again, by whoever the forger wants.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;

use evidence::acquisition::{Acquisition, SetName};
use evidence::bag::{BAGIT_TXT, Info, Manifest};
use evidence::checkpoint::Checkpoint;
use evidence::custody_log::{Entry, LogHead, Statement, folder};
use evidence::event::{AcquisitionEnd, Action, Event, PackageSeal, Person, SealSignature};
use evidence::files::MemoryFiles;
use evidence::sshsig;
use evidence::tree;
use scope::{Digest, Outcome};

use super::part::Part;
use super::{Keys, digest};

/// A signature to be: who it says signs, and with whose key, for what.
#[derive(Clone, Debug)]
pub struct Signing {
    /// Who it says signs.
    pub person: Person,
    /// Whose key it is.
    pub key: String,
    /// The namespace.
    pub namespace: &'static str,
}

/// An event to be.
#[derive(Clone, Debug)]
pub struct Step {
    /// Who signs.
    pub who: Vec<Signing>,
    /// What it says.
    pub statement: Statement,
    /// Whether the log key signs the head here.
    pub checkpoint: bool,
}

/// A package before its seal.
pub struct Package {
    /// All keys.
    pub keys: Keys,
    /// The trust file that the court has.
    pub trust: String,
    /// The files of `meta/policy`.
    pub policy_files: BTreeMap<String, Vec<u8>>,
    /// One part per set.
    pub parts: BTreeMap<SetName, Part>,
    /// The inventory's lines.
    pub lines: BTreeSet<String>,
    /// The statement; digests, inventory and log head are made again.
    pub acquisition: Acquisition,
    /// Lies in the statement about what is made again.
    pub stated: fn(&mut Acquisition),
    /// The custody log.
    pub log: Vec<Step>,
    /// Lies in an event about what is made again.
    pub event: fn(&mut Event),
    /// Who seals.
    pub seal: Vec<Signing>,
    /// Lies in package.seal about what is made again.
    pub quoted: fn(&mut PackageSeal),
    /// Whose key signs the log's head.
    pub log_key: String,
    /// Text that is swapped before anything quotes or signs it: file (`ledger`, `captured/manifest.jsonl` too), from, to.
    pub swaps: Vec<(String, String, String)>,
    /// Signatures that the forger cannot make again: he has those of an earlier package, by file.
    pub lost: Option<(String, BTreeMap<String, Vec<u8>>)>,
    /// Tag files that say nothing of their own.
    pub(super) tags: BTreeMap<String, Vec<u8>>,
}

/// A finished package.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// All keys.
    pub keys: Keys,
    /// The trust file that the court has.
    pub trust: String,
    /// Every file.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl fmt::Debug for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Package({})", self.acquisition.package)
    }
}

impl Package {
    /// A package that is sealed by whoever signed package.seal.
    pub(super) fn new(mut package: Self) -> Self {
        let seal = package.step("package.seal").who.iter();
        package.seal = seal.map(|who| Signing { namespace: sshsig::PACKAGE_SEAL, ..who.clone() }).collect();
        package
    }

    /// The part of a set.
    pub fn part(&mut self, set: &str) -> &mut Part {
        self.parts.get_mut(&set.parse().expect("a set")).expect("a part")
    }

    /// The first event of a kind.
    pub fn step(&mut self, kind: &str) -> &mut Step {
        self.log.iter_mut().find(|step| step.statement.action.kind() == kind).expect(kind)
    }

    /// Where the first event of a kind stands.
    #[must_use]
    pub fn index(&self, kind: &str) -> usize {
        self.log.iter().position(|step| step.statement.action.kind() == kind).expect(kind)
    }

    /// Swaps text in a file before anything quotes or signs it.
    pub fn swap(&mut self, file: &str, from: &str, to: &str) {
        self.swaps.push((file.to_owned(), from.to_owned(), to.to_owned()));
    }

    /// Makes every digest and every signature.
    #[must_use]
    pub fn seal(mut self) -> Sealed {
        let mut files = BTreeMap::new();
        for (name, bytes) in &self.policy_files {
            files.insert(format!("meta/policy/{name}"), bytes.clone());
        }
        self.make_parts(&mut files);
        self.make_inventory(&mut files);

        let mut head = LogHead::empty(&self.acquisition.origin);
        let end = self.index("acquisition.end");
        for step in self.log.iter().take(end) {
            self.append(&mut files, &mut head, step);
        }
        self.acquisition.log = head.tree().expect("events");
        (self.stated)(&mut self.acquisition);
        let statement = self.edited("meta/acquisition.json", self.acquisition.to_bytes());
        if let Action::AcquisitionEnd(end) = &mut self.step("acquisition.end").statement.action.clone() {
            count(end, &self.acquisition);
            end.acquisition_sha256 = Digest::of(&statement);
            self.step("acquisition.end").statement.action = Action::AcquisitionEnd(end.clone());
        }
        self.append(&mut files, &mut head, &self.log[end]);
        files.insert("meta/acquisition.json".to_owned(), statement);

        let tags = self.make_bag(&mut files);
        let mut quoted = PackageSeal {
            package: self.acquisition.package,
            tagmanifest: digest(&tags),
            signatures: Vec::new(),
        };
        for who in &self.seal {
            let name = format!("seal/tagmanifest-sha256.txt.{}.sig", who.person.principal);
            let signature = self.sign(&name, who, &tags);
            let principal = who.person.principal.clone();
            quoted.signatures.push(SealSignature { principal, signature: digest(&signature) });
            files.insert(name, signature);
        }
        quoted.signatures.sort();
        (self.quoted)(&mut quoted);
        for mut step in self.log.iter().skip(end + 1).cloned() {
            let ours = |seal: &PackageSeal| seal.package == self.acquisition.package;
            if matches!(&step.statement.action, Action::PackageSeal(seal) if ours(seal)) {
                step.statement.action = Action::PackageSeal(quoted.clone());
            }
            self.append(&mut files, &mut head, &step);
        }
        Sealed { keys: self.keys, trust: self.trust, files }
    }

    fn make_parts(&mut self, files: &mut BTreeMap<String, Vec<u8>>) {
        let mut statements = BTreeMap::new();
        for (set, part) in self.parts.iter().filter(|(_, part)| part.file.is_some() || !part.is_empty()) {
            let made = part.make(&self.keys, &self.acquisition, &|name, bytes| self.edited(name, bytes));
            files.insert(set.file(1), made.0);
            statements.insert(set.clone(), made.1);
        }
        for set in &mut self.acquisition.sets {
            set.parts = statements.remove(&set.set).into_iter().collect();
        }
        assert!(statements.is_empty(), "a part without a statement");
    }

    fn make_inventory(&mut self, files: &mut BTreeMap<String, Vec<u8>>) {
        let text: String = self.lines.iter().map(|line| format!("{line}\n")).collect();
        files.insert("meta/inventory.txt".to_owned(), text.into_bytes());
        let stated = &mut self.acquisition.inventory;
        stated.lines = u64::try_from(self.lines.len()).expect("a number");
        stated.root = tree::root(&self.lines);
        // What was taken away or put in is of the first volume.
        if let [walk, others @ ..] = self.acquisition.walk.as_mut_slice() {
            walk.items = stated.lines - others.iter().map(|walk| walk.items).sum::<u64>();
        }
        stated.counts.clear();
        for line in &self.lines {
            let outcome = line.split(' ').next().and_then(|word| word.parse::<Outcome>().ok());
            *stated.counts.entry(outcome.expect("an outcome")).or_default() += 1;
        }
    }

    /// Writes the bag; the bytes that are sealed.
    fn make_bag(&self, files: &mut BTreeMap<String, Vec<u8>>) -> Vec<u8> {
        let list = |files: &BTreeMap<String, Vec<u8>>, payload: bool| {
            let of = files.iter().filter(|(name, _)| {
                let later = name.starts_with("custody/") || name.starts_with("seal/");
                !later && name.starts_with("data/") == payload
            });
            let digests = of.map(|(name, bytes)| (name.clone(), digest(bytes))).collect();
            Manifest(digests).to_string().into_bytes()
        };
        let payload = files.iter().filter(|(name, _)| name.starts_with("data/"));
        let (octets, count) =
            payload.fold((0, 0), |(octets, count), (_, bytes)| (octets + bytes.len(), count + 1));
        let info = Info::parse(self.tags.get("bag-info.txt").expect("bag-info.txt")).expect("bag-info.txt");
        let info = Info(
            info.0
                .into_iter()
                .map(|(label, value)| match label.as_str() {
                    "External-Identifier" => {
                        (label, format!("{} {}", self.acquisition.origin, self.acquisition.package))
                    }
                    "Payload-Oxum" => (label, format!("{octets}.{count}")),
                    _ => (label, value),
                })
                .collect(),
        );
        let payload = list(files, true);
        for (name, bytes) in [
            ("bagit.txt", BAGIT_TXT.as_bytes().to_vec()),
            ("bag-info.txt", info.to_string().into_bytes()),
            ("VERIFY.txt", self.tags.get("VERIFY.txt").expect("VERIFY.txt").clone()),
            ("manifest-sha256.txt", payload),
        ] {
            let bytes = self.edited(name, bytes);
            files.insert(name.to_owned(), bytes);
        }
        let tags = list(files, false);
        files.insert("tagmanifest-sha256.txt".to_owned(), tags.clone());
        tags
    }

    fn append(&self, files: &mut BTreeMap<String, Vec<u8>>, head: &mut LogHead, step: &Step) {
        let mut statement = step.statement.clone();
        statement.who = step.who.iter().map(|who| who.person.clone()).collect();
        let mut event = head.next_event(statement);
        (self.event)(&mut event);
        let at = folder(head.size());
        let bytes = self.edited(&format!("{at}/event.json"), event.to_bytes());
        let signatures: Vec<(String, Vec<u8>)> = step
            .who
            .iter()
            .map(|who| {
                let name = who.person.principal.clone();
                let signature = self.sign(&format!("{at}/{name}.sig"), who, &bytes);
                (name, signature)
            })
            .collect();
        let entry =
            self.edited(&format!("{at}/entry.txt"), Entry::of(&event, &bytes, &signatures).to_bytes());
        files.insert(format!("{at}/event.json"), bytes);
        files.insert(format!("{at}/entry.txt"), entry.clone());
        for (name, signature) in signatures {
            files.insert(format!("{at}/{name}.sig"), signature);
        }
        head.push(entry);
        if step.checkpoint {
            let tree = head.tree().expect("an event");
            let checkpoint =
                Checkpoint { origin: head.origin().to_owned(), size: tree.size, root: tree.root };
            let key = self.keys.signing(&self.log_key);
            let signature = key.sign_raw(checkpoint.body().as_bytes());
            let note = checkpoint.signed(&key.public_bytes(), &signature).to_string();
            files.insert(format!("{at}/checkpoint"), note.into_bytes());
        }
    }

    /// Signs; where the key is lost, takes what was once signed in that place.
    fn sign(&self, file: &str, who: &Signing, message: &[u8]) -> Vec<u8> {
        if let Some((principal, earlier)) = &self.lost
            && *principal == who.person.principal
            && let Some(signature) = earlier.get(file)
        {
            return signature.clone();
        }
        self.keys.signing(&who.key).sign(who.namespace, message).into_bytes()
    }

    fn edited(&self, file: &str, bytes: Vec<u8>) -> Vec<u8> {
        let mut swaps = self.swaps.iter().filter(|(name, ..)| name == file).peekable();
        if swaps.peek().is_none() {
            return bytes;
        }
        let text = String::from_utf8(bytes).expect("text");
        let swapped = swaps.fold(text, |text, (_, from, to)| {
            assert!(text.contains(from), "{file} does not say {from}: {text}");
            text.replace(from, to)
        });
        swapped.into_bytes()
    }
}

/// What acquisition.end says of an inventory.
fn count(end: &mut AcquisitionEnd, acquisition: &Acquisition) {
    let counts = &acquisition.inventory.counts;
    let sum = |which: fn(&Outcome) -> bool| counts.iter().filter(|(o, _)| which(o)).map(|(_, n)| n).sum();
    end.items = acquisition.inventory.lines;
    end.captured = sum(|outcome| matches!(outcome, Outcome::Captured));
    end.held = sum(|outcome| matches!(outcome, Outcome::Held(_)));
    end.listed = sum(|outcome| matches!(outcome, Outcome::Listed | Outcome::ListedTo(_)));
    end.left = sum(|outcome| matches!(outcome, Outcome::Left));
}

impl Sealed {
    /// As the checks want to see it.
    #[must_use]
    pub fn memory(&self) -> MemoryFiles {
        self.files.iter().map(|(name, bytes)| (name.clone(), bytes.clone())).collect()
    }

    /// Writes it into a new folder.
    pub fn write(&self, root: &Path) {
        for (name, bytes) in &self.files {
            let path = root.join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("folder");
            fs::write(path, bytes).expect("file");
        }
    }
}
