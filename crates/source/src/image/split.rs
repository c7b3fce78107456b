//! Sets of raw segments: one disk, cut into files of equal length.
//!
//! Implements `docs/spec/images.md`, "Sets of raw segments".
//!
//! ```text
//! disk.raw.001  disk.raw.002  disk.raw.003        numbers, from 0 or 1
//! disk.aa  disk.ab  disk.ac                       letters, as split(1) counts
//! ```
//!
//! Such a set does not say how many segments it has. A gap and a segment of
//! another length are errors; that the last ones are missing cannot be seen.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::sync::Arc;

use super::{Beside, Image, ImageError};
use crate::bytes::{ByteSource, RawFile, ReadFault, length};

/// Opens the set that `first`, named `name`, begins. `None` where the name is not of a series, or the file is all there is of it.
///
/// # Errors
///
/// [`ImageError`] where `first` is not the first of its set, a segment is missing between others or cannot be opened,
/// or the lengths are not those of a set.
pub(crate) fn open(name: &OsStr, first: File, beside: &dyn Beside) -> Result<Option<Image>, ImageError> {
    let Some(series) = Series::of(name) else { return Ok(None) };
    for name in series.neighbours() {
        if part(beside, &name, 1)?.is_some() {
            return Err(ImageError::Unsupported(
                "a later part of a set of raw segments by itself; open the first, whose name ends in .001, .000 or .aa"
                    .into(),
            ));
        }
    }
    if !series.can_begin() {
        return Ok(None);
    }
    let mut parts = vec![raw(first, 1)?];
    let mut names = series.after();
    for name in names.by_ref() {
        let number = parts.len().saturating_add(1);
        let Some(file) = part(beside, &name, number)? else { break };
        if number > MAX_PARTS {
            return Err(ImageError::Unsupported(format!("a set of more than {MAX_PARTS} raw segments")));
        }
        parts.push(raw(file, number)?);
    }
    complete(&series, names, beside, parts.len())?;
    if parts.len() == 1 {
        return Ok(None);
    }
    let limits = lengths(&parts)?.map(str::to_owned).into_iter().collect();
    let form = format!("raw image of {} segments", parts.len());
    Ok(Some(Image {
        bytes: Arc::new(Joined::new(parts)),
        form,
        ids: Vec::new(),
        said: Vec::new(),
        stored: Vec::new(),
        limits,
    }))
}

/// Opens a part; `None` where there is none of that name.
fn part(beside: &dyn Beside, name: &OsStr, number: usize) -> Result<Option<File>, ImageError> {
    let error = match beside.open(name) {
        Ok(file) => return Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(TOO_MANY_FILES) => {
            io::Error::other(format!("{error}; allow more of them (ulimit -n 20000)"))
        }
        Err(error) => error,
    };
    Err(ImageError::Segment { number, name: escaped(name), error })
}

fn raw(file: File, number: usize) -> Result<RawFile, ImageError> {
    let metadata = file.metadata().map_err(|error| ReadFault {
        offset: 0,
        length: 0,
        reason: format!("part {number} of the image: {error}"),
    })?;
    Ok(RawFile::new(file, metadata.len()))
}

/// Whether nothing more of the series lies beyond the `found` parts: the name after them is missing.
fn complete(
    series: &Series,
    further: impl Iterator<Item = OsString>,
    beside: &dyn Beside,
    found: usize,
) -> Result<(), ImageError> {
    let number = found.saturating_add(1);
    for name in further.take(series.gap()).chain(series.widened(found)) {
        if part(beside, &name, number)?.is_some() {
            let missing = series.after().nth(found.saturating_sub(1)).unwrap_or_default();
            let error = io::Error::new(
                io::ErrorKind::NotFound,
                format!(
                    "missing, while a later part is there ({}); put all parts into one folder",
                    escaped(&name)
                ),
            );
            return Err(ImageError::Segment { number, name: escaped(&missing), error });
        }
    }
    Ok(())
}

