//! `ambit sign`: a seal signature that comes later than the capture.
//!
//! The signer sees counts, departures, limits and roots, and the package is verified up to its
//! seal before anything is signed. A command that was broken off is given
//! again, and goes on; where several copies of the package are named, all get the same signatures and the same seal; a copy of
//! a package that is sealed gets what the custody log says of it, and nothing new.

mod copy;
mod sealed;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use copy::{OneCopy, checked, longest};
use custody::seal::{conclude, seal_of, signature, signature_path};
use custody::{CaseFolder, Disk, SecretKey, Signer};
use evidence::acquisition::RunNumber;
use evidence::event::{Action, PackageSeal};
use evidence::report::escape;
use evidence::trust::{Role, Step, Trust};
use scope::Digest;
use serde_json::{Value, json};

use super::copies::left_in_two;
use crate::cli::SignArgs;
use crate::console::{Console, Context as _, Exit, Failure, NextStep as _};
use crate::load::{self, Passphrases};
use crate::workplace;

pub(super) fn sign(args: &SignArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let (trust, trust_bytes) = load::trust(&args.trust)?;
    let disk = console.disk().clone();
    let (report, bytes) = checked(&disk, &args.packages, &trust_bytes)?;
    for (outcome, items) in &report.summary.counts {
        console.say(format_args!("{outcome:<22} {items:>10}"));
    }
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
    let copies = args.packages.iter().map(|path| OneCopy::open(&disk, path, trust.origin()));
    let copies = copies.collect::<Result<Vec<_>, _>>()?;
    let run: RunNumber = report.summary.package.parse().context("run number")?;
    let case = copy::case_at_hand(args, &copies, &disk)?;
    case.as_ref().map_or(Ok(()), |case| workplace::log_holds(case, &trust))?;
    let log = case.as_ref().map(CaseFolder::log).or_else(|| Some(&longest(&copies)?.log));
    let sealed = log.map(|log| seal_of(log, run)).transpose().context("custody log")?.flatten();
    let subject = Subject { args, disk, run, bytes, signers, copies };
    match sealed {
        Some((index, seal)) => sealed::complete(subject, (index, &seal), case.as_ref(), console),
        None => subject.add(&trust, case, console),
    }
}

/// What is to be signed, and by whom.
struct Subject<'a> {
    args: &'a SignArgs,
    disk: Disk,
    run: RunNumber,
    /// The sealed bytes.
    bytes: Vec<u8>,
    signers: Vec<Signer>,
    /// Every copy that was named.
    copies: Vec<OneCopy>,
}

