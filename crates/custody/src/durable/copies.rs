//! What is done to every copy of a package, and what to one of them.

use std::fmt;
use std::path::{Path, PathBuf};

use super::Disk;

impl Disk {
    /// Does something on every copy that is not lost; a copy on which it fails is lost where it succeeds on another.
    /// Without a mirror, and for other paths than the package's, there is one copy, and its number is 1.
    pub(crate) fn on_all<T, E: fmt::Display>(
        &self,
        path: &Path,
        action: impl Fn(&Self, &Path, usize) -> Result<T, E>,
    ) -> Result<Vec<T>, E> {
        let Some(mirror) = self.mirror.as_ref().filter(|mirror| mirror.has(path)) else {
            return Ok(vec![action(self, path, 1)?]);
        };
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        for copy in mirror.alive() {
            match action(&self.alone(), &mirror.place(copy, path), copy) {
                Ok(value) => done.push(value),
                Err(error) => failed.push((copy, error)),
            }
        }
        let all_failed = done.is_empty();
        for (copy, error) in failed {
            if all_failed || !mirror.lose(copy, &error) {
                return Err(error);
            }
        }
        Ok(done)
    }

    /// As [`Disk::on_all`], for what gives nothing back.
    pub(crate) fn on_each<E: fmt::Display>(
        &self,
        path: &Path,
        action: impl Fn(&Self, &Path, usize) -> Result<(), E>,
    ) -> Result<(), E> {
        self.on_all(path, action).map(drop)
    }

    /// Asks the first copy that is not lost; where it fails and the other does not, it is lost.
    pub(super) fn on_one<T, E: fmt::Display>(
        &self,
        path: &Path,
        action: impl Fn(&Self, &Path, usize) -> Result<T, E>,
    ) -> Result<T, E> {
        let Some(mirror) = self.mirror.as_ref().filter(|mirror| mirror.has(path)) else {
            return action(self, path, 1);
        };
        let mut first = None;
        for copy in mirror.alive() {
            match (action(&self.alone(), &mirror.place(copy, path), copy), first.take()) {
                (Ok(value), None) => return Ok(value),
                (Ok(value), Some((lost, error))) => {
                    return if mirror.lose(lost, &error) { Ok(value) } else { Err(error) };
                }
                (Err(error), None) => first = Some((copy, error)),
                (Err(_), Some((_, error))) => return Err(error),
            }
        }
        // One copy is left, and it failed.
        match first {
            Some((_, error)) => Err(error),
            None => action(&self.alone(), path, 1),
        }
    }

    /// How many copies are made of a package.
    pub(crate) fn copies(&self) -> u64 {
        if self.mirror.is_some() { 2 } else { 1 }
    }

    /// This path in every copy that is not lost.
    pub(crate) fn places(&self, path: &Path) -> Vec<PathBuf> {
        self.copies_at(path).into_iter().map(|(_, place)| place).collect()
    }

    /// As [`Disk::places`], each with the number of its copy.
    pub(crate) fn copies_at(&self, path: &Path) -> Vec<(usize, PathBuf)> {
        match self.mirror.as_ref().filter(|mirror| mirror.has(path)) {
            Some(mirror) => mirror.alive().map(|copy| (copy, mirror.place(copy, path))).collect(),
            None => vec![(1, path.to_owned())],
        }
    }

    /// The disk without its mirror: for one copy.
    pub(crate) fn alone(&self) -> Self {
        Self { mirror: None, ..self.clone() }
    }

    /// A path of the first copy, in this copy.
    pub(super) fn place(&self, copy: usize, path: &Path) -> PathBuf {
        self.mirror.as_ref().map_or_else(|| path.to_owned(), |mirror| mirror.place(copy, path))
    }

    pub(super) fn is_mirrored(&self, path: &Path) -> bool {
        self.mirror.as_ref().is_some_and(|mirror| mirror.has(path))
    }

    /// Gives up a copy, if there is another.
    pub(crate) fn lose(&self, copy: usize, why: &impl fmt::Display) -> bool {
        self.mirror.as_ref().is_some_and(|mirror| mirror.lose(copy, why))
    }

    /// Whether nothing was lost, or this copy was not.
    pub(super) fn has(&self, copy: usize) -> bool {
        self.loss().is_none_or(|loss| loss.copy != copy)
    }
}
