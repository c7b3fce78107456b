//! `ambit capture`: examine, decide, keep or leave, seal.
//!
//! ```text
//! authority, quorum, medium       refused here: nothing was read
//! acquisition.start               signed by all, durable, before the first item
//! look, decide, keep or leave     one pass; the record of every item
//! acquisition.end                 what was counted
//! seal                            signatures, package.seal, checkpoint; OUT.partial becomes OUT
//! ```

use std::io::IsTerminal as _;
use std::path::Path;

use custody::{
    Compression, Ending, Options as Batches, PackageWriter, SecretKey, SetRecipients, Setup, Signer, Unsealed,
};
use evidence::acquisition::{Departure, Extent, RecordLeft};
use evidence::event::{AcquisitionEnd, AcquisitionStart, Action, MediumUnreadable, Note, PackageSeal};
use evidence::trust::Step;
use scope::policy::{LeftRecord, UnreadVolumes};
use scope::{Digest, Policy};
use serde_json::{Value, json};
use source::Source;

use super::keeping::Keeping;
use super::plan::{cut_short, outcomes, summary, summary_value};
use crate::cli::{Addressee, CaptureArgs, CompressionArg, ImageArgs};
use crate::console::{Console, Context as _, Exit, Failure};
use crate::estimate;
use crate::load;
use crate::load::Passphrases;
use crate::survey::{self, How, Tally};
use crate::workplace::{self, Ready};

/// `ambit capture`: the files of a medium.
pub(super) fn capture(args: &CaptureArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    acquire(args, Extent::Files, None, console)
}

/// As [`capture`], but for the sources, which the caller made: for tests of more items than any medium at hand has.
#[cfg(test)]
pub(crate) fn capture_made(
    args: &CaptureArgs,
    made: &[Box<dyn Source>],
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    acquire(args, Extent::Files, Some(made), console)
}

/// `ambit image --to court`: the volumes of a medium of which no file can be read, whole, for the court alone.
pub(super) fn image(args: &ImageArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let Addressee::Court = args.to;
    acquire(&args.capture, Extent::Volumes, None, console)
}

