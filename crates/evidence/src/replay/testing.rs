//! A small package in memory: a policy, some items, their ledger, inventory and parts, signed.
//!
//! [`Case::seal`] makes everything again from the records, as a forger who has
//! every key would: what a test changes in a record is covered by every
//! signature, line and count.

use std::collections::BTreeMap;
use std::io::Write as _;

use ed25519_dalek::{Signer as _, SigningKey};
use scope::facts::{
    CaseRule, Facts, HashFact, Hit, KeywordFact, Kind, Layer, Look, Stamp, TimeKind, TypeFact, Zone,
};
use scope::policy::LeftRecord;
use scope::{Bundle, Decision, Digest, Outcome, Policy, RawName, Step, decide, visible_names};

use crate::acquisition::{
    Acquisition, Extent, Format, InventoryStatement, MediumStatement, PartStatement, RecordLeft, RunNumber,
    SetName, SetStatement, WalkStatement, Wanting,
};
use crate::commit::{self, BatchKey, Opening};
use crate::event::{Moment, Tool, TreeHead};
use crate::helpers::{Helpers, Task, Workers};
use crate::holder::padme;
use crate::inventory::Inventory;
use crate::item::{Control, DecisionValue, ObjectValue, Record, Series};
use crate::ledger::{LedgerHeader, LedgerWriter, signature_row};
use crate::manifest::{
    Binding, HeldRow, MANIFEST, ManifestWriter, OBJECTS, Opened, PADDING, Row, SIGNATURE, size_class,
};
use crate::replay::{Finding, Replay, ReplayError, Replayed};
use crate::sshsig::{self, MessageDigest};
use crate::tree;

/// Two compartments, every effect, every look.
pub(crate) const POLICY: &str = include_str!("testing.toml");

/// A run with every key at hand.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) policy: Policy,
    pub(crate) items: Vec<Item>,
    run_key: SigningKey,
    k: BatchKey,
    next: BTreeMap<Series, u64>,
}

/// An item as the examiner saw it.
#[derive(Clone)]
pub(crate) struct Item {
    pub(crate) record: Record,
    pub(crate) facts: Facts,
    /// The positions of the names that the case team may see.
    pub(crate) visible: Vec<usize>,
    pub(crate) content: Vec<u8>,
}

/// A package in memory, before encryption.
#[derive(Clone)]
pub(crate) struct Sealed {
    pub(crate) acquisition: Acquisition,
    pub(crate) inventory: Inventory,
    /// The bytes of the inventory.
    pub(crate) lines: String,
    pub(crate) ledger: Vec<u8>,
}

impl Case {
    /// A run under [`POLICY`] that met nothing yet.
    pub(crate) fn empty() -> Self {
        Self::under(POLICY)
    }

    /// A run under a policy that met nothing yet.
    pub(crate) fn under(policy: &str) -> Self {
        let mut bundle = Bundle::new();
        bundle.insert("policy.toml", policy.as_bytes().to_vec()).unwrap();
        Self {
            policy: Policy::parse(&bundle).unwrap_or_else(|problems| panic!("{problems}")),
            items: Vec::new(),
            run_key: SigningKey::from_bytes(&[7; 32]),
            k: BatchKey([42; 32]),
            next: BTreeMap::new(),
        }
    }

    /// One item of every outcome and more: see the paths.
    pub(crate) fn new() -> Self {
        let mut case = Self::empty();
        case.fill();
        case
    }

    pub(crate) fn fill(&mut self) {
        self.directory("/srv/tenant");
        self.directory("/srv/tenant/www");
        self.file(&["/srv/tenant/www/index.html"], b"<html>");
        self.file(&["/srv/tenant/www/gate.php"], b"<?php");
        self.file(&["/srv/tenant/legal/advice.txt"], b"privileged");
        self.file(&["/srv/tenant/keys/id"], b"key");
        self.file(&["/srv/tenant/hr/payroll/2025.csv"], b"1;2");
        self.file(&["/srv/tenant/legal/payroll/2025.csv"], b"3;4");
        self.file(&["/srv/other/index.html"], b"<html>");
        self.file(&["/srv/pool/named.bin"], b"abc");
        self.file(&["/srv/pool/unnamed.bin"], b"abd");
        self.file(&["/srv/mail/1.eml"], b"about the KICKBACK");
        self.file(&["/srv/mail/2.eml"], b"about lunch");
        self.file(&["/srv/tenant/www/linked", "/var/backup/linked"], b"two names");
        self.file(&["/etc/passwd"], b"root:x:0:0");
    }

