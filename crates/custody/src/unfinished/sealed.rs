//! A package whose package.seal is on the log, and that lacks its copy of the log and its name.
//!
//! Nobody signs again: what is given its name is compared with what is sealed, file by file, and what one of two copies
//! lacks of it the other gives, or the journal.

use std::collections::BTreeMap;
use std::path::PathBuf;

use evidence::bag::Manifest;
use evidence::event::PackageSeal;
use scope::Digest;

use super::complete::differs;
use super::settle::mend_file;
use super::{Copy, MAX_ACQUISITION, Mend, TAGMANIFEST, Unfinished};
use crate::close::Unsealed;
use crate::durable::Disk;
use crate::package::PackageError;
use crate::read_back::digest_of;
use crate::seal;
use crate::site::Site;

impl Unfinished {
    /// What a log that has its package.seal already lacks: the copy of the log, and the name; and what was made again of one
    /// copy from the other, or of `made`, in words. `None` unless a copy has the bytes that are sealed; a second copy that has
    /// others is given up. [`Unfinished::check`] comes first.
    ///
    /// # Errors
    ///
    /// [`PackageError::Part`] for a file that in no copy is what is sealed.
    pub fn sealed(
        self,
        seal: &PackageSeal,
        made: &BTreeMap<String, Vec<u8>>,
    ) -> Result<Option<(Unsealed, Vec<String>)>, PackageError> {
        let Self { disk, outs, first, second, mend, key_path, journal, .. } = self;
        let has = |copy: &Copy| {
            let bytes = disk.read(&copy.partial.join(TAGMANIFEST), MAX_ACQUISITION);
            bytes.is_ok_and(|bytes| Digest::of(&bytes) == seal.tagmanifest)
        };
        let first_partial = first.partial.clone();
        let (mut whole, mut others): (Vec<Copy>, Vec<Copy>) =
            [Some(first), second].into_iter().flatten().partition(has);
        // A copy can have been lost between the tag manifest and its signatures.
        let signed = |copy: &Copy| seal::signatures(&disk, &copy.partial).unwrap_or_default();
        others.extend(whole.extract_if(.., |copy| signed(copy) != seal.signatures));
        if whole.is_empty() {
            return Ok(None);
        }
        let mut mended = Vec::new();
        let mut bad = Vec::new();
        for copy in &whole {
            let parts = mend.iter().filter(|mend| mend.to_first == (copy.partial == first_partial));
            let parts = parts.map(|mend| (mend.file.clone(), mend.digest));
            bad.push(parts.chain(not_as_listed(&disk, copy)?).collect::<Vec<_>>());
        }
        let copies: Vec<(usize, PathBuf)> =
            whole.iter().map(|copy| (copy.number, copy.partial.clone())).collect();
        for ((number, to), files) in copies.iter().zip(bad) {
            let from = copies.iter().find(|(other, _)| other != number).map(|(_, path)| path);
            let (mut count, mut anew) = (0_usize, Vec::new());
            for (file, digest) in files {
                let path = to.join(&file);
                if let Some(bytes) = made.get(&file).filter(|bytes| Digest::of(bytes) == digest) {
                    if disk.exists(&path) {
                        disk.remove_file(&path)?;
                    }
                    disk.write_new(&path, bytes)?;
                    anew.push(file);
                    continue;
                }
                count = count.saturating_add(1);
                let good = from.filter(|from| digest_of(&disk, &from.join(&file)).is_ok_and(|d| d == digest));
                let Some(from) = good else {
                    return Err(differs(&disk, path, digest));
                };
                mend_file(&disk, &Mend { file, digest, to_first: false }, from, to)?;
            }
            mended.extend(anew.iter().map(|file| {
                    format!(
                        "{file} of copy {number} was not what is sealed, and was made again from what the journal knows"
                    )
                }));
            if count > 0 {
                mended.push(format!(
                    "{count} files of copy {number} of 2 were not what is sealed, and were made again from the other"
                ));
            }
        }
        let mut disk = disk.clone();
        if let [one, two] = outs.as_slice() {
            // The log is copied anew: a power cut can have left more of it in one than in the other.
            for copy in &whole {
                disk.clear(&copy.partial.join("custody"), &|_| false)?;
            }
            disk = disk.mirrored(one, two);
        }
        for copy in others {
            disk.lose(copy.number, &"it has not the bytes that are sealed");
        }
        let (out, run) = (outs.first().cloned().unwrap_or_default(), journal.begun.package);
        let locks = whole.into_iter().filter_map(|copy| copy.lock).collect();
        let site = Site { disk, out, key_path, locks };
        Ok(Some((Unsealed { site, run, tagmanifest: Vec::new(), stated: Vec::new() }, mended)))
    }
}

/// The files beside the payload that are not what the tag manifest lists.
fn not_as_listed(disk: &Disk, copy: &Copy) -> Result<Vec<(String, Digest)>, PackageError> {
    let bytes = disk.read(&copy.partial.join(TAGMANIFEST), MAX_ACQUISITION)?;
    let listed = Manifest::parse(&bytes).map_err(|error| PackageError::Broken(error.to_string()))?;
    let differs = |(file, digest): &(String, Digest)| {
        digest_of(disk, &copy.partial.join(file)).map_or(true, |found| found != *digest)
    };
    Ok(listed.0.into_iter().filter(differs).collect())
}