fn acquire(
    args: &CaptureArgs,
    extent: Extent,
    made: Option<&[Box<dyn Source>]>,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let loaded = load::policy(&args.examine.policy)?;
    let policy = &loaded.policy;
    refuse_what_this_version_lacks(policy)?;
    if extent == Extent::Volumes {
        may_preserve_volumes(policy)?;
    }
    let disk = console.disk().clone();
    let (mut case, case_trust) = workplace::open_case_on(&disk, &args.case, &loaded.folder)?;
    let (trust, _) = load::trust(&args.trust)?;
    if trust.digest() != case_trust.digest() {
        console.say("note: this trust file is not the one that the case was opened with");
    }
    let signers = load::signers(&args.signing, &trust, Step::AcquisitionStart, console)?;
    workplace::need_quorum(&trust, Step::AcquisitionStart, &signers)?;
    let signed_by: Vec<&Signer> = signers.iter().collect();
    let passphrases = Passphrases::new(args.signing.passphrase_file.as_deref())?;
    let (log_key, _) = case.log_key(&mut |path| passphrases.ask(path)).context("log key")?;
    can_be_asked(args.yes)?;
    let ready =
        workplace::ready(&args.examine.source, &loaded, &case, &trust, extent == Extent::Volumes, console)?;
    let volumes = ready.opened.unread_sources();
    let sources = match (made, extent) {
        (Some(made), _) => made,
        (None, Extent::Files) => ready.opened.sources.as_slice(),
        (None, Extent::Volumes) => volumes.as_slice(),
    };
    if sources.is_empty() {
        return Err(nothing_to_take(extent));
    }
    let tool = workplace::tool()?;
    can_be_made(&args.out)?;

    for departure in &ready.overrides {
        let action = Action::Override(departure.clone());
        case.append(workplace::statement(action, "", &tool), &signed_by).context("custody log")?;
    }
    let run = custody::new_run_number().context("run number")?;
    let run_key = SecretKey::generate("run").context("run key")?;
    let start = Action::AcquisitionStart(AcquisitionStart {
        package: run,
        run_key: run_key.public_line(),
        policy: policy.id(),
        medium: ready.medium.clone(),
        freshness: "not checked".to_owned(),
        writable_source: ready.writable_source.clone(),
        without_approval: ready.without_approval.clone(),
        write_blocker: args.write_blocker.clone(),
    });
    case.append(workplace::statement(start, "", &tool), &signed_by).context("custody log")?;
    let began = workplace::now();

    let setup = Setup {
        origin: trust.origin().to_owned(),
        package: run,
        medium: ready.medium.clone(),
        policy: policy.id(),
        run_key,
        recipients: recipients(policy),
        record_left: match policy.record().left {
            LeftRecord::Facts => RecordLeft::Facts,
            LeftRecord::Counts => RecordLeft::Counts,
        },
        options: Batches {
            part_size: args.part_size,
            compression: compression(args.compression),
            ..Batches::default()
        },
    };
    let writer = PackageWriter::create(&disk, &args.out, &case.state(), setup)
        .context(format_args!("package {}", args.out.display()))?;
    let how = How {
        looks: examine::Options { md5: args.md5, sha1: args.sha1, ..examine::Options::default() },
        pace: &args.pace,
        phase: "capture",
        expected: match extent {
            Extent::Files => estimate::last(&case, policy.id(), &ready.medium.label),
            Extent::Volumes => None,
        },
        interrupt: console.interrupt(),
    };
    let keeping = Keeping::new(&writer, policy);
    let walked = survey::survey(&how, policy, sources, &keeping);
    let changed = keeping.changed();
    let tally = match walked {
        Ok(tally) => tally,
        Err(failure) => {
            // What no journal commits is no use to anybody; where it cannot be removed, its name says what it is.
            let _ = writer.discard_batch();
            // The log says how a run ended even where there is no package to say it.
            let text = format!("the acquisition {run} ended without a package");
            let note = workplace::statement(Action::Note(Note { text }), "", &tool);
            case.append(note, &signed_by).context("custody log")?;
            return Err(failure.hint(format!(
                "{}.partial is no package; keep it with the case, mend the fault, and capture again to a new name",
                args.out.display()
            )));
        }
    };

    let closed = writer.close().context("package")?;
    let ended = workplace::now();
    let (after, missing) = medium_after(&ready, args.examine.source.digest_medium, console)?;
    let before = ready.medium.ids.iter().find(|id| id.kind == "image_sha256");
    let altered = matches!((before, after), (Some(before), Some(after)) if before.value != after.hex());
    if let Some(after) = after {
        console.say(format_args!("SHA-256 of the medium, after: {}", after.hex()));
    }
    if altered {
        console.say("warning: the medium has another SHA-256 than before; the record says so");
    }
    let end = closed.end(
        tally.issues,
        tally.interrupted.is_some(),
        custody::Medium { sha256: after, unreadable: missing },
    );
    let (unreadable, failed) = (end.unreadable, failed(&end));
    case.append(workplace::statement(Action::AcquisitionEnd(end), "", &tool), &signed_by)
        .context("custody log")?;
    let log = case.tree().ok_or_else(|| Failure::new("the custody log is empty"))?;
    let inventory = closed.inventory().clone();
    let ending = Ending {
        tool: tool.clone(),
        began,
        ended,
        log,
        limits: limits(&ready, &tally, policy, extent, changed).into_iter().chain(failed.clone()).collect(),
        layers: workplace::layers(&ready.opened),
        extent,
        walk: tally.walks.clone(),
        departures: departures(&ready),
        policy_files: policy_files(&loaded, &case, &ready)?,
    };
    let unsealed = closed.finish(ending).context("package")?;
    let tagmanifest = unsealed.tagmanifest();
    let mut text = match extent {
        Extent::Files => summary(&tally, policy),
        Extent::Volumes => outcomes(&tally),
    } + &cut_short(&ready.opened.medium);
    let by = if args.yes || confirm(&text, tagmanifest, inventory.root, console) {
        signers.as_slice()
    } else {
        &[]
    };
    let sealed = seal(unsealed, &mut case, &trust, by, &log_key, &tool, run, tagmanifest)?;

    text += &format!(
        "\n\npackage        {}\nsealed bytes   {tagmanifest}\ninventory root {}  ({} lines)\ncustody log    {} entries\n",
        args.out.display(),
        inventory.root,
        inventory.lines,
        case.log().size()
    );
    text += match sealed {
        true => "sealed; write the two digests into your notes, and have the witness do the same",
        false => {
            "NOT sealed yet: the quorum of package.seal is not met. Next: ambit sign PKG --trust FILE --sign-as NAME=KEY"
        }
    };
    if let Some(after) = after {
        let same = if altered { "NOT the one from before" } else { "before and after" };
        text += &format!("\nSHA-256 of the medium, {same}: {}", after.hex());
    }
    if unreadable > 0 {
        text += &format!(
            "\nnote: some content of {unreadable} kept items could not be read; the record lists the ranges"
        );
    }
    if let Some(failed) = &failed {
        text += &format!("\nnote: {failed}; the custody log lists them");
    }
    let unread = ready.opened.unread.len();
    if extent == Extent::Files && unread > 0 && policy.target().unread_volumes == UnreadVolumes::Preserve {
        text += &format!(
            "\nnote: {unread} volumes of this medium cannot be read; `ambit image --to court` preserves them whole"
        );
    }
    let mut value = summary_value(&tally, policy);
    if let Value::Object(fields) = &mut value {
        fields.insert("package".to_owned(), json!(args.out.display().to_string()));
        fields.insert("run".to_owned(), json!(run));
        fields.insert("tagmanifest".to_owned(), json!(tagmanifest));
        fields.insert("inventory".to_owned(), json!(inventory));
        fields.insert("sealed".to_owned(), json!(sealed));
        fields.insert("unreadable".to_owned(), json!(unreadable));
        fields.insert("cut_short".to_owned(), json!(ready.opened.medium.cut_short().collect::<Vec<_>>()));
        fields.insert("medium_sha256".to_owned(), json!(after));
    }
    console.result(&value, text)?;
    let departs = ready.departs() || altered || tally.interrupted.is_some() || !sealed;
    Ok(if departs { Exit::Departures } else { Exit::Done })
}

