//! A malicious examiner who knows every format and has every key.
//!
//! A package that the real program made is taken apart, lied about, and put
//! together again, with everything signed, so that only the check that is
//! meant to catch the lie can do so:
//!
//! ```text
//! let mut forge = Forge::honest();               items, policy, recipients
//! forge.item("/etc/crontab").decision.tier = ..; lie in the record
//! let mut package = forge.assemble();            parts, inventory, statement, log
//! package.part("captured").objects.push(..);     lie in a part, the statement, an event
//! let mut sealed = package.seal();               digests, bag, seal, log, checkpoint
//! sealed.files.remove(..);                       what was sealed, touched afterwards
//! sealed.verify(&["case-team"]);
//! ```
//!
//! Put together without a lie, the package must be found in order: that is the
//! first test of each file that uses this.

mod attested;
mod judge;
mod original;
mod package;
mod part;
mod zip;

use std::collections::{BTreeMap, BTreeSet};

use evidence::acquisition::{Acquisition, SetName};
use evidence::approval::Approval;
use evidence::commit::{self, BatchKey, Opening};
use evidence::event::Action;
use evidence::item::{DecisionValue, ObjectValue, Record};
use evidence::manifest::{HeldRow, Opened, Row, size_class};
use evidence::strict::{StrictError, to_json_line};
use scope::facts::{Facts, Look};
use scope::{Bundle, Digest, Outcome, Policy, RawName, decide_from_metadata, visible_names};

pub use attested::Attesting;
pub use judge::{check, forged, kinds, only_its_holder, packed, statuses};
pub use original::{Keys, Medium};
pub use package::{Package, Sealed, Signing, Step};
pub use part::{Body, Part};
pub use zip::{Entry, archive};

/// An item of the medium, with all that is said of it and how often.
#[derive(Clone, Debug)]
pub struct Item {
    /// The record's id.
    pub id: [u8; 16],
    /// Where it is.
    pub locator: String,
    /// What was found.
    pub facts: Facts,
    /// The trits of the decision.
    pub trits: Vec<String>,
    /// What was decided.
    pub decision: DecisionValue,
    /// What is said of the preserved bytes.
    pub object: Option<ObjectValue>,
    /// The preserved bytes.
    pub content: Option<Vec<u8>>,
    /// How often it stands in the ledger.
    pub records: usize,
    /// Whether it has a line in the inventory.
    pub line: bool,
    /// How often it stands in the manifest of its part.
    pub rows: usize,
}

/// A package, taken apart.
#[derive(Clone, Debug)]
pub struct Forge {
    /// All keys.
    pub keys: Keys,
    /// The trust file that the court has.
    pub trust: String,
    /// Every item.
    pub items: Vec<Item>,
    /// The files of `meta/policy`.
    pub policy_files: BTreeMap<String, Vec<u8>>,
    /// For whom each set is encrypted, and said to be.
    pub recipients: BTreeMap<SetName, Vec<String>>,
    /// The statement; counts and digests are made again.
    pub acquisition: Acquisition,
    /// The custody log; what quotes a digest is made again.
    pub log: Vec<Step>,
    /// Whether the counts of the statement follow the records.
    pub recount: bool,
    tags: BTreeMap<String, Vec<u8>>,
    batch_key: BatchKey,
}

impl Forge {
    /// The package that the real program makes of the bundled medium, taken apart.
    #[must_use]
    pub fn honest() -> Self {
        original::taken_apart().clone()
    }

    /// The item of that name.
    pub fn item(&mut self, name: &str) -> &mut Item {
        let raw = RawName(name.as_bytes().to_vec());
        self.items.iter_mut().find(|item| item.facts.names.contains(&raw)).expect(name)
    }

