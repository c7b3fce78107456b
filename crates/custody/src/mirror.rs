//! Two copies of one package, made at once: what is done to the first is done to the second.
//!
//! ```text
//! let disk = Disk::new().mirrored(&first, &second);
//! let writer = PackageWriter::create(&disk, &first, ..)?;     every file goes to both, and is read once
//! disk.losses()                                               which copy was lost, and why
//! ```
//!
//! A copy on which anything fails is lost: nothing more is written to it, it
//! keeps its name `.partial`, and the other one goes on. What fails on both
//! is an error, as without a second copy.

use std::ffi::OsStr;
use std::fmt::{self, Display};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::package::{lock, partial_path};

/// The places of two copies, and which of them is lost.
pub(crate) struct Mirror {
    places: [PathBuf; 2],
    lost: Mutex<Option<Loss>>,
}

/// A copy that was lost.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Loss {
    /// Which: 1 or 2.
    pub copy: usize,
    /// Where it was to be.
    pub place: PathBuf,
    /// Why, with paths.
    pub why: String,
    /// Why, without the path of the place.
    pub stated: String,
}

impl Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "copy {} of 2 was lost while it was written: {}", self.copy, self.stated)
    }
}

impl Mirror {
    pub(crate) fn new(first: &Path, second: &Path) -> Self {
        Self { places: [first.to_owned(), second.to_owned()], lost: Mutex::new(None) }
    }

    /// The copy that was lost.
    pub(crate) fn loss(&self) -> Option<Loss> {
        lock(&self.lost).clone()
    }

    /// The copies that are there, by number.
    pub(crate) fn alive(&self) -> impl Iterator<Item = usize> {
        let lost = self.loss().map(|loss| loss.copy);
        [1, 2].into_iter().filter(move |copy| Some(*copy) != lost)
    }

    /// Whether a path is one of the package's: of its first copy, by which all are named.
    pub(crate) fn has(&self, path: &Path) -> bool {
        let [first, _] = &self.places;
        path.starts_with(first) || path.starts_with(partial_path(first))
    }

    /// The path in this copy that `path` is in the first.
    pub(crate) fn place(&self, copy: usize, path: &Path) -> PathBuf {
        let [first, second] = &self.places;
        if copy == 1 {
            return path.to_owned();
        }
        let moved = |from: &Path, to: &Path| {
            let rest = path.strip_prefix(from).ok()?;
            Some(if rest.as_os_str() == OsStr::new("") { to.to_owned() } else { to.join(rest) })
        };
        moved(first, second)
            .or_else(|| moved(&partial_path(first), &partial_path(second)))
            .unwrap_or_else(|| path.to_owned())
    }

    /// Gives up a copy. `false` where the other one is lost already: then the error is one.
    pub(crate) fn lose(&self, copy: usize, why: &impl Display) -> bool {
        let mut lost = lock(&self.lost);
        match lost.as_ref() {
            Some(loss) => loss.copy == copy,
            None => {
                let why = why.to_string();
                let [first, second] = &self.places;
                let place = if copy == 1 { first } else { second }.clone();
                let shown = format!("{}/", partial_path(&place).display());
                let stated = why.replace(&shown, "").replace(&place.display().to_string(), "the package");
                *lost = Some(Loss { copy, place, why, stated });
                true
            }
        }
    }
}

impl fmt::Debug for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mirror").field("places", &self.places).field("lost", &self.loss()).finish()
    }
}
