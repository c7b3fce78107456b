//! A package that lacks its name alone, as it seems: its journal is gone, and a tag manifest is there.
//!
//! The journal goes first when a package gets its name, so that this is where a break can leave it. A journal can be lost
//! otherwise, too: what is believed is the list of what is sealed, read again, and the log of the case.

use std::path::{Path, PathBuf};

use evidence::acquisition::{Acquisition, RunNumber};
use evidence::bag::{Manifest, Oxum};
use evidence::event::Action;
use evidence::sshsig::{MessageDigest, PACKAGE_SEAL, Signature};
use evidence::strict;
use scope::Digest;

use super::{MAX_ACQUISITION, TAGMANIFEST};
use crate::close::{ACQUISITION, known_texts};
use crate::durable::{Disk, DurableError};
use crate::journal;
use crate::log::{LogError, LogFolder};
use crate::package::PackageError;
use crate::read_back::{Committed, Reading, differing, digest_of};
use crate::relocate::Tree;
use crate::seal::{SealError, seal_of, signature_files, signatures};
use crate::site::{WORK, partial_path, remove_keys, remove_work};

/// A file to be made again, and its bytes.
type Anew = (PathBuf, Vec<u8>);

/// A package that lacks nothing but its name, as it seems, in one copy or in two.
pub struct Complete {
    pub(super) disk: Disk,
    pub(super) outs: Vec<PathBuf>,
    pub(super) key_path: PathBuf,
    pub(super) acquisition: Box<Acquisition>,
    /// Of two copies the one that has its journal still: it can be gone on with by that.
    pub(super) with_journal: Option<PathBuf>,
    /// What [`Complete::check`] found to be made again: paths, and the bytes. The tag manifest comes last.
    pub(super) anew: Vec<Anew>,
    /// The copy that [`Complete::check`] found not to be whole where the other is.
    pub(super) left: Option<Box<Left>>,
}

/// A copy that is left as it is, under `OUT.partial`, when the other gets its name.
#[derive(Debug)]
pub struct Left {
    /// 1 or 2: in the order of the names that were given.
    pub number: usize,
    /// Where it stays.
    pub partial: PathBuf,
    /// What is wrong with it.
    pub why: PackageError,
}

impl Complete {
    /// What it says of the acquisition.
    #[must_use]
    pub fn acquisition(&self) -> &Acquisition {
        &self.acquisition
    }

    /// The names that [`Complete::place`] gives: of each copy that is whole.
    #[must_use]
    pub fn outs(&self) -> &[PathBuf] {
        &self.outs
    }

    /// Of two copies the one that has its journal still, by its name: alone, it goes on by that.
    #[must_use]
    pub fn with_journal(&self) -> Option<&Path> {
        self.with_journal.as_deref()
    }

    /// The copy that is not whole, and stays as it is.
    #[must_use]
    pub fn left(&self) -> Option<&Left> {
        self.left.as_deref()
    }

    /// Whether it does lack its name alone: every file is read and is what the tag manifest says, there is no other, and its copy
    /// of the log has all that the case's log has of this run, whether somebody sealed or not yet. The texts that a capture makes
    /// from what is known are as it makes them; where nobody has sealed yet, [`Complete::place`] makes them so. Of two copies one is
    /// enough: the other is then [`Complete::left`].
    ///
    /// # Errors
    ///
    /// [`PackageError::Part`] for a file that is not what is listed, [`PackageError::Broken`] for what is missing beside.
    /// Nothing was changed.
    pub fn check(&mut self, case: &LogFolder, reading: Reading<'_>) -> Result<(), PackageError> {
        let (mut whole, mut left) = (Vec::new(), None);
        for (number, out) in (1_usize..).zip(&self.outs) {
            let partial = partial_path(out);
            match self.check_one(&partial, case, reading) {
                Ok(checked) => whole.push((out.clone(), checked)),
                // What a disk does not give today is mended first, and what somebody stopped goes on.
                Err(error @ (PackageError::Disk(_) | PackageError::Stopped)) => return Err(error),
                Err(why) if left.is_some() || self.outs.len() == 1 => {
                    let first = left.map_or(why, |left: Box<Left>| left.why);
                    return Err(first);
                }
                Err(why) => left = Some(Box::new(Left { number, partial, why })),
            }
        }
        if let [(first, (_, one)), (second, (_, other))] = whole.as_slice()
            && one.0 != other.0
        {
            let (first, second) = (first.clone(), second.clone());
            let what = "each is whole, and what is to be sealed differs";
            return Err(PackageError::NoCopies { first, second, what });
        }
        (self.outs, self.anew, self.left) = (Vec::new(), Vec::new(), left);
        for (out, (again, _)) in whole {
            self.outs.push(out);
            self.anew.extend(again);
        }
        Ok(())
    }

