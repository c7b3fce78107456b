//! Parts, before they are packed, signed and encrypted.

use std::fmt;
use std::io::Write as _;

use evidence::acquisition::{Acquisition, PartStatement, SetName};
use evidence::commit::BatchKey;
use evidence::item::Record;
use evidence::ledger::{LedgerHeader, signature_row};
use evidence::manifest::{Binding, ManifestWriter, Row};
use evidence::opener::Header;
use evidence::sshsig;
use evidence::strict::to_json_line;
use flate2::{Compression, GzBuilder};

use super::zip::{Entry, archive, pad};
use super::{Keys, digest};

/// Packs entries some other way than [`archive`].
type Pack = Box<dyn Fn(Vec<Entry>) -> Vec<u8>>;

/// The one part of a set.
pub struct Part {
    /// Whose.
    pub set: SetName,
    /// For whom it is really encrypted.
    pub to: Vec<String>,
    /// Whose key signs manifest or ledger.
    pub key: String,
    /// In which namespace.
    pub namespace: &'static str,
    /// What it holds.
    pub body: Body,
    /// How the archive is packed.
    pub pack: Pack,
    /// What it says it belongs to, where that is not this package.
    pub binding: Option<Binding>,
    /// The encrypted file, where it was made elsewhere.
    pub file: Option<Vec<u8>>,
    batch_key: BatchKey,
}

/// What a part holds.
#[derive(Debug)]
pub enum Body {
    /// Rows of the manifest, and objects by name of their entry.
    Zip {
        /// The manifest's rows after the first.
        rows: Vec<Row>,
        /// Entry names and contents.
        objects: Vec<(String, Vec<u8>)>,
    },
    /// Records.
    Ledger(Vec<Record>),
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Part({})", self.set)
    }
}

impl Part {
    pub(super) fn new(set: SetName, to: Vec<String>, batch_key: &BatchKey) -> Self {
        let body = match set {
            SetName::Ledger => Body::Ledger(Vec::new()),
            _ => Body::Zip { rows: Vec::new(), objects: Vec::new() },
        };
        Self {
            set,
            to,
            key: "run".to_owned(),
            namespace: sshsig::MANIFEST,
            body,
            pack: Box::new(|entries| archive(&entries)),
            binding: None,
            file: None,
            batch_key: batch_key.clone(),
        }
    }

    /// The rows of the manifest.
    pub fn rows(&mut self) -> &mut Vec<Row> {
        match &mut self.body {
            Body::Zip { rows, .. } => rows,
            Body::Ledger(_) => panic!("the ledger has no manifest"),
        }
    }

    /// The objects, by the name of their entry.
    pub fn objects(&mut self) -> &mut Vec<(String, Vec<u8>)> {
        match &mut self.body {
            Body::Zip { objects, .. } => objects,
            Body::Ledger(_) => panic!("the ledger has no objects"),
        }
    }

    /// The records of the ledger.
    pub fn records(&mut self) -> &mut Vec<Record> {
        match &mut self.body {
            Body::Ledger(records) => records,
            Body::Zip { .. } => panic!("only the ledger has records"),
        }
    }

    /// Whether there is anything to tell.
    pub(super) fn is_empty(&self) -> bool {
        matches!(&self.body, Body::Zip { rows, objects } if rows.is_empty() && objects.is_empty())
    }

    /// Packs, signs and encrypts; `edit` changes the text before it is signed.
    pub(super) fn make(
        &self,
        keys: &Keys,
        acquisition: &Acquisition,
        edit: &dyn Fn(&str, Vec<u8>) -> Vec<u8>,
    ) -> (Vec<u8>, PartStatement) {
        let file = self.file.clone().unwrap_or_else(|| {
            let binding = self.binding.clone().unwrap_or_else(|| Binding::of(acquisition, 1));
            let plain = match &self.body {
                Body::Zip { rows, objects } => {
                    let stated = acquisition.set(&self.set).expect("a set that is stated");
                    let recipients = stated.recipients.clone();
                    self.zip(keys, &binding, recipients, rows, objects, edit)
                }
                Body::Ledger(records) => self.ledger(keys, &binding, records, edit),
            };
            encrypt(&plain, &self.to)
        });
        let header = Header::read(&mut file.as_slice()).expect("an age file");
        let statement = PartStatement {
            file: self.set.file(1),
            number: 1,
            batch: 1,
            sha256: digest(&file),
            bytes: u64::try_from(file.len()).expect("a length"),
            stanzas: u64::try_from(header.x25519).expect("a number"),
        };
        (file, statement)
    }

    fn zip(
        &self,
        keys: &Keys,
        binding: &Binding,
        recipients: Vec<String>,
        rows: &[Row],
        objects: &[(String, Vec<u8>)],
        edit: &dyn Fn(&str, Vec<u8>) -> Vec<u8>,
    ) -> Vec<u8> {
        let mut writer = ManifestWriter::new();
        rows.iter().for_each(|row| writer.add(row).expect("row"));
        let manifest = writer.finish(binding, self.set.clone(), 1, 1, recipients).expect("manifest");
        let manifest = edit(&format!("{}/manifest.jsonl", self.set), manifest);
        let signature = keys.signing(&self.key).sign(self.namespace, &manifest);
        let mut entries: Vec<Entry> =
            objects.iter().map(|(name, content)| Entry::new(name, content)).collect();
        entries.push(Entry::new("manifest.jsonl", &manifest));
        entries.push(Entry::new("manifest.jsonl.sig", signature.as_bytes()));
        if matches!(self.set, SetName::Held(_)) {
            pad(&mut entries);
        }
        (self.pack)(entries)
    }

    fn ledger(
        &self,
        keys: &Keys,
        binding: &Binding,
        records: &[Record],
        edit: &dyn Fn(&str, Vec<u8>) -> Vec<u8>,
    ) -> Vec<u8> {
        let header = LedgerHeader::new(binding, 1, 1, self.batch_key.clone());
        let mut text = to_json_line(&header).expect("header");
        records.iter().for_each(|record| text.extend(to_json_line(record).expect("record")));
        let mut text = edit("ledger", text);
        let signature = keys.signing(&self.key).sign(self.namespace, &text);
        text.extend(signature_row(&signature).expect("signature"));
        let mut gzip = GzBuilder::new().operating_system(255).write(Vec::new(), Compression::new(1));
        gzip.write_all(&text).expect("memory");
        gzip.finish().expect("memory")
    }
}

/// Encrypts to these recipients.
fn encrypt(plain: &[u8], to: &[String]) -> Vec<u8> {
    let to: Vec<age::x25519::Recipient> = to.iter().map(|name| name.parse().expect("recipient")).collect();
    let to = to.iter().map(|recipient| recipient as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(to).expect("recipients");
    let mut file = Vec::new();
    let mut stream = encryptor.wrap_output(&mut file).expect("memory");
    stream.write_all(plain).expect("memory");
    stream.finish().expect("memory");
    file
}