    /// The policy, as it lies in the package.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy::parse(&self.bundle()).expect("policy")
    }

    fn bundle(&self) -> Bundle {
        let mut bundle = Bundle::new();
        for (name, bytes) in self.policy_files.iter().filter(|(name, _)| is_bundle(name)) {
            bundle.insert(name.clone(), bytes.clone()).expect("policy file");
        }
        bundle
    }

    /// Swaps text in the policy, and lets everything that the examiner writes name the new one.
    ///
    /// Rendering and approval stay: they are the authority's.
    pub fn swap_policy(&mut self, from: &str, to: &str) {
        let file = self.policy_files.get_mut("policy.toml").expect("policy.toml");
        let text = String::from_utf8(file.clone()).expect("text");
        assert!(text.contains(from), "{from} is not in the policy");
        *file = text.replace(from, to).into_bytes();
        let id = self.bundle().id();
        self.acquisition.policy = id;
        self.items.iter_mut().for_each(|item| item.decision.policy = id);
        for step in &mut self.log {
            if let Action::AcquisitionStart(start) = &mut step.statement.action {
                start.policy = id;
            }
        }
    }

    /// Approves again, with what `edit` makes of the approval, by that key in that namespace.
    ///
    /// The log's event quotes what then lies there; who signs the event is left as it is.
    pub fn approve(&mut self, edit: impl FnOnce(&mut Approval), principal: &str, key: &str, namespace: &str) {
        let file = self.policy_files.get("approval.txt").expect("approval");
        let mut approval = Approval::parse(file).expect("approval");
        edit(&mut approval);
        let bytes = approval.to_bytes();
        let signature = self.keys.signing(key).sign(namespace, &bytes);
        self.policy_files.retain(|name, _| !name.starts_with("approval.txt."));
        self.policy_files.insert(format!("approval.txt.{principal}.sig"), signature.into_bytes());
        for step in &mut self.log {
            if let Action::PolicyApprove(approve) = &mut step.statement.action {
                approve.policy = approval.policy;
                approve.rendering = approval.rendering;
                approve.approval = digest(&bytes);
            }
        }
        self.policy_files.insert("approval.txt".to_owned(), bytes);
    }

    /// Puts parts, inventory and statement together.
    #[must_use]
    pub fn assemble(self) -> Package {
        let policy = self.policy();
        let sets = [SetName::Captured, SetName::Ledger].into_iter();
        let sets = sets.chain(policy.compartments().iter().map(|c| SetName::Held(c.id.clone())));
        let stated: BTreeSet<&SetName> = self.acquisition.sets.iter().map(|set| &set.set).collect();
        let mut parts: BTreeMap<SetName, Part> = sets
            .filter(|set| stated.contains(set))
            .map(|set| {
                let to = self.recipients.get(&set).expect("recipients").clone();
                (set.clone(), Part::new(set, to, &self.batch_key))
            })
            .collect();
        let mut lines = BTreeSet::new();
        for item in &self.items {
            let record = item.record();
            if item.line {
                lines.insert(commit::line(&self.batch_key, &record).expect("line").to_string());
            }
            for _ in 0..item.records {
                part(&mut parts, &SetName::Ledger).records().push(record.clone());
            }
            for _ in 0..item.rows {
                self.add_rows(&mut parts, &policy, item, &record);
            }
        }
        let mut acquisition = self.acquisition.clone();
        if self.recount {
            count(&mut acquisition, &self.items);
        }
        for set in &mut acquisition.sets {
            set.recipients = self.recipients.get(&set.set).expect("recipients").clone();
        }
        let Self { keys, trust, policy_files, log, tags, .. } = self;
        Package::new(Package {
            keys,
            trust,
            policy_files,
            parts,
            lines,
            acquisition,
            stated: |_| {},
            log,
            event: |_| {},
            seal: Vec::new(),
            quoted: |_| {},
            log_key: "log".to_owned(),
            swaps: Vec::new(),
            lost: None,
            tags,
        })
    }

    /// What the readers of the parts are told of an item.
    fn add_rows(&self, parts: &mut BTreeMap<SetName, Part>, policy: &Policy, item: &Item, record: &Record) {
        let Some(control) = item.decision.control.clone() else { return };
        let whole = |control| Opened { control, opening: Opening::whole(&self.batch_key, record) };
        let visible = visible_names(policy, &item.facts);
        let seen =
            |control| Opened { control, opening: Opening::for_reader(&self.batch_key, record, &visible) };
        let (set, row) = match &item.decision.outcome {
            Outcome::Captured => (SetName::Captured, Row::Object(seen(control.clone()))),
            Outcome::Listed => (SetName::Captured, Row::Listed(seen(control.clone()))),
            Outcome::ListedTo(c) => (SetName::Held(c.clone()), Row::Listed(whole(control.clone()))),
            Outcome::Held(c) => {
                let size = item.object.as_ref().map_or(0, |object| object.size);
                let rules = item.decision.rules.clone();
                let row = HeldRow { control: control.clone(), rules, size_class: size_class(size) };
                part(parts, &SetName::Captured).rows().push(Row::Held(row));
                (SetName::Held(c.clone()), Row::Object(whole(control.clone())))
            }
            Outcome::Left => return,
        };
        let part = part(parts, &set);
        part.rows().push(row);
        if let Some(content) = &item.content {
            part.objects().push((format!("objects/{control}"), content.clone()));
        }
    }
}

