//! Reading what the commands are given: policies, trust files, keys, passphrases.

use std::fs::{self, File};
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use custody::durable::Disk;
use custody::keys::{KeyWarning, SecretKey, readable_by_others};
use custody::{KeyError, ListOnDisk, Signer};
use evidence::event::Person;
use evidence::trust::{MAX_TRUST, Principal, Role, Step, Trust};
use scope::{Bundle, ListFile, Policy};
use zeroize::Zeroizing;

use crate::cli::SigningArgs;
use crate::console::{Chain, Console, Context as _, Failure, NextStep as _};

/// A policy, with the exact bytes that it was read from.
pub(crate) struct LoadedPolicy {
    pub(crate) bundle: Bundle,
    pub(crate) policy: Policy,
    /// The folder it was read from.
    pub(crate) folder: PathBuf,
}

/// Reads a policy folder, or the folder of a `policy.toml`.
///
/// The bundle is `policy.toml` and the list files that it names: other files beside it
/// (a README, cases) are not part of what is approved.
pub(crate) fn policy(path: &Path) -> Result<LoadedPolicy, Failure> {
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new(".")) };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    if !path.is_dir() && path.file_name().is_none_or(|name| name != Bundle::POLICY) {
        return Err(Failure::new(format!("{}: not a policy", path.display()))
            .hint("give a policy folder, or the policy.toml in it"));
    }
    let mut bundle = Bundle::new();
    add(&mut bundle, folder, Bundle::POLICY, Bundle::MAX_POLICY)
        .or_hint("give a policy folder, or the policy.toml in it")?;
    for name in bundle.named_files() {
        if name == "rendering.md" || name.starts_with("approval.txt") {
            return Err(Failure::no(format!("a list cannot be kept in a file named `{name}`"))
                .hint("the package keeps the rendering and the approval under that name; rename the list"));
        }
        add(&mut bundle, folder, &name, Bundle::MAX_IN_MEMORY).or_hint(
            "the policy names this list: put the file beside policy.toml, exactly as it was approved",
        )?;
    }
    match Policy::parse(&bundle) {
        Ok(policy) => Ok(LoadedPolicy { bundle, policy, folder: folder.to_owned() }),
        Err(problems) => Err(Failure::no(format!("{} is not a policy\n\n{problems}", path.display()))
            .hint("mend the places shown, then run `ambit policy check` again")),
    }
}

fn add(bundle: &mut Bundle, folder: &Path, name: &str, limit: usize) -> Result<(), Failure> {
    let path = folder.join(name);
    let long = |metadata: fs::Metadata| metadata.len() > limit as u64;
    if name != Bundle::POLICY && fs::metadata(&path).is_ok_and(long) {
        let list = ListOnDisk::open(&path).and_then(|list| ListFile::read(Arc::new(list)));
        return bundle.insert_outside(name, Arc::new(list.context(path.display())?)).context(path.display());
    }
    let bytes = read(&path, limit as u64)?;
    bundle.insert(name, bytes).context(path.display())
}

/// Reads a small file whole.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let file = File::open(path).context(path.display())?;
    file.take(limit + 1).read_to_end(&mut bytes).context(path.display())?;
    if bytes.len() as u64 > limit {
        return Err(Failure::new(format!("{}: more than {limit} bytes", path.display())));
    }
    Ok(bytes)
}

/// A trust file and its bytes.
pub(crate) fn trust(path: &Path) -> Result<(Trust, Vec<u8>), Failure> {
    let bytes = read(path, MAX_TRUST as u64)
        .or_hint("give the trust file that the court or your laboratory wrote, such as trust.toml")?;
    let trust = Trust::parse(&bytes).context(format_args!("trust file {}", path.display())).or_hint(
        "is this the trust file, and not the policy? have whoever wrote it mend the place that is named",
    )?;
    Ok((trust, bytes))
}

/// Where a passphrase comes from: a file that was named, or the person at the terminal.
pub(crate) struct Passphrases {
    from_file: Option<Zeroizing<String>>,
}

