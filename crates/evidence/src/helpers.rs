//! What a check of many items may ask of its caller: room outside memory, and further hands.
//!
//! ```text
//! Scratch    a run of bytes, written once, then read once
//! Workers    tasks done side by side, in any order
//! ```
//!
//! This crate opens no file and starts no thread. Who calls it hands in both; without them a check keeps everything in
//! memory, and does one thing after the other: right for a small package, and for a browser.

use std::io::{self, Cursor, Read, Write};

/// A place for what does not fit into memory.
///
/// What is written there are fixed-size numbers: lines of the inventory, random ids, digests under a batch key, control
/// numbers. No name and no content is. A place that others can read should still encrypt what it is given: the order of
/// the lines tells the order of the walk.
pub trait Scratch {
    /// Begins an empty run.
    ///
    /// # Errors
    ///
    /// What the storage reports.
    fn begin(&self) -> io::Result<Box<dyn Run>>;
}

/// Bytes that are written from the first to the last, and then read back once.
pub trait Run: Write {
    /// Ends the writing, and gives the bytes from the first.
    ///
    /// # Errors
    ///
    /// What the storage reports.
    fn read_back(self: Box<Self>) -> io::Result<Box<dyn Read>>;
}

/// Something that can be done on any thread.
pub type Task<'t> = Box<dyn FnOnce() + Send + 't>;

/// Threads, or what stands for them.
pub trait Workers {
    /// How many tasks are done at once: 1 where there are no threads.
    fn count(&self) -> usize;

    /// Does all `tasks`, and `meanwhile` on the calling thread; returns when all are done.
    fn side_by_side(&self, tasks: Vec<Task<'_>>, meanwhile: &mut dyn FnMut());
}

/// Everything stays in memory, and one thing is done after the other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Scratch for Alone {
    fn begin(&self) -> io::Result<Box<dyn Run>> {
        Ok(Box::new(InMemory(Vec::new())))
    }
}

struct InMemory(Vec<u8>);

impl Write for InMemory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Run for InMemory {
    fn read_back(self: Box<Self>) -> io::Result<Box<dyn Read>> {
        Ok(Box::new(Cursor::new(self.0)))
    }
}

impl Workers for Alone {
    fn count(&self) -> usize {
        1
    }

    fn side_by_side(&self, tasks: Vec<Task<'_>>, meanwhile: &mut dyn FnMut()) {
        meanwhile();
        tasks.into_iter().for_each(|task| task());
    }
}

/// What a caller lends to a check.
#[derive(Clone, Copy)]
pub struct Helpers<'h> {
    /// Where what does not fit into memory goes.
    pub scratch: &'h dyn Scratch,
    /// Who does things side by side.
    pub workers: &'h dyn Workers,
}

impl Helpers<'static> {
    /// Memory alone, and one thing after the other.
    #[must_use]
    pub fn none() -> Self {
        Self { scratch: &Alone, workers: &Alone }
    }
}
