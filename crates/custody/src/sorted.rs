//! The inventory, sorted on the disk: its lines hold nothing but outcomes and blinded digests.
//!
//! Each batch leaves one sorted run, `lines-000001`; at the end the runs are
//! merged, a bounded number at a time, whatever the number of items.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use evidence::acquisition::InventoryStatement;
use evidence::inventory::Line;
use evidence::tree::Tree;
use scope::Outcome;

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

    /// Writes a batch's lines, sorted, as one durable run. Returns its name.
    pub(crate) fn add(&mut self, mut lines: Vec<String>) -> Result<String, PackageError> {
        lines.sort_unstable();
        let (path, name) = self.next();
        let mut out = BufWriter::new(self.disk.create_new(&path)?);
        for line in &lines {
            writeln!(out, "{line}")?;
        }
        out.into_inner().map_err(std::io::IntoInnerError::into_error)?.finish()?;
        self.runs.push(path);
        Ok(name)
    }

    /// Merges all runs into `meta/inventory.txt` and removes them.
    pub(crate) fn finish(mut self, inventory: &Path) -> Result<InventoryStatement, PackageError> {
        while self.runs.len() > FAN_IN {
            let some: Vec<PathBuf> = self.runs.drain(..FAN_IN).collect();
            let (path, _) = self.next();
            self.merge(&some, &path)?;
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
        for run in runs {
            self.disk.remove_file(run)?;
        }
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
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "the runs are gone");
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
