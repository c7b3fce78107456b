//! A small package, made wholly in memory with test keys: what the tamper tests start from.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::OnceLock;

use ed25519_dalek::{Signer, SigningKey};
use scope::{Bundle, Digest, Outcome, Policy};

use crate::acquisition::{
    self, Acquisition, Extent, InventoryStatement, MediumId, MediumStatement, PartStatement, RecordLeft,
    RunNumber, SetName, SetStatement, WalkStatement, Wanting,
};
use crate::approval::Approval;
use crate::bag::{Info, Oxum};
use crate::checkpoint::Checkpoint;
use crate::commit::{self, BatchKey};
use crate::custody_log::{Entry, LogHead, Statement, folder};
use crate::event::{
    AcquisitionEnd, AcquisitionStart, Action, ApprovedBy, CaseOpen, Clock, Moment, PackageSeal, Person,
    PolicyApprove, SealSignature, Tool,
};
use crate::files::MemoryFiles;
use crate::item::DecisionValue;
use crate::ledger::{LedgerHeader, LedgerWriter, signature_row};
use crate::manifest::Binding;
use crate::replay::testing::Case;
use crate::sshsig::{self, MessageDigest, PublicKey};
use crate::trust::Role;

pub(crate) const ORIGIN: &str = "example.org/cases/KC07";

/// A signing key by its name.
pub(crate) fn key(name: &str) -> SigningKey {
    SigningKey::from_bytes(&Digest::of(name.as_bytes()).0)
}

/// `ssh-ed25519 AAAA...`.
pub(crate) fn key_line(name: &str) -> String {
    PublicKey::Ed25519(key(name).verifying_key().to_bytes()).to_string()
}

/// An armored signature.
pub(crate) fn sign(name: &str, namespace: &str, message: &[u8]) -> Vec<u8> {
    let key = key(name);
    let signature = key.sign(&sshsig::to_be_signed(namespace, &MessageDigest::of(message)));
    sshsig::armor(&key.verifying_key().to_bytes(), namespace, &signature.to_bytes()).into_bytes()
}

/// An age identity by its name, the same within one run of the tests.
pub(crate) fn identity(name: &str) -> &'static age::x25519::Identity {
    static IDENTITIES: OnceLock<BTreeMap<&'static str, age::x25519::Identity>> = OnceLock::new();
    let all = IDENTITIES.get_or_init(|| {
        ["case", "neutral", "auditor", "court"].map(|name| (name, age::x25519::Identity::generate())).into()
    });
    &all[name]
}

fn recipient(name: &str) -> String {
    identity(name).to_public().to_string()
}

/// Who signs an event.
pub(crate) type Signers = Box<dyn Fn(&Action) -> Vec<&'static str>>;

/// What a test may change before the package is signed.
pub(crate) struct Plan {
    pub(crate) trust: String,
    pub(crate) policy: String,
    pub(crate) parts: Vec<(SetName, Vec<u8>, Vec<String>)>,
    pub(crate) inventory: String,
    pub(crate) with_approval: bool,
    pub(crate) rendering: Box<dyn Fn(String) -> String>,
    pub(crate) approval: Box<dyn Fn(&mut Approval)>,
    pub(crate) approval_signers: Vec<(&'static str, &'static str)>,
    pub(crate) acquisition: Box<dyn Fn(&mut Acquisition)>,
    pub(crate) event: Box<dyn Fn(&mut Action)>,
    pub(crate) signers: Signers,
    pub(crate) event_namespace: &'static str,
    pub(crate) seal_signers: Vec<&'static str>,
    pub(crate) seal_namespace: &'static str,
    pub(crate) seal_quotes: Box<dyn Fn(&mut PackageSeal)>,
    pub(crate) checkpoint_size: Option<u64>,
    pub(crate) log_key: &'static str,
    /// Events before policy.approve.
    pub(crate) before_approval: Vec<Action>,
    /// Events before acquisition.start.
    pub(crate) before_start: Vec<Action>,
    /// Events after acquisition.start.
    pub(crate) after_start: Vec<Action>,
    pub(crate) instructions: String,
    /// bag-info.txt
    pub(crate) info: Box<dyn Fn(String) -> String>,
    pub(crate) last: Box<dyn Fn(&mut MemoryFiles)>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            trust: trust(),
            policy: policy(),
            parts: vec![
                (SetName::Captured, b"captured".to_vec(), vec![recipient("case")]),
                (SetName::Ledger, b"ledger".to_vec(), vec![recipient("auditor"), recipient("court")]),
            ],
            inventory: format!(
                "captured {}\nleft {}\nleft {}\n",
                Digest::of(b"a").hex(),
                "1".repeat(64),
                "2".repeat(64)
            ),
            with_approval: true,
            rendering: Box::new(|text| text),
            approval: Box::new(|_| {}),
            approval_signers: vec![("authority", sshsig::APPROVAL)],
            acquisition: Box::new(|_| {}),
            event: Box::new(|_| {}),
            signers: Box::new(|action| match action {
                Action::PolicyApprove(_) => vec!["authority"],
                Action::AcquisitionStart(_) | Action::AcquisitionResume(_) => vec!["examiner", "witness"],
                _ => vec!["examiner"],
            }),
            event_namespace: sshsig::CUSTODY_EVENT,
            seal_signers: vec!["examiner", "witness"],
            seal_namespace: sshsig::PACKAGE_SEAL,
            seal_quotes: Box::new(|_| {}),
            checkpoint_size: None,
            log_key: "log",
            before_approval: Vec::new(),
            before_start: Vec::new(),
            after_start: Vec::new(),
            instructions: crate::bag::VERIFY_TXT.to_owned(),
            info: Box::new(|text| text),
            last: Box::new(|_| {}),
        }
    }
}

