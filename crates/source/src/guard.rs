//! Reading apart: hostile media are parsed by a process of its own, with little memory, little time and few rights.
//!
//! Implements `docs/spec/sources.md`, "Reading in a process of its own". A
//! parser that panics, hangs or asks for all memory ends that process, and is
//! an issue of one volume or one item. The process is believed in nothing that
//! can be checked: lengths, frames, which facts there are.
//!
//! ```text
//! program                         ambit read-medium (confined)
//!   BEGIN  path, limits     -->     limits on itself, then the medium
//!                           <--   SURVEY layers, sources
//!   WALK   source           -->
//!                           <--   EVENTS items, issues ... REPORT
//!   OPEN   item             -->     in a second process, while the walk goes on
//!                           <--   OPENED length, first bytes; DATA ... END
//!   EXTRACT item, form      -->     what is in it: the messages of a mailbox
//!                           <--   DATA ... END
//! ```
//!
//! Start with [`Reader`] (the choice), [`serve`] (the process's side).

mod calls;
mod check;
mod child;
mod confine;
mod content;
mod frame;
mod pool;
mod process;
mod progress;
mod remote;
mod unpack;
mod walked;
mod words;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::bytes::ByteSource;
use crate::medium::{Opened, UnreadVolume};
use crate::open::{OpenError, OpenOptions};
use crate::walk::Source;

pub use calls::{Calls, limit_calls};
pub use child::serve;
pub use confine::{confine_to, leave_no_image};
pub use pool::is_of_reader;
pub(crate) use progress::{lost, reading};
pub use unpack::{Unpacked, Unpacker};

use pool::Pool;
use remote::{RemoteBytes, RemoteSource};
use words::plain;

/// Where an image or a device is parsed. A mounted directory is parsed by the kernel, and read here in any case.
#[derive(Clone, Debug, Default)]
pub enum Reader {
    /// In this process: for tests, and for programs that are confined as a whole.
    #[default]
    Here,
    /// In processes of its own.
    Process(Apart),
}

impl Reader {
    /// In processes that `program` becomes when it is started with `arguments`: it calls [`serve`].
    ///
    /// `program` is an absolute path.
    #[must_use]
    pub fn process(program: impl Into<PathBuf>, arguments: impl IntoIterator<Item = OsString>) -> Self {
        let arguments = arguments.into_iter().collect();
        Self::Process(Apart { program: program.into(), arguments, limits: Limits::default() })
    }

    /// In processes that this program becomes when it is started with [`READ_MEDIUM`].
    #[must_use]
    pub fn this_program() -> Self {
        // Where its file is not known, the kernel's own link leads to it; never is a medium parsed here instead.
        let program = std::env::current_exe().unwrap_or_else(|_| "/proc/self/exe".into());
        Self::process(program, [READ_MEDIUM.into()])
    }
}

/// A program that reads media for another, and what it may use.
#[derive(Clone, Debug)]
pub struct Apart {
    /// The program's file, as an absolute path.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// What it may use.
    pub limits: Limits,
}

/// What a process that reads may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most bytes of address space.
    pub memory: u64,
    /// Longest time without a word. A process that reads the medium gives word every few seconds.
    pub answer: Duration,
    /// Longest time without a result, however much is read: a loop over the medium ends here.
    pub silence: Duration,
}

impl Default for Limits {
    /// 4 GiB: a walk keeps under 100 bytes for each item that it has met, so that 20 million items fit. 60 s: no parser
    /// works so long without reading. Two hours: a disk of many million files may take one to count their names.
    fn default() -> Self {
        let (answer, silence) = (Duration::from_secs(60), Duration::from_secs(2 * 60 * 60));
        Self { memory: 4 << 30, answer, silence }
    }
}

/// The argument with which a program is to call [`serve`]. It stands in no list of commands: nobody types it.
pub const READ_MEDIUM: &str = "read-medium";

/// Calls [`serve`] where the program's arguments, with its name, are [`READ_MEDIUM`] alone; `None` otherwise.
#[must_use]
pub fn serve_if_asked(args: &[OsString]) -> Option<u8> {
    matches!(args, [_, word] if word == READ_MEDIUM).then(serve)
}

/// The exit code of a process whose parser panicked.
const PANICKED: i32 = 70;
/// The exit code of a process whose medium is gone.
const LOST: i32 = 71;

/// Opens an image or a device through processes of its own.
///
/// # Errors
///
/// As [`crate::open()`]; [`OpenError::Apart`] where the process ended.
pub(crate) fn open(paths: &[PathBuf], apart: &Apart, options: &OpenOptions) -> Result<Opened, OpenError> {
    let (pool, survey) = Pool::open(paths, apart, options)?;
    let pool = Arc::new(pool);
    let mut medium = survey.medium;
    check::medium(&mut medium);
    medium.limits.extend(
        survey
            .unconfined
            .map(|how| format!("the process that reads the medium is not confined: {}", plain(&how))),
    );
    let bytes = |unread, extent: words::Extent| -> Arc<dyn ByteSource> {
        Arc::new(RemoteBytes::new(Arc::clone(&pool), unread, extent))
    };
    let sources = survey.sources.into_iter().enumerate().map(|(index, mut info)| {
        check::info(&mut info);
        Box::new(RemoteSource::new(Arc::clone(&pool), index, info)) as Box<dyn Source>
    });
    let unread = survey.unread.into_iter().enumerate().map(|(index, mut unread)| {
        check::pairs(&mut unread.ids);
        UnreadVolume {
            place: plain(&unread.place),
            what: plain(&unread.what),
            ids: unread.ids,
            bytes: bytes(Some(index), unread.extent),
        }
    });
    let (sources, unread) = (sources.collect(), unread.collect());
    let image = survey.image.map(|extent| bytes(None, extent));
    Ok(Opened { medium, sources, image, unread, drives: pool })
}