/// Whether the parts' lengths are those of a set; a limit where they do not show its end.
fn lengths(parts: &[RawFile]) -> Result<Option<&'static str>, ImageError> {
    let (Some(first), Some((last, whole))) = (parts.first(), parts.split_last()) else { return Ok(None) };
    let wrong = whole.iter().position(|part| part.len() != first.len());
    let wrong = wrong.or_else(|| (last.len() > first.len()).then_some(whole.len()));
    if let Some(index) = wrong {
        return Err(ImageError::Corrupt(format!(
            "part {} of the set of {} raw segments has {} bytes, where the first has {}: a part was cut or is not of this set",
            index.saturating_add(1),
            parts.len(),
            parts.get(index).map_or(0, ByteSource::len),
            first.len()
        )));
    }
    let even = last.len() == first.len();
    Ok(even.then_some(
        "the parts of the image are all of one length, so that parts missing at its end would not show; \
         compare its length and digest with the acquisition's own notes",
    ))
}

fn escaped(name: &OsStr) -> String {
    name.as_bytes().escape_ascii().to_string()
}

/// A series of names that ends in numbers or in letters.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Series {
    /// Up to the dot and with it.
    stem: Vec<u8>,
    /// Characters of the ending.
    width: usize,
    /// What the ending given stands for.
    at: usize,
    ending: Ending,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ending {
    Digits,
    /// Letters, from this one on.
    Letters(u8),
}

impl Series {
    fn of(name: &OsStr) -> Option<Self> {
        let dot = name.as_bytes().iter().rposition(|byte| *byte == b'.')?.checked_add(1)?;
        let (stem, digits) = name.as_bytes().split_at_checked(dot)?;
        if stem.len() < 2 || !(2..=MAX_WIDTH).contains(&digits.len()) {
            return None;
        }
        let (ending, first, base) = match digits {
            _ if digits.iter().all(u8::is_ascii_digit) => (Ending::Digits, b'0', 10),
            _ if digits.iter().all(u8::is_ascii_lowercase) => (Ending::Letters(b'a'), b'a', 26),
            _ if digits.iter().all(u8::is_ascii_uppercase) => (Ending::Letters(b'A'), b'A', 26),
            _ => return None,
        };
        let at = digits.iter().try_fold(0_usize, |sum, digit| {
            sum.checked_mul(base)?.checked_add(usize::from(digit.saturating_sub(first)))
        })?;
        (at < MAX_PARTS).then_some(Self { stem: stem.to_vec(), width: digits.len(), at, ending })
    }

    fn name(&self, number: usize) -> Option<OsString> {
        let mut name = self.stem.clone();
        match self.ending {
            Ending::Digits => name.extend(format!("{number:0width$}", width = self.width).bytes()),
            Ending::Letters(first) => {
                let mut rest = number;
                let mut letters = Vec::new();
                for _ in 0..self.width {
                    letters.push(first.saturating_add(u8::try_from(rest % 26).ok()?));
                    rest /= 26;
                }
                if rest > 0 {
                    return None;
                }
                name.extend(letters.iter().rev());
            }
        }
        Some(OsString::from_vec(name))
    }

    /// Whether a set can begin with the name given. `.dd` and `.img` are letters too, and begin none.
    fn can_begin(&self) -> bool {
        match self.ending {
            Ending::Digits => self.at <= 1,
            Ending::Letters(_) => self.at == 0,
        }
    }

    /// The names that show that the one given is not the first: the one before; and the one after, where a number
    /// can begin no set.
    fn neighbours(&self) -> impl Iterator<Item = OsString> {
        let before = self.at.checked_sub(1).and_then(|at| self.name(at));
        let after = self.after().next().filter(|_| self.ending == Ending::Digits && !self.can_begin());
        before.into_iter().chain(after)
    }

    /// How many names beyond a missing one are tried: all that endings of three digits can have, and few of letters, since
    /// other files have endings of letters.
    fn gap(&self) -> usize {
        match self.ending {
            Ending::Digits => 1_000,
            Ending::Letters(_) => 16,
        }
    }

    /// The names after the one given.
    fn after(&self) -> impl Iterator<Item = OsString> {
        (self.at.saturating_add(1)..).map_while(|number| self.name(number))
    }