pub(crate) fn trust() -> String {
    let mut text =
        format!("format = \"ambit/trust/1\"\norigin = \"{ORIGIN}\"\nlog_key = \"{}\"\n", key_line("log"));
    for (name, person, role) in [
        ("examiner", "A. Berg", "examiner"),
        ("witness", "B. Tal", "witness"),
        ("authority", "C. Richter", "authority"),
        ("other", "D. Neu", "auditor"),
    ] {
        text.push_str(&format!(
            "\n[[principal]]\nname = \"{name}\"\nperson = \"{person}\"\norganisation = \"Lab\"\nroles = [\"{role}\"]\n\
             keys = [\"{}\"]\nvalid_from = \"2026-01-01T00:00:00Z\"\nvalid_until = \"2027-01-01T00:00:00Z\"\n",
            key_line(name)
        ));
    }
    text
}

fn policy() -> String {
    format!(
        r#"schema  = "scope-policy/1"
id      = "test/kc07"
version = 1
title   = "A test"

[authority]
court       = "A court"
docket      = "1"
instrument  = "search warrant"
legal_basis = ["Law 1"]
issued      = "2026-11-01T00:00:00Z"
execute_by  = "2026-12-01T00:00:00Z"
hours       = "any"
review_by   = "2027-01-01T00:00:00Z"
particulars = ["Attachment A"]

[recipients]
case    = ["{}"]
auditor = ["{}"]
court   = ["{}"]

[record]
left   = "facts"
holder = "the court"
basis  = "Law 2"
until  = "the end of the case"

[target]
media   = [{{ label = "KC07", serial = "WD-1" }}]
inspect = ["metadata"]

[defaults]
unknown   = "left"
path_case = "sensitive"

[selector.web]
label = "the site"
path  = ["/var/www/**"]

[[rule]]
id     = "I-1"
effect = "include"
text   = "The site."
basis  = "Attachment A"
any    = ["web"]
"#,
        recipient("case"),
        recipient("auditor"),
        recipient("court")
    )
}

fn moment(minute: u32) -> Moment {
    format!("2026-11-23T09:{minute:02}:00+01:00").parse().unwrap()
}

/// The medium, as it is found.
pub(crate) fn medium() -> MediumStatement {
    MediumStatement {
        label: "KC07".into(),
        form: "raw image".into(),
        size: Some(4096),
        ids: vec![MediumId { kind: "serial".into(), value: "WD-1".into() }],
    }
}

fn tool() -> Tool {
    Tool { name: "ambit".into(), version: "0.1.0".into(), digest: Digest::of(b"tool") }
}

