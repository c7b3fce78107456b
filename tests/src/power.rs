//! A disk that remembers what would be left of it if the power went.
//!
//! Every operation is noted while it is done on a real folder. Afterwards the
//! folder is made again as it may be after the n-th of them, in each of the
//! ways that a file system leaves us with:
//!
//! - bytes of a file that were not synced are gone, or some are there, or
//!   zeros are in their place;
//! - names made, changed or removed since their folder was synced are as they
//!   were, or as they are, each for itself.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use custody::Disk;
use custody::durable::{Op, Step};

use crate::random::Dice;

/// An operation that was done.
#[derive(Clone, Debug)]
pub struct Done {
    /// Which.
    pub op: Op,
    /// To which path.
    pub path: PathBuf,
    from: Option<PathBuf>,
    bytes: Vec<u8>,
}

/// What was done, in its order.
pub type Record = Arc<Mutex<Vec<Done>>>;

/// A disk whose operations are noted.
#[must_use]
pub fn recording() -> (Disk, Record) {
    let record = Record::default();
    let to = Arc::clone(&record);
    let note = move |step: &Step<'_>| -> io::Result<usize> {
        if !matches!(step.op, Op::Open | Op::Read) {
            let (path, from) = (step.path.to_owned(), step.from.map(Path::to_owned));
            let done = Done { op: step.op, path, from, bytes: step.bytes.to_vec() };
            to.lock().expect("nobody panicked").push(done);
        }
        Ok(usize::MAX)
    };
    (Disk::watched(Arc::new(note)), record)
}

/// What a cut leaves of what was not synced.
#[derive(Debug)]
pub enum Leaves {
    /// Nothing.
    Nothing,
    /// All names, and no bytes.
    Names,
    /// Some names, and some bytes or zeros in their place.
    Some(Dice),
}

enum Node {
    File { now: Vec<u8>, safe: usize },
    Folder { now: Names, safe: Names },
}

type Names = BTreeMap<PathBuf, usize>;

/// A folder, as it is and as it is safe.
pub struct Model {
    root: PathBuf,
    nodes: Vec<Node>,
}

impl Model {
    /// A folder as it is on the disk now, all of it durable.
    #[must_use]
    pub fn of(root: &Path) -> Self {
        let mut model = Self { root: root.to_owned(), nodes: Vec::new() };
        model.read(root);
        model
    }

    fn read(&mut self, path: &Path) -> usize {
        let at = self.nodes.len();
        if !path.is_dir() {
            let now = fs::read(path).expect("a file");
            self.nodes.push(Node::File { safe: now.len(), now });
            return at;
        }
        self.nodes.push(Node::Folder { now: Names::new(), safe: Names::new() });
        let mut names = Names::new();
        for entry in fs::read_dir(path).expect("a folder") {
            let entry = entry.expect("an entry");
            names.insert(entry.file_name().into(), self.read(&entry.path()));
        }
        self.nodes[at] = Node::Folder { now: names.clone(), safe: names };
        at
    }

    fn find(&self, path: &Path) -> usize {
        let below = path.strip_prefix(&self.root).expect("all is written below the place of the test");
        below.iter().fold(0, |at, name| match &self.nodes[at] {
            Node::Folder { now, .. } => now[Path::new(name)],
            Node::File { .. } => panic!("{} is below a file", path.display()),
        })
    }

    fn names(&mut self, of: &Path) -> (&mut Names, PathBuf) {
        let at = self.find(of.parent().expect("a parent"));
        match &mut self.nodes[at] {
            Node::Folder { now, .. } => (now, of.file_name().expect("a name").into()),
            Node::File { .. } => panic!("{} is below a file", of.display()),
        }
    }

    fn add(&mut self, path: &Path, node: Node) {
        let at = self.nodes.len();
        self.nodes.push(node);
        let (names, name) = self.names(path);
        assert!(names.insert(name, at).is_none(), "{} was there", path.display());
    }

    /// Does what was done.
    pub fn apply(&mut self, done: &Done) {
        match done.op {
            Op::CreateFolder => {
                self.add(&done.path, Node::Folder { now: Names::new(), safe: Names::new() });
            }
            Op::Create => self.add(&done.path, Node::File { now: Vec::new(), safe: 0 }),
            Op::Rename => {
                let (names, name) = self.names(done.from.as_ref().expect("a rename has an old name"));
                let at = names.remove(&name).expect("it was there");
                let (names, name) = self.names(&done.path);
                assert!(names.insert(name, at).is_none(), "nothing is overwritten");
            }
            Op::Remove => {
                let (names, name) = self.names(&done.path);
                names.remove(&name).expect("it was there");
            }
            Op::Write | Op::Sync | Op::SyncFolder => {
                let at = self.find(&done.path);
                match (&mut self.nodes[at], done.op) {
                    (Node::File { now, .. }, Op::Write) => now.extend_from_slice(&done.bytes),
                    (Node::File { now, safe }, Op::Sync) => *safe = now.len(),
                    (Node::Folder { now, safe }, Op::SyncFolder) => *safe = now.clone(),
                    _ => panic!("{done:?}"),
                }
            }
            Op::Open | Op::Read => {}
        }
    }

    /// Makes, in an empty folder, what a cut leaves.
    pub fn cut(&self, to: &Path, mut leaves: Leaves) {
        self.write(0, to, &mut leaves);
    }

    fn write(&self, at: usize, to: &Path, leaves: &mut Leaves) {
        match &self.nodes[at] {
            Node::File { now, safe } => {
                let mut bytes = now[..*safe].to_vec();
                if let Leaves::Some(dice) = leaves {
                    let more = dice.below(now.len() - safe + 1);
                    match dice.below(2) {
                        0 => bytes.extend_from_slice(&now[*safe..safe + more]),
                        _ => bytes.resize(safe + more, 0),
                    }
                }
                fs::write(to, bytes).expect("a file");
            }
            Node::Folder { now, safe } => {
                fs::create_dir_all(to).expect("a folder");
                let mut names = Names::new();
                // Whatever happened to a node since, a rename too, is one change.
                let mut nodes: Vec<usize> = now.values().chain(safe.values()).copied().collect();
                nodes.sort_unstable();
                nodes.dedup();
                for node in nodes {
                    let as_now = match leaves {
                        Leaves::Nothing => false,
                        Leaves::Names => true,
                        Leaves::Some(dice) => dice.percent(50),
                    };
                    let from = if as_now { now } else { safe };
                    names.extend(
                        from.iter().filter(|(_, at)| **at == node).map(|(name, at)| (name.clone(), *at)),
                    );
                }
                for (name, at) in names {
                    self.write(at, &to.join(name), leaves);
                }
            }
        }
    }
}
