//! Walks a medium and computes SHA-256 of everything on it, in one thread: for measurements.
//!
//! ```text
//! $ cargo run --release -p source --example read_all -- IMAGE...
//! items 100003
//! bytes 409600000
//! issues 0
//! seconds 1.92
//! peak-kib 48212
//! digest 5f0c...            of all names and digests, in order of walking
//! ```

#![allow(clippy::print_stdout, reason = "it prints what it measures")]

use std::error::Error;
use std::io::Read as _;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use sha2::{Digest as _, Sha256};
use source::{Entry, OpenOptions, Source, WalkEvent, open_set};

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let began = Instant::now();
    let opened = open_set(&paths, &OpenOptions::default())?;
    let mut total = Total { buf: vec![0; 1 << 20], ..Total::default() };
    for source in &opened.sources {
        let report = source.walk(&mut |event| {
            match event {
                WalkEvent::Item(entry) => total.item(source.as_ref(), &entry),
                WalkEvent::Issue(_) => total.issues += 1,
            }
            ControlFlow::Continue(())
        })?;
        for (what, walked, expected) in
            report.coverage.iter().filter(|(_, walked, expected)| walked != expected)
        {
            println!("coverage {walked} of {expected} {what}");
        }
    }
    println!("items {}\nbytes {}\nissues {}", total.items, total.bytes, total.issues);
    println!("seconds {:.2}", began.elapsed().as_secs_f64());
    println!("peak-kib {}", peak()?);
    println!("digest {}", scope::Digest(total.all.finalize().into()));
    Ok(())
}

/// What was read so far.
#[derive(Default)]
struct Total {
    items: u64,
    bytes: u64,
    /// Of the walk, and contents that could not be read.
    issues: u64,
    all: Sha256,
    buf: Vec<u8>,
}

impl Total {
    fn item(&mut self, source: &dyn Source, entry: &Entry) {
        self.items += 1;
        for name in &entry.facts.names {
            self.all.update(name.bytes());
            self.all.update([0]);
        }
        if entry.facts.kind.has_content() {
            match self.content(source, entry) {
                Ok(digest) => self.all.update(digest),
                Err(_) => self.issues += 1,
            }
        }
    }

    fn content(&mut self, source: &dyn Source, entry: &Entry) -> Result<[u8; 32], Box<dyn Error>> {
        let mut stream = source.open(entry)?;
        let mut hash = Sha256::new();
        loop {
            let count = stream.read(&mut self.buf)?;
            if count == 0 {
                return Ok(hash.finalize().into());
            }
            hash.update(self.buf.get(..count).unwrap_or_default());
            self.bytes += count as u64;
        }
    }
}

/// Most memory that this process had at once, in KiB, as the kernel counts it.
fn peak() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    Ok(line.and_then(|line| line.split_whitespace().next()).ok_or("no VmHWM")?.parse()?)
}