fn encrypt(plain: &[u8], recipients: &[String]) -> Vec<u8> {
    let parsed: Vec<age::x25519::Recipient> = recipients.iter().map(|r| r.parse().unwrap()).collect();
    let encryptor = age::Encryptor::with_recipients(parsed.iter().map(|r| r as &dyn age::Recipient)).unwrap();
    let mut file = Vec::new();
    let mut writer = encryptor.wrap_output(&mut file).unwrap();
    writer.write_all(plain).unwrap();
    writer.finish().unwrap();
    file
}

struct Writer {
    files: MemoryFiles,
    head: LogHead,
}

impl Writer {
    fn put(&mut self, name: &str, bytes: impl Into<Vec<u8>>) {
        self.files.insert(name, bytes.into());
    }

    fn append(&mut self, plan: &Plan, mut action: Action) {
        (plan.event)(&mut action);
        let signers = (plan.signers)(&action);
        let person = |name: &&str| {
            let (person, role) = match *name {
                "examiner" => ("A. Berg", Role::Examiner),
                "witness" => ("B. Tal", Role::Witness),
                "authority" => ("C. Richter", Role::Authority),
                _ => ("D. Neu", Role::Auditor),
            };
            Person { principal: (*name).into(), role, person: person.into(), organisation: "Lab".into() }
        };
        let event = self.head.next_event(Statement {
            when: moment(u32::try_from(self.head.size()).unwrap()),
            clock: Clock { source: "system".into(), offset_seconds: None },
            who: signers.iter().map(person).collect(),
            action,
            reason: String::new(),
            tool: tool(),
        });
        let bytes = event.to_bytes();
        let signatures: Vec<(String, Vec<u8>)> =
            signers.iter().map(|name| ((*name).into(), sign(name, plan.event_namespace, &bytes))).collect();
        let entry = Entry::of(&event, &bytes, &signatures).to_bytes();
        let at = folder(event.index);
        self.put(&format!("{at}/event.json"), bytes);
        self.put(&format!("{at}/entry.txt"), entry.clone());
        for (name, file) in signatures {
            self.put(&format!("{at}/{name}.sig"), file);
        }
        self.head.push(entry);
    }
}

fn manifest<'a>(files: impl Iterator<Item = (&'a String, &'a [u8])>) -> String {
    files.map(|(name, bytes)| format!("{}  {name}\n", Digest::of(bytes).hex())).collect()
}