    /// The name with which split(1) goes on, with a longer ending, after `found` parts: `za` is `zaaa`, `90` is `9000`.
    fn widened(&self, found: usize) -> Option<OsString> {
        let (first, last, base) = match self.ending {
            Ending::Digits => (b'0', b'9', 10_usize),
            Ending::Letters(first) => (first, first.saturating_add(25), 26),
        };
        let lead = base.checked_pow(u32::try_from(self.width.checked_sub(1)?).ok()?)?;
        if self.at.saturating_add(found) != lead.saturating_mul(base.saturating_sub(1)) {
            return None;
        }
        let mut name = self.stem.clone();
        name.push(last);
        name.extend(std::iter::repeat_n(first, self.width.saturating_add(1)));
        Some(OsString::from_vec(name))
    }
}

/// Files one after the other.
struct Joined {
    /// Where each begins.
    parts: Vec<(u64, RawFile)>,
    len: u64,
}

impl Joined {
    fn new(files: Vec<RawFile>) -> Self {
        let mut len = 0_u64;
        let mut parts = Vec::with_capacity(files.len());
        for file in files {
            let start = len;
            len = len.saturating_add(file.len());
            parts.push((start, file));
        }
        Self { parts, len }
    }

    /// The part that holds byte `at`, and where it lies.
    fn find(&self, at: u64) -> Option<(usize, &RawFile, Range<u64>)> {
        let index = self.parts.partition_point(|(start, _)| *start <= at).checked_sub(1)?;
        let (start, file) = self.parts.get(index)?;
        Some((index, file, *start..start.saturating_add(file.len())))
    }
}

impl ByteSource for Joined {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let want =
            usize::try_from(self.len.saturating_sub(offset).min(length(buf.len()))).unwrap_or(usize::MAX);
        let mut done = 0_usize;
        while done < want {
            let at = offset.saturating_add(length(done));
            let fault =
                |reason: String| ReadFault { offset: at, length: length(want.saturating_sub(done)), reason };
            let (index, file, place) = self.find(at).ok_or_else(|| fault("no part holds it".into()))?;
            let rest = buf.get_mut(done..want).unwrap_or_default();
            match file.read_at(at.saturating_sub(place.start), rest) {
                Ok(0) => {
                    return Err(fault(format!("part {} of the image ends early", index.saturating_add(1))));
                }
                Ok(count) => done = done.saturating_add(count),
                Err(error) => {
                    return Err(fault(format!(
                        "part {} of the image: {}",
                        index.saturating_add(1),
                        error.reason
                    )));
                }
            }
        }
        Ok(done)
    }
}