    /// Examines a file and records the decision.
    pub(crate) fn file(&mut self, names: &[&str], content: &[u8]) -> usize {
        let size = u64::try_from(content.len()).unwrap();
        self.item(Facts { kind: Kind::File, size: Some(size), ..self.facts(names) }, content)
    }

    /// Examines a directory and records the decision.
    pub(crate) fn directory(&mut self, name: &str) -> usize {
        self.item(self.facts(&[name]), b"")
    }

    /// Examines an item and records the decision. Returns its position.
    pub(crate) fn item(&mut self, mut facts: Facts, content: &[u8]) -> usize {
        let decision = loop {
            match decide(&self.policy, &facts) {
                Step::Decided(decision) => break decision,
                Step::Look(look) => take(&self.policy, look, &mut facts, content),
            }
        };
        let number = self.items.len();
        let control = self.control(&decision.outcome);
        let object = SetName::keeping(&decision.outcome).filter(|_| facts.kind.has_content()).map(|set| {
            ObjectValue::new(Digest::of(content), facts.content_size().unwrap(), set.part(1), Vec::new())
        });
        let id = id_of(number);
        let locator = format!("ext4:test/inode:{number}:0");
        let record =
            Record::new(id, &locator, &facts, &decision, control.as_ref(), self.policy.id(), object.as_ref());
        let visible = visible_names(&self.policy, &facts);
        self.items.push(Item { record: record.unwrap(), facts, visible, content: content.to_vec() });
        number
    }

    /// The position of the item with this name.
    pub(crate) fn at(&self, name: &str) -> usize {
        let name = RawName::from(name);
        self.items.iter().position(|item| item.facts.names.contains(&name)).unwrap()
    }

    /// The record of the item with this name.
    pub(crate) fn record(&mut self, name: &str) -> &mut Record {
        let at = self.at(name);
        &mut self.items[at].record
    }

    /// Changes the recorded decision of the item with this name, nothing else.
    pub(crate) fn change_decision(&mut self, name: &str, change: impl FnOnce(&mut DecisionValue)) {
        let record = self.record(name);
        let mut decision = DecisionValue::parse(&record.decision).unwrap();
        change(&mut decision);
        record.decision = serde_json::to_string(&decision).unwrap();
    }

    /// Changes the recorded facts of the item with this name, nothing else.
    pub(crate) fn change_facts(&mut self, name: &str, change: impl FnOnce(&mut Facts)) {
        let record = self.record(name);
        let mut facts = record.parts().unwrap().facts;
        change(&mut facts);
        record.facts = facts.to_list().iter().map(|fact| serde_json::to_string(fact).unwrap()).collect();
    }

    /// Changes the recorded object of the item with this name, nothing else.
    pub(crate) fn change_object(&mut self, name: &str, change: impl FnOnce(&mut ObjectValue)) {
        let record = self.record(name);
        let mut object = record.object().unwrap().unwrap();
        change(&mut object);
        record.object = serde_json::to_string(&object).unwrap();
    }

    /// Line, ledger, parts, counts and signatures, all made from the records as they stand.
    pub(crate) fn seal(&self) -> Sealed {
        let kept = |item: &&Item| !(self.counts() && outcome(&item.record) == Outcome::Left);
        let mut lines: Vec<String> = self
            .items
            .iter()
            .map(|item| {
                let blank = Decision {
                    outcome: Outcome::Left,
                    tier: scope::Tier::OutOfScope,
                    rules: Vec::new(),
                    looks: vec![Look::Metadata],
                    trits: Vec::new(),
                };
                let record = match kept(&item) {
                    true => item.record.clone(),
                    false => Record::unnamed(item.record.id, &blank, self.policy.id()).unwrap(),
                };
                commit::line(&self.k, &record).unwrap().to_string()
            })
            .collect();
        lines.sort();
        lines.dedup();
        let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        let inventory = Inventory::read(text.as_bytes()).unwrap();
        let acquisition = self.acquisition(&inventory);
        let binding = Binding::of(&acquisition, 1);
        let records: Vec<Record> = self.items.iter().filter(kept).map(|item| item.record.clone()).collect();
        let ledger = self.ledger(&binding, &records);
        Sealed { acquisition, inventory, lines: text, ledger }
    }

