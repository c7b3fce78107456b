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

/// The runs of a package being written.
pub(crate) struct Runs {
    disk: Disk,
    folder: PathBuf,
    runs: Vec<PathBuf>,
    made: u64,
}

impl Runs {
    pub(crate) fn new(disk: &Disk, folder: &Path) -> Self {
        Self { disk: disk.clone(), folder: folder.to_owned(), runs: Vec::new(), made: 0 }
    }

    /// The runs of an earlier process, by their names, in order: none was merged.
    pub(crate) fn again<'a>(disk: &Disk, folder: &Path, names: impl Iterator<Item = &'a str>) -> Self {
        let runs: Vec<PathBuf> = names.map(|name| folder.join(name)).collect();
        let made = u64::try_from(runs.len()).unwrap_or(u64::MAX);
        Self { disk: disk.clone(), folder: folder.to_owned(), runs, made }
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
        self.runs.push(path);
        Ok((name, Digest(hash.finalize().into())))
    }

    /// Merges all runs into `meta/inventory.txt`.
    pub(crate) fn finish(mut self, inventory: &Path) -> Result<InventoryStatement, PackageError> {
        let batches: BTreeSet<PathBuf> = self.runs.iter().cloned().collect();
        while self.runs.len() > FAN_IN {
            let some: Vec<PathBuf> = self.runs.drain(..FAN_IN).collect();
            let (path, _) = self.next();
            self.merge(&some, &path)?;
            for between in some.iter().filter(|run| !batches.contains(*run)) {
                self.disk.remove_file(between)?;
            }
            self.runs.push(path);
        }
        let runs = std::mem::take(&mut self.runs);
        self.merge(&runs, inventory)
    }

    fn next(&mut self) -> (PathBuf, String) {
        self.made = self.made.saturating_add(1);
        let name = format!("lines-{:06}", self.made);
        (self.folder.join(&name), name)
    }

    fn merge(&self, runs: &[PathBuf], to: &Path) -> Result<InventoryStatement, PackageError> {
        let mut readers = runs
            .iter()
            .map(|run| Ok(BufReader::new(self.disk.open(run)?)))
            .collect::<Result<Vec<BufReader<OldFile>>, PackageError>>()?;
        let mut heap = BinaryHeap::new();
        for (index, reader) in readers.iter_mut().enumerate() {
            heap.extend(next_line(reader)?.map(|line| Reverse((line, index))));
        }
        let mut out = BufWriter::new(self.disk.create_new(to)?);
        let (mut tree, mut last) = (Tree::new(), String::new());
        let mut counts: BTreeMap<Outcome, u64> = BTreeMap::new();
        while let Some(Reverse((line, index))) = heap.pop() {
            let parsed: Line = line.parse().map_err(std::io::Error::other)?;
            if line <= last {
                return Err(PackageError::DoubledLine);
            }
            writeln!(out, "{line}")?;
            tree.push(line.as_bytes());
            let count = counts.entry(parsed.outcome).or_default();
            *count = count.saturating_add(1);
            last = line;
            if let Some(reader) = readers.get_mut(index) {
                heap.extend(next_line(reader)?.map(|line| Reverse((line, index))));
            }
        }
        out.into_inner().map_err(std::io::IntoInnerError::into_error)?.finish()?;
        Ok(InventoryStatement { lines: tree.size(), root: tree.root(), counts })
    }
}

fn next_line(reader: &mut BufReader<OldFile>) -> Result<Option<String>, PackageError> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    Ok(line.strip_suffix('\n').map(str::to_owned))
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
        let statement = runs.finish(&inventory).unwrap();
        let text = std::fs::read_to_string(&inventory).unwrap();
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
        let read = evidence::inventory::Inventory::read(text.as_bytes()).unwrap();
        assert_eq!((read.root(), read.len(), read.counts()), (statement.root, 1800, &statement.counts));
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 1 + 600 + 2, "the runs of the batches stay, with two merges of 256 each");
        let names: Vec<String> = (1..=600).map(|n| format!("lines-{n:06}")).collect();
        let again = Runs::again(&disk, folder.path(), names.iter().map(String::as_str));
        std::fs::remove_file(&inventory).unwrap();
        for between in ["lines-000601", "lines-000602"] {
            std::fs::remove_file(folder.path().join(between)).unwrap();
        }
        assert_eq!(again.finish(&inventory).unwrap(), statement, "a merge can be made again");
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