/// The medium's digest after the last item, where it is asked for and every byte can be read; and what it did not give, to
/// whomever read it.
fn medium_after(
    ready: &Ready,
    digest: bool,
    console: &mut Console<'_>,
) -> Result<(Option<Digest>, Option<MediumUnreadable>), Failure> {
    let found = match (&ready.opened.image, digest) {
        (Some(image), true) => Some(workplace::whole_digest(image, &[])?),
        _ => None,
    };
    let mut drives = ready.opened.drives.bad_ranges();
    let partial = found.as_ref().and_then(workplace::partial);
    if let (Some(found), Some(partial)) = (&found, &partial) {
        console.say(format_args!("warning: {partial}"));
        if drives.is_empty() {
            drives.push(Vec::new());
        }
        if let [only] = drives.as_mut_slice() {
            only.extend(found.unreadable.iter().map(|(from, to)| *from..*to));
            *only = source::merged(std::mem::take(only));
        }
    }
    let mut missing = MediumUnreadable::of(&drives);
    match partial {
        Some(_) => {
            if let Some(missing) = &mut missing {
                missing.sha256_with_zeros = found.map(|found| found.sha256);
            }
            Ok((None, missing))
        }
        None => Ok((found.map(|found| found.sha256), missing)),
    }
}

/// What the medium did not give, as a limit.
fn failed(end: &AcquisitionEnd) -> Option<String> {
    let missing = end.medium_unreadable.as_ref()?;
    Some(format!("{} bytes of the medium in {} ranges could not be read", missing.bytes, missing.ranges))
}

fn compression(asked: CompressionArg) -> Compression {
    match asked {
        CompressionArg::None => Compression::None,
        CompressionArg::Fast => Compression::Fast,
        CompressionArg::Best => Compression::Best,
    }
}

/// Fails unless a package can be begun at `out`: asked before anybody signs, since a signed start stays on the log.
fn can_be_made(out: &Path) -> Result<(), Failure> {
    if out.symlink_metadata().is_ok() {
        return Err(Failure::new(format!("{} exists; nothing is overwritten", out.display()))
            .hint("give another --out; nothing was signed or read"));
    }
    let mut partial = out.as_os_str().to_owned();
    partial.push(".partial");
    let partial = Path::new(&partial);
    std::fs::create_dir(partial).and_then(|()| std::fs::remove_dir(partial)).map_err(|error| {
        Failure::new(format!("{}: {error}", partial.display()))
            .hint("an unfinished capture stays under that name; give another --out, on a disk that can be written to; nothing was signed or read")
    })
}

/// Fails where nobody could be asked before the seal, and nobody said beforehand that they need not be.
fn can_be_asked(agreed: bool) -> Result<(), Failure> {
    if agreed || std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Failure::new("examiner and witness are asked before the seal, and standard input is no terminal")
        .hint("run this at a terminal; or give --yes, with which both agree beforehand to seal whatever the counts are; nothing was signed or read"))
}

/// Whether the people at the terminal agree, once they have seen counts and roots.
fn confirm(counts: &str, sealed: Digest, root: Digest, console: &mut Console<'_>) -> bool {
    let input = std::io::stdin();
    console.say(format_args!("{counts}\n\nsealed bytes   {sealed}\ninventory root {root}\n"));
    console.say(
        "examiner and witness: type `yes` to seal this; anything else leaves it unsealed, for `ambit sign`",
    );
    let mut answer = String::new();
    input.read_line(&mut answer).is_ok() && answer.trim() == "yes"
}

/// For whom each set is encrypted: the policy says so, and nobody else.
fn recipients(policy: &Policy) -> SetRecipients {
    let named = policy.recipients();
    SetRecipients {
        captured: [named.case.as_slice(), &named.captured_also].concat(),
        compartments: policy.compartments().iter().map(|c| (c.id.clone(), c.recipients.clone())).collect(),
        ledger: [named.auditor.as_slice(), &named.court].concat(),
    }
}

