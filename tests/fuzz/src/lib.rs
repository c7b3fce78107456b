//! What the fuzz targets share: seeds, changes to them, and what is asserted of each reader.
//!
//! An input is a list of changes ([`change`]) to a small image that real tools made ([`seed`]), so that every input
//! is nearly a valid medium. What must hold for any bytes at all is in [`check`]. Readers of records take the input as it is: [`record`].

pub mod change;
pub mod check;
pub mod record;
pub mod seal;
pub mod seed;

mod scratch;

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use change::Changed;
use scratch::Scratch;
use seed::Seed;

/// Reads one changed file system. `seal` makes its checksums fit again; half of all inputs ask for that.
pub fn file_system(input: &[u8], seal: fn(&mut Changed)) {
    static SOUND: OnceLock<()> = OnceLock::new();
    SOUND.get_or_init(|| {
        for seed in 0..seeds().len() {
            let files = change::apply(seeds(), &[seed as u8, 0], seal).map(|(_, files)| files);
            check::is_read(
                Arc::new(files.and_then(|files| files.into_iter().next()).expect("a seed has a file")),
                seed,
            );
        }
    });
    if let Some([image]) = change::apply(seeds(), input, seal).map(|(_, files)| files).as_deref() {
        check::file_system(Arc::new(image.clone()));
    }
}

/// Reads the partition table of one changed disk.
pub fn volumes(input: &[u8]) {
    if let Some([image]) = change::apply(seeds(), input, seal::gpt).map(|(_, files)| files).as_deref() {
        let began = Instant::now();
        let _ = source::volumes(image);
        check::ended(began, "the table");
    }
}

/// Opens changed files as one medium, as a user does: containers, partitions, stacks, file systems.
pub fn disks(input: &[u8], seal: fn(&mut Changed)) {
    static SCRATCH: OnceLock<Scratch> = OnceLock::new();
    let scratch = SCRATCH.get_or_init(|| Scratch::new(seeds()));
    if let Some((seed, files)) = change::apply(seeds(), input, seal) {
        scratch.with(seed, &files, check::medium);
    }
}

fn seeds() -> &'static [Seed] {
    static SEEDS: OnceLock<Vec<Seed>> = OnceLock::new();
    SEEDS.get_or_init(Seed::all)
}