    /// A ledger part with these records, signed.
    pub(crate) fn ledger(&self, binding: &Binding, records: &[Record]) -> Vec<u8> {
        let (mut writer, mut bytes) =
            LedgerWriter::begin(&LedgerHeader::new(binding, 1, 1, self.k.clone())).unwrap();
        for record in records {
            bytes.extend(writer.row(record).unwrap());
        }
        let digest = writer.finish();
        bytes.extend(signature_row(&self.sign(&digest)).unwrap());
        bytes
    }

    /// The run key's armored signature.
    pub(crate) fn sign(&self, digest: &MessageDigest) -> String {
        let signature = self.run_key.sign(&sshsig::to_be_signed(sshsig::MANIFEST, digest));
        sshsig::armor(&self.run_key.verifying_key().to_bytes(), sshsig::MANIFEST, &signature.to_bytes())
    }

    /// Opens a record whole.
    pub(crate) fn whole(&self, record: &Record) -> Opening {
        Opening::whole(&self.k, record)
    }

    /// The rows of a set's manifest.
    pub(crate) fn rows(&self, set: &SetName) -> Vec<Row> {
        let mut rows = Vec::new();
        for item in &self.items {
            let decision = DecisionValue::parse(&item.record.decision).unwrap();
            let Some(control) = decision.control else { continue };
            let size = item.facts.content_size().unwrap_or(0);
            if SetName::naming(&decision.outcome).as_ref() == Some(set) {
                let opening = match set {
                    SetName::Captured => Opening::for_reader(&self.k, &item.record, &item.visible),
                    _ => Opening::whole(&self.k, &item.record),
                };
                let opened = Opened { control, opening };
                rows.push(if decision.outcome.is_kept() { Row::Object(opened) } else { Row::Listed(opened) });
            } else if *set == SetName::Captured && matches!(decision.outcome, Outcome::Held(_)) {
                rows.push(Row::Held(HeldRow {
                    control,
                    rules: decision.rules,
                    size_class: size_class(size),
                }));
            }
        }
        rows
    }

    /// The entries of a set's part: objects, manifest, signature.
    pub(crate) fn entries(&self, binding: &Binding, set: &SetStatement) -> Vec<(String, Vec<u8>)> {
        let mut manifest = ManifestWriter::new();
        let mut entries = Vec::new();
        for row in self.rows(&set.set) {
            manifest.add(&row).unwrap();
            let Row::Object(opened) = row else { continue };
            let control = opened.control;
            let item =
                self.items.iter().find(|item| item.record.decision.contains(&format!("\"{control}\"")));
            if item.unwrap().record.object != "-" {
                entries.push((format!("{OBJECTS}{control}"), item.unwrap().content.clone()));
            }
        }
        let manifest = manifest.finish(binding, set.set.clone(), 1, 1, set.recipients.clone()).unwrap();
        let signature = self.sign(&MessageDigest::of(&manifest));
        entries.push((MANIFEST.to_owned(), manifest));
        entries.push((SIGNATURE.to_owned(), signature.into_bytes()));
        if matches!(set.set, SetName::Held(_)) {
            let len = |zeros| {
                zipped(&[&entries[..], &[(PADDING.to_owned(), vec![0; zeros])]].concat()).len() as u64
            };
            let zeros = (500..).step_by(100).find(|zeros| padme(len(*zeros)) == len(*zeros)).unwrap();
            entries.push((PADDING.to_owned(), vec![0; zeros]));
        }
        entries
    }

