//! Room outside memory, and threads, for the checks of large packages.
//!
//! A run is a file without a name in the folder for temporary files (`TMPDIR`), encrypted to a key that this process made
//! and never writes: what the checks sort holds no names, but its order would tell the order of the walk.

use std::fs::File;
use std::io::{self, Read, Seek as _, Write};
use std::num::NonZero;
use std::thread;

use age::stream::StreamWriter;
use age::x25519::Identity;
use evidence::helpers::{Run, Scratch, Task, Workers};

/// The folder for temporary files.
pub struct Temporary {
    key: Identity,
}

impl Temporary {
    /// Makes the key. Nothing is written yet.
    #[must_use]
    pub fn new() -> Self {
        Self { key: Identity::generate() }
    }
}

impl Default for Temporary {
    fn default() -> Self {
        Self::new()
    }
}

impl Scratch for Temporary {
    fn begin(&self) -> io::Result<Box<dyn Run>> {
        let recipient = self.key.to_public();
        let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient));
        let out = encryptor.map_err(io::Error::other)?.wrap_output(tempfile::tempfile()?)?;
        Ok(Box::new(Sealed { out, key: self.key.clone() }))
    }
}

struct Sealed {
    out: StreamWriter<File>,
    key: Identity,
}

impl Write for Sealed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(()) // a chunk is encrypted when it is full, and not before
    }
}

impl Run for Sealed {
    fn read_back(self: Box<Self>) -> io::Result<Box<dyn Read>> {
        let Self { out, key } = *self;
        let mut file = out.finish()?;
        file.rewind()?;
        let opened = age::Decryptor::new(file).map_err(io::Error::other)?;
        let reader = opened.decrypt(std::iter::once(&key as &dyn age::Identity)).map_err(io::Error::other)?;
        Ok(Box::new(reader))
    }
}

/// As many threads as there are processors.
#[derive(Clone, Copy, Debug, Default)]
pub struct Threads;

impl Workers for Threads {
    fn count(&self) -> usize {
        thread::available_parallelism().map_or(1, NonZero::get)
    }

    fn side_by_side(&self, tasks: Vec<Task<'_>>, meanwhile: &mut dyn FnMut()) {
        thread::scope(|scope| {
            for task in tasks {
                scope.spawn(task);
            }
            meanwhile();
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_comes_back_and_lies_on_the_disk_as_nothing_that_was_given() {
        let scratch = Temporary::new();
        let text = b"left 00a3c9e1 ".repeat(20_000);
        let mut run = scratch.begin().unwrap();
        run.write_all(&text).unwrap();
        let mut back = Vec::new();
        run.read_back().unwrap().read_to_end(&mut back).unwrap();
        assert!(back == text);
        // The same bytes, as the file has them.
        let recipient = scratch.key.to_public();
        let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient));
        let mut out = encryptor.unwrap().wrap_output(Vec::new()).unwrap();
        out.write_all(&text).unwrap();
        let stored = out.finish().unwrap();
        assert!(!stored.windows(5).any(|bytes| bytes == b"left "));
    }

    #[test]
    fn all_tasks_are_done() {
        let mut done = [false; 5];
        let mut here = false;
        let tasks = done.iter_mut().map(|done| Box::new(move || *done = true) as Task<'_>).collect();
        Threads.side_by_side(tasks, &mut || here = true);
        assert!(here && done == [true; 5]);
    }
}
