//! A case, keys and a package that one hand writes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use custody::{
    CaseFolder, Closed, Content, Disk, Hand, Item, Kept, NewCase, Options, PackageError, PackageWriter, Rest,
    SecretKey, SetRecipients, Setup, Signer, Stated, identities,
};
use evidence::acquisition::RecordLeft;
use evidence::event::Action;
use evidence::trust::Role;
use scope::{BundleFile, Digest};

use crate::made::{ending, medium, signer, started, statement};

/// The files of the policy.
pub fn policy_files() -> [(String, BundleFile); 1] {
    [("policy.toml".to_owned(), b"p".to_vec().into())]
}

/// A package that one hand writes.
pub struct Single {
    pub writer: PackageWriter,
    pub hand: Hand,
}

impl Single {
    pub fn begin(&mut self, item: &Item<'_>) -> Result<(), PackageError> {
        if !self.writer.has_room(1) {
            self.writer.close_parts(&mut self.hand)?;
            self.writer.commit("")?;
        }
        self.writer.walked(item.locator, item.facts);
        Ok(())
    }

    pub fn keep(&mut self, item: &Item<'_>, content: Option<Content<'_>>) -> Result<Kept, PackageError> {
        self.begin(item)?;
        self.writer.keep(&mut self.hand, item, content)
    }

    pub fn record(&mut self, item: &Item<'_>) -> Result<(), PackageError> {
        self.begin(item)?;
        self.writer.record(&mut self.hand, item).map(drop)
    }

    pub fn close(mut self) -> Result<Closed, PackageError> {
        self.writer.close_parts(&mut self.hand)?;
        self.writer.close(ending(), custody::Reading::unheard(2))
    }
}

pub struct World {
    pub _folder: tempfile::TempDir,
    pub root: PathBuf,
    pub case: CaseFolder,
    pub out: PathBuf,
    pub examiner: Signer,
    pub witness: Signer,
    pub run_key: SecretKey,
    pub team: age::x25519::Identity,
    pub filter: age::x25519::Identity,
    pub auditor: age::x25519::Identity,
}

impl World {
    pub fn new() -> Self {
        let folder = in_memory();
        let root = folder.path().to_owned();
        let examiner = signer("examiner", Role::Examiner);
        let new = NewCase {
            origin: "example.org/KC07".to_owned(),
            medium_label: "KC07".to_owned(),
            description: String::new(),
            log_key: None,
        };
        let case =
            CaseFolder::create(&Disk::new(), &root.join("case"), new, statement(), &[&examiner]).unwrap();
        let generate = identities::generate;
        Self {
            out: root.join("KC07.ambit"),
            _folder: folder,
            root,
            case,
            examiner,
            witness: signer("witness", Role::Witness),
            run_key: SecretKey::generate("run").unwrap(),
            team: generate(),
            filter: generate(),
            auditor: generate(),
        }
    }

    pub fn setup(&self, options: Options) -> Setup {
        let to = |identity: &age::x25519::Identity| vec![identity.to_public().to_string()];
        Setup {
            origin: "example.org/KC07".to_owned(),
            package: custody::new_run_number().unwrap(),
            medium: medium(),
            policy: Digest::of(b"policy"),
            run_key: self.run_key.clone(),
            recipients: SetRecipients {
                captured: to(&self.team),
                compartments: vec![("filter".to_owned(), to(&self.filter))],
                ledger: to(&self.auditor),
            },
            record_left: RecordLeft::Facts,
            options,
            setting: BTreeMap::new(),
            departures: Vec::new(),
        }
    }

    pub fn writer(&self, disk: &Disk) -> Result<Single, PackageError> {
        self.writer_with(disk, Options { items: 4, ..Options::default() })
    }

    pub fn writer_with(&self, disk: &Disk, options: Options) -> Result<Single, PackageError> {
        let writer = PackageWriter::create(disk, &self.out, &self.case.state(), self.setup(options))?;
        Ok(Single { hand: writer.hand(), writer })
    }

    pub fn rest(&self) -> Rest {
        Rest { run_key: self.run_key.public_line(), resumed: Vec::new(), log: self.case.tree().unwrap() }
    }

    /// Writes the statement, and appends acquisition.start and acquisition.end.
    pub fn state(&mut self, closed: Closed) -> Result<Stated, PackageError> {
        let start = started(closed.run(), self.run_key.public_line());
        self.case.append(start, &[&self.examiner]).unwrap();
        let stated = closed.state(self.rest())?;
        let mut end = statement();
        end.action = Action::AcquisitionEnd(stated.end().clone());
        self.case.append(end, &[&self.examiner]).unwrap();
        Ok(stated)
    }

    /// Appends both, and writes the rest.
    pub fn finish(&mut self, closed: Closed) -> custody::Unsealed {
        self.state(closed).unwrap().finish(&policy_files()).unwrap()
    }
}

/// A folder in memory where the system has such a place: what is synced takes no time there.
fn in_memory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}
