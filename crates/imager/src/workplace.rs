//! The case folder at work: who signs, what may be examined, and on what authority.

use std::path::{Path, PathBuf};

use chrono::{DateTime, FixedOffset, Local};
use custody::{CaseError, CaseFolder, Disk, SecretKey, Signer};
use evidence::acquisition::{Departure, LayerStatement, MediumId, MediumStatement, OTHER_MEDIUM};
use evidence::approval::{Approval, Instrument, InstrumentKind, NAMESPACE};
use evidence::custody_log::{Log, Statement};
use evidence::event::{Action, Clock, Moment, Override, Tool};
use evidence::sshsig;
use evidence::trust::{QuorumError, Role, Step, Trust};
use scope::policy::Hours;
use scope::{Bundle, BundleFile, Digest};
use source::{ImageError, OpenError, OpenOptions, Opened};

use crate::cli::{CaseArg, SourceArgs};
use crate::console::{Chain, Console, Context as _, Failure, NextStep as _};
use crate::digests;
use crate::known;
use crate::load::{self, LoadedPolicy, Passphrases};

/// The case's own copy of the trust file: it says who the signers are. No verifier reads it.
pub(crate) const TRUST: &str = "trust.toml";

/// The case folder that was named, or the one that lies where a case folder lies.
pub(crate) fn find_case(arg: &CaseArg, beside: &Path) -> Result<PathBuf, Failure> {
    if let Some(dir) = &arg.dir {
        return Ok(dir.clone());
    }
    let is_case = |dir: &PathBuf| dir.join("case.json").is_file();
    let beside = std::path::absolute(beside).ok().and_then(|path| Some(path.parent()?.join("case")));
    [Some(PathBuf::from(".")), Some(PathBuf::from("case")), beside]
        .into_iter()
        .flatten()
        .find(is_case)
        .ok_or_else(|| {
            Failure::new("no case folder here").hint("give --case DIR, or make one with `ambit case new`")
        })
}

/// The log's key: `case.json` says where it lies.
pub(crate) fn log_key(case: &CaseFolder, passphrases: &Passphrases) -> Result<SecretKey, Failure> {
    let (stated, file) = (case.log_key_path(), case.root().join("case.json"));
    let key = case.log_key(&mut |path| passphrases.ask(path));
    let (key, _) = key.context(format_args!("log key, `{}` by {}", stated.display(), file.display())).or_hint(
        "a path that does not begin with / is seen from the case folder: put the key there, or write where it lies into the field `log_key` of that file",
    )?;
    Ok(key)
}

/// Opens a case folder, with its own copy of the trust file.
pub(crate) fn open_case(arg: &CaseArg, beside: &Path) -> Result<(CaseFolder, Trust), Failure> {
    open_case_on(&Disk::new(), arg, beside)
}

/// As [`open_case`], on this disk.
pub(crate) fn open_case_on(
    disk: &Disk,
    arg: &CaseArg,
    beside: &Path,
) -> Result<(CaseFolder, Trust), Failure> {
    let dir = find_case(arg, beside)?;
    let case = CaseFolder::open(disk, &dir).map_err(|error| {
        let failure = Failure::new(format!("case {}: {}", dir.display(), Chain(&error)));
        failure.hint(match error {
            CaseError::Locked(_) => {
                "let the other command come to its end, or stop it there; nothing was read"
            }
            _ => "give --case DIR, the folder that `ambit case new` made",
        })
    })?;
    let (trust, _) = load::trust(&dir.join(TRUST))?;
    Ok((case, trust))
}

/// The moment by this machine's clock, with its offset.
pub(crate) fn now() -> Moment {
    Moment::new(Local::now().fixed_offset())
}

/// This program, with the digest of its executable.
pub(crate) fn tool() -> Result<Tool, Failure> {
    let path = std::env::current_exe().context("this program")?;
    let bytes = std::fs::read(&path).context(path.display())?;
    Ok(Tool {
        name: "ambit".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        digest: Digest::of(&bytes),
    })
}

/// A statement for the log, of this moment.
pub(crate) fn statement(action: Action, reason: &str, tool: &Tool) -> Statement {
    Statement {
        when: now(),
        clock: Clock { source: "system".to_owned(), offset_seconds: None },
        who: Vec::new(),
        action,
        reason: reason.to_owned(),
        tool: tool.clone(),
    }
}

