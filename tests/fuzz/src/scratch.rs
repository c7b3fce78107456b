//! Files in memory that are changed for one input and made good after it.
//!
//! Containers are opened by path, with their neighbours. Only the pages that differ are written.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::change::Changed;
use crate::seed::{PAGE, Seed};

/// The seeds' files, each seed in a folder.
pub struct Scratch(Vec<Vec<(PathBuf, fs::File)>>);

impl Scratch {
    /// Writes all seeds.
    pub fn new(seeds: &[Seed]) -> Self {
        let shared = Path::new("/dev/shm");
        let base = if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() };
        let base = base.join(format!("ambit-fuzz-{}", std::process::id()));
        let folders = seeds.iter().enumerate().map(|(number, seed)| {
            let folder = base.join(number.to_string());
            fs::create_dir_all(&folder).expect("a folder can be made");
            let files = seed.files.iter().map(|file| {
                let path = folder.join(&file.name);
                let open = OpenOptions::new().write(true).create(true).truncate(true).open(&path);
                let handle = open.expect("a file can be made");
                handle.set_len(file.len).expect("a length can be set");
                file.pages.keys().for_each(|number| put(&handle, *number, &file.page(*number), file.len));
                (path, handle)
            });
            files.collect()
        });
        Self(folders.collect())
    }

    /// Gives the paths of a seed's files, changed, to `use_them`.
    pub fn with(&self, seed: usize, changed: &[Changed], use_them: fn(&[PathBuf])) {
        let files = &self.0[seed];
        for ((_, handle), changed) in files.iter().zip(changed) {
            handle.set_len(changed.len).expect("a length can be set");
            changed.pages.iter().for_each(|(number, page)| put(handle, *number, page, changed.len));
        }
        let paths: Vec<PathBuf> = files.iter().map(|(path, _)| path.clone()).collect();
        // The segments and extents of one disk are found by its first file; disks of a set are given.
        let drives = paths.iter().all(|path| path.extension().is_some_and(|extension| extension == "disk"));
        // Of a descriptor and its extents, the descriptor has the shortest name.
        let first = paths.iter().min_by_key(|path| path.as_os_str().len()).expect("a seed has files");
        use_them(if drives { &paths } else { std::slice::from_ref(first) });
        for ((_, handle), changed) in files.iter().zip(changed) {
            let seed = changed.seed;
            if changed.len < seed.len {
                handle.set_len(seed.len).expect("a length can be set");
                let cut = seed.pages.range(changed.len / PAGE as u64..);
                cut.for_each(|(number, page)| put(handle, *number, page, seed.len));
            }
            changed.pages.keys().for_each(|number| put(handle, *number, &seed.page(*number), seed.len));
        }
    }
}

fn put(file: &fs::File, number: u64, page: &[u8; PAGE], len: u64) {
    let at = number * PAGE as u64;
    let count = len.saturating_sub(at).min(PAGE as u64) as usize;
    file.write_all_at(&page[..count], at).expect("a page can be written");
}