    /// What of one copy is to be made again, and the list of what is sealed then.
    fn check_one(
        &self,
        partial: &Path,
        case: &LogFolder,
        reading: Reading<'_>,
    ) -> Result<(Vec<Anew>, Manifest), PackageError> {
        let sealed = closed_in_order(&self.disk, partial, self.acquisition.package, case)?;
        let tags = self.list(partial, TAGMANIFEST)?;
        let (again, tags) = match sealed {
            true => (Vec::new(), tags),
            false => self.made_again(partial, tags)?,
        };
        self.files_are_there(partial, &tags, &again, reading)?;
        if sealed {
            self.tag_files_are_ours(partial)?;
        }
        Ok((again, tags))
    }

    /// The files that [`Complete::place`] makes again, since they are not what a capture writes.
    pub fn anew(&self) -> impl Iterator<Item = &Path> {
        self.anew.iter().map(|(path, _)| path.as_path())
    }

    fn list(&self, partial: &Path, name: &str) -> Result<Manifest, PackageError> {
        let bytes = self.disk.read(&partial.join(name), MAX_MANIFEST)?;
        Manifest::parse(&bytes).map_err(|error| PackageError::Broken(format!("{name}: {error}")))
    }

    /// Of a package that nobody has sealed: the texts that are not what a capture makes of what is known, as it makes them; and the
    /// list of what is sealed as it is with them.
    fn made_again(&self, partial: &Path, mut tags: Manifest) -> Result<(Vec<Anew>, Manifest), PackageError> {
        let mut again = Vec::new();
        let mut relisted = None;
        for (file, text) in self.known_texts(partial)? {
            let digest = Digest::of(text.as_bytes());
            let path = partial.join(file);
            if tags.0.insert(file.to_owned(), digest) != Some(digest) {
                relisted = Some((path.clone(), digest));
            }
            if digest_of(&self.disk, &path).ok() != Some(digest) {
                again.push((path, text.into_bytes()));
            }
        }
        if let Some((path, digest)) = relisted {
            // A signature that is over another list: nobody can say here what its signer saw.
            let text = tags.to_string();
            if !is_signed_by_all(&self.disk, partial, text.as_bytes()) {
                return Err(differs(&self.disk, path, digest));
            }
            again.push((partial.join(TAGMANIFEST), text.into_bytes()));
        }
        Ok((again, tags))
    }

    /// Whether the files are those that are listed, and as they are listed.
    fn files_are_there(
        &self,
        partial: &Path,
        tags: &Manifest,
        again: &[Anew],
        reading: Reading<'_>,
    ) -> Result<(), PackageError> {
        let payload = self.list(partial, MANIFEST)?;
        let is_made = |file: &str| again.iter().any(|(path, _)| *path == partial.join(file));
        let listed =
            tags.0.iter().chain(&payload.0).filter(|(file, _)| !is_made(file)).map(|(file, digest)| {
                Committed {
                    file: file.clone(),
                    digest: *digest,
                    bytes: self.disk.length(&partial.join(file)).ok(),
                    batch: 0,
                }
            });
        let listed: Vec<Committed> = listed.collect();
        let roots = [partial.to_owned()];
        let bad = differing(&self.disk, &roots, &listed, false, reading)?.into_iter().next();
        if let Some(file) = bad.and_then(|bad| listed.get(bad.index)) {
            return Err(differs(&self.disk, partial.join(&file.file), file.digest));
        }
        let beside = |file: &&String| {
            let of_no_list = [WORK, "seal/", "custody/"].iter().any(|folder| file.starts_with(folder));
            !of_no_list
                && *file != TAGMANIFEST
                && !tags.0.contains_key(*file)
                && !payload.0.contains_key(*file)
        };
        let tree = Tree::of(&self.disk, partial).map_err(|error| PackageError::Broken(error.to_string()))?;
        match tree.files.iter().find(beside) {
            Some(file) => {
                let what = "it is in no list of the package";
                Err(PackageError::Foreign { path: partial.join(file), what })
            }
            None => Ok(()),
        }
    }

    /// Whether the tag files whose text is known are what a capture writes: the list of what is sealed has no signature yet, or
    /// can have been made anew before there was one.
    fn tag_files_are_ours(&self, partial: &Path) -> Result<(), PackageError> {
        for (file, text) in self.known_texts(partial)? {
            let path = partial.join(file);
            if self.disk.read(&path, MAX_MANIFEST)? != text.as_bytes() {
                return Err(differs(&self.disk, path, Digest::of(text.as_bytes())));
            }
        }
        Ok(())
    }