/// Makes the package, and the trust file's bytes.
pub(crate) fn build(plan: &Plan) -> (MemoryFiles, Vec<u8>) {
    let mut writer = Writer { files: MemoryFiles::new(), head: LogHead::empty(ORIGIN) };
    let mut bundle = Bundle::new();
    bundle.insert("policy.toml", plan.policy.clone().into_bytes()).unwrap();
    let policy = Policy::parse(&bundle).unwrap_or_else(|problems| panic!("{problems}"));
    let rendering = (plan.rendering)(scope::render(&policy));
    writer.put("meta/policy/policy.toml", plan.policy.clone());
    writer.put("meta/policy/rendering.md", rendering.clone());
    writer.append(
        plan,
        Action::CaseOpen(CaseOpen { medium_label: "KC07".into(), description: "A test".into() }),
    );

    plan.before_approval.iter().for_each(|action| writer.append(plan, action.clone()));
    if plan.with_approval {
        let mut approval = Approval {
            origin: ORIGIN.into(),
            medium: "KC07".into(),
            medium_ids: vec![MediumId { kind: "serial".into(), value: "WD-1".into() }],
            policy: policy.id(),
            rendering: Digest::of(rendering.as_bytes()),
            renderer: scope::Language::English.renderer().into(),
            instrument: None,
        };
        (plan.approval)(&mut approval);
        let bytes = approval.to_bytes();
        for (signer, namespace) in &plan.approval_signers {
            writer.put(&format!("meta/policy/approval.txt.{signer}.sig"), sign(signer, namespace, &bytes));
        }
        writer.put("meta/policy/approval.txt", bytes.clone());
        writer.append(
            plan,
            Action::PolicyApprove(PolicyApprove {
                policy: approval.policy,
                approval: Digest::of(&bytes),
                rendering: approval.rendering,
                by: if approval.instrument.is_some() {
                    ApprovedBy::Instrument
                } else {
                    ApprovedBy::Signature
                },
                instrument: approval.instrument,
                departure: None,
            }),
        );
    }

    let package = RunNumber([7; 16]);
    let medium = medium();
    plan.before_start.iter().for_each(|action| writer.append(plan, action.clone()));
    let began = moment(u32::try_from(writer.head.size()).unwrap());
    writer.append(
        plan,
        Action::AcquisitionStart(AcquisitionStart {
            package,
            run_key: key_line("run"),
            policy: policy.id(),
            medium: medium.clone(),
            freshness: "not checked".into(),
            writable_source: None,
            without_approval: None,
            write_blocker: None,
        }),
    );
    for mut action in plan.after_start.clone() {
        if let Action::AcquisitionResume(resume) = &mut action {
            resume.policy = policy.id();
        }
        writer.append(plan, action);
    }
    let mut counts: BTreeMap<Outcome, u64> = BTreeMap::new();
    for line in plan.inventory.lines() {
        *counts.entry(line.split(' ').next().unwrap().parse().unwrap()).or_insert(0) += 1;
    }
    let sum =
        |kind: &str| counts.iter().filter(|(o, _)| o.to_string().starts_with(kind)).map(|(_, n)| n).sum();
    let [captured, held, listed, left] = ["captured", "held", "listed", "left"].map(sum);
    let lines = plan.inventory.lines().count() as u64;
    let ended = moment(u32::try_from(writer.head.size()).unwrap());
    let mut sets: BTreeMap<SetName, SetStatement> = BTreeMap::new();
    for (set, plain, recipients) in &plan.parts {
        let mut recipients = recipients.clone();
        recipients.sort();
        let file = encrypt(plain, &recipients);
        let statement = sets.entry(set.clone()).or_insert_with(|| SetStatement {
            set: set.clone(),
            recipients: recipients.clone(),
            parts: Vec::new(),
        });
        let number = statement.parts.len() as u64 + 1;
        statement.parts.push(PartStatement {
            file: set.file(number),
            number,
            batch: 1,
            sha256: Digest::of(&file),
            bytes: file.len() as u64,
            stanzas: recipients.len() as u64,
        });
        writer.put(&set.file(number), file);
    }
    let mut acquisition = Acquisition {
        format: acquisition::Format::V1,
        origin: ORIGIN.into(),
        package,
        medium,
        layers: vec![],
        extent: Extent::Files,
        policy: policy.id(),
        run_key: key_line("run"),
        resumed: Vec::new(),
        tool: tool(),
        began,
        ended,
        log: writer.head.tree().unwrap(),
        inventory: InventoryStatement { lines, root: crate::tree::root(plan.inventory.lines()), counts },
        sets: sets.into_values().collect(),
        record_left: RecordLeft::Facts,
        limits: vec!["one sector could not be read".into()],
        walk: vec![WalkStatement {
            ids: Vec::new(),
            volume: "ext4:test".into(),
            items: lines,
            names: lines,
            issues: 0,
            coverage: vec![],
            wanting: Wanting::default(),
        }],
        departures: vec![],
        tier_counts: BTreeMap::new(),
        rule_counts: BTreeMap::new(),
        looks: BTreeMap::new(),
    };
    (plan.acquisition)(&mut acquisition);
    writer.put("meta/acquisition.json", acquisition.to_bytes());
    writer.append(
        plan,
        Action::AcquisitionEnd(AcquisitionEnd {
            package,
            items: lines,
            captured,
            held,
            listed,
            left,
            bytes: 1,
            unreadable: 0,
            issues: 0,
            interrupted: false,
            acquisition_sha256: Digest::of(&acquisition.to_bytes()),
            medium_sha256: None,
            drive_sha256: None,
            medium_unreadable: None,
        }),
    );
    writer.put("meta/inventory.txt", plan.inventory.clone());
    writer.put("bagit.txt", "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n");
    writer.put("VERIFY.txt", plan.instructions.clone());
    let listed = |files: &MemoryFiles, payload: bool| -> Vec<(String, Vec<u8>)> {
        let names = crate::files::Files::names(files).unwrap();
        let wanted = names.into_iter().filter(|name| {
            name.starts_with("data/") == payload
                && !name.starts_with("custody/")
                && !name.starts_with("seal/")
        });
        wanted.map(|name| (name.clone(), files.get(&name).unwrap().to_vec())).collect()
    };
    let data = listed(&writer.files, true);
    let bytes: usize = data.iter().map(|(_, bytes)| bytes.len()).sum();
    let oxum = Oxum { octets: bytes as u64, files: data.len() as u64 };
    let info = Info::of_package(&acquisition.origin, acquisition.package, &acquisition.ended, oxum);
    writer.put("bag-info.txt", (plan.info)(info.to_string()));
    writer.put("manifest-sha256.txt", manifest(data.iter().map(|(n, b)| (n, b.as_slice()))));
    let tags = listed(&writer.files, false);
    let sealed = manifest(tags.iter().map(|(n, b)| (n, b.as_slice()))).into_bytes();
    writer.put("tagmanifest-sha256.txt", sealed.clone());

    let mut seal = PackageSeal { package, tagmanifest: Digest::of(&sealed), signatures: vec![] };
    for name in &plan.seal_signers {
        let file = sign(name, plan.seal_namespace, &sealed);
        seal.signatures.push(SealSignature { principal: (*name).into(), signature: Digest::of(&file) });
        writer.put(&format!("seal/tagmanifest-sha256.txt.{name}.sig"), file);
    }
    (plan.seal_quotes)(&mut seal);
    writer.append(plan, Action::PackageSeal(seal));

    let size = plan.checkpoint_size.unwrap_or(writer.head.size());
    let mut head = LogHead::empty(ORIGIN);
    for index in 0..size {
        head.push(writer.files.get(&format!("{}/entry.txt", folder(index))).unwrap().to_vec());
    }
    let tree = head.tree().unwrap();
    let checkpoint = Checkpoint { origin: ORIGIN.into(), size: tree.size, root: tree.root };
    let log_key = key(plan.log_key);
    let signature = log_key.sign(checkpoint.body().as_bytes()).to_bytes();
    let note = checkpoint.signed(&log_key.verifying_key().to_bytes(), &signature);
    writer.put(&format!("{}/checkpoint", folder(size - 1)), note.to_string());
    (plan.last)(&mut writer.files);
    (writer.files, plan.trust.clone().into_bytes())
}