impl Item {
    /// The values that are committed to.
    #[must_use]
    pub fn record(&self) -> Record {
        Record {
            id: self.id,
            locator: self.locator.clone(),
            facts: self.facts.to_list().iter().map(|fact| value(to_json_line(fact))).collect(),
            trits: value(to_json_line(&self.trits)),
            decision: value(to_json_line(&self.decision)),
            object: self.object.as_ref().map_or_else(|| "-".to_owned(), |object| value(to_json_line(object))),
        }
    }

    /// The opening that shows everything, whoever its reader is.
    #[must_use]
    pub fn opened_whole(&self, forge: &Forge) -> Opening {
        Opening::whole(&forge.batch_key, &self.record())
    }

    /// Decides again from the facts, whatever they now say. What becomes of the content is the caller's.
    pub fn decide_again(&mut self, policy: &Policy) {
        let decision = decide_from_metadata(policy, &self.facts).expect("looks enough");
        self.trits = decision.trits;
        self.decision.outcome = decision.outcome;
        self.decision.tier = decision.tier;
        self.decision.rules = decision.rules;
        self.decision.looks = decision.looks;
    }

    /// Says that it was left, and makes it gone from every part.
    pub fn leave(&mut self) {
        self.decision.outcome = Outcome::Left;
        self.decision.control = None;
        (self.object, self.content) = (None, None);
    }
}

/// A value as records hold it: its line of JSON, without the end of the line.
fn value(line: Result<Vec<u8>, StrictError>) -> String {
    let text = String::from_utf8(line.expect("JSON")).expect("text");
    text.trim_end().to_owned()
}

fn part<'p>(parts: &'p mut BTreeMap<SetName, Part>, set: &SetName) -> &'p mut Part {
    parts.get_mut(set).expect("a set that is stated")
}

/// Counts what the records say, as an examiner does who wants no count to give him away.
fn count(acquisition: &mut Acquisition, items: &[Item]) {
    let mut tiers: BTreeMap<String, u64> = BTreeMap::new();
    let mut rules: BTreeMap<String, u64> = BTreeMap::new();
    let mut looks: BTreeMap<Look, u64> = BTreeMap::new();
    for item in items {
        let times = u64::try_from(item.records).expect("a number");
        let tier = value(to_json_line(&item.decision.tier));
        *tiers.entry(tier.trim_matches('"').to_owned()).or_default() += times;
        item.decision.rules.iter().for_each(|rule| *rules.entry(rule.clone()).or_default() += times);
        item.decision.looks.iter().for_each(|look| *looks.entry(*look).or_default() += times);
    }
    rules.retain(|_, n| *n > 0);
    acquisition.tier_counts = tiers;
    acquisition.rule_counts = rules;
    acquisition.looks = looks;
}

/// Whether a file of `meta/policy` belongs to the bundle.
fn is_bundle(name: &str) -> bool {
    name != "rendering.md" && !name.starts_with("approval.txt")
}

/// SHA-256, as everything here quotes it.
#[must_use]
pub fn digest(bytes: &[u8]) -> Digest {
    Digest::of(bytes)
}
