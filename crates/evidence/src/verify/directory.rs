//! Check `directory`: regular files only, names of the grammar, and nothing that the package does not name.

use super::package::{APPROVAL, RENDERING, TAG_MANIFEST, is_policy_file};
use super::{Checked, Context, none_or_fail};
use crate::custody_log::ATTESTATION;
use crate::trust::is_principal;

/// Files that may stand at the top.
const TOP: [&str; 5] = ["bagit.txt", "bag-info.txt", "manifest-sha256.txt", TAG_MANIFEST, "VERIFY.txt"];

/// Most strange entries told; each comes from the package.
const MAX_TOLD: usize = 100;

pub(crate) fn check(context: &mut Context<'_>) -> Checked {
    let package = &context.package;
    let names = package.names.as_ref().map_err(Clone::clone)?;
    let irregular = context.files.irregular().into_iter().map(|what| format!("not a regular file: {what}"));
    let mut problems: Vec<String> = irregular.take(MAX_TOLD).collect();
    let sealed_by = |principal: &str| match package.seal_event() {
        Some((_, seal)) => seal.signatures.iter().any(|s| s.principal == principal),
        None => is_principal(principal),
    };
    for name in names {
        let problem = problem(name, sealed_by);
        if let Some(problem) = problem.filter(|_| problems.len() < MAX_TOLD) {
            problems.push(format!("{name}: {problem}"));
        }
    }
    none_or_fail(&problems, || {
        format!("{} files, all regular, each with its place in a package", names.len())
    })
}

/// Whether a file is one that a desktop leaves in a folder that somebody looks at.
fn is_leavings(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    ["ds_store", "thumbs.db", "desktop.ini"]
        .contains(&file.trim_start_matches(['.', '_']).to_lowercase().as_str())
}

const LEAVINGS: &str =
    "a desktop makes such a file where a folder is looked at; take it out of a copy, and check that again";

fn problem(name: &str, sealed_by: impl Fn(&str) -> bool) -> Option<&'static str> {
    let leavings = is_leavings(name).then_some(LEAVINGS);
    let (folder, file) = match name.split_once('/') {
        None if TOP.contains(&name) => return None,
        None => return Some(leavings.unwrap_or("no such file belongs at the top of a package")),
        Some(parts) => parts,
    };
    let holds = match folder {
        // That each payload file is listed, and none besides, is what `bag` and `agreement` check.
        "data" => is_plain(file),
        "meta" => match file {
            "acquisition.json" | "inventory.txt" => true,
            _ if name == RENDERING || name == APPROVAL => true,
            _ => match name.strip_prefix("meta/policy/approval.txt.") {
                Some(rest) => rest.strip_suffix(".sig").is_some_and(is_principal),
                None => is_policy_file(name) && file.strip_prefix("policy/").is_some_and(is_plain),
            },
        },
        "seal" => {
            let principal =
                file.strip_prefix("tagmanifest-sha256.txt.").and_then(|rest| rest.strip_suffix(".sig"));
            principal.is_some_and(|principal| is_principal(principal) && sealed_by(principal))
        }
        // That an entry names each file there is what `log` checks.
        "custody" => match file.split_once('/') {
            Some((index, file)) => {
                let six_digits = index.len() == 6 && index.bytes().all(|c| c.is_ascii_digit());
                let signed = file.strip_prefix("attestation.txt.").unwrap_or(file);
                let signature = signed.strip_suffix(".sig").is_some_and(is_principal);
                let files = ["event.json", "entry.txt", "checkpoint", ATTESTATION];
                six_digits && (signature || files.contains(&file))
            }
            None => false,
        },
        _ => return Some(leavings.unwrap_or("no such folder belongs into a package")),
    };
    (!holds).then(|| leavings.unwrap_or("the package does not name this file"))
}

/// Whether a name is plain and opaque: 1 to 100 characters of `[a-z0-9._-]`, not only dots.
pub(crate) fn is_plain(name: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"._-".contains(&c);
    (1..=100).contains(&name.len()) && name.bytes().any(|c| c != b'.') && name.bytes().all(allowed)
}
