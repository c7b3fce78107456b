//! `ambit sign`: a seal signature that comes later than the capture.
//!
//! The signer sees counts, departures, limits and roots, and the package is verified up to its
//! seal before anything is signed. A command that was broken off is given
//! again, and goes on; a second copy of a package that is sealed gets what the
//! custody log says of it, and nothing new.

mod sealed;

use chrono::Local;
use custody::log::remove_unfinished;
use custody::seal::{add_signature, conclude, is_torn, seal_of, signature, signature_files};
use custody::{CaseFolder, Disk, LogFolder, SecretKey, Signer};
use evidence::acquisition::RunNumber;
use evidence::event::{Action, PackageSeal};
use evidence::report::{Status, escape};
use evidence::sshsig::{self, PACKAGE_SEAL};
use evidence::trust::{Role, Step, Trust};
use evidence::verify::{VerifyOptions, verify};
use folder::Folder;
use scope::Digest;
use serde_json::json;

use crate::cli::SignArgs;
use crate::console::{Console, Context as _, Exit, Failure, NextStep as _};
use crate::load::{self, Passphrases};
use crate::workplace;

pub(super) fn sign(args: &SignArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let (trust, trust_bytes) = load::trust(&args.trust)?;
    let disk = console.disk().clone();
    let package = &args.package;
    if package.join("custody").symlink_metadata().is_ok_and(|found| found.is_dir()) {
        remove_unfinished(&disk, package).context("package")?;
    }
    let files = Folder::open(package).context(package.display())?;
    let options = VerifyOptions { now: Some(Local::now().fixed_offset()), ..VerifyOptions::default() };
    let report = verify(&files, &trust_bytes, &options);
    // What must hold before somebody puts a name under it. The seal, and what rests on it, is what is missing yet.
    for id in ["trust", "directory", "bag", "approval", "log", "agreement", "inventory"] {
        match report.check(id) {
            Some(check) if check.status != Status::Fail => {}
            Some(check) => {
                return Err(Failure::no(format!(
                    "{}: check `{id}` fails: {}",
                    package.display(),
                    check.detail
                ))
                .hint("do not sign this package"));
            }
            None => return Err(Failure::new(format!("the check `{id}` was not made"))),
        }
    }
    for (outcome, items) in &report.summary.counts {
        console.say(format_args!("{outcome:<22} {items:>10}"));
    }
    let bytes = load::read(&package.join("tagmanifest-sha256.txt"), MAX_TAGMANIFEST)?;
    for (word, sentences) in [("departure", &report.departures), ("limit", &report.limits)] {
        for sentence in sentences.iter().take(TOLD) {
            console.say(format_args!("{word}: {}", escape(sentence)));
        }
        if let more @ 1.. = sentences.len().saturating_sub(TOLD) {
            console
                .say(format_args!("and {more} more of this kind; `ambit-verify PKG --trust FILE` tells all"));
        }
    }
    console.say(format_args!("sealed bytes   {}", Digest::of(&bytes)));

    let signers = load::signers(&args.signing, &trust, Step::PackageSeal, console)?;
    let own = LogFolder::open(&disk, package, trust.origin()).context("package")?;
    let run: RunNumber = report.summary.package.parse().context("run number")?;
    let case = case_at_hand(args, &own, &disk)?;
    let present = signature_files(&disk, package).context("seal")?;
    let subject = Subject { args, disk, run, bytes, signers, present };
    let log = case.as_ref().map_or(&own, CaseFolder::log);
    if let Some((index, seal)) = seal_of(log, run).context("custody log")? {
        return sealed::complete(&subject, (index, &seal), own, case.as_ref(), console);
    }
    subject.add(&trust, case, console)
}

/// What is to be signed, and by whom.
struct Subject<'a> {
    args: &'a SignArgs,
    disk: Disk,
    run: RunNumber,
    /// The sealed bytes.
    bytes: Vec<u8>,
    signers: Vec<Signer>,
    /// The signatures that it has, by principal.
    present: Vec<(String, Vec<u8>)>,
}

