//! What stands on the demo's medium, in its list of expectations, and in an opened package.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::ops::ControlFlow;
use std::path::Path;

use evidence::acquisition::Acquisition;
use evidence::files::Files as _;
use evidence::gzip::GzipReader;
use evidence::item::Parts;
use evidence::ledger::LedgerReader;
use evidence::opener::open_age;
use evidence::zip_strict::ZipReader;
use folder::{Folder, read_identities};
use scope::RawName;
use scope::facts::Facts;
use source::{OpenOptions, WalkEvent, WalkOptions};

/// An item as it is on the medium.
#[derive(Clone, Debug)]
pub struct Found {
    /// Where.
    pub locator: String,
    /// What the look *metadata* finds.
    pub facts: Facts,
    /// Its bytes; `None` for a kind without content.
    pub content: Option<Vec<u8>>,
}

/// Where an item is: the place of its volume, and its names.
pub type Place = (String, Vec<RawName>);

/// Every item of a medium, deleted entries too, read through the crate `source` alone, by its place.
#[must_use]
pub fn medium(path: &Path) -> BTreeMap<Place, Found> {
    let opened = source::open(path, &OpenOptions::default()).expect("the demo's medium opens");
    let mut items = BTreeMap::new();
    for source in &opened.sources {
        let options = WalkOptions { deleted: true, ..WalkOptions::default() };
        let report = source.walk_with(&options, &mut |event| {
            let WalkEvent::Item(entry) = event else { panic!("the demo's medium is sound: {event:?}") };
            let content = entry.facts.kind.has_content().then(|| {
                let mut content = Vec::new();
                let mut stream = source.open(&entry).expect("an item opens");
                stream.read_to_end(&mut content).expect("an item is read to its end");
                content
            });
            let place = (source.info().place.clone(), entry.facts.names.clone());
            items.insert(place, Found { locator: entry.locator, facts: entry.facts, content });
            ControlFlow::Continue(())
        });
        report.expect("the demo's medium is walked to its end");
    }
    items
}

/// What a reader of the demo's policy expects of one item.
#[derive(Clone, Debug)]
pub struct Expected {
    /// `captured`, `held:neutral`, `left`, ...
    pub outcome: String,
    /// Words in the item's content that stand in no other, if it has any.
    pub marker: Option<String>,
    /// Its volume's place on the medium.
    pub volume: String,
    /// Every name.
    pub names: Vec<RawName>,
}

impl Expected {
    /// Where the item is.
    #[must_use]
    pub fn place(&self) -> Place {
        (self.volume.clone(), self.names.clone())
    }
}

/// The list that was made with the medium.
#[must_use]
pub fn expected() -> Vec<Expected> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/imager/demo/expected.txt");
    let text = fs::read_to_string(path).expect("the demo's list of expectations");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let items: Vec<_> = lines
        .map(|line| {
            let mut fields = line.split('\t');
            let volume = fields.next().expect("a place").to_owned();
            let outcome = fields.next().expect("an outcome").to_owned();
            let marker = fields.nth(2).filter(|marker| *marker != "-").map(str::to_owned);
            let mut names: Vec<RawName> = fields.map(|name| name.parse().expect("an escaped name")).collect();
            names.sort();
            Expected { outcome, marker, volume, names }
        })
        .collect();
    assert!(items.len() > 400, "the list was not understood: {} items", items.len());
    items
}

/// How many items the list has of each outcome.
#[must_use]
pub fn expected_counts() -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for item in expected() {
        *counts.entry(item.outcome).or_default() += 1;
    }
    counts
}

/// `meta/acquisition.json` of a package.
#[must_use]
pub fn acquisition(package: &Path) -> Acquisition {
    let bytes = fs::read(package.join("meta/acquisition.json")).expect("the statement");
    Acquisition::from_bytes(&bytes).expect("a statement")
}

/// The parts of one set, decrypted by an identity file, with the names that they have in the package.
#[must_use]
pub fn decrypted(package: &Path, set: &str, identity: &Path) -> Vec<(String, Vec<u8>)> {
    let identities = read_identities(identity, &mut |_| None).expect("an identity");
    let files = Folder::open(package).expect("a package");
    let sets = acquisition(package).sets;
    let stated = sets.iter().find(|stated| stated.set.to_string() == set).expect("a set of the package");
    let open = |file: &String| {
        let mut plain = Vec::new();
        let sealed = files.open(file).expect("a part");
        let mut part = open_age(sealed, &identities).expect("the identity opens the part");
        part.read_to_end(&mut plain).expect("the part is whole");
        (file.clone(), plain)
    };
    stated.parts.iter().map(|part| open(&part.file)).collect()
}

/// Everything in the zips of one set, inflated: part and entry, and the bytes.
#[must_use]
pub fn zip_entries(package: &Path, set: &str, identity: &Path) -> Vec<(String, Vec<u8>)> {
    let mut entries = Vec::new();
    for (part, bytes) in decrypted(package, set, identity) {
        let mut zip = ZipReader::new(bytes.as_slice());
        while let Some(mut entry) = zip.next_entry().expect("a zip of the profile") {
            let name = format!("{part}: {}", entry.name());
            let mut content = Vec::new();
            entry.read_to_end(&mut content).expect("an entry");
            entries.push((name, content));
        }
    }
    entries
}

/// Every record of a package's ledger, by locator.
#[must_use]
pub fn ledger(package: &Path, identity: &Path) -> BTreeMap<String, Parts> {
    let mut records = BTreeMap::new();
    for (_, bytes) in decrypted(package, "ledger", identity) {
        let mut reader =
            LedgerReader::new(GzipReader::new(bytes.as_slice(), 1 << 30)).expect("a ledger part");
        while let Some(record) = reader.next_record().expect("a record") {
            let parts = record.parts().expect("a record's values");
            let doubled = records.insert(record.locator.clone(), parts);
            assert!(doubled.is_none(), "{} has two records", record.locator);
        }
    }
    records
}

/// Every file below a folder, by its path from there; links and folders are left out.
#[must_use]
pub fn files_below(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = BTreeSet::from([root.to_owned()]);
    while let Some(folder) = folders.pop_first() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.insert(path);
            } else if path.is_file() {
                let name = path.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
                files.insert(name, fs::read(&path).expect("a file"));
            }
        }
    }
    files
}
