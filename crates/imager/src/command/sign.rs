//! `ambit sign`: a seal signature that comes later than the capture.
//!
//! The signer sees counts and roots, and the package is verified up to its
//! seal before anything is signed.

use chrono::Local;
use custody::seal::{Keeper, add_signature, conclude, signed_by};
use custody::{CaseFolder, Disk, LogFolder, SecretKey, Signer};
use evidence::event::{Action, PackageSeal};
use evidence::report::Status;
use evidence::trust::{Role, Step, Trust};
use evidence::verify::{VerifyOptions, verify};
use folder::Folder;
use scope::Digest;
use serde_json::json;

use crate::cli::SignArgs;
use crate::console::{Console, Context as _, Exit, Failure};
use crate::load::{self, Passphrases};
use crate::workplace;

pub(super) fn sign(args: &SignArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let (trust, trust_bytes) = load::trust(&args.trust)?;
    let disk = Disk::new();
    let package = &args.package;
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
    let sealed = load::read(&package.join("tagmanifest-sha256.txt"), MAX_TAGMANIFEST)?;
    let tagmanifest = Digest::of(&sealed);
    console.say(format_args!("sealed bytes   {tagmanifest}"));

    let signers = load::signers(&args.signing, &trust, Step::PackageSeal, console)?;
    if signers.is_empty() {
        return Err(Failure::new("nobody signs").hint("give --sign-as NAME=KEY"));
    }
    let before = signed_by(&disk, package).context("seal")?;
    if let Some(twice) = signers.iter().find(|signer| before.iter().any(|name| name == signer.principal())) {
        return Err(Failure::new(format!("`{}` has sealed this package already", twice.principal()))
            .hint("nothing is left for this person to sign; `ambit-verify PKG --trust FILE` says whether the package is sealed"));
    }
    let mut all: Vec<String> =
        signers.iter().map(|signer| signer.principal().to_owned()).chain(before).collect();
    all.sort();
    let names: Vec<(&str, Option<Role>)> = all.iter().map(|name| (name.as_str(), None)).collect();
    let lacks = trust.meets(Step::PackageSeal, &names).err();
    let concluded = lacks.is_none();
    // All that can stand in the way is asked for before the first signature is written: it could not be taken back.
    let mut keeper = if concluded { Some(keeper(args, trust.origin(), console)?) } else { None };
    for signer in &signers {
        add_signature(&disk, package, signer).context("seal")?;
    }
    if let Some(keeper) = &mut keeper {
        finish(args, &signers, tagmanifest, &report.summary.package, keeper)?;
    }
    let present: Vec<&str> = all.iter().map(String::as_str).collect();
    let missing = match concluded {
        true => Vec::new(),
        false => workplace::missing_signers(&trust, Step::PackageSeal, &present),
    };
    let text = match &lacks {
        None => format!("sealed by {}; package.seal is on the log", all.join(" and ")),
        Some(lacks) => format!(
            "signed by {}, and kept; not sealed yet: {lacks}\nstill to sign: {}",
            all.join(" and "),
            not_yet(&trust, &missing)
        ),
    };
    let value =
        json!({ "tagmanifest": tagmanifest, "signed_by": all, "sealed": concluded, "missing": missing });
    console.result(&value, text)?;
    Ok(if concluded { Exit::Done } else { Exit::Departures })
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

/// The case folder and its log key; neither where the folder is not at hand.
type CaseAtHand = Option<(CaseFolder, SecretKey)>;

/// Opens whatever package.seal will be appended to.
fn keeper(args: &SignArgs, origin: &str, console: &mut Console<'_>) -> Result<CaseAtHand, Failure> {
    let Ok(dir) = workplace::find_case(&args.case, &args.package) else {
        console.say("the case folder is not at hand: package.seal goes to the package's own log, without a checkpoint");
        return Ok(None);
    };
    let case = CaseFolder::open(&Disk::new(), &dir).context(format_args!("case {}", dir.display()))?;
    if case.log().origin() != origin {
        return Err(Failure::new(format!(
            "{} is the case {}, not {origin}",
            dir.display(),
            case.log().origin()
        ))
        .hint("give the package's own case with --case DIR; nothing was signed"));
    }
    // The package's log must be a beginning of the case's.
    let own = LogFolder::open(&Disk::new(), &args.package, origin).context("package")?;
    if !case.log().continues(&own) {
        return Err(Failure::new(format!("{} is another case than the package's", dir.display()))
            .hint("give the package's own case with --case DIR; nothing was signed"));
    }
    let passphrases = Passphrases::new(args.signing.passphrase_file.as_deref())?;
    let log_key = workplace::log_key(&case, &passphrases)?;
    Ok(Some((case, log_key)))
}

/// Appends package.seal: to the case's log where the case is at hand, else to the package's own.
fn finish(
    args: &SignArgs,
    signers: &[Signer],
    tagmanifest: Digest,
    run: &str,
    keeper: &mut CaseAtHand,
) -> Result<(), Failure> {
    let disk = Disk::new();
    let by: Vec<&Signer> = signers.iter().collect();
    let package = run.parse().context("run number")?;
    let action = Action::PackageSeal(PackageSeal { package, tagmanifest, signatures: Vec::new() });
    let statement = workplace::statement(action, "", &workplace::tool()?);
    match keeper {
        None => conclude(&disk, &args.package, Keeper::Package, statement, &by, None),
        Some((case, key)) => conclude(&disk, &args.package, Keeper::Case(case), statement, &by, Some(key)),
    }
    .context("seal")
}

/// Longest tag manifest read: a hundred bytes per sealed file.
const MAX_TAGMANIFEST: u64 = 64 << 20;
