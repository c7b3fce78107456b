//! `ambit capture --resume`: what of a broken run stands, and whether this is the run that may go on.

mod authentic;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use custody::{CaseFolder, Complete, Disk, Found, PackageError, Reading, Unfinished};
use evidence::acquisition::{Departure, Extent, MediumStatement, Resumed, RunNumber};
use evidence::event::{AcquisitionStart, Action, Moment, Note, Override, PackageSeal, TreeHead};
use evidence::trust::Trust;
use scope::Digest;

use super::capture::{can_be_resumed, not_kept};
use super::destination::Places;
use crate::cli::CaptureArgs;
use crate::console::{Console, Context as _, Exit, Failure};
use crate::pipeline::asked_to_stop;
use crate::progress::ByteProgress;
use crate::survey::Counted;
use crate::workplace::{self, Ready};
use authentic::authentic;

/// What is to be done with `OUT.partial`.
pub(super) enum Broken {
    /// Nothing was committed of it, and nothing is there any more: it is begun anew.
    Anew,
    /// It lacks its name alone, and what it has in itself to make again.
    Complete(Complete),
    /// It goes on.
    GoesOn(Box<Unfinished>, Box<Announced>),
}

/// Opens what was broken off, and reads every committed part again.
pub(super) fn open(
    places: Places<'_>,
    disk: &Disk,
    (case, trust): (&CaseFolder, &Trust),
    args: &CaptureArgs,
    console: &mut Console<'_>,
) -> Result<Broken, Failure> {
    let partials: Vec<PathBuf> = places.all().iter().map(|out| custody::package::partial_path(out)).collect();
    let told = |paths: &[PathBuf]| {
        paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" and ")
    };
    let there = |path: &PathBuf| path.symlink_metadata().is_ok();
    let slip =
        places.all().iter().find(|out| !there(&custody::package::partial_path(out)) && is_unfinished(out));
    if let Some(out) = slip {
        return Err(not_its_name(out));
    }
    if partials.iter().all(|partial| !there(partial)) && !places.all().iter().any(there) {
        let failure = Failure::new(format!("{} does not exist: there is nothing to resume", told(&partials)));
        return Err(match unfinished_runs(case) {
            0 => failure.hint("give the --out of the capture that was broken off; leave out --resume to begin one"),
            runs => failure.hint(format!(
                "the case folder has the keys of {runs} unfinished captures: mount the disk on which it lies, and give its --out; without --resume a second one would be begun, and the medium be looked at again"
            )),
        });
    }
    let partial = told(&partials);
    let found = Unfinished::open(disk, places.all(), &case.state()).map_err(|error| {
        let alone = match &error {
            PackageError::OneFails { other, .. } => Some(other.display().to_string()),
            _ => None,
        };
        match alone {
            Some(other) => Failure::of(&partial, &error).hint(format!(
                "mend that disk and give the command again; or give --out {other} alone: that copy goes on without the other, and the record says so; nothing was read"
            )),
            None => advised(&partial, &error),
        }
    });
    match found? {
        Found::Finished(_) => {
            let left =
                custody::unfinished::remove_what_is_left(disk, places.all(), &case.state(), case.log());
            if left.context("case folder")? {
                console.say("note: the resume keys of this run were still in the case folder, and are removed: it is closed, and goes on no more");
            }
            Err(Failure::new(format!("{} exists: there is nothing to resume", told(places.all()))).hint(
                "`ambit-verify PACKAGE --trust FILE` checks it; give another --out for another package",
            ))
        }
        Found::Nothing => {
            console.say(format_args!("nothing was committed in {partial}: it is begun anew"));
            for partial in partials.iter().filter(|partial| there(partial)) {
                disk.clear(partial, &|_| false)
                    .and_then(|()| disk.remove_folder(partial))
                    .context("package")?;
            }
            Ok(Broken::Anew)
        }
        Found::Complete(mut complete) => {
            workplace::log_holds(case, trust)?;
            let said = complete.acquisition();
            let all = said
                .sets
                .iter()
                .flat_map(|set| &set.parts)
                .fold(0, |sum: u64, part| sum.saturating_add(part.bytes));
            let checked = read_again(all, args, console, |reading| complete.check(case.log(), reading));
            match checked {
                Err(PackageError::Stopped) => {
                    return Err(can_be_resumed(asked_to_stop(), true, places, console));
                }
                Err(error) if complete.with_journal().is_some() => {
                    let other = complete.with_journal().unwrap_or(Path::new("")).display();
                    return Err(Failure::of("package", &error).hint(format!(
                        "neither copy lacks its name alone; {other} has its journal still: give --out {other} alone, and it goes on by that; the other is kept as it is, and nothing was changed"
                    )));
                }
                Err(error @ (PackageError::Part { .. } | PackageError::Missing { .. })) => {
                    return Err(put_back(&error));
                }
                checked => checked.map_err(|error| advised("package", &error))?,
            }
            Ok(Broken::Complete(complete))
        }
        Found::Unfinished(mut unfinished) => {
            let announced = authentic(&mut unfinished, case, trust)?;
            let committed = unfinished.batches() > 0;
            let all = unfinished.bytes();
            let checked = read_again(all, args, console, |reading| unfinished.check(reading));
            match checked {
                Err(PackageError::Stopped) => {
                    return Err(can_be_resumed(asked_to_stop(), committed, places, console));
                }
                Err(PackageError::Altered { batch, .. }) if args.retake.is_some() => {
                    unfinished.discard_from(batch);
                }
                Err(error @ PackageError::Altered { .. }) => {
                    return Err(not_kept(&error, places, console));
                }
                checked => checked.map_err(|error| advised("package", &error))?,
            }
            for unlike in unfinished.unlike() {
                console.say(format_args!("warning: {unlike}"));
            }
            Ok(Broken::GoesOn(unfinished, Box::new(announced)))
        }
    }
}