/// Fails unless the signers make up the quorum of `step`.
pub(crate) fn need_quorum(trust: &Trust, step: Step, signers: &[Signer]) -> Result<(), Failure> {
    let names: Vec<(&str, Option<Role>)> =
        signers.iter().map(|signer| (signer.principal(), Some(signer.person.role))).collect();
    trust.meets(step, &names).map_err(|error| {
        Failure::new(format!("{error}"))
            .hint("add the missing signer with --sign-as NAME=KEY; nothing was read")
    })
}

/// Of the roles that `step` needs and none of `present` has, the first principal of the trust file who has it, each.
pub(crate) fn missing_signers(trust: &Trust, step: Step, present: &[&str]) -> Vec<String> {
    let mut missing = Vec::new();
    for roles in trust.quorum(step) {
        let has_one = |name: &str| {
            trust.principal(name).is_some_and(|own| own.roles.iter().any(|role| roles.contains(role)))
        };
        if !present.iter().any(|name| has_one(name)) {
            missing
                .extend(trust.principals().iter().find(|own| has_one(&own.name)).map(|own| own.name.clone()));
        }
    }
    missing
}

/// A medium that may be examined: it is the policy's, the policy is approved, or the record says why not.
pub(crate) struct Ready {
    pub(crate) opened: Opened,
    pub(crate) medium: MediumStatement,
    /// Why there is no approval on record, in the examiner's words.
    pub(crate) without_approval: Option<String>,
    /// Why the source can be written to, in the examiner's words.
    pub(crate) writable_source: Option<String>,
    /// What else departs from the order, to be put on the log before anything is read.
    pub(crate) overrides: Vec<Override>,
    /// Digests that the image states of itself and does not have.
    pub(crate) differing: Vec<Departure>,
    /// Where approval or identity rests on what people attest or anybody can set, and a key or the medium itself should speak.
    pub(crate) rests_on_people: Vec<String>,
}

impl Ready {
    /// Whether anything departs from the order or the procedure.
    pub(crate) fn departs(&self) -> bool {
        !self.stated().is_empty() || !self.rests_on_people.is_empty()
    }

    /// What somebody gave a reason for.
    pub(crate) fn stated(&self) -> Vec<Departure> {
        let stated = [
            ("no approval on record", &self.without_approval),
            ("the source was writable", &self.writable_source),
        ];
        let stated = stated.into_iter().filter_map(|(what, reason)| Some((what.to_owned(), reason.clone()?)));
        let overrides = self.overrides.iter().map(|o| (o.what.clone(), o.reason.clone()));
        let stated = stated.chain(overrides).map(|(what, reason)| Departure { what, reason });
        stated.chain(self.differing.iter().cloned()).collect()
    }

    /// Each departure on a line of its own: nobody should meet exit code 3 and not know why.
    pub(crate) fn tell_departures(&self, console: &mut Console<'_>) {
        for told in self.told_departures() {
            console.say(format_args!("departure: {told}"));
        }
    }

    /// Each departure in words, with the reason that was given for it.
    pub(crate) fn told_departures(&self) -> Vec<String> {
        let stated = self.stated().into_iter();
        let stated = stated.map(|Departure { what, reason }| format!("{what}; reason given: {reason}"));
        stated.chain(self.rests_on_people.iter().cloned()).collect()
    }
}

