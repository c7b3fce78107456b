//! What lies at `OUT.partial` before anything of it is opened or removed: nothing but what a capture makes there.
//!
//! Whatever a resume removes, it removes by these names; a link, a pipe or anything else that is not of a package is
//! somebody else's, and stays. Names are compared, and no file is opened.

use std::path::Path;

use crate::close::INVENTORY;
use crate::durable::Disk;
use crate::journal;
use crate::package::PackageError;
use crate::site::{FOLDERS, TRY_OUT, WORK};

/// What lies there beside folders and the journal.
#[derive(Debug, Default)]
pub(super) struct Lies {
    /// Files that are more than what a capture tries out.
    pub(super) files: u64,
    /// Bytes of them.
    pub(super) bytes: u64,
    /// The first file that is there only once the run has ended.
    late: Option<String>,
}

impl Lies {
    /// Fails where a file is there that a run that has not ended cannot have.
    pub(super) fn before_the_end(&self, partial: &Path) -> Result<(), PackageError> {
        match &self.late {
            None => Ok(()),
            Some(name) => Err(PackageError::Foreign { path: partial.join(name), what: NOT_OURS }),
        }
    }
}

/// Looks at every name below `partial`.
pub(super) fn inspect(disk: &Disk, partial: &Path) -> Result<Lies, PackageError> {
    let foreign = |name: &str, what| PackageError::Foreign { path: partial.join(name), what };
    if !partial.symlink_metadata().is_ok_and(|found| found.is_dir()) {
        return Err(foreign("", "it is a link, or no folder"));
    }
    let own_journal = journal::path_in(Path::new(WORK));
    let mut lies = Lies::default();
    let mut open = vec![String::new()];
    while let Some(folder) = open.pop() {
        for (name, is_folder) in disk.entries(&partial.join(&folder))? {
            let own = name.to_str();
            let shown = name.to_string_lossy();
            let path = if folder.is_empty() { shown.into_owned() } else { format!("{folder}/{shown}") };
            match (is_folder, own) {
                (Some(true), Some(_)) if is_own_folder(&path) => open.push(path),
                (Some(false), Some(_)) if Path::new(&path) == own_journal => {}
                (Some(false), Some(own)) if is_own_file(&folder, own) => {
                    let length = disk.length(&partial.join(&path))?;
                    // What a capture tries out before it begins: no part and no list is as short.
                    if length <= TRY_OUT.len() as u64 {
                        continue;
                    }
                    lies.files = lies.files.saturating_add(1);
                    lies.bytes = lies.bytes.saturating_add(length);
                    if !(folder == "data" || folder == WORK || path == INVENTORY) {
                        lies.late.get_or_insert(path);
                    }
                }
                (Some(_), _) => return Err(foreign(&path, NOT_OURS)),
                (None, _) => return Err(foreign(&path, "it is a link, or no regular file")),
            }
        }
    }
    Ok(lies)
}

fn is_own_folder(path: &str) -> bool {
    let entry = path.strip_prefix("custody/").map(|name| name.strip_prefix(".new-").unwrap_or(name));
    FOLDERS.contains(&path) || path == WORK || entry.is_some_and(is_number)
}

fn is_own_file(folder: &str, name: &str) -> bool {
    let numbered = |rest: &str| rest.rsplit_once('-').is_some_and(|(_, number)| is_number(number));
    match folder {
        "" => TAG_FILES.contains(&name),
        "data" => {
            [".zip.age", ".jsonl.gz.age"].iter().any(|ending| name.strip_suffix(ending).is_some_and(numbered))
        }
        "meta" => matches!(name, "acquisition.json" | "inventory.txt"),
        "meta/policy" => !name.starts_with('.'),
        "seal" => name.starts_with(SIGNATURES) && name.ends_with(".sig"),
        WORK => name.strip_prefix("lines-").is_some_and(is_number),
        _ => {
            matches!(name, "event.json" | "entry.txt" | "checkpoint" | "attestation.txt")
                || name.ends_with(".sig")
        }
    }
}

fn is_number(text: &str) -> bool {
    text.len() >= 4 && text.bytes().all(|byte| byte.is_ascii_digit())
}

const NOT_OURS: &str = "no capture makes it there";

const TAG_FILES: [&str; 5] =
    ["bagit.txt", "bag-info.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt", "VERIFY.txt"];

/// How the names of the signatures of a seal begin.
const SIGNATURES: &str = "tagmanifest-sha256.txt.";

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_no_capture_makes_is_told_and_stays() {
        let check = |place: &str, make: &dyn Fn(&Path), says: &str| {
            let folder = tempfile::tempdir().unwrap();
            let partial = folder.path().join("p.partial");
            for own in ["", ".work", "data", "meta/policy", "seal", "custody/000001", "custody/.new-000002"] {
                fs::create_dir_all(partial.join(own)).unwrap();
            }
            let own = [
                ".work/journal.jsonl",
                ".work/lines-000001",
                "data/captured-0001.zip.age",
                "data/held-a-b-10001.zip.age",
                "data/ledger-0001.jsonl.gz.age",
                "meta/inventory.txt",
            ];
            for own in own {
                fs::write(partial.join(own), "no part").unwrap();
            }
            let before = inspect(&Disk::new(), &partial).unwrap();
            assert_eq!((before.files, before.bytes), (5, 35));
            assert!(before.before_the_end(&partial).is_ok());
            let path = if place.is_empty() { partial.clone() } else { partial.join(place) };
            if path.is_dir() {
                fs::remove_dir_all(&path).unwrap();
            }
            make(&path);
            let found = inspect(&Disk::new(), &partial).and_then(|lies| lies.before_the_end(&partial));
            let found = found.map_err(|error| error.to_string()).unwrap_err();
            assert!(found.contains(place) && found.contains(says), "{place}: {found}");
        };
        let file = |path: &Path| fs::write(path, "somebody's").unwrap();
        let link = |path: &Path| symlink("/tmp", path).unwrap();
        for place in [
            "thesis.doc",
            "data/photo.jpg",
            "data/captured-1.zip.age",
            ".work/x",
            "custody/000001/x",
            ".work/lines-x",
        ] {
            check(place, &file, NOT_OURS);
        }
        check("holiday", &|path| fs::create_dir(path).unwrap(), NOT_OURS);
        check("data/sub", &|path| fs::create_dir(path).unwrap(), NOT_OURS);
        for place in ["", "data", "meta/policy", "seal", "data/captured-0002.zip.age", ".work/lines-000002"] {
            check(place, &link, "it is a link");
        }
        // These are there once the run has ended, and not before.
        for place in ["VERIFY.txt", "meta/acquisition.json", "meta/policy/a.txt", "custody/000001/event.json"]
        {
            check(place, &file, NOT_OURS);
        }
    }
}