impl Subject<'_> {
    /// Signs a package that nobody has sealed yet, and seals it where the quorum has signed by that.
    fn add(
        mut self,
        trust: &Trust,
        mut case: Option<CaseFolder>,
        console: &mut Console<'_>,
    ) -> Result<Exit, Failure> {
        if self.signers.is_empty() {
            return Err(Failure::new("nobody signs").hint("give --sign-as NAME=KEY"));
        }
        let mut whole = copy::valid(&self.copies, (&self.signers, &self.bytes), trust)?;
        let new = self.signers.iter().filter(|signer| !whole.contains_key(signer.principal()));
        let new: Vec<_> =
            new.map(|signer| (signer.principal().to_owned(), signature(signer, &self.bytes))).collect();
        let nothing_new = new.is_empty();
        whole.extend(new);
        let writes = self.writes(&whole);
        let all: Vec<String> = whole.into_keys().collect();
        let names: Vec<(&str, Option<Role>)> = all.iter().map(|name| (name.as_str(), None)).collect();
        let lacks = trust.meets(Step::PackageSeal, &names).err();
        if let (Some(lacks), true) = (&lacks, nothing_new && writes.is_empty()) {
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
        copy::write(&self.disk, &writes)?;
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
        let in_each = match self.copies.len() {
            1 => String::new(),
            count => format!(", in each of {count} copies"),
        };
        let mut text = match &lacks {
            None if sealed => format!("sealed by {}; package.seal is on the log{in_each}", all.join(" and ")),
            // A log that went on in two places could never be one again: the case folder's alone goes on.
            None => format!(
                "signed by {}, and kept{in_each}: nobody else has to sign; not sealed yet: package.seal goes to the log of the case folder, which is not here\n\
                 Next, where it is: ambit sign PACKAGE --trust TRUST --case CASE --sign-as NAME=KEY, with the key of one of them; if this is a copy, copy \
                 `seal/` of it into the package there first",
                all.join(" and ")
            ),
            Some(lacks) => format!(
                "signed by {}, and kept{in_each}; not sealed yet: {lacks}\nstill to sign: {}",
                all.join(" and "),
                not_yet(trust, &missing)
            ),
        };
        text += &self.second_copy(case.as_ref(), console)?;
        let value = json!({ "tagmanifest": self.tagmanifest(), "signed_by": all, "sealed": sealed, "missing": missing, "packages": self.packages() });
        console.result(&value, text)?;
        Ok(if sealed { Exit::Done } else { Exit::Departures })
    }

    fn tagmanifest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    fn log_key(&self, case: &CaseFolder) -> Result<SecretKey, Failure> {
        workplace::log_key(case, &Passphrases::new(self.args.signing.passphrase_file.as_deref())?)
    }

    /// What each copy lacks of these signatures.
    fn writes(&self, whole: &BTreeMap<String, Vec<u8>>) -> Vec<(PathBuf, Vec<u8>)> {
        let lacks = |copy: &OneCopy| {
            let lacks = whole.iter().filter(|(name, own)| copy.of(name) != Some(own.as_slice()));
            lacks.map(|(name, own)| (signature_path(&copy.path, name), own.clone())).collect::<Vec<_>>()
        };
        self.copies.iter().flat_map(lacks).collect()
    }

    /// Appends package.seal to the case's log, and brings that into every copy.
    fn finish(&mut self, case: &mut CaseFolder, log_key: &SecretKey) -> Result<(), Failure> {
        let again = "what is signed is kept: mend the fault, and give the same command again";
        let by: Vec<&Signer> = self.signers.iter().collect();
        let (package, tagmanifest) = (self.run, self.tagmanifest());
        let action = Action::PackageSeal(PackageSeal { package, tagmanifest, signatures: Vec::new() });
        let statement = workplace::statement(action, "", &workplace::tool()?);
        let first = self.copies.first().map_or(Path::new(""), |copy| &copy.path);
        conclude(&self.disk, first, case, statement, &by, log_key).context("seal").or_hint(again)?;
        let mut others = self.copies.iter_mut().skip(1);
        others.try_for_each(|copy| case.log().copy_to(&mut copy.log)).context("seal").or_hint(again)
    }

    fn packages(&self) -> Vec<Value> {
        self.copies.iter().map(|copy| json!(copy.path.display().to_string())).collect()
    }

    /// What is said where one copy was named, and the log tells of two.
    fn second_copy(&self, case: Option<&CaseFolder>, console: &Console<'_>) -> Result<String, Failure> {
        let [only] = self.copies.as_slice() else { return Ok(String::new()) };
        let events = case.map_or(&only.log, CaseFolder::log).events().context("custody log")?;
        let left = left_in_two(self.run);
        if !events.iter().any(|event| matches!(&event.action, Action::Note(note) if note.text == left)) {
            return Ok(String::new());
        }
        let words = ["sign", &*only.path.to_string_lossy(), "SECOND"];
        let command = console.with_options(&words, &["--trust", "--case", "--passphrase-file"]);
        Ok(format!(
            "\nthe capture made a second copy of this package, and this command did not write to it: where it is, SECOND, it gets the same with: {command}"
        ))
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

/// Most departures, and most limits, that are told on a screen.
const TOLD: usize = 50;