/// Checks authority first, then opens the medium and compares its identity. `bare`: also one of which no file is read.
pub(crate) fn ready(
    args: &SourceArgs,
    loaded: &LoadedPolicy,
    case: &CaseFolder,
    trust: &Trust,
    bare: bool,
    console: &mut Console<'_>,
) -> Result<Ready, Failure> {
    if args.medium.is_empty() {
        return Err(Failure::new("no medium was given").hint("give --medium MEDIUM; nothing was read"));
    }
    log_holds(case, trust)?;
    let label = &case.file().medium_label;
    let mut overrides = Vec::new();
    let without_approval = match (approved(loaded, case, trust)?, &args.without_approval) {
        (Ok(()), _) => None,
        (Err(_), Some(reason)) => Some(reason.clone()),
        (Err(why), None) => {
            let what = format!("policy {} is not approved: {why}", loaded.policy.id());
            return Err(Failure::no(what).hint(match approves_another(loaded, case) {
                true => format!(
                    "the case folder is {}: give the --case in which this policy is approved, or the --policy that this case has; \
                     an order that has changed needs a new case. Nothing was read",
                    case.root().display()
                ),
                false => "have the authority run `ambit policy approve`; nothing was read".to_owned(),
            }));
        }
    };
    if without_approval.is_none() {
        copies_are_those_approved(case)?;
    }
    for (what, remedy) in out_of_time(loaded, now().at()) {
        let Some(reason) = &args.without_approval else {
            return Err(Failure::no(what).hint(format!(
                "{remedy}; `--without-approval REASON` goes on, and the record will say so; nothing was read"
            )));
        };
        overrides.push(Override { what, reason: reason.clone() });
    }
    // Where the order permits a running source, that it can be written to departs from nothing, and is a limit.
    let live = loaded.policy.target().live;
    let writable_source = live || args.writable_source.is_some();
    let options = OpenOptions {
        writable_source,
        bare,
        form: args.image_form,
        reader: console.reader().clone(),
        ..OpenOptions::default()
    };
    let mut opened = source::open_set(&args.medium, &options).map_err(|error| {
        let hint = not_opened(&error).map(|hint| format!("{hint}; nothing was read"));
        let failure = Failure::new(format!("medium: {}", Chain(&error)));
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })?;
    let digests = match args.digest_medium {
        true => digests::before(&mut opened, args, console)?,
        false => digests::Before::default(),
    };
    told_if_claimed(&mut opened, args.digest_medium);
    let medium = statement_of(&opened, label, args, digests.ids);
    let mut rests_on_people = Vec::new();
    match (known::known(loaded.policy.target(), label, &opened, &medium), &args.other_medium) {
        (Ok(known), _) => {
            rests_on_people.extend(known.rests_on.map(|weak| weak.to_string()));
            opened.medium.limits.extend(known.unchecked.iter().map(ToString::to_string));
            if let Some(named) = &known.file_systems {
                folder::limit_to(&mut opened, named);
            }
        }
        (Err(why), Some(reason)) => {
            overrides.push(Override { what: format!("{OTHER_MEDIUM}{why}"), reason: reason.clone() });
        }
        // What shows neither an identity nor a file is hardly a medium at all: another file was named by mistake.
        (Err(why), None) if opened.sources.is_empty() && medium.ids.is_empty() => {
            let what = opened.medium.layers.first().map_or("nothing that is known", |layer| &layer.what);
            return Err(Failure::new(format!("no file on this medium can be read, it is {what}; and {why}")).hint(
                "give the path of an image, a device, or a folder where the medium is mounted read-only; nothing was taken",
            ));
        }
        (Err(why), None) => {
            let hint = known::next_step(&why, loaded, label, &opened, args);
            return Err(Failure::no(why.to_string()).hint(hint));
        }
    }
    let writable_source = args.writable_source.clone().filter(|_| opened.medium.writable);
    if live && opened.medium.writable && writable_source.is_none() {
        opened.medium.limits.push(
            "the source could be written to while it was read, as target.live permits: it need not be of one moment"
                .to_owned(),
        );
    }
    for limit in &opened.medium.limits {
        let word = if opened.medium.cut_short().any(|cut| cut == limit) { "WARNING" } else { "note" };
        console.say(format_args!("{word}: {limit}"));
    }
    // Without an approval that holds, what is on record is of no use, and the departure is another.
    if without_approval.is_none() {
        rests_on_people.extend(attested_order(case)?);
    }
    Ok(Ready {
        opened,
        medium,
        without_approval,
        writable_source,
        overrides,
        differing: digests.differing,
        rests_on_people,
    })
}