    fn acquisition(&self, inventory: &Inventory) -> Acquisition {
        let at: Moment = serde_json::from_str("\"2026-11-23T09:14:00+01:00\"").unwrap();
        let recipients = self.policy.recipients();
        let public = sshsig::PublicKey::Ed25519(self.run_key.verifying_key().to_bytes());
        let mut sets = vec![(SetName::Captured, recipients.case.clone())];
        for compartment in self.policy.compartments() {
            sets.push((SetName::Held(compartment.id.clone()), compartment.recipients.clone()));
        }
        sets.push((SetName::Ledger, [recipients.auditor.clone(), recipients.court.clone()].concat()));
        let mut statement = Acquisition {
            format: Format::V1,
            origin: "example.org/KC07".to_owned(),
            package: RunNumber([0x6f; 16]),
            medium: MediumStatement {
                label: "KC07".to_owned(),
                form: "raw image".to_owned(),
                size: None,
                ids: Vec::new(),
            },
            layers: Vec::new(),
            extent: Extent::Files,
            policy: self.policy.id(),
            run_key: public.to_string(),
            resumed: Vec::new(),
            tool: Tool { name: "test".to_owned(), version: "0".to_owned(), digest: Digest::of(b"") },
            began: at.clone(),
            ended: at,
            log: TreeHead { size: 1, root: tree::root([b"entry"]) },
            inventory: InventoryStatement {
                lines: inventory.len(),
                root: inventory.root(),
                counts: inventory.counts().clone(),
            },
            sets: sets.into_iter().map(|(set, recipients)| statement_of(set, recipients)).collect(),
            record_left: if self.counts() { RecordLeft::Counts } else { RecordLeft::Facts },
            limits: Vec::new(),
            walk: vec![WalkStatement {
                volume: "ext4:test".to_owned(),
                ids: Vec::new(),
                items: self.items.len() as u64,
                names: self.items.len() as u64,
                issues: 0,
                coverage: Vec::new(),
                wanting: Wanting::default(),
            }],
            departures: Vec::new(),
            tier_counts: BTreeMap::new(),
            rule_counts: BTreeMap::new(),
            looks: BTreeMap::new(),
        };
        for item in &self.items {
            let decision = DecisionValue::parse(&item.record.decision).unwrap();
            *statement.tier_counts.entry(super::stated::tier_word(decision.tier).to_owned()).or_default() +=
                1;
            decision.rules.iter().for_each(|r| *statement.rule_counts.entry(r.clone()).or_default() += 1);
            decision.looks.iter().for_each(|look| *statement.looks.entry(*look).or_default() += 1);
        }
        statement
    }

    fn counts(&self) -> bool {
        self.policy.record().left == LeftRecord::Counts
    }

    pub(crate) fn control(&mut self, outcome: &Outcome) -> Option<Control> {
        let series = match outcome {
            Outcome::Captured => Series::Captured,
            Outcome::Held(id) => {
                let at = self.policy.compartments().iter().position(|compartment| compartment.id == *id);
                Series::Held(u32::try_from(at.unwrap() + 1).unwrap())
            }
            Outcome::Listed | Outcome::ListedTo(_) => Series::Listed,
            Outcome::Left => return None,
        };
        let number = self.next.entry(series).or_default();
        *number += 1;
        Some(Control::new("KC07", series, *number))
    }

    fn facts(&self, names: &[&str]) -> Facts {
        let number = self.items.len();
        let links = u64::try_from(names.len()).unwrap();
        let stamp = |of, ns| Stamp { of, from: "inode".to_owned(), ns, zone: Zone::Recorded };
        Facts {
            volume: "ext4:test".to_owned(),
            case_rule: CaseRule::Sensitive,
            node: format!("inode:{number}:0"),
            kind: Kind::Directory,
            names: names.iter().map(|name| RawName::from(*name)).collect(),
            links: Some(links),
            size: None,
            allocated: Some(4096),
            slack: None,
            member: None,
            times: vec![stamp(TimeKind::Modified, 1_300_000_000_000_000_000), stamp(TimeKind::Accessed, 5)],
            uid: Some(33),
            gid: Some(33),
            sid: None,
            mode: Some(0o644),
            link_target: None,
            attributes: Vec::new(),
            type_fact: None,
            hash: None,
            keywords: Vec::new(),
            mail: Vec::new(),
            container: None,
            failures: Vec::new(),
            looks: vec![Look::Metadata],
        }
    }
}

