//! The inventory, sorted on the disk: its lines hold nothing but outcomes and blinded digests.
//!
//! Each batch leaves one sorted run, `lines-000001`; at the end the runs are
//! merged, a bounded number at a time, whatever the number of items. The runs
//! of the batches stay until the package is closed: a merge can be made again.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use evidence::acquisition::InventoryStatement;
use evidence::inventory::Line;
use evidence::tree::Tree;
use scope::{Digest, Outcome};
use sha2::{Digest as _, Sha256};

use crate::durable::{Disk, OldFile};
use crate::package::PackageError;
use crate::read_back::{Committed, check_file};
use crate::site::WORK;

/// The runs of a package being written.
pub(crate) struct Runs {
    disk: Disk,
    folder: PathBuf,
    runs: Vec<Run>,
    made: u64,
}

/// A sorted file, as it was written.
#[derive(Clone)]
struct Run {
    path: PathBuf,
    sha256: Digest,
}

/// What runs were merged into.
#[derive(Debug, PartialEq)]
pub(crate) struct Merged {
    pub(crate) statement: InventoryStatement,
    /// SHA-256 of the file.
    pub(crate) sha256: Digest,
}

impl Runs {
    pub(crate) fn new(disk: &Disk, folder: &Path) -> Self {
        Self { disk: disk.clone(), folder: folder.to_owned(), runs: Vec::new(), made: 0 }
    }

    /// The runs of an earlier process, by name and digest, in order: none was merged.
    pub(crate) fn again<'a>(
        disk: &Disk,
        folder: &Path,
        names: impl Iterator<Item = (&'a str, Digest)>,
    ) -> Self {
        let runs: Vec<Run> = names.map(|(name, sha256)| Run { path: folder.join(name), sha256 }).collect();
        let made = u64::try_from(runs.len()).unwrap_or(u64::MAX);
        Self { disk: disk.clone(), folder: folder.to_owned(), runs, made }
    }

    /// The runs as committed files, one for each batch.
    pub(crate) fn committed(&self) -> impl Iterator<Item = Committed> {
        self.runs.iter().zip(1..).map(|(run, batch)| {
            let name = run.path.file_name().unwrap_or_default().to_string_lossy();
            Committed { file: format!("{WORK}/{name}"), digest: run.sha256, bytes: None, batch }
        })
    }

    /// Writes a batch's lines, sorted, as one durable run. Returns its name and its digest.
    pub(crate) fn add(&mut self, mut lines: Vec<String>) -> Result<(String, Digest), PackageError> {
        lines.sort_unstable();
        let (path, name) = self.next();
        let mut out = BufWriter::new(self.disk.create_new(&path)?);
        let mut hash = Sha256::new();
        for line in &lines {
            writeln!(out, "{line}")?;
            hash.update(line.as_bytes());
            hash.update(b"\n");
        }
        out.into_inner().map_err(std::io::IntoInnerError::into_error)?.finish()?;
        let sha256 = Digest(hash.finalize().into());
        self.runs.push(Run { path, sha256 });
        Ok((name, sha256))
    }

    /// Merges all runs into `meta/inventory.txt`.
    ///
    /// # Errors
    ///
    /// [`PackageError::Part`] where a run is not what was written.
    pub(crate) fn finish(mut self, inventory: &Path) -> Result<Merged, PackageError> {
        let batches: BTreeSet<PathBuf> = self.runs.iter().map(|run| run.path.clone()).collect();
        while self.runs.len() > FAN_IN {
            let some: Vec<Run> = self.runs.drain(..FAN_IN).collect();
            let (path, _) = self.next();
            let Merged { sha256, .. } = self.merge(&some, &path)?;
            for between in some.iter().filter(|run| !batches.contains(&run.path)) {
                self.disk.remove_file(&between.path)?;
            }
            self.runs.push(Run { path, sha256 });
        }
        let runs = std::mem::take(&mut self.runs);
        self.merge(&runs, inventory)
    }

    fn next(&mut self) -> (PathBuf, String) {
        self.made = self.made.saturating_add(1);
        let name = format!("lines-{:06}", self.made);
        (self.folder.join(&name), name)
    }

    fn merge(&self, runs: &[Run], to: &Path) -> Result<Merged, PackageError> {
        let merged = self.merge_lines(runs, to);
        if let Err(PackageError::DoubledLine | PackageError::Write(_)) = merged {
            // A line that is none, or not in its place: which run was altered says more.
            for run in runs {
                check_file(&self.disk, &run.path, run.sha256, None, &mut |_| Ok(()))?;
            }
        }
        merged
    }

    fn merge_lines(&self, runs: &[Run], to: &Path) -> Result<Merged, PackageError> {
        let open = |run: &Run| Lines::open(&self.disk, run);
        let mut readers = runs.iter().map(open).collect::<Result<Vec<Lines>, PackageError>>()?;
        let mut heap = BinaryHeap::new();
        for (index, reader) in readers.iter_mut().enumerate() {
            heap.extend(reader.next()?.map(|line| Reverse((line, index))));
        }
        let mut out = BufWriter::new(self.disk.create_new(to)?);
        let (mut tree, mut last, mut hash) = (Tree::new(), String::new(), Sha256::new());
        let mut counts: BTreeMap<Outcome, u64> = BTreeMap::new();
        while let Some(Reverse((line, index))) = heap.pop() {
            let parsed: Line = line.parse().map_err(std::io::Error::other)?;
            if line <= last {
                return Err(PackageError::DoubledLine);
            }
            writeln!(out, "{line}")?;
            hash.update(line.as_bytes());
            hash.update(b"\n");
            tree.push(line.as_bytes());
            let count = counts.entry(parsed.outcome).or_default();
            *count = count.saturating_add(1);
            last = line;
            if let Some(reader) = readers.get_mut(index) {
                heap.extend(reader.next()?.map(|line| Reverse((line, index))));
            }
        }
        out.into_inner().map_err(std::io::IntoInnerError::into_error)?.finish()?;
        let statement = InventoryStatement { lines: tree.size(), root: tree.root(), counts };
        Ok(Merged { statement, sha256: Digest(hash.finalize().into()) })
    }
}