/// Fails where a reader would refuse the log as it stands: what is appended to it is refused with it, and a package that quotes
/// it is never INTACT, however good the night's work is.
pub(crate) fn log_holds(case: &CaseFolder, trust: &Trust) -> Result<(), Failure> {
    let log = Log::read(&case.log().files().context("custody log")?);
    let refused = log.refused(trust);
    let Some(first) = refused.first() else { return Ok(()) };
    let more = match refused.len() - 1 {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    Err(Failure::no(format!("{}: every verifier would refuse this custody log: {first}{more}", case.root().display())).hint(
        "somebody or something has changed it, or the trust file is another case's: put back a copy of the case folder as it was, give \
         the right trust file, or keep this folder as it is and begin a new case with `ambit case new`; nothing was read, signed or changed",
    ))
}

/// Whether the case holds an approval of this very policy, signed by the authority or resting on an order that people attest.
fn approved(loaded: &LoadedPolicy, case: &CaseFolder, trust: &Trust) -> Result<Result<(), String>, Failure> {
    let Some(bytes) = case.policy_file("approval.txt").context("case")? else {
        return Ok(Err("the case has no approval on record".to_owned()));
    };
    let approval = Approval::parse(&bytes).context("case")?;
    if approval.policy != loaded.policy.id() {
        return Ok(Err(format!("the approval on record is of policy {}", approval.policy)));
    }
    if approval.medium != case.file().medium_label {
        return Ok(Err(format!("the approval on record is for medium {}", approval.medium)));
    }
    let mut signed: Vec<(&str, Option<Role>)> = Vec::new();
    for principal in trust.principals() {
        let name = format!("approval.txt.{}.sig", principal.name);
        let Some(armored) = case.policy_file(&name).context("case")? else { continue };
        if principal.keys.iter().any(|key| sshsig::verify(&armored, key, NAMESPACE, &bytes).is_ok()) {
            signed.push((principal.name.as_str(), None));
        }
    }
    let met = match approval.instrument {
        None => trust.meets(Step::PolicyApprove, &signed),
        Some(_) => attests(trust, signed.iter().map(|(name, _)| *name)),
    };
    Ok(met.map_err(|error| error.to_string()))
}

/// Whether the approval on record is there, and of another policy: then the wrong case or policy was named, more likely than not.
fn approves_another(loaded: &LoadedPolicy, case: &CaseFolder) -> bool {
    let bytes = case.policy_file("approval.txt").ok().flatten();
    let approval = bytes.and_then(|bytes| Approval::parse(&bytes).ok());
    approval.is_some_and(|approval| approval.policy != loaded.policy.id())
}

/// What the case folder keeps of the approval goes into the package as it lies there: it is what was approved, or nothing is
/// begun. A package with another copy is refused by every verifier, when the medium may be gone.
fn copies_are_those_approved(case: &CaseFolder) -> Result<(), Failure> {
    let Some(bytes) = case.policy_file("approval.txt").context("case")? else { return Ok(()) };
    let approval = Approval::parse(&bytes).context("case")?;
    let (mut bundle, mut rendering) = (Bundle::new(), None);
    for (name, file) in case.policy_files().context("case")? {
        match (name.as_str(), &file) {
            ("rendering.md", file) => rendering = Some(file.digest()),
            (name, _) if name.starts_with("approval.txt") => {}
            (_, BundleFile::Memory(bytes)) => bundle.insert(name, bytes.to_vec()).context("case")?,
            (_, BundleFile::Outside(list)) => bundle.insert_outside(name, list.clone()).context("case")?,
        }
    }
    let folder = case.root().join("policy");
    for (what, found, approved) in
        [("the policy", Some(bundle.id()), approval.policy), ("rendering.md", rendering, approval.rendering)]
    {
        if found != Some(approved) {
            let found = found.map_or_else(|| "is missing".to_owned(), |digest| format!("is {digest}"));
            return Err(Failure::no(format!(
                "{}: {what} {found}, what was approved is {approved}: somebody has changed the case folder's copy",
                folder.display()
            ))
            .hint("put the copy back that was approved; a package with another one would be refused by every verifier. Nothing was read"));
        }
    }
    Ok(())
}

/// What the approval on record departs in, where people attest the order.
fn attested_order(case: &CaseFolder) -> Result<Option<String>, Failure> {
    let approval = case.policy_file("approval.txt").context("case")?;
    let approval = approval.map(|bytes| Approval::parse(&bytes)).transpose().context("case")?;
    let instrument = approval.and_then(|approval| approval.instrument);
    Ok(instrument.map(|Instrument { kind, sha256 }| attested(kind, sha256)))
}

/// The departure of an approval by an order that people attest.
pub(crate) fn attested(kind: InstrumentKind, sha256: Digest) -> String {
    format!("no signature by the authority: {} is attested by its digest {sha256}", kind.told())
}

/// Whether these principals can attest an order: the examiner and a witness, or whom the trust file asks for.
pub(crate) fn attests<'n>(trust: &Trust, signers: impl Iterator<Item = &'n str>) -> Result<(), QuorumError> {
    let signers: Vec<(&str, Option<Role>)> = signers.map(|name| (name, None)).collect();
    match trust.meets(Step::PolicyApprove, &signers) {
        Ok(()) => Ok(()),
        Err(_) => {
            trust.meets_roles(Step::PolicyApprove, &[vec![Role::Examiner], vec![Role::Witness]], &signers)
        }
    }
}

/// What the order's dates and hours have against work that begins now, and what can be done about each.
pub(crate) fn out_of_time(loaded: &LoadedPolicy, now: DateTime<FixedOffset>) -> Vec<(String, &'static str)> {
    let authority = loaded.policy.authority();
    let mut found = Vec::new();
    if now < authority.issued {
        let issued = authority.issued.to_rfc3339();
        found.push((
            format!("the order is of {issued}, which is still to come; it is {now}"),
            "check the clock of this machine, and the date `issued` of the policy",
        ));
    }
    if now > authority.execute_by {
        let deadline = authority.execute_by.to_rfc3339();
        found.push((
            format!("the order was to be executed by {deadline}; it is {now}"),
            "have the order extended",
        ));
    }
    if let hours @ Hours::Daily { offset, .. } = authority.hours
        && !hours.holds(now)
    {
        let local = now.with_timezone(&offset).format("%H:%M");
        found.push((
            format!("work on site is limited to the hours {hours}; there it is {local}"),
            "wait for the hours of the order; where this is not work on site, say so as the reason",
        ));
    }
    found
}

