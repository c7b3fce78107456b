//! The media that the targets change, made by `tests/tools/fuzz-seeds.sh`.
//!
//! ```text
//! target/fuzz-seeds/ext/ext2-1k/0.img       one folder for each target, one in it for each seed
//! target/fuzz-seeds/ewf/zlib/disk.E01       files of a seed in the order of their names
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Bytes in a page.
pub const PAGE: usize = 4096;
/// Bytes in a line, the unit by which changes are placed.
pub const LINE: usize = 64;
/// Names the folder of the seeds of one target.
pub const FOLDER: &str = "AMBIT_FUZZ_SEEDS";

/// One medium to be changed.
pub struct Seed {
    /// Its files, in the order of their names.
    pub files: Vec<File>,
}

/// One file of a seed: its pages that are not zeros.
pub struct File {
    /// Its name, for media of which names matter.
    pub name: String,
    /// Length in bytes.
    pub len: u64,
    /// Pages by number.
    pub pages: BTreeMap<u64, [u8; PAGE]>,
    /// Where a line stands that is not zeros, ascending: nearly all that a reader looks at.
    pub lines: Vec<u64>,
}

impl Seed {
    /// All seeds in the folder that the environment names.
    pub fn all() -> Vec<Self> {
        let folder =
            std::env::var_os(FOLDER).expect("AMBIT_FUZZ_SEEDS names no folder: run tests/tools/fuzz.sh");
        let seeds: Vec<Self> = entries(Path::new(&folder)).iter().map(|folder| Self::read(folder)).collect();
        assert!(!seeds.is_empty(), "there are no seeds: run tests/tools/fuzz-seeds.sh");
        seeds
    }

    fn read(folder: &Path) -> Self {
        Self { files: entries(folder).iter().map(|path| File::read(path)).collect() }
    }
}

impl File {
    fn read(path: &Path) -> Self {
        let bytes = fs::read(path).expect("a seed can be read");
        let mut pages = BTreeMap::new();
        let mut lines = Vec::new();
        for (number, chunk) in (0..).zip(bytes.chunks(PAGE)) {
            let set = (0..).zip(chunk.chunks(LINE)).filter(|(_, line)| line.iter().any(|byte| *byte != 0));
            let before = lines.len();
            lines.extend(set.map(|(line, _): (u64, _)| number * PAGE as u64 + line * LINE as u64));
            if lines.len() > before {
                let mut page = [0; PAGE];
                page[..chunk.len()].copy_from_slice(chunk);
                pages.insert(number, page);
            }
        }
        let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
        Self { name, len: bytes.len() as u64, pages, lines }
    }
}

fn entries(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder of the seeds can be read");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry can be read").path()).collect();
    paths.sort();
    paths
}