/// Puts a real ledger into the plan: three items, decided by the plan's policy, after `change`.
pub(crate) fn with_ledger(plan: &mut Plan, change: impl FnOnce(&mut Case)) {
    let mut case = Case::under(&plan.policy);
    case.directory("/");
    case.file(&["/var/www/index.html"], b"<html>");
    case.file(&["/etc/passwd"], b"root");
    change(&mut case);
    let k = BatchKey([9; 32]);
    let mut lines: Vec<String> =
        case.items.iter().map(|item| format!("{}\n", commit::line(&k, &item.record).unwrap())).collect();
    lines.sort();
    plan.inventory = lines.concat();
    let binding = Binding {
        origin: ORIGIN.into(),
        package: RunNumber([7; 16]),
        medium: "KC07".into(),
        policy: case.policy.id(),
        run_key: key_line("run"),
    };
    let (mut writer, mut rows) = LedgerWriter::begin(&LedgerHeader::new(&binding, 1, 1, k)).unwrap();
    let (mut tiers, mut rules, mut looks) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for item in &case.items {
        rows.extend(writer.row(&item.record).unwrap());
        let decision = DecisionValue::parse(&item.record.decision).unwrap();
        let tier = serde_json::to_value(decision.tier).unwrap().as_str().unwrap().to_owned();
        *tiers.entry(tier).or_insert(0) += 1;
        decision.rules.into_iter().for_each(|rule| *rules.entry(rule).or_insert(0) += 1);
        decision.looks.into_iter().for_each(|look| *looks.entry(look).or_insert(0) += 1);
    }
    let run = key("run");
    let signature = run.sign(&sshsig::to_be_signed(sshsig::MANIFEST, &writer.finish())).to_bytes();
    let armored = sshsig::armor(&run.verifying_key().to_bytes(), sshsig::MANIFEST, &signature);
    rows.extend(signature_row(&armored).unwrap());
    let mut gzip = flate2::GzBuilder::new().write(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&rows).unwrap();
    plan.parts[1].1 = gzip.finish().unwrap();
    plan.acquisition = Box::new(move |acquisition| {
        acquisition.tier_counts = tiers.clone();
        acquisition.rule_counts = rules.clone();
        acquisition.looks = looks.clone();
    });
}
