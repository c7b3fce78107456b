//! The copies of a package that somebody signs: each is checked, and all are one package.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::Local;
use custody::log::remove_unfinished;
use custody::seal::{is_torn, signature, signature_files, signature_path};
use custody::{CaseFolder, Disk, LogError, LogFolder, SealError, Signer};
use evidence::report::{Report, Status};
use evidence::sshsig::{self, PACKAGE_SEAL};
use evidence::trust::Trust;
use evidence::verify::{VerifyOptions, verify};
use folder::Folder;
use scope::Digest;

use super::super::copies;
use crate::cli::SignArgs;
use crate::console::{Context as _, Failure};
use crate::load;
use crate::workplace;

/// One copy of the package.
pub(super) struct OneCopy {
    pub(super) path: PathBuf,
    pub(super) log: LogFolder,
    /// The signatures that it has, by principal.
    pub(super) present: Vec<(String, Vec<u8>)>,
}

impl OneCopy {
    pub(super) fn open(disk: &Disk, path: &Path, origin: &str) -> Result<Self, Failure> {
        let log = LogFolder::open(disk, path, origin).context("package")?;
        let present = signature_files(disk, path).context("seal")?;
        Ok(Self { path: path.to_owned(), log, present })
    }

    /// The signature file of a principal that it has.
    pub(super) fn of(&self, name: &str) -> Option<&[u8]> {
        self.present.iter().find(|(own, _)| own == name).map(|(_, bytes)| bytes.as_slice())
    }
}

/// Verifies each copy up to its seal, which is what is missing yet: the report of the first, and the sealed bytes, which all have.
pub(super) fn checked(
    disk: &Disk,
    packages: &[PathBuf],
    trust_bytes: &[u8],
) -> Result<(Report, Vec<u8>), Failure> {
    copies::are_different(packages)?;
    let mut first: Option<(Report, Vec<u8>)> = None;
    for package in packages {
        let report = one_checked(disk, package, packages.len(), trust_bytes)?;
        let bytes = load::read(&package.join("tagmanifest-sha256.txt"), MAX_TAGMANIFEST)?;
        match &first {
            Some((_, other)) if *other != bytes => {
                return Err(Failure::no(format!(
                    "{} has the sealed bytes {}, and {} has {}: these are not copies of one package",
                    packages.first().map_or(Path::new(""), PathBuf::as_path).display(),
                    Digest::of(other),
                    package.display(),
                    Digest::of(&bytes)
                ))
                .hint("sign each package by a command of its own; of copies that should be one, keep both as they are and say so in a note; nothing was signed"));
            }
            Some(_) => {}
            None => first = Some((report, bytes)),
        }
    }
    first.ok_or_else(|| Failure::new("no package was given"))
}

fn one_checked(disk: &Disk, package: &Path, count: usize, trust_bytes: &[u8]) -> Result<Report, Failure> {
    if package.join("custody").symlink_metadata().is_ok_and(|found| found.is_dir()) {
        remove_unfinished(disk, package).context("package")?;
    }
    let files = Folder::open(package).context(package.display())?;
    let options = VerifyOptions { now: Some(Local::now().fixed_offset()), ..VerifyOptions::default() };
    let report = verify(&files, trust_bytes, &options);
    for id in ["trust", "directory", "bag", "approval", "log", "agreement", "inventory"] {
        match report.check(id) {
            Some(check) if check.status != Status::Fail => {}
            Some(check) => {
                let others = if count > 1 { "; leave it out, and sign what is whole" } else { "" };
                return Err(Failure::no(format!(
                    "{}: check `{id}` fails: {}",
                    package.display(),
                    check.detail
                ))
                .hint(format!("do not sign this package{others}")));
            }
            None => return Err(Failure::new(format!("the check `{id}` was not made"))),
        }
    }
    Ok(report)
}

