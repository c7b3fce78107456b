//! Check `bag`: every byte of every file that the manifests cover, and no file that they do not.

use std::collections::{BTreeMap, BTreeSet};

use super::package::{Package, TAG_MANIFEST, manifest, trouble};
use super::{Checked, Context, Stop, none_or_fail};
use crate::bag::{BAGIT_TXT, Info, Manifest, Oxum, VERIFY_TXT};
use crate::files::Files;

pub(crate) fn check(context: &mut Context<'_>) -> Checked {
    let package = &context.package;
    let names = package.names.as_ref().map_err(Clone::clone)?;
    let files = context.files;
    let mut problems = Vec::new();
    if package.declaration.as_ref().map_err(Clone::clone)? != BAGIT_TXT.as_bytes() {
        problems.push("bagit.txt: not the declaration of a BagIt 1.0 bag in UTF-8".to_owned());
    }
    if package.instructions.as_ref().map_err(Clone::clone)? != VERIFY_TXT.as_bytes() {
        problems.push("VERIFY.txt: not the instructions of this version: do not follow them".to_owned());
    }
    let payload = package.payload_manifest.as_ref().map_err(Clone::clone)?;
    let tags = manifest(TAG_MANIFEST, package.tag_manifest.as_ref().map_err(Clone::clone)?)?;
    let is_payload = |name: &&String| name.starts_with("data/");
    // `seal/` and `custody/` are judged by the log: they grow after the tag manifest is made.
    let is_tag = |name: &&String| {
        !name.starts_with("data/")
            && !name.starts_with("seal/")
            && !name.starts_with("custody/")
            && *name != TAG_MANIFEST
    };
    let mut counted = Oxum::default();
    hash_all(files, package, payload, names.iter().filter(is_payload).collect(), &mut problems, |length| {
        counted.octets = counted.octets.saturating_add(length);
        counted.files = counted.files.saturating_add(1);
    })?;
    hash_all(files, package, &tags, names.iter().filter(is_tag).collect(), &mut problems, |_| {})?;
    problems.extend(info_problem(package, package.info.as_ref().map_err(Clone::clone)?, counted));
    none_or_fail(&problems, || {
        let Oxum { octets, files } = counted;
        format!("{files} payload files with {octets} bytes, {} tag files: every digest agrees", tags.0.len())
    })
}

/// The label of what a bag says of its own size.
const PAYLOAD_OXUM: &str = "Payload-Oxum";

/// What in bag-info.txt is not as acquisition.json and the payload have it.
fn info_problem(package: &Package, found: &[u8], counted: Oxum) -> Option<String> {
    let info = match Info::parse(found) {
        Ok(info) => info,
        Err(e) => return Some(format!("bag-info.txt: {e}")),
    };
    let acquisition = package.acquisition.as_ref().ok()?;
    let expected = Info::of_package(&acquisition.origin, acquisition.package, &acquisition.ended, counted);
    for (label, value) in &expected.0 {
        match info.get(label) {
            Some(found) if found == value => {}
            Some(found) if label == PAYLOAD_OXUM && Oxum::parse(found).is_some() => {
                let stated = Oxum::parse(found)?;
                return Some(format!(
                    "bag-info.txt: it states {} payload files with {} bytes; {} with {} bytes are there",
                    stated.files, stated.octets, counted.files, counted.octets
                ));
            }
            Some(found) => {
                return Some(format!("bag-info.txt: {label}: expected {value}, found {found}"));
            }
            None => return Some(format!("bag-info.txt: no {label}")),
        }
    }
    (info != expected).then(|| "bag-info.txt: expected these four labels alone, in their order".to_owned())
}

/// Hashes every listed file; tells those that differ, are missing, or are there unlisted.
fn hash_all(
    files: &dyn Files,
    package: &Package,
    manifest: &Manifest,
    present: BTreeSet<&String>,
    problems: &mut Vec<String>,
    mut hashed: impl FnMut(u64),
) -> Result<(), Stop> {
    // What can be hashed is hashed first, by several threads where the storage allows; it is judged in order.
    let wanted =
        manifest.0.keys().filter(|name| present.contains(name) && !package.digests.contains_key(*name));
    let wanted: Vec<&str> = wanted.map(String::as_str).collect();
    let mut found: BTreeMap<&str, _> = wanted.iter().copied().zip(files.digests(&wanted)).collect();
    for (name, expected) in &manifest.0 {
        if !present.contains(name) {
            problems.push(format!("{name} is missing, and a manifest lists it"));
            continue;
        }
        let (found, length) = match package.digests.get(name) {
            Some(known) => *known,
            None => match found.remove(name.as_str()) {
                Some(found) => found.map_err(|e| trouble(name, &e))?,
                None => return Err(Stop::Unfinished(format!("{name} was not hashed"))),
            },
        };
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