/// A digest that an image states and nobody computed again is a claim, and the record says so.
fn told_if_claimed(opened: &mut Opened, computed: bool) {
    if computed {
        return;
    }
    let claims = opened.medium.stored.iter();
    let claims: Vec<String> = claims
        .map(|digest| {
            format!("the image states the {} {}, which was not computed again", digest.algorithm, digest.hex)
        })
        .collect();
    opened.medium.limits.extend(claims);
}

/// The layers of a medium, as the record states them.
pub(crate) fn layers(opened: &Opened) -> Vec<LayerStatement> {
    folder::layers(opened)
}

/// What a medium shows of itself, for the log.
pub(crate) fn bare_statement(opened: &Opened, label: &str) -> MediumStatement {
    let ids = opened.medium.ids.iter();
    let mut ids: Vec<MediumId> =
        ids.map(|(kind, value)| MediumId { kind: kind.clone(), value: value.clone() }).collect();
    ids.sort();
    ids.dedup();
    let form = opened.medium.form.clone();
    MediumStatement { label: label.to_owned(), form, size: opened.medium.size, ids }
}

/// What is said of the medium in the record: what it showed of itself, and what a person read off it.
fn statement_of(opened: &Opened, label: &str, args: &SourceArgs, digests: Vec<MediumId>) -> MediumStatement {
    let mut statement = bare_statement(opened, label);
    if let Some(tag) = &args.asset_tag {
        statement.ids.push(MediumId { kind: "asset_tag".to_owned(), value: tag.clone() });
    }
    statement.ids.extend(digests);
    statement.ids.sort();
    statement.ids.dedup();
    statement
}

/// What to do about a medium that could not be opened; `None` where the error itself says it.
pub(crate) fn not_opened(error: &OpenError) -> Option<&'static str> {
    match error {
        error if error.is_of_unread_volumes() => Some(VOLUMES_ALONE),
        OpenError::Image { error: ImageError::Unsupported(what), .. } if not_alone(what).is_some() => {
            not_alone(what)
        }
        // These say what to do.
        OpenError::Image { error: ImageError::TwoForms { .. }, .. } | OpenError::Unsupported { .. } => None,
        OpenError::Writable { .. } => Some("mount it read-only, or give --writable-source REASON"),
        OpenError::WritableDevice { .. } => {
            Some("set it read-only (blockdev --setro), or give --writable-source REASON")
        }
        OpenError::Image { error: ImageError::Corrupt(_), .. } => Some(
            "take another copy of the image, or image the drive again; where its own maker's tools still read it (ewfexport, \
             qemu-img convert), export a raw image with them, note that you did, and give that",
        ),
        OpenError::Image { .. } => Some(
            "give the whole image as its maker wrote it, every segment in one folder, or image the drive again",
        ),
        _ => Some("give the path of an image, a device, or a folder where the medium is mounted read-only"),
    }
}
/// What to do about a virtual disk that is whole, and cannot be read by itself: another file or a key is wanting.
fn not_alone(what: &str) -> Option<&'static str> {
    let has = |part| what.contains(part);
    if has("backing file") || has("data are in another file") || has("VMDK with a parent") {
        return Some(
            "put the disk together in a copy, with the files that it builds on beside it: qemu-img convert -O raw IN OUT; note \
             that you did, and give OUT",
        );
    }
    if has("QCOW2 disk encrypted with") {
        return Some(
            "with its key, decrypt a copy: qemu-img convert --object secret,id=key,file=KEYFILE --image-opts \
             driver=qcow2,encrypt.key-secret=key,file.filename=IN -O raw OUT; note that you did, and give OUT. Without the key \
             nothing of it can be read",
        );
    }
    has("differencing VHD").then_some(
        "merge a copy of it with the disks that it builds on, by the tools of its maker (Merge-VHD of Hyper-V); note that you \
         did, and give the merged disk",
    )
}

/// What to do where no file of a medium can be read.
const VOLUMES_ALONE: &str = "`ambit image --to court`, with the same options as `ambit capture`, preserves its volumes whole, where the policy \
    has `unread_volumes = \"preserve\"` in [target]; `ambit medium info` says what is on it; nothing was taken";