/// The lines of a run, which must be what was written once the last was read.
struct Lines {
    run: Run,
    reader: BufReader<OldFile>,
    hash: Sha256,
    length: u64,
}

impl Lines {
    fn open(disk: &Disk, run: &Run) -> Result<Self, PackageError> {
        let reader = BufReader::new(disk.open(&run.path)?);
        Ok(Self { run: run.clone(), reader, hash: Sha256::new(), length: 0 })
    }

    fn next(&mut self) -> Result<Option<String>, PackageError> {
        let mut line = String::new();
        let read = self.reader.read_line(&mut line)?;
        if read == 0 {
            let (found, stated) = (Digest(self.hash.clone().finalize().into()), self.run.sha256);
            let (path, length) = (self.run.path.clone(), self.length);
            return if found == stated {
                Ok(None)
            } else {
                Err(PackageError::Part { path, stated, found, length })
            };
        }
        self.hash.update(line.as_bytes());
        self.length = self.length.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        Ok(Some(line.strip_suffix('\n').map(str::to_owned).unwrap_or(line)))
    }
}

/// Runs merged at a time: well under the usual limit of 1,024 open files.
const FAN_IN: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_become_one_sorted_inventory() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::new();
        let mut runs = Runs::new(&disk, folder.path());
        let line = |n: u64| format!("left {}", scope::Digest::of(&n.to_le_bytes()).hex());
        let mut expected = Vec::new();
        for batch in 0..600 {
            let lines: Vec<String> = (0..3).map(|n| line(batch * 3 + n)).collect();
            expected.extend(lines.clone());
            runs.add(lines).unwrap();
        }
        expected.sort();
        let inventory = folder.path().join("inventory.txt");
        let merged = runs.finish(&inventory).unwrap();
        let statement = &merged.statement;
        assert_eq!(merged.sha256, Digest::of(&std::fs::read(&inventory).unwrap()));
        let text = std::fs::read_to_string(&inventory).unwrap();
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
        let read = evidence::inventory::Inventory::read(text.as_bytes()).unwrap();
        assert_eq!((read.root(), read.len(), read.counts()), (statement.root, 1800, &statement.counts));
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 1 + 600 + 2, "the runs of the batches stay, with two merges of 256 each");
        let named = |n| {
            let name = format!("lines-{n:06}");
            let digest = Digest::of(&std::fs::read(folder.path().join(&name)).unwrap());
            (name, digest)
        };
        let names: Vec<(String, Digest)> = (1..=600).map(named).collect();
        let again =
            Runs::again(&disk, folder.path(), names.iter().map(|(name, digest)| (name.as_str(), *digest)));
        std::fs::remove_file(&inventory).unwrap();
        for between in ["lines-000601", "lines-000602"] {
            std::fs::remove_file(folder.path().join(between)).unwrap();
        }
        assert_eq!(again.finish(&inventory).unwrap(), merged, "a merge can be made again");
    }

    #[test]
    fn a_run_that_is_not_what_was_written_is_named_and_nothing_comes_of_it() {
        let line = |n: u64| format!("left {}", scope::Digest::of(&n.to_le_bytes()).hex());
        let changes: [fn(&str) -> Vec<u8>; 6] = [
            |text| text.replacen("left ", "listed ", 1).into_bytes(),
            |text| text.replacen('a', "b", 1).into_bytes(),
            |text| text.replacen('a', "z", 1).into_bytes(),
            |text| text.split_inclusive('\n').skip(1).collect::<String>().into_bytes(),
            |text| text.split_inclusive('\n').rev().collect::<String>().into_bytes(),
            |text| [text.as_bytes(), b"\xff\n"].concat(),
        ];
        for change in changes {
            let folder = tempfile::tempdir().unwrap();
            let mut runs = Runs::new(&Disk::new(), folder.path());
            for batch in 0..3 {
                runs.add((0..3).map(|n| line(batch * 3 + n)).collect()).unwrap();
            }
            let path = folder.path().join("lines-000002");
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::write(&path, change(&text)).unwrap();
            match runs.finish(&folder.path().join("inventory.txt")) {
                Err(PackageError::Part { path: named, .. }) => assert_eq!(named, path),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_line_that_stands_twice_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let mut runs = Runs::new(&Disk::new(), folder.path());
        let line = format!("left {}", scope::Digest::of(b"x").hex());
        runs.add(vec![line.clone()]).unwrap();
        runs.add(vec![line]).unwrap();
        let twice = runs.finish(&folder.path().join("inventory.txt"));
        assert!(matches!(twice, Err(PackageError::DoubledLine)), "{twice:?}");
    }
}
