//! Reading a journal: line by line, each authenticated by the one before.

use std::io::Write as _;
use std::path::Path;

use evidence::acquisition::Departure;

use super::keys::{END, MAC};
use super::signed::{self, Passage, Signed};
use super::{Batch, Begun, Keys, Line, Marks, Moved};
use crate::close::Ending;
use crate::durable::Disk;
use crate::package::PackageError;

/// What a journal says.
pub(crate) struct Journaled {
    pub(crate) begun: Begun,
    pub(crate) batches: Vec<Batch>,
    /// What departed from the order or the procedure, at the start and whenever it went on.
    pub(crate) departures: Vec<Departure>,
    /// Where the run has ended, what is said of it.
    pub(crate) ending: Option<Ending>,
    /// Whether it was moved here, or on its way.
    pub(crate) moved: bool,
    /// Before which batch it went on, each time.
    pub(crate) resumed: Vec<u64>,
    /// Bytes up to the end of the last whole line.
    pub(crate) length: u64,
    /// What stands behind it.
    pub(crate) rest: Vec<u8>,
    /// The `mac` of each line.
    pub(crate) macs: Vec<String>,
    /// How many copies were made when it was last written.
    pub(crate) copies: u64,
    /// Copies that were lost so far, in words.
    pub(crate) lost: Vec<String>,
    /// The lines of captures.
    pub(super) signed: Vec<Signed>,
    /// What each process said of itself.
    pub(super) passages: Vec<Passage>,
}

impl Journaled {
    /// Reads a journal; `None` where not even its first line was made durable.
    ///
    /// A last line that is not whole was never committed. Any other line that does not hold was changed.
    pub(crate) fn read(bytes: &[u8], keys: &Keys) -> Result<Option<Self>, PackageError> {
        let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        let mut read: Option<Self> = None;
        let (mut length, mut macs) = (0, Vec::new());
        for (index, line) in lines.iter().enumerate() {
            let number = index.saturating_add(1);
            let altered = |what: &str| PackageError::Journal { line: number, what: what.to_owned() };
            let whole = line.len() as u64;
            let Some(Parts { line, body, signature, signed, mac }) = split(line) else {
                // The writing of the last line was cut off: nothing rests on it.
                if number == lines.len() {
                    break;
                }
                return Err(altered("it is not a line of a journal"));
            };
            let last = macs.last().map_or("", String::as_str);
            if mac != keys.mac_of(last, &signed)? {
                return Err(altered("it is not as it was written"));
            }
            let signed = match (&line, signature) {
                (Line::Moved(_), None) => None,
                (Line::Moved(_), Some(_)) => {
                    return Err(altered("it is signed, and nobody signs such a line"));
                }
                (_, None) => return Err(altered("it is not signed")),
                (opens, Some(signature)) => {
                    let opens = matches!(opens, Line::Begin(_) | Line::Resume(_));
                    Some(Signed { line: number, opens, digest: signed::digest(last, &body), signature })
                }
            };
            length += whole;
            macs.push(mac);
            match (line, &mut read) {
                (Line::Begin(begun), None) => read = Some(Self::begun(*begun)),
                (Line::Batch(batch), Some(read)) if read.ending.is_none() => {
                    if let Some(passage) = read.passages.last_mut() {
                        passage.lost.clone_from(&batch.lost);
                    }
                    read.batches.push(*batch);
                }
                (Line::Moved(_), Some(read)) => read.moved = true,
                (Line::Resume(resume), Some(read))
                    if read.ending.is_none() || resume.discarded_from.is_some() =>
                {
                    if let Some(from) = resume.discarded_from {
                        read.discard(from);
                    }
                    let last = read.batches.last().map_or(0, |batch| batch.number);
                    read.passages.push(Passage {
                        batch: last.saturating_add(1),
                        departures: resume.departures,
                        copies: resume.copies,
                        lost: resume.lost,
                        believed: true,
                    });
                }
                (Line::End(ending), Some(read)) if read.ending.is_none() => {
                    let crew = keys.open(&ending.crew)?;
                    read.ending = Some(Ending { crew, ..*ending });
                }
                _ => return Err(altered("it may not stand there")),
            }
            if let Some(read) = &mut read {
                read.signed.extend(signed);
                read.length = length;
            }
        }
        if let Some(read) = &mut read {
            read.macs = macs;
            let behind = usize::try_from(length).ok().and_then(|length| bytes.get(length..));
            read.rest = behind.unwrap_or_default().to_vec();
            read.tell();
        }
        Ok(read)
    }

