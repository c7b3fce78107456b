//! `ambit package move`: to another disk, and on the log.

use std::path::{Path, PathBuf};

use custody::relocate::{self, MoveError};
use custody::{CaseFolder, PackageError, Signer};
use evidence::acquisition::RunNumber;
use evidence::event::{Action, Note};
use evidence::trust::Step;
use serde_json::json;

use crate::cli::PackageMoveArgs;
use crate::console::{Console, Context as _, Exit, Failure, shell};
use crate::load;
use crate::progress::ByteProgress;
use crate::workplace;

pub(super) fn move_to(args: &PackageMoveArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let (from, to) = (name(&args.from), name(&args.to));
    let disk = console.disk().clone();
    let (mut case, trust) = workplace::open_case_on(&disk, &args.case, &from)?;
    let signers = load::signers(&args.signing, &trust, Step::AcquisitionStart, console)?;
    if signers.is_empty() {
        return Err(Failure::new("nobody signs that the package was moved")
            .hint("give --sign-as NAME=KEY; nothing was moved"));
    }
    let tool = workplace::tool()?;
    if inside(&to, &from) {
        return Err(Failure::new(format!("{} lies in what is to be moved", to.display()))
            .hint("give a place on another disk; nothing was moved"));
    }
    let mut progress = None;
    let mut told = |done: u64, all: u64| {
        progress.get_or_insert_with(|| ByteProgress::start("move", all)).bytes(done);
    };
    let moved = relocate::move_package(&disk, &from, &to, &case.state(), &mut told);
    if let Some(progress) = progress {
        progress.finish();
    }
    let moved = moved.map_err(|error| advised(&error))?;
    if moved.before && !moved.unfinished && !is_of(&case, moved.run)? {
        return Err(advised(&MoveError::Nothing(from)));
    }
    let what = if moved.unfinished { "the unfinished package" } else { "the package" };
    let of = moved.run.map(|run| format!(" of the acquisition {run}")).unwrap_or_default();
    let text = match moved.before {
        true => format!("{what}{of} lies on another disk already; nothing is left where it was"),
        false => format!(
            "{what}{of} was moved to another disk: {} files, {} bytes, read back and compared",
            moved.files, moved.bytes
        ),
    };
    let by: Vec<&Signer> = signers.iter().collect();
    // A move that was broken off is told once, however often its command is given again.
    let told = case.log().events().context("custody log")?.into_iter().any(|event| match event.action {
        Action::Note(note) => note.text == text,
        _ => false,
    });
    if !moved.before || !told {
        case.append(workplace::statement(Action::Note(Note { text: text.clone() }), "", &tool), &by)
            .context("custody log")?;
    }
    let there = if moved.unfinished { custody::package::partial_path(&to) } else { to.clone() };
    let next = match moved.unfinished {
        true => format!(
            "next: the same `ambit capture` with --resume, and with --out {} in place of --out {}",
            shell(std::iter::once(&*to.to_string_lossy())),
            shell(std::iter::once(&*from.to_string_lossy()))
        ),
        false => "next: `ambit-verify` checks it".to_owned(),
    };
    let value = json!({ "package": there.display().to_string(), "unfinished": moved.unfinished, "files": moved.files, "bytes": moved.bytes });
    console.result(&value, format!("{text}\n{}\n{next}", there.display()))?;
    Ok(Exit::Done)
}

/// Whether a run is one of this case.
fn is_of(case: &CaseFolder, run: Option<RunNumber>) -> Result<bool, Failure> {
    let mut events = case.log().events().context("custody log")?.into_iter();
    Ok(events
        .any(|event| matches!(event.action, Action::AcquisitionStart(start) if Some(start.package) == run)))
}

/// The name that `--out` gave.
fn name(path: &Path) -> PathBuf {
    match path.to_str().and_then(|text| text.trim_end_matches('/').strip_suffix(".partial")) {
        Some(name) => name.into(),
        None => path.components().collect(),
    }
}

/// Whether one place lies in the other, with or without its ending.
fn inside(to: &Path, from: &Path) -> bool {
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(parent) = parent.canonicalize() else { return false };
    let froms = [from.to_owned(), custody::package::partial_path(from)];
    froms.iter().filter_map(|from| from.canonicalize().ok()).any(|from| parent.starts_with(from))
}

fn advised(error: &MoveError) -> Failure {
    let hint = match error {
        MoveError::Nothing(_) => "give the --out of the capture; nothing was moved",
        MoveError::Other { .. } => {
            "give another DEST; if this is what was moved there and has gone on since, verify it, and remove the source by hand; nothing was moved or removed"
        }
        MoveError::Foreign(_) => {
            "a package has none such: see what it is, and take it out; nothing was moved"
        }
        MoveError::NoRoom { .. } => "free space there, or give another DEST; nothing was copied or moved",
        MoveError::Older { .. } => "find the copy that went on; nothing was moved",
        MoveError::Package(PackageError::NoKey(_)) => {
            "give the --case in which this capture was begun; nothing was moved"
        }
        _ => {
            "nothing is lost: what was to be moved stays whole until its copy is; mend the fault, and give the same command again"
        }
    };
    Failure::new(error.to_string()).hint(hint)
}