impl Subject<'_> {
    /// Signs a package that nobody has sealed yet, and seals it where the quorum has signed by that.
    fn add(
        &self,
        trust: &Trust,
        mut case: Option<CaseFolder>,
        console: &mut Console<'_>,
    ) -> Result<Exit, Failure> {
        if self.signers.is_empty() {
            return Err(Failure::new("nobody signs").hint("give --sign-as NAME=KEY"));
        }
        let package = &self.args.package;
        let mut all = Vec::new();
        for (name, found) in &self.present {
            let here = self.signers.iter().find(|signer| signer.principal() == name);
            if here.is_some_and(|signer| is_torn(found, &signature(signer, &self.bytes))) {
                continue;
            }
            let key = |key| sshsig::verify(found, key, PACKAGE_SEAL, &self.bytes).is_ok();
            if !trust.principal(name).is_some_and(|known| known.keys.iter().any(key)) {
                let path = custody::seal::signature_path(package, name);
                return Err(Failure::no(format!("{}: this is no signature of `{name}` over the sealed bytes", path.display())).hint(
                    "if a command that wrote it was broken off, have this person sign again, with --sign-as; else do not sign this package; nothing was signed",
                ));
            }
            all.push(name.clone());
        }
        let missing = |signer: &&Signer| !all.iter().any(|name| name == signer.principal());
        let new: Vec<&Signer> = self.signers.iter().filter(missing).collect();
        let nothing_new = new.is_empty();
        all.extend(new.iter().map(|signer| signer.principal().to_owned()));
        all.sort();
        let names: Vec<(&str, Option<Role>)> = all.iter().map(|name| (name.as_str(), None)).collect();
        let lacks = trust.meets(Step::PackageSeal, &names).err();
        if let (Some(lacks), true) = (&lacks, nothing_new) {
            let who = self.signers.first().map_or("", Signer::principal);
            return Err(Failure::new(format!("`{who}` has sealed this package already"))
                .hint(format!("nothing is left for this person to sign; not sealed yet: {lacks}")));
        }
        // Every key is judged by the time of package.seal, and what is on the log cannot be taken back.
        let now = workplace::now();
        let expired =
            all.iter().filter_map(|name| trust.principal(name)).find(|known| !known.valid_at(now.at()));
        if let (Some(expired), None) = (expired, &lacks) {
            return Err(Failure::no(format!(
                "{now}: the key of `{}` is not valid now, by the trust file, and package.seal would quote it",
                expired.name
            ))
            .hint("have the trust file give the key more time, or seal by others whose keys are valid; nothing was signed or sealed"));
        }
        // All that can stand in the way is asked for before the first signature is written: it could not be taken back.
        let key = case.as_ref().filter(|_| lacks.is_none()).map(|case| self.log_key(case)).transpose()?;
        for signer in &new {
            add_signature(&self.disk, package, signer).context("seal")?;
        }
        let sealed = match (&mut case, &key) {
            (Some(case), Some(key)) => {
                self.finish(case, key)?;
                true
            }
            _ => false,
        };
        let present: Vec<&str> = all.iter().map(String::as_str).collect();
        let missing = match lacks {
            None => Vec::new(),
            Some(_) => workplace::missing_signers(trust, Step::PackageSeal, &present),
        };
        let text = match &lacks {
            None if sealed => format!("sealed by {}; package.seal is on the log", all.join(" and ")),
            // A log that went on in two places could never be one again: the case folder's alone goes on.
            None => format!(
                "signed by {}, and kept: nobody else has to sign; not sealed yet: package.seal goes to the log of the case folder, which is not here\n\
                 Next, where it is: ambit sign PACKAGE --trust TRUST --case CASE --sign-as NAME=KEY, with the key of one of them; if this is a copy, copy \
                 `seal/` of it into the package there first",
                all.join(" and ")
            ),
            Some(lacks) => format!(
                "signed by {}, and kept; not sealed yet: {lacks}\nstill to sign: {}",
                all.join(" and "),
                not_yet(trust, &missing)
            ),
        };
        let value = json!({ "tagmanifest": self.tagmanifest(), "signed_by": all, "sealed": sealed, "missing": missing });
        console.result(&value, text)?;
        Ok(if sealed { Exit::Done } else { Exit::Departures })
    }

    fn tagmanifest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    fn log_key(&self, case: &CaseFolder) -> Result<SecretKey, Failure> {
        workplace::log_key(case, &Passphrases::new(self.args.signing.passphrase_file.as_deref())?)
    }

    /// Appends package.seal to the case's log.
    fn finish(&self, case: &mut CaseFolder, log_key: &SecretKey) -> Result<(), Failure> {
        let by: Vec<&Signer> = self.signers.iter().collect();
        let (package, tagmanifest) = (self.run, self.tagmanifest());
        let action = Action::PackageSeal(PackageSeal { package, tagmanifest, signatures: Vec::new() });
        let statement = workplace::statement(action, "", &workplace::tool()?);
        conclude(&self.disk, &self.args.package, case, statement, &by, log_key)
            .context("seal")
            .or_hint("what is signed is kept: mend the fault, and give the same command again")
    }
}

/// Who is missing, by name and role; or that nobody is left who could.
fn not_yet(trust: &Trust, missing: &[String]) -> String {
    let told = missing.iter().filter_map(|name| {
        let roles: Vec<_> = trust.principal(name)?.roles.iter().map(|role| role.word()).collect();
        Some(format!("{name} ({}), with `ambit sign`", roles.join(", ")))
    });
    let told: Vec<String> = told.collect();
    if told.is_empty() { "another person, whom the trust file names".to_owned() } else { told.join("; ") }
}

/// The case folder whose log the package's is a beginning of; none where it is not at hand.
fn case_at_hand(args: &SignArgs, own: &LogFolder, disk: &Disk) -> Result<Option<CaseFolder>, Failure> {
    let Ok(dir) = workplace::find_case(&args.case, &args.package) else { return Ok(None) };
    let case = CaseFolder::open(disk, &dir).context(format_args!("case {}", dir.display()))?;
    if case.log().origin() != own.origin() {
        return Err(Failure::new(format!(
            "{} is the case {}, not {}",
            dir.display(),
            case.log().origin(),
            own.origin()
        ))
        .hint("give the package's own case with --case DIR; nothing was signed"));
    }
    if case.log().continues(own) {
        return Ok(Some(case));
    }
    if own.continues(case.log()) {
        return Err(Failure::new(format!(
            "{} has {} events, and the package's log {}: it is an older copy of the case folder",
            dir.display(),
            case.log().size(),
            own.size()
        ))
        .hint("give the case folder that went on, with --case DIR; nothing was signed"));
    }
    Err(Failure::new(format!("{} is another case than the package's", dir.display()))
        .hint("give the package's own case with --case DIR; nothing was signed"))
}

/// Most departures, and most limits, that are told on a screen.
const TOLD: usize = 50;

/// Longest tag manifest read: a hundred bytes per sealed file.
const MAX_TAGMANIFEST: u64 = 64 << 20;