    /// A journal of one line.
    fn begun(begun: Begun) -> Self {
        let (departures, copies) = (begun.departures.clone(), begun.copies);
        let first = Passage { batch: 0, departures, copies, lost: Vec::new(), believed: true };
        Self {
            begun,
            batches: Vec::new(),
            departures: Vec::new(),
            ending: None,
            moved: false,
            resumed: Vec::new(),
            length: 0,
            rest: Vec::new(),
            macs: Vec::new(),
            copies,
            lost: Vec::new(),
            signed: Vec::new(),
            passages: vec![first],
        }
    }

    /// Forgets the batches from this one on, and what was said of the end.
    pub(crate) fn discard(&mut self, from: u64) {
        self.batches.retain(|batch| batch.number < from);
        self.ending = None;
    }

    /// Cuts off what stands behind the last whole line of the journal at `path`, and lets the case folder know of each line.
    pub(crate) fn make_known(&self, disk: &Disk, path: &Path, key_path: &Path) -> Result<(), PackageError> {
        disk.append(path, self.length)?.sync()?;
        Marks::bring(disk, key_path, &self.macs).map(drop)
    }

    /// Whether what the case folder knows beyond this journal is that another copy of it was moved, and nothing more.
    pub(crate) fn lacks_moves_alone(&self, keys: &Keys, marks: &Marks) -> Result<bool, PackageError> {
        let Some(beyond) = marks.beyond(&self.macs) else { return Ok(false) };
        let mut last = self.macs.last().cloned().unwrap_or_default();
        for mark in beyond {
            let (_, mac) = keys.line(&last, &self.of_a_move(), None)?;
            if mac != *mark {
                return Ok(false);
            }
            last = mac;
        }
        Ok(true)
    }

    /// The line for a move: of what is committed alone, so that it is the same in every copy of this journal.
    fn of_a_move(&self) -> Line {
        let parts = || self.batches.iter().flat_map(|batch| &batch.parts);
        let files = self.batches.len().saturating_add(parts().count());
        let bytes = parts().fold(0, |sum: u64, (_, part)| sum.saturating_add(part.bytes));
        Line::Moved(Moved { files: u64::try_from(files).unwrap_or(u64::MAX), bytes })
    }

    /// Notes in the journal at `path`, a copy of this one, that the package lies in another place from here on. The case
    /// folder learns of it once the copy has its name.
    pub(crate) fn note_move(&self, disk: &Disk, path: &Path, keys: &Keys) -> Result<(), PackageError> {
        let last = self.macs.last().map_or("", String::as_str);
        let (text, _) = keys.line(last, &self.of_a_move(), None)?;
        let mut file = disk.append(path, self.length)?;
        let _ = file.write_all(text.as_bytes()); // latched: `finish` reports it
        file.finish()?;
        Ok(())
    }
}

/// What a line is made of.
pub(super) struct Parts {
    pub(super) line: Line,
    /// The line without signature and `mac`.
    body: String,
    signature: Option<[u8; 64]>,
    /// The line without its `mac`.
    signed: String,
    mac: String,
}

pub(super) fn split(bytes: &[u8]) -> Option<Parts> {
    let text = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?.strip_suffix(END)?;
    let (open, mac) = text.rsplit_once(MAC)?;
    let signed = format!("{open}}}");
    let (body, signature) = signed::split(&signed);
    let line = serde_json::from_str(&body).ok()?;
    Some(Parts { line, body, signature, signed, mac: mac.to_owned() })
}