impl Sealed {
    /// Replays the ledger.
    pub(crate) fn replay(&self, policy: &Policy) -> Result<Replayed, ReplayError> {
        let helpers = Helpers { workers: &Backwards, ..Helpers::none() };
        let mut replay = Replay::new(policy, &self.acquisition, &self.inventory, helpers);
        replay.part(self.ledger.as_slice(), |_| {})?;
        let mut replayed = replay.finish(self.lines.as_bytes())?;
        if !replayed.is_named() {
            replayed.name_from(self.ledger.as_slice())?;
        }
        assert!(replayed.is_named());
        Ok(replayed)
    }

    /// The findings of a replay, each as `kind item: detail`.
    pub(crate) fn findings(&self, policy: &Policy) -> Vec<String> {
        self.replay(policy).unwrap().findings.iter().map(told).collect()
    }
}

/// Four threads that end in the wrong order: a replay must not notice.
struct Backwards;

impl Workers for Backwards {
    fn count(&self) -> usize {
        4
    }

    fn side_by_side(&self, tasks: Vec<Task<'_>>, meanwhile: &mut dyn FnMut()) {
        tasks.into_iter().rev().for_each(|task| task());
        meanwhile();
    }
}

/// A finding on one line.
pub(crate) fn told(finding: &Finding) -> String {
    format!("{} {}: {}", finding.kind, finding.item, finding.detail)
}

/// An archive of the zip profile with these entries.
pub(crate) fn zipped(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let options = zip::write::SimpleFileOptions::default()
        .compression_level(Some(1))
        .large_file(true)
        .last_modified_time(zip::DateTime::default());
    let mut zip = zip::ZipWriter::new_stream(Vec::new());
    for (name, content) in entries {
        zip.start_file(name.as_str(), options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// The outcome that a record states.
pub(crate) fn outcome(record: &Record) -> Outcome {
    DecisionValue::parse(&record.decision).unwrap().outcome
}

/// Takes a look as the examiner's program would.
pub(crate) fn take(policy: &Policy, look: Look, facts: &mut Facts, content: &[u8]) {
    let size = u64::try_from(content.len()).unwrap();
    match look {
        Look::Metadata => {}
        Look::Type => {
            facts.type_fact =
                Some(TypeFact { name: "text".to_owned(), encrypted: Some(false), examined: size, end: None });
        }
        Look::Hash => facts.hash = Some(HashFact { sha256: Digest::of(content), md5: None, sha1: None }),
        Look::Content => {
            let text = String::from_utf8_lossy(content).to_lowercase();
            facts.keywords = policy
                .keyword_lists()
                .iter()
                .map(|list| {
                    let found = list.terms.iter().enumerate().filter_map(|(i, term)| {
                        let at = text.find(term.to_lowercase().as_str())?;
                        let (term, at) = (u64::try_from(i).unwrap(), u64::try_from(at).unwrap());
                        Some(Hit { term, count: 1, offsets: vec![at] })
                    });
                    KeywordFact {
                        list: list.id.to_owned(),
                        hits: found.collect(),
                        text: None,
                        searched: size,
                        layer: Layer::Full,
                    }
                })
                .collect();
        }
    }
    facts.looks.push(look);
}

fn id_of(number: usize) -> [u8; 16] {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&u64::try_from(number).unwrap().to_be_bytes());
    id
}

fn statement_of(set: SetName, mut recipients: Vec<String>) -> SetStatement {
    recipients.sort();
    recipients.dedup();
    let part = PartStatement {
        file: set.file(1),
        number: 1,
        batch: 1,
        sha256: Digest::of(b""),
        bytes: 0,
        stanzas: u64::try_from(recipients.len()).unwrap(),
    };
    SetStatement { set, recipients, parts: vec![part] }
}