/// The signatures over the sealed bytes that hold, of all copies: each copy is to have all of them.
pub(super) fn valid(
    copies: &[OneCopy],
    (signers, bytes): (&[Signer], &[u8]),
    trust: &Trust,
) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let holds = |name: &str, found: &[u8]| {
        let key = |key| sshsig::verify(found, key, PACKAGE_SEAL, bytes).is_ok();
        trust.principal(name).is_some_and(|known| known.keys.iter().any(key))
    };
    let all = || copies.iter().flat_map(|copy| copy.present.iter().map(move |(name, own)| (copy, name, own)));
    let mut valid: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (copy, name, found) in all().filter(|(_, name, found)| holds(name, found)) {
        if valid.insert(name.clone(), found.clone()).is_some_and(|other| other != *found) {
            return Err(Failure::no(format!(
                "{}: `{name}` has signed this copy and another with different keys, and a seal quotes one signature of each",
                signature_path(&copy.path, name).display()
            ))
            .hint("move one of the two files out of its package, and give the command again; nothing was signed"));
        }
    }
    for (copy, name, found) in all().filter(|(_, name, found)| !holds(name, found)) {
        let here = || Some(signature(signers.iter().find(|signer| signer.principal() == name)?, bytes));
        if valid.get(name).cloned().or_else(here).is_some_and(|whole| is_torn(found, &whole)) {
            continue;
        }
        return Err(Failure::no(format!(
            "{}: this is no signature of `{name}` over the sealed bytes",
            signature_path(&copy.path, name).display()
        ))
        .hint("if a command that wrote it was broken off, have this person sign again, with --sign-as; else do not sign this package; nothing was signed"));
    }
    Ok(valid)
}

/// Writes signature files, in place of what a break left of them.
pub(super) fn write(disk: &Disk, files: &[(PathBuf, Vec<u8>)]) -> Result<(), Failure> {
    for (path, bytes) in files {
        if disk.exists(path) {
            disk.remove_file(path).context("seal")?;
        }
        disk.write_new(path, bytes).context("seal")?;
    }
    Ok(())
}

/// The case folder whose log those of all copies are beginnings of; none where it is not at hand, and then one of them goes on
/// from the others.
pub(super) fn case_at_hand(
    args: &SignArgs,
    copies: &[OneCopy],
    disk: &Disk,
) -> Result<Option<CaseFolder>, Failure> {
    let beside = args.packages.first().map_or(Path::new(""), PathBuf::as_path);
    let Ok(dir) = workplace::find_case(&args.case, beside) else {
        let longest = longest(copies);
        return match longest.map(|longest| copies.iter().map(move |copy| (longest, copy))) {
            Some(mut pairs) => pairs.try_for_each(|(one, copy)| goes_on(&one.log, copy)).map(|()| None),
            None => Ok(None),
        };
    };
    let case = CaseFolder::open(disk, &dir).context(format_args!("case {}", dir.display()))?;
    let own = "give the package's own case with --case DIR; nothing was signed";
    for copy in copies {
        if case.log().origin() != copy.log.origin() {
            return Err(Failure::new(format!(
                "{} is the case {}, not {}",
                dir.display(),
                case.log().origin(),
                copy.log.origin()
            ))
            .hint(own));
        }
        match case.log().must_continue(&copy.log) {
            Err(LogError::Behind { size, other_size, .. }) => {
                return Err(Failure::new(format!(
                    "{} has {size} events, and the package's log {other_size}: it is an older copy of the case folder",
                    dir.display()
                ))
                .hint("give the case folder that went on, with --case DIR; nothing was signed"));
            }
            Err(LogError::Fork { index: 0, .. }) => {
                return Err(
                    Failure::new(format!("{} is another case than the package's", dir.display())).hint(own)
                );
            }
            _ => goes_on(case.log(), copy)?,
        }
    }
    Ok(Some(case))
}

fn goes_on(log: &LogFolder, copy: &OneCopy) -> Result<(), Failure> {
    log.must_continue(&copy.log)
        .map_err(|error| copies::refused(&copy.path, &SealError::Log(error), "nothing was signed"))
}

/// The copy whose log has the most events.
pub(super) fn longest(copies: &[OneCopy]) -> Option<&OneCopy> {
    copies.iter().max_by_key(|copy| copy.log.size())
}

/// Longest tag manifest read: a hundred bytes per sealed file.
const MAX_TAGMANIFEST: u64 = 64 << 20;
