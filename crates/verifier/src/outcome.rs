//! What was found, as the exact text that somebody signs: `--write-result FILE`.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use chrono::Local;
use evidence::acquisition::{Acquisition, SetName};
use evidence::attestation::{Attestation, Part, Replay, Statement, Verdict};
use evidence::event::{Moment, Tool, TreeHead};
use evidence::report::{Answer, Intact, Report};
use evidence::verify::Verified;
use scope::Digest;

use crate::Failure;

/// A statement about the package that was judged, made now by this program.
pub(crate) fn attestation(verified: &Verified, statement: Statement) -> Result<Attestation, Failure> {
    let missing = |what: &str| {
        Failure::new(format!("no result can be written: {what} of the package cannot be read"))
            .hint("the report says why")
    };
    let acquisition = verified.acquisition.as_ref().ok_or_else(|| missing("meta/acquisition.json"))?;
    let summary = &verified.report.summary;
    if summary.trust_words.is_empty() {
        return Err(missing("the trust file"));
    }
    Ok(Attestation {
        origin: acquisition.origin.clone(),
        medium: acquisition.medium.label.clone(),
        package: acquisition.package,
        tagmanifest: verified.tagmanifest.ok_or_else(|| missing("tagmanifest-sha256.txt"))?,
        log: verified.log.ok_or_else(|| missing("the custody log"))?,
        policy: acquisition.policy,
        inventory: TreeHead { size: acquisition.inventory.lines, root: acquisition.inventory.root },
        statement,
        trust: summary.trust_words.clone(),
        trust_compared: summary.words_confirmed,
        when: Moment::new(Local::now().fixed_offset()),
        tool: tool()?,
    })
}

/// What an audit came to.
pub(crate) fn of_audit(acquisition: &Acquisition, report: &Report, records: u64) -> Statement {
    let mut findings: Vec<(String, u64)> = Vec::new();
    let mut kinds: Vec<&str> = report.findings.iter().map(|finding| finding.kind.as_str()).collect();
    kinds.sort_unstable();
    for kind in kinds {
        match findings.last_mut() {
            Some((last, count)) if last == kind => *count = count.saturating_add(1),
            _ => findings.push((kind.to_owned(), 1)),
        }
    }
    Statement::Replay(Replay {
        parts: parts(acquisition, &SetName::Ledger),
        records,
        intact: match report.intact {
            Intact::Yes => Verdict::Yes,
            Intact::No => Verdict::No,
            Intact::Unfinished => Verdict::NotChecked,
        },
        followed: answer(report.followed),
        matched: answer(report.matched),
        other_medium: report
            .other_medium
            .as_ref()
            .map(|why| why.chars().take(MAX_WHY).collect::<String>().trim().to_owned()),
        compared: report.compared,
        listing: report.listing.clone(),
        findings,
        departures: report.departures.len() as u64,
    })
}

/// Most characters of a text of an attestation.
const MAX_WHY: usize = 200;

/// The sealed files of a set, whose digests the check `bag` has compared.
pub(crate) fn parts(acquisition: &Acquisition, set: &SetName) -> Vec<Part> {
    let parts = acquisition.set(set).map_or(&[][..], |set| &set.parts);
    parts.iter().map(|part| Part { file: part.file.clone(), sha256: part.sha256 }).collect()
}

fn answer(answer: Answer) -> Verdict {
    match answer {
        Answer::Yes => Verdict::Yes,
        Answer::No => Verdict::No,
        Answer::NotChecked => Verdict::NotChecked,
    }
}

/// Refuses before any work what could not be written after it: a file that is there, a place in the package.
pub(crate) fn may_write(path: &Path, package: &Path) -> Result<(), Failure> {
    if path.symlink_metadata().is_ok() {
        return Err(Failure::new(format!("{} exists; nothing is overwritten", path.display())));
    }
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let folder = fs::canonicalize(folder).map_err(|error| Failure::of(folder.display())(&error))?;
    if fs::canonicalize(package).is_ok_and(|package| folder.starts_with(package)) {
        return Err(Failure::new(format!("{} lies in the package", path.display())).hint(
            "this program changes no package; `ambit attestation append` puts a signed result on its log",
        ));
    }
    Ok(())
}

/// Writes the text, for its author to sign.
pub(crate) fn write(path: &Path, attestation: &Attestation) -> Result<(), Failure> {
    let written = File::create_new(path).and_then(|mut file| {
        file.write_all(&attestation.to_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| Failure::of(path.display())(&error))
}

/// This program, with the digest of its executable.
fn tool() -> Result<Tool, Failure> {
    let path = std::env::current_exe().map_err(|error| Failure::of("this program")(&error))?;
    let bytes = fs::read(&path).map_err(|error| Failure::of(path.display())(&error))?;
    Ok(Tool {
        name: "ambit-verify".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        digest: Digest::of(&bytes),
    })
}