fn refuse_what_this_version_lacks(policy: &Policy) -> Result<(), Failure> {
    match policy.lists().iter().find(|list| list.restricted) {
        None => Ok(()),
        Some(list) => Err(Failure::new(format!(
            "the list `{}` is restricted, and this version cannot keep a list out of the package",
            list.id
        ))
        .hint("have the policy approved without `restricted`, or wait for a version that can")),
    }
}

fn nothing_to_take(extent: Extent) -> Failure {
    match extent {
        Extent::Files => Failure::new("no file system on this medium can be read")
            .hint("`ambit medium info` says what is on it; `ambit image --to court` preserves such volumes where the policy allows it"),
        Extent::Volumes => Failure::new("this medium has no volume that the order covers and of which no file can be read: there is none to preserve whole")
            .hint("`ambit medium info` says what is on it; `ambit capture` takes the files that the policy allows"),
    }
}

/// Fails unless the order lets volumes of which no file can be read be preserved.
fn may_preserve_volumes(policy: &Policy) -> Result<(), Failure> {
    match policy.target().unread_volumes {
        UnreadVolumes::Preserve => Ok(()),
        UnreadVolumes::Name => {
            Err(Failure::no("the policy lets a volume that cannot be read be named, and not taken")
                .hint("it takes `unread_volumes = \"preserve\"` in [target], approved by the authority; nothing was read"))
        }
    }
}

fn limits(ready: &Ready, tally: &Tally, policy: &Policy, extent: Extent, changed: u64) -> Vec<String> {
    let mut limits = ready.opened.medium.limits.clone();
    limits.extend(tally.limits.iter().cloned());
    if tally.issues > 0 {
        limits.push(format!("{} places of the medium could not be walked", tally.issues));
    }
    if tally.failed_looks > 0 {
        limits.push(format!("{} looks could not be taken to their end", tally.failed_looks));
    }
    if extent == Extent::Files {
        let idle = tally.idle_rules(policy).into_iter();
        limits.extend(idle.map(|rule| format!("rule {rule} determined no item on this medium")));
        limits.extend(tally.dead_paths(policy));
    }
    if !policy.target().closed.is_empty() {
        limits.push(
            "the policy closes folders: nothing below them was listed, counted or looked at".to_owned(),
        );
    }
    if changed > 0 {
        limits.push(format!(
            "{changed} items were read twice, to decide and to keep, and gave other bytes the second time; an audit names them"
        ));
    }
    if let Some(reason) = &tally.interrupted {
        limits.push(format!("stopped at {reason}; what lies beyond was not examined"));
    }
    limits
}

fn departures(ready: &Ready) -> Vec<Departure> {
    let stated = [
        ("no approval on record", &ready.without_approval),
        ("the source was writable", &ready.writable_source),
    ];
    let stated = stated.into_iter().filter_map(|(what, reason)| Some((what.to_owned(), reason.clone()?)));
    let overrides = ready.overrides.iter().map(|o| (o.what.clone(), o.reason.clone()));
    stated.chain(overrides).map(|(what, reason)| Departure { what, reason }).collect()
}

/// What goes into `meta/policy`: what was approved, or, where nothing was, the bundle that was followed.
fn policy_files(
    loaded: &load::LoadedPolicy,
    case: &custody::CaseFolder,
    ready: &Ready,
) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    if ready.without_approval.is_none() {
        return case.policy_files().context("case");
    }
    let mut files: Vec<(String, Vec<u8>)> =
        loaded.bundle.files().map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect();
    files.push(("rendering.md".to_owned(), scope::render(&loaded.policy).into_bytes()));
    Ok(files)
}

/// Seals if those present make up the quorum; otherwise leaves the package to `ambit sign`.
#[expect(clippy::too_many_arguments, reason = "each is a different thing that a seal needs")]
fn seal(
    unsealed: Unsealed,
    case: &mut custody::CaseFolder,
    trust: &evidence::trust::Trust,
    signers: &[Signer],
    log_key: &SecretKey,
    tool: &evidence::event::Tool,
    run: evidence::acquisition::RunNumber,
    tagmanifest: Digest,
) -> Result<bool, Failure> {
    let by: Vec<&Signer> = signers.iter().collect();
    if workplace::need_quorum(trust, Step::PackageSeal, signers).is_err() {
        unsealed.leave_open(case, &by, log_key).context("seal")?;
        return Ok(false);
    }
    // The signatures are filled in by the seal itself.
    let action = Action::PackageSeal(PackageSeal { package: run, tagmanifest, signatures: Vec::new() });
    unsealed.seal(case, workplace::statement(action, "", tool), &by, log_key).context("seal")?;
    Ok(true)
}
