//! What the process that reads takes from itself before it looks at a byte of the medium.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// Takes from this process what reading the medium at `paths` does not need: `memory` bytes of address space are left to it, and the
/// files of the medium. For this thread and those that it starts.
///
/// Returns in which way the process is not confined; `None` where all was granted.
///
/// # Errors
///
/// As the operating system reports them: a process without limits does not read.
pub fn confine_to(paths: &[PathBuf], memory: u64) -> io::Result<Option<String>> {
    limit(memory)?;
    Ok(confine(paths))
}

/// Takes from this process what would leave an image of its memory behind: names and text of what is held are in it. No core
/// is dumped, and nobody but the system's administrator attaches to it. A program calls it first of all.
///
/// # Errors
///
/// As the operating system reports them.
pub fn leave_no_image() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    // The limit does not hold where the system gives cores to a program of its own, by `kernel.core_pattern`.
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// Sets the limits that hold for all that follows: address space, no files written, no image of the memory left behind.
fn limit(memory: u64) -> io::Result<()> {
    let most = |resource, value: u64| {
        let value = getrlimit(resource).maximum.map_or(value, |held| held.min(value));
        setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) })
    };
    most(Resource::Core, 0)?;
    most(Resource::Fsize, 0)?;
    most(Resource::Nofile, MAX_FILES)?;
    most(Resource::As, memory)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    rustix::thread::set_no_new_privs(true)?;
    Ok(())
}

/// Most files open at once: an image in 10,000 parts, and what a set of drives needs beside it.
const MAX_FILES: u64 = 16_384;

/// Gives up, by Landlock, every file but the medium's: what lies in its folder may be read, since an image's parts lie
/// there; of a device, it alone and what the kernel tells of devices. Nothing may be written or run, no network used.
///
/// It holds for this thread and those it starts: so it is called before there are others.
/// Returns in which way the process stays unconfined; `None` where all was granted.
fn confine(paths: &[PathBuf]) -> Option<String> {
    let status = match restrict(&paths.iter().flat_map(|path| readable(path)).collect::<Vec<_>>()) {
        Ok(status) => status,
        Err(error) => return Some(format!("Landlock: {error}")),
    };
    match status {
        RulesetStatus::FullyEnforced => None,
        RulesetStatus::PartiallyEnforced => Some(
            "this kernel's Landlock is older than what is asked for; files are confined, the network may not be".into(),
        ),
        RulesetStatus::NotEnforced => Some("this kernel has no Landlock".into()),
    }
}

/// Folders and files that may be read.
fn readable(medium: &Path) -> Vec<PathBuf> {
    let real = fs::canonicalize(medium).unwrap_or_else(|_| medium.to_owned());
    if fs::metadata(&real).is_ok_and(|metadata| metadata.file_type().is_block_device()) {
        return vec![real, PathBuf::from("/sys")];
    }
    // A path may be a link to an image that lies elsewhere.
    [&real, medium].into_iter().filter_map(|path| path.parent().map(Path::to_owned)).collect()
}

fn restrict(readable: &[PathBuf]) -> Result<RulesetStatus, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI_ASKED))?
        .handle_access(AccessNet::from_all(ABI_ASKED))?
        .scope(Scope::from_all(ABI_ASKED))?
        .create()?;
    for path in readable {
        // What cannot be opened stays closed.
        let Ok(handle) = PathFd::new(path) else { continue };
        let file = !fs::metadata(path).is_ok_and(|metadata| metadata.is_dir());
        let access: BitFlags<AccessFs> = if file { AccessFs::ReadFile.into() } else { read };
        rules = rules.add_rule(PathBeneath::new(handle, access))?;
    }
    Ok(rules.restrict_self()?.ruleset)
}

/// What is asked of Landlock: files, devices, TCP, abstract sockets and signals. Later kernels are asked for no more.
const ABI_ASKED: ABI = ABI::V6;