impl Passphrases {
    pub(crate) fn new(file: Option<&Path>) -> Result<Self, Failure> {
        let from_file = match file {
            None => None,
            Some(path) => {
                let text = Zeroizing::new(fs::read_to_string(path).context(path.display())?);
                Some(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
            }
        };
        Ok(Self { from_file })
    }

    /// The passphrase of the key at `path`; `None` where there is nobody to ask.
    pub(crate) fn ask(&self, path: &Path) -> Option<Zeroizing<String>> {
        if let Some(passphrase) = &self.from_file {
            return Some(passphrase.clone());
        }
        if !std::io::stdin().is_terminal() {
            return None;
        }
        rpassword::prompt_password(format!("passphrase of {}: ", path.display())).ok().map(Zeroizing::new)
    }

    /// A passphrase for new keys, typed twice.
    pub(crate) fn invent(&self, name: &str) -> Result<Zeroizing<String>, Failure> {
        if let Some(passphrase) = &self.from_file {
            return Ok(passphrase.clone());
        }
        if !std::io::stdin().is_terminal() {
            return Err(Failure::new("there is no terminal to ask for a passphrase").hint(
                "give --passphrase-file FILE, or --unprotected for keys that anyone who can read them may use",
            ));
        }
        let ask = |prompt: String| rpassword::prompt_password(prompt).map(Zeroizing::new).context("terminal");
        let first = ask(format!("new passphrase for {name}: "))?;
        let second = ask("the same again: ".to_owned())?;
        if *first != *second {
            return Err(Failure::new("the two passphrases differ; no key was made"));
        }
        Ok(first)
    }
}

/// Loads the keys of all `--sign-as`.
///
/// A key that is not its principal's in the trust file is refused before anything is signed.
pub(crate) fn signers(
    args: &SigningArgs,
    trust: &Trust,
    step: Step,
    console: &mut Console<'_>,
) -> Result<Vec<Signer>, Failure> {
    let passphrases = Passphrases::new(args.passphrase_file.as_deref())?;
    let mut signers: Vec<Signer> = Vec::new();
    for sign_as in &args.sign_as {
        let name = &sign_as.principal;
        let known = trust.principal(name).ok_or_else(|| {
            let names: Vec<_> = trust.principals().iter().map(|p| p.name.as_str()).collect();
            Failure::new(format!("the trust file has no principal `{name}`"))
                .hint(format!("it has {}", names.join(", ")))
        })?;
        if signers.iter().any(|signer| signer.principal() == name) {
            return Err(Failure::new(format!("--sign-as {name} is given twice")));
        }
        let now = chrono::Local::now().fixed_offset();
        if !known.valid_at(now) {
            return Err(Failure::new(format!(
                "by the trust file, the keys of `{name}` are not valid today, {now}"
            ))
            .hint("have the trust file amended, or another person sign; nothing was signed"));
        }
        let key = signing_key(&sign_as.key, &passphrases, console)?;
        if !known.keys.iter().any(|public| public.to_string() == key.public_line()) {
            return Err(Failure::new(format!(
                "{}: this is not a key of `{name}` in the trust file",
                sign_as.key.display()
            ))
            .hint("give the key that the trust file lists, or have the trust file amended"));
        }
        let person = Person {
            principal: known.name.clone(),
            role: role_for(known, trust, step)?,
            person: known.person.clone(),
            organisation: known.organisation.clone(),
        };
        signers.push(Signer { person, key });
    }
    signers.sort_by(|a, b| a.principal().cmp(b.principal()));
    Ok(signers)
}

/// The role in which a principal signs: one that the step asks for, where they have one.
fn role_for(principal: &Principal, trust: &Trust, step: Step) -> Result<Role, Failure> {
    let asked = trust.quorum(step).concat();
    let fits = principal.roles.iter().find(|role| asked.contains(role));
    fits.or(principal.roles.first())
        .copied()
        .ok_or_else(|| Failure::new(format!("the trust file gives `{}` no role", principal.name)))
}

/// Loads one OpenSSH key.
pub(crate) fn signing_key(
    path: &Path,
    passphrases: &Passphrases,
    console: &mut Console<'_>,
) -> Result<SecretKey, Failure> {
    let loaded = SecretKey::load(&Disk::new(), path, &mut |path| passphrases.ask(path));
    let mistyped = matches!(loaded, Err(KeyError::WrongPassphrase { .. }));
    let (key, warnings) = loaded
        .context(format_args!("key {}", path.display()))
        .map_err(|failure| match mistyped {
            true => failure.hint("give the command again, and the passphrase with it; nothing was read"),
            false => failure,
        })
        .or_hint("give a private OpenSSH ed25519 key that you may read (`ambit key new NAME --only signing` makes one) and its passphrase")?;
    warn(&warnings, console);
    Ok(key)
}

/// Loads the identities of one age identity file.
pub(crate) fn identities(
    path: &Path,
    passphrase_file: Option<&Path>,
    console: &mut Console<'_>,
) -> Result<Vec<Box<dyn age::Identity>>, Failure> {
    Ok(identity_keys(path, passphrase_file, console)?.identities)
}

/// As [`identities`], with their recipients.
pub(crate) fn identity_keys(
    path: &Path,
    passphrase_file: Option<&Path>,
    console: &mut Console<'_>,
) -> Result<folder::Keys, Failure> {
    let passphrases = Passphrases::new(passphrase_file)?;
    warn(&readable_by_others(path), console);
    folder::read_keys(path, &mut |path| passphrases.ask(path))
        .map_err(|error| {
            let failure = Failure::new(format!("identity {}: {}", path.display(), Chain(&error)));
            match error {
                folder::IdentityFileError::NoPassphrase => failure.hint(
                    "run this at a terminal, where it is asked for; or give --passphrase-file FILE, whose first line it is",
                ),
                _ => failure,
            }
        })
        .or_hint("give an age identity, such as auditor.age: it opens, and a signing key does not")
}

fn warn(warnings: &[KeyWarning], console: &mut Console<'_>) {
    for warning in warnings {
        // An unprotected key is a choice that was made; a readable one may be an accident.
        if matches!(warning, KeyWarning::Readable { .. }) {
            console.say(format_args!("warning: {warning}"));
        }
    }
}