    fn known_texts(&self, partial: &Path) -> Result<[(&'static str, String); 3], PackageError> {
        let mut payload = Oxum::default();
        for name in self.disk.file_names(&partial.join("data"))? {
            let length = self.disk.length(&partial.join("data").join(name))?;
            payload.octets = payload.octets.saturating_add(length);
            payload.files = payload.files.saturating_add(1);
        }
        let said = &self.acquisition;
        Ok(known_texts(&said.origin, said.package, &said.ended, payload))
    }

    /// Makes again what [`Complete::check`] said, and gives it its name.
    ///
    /// # Errors
    ///
    /// [`DurableError`]; it can be tried again.
    pub fn place(self) -> Result<(), DurableError> {
        for (path, bytes) in &self.anew {
            if self.disk.exists(path) {
                self.disk.remove_file(path)?;
            }
            self.disk.write_new(path, bytes)?;
        }
        for out in &self.outs {
            let partial = partial_path(out);
            remove_work(&self.disk, &partial)?;
            self.disk.rename(&partial, out)?;
        }
        remove_keys(&self.disk, &self.key_path)
    }
}

/// Whether each signature that is there already is over this list, by the key that it names: whose that is, the trust file says.
fn is_signed_by_all(disk: &Disk, partial: &Path, list: &[u8]) -> bool {
    if !disk.exists(&partial.join("seal")) {
        return true;
    }
    let Ok(files) = signature_files(disk, partial) else { return false };
    files.iter().all(|(_, armored)| {
        Signature::parse(armored).is_ok_and(|own| {
            let key = own.public_key.clone();
            own.verify(&key, PACKAGE_SEAL, &MessageDigest::of(list)).is_ok()
        })
    })
}

/// Removes the keys of a run whose package has its name in every place that is given, and was closed in order: a break can
/// leave them behind. `true` where there were any.
///
/// # Errors
///
/// [`PackageError`].
pub fn remove_what_is_left(
    disk: &Disk,
    outs: &[PathBuf],
    state: &Path,
    case: &LogFolder,
) -> Result<bool, PackageError> {
    let mut keys = None;
    for out in outs {
        let Ok(bytes) = disk.read(&out.join("meta/acquisition.json"), MAX_ACQUISITION) else {
            return Ok(false);
        };
        let Ok(said) = strict::from_json::<Acquisition>(&bytes) else { return Ok(false) };
        let path = journal::key_path(state, said.package);
        let known = [path.clone(), journal::marks_path(&path)].iter().any(|path| disk.exists(path));
        if !known || closed_in_order(disk, out, said.package, case).is_err() {
            return Ok(false);
        }
        keys = Some(path);
    }
    let Some(keys) = keys else { return Ok(false) };
    remove_keys(disk, &keys)?;
    Ok(true)
}

/// Whether a package was closed in order: its copy of the log goes to its seal (`true`), or to the end of the acquisition.
fn closed_in_order(
    disk: &Disk,
    partial: &Path,
    run: RunNumber,
    case: &LogFolder,
) -> Result<bool, PackageError> {
    let of_log = |error: LogError| PackageError::Broken(error.to_string());
    let not_closed = |what| Err(PackageError::NotClosed { path: partial.to_owned(), what });
    let own = LogFolder::open(disk, partial, case.origin()).map_err(of_log)?;
    if !case.continues(&own) {
        return not_closed("its copy of the custody log is not the beginning of the case's");
    }
    let Some((index, seal)) = seal_of(case, run).map_err(of_log)? else {
        let ended = own.events().map_err(of_log)?.into_iter().find_map(|event| match event.action {
            Action::AcquisitionEnd(end) if end.package == run => Some(end.acquisition_sha256),
            _ => None,
        });
        let Some(quoted) = ended else {
            return not_closed("its copy of the custody log has no end of the acquisition");
        };
        let statement = disk.read(&partial.join(ACQUISITION), MAX_ACQUISITION)?;
        return match Digest::of(&statement) == quoted {
            true => Ok(false),
            false => not_closed("its meta/acquisition.json is not the one that acquisition.end quotes"),
        };
    };
    let bytes = disk.read(&partial.join(TAGMANIFEST), MAX_ACQUISITION)?;
    if Digest::of(&bytes) != seal.tagmanifest {
        return not_closed("the custody log has a seal of this run over other bytes");
    }
    let signed =
        signatures(disk, partial).map_err(|error: SealError| PackageError::Broken(error.to_string()))?;
    if signed != seal.signatures {
        return not_closed("it has not the signatures that the seal on the custody log quotes");
    }
    if own.size() <= index {
        return not_closed("its copy of the custody log ends before the seal");
    }
    Ok(true)
}

/// What is said of a file that is not what is stated: missing, where it is not there.
pub(super) fn differs(disk: &Disk, path: PathBuf, stated: Digest) -> PackageError {
    if path.symlink_metadata().is_err() {
        return PackageError::Missing { path, stated };
    }
    let found = digest_of(disk, &path).unwrap_or(Digest::of(b""));
    let length = disk.length(&path).unwrap_or(0);
    PackageError::Part { path, stated, found, length }
}

const MANIFEST: &str = "manifest-sha256.txt";

/// Longest list of files that is read: a hundred bytes for each part.
const MAX_MANIFEST: u64 = 1 << 30;