/// How many captures the case folder could go on with.
pub(super) fn unfinished_runs(case: &CaseFolder) -> usize {
    let names =
        std::fs::read_dir(case.state()).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.filter(|name| name.to_string_lossy().ends_with(".resume.key")).count()
}

/// Whether what has this name is a package that was never closed.
fn is_unfinished(out: &Path) -> bool {
    out.join(custody::package::WORK).is_dir()
}

/// An unfinished package under a name that is not `OUT.partial`.
fn not_its_name(out: &Path) -> Failure {
    let given = out.to_string_lossy();
    let failure = Failure::new(format!("{given} is an unfinished package itself"));
    match given.strip_suffix(".partial") {
        Some(name) => failure.hint(format!("give --out {name}, its name once it is whole; nothing was read")),
        None => failure.hint(format!(
            "give it back its name, {given}.partial, and give the command again; nothing was read"
        )),
    }
}

/// What is said of a file that cannot be made again from what else is there.
fn put_back(error: &PackageError) -> Failure {
    let path = match error {
        PackageError::Part { path, .. } | PackageError::Missing { path, .. } => path.display().to_string(),
        _ => String::new(),
    };
    Failure::new(format!("package: {error}")).hint(format!(
        "put {path} back as it was, from a copy of the package, and give the command again; the message has its digest. Until then keep the package with the case as it is, and say so in a note; nothing was changed"
    ))
}

