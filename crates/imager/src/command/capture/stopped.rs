//! What is said where a capture stops before its end: how it goes on.

use std::path::PathBuf;

use custody::PackageError;
use custody::package::partial_path;

use super::super::destination::Places;
use crate::console::{Console, Failure, Lacks, shell};
use crate::pipeline::MEDIUM_GONE;

/// Says how a run that failed goes on; `committed`: whether anything of it is.
pub(in super::super) fn can_be_resumed(
    failure: Failure,
    committed: bool,
    places: Places<'_>,
    console: &Console<'_>,
) -> Failure {
    if failure.hint.is_some() {
        return failure;
    }
    // Of two copies the one that the message is about: the other may be lost.
    let is_named = |out: &&PathBuf| failure.message.contains(&*partial_path(out).to_string_lossy());
    let named = places.all().iter().find(is_named);
    let out = named.map_or_else(|| places.first(), PathBuf::as_path);
    let partial = shell(std::iter::once(&*out.to_string_lossy()));
    let keeps = match committed {
        true => format!("{}.partial keeps what is committed", out.display()),
        false => format!(
            "nothing was committed yet: {}.partial keeps that the run was begun, and no item, and the run goes on with the first one",
            out.display()
        ),
    };
    let resume = console.how_to_resume();
    let Some(lacks) = failure.lacks else {
        let mend = if console.interrupt().is_asked() {
            ""
        } else if failure.message.starts_with(MEDIUM_GONE) {
            "nothing that was read since it went is in it. Once the medium is back, with the name in --medium that it has then, "
        } else {
            "mend the fault, and "
        };
        return failure.hint(format!("{keeps}; {mend}go on with: {resume}"));
    };
    let from = out.to_string_lossy();
    let moves = console
        .with_options(&["package", "move", &from, "DEST"], &["--case", "--sign-as", "--passphrase-file"]);
    failure.hint(match lacks {
        // It is another disk, that of the case folder: moving the package would change nothing.
        Lacks::Room if named.is_none() => {
            format!("{keeps}; free space on the disk that the message names, and go on with: {resume}")
        }
        Lacks::Room => format!(
            "{keeps}; free space there, and go on with: {resume}; or bring it to a larger disk, DEST, with: {moves}; and go on there with that command and --out DEST in place of --out {partial}"
        ),
        Lacks::LongFiles => format!(
            "{keeps}; one item makes a file that is longer than any can be there (4 GiB on FAT): bring it to a disk with another file system (exFAT, NTFS, ext4), DEST, with: {moves}; and go on there with: {resume}; with --out DEST in place of --out {partial}"
        ),
    })
}

/// What is said where the result cannot be printed: the package has its name, and nothing of it is left to do.
pub(super) fn untold(failure: Failure, places: Places<'_>, sealed: bool) -> Failure {
    let is = if sealed { "is sealed, and lacks nothing" } else { "is whole, and not sealed yet" };
    failure.hint(format!(
        "{} {is}: its figures alone could not be printed; `ambit-verify PACKAGE --trust FILE` prints them",
        places.first().display()
    ))
}

/// Says what can be done where a destination has not kept what was written to it.
pub(in super::super) fn not_kept(error: &PackageError, places: Places<'_>, console: &Console<'_>) -> Failure {
    let resume = console.how_to_resume();
    let again = "or take all of it again, to a new --out on another disk";
    let hint = match places.all().len() {
        1 => format!(
            "the end was not announced, and nobody has sealed. `ambit package move` brings it to a better disk; there, {resume} --retake REASON, with the new name in --out, discards this batch and those after it and takes them again, which is a departure; {again}"
        ),
        _ => format!(
            "the end was not announced, and nobody has sealed. What one copy lacks it gets from the other: {resume}; what neither has, with --retake REASON, is taken again, which is a departure; {again}"
        ),
    };
    Failure::new(format!("package: {error}")).hint(hint)
}
