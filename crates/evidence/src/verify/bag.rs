//! Check `bag`: every byte of every file that the manifests cover, and no file that they do not.

use std::collections::BTreeSet;
use std::io::Read;

use scope::Digest;
use sha2::{Digest as _, Sha256};

use super::package::{TAG_MANIFEST, read, trouble};
use super::{Checked, Context, Stop, none_or_fail};
use crate::bag::{BAGIT_TXT, Info, Manifest, Oxum};
use crate::files::Files;

/// The manifest of the payload.
const PAYLOAD_MANIFEST: &str = "manifest-sha256.txt";

/// Longest manifest read. A line takes 100 bytes; a hundred thousand parts and log entries make 20 MB.
pub(crate) const MAX_MANIFEST: u64 = 64 << 20;

/// Longest bagit.txt or bag-info.txt read: a few lines each.
const MAX_TAG_FILE: u64 = 64 << 10;

/// Bytes read at a time: large enough to keep the hash busy, small enough for a browser.
const CHUNK: usize = 256 << 10;

pub(crate) fn check(context: &mut Context<'_>) -> Checked {
    let names = context.package.names.as_ref().map_err(Clone::clone)?;
    let files = context.files;
    let mut problems = Vec::new();
    if read(files, "bagit.txt", MAX_TAG_FILE)? != BAGIT_TXT.as_bytes() {
        problems.push("bagit.txt: not the declaration of a BagIt 1.0 bag in UTF-8".to_owned());
    }
    let payload = payload(files)?;
    let tags = manifest(files, TAG_MANIFEST)?;
    let is_payload = |name: &&String| name.starts_with("data/");
    // `seal/` and `custody/` are judged by the log: they grow after the tag manifest is made.
    let is_tag = |name: &&String| {
        !name.starts_with("data/")
            && !name.starts_with("seal/")
            && !name.starts_with("custody/")
            && *name != TAG_MANIFEST
    };
    let mut counted = Oxum::default();
    hash_all(files, &payload, names.iter().filter(is_payload).collect(), &mut problems, |length| {
        counted.octets = counted.octets.saturating_add(length);
        counted.files = counted.files.saturating_add(1);
    })?;
    hash_all(files, &tags, names.iter().filter(is_tag).collect(), &mut problems, |_| {})?;
    match Info::parse(&read(files, "bag-info.txt", MAX_TAG_FILE)?).map(|info| info.payload_oxum()) {
        Ok(Some(oxum)) if oxum == counted => {}
        Ok(Some(oxum)) => {
            problems.push(format!("bag-info.txt: Payload-Oxum: expected {counted}, found {oxum}"))
        }
        Ok(None) => problems.push("bag-info.txt: no Payload-Oxum".to_owned()),
        Err(e) => problems.push(format!("bag-info.txt: {e}")),
    }
    none_or_fail(&problems, || {
        let Oxum { octets, files } = counted;
        format!("{files} payload files with {octets} bytes, {} tag files: every digest agrees", tags.0.len())
    })
}

/// The payload's manifest: path and digest.
pub(crate) fn payload(files: &dyn Files) -> Result<Manifest, Stop> {
    manifest(files, PAYLOAD_MANIFEST)
}

fn manifest(files: &dyn Files, name: &str) -> Result<Manifest, Stop> {
    let bytes = read(files, name, MAX_MANIFEST)?;
    Manifest::parse(&bytes).map_err(|e| Stop::Fail(format!("{name}: {e}")))
}

/// Hashes every listed file; tells those that differ, are missing, or are there unlisted.
fn hash_all(
    files: &dyn Files,
    manifest: &Manifest,
    present: BTreeSet<&String>,
    problems: &mut Vec<String>,
    mut hashed: impl FnMut(u64),
) -> Result<(), Stop> {
    for (name, expected) in &manifest.0 {
        if !present.contains(name) {
            problems.push(format!("{name} is missing, and a manifest lists it"));
            continue;
        }
        let (found, length) = digest_of(files, name)?;
        hashed(length);
        if found != *expected {
            problems.push(format!("{name}: expected {expected}, found {found}"));
        }
    }
    for name in present.into_iter().filter(|name| !manifest.0.contains_key(*name)) {
        problems.push(format!("{name}: no manifest lists it"));
    }
    Ok(())
}

/// Digest and length of a file of any size, in constant memory.
fn digest_of(files: &dyn Files, name: &str) -> Result<(Digest, u64), Stop> {
    let mut file = files.open(name).map_err(|e| trouble(name, &e))?;
    let mut hash = Sha256::new();
    let mut length = 0_u64;
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = match file.read(&mut chunk) {
            Ok(0) => return Ok((Digest(hash.finalize().into()), length)),
            Ok(read) => read,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(trouble(name, &e)),
        };
        hash.update(chunk.get(..read).unwrap_or_default());
        length = length.saturating_add(read as u64);
    }
}