/// Most parts of a set: 10 TB in parts of 1 GiB. Each is an open file.
const MAX_PARTS: usize = 10_000;
/// Longest ending.
const MAX_WIDTH: usize = 6;
/// `EMFILE`: this process has as many files open as it may.
const TOO_MANY_FILES: i32 = 24;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::testing::Folder;

    /// Opens the first of `files`, which are made of their names and lengths; each byte tells its file.
    fn open_set(files: &[(&str, usize)]) -> Result<Option<Image>, ImageError> {
        let folder = Folder::new();
        for (index, (name, len)) in files.iter().enumerate() {
            folder.write(name, &vec![u8::try_from(index).unwrap(); *len]);
        }
        let name = OsStr::new(files[0].0);
        open(name, folder.open(name).unwrap(), &folder)
    }

    fn check(files: &[(&str, usize)], expect: Result<Option<usize>, &str>) {
        match (open_set(files), expect) {
            (Ok(None), Ok(None)) => {}
            (Ok(Some(image)), Ok(Some(parts))) => {
                let all: Vec<u8> =
                    (0..parts).flat_map(|index| vec![u8::try_from(index).unwrap(); files[index].1]).collect();
                let mut bytes = vec![0xEE; all.len() + 5];
                assert_eq!(image.bytes.read_at(0, &mut bytes).unwrap(), all.len(), "{files:?}");
                assert_eq!(bytes[..all.len()], all, "{files:?}");
                assert_eq!(image.form, format!("raw image of {parts} segments"));
                assert_eq!(image.limits.is_empty(), files[parts - 1].1 < files[0].1, "{files:?}");
                for at in 0..all.len() {
                    let count = image.bytes.read_at(at as u64, &mut bytes[..2]).unwrap();
                    assert_eq!(bytes[..count], all[at..all.len().min(at + 2)], "{files:?} at {at}");
                }
                assert_eq!(image.bytes.read_at(u64::MAX, &mut bytes).unwrap(), 0);
            }
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            (found, expected) => {
                panic!("{files:?}: {:?}, not {expected:?}", found.map(|image| image.map(|i| i.form)))
            }
        }
    }

    #[test]
    fn sets_are_joined() {
        check(&[("d.001", 9), ("d.002", 9), ("d.003", 4)], Ok(Some(3)));
        check(&[("d.raw.001", 9), ("d.raw.002", 9)], Ok(Some(2)));
        check(&[("d.000", 9), ("d.001", 1), ("e.002", 9)], Ok(Some(2)));
        check(&[("d.00", 9), ("d.01", 1)], Ok(Some(2)));
        check(&[("d.aa", 9), ("d.ab", 9), ("d.ac", 1)], Ok(Some(3)));
        check(&[("D.AAA", 9), ("D.AAB", 1)], Ok(Some(2)));
    }

    #[test]
    fn single_files_are_no_sets() {
        check(&[("d.001", 9)], Ok(None));
        check(&[("d.raw", 9), ("d.rax", 9)], Ok(None));
        check(&[("d", 9), ("e", 9)], Ok(None));
        check(&[("d.1", 9), ("d.2", 9)], Ok(None));
        check(&[(".001", 9), (".002", 9)], Ok(None));
        check(&[("d.dd", 9), ("d.de", 9), ("d.md", 9)], Ok(None));
        check(&[("d.aa", 9), ("d.md", 9)], Ok(None));
        check(&[("d.img", 9), ("d.iso", 9)], Ok(None));
        check(&[("d.005", 9)], Ok(None));
        check(&[("d.a1", 9), ("d.a2", 9)], Ok(None));
    }

    #[test]
    fn gaps_and_later_parts_are_refused() {
        check(&[("d.001", 9), ("d.003", 9)], Err("part 2 of the image, d.002: missing"));
        check(&[("d.001", 9), ("d.002", 9), ("d.900", 9)], Err("part 3 of the image, d.003: missing"));
        check(&[("d.aa", 9), ("d.ad", 9)], Err("part 2 of the image, d.ab: missing"));
        check(&[("d.003", 9), ("d.004", 9)], Err("a later part"));
        check(&[("d.002", 9), ("d.001", 9)], Err("a later part"));
        check(&[("d.001", 9), ("d.000", 9), ("d.002", 9)], Err("a later part"));
        check(&[("d.ab", 9), ("d.aa", 9)], Err("a later part"));
    }

    #[test]
    fn names_of_parts() {
        let nth = |name: &str, nth| Series::of(OsStr::new(name)).unwrap().after().nth(nth);
        assert_eq!(nth("d.000", 8), Some("d.009".into()));
        assert_eq!(nth("d.001", 998), Some("d.1000".into()));
        assert_eq!(nth("d.aa", 25), Some("d.ba".into()));
        assert_eq!(nth("d.aa", 674), Some("d.zz".into()));
        assert_eq!(nth("d.aa", 675), None);
    }

    #[test]
    fn longer_endings_are_looked_for() {
        let widened = |name: &str, found| Series::of(OsStr::new(name)).unwrap().widened(found);
        assert_eq!(widened("d.aa", 650), Some("d.zaaa".into()));
        assert_eq!(widened("d.00", 90), Some("d.9000".into()));
        assert_eq!(widened("d.000", 900), Some("d.90000".into()));
        assert_eq!(widened("d.aa", 649), None);
    }

    #[test]
    fn lengths_have_to_be_those_of_a_set() {
        check(
            &[("d.001", 9), ("d.002", 8), ("d.003", 9)],
            Err("part 2 of the set of 3 raw segments has 8 bytes"),
        );
        check(&[("d.001", 9), ("d.002", 10), ("d.003", 9)], Err("part 2 of the set of 3"));
        check(&[("d.001", 9), ("d.002", 10)], Err("part 2 of the set of 2"));
        check(&[("d.001", 9), ("d.002", 0)], Ok(Some(2)));
    }
}