/// Reads what is there again: with its progress, and so that it can be stopped in order.
fn read_again(
    bytes: u64,
    args: &CaptureArgs,
    console: &Console<'_>,
    read: impl FnOnce(Reading<'_>) -> Result<(), PackageError>,
) -> Result<(), PackageError> {
    let progress = ByteProgress::start_in(args.pace.progress, "check", bytes);
    let told = |read, all| progress.bytes_of(read, all);
    let interrupt = console.interrupt();
    let in_order = interrupt.ends_in_order();
    let stop = || interrupt.is_asked();
    let checked = read(Reading { jobs: args.pace.jobs(), told: &told, stop: &stop });
    drop(in_order);
    progress.finish();
    checked
}

/// Fails where the case folder knows of more than this copy has, unless somebody says why it goes on all the same.
pub(super) fn older(unfinished: &Unfinished, args: &CaptureArgs) -> Result<Option<Override>, Failure> {
    match (unfinished.older(), &args.older_copy) {
        (None, _) => Ok(None),
        (Some(older), Some(reason)) => Ok(Some(Override {
            what: format!("{OLDER_COPY}{older}"),
            reason: reason.clone(),
        })),
        (Some(older), None) => Err(Failure::no(format!("{} is an older copy: {older}", older.path.display())).hint(
            "find the copy that went on, or was moved, and resume that; if it is lost, --older-copy REASON goes on from this one: nothing is missing from such a package, and the record says so; nothing was read",
        )),
    }
}

/// Says which options were given for what is not there: nothing on record comes of them.
pub(super) fn not_needed(unfinished: &Unfinished, args: &CaptureArgs, console: &mut Console<'_>) {
    if args.older_copy.is_some() && unfinished.older().is_none() {
        console.say("note: --older-copy was not needed: by what the case folder knows this is the newest copy, and the record says nothing of the reason given");
    }
    if args.retake.is_some() && unfinished.discarded().is_none() {
        console.say("note: --retake was not needed: every committed batch was read and is as it was written, and the record says nothing of the reason given");
    }
}

/// What is said of batches that the destination has not kept, and that are taken again. Fails where the log has gone too far.
pub(super) fn retaken(
    unfinished: &Unfinished,
    announced: &Announced,
    args: &CaptureArgs,
) -> Result<Option<Override>, Failure> {
    let (Some((from, to)), Some(reason)) = (unfinished.discarded(), &args.retake) else { return Ok(None) };
    let too_far = match (announced.end.is_some(), announced.resumed.last()) {
        (true, _) => Some("its end is on the custody log".to_owned()),
        (_, Some(last)) if last.batch > from => {
            Some(format!("the custody log says that it was resumed at batch {}", last.batch))
        }
        _ => None,
    };
    match too_far {
        None => {
            Ok(Some(Override { what: format!("batches {from} to {to} {RETAKEN}"), reason: reason.clone() }))
        }
        Some(why) => Err(Failure::no(format!("batch {from} of this run cannot be taken again: {why}")).hint(
            "keep it with the case, say so in a note, and capture again to a new --out; nothing was read",
        )),
    }
}

/// What an override says of batches that are taken again, before its reason.
const RETAKEN: &str = "were discarded and taken again: the destination had not kept what was written";

/// What an override says of a run that goes on from an older copy, before the numbers.
const OLDER_COPY: &str = "the run goes on from an older copy: ";

/// What to do about a package that does not hold; `what` names it.
pub(super) fn advised(what: &str, error: &PackageError) -> Failure {
    let hint = match error {
        PackageError::NoJournal { .. } | PackageError::NotClosed { .. } => {
            "its parts are evidence, and without their journal nobody can go on with them: look for the folder .work of this package, on the disk or in a copy of it, and put it back; else keep the parts with the case, say so in a note, and capture again to a new --out; nothing was read"
        }
        PackageError::Foreign { .. } => {
            "move it out of the folder, or put back what stood there, and give the command again; if this folder is none of a capture, give another --out; nothing was read"
        }
        PackageError::OtherStatement { .. } => {
            "put that file back from a copy of the package, and give the command again; else keep the package with the case as it is, say so in a note, and capture again to a new --out"
        }
        PackageError::Locked(_) => "two processes on one package would spoil it; nothing was read",
        PackageError::NoCopies { .. } => {
            "give one --out, of the copy that is further: it goes on alone, and the other is no copy of it. One that has its name already lacks nothing: `ambit-verify` checks it, and a copy is made of it by copying; nothing was read"
        }
        PackageError::CaseBehind { .. } => {
            "give the --case under which it went on last: with this one a package would be sealed that nobody can verify; nothing was read"
        }
        PackageError::NoKey(_) => "give the --case in which this capture was begun; nothing was read",
        _ => {
            "keep it with the case as it is, say so in a note, and capture again to a new --out; nothing was read"
        }
    };
    // The answer is no: nothing that is there is touched.
    let no = matches!(
        error,
        PackageError::NoJournal { .. }
            | PackageError::NotClosed { .. }
            | PackageError::Foreign { .. }
            | PackageError::OtherStatement { .. }
    );
    let failure = Failure::of(what, error).hint(hint);
    Failure { exit: if no { Exit::No } else { failure.exit }, ..failure }
}

/// What was chosen for a run and must be chosen again, by the names of its options.
pub(super) fn setting(
    args: &CaptureArgs,
    extent: Extent,
    trust: &Trust,
    tool: Digest,
) -> BTreeMap<String, String> {
    let told = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    let examine = &args.examine.source;
    let chosen = [
        ("--trust", trust.digest().to_string()),
        ("program", tool.to_string()),
        ("what is taken", if extent == Extent::Files { "files" } else { "volumes" }.to_owned()),
        ("--md5", args.md5.to_string()),
        ("--sha1", args.sha1.to_string()),
        ("--writable-source", told(&examine.writable_source)),
        ("--image-form", examine.image_form.map_or("none", source::Form::word).to_owned()),
        ("--other-medium", told(&examine.other_medium)),
        ("--asset-tag", told(&examine.asset_tag)),
        ("--digest-medium", examine.digest_medium.to_string()),
        ("--write-blocker", told(&args.write_blocker)),
    ];
    chosen.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Fails unless this is the run that was begun: same case, same policy, same options.
pub(super) fn is_the_same(
    unfinished: &Unfinished,
    policy: Digest,
    origin: &str,
    setting: &BTreeMap<String, String>,
) -> Result<(), Failure> {
    let begun = unfinished.begun();
    let differs = |what: &str, was: &str, is: &str| {
        let told = match (was, is) {
            ("false", "true") => format!("without {what}; now it is given"),
            ("true", "false") => format!("with {what}; now it is not given"),
            _ => format!("with {what} {was}; now it is {is}"),
        };
        Err(Failure::no(format!("this capture was begun {told}"))
            .hint("resume it as it was begun, or capture anew to another --out; nothing was read"))
    };
    if begun.origin != origin {
        return differs("the case", &begun.origin, origin);
    }
    if begun.policy != policy {
        return differs("the policy", &begun.policy.to_string(), &policy.to_string());
    }
    for (name, was) in &begun.setting {
        let is = setting.get(name).map_or("unknown", String::as_str);
        if was != is {
            return differs(name, was, is);
        }
    }
    Ok(())
}

/// Fails where the run began with an approval that the case has no more. A reason that it did not need when it began, or needs no
/// more, is another matter: the order's last moment may lie in between, and each reason is on the log with what it is for.
pub(super) fn is_approved_as_begun(announced: &Announced, ready: &Ready) -> Result<(), Failure> {
    let lost = announced.start.as_ref().is_some_and(|(start, _)| start.without_approval.is_none())
        && ready.without_approval.is_some();
    if !lost {
        return Ok(());
    }
    Err(Failure::no("this capture was begun with an approval on record, and its policy has none now")
        .hint("put back the files of `policy` in the case folder, and resume it then; nothing was read"))
}

/// Fails unless the medium shows what it showed when the run was begun.
pub(super) fn is_the_medium(unfinished: &Unfinished, found: &MediumStatement) -> Result<(), Failure> {
    let was = &unfinished.begun().medium;
    if was == found {
        return Ok(());
    }
    let told = |medium: &MediumStatement| {
        let ids: Vec<String> = medium.ids.iter().map(|id| format!("{} {}", id.kind, id.value)).collect();
        let size = medium.size.map_or_else(|| "unknown size".to_owned(), |size| format!("{size} bytes"));
        format!("{} ({}, {size}, {})", medium.label, medium.form, ids.join(", "))
    };
    Err(Failure::no(format!(
        "this is not the medium as it was: it was {}, and is {}",
        told(was),
        told(found)
    ))
    .hint("attach the medium of this run; nothing of it was read further"))
}

/// What the custody log says of a run.
#[derive(Default)]
pub(super) struct Announced {
    pub(super) start: Option<(AcquisitionStart, Moment)>,
    pub(super) resumed: Vec<Resumed>,
    /// The log before acquisition.end, and the statement that this quotes.
    pub(super) end: Option<(TreeHead, Digest)>,
    /// What package.seal says.
    pub(super) seal: Option<PackageSeal>,
    /// Medium and policy, as each announcement has them.
    media: Vec<(MediumStatement, Digest)>,
    /// Every override since the run was announced.
    overrides: Vec<Override>,
    /// Every note since.
    notes: Vec<Note>,
}

impl Announced {
    pub(super) fn of(case: &CaseFolder, run: RunNumber) -> Result<Self, Failure> {
        let mut announced = Self::default();
        for event in case.log().events().context("custody log")? {
            match event.action {
                Action::AcquisitionStart(start) if start.package == run => {
                    announced.media.push((start.medium.clone(), start.policy));
                    announced.start = Some((start, event.when));
                }
                Action::AcquisitionResume(resume) if resume.package == run => {
                    announced.media.push((resume.medium, resume.policy));
                    announced.resumed.push(Resumed { batch: resume.batch, run_key: resume.run_key });
                }
                Action::AcquisitionEnd(end) if end.package == run => {
                    let before = case.log().tree_at(event.index);
                    announced.end = before.map(|before| (before, end.acquisition_sha256));
                }
                Action::PackageSeal(seal) if seal.package == run => announced.seal = Some(seal),
                Action::Override(own) if announced.start.is_some() => announced.overrides.push(own),
                Action::Note(note) if announced.start.is_some() => announced.notes.push(note),
                _ => {}
            }
        }
        Ok(announced)
    }

    /// Whether each run key that the log announces for a batch that the journal has is of this journal's own story. Where the
    /// log says that the run went on before such a batch, and the journal does not, the batch is of an older key.
    fn knows_the_keys(&self, unfinished: &Unfinished) -> bool {
        let mut own = unfinished.resumed().iter();
        let foreign = self.resumed.iter().filter(|resumed| {
            let rest = own.clone();
            let known = own.by_ref().any(|batch| *batch == resumed.batch);
            if !known {
                own = rest;
            }
            !known
        });
        let foreign: Vec<u64> = foreign.map(|resumed| resumed.batch).collect();
        foreign.iter().all(|batch| *batch > unfinished.batches())
    }

    /// What the journal has of discarded batches and of an older copy, and the log has not: the run was broken off between
    /// the two.
    pub(super) fn unsaid(&self, unfinished: &Unfinished) -> Vec<Override> {
        let own = |departure: &&Departure| {
            departure.what.starts_with(OLDER_COPY) || departure.what.ends_with(RETAKEN)
        };
        let departures = unfinished.departures().iter().chain(unfinished.unannounced()).filter(own);
        let said = departures.map(|own| Override { what: own.what.clone(), reason: own.reason.clone() });
        said.filter(|own| !self.overrides.contains(own)).collect()
    }

    /// What departs so far: what announced processes said, and of the others what the log has as an override.
    pub(super) fn departures(&self, unfinished: &Unfinished) -> Vec<Departure> {
        let on_log = |own: &&Departure| {
            self.overrides.iter().any(|said| (&said.what, &said.reason) == (&own.what, &own.reason))
        };
        let mut all = unfinished.departures().to_vec();
        for own in unfinished.unannounced().filter(on_log) {
            if !all.contains(own) {
                all.push(own.clone());
            }
        }
        all
    }

    /// Whether an override is on the log already.
    pub(super) fn says(&self, own: &Override) -> bool {
        self.overrides.contains(own)
    }

    /// Whether a note is on the log already.
    pub(super) fn notes(&self, own: &Note) -> bool {
        self.notes.contains(own)
    }

    /// Fails where the log knows of more than the journal does: then the journal is an old copy.
    pub(super) fn fits(&self, unfinished: &Unfinished) -> Result<(), Failure> {
        let next = unfinished.batches().saturating_add(1);
        let reached = self.resumed.last().map_or(1, |resumed| resumed.batch);
        let begun = self.start.is_some() || (unfinished.batches() == 0 && unfinished.ending().is_none());
        let ended = self.end.is_none() || unfinished.ending().is_some();
        if begun && ended && reached <= next && self.knows_the_keys(unfinished) {
            return Ok(());
        }
        let batches = unfinished.batches();
        Err(Failure::no(format!(
            "the journal knows of {batches} batches and the custody log tells another story of this run: one of them is an old copy"
        ))
        .hint("find the disk and the case folder that belong together; nothing was read"))
    }
}

/// What the run had counted when it was broken off.
pub(super) fn counted(unfinished: &Unfinished) -> Result<Counted, Failure> {
    let crew = unfinished.crew().context("journal")?;
    crew.map_or_else(|| Ok(Counted::default()), |crew| serde_json::from_str(&crew).context("journal"))
}

/// What the run had counted when it ended.
pub(super) fn counted_last(unfinished: &Unfinished) -> Result<Counted, Failure> {
    let crew = unfinished.ending().map(|ending| ending.crew.as_str());
    crew.map_or_else(|| Ok(Counted::default()), |crew| serde_json::from_str(crew).context("journal"))
}
