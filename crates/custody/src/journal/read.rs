//! Reading a journal: line by line, each authenticated by the one before.

use std::io::Write as _;
use std::path::Path;

use evidence::acquisition::Departure;

use super::{Batch, Begun, END, Keys, Line, MAC, Moved};
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
            let Some((line, body, mac)) = split(line) else {
                // The writing of the last line was cut off: nothing rests on it.
                if number == lines.len() {
                    break;
                }
                return Err(altered("it is not a line of a journal"));
            };
            let last = macs.last().map_or("", String::as_str);
            if mac != keys.mac_of(last, &body)? {
                return Err(altered("it is not as it was written"));
            }
            length += whole;
            macs.push(mac);
            match (line, &mut read) {
                (Line::Begin(begun), None) => {
                    let (departures, copies) = (begun.departures.clone(), begun.copies);
                    read = Some(Self {
                        begun: *begun,
                        batches: Vec::new(),
                        departures,
                        ending: None,
                        moved: false,
                        resumed: Vec::new(),
                        length: 0,
                        rest: Vec::new(),
                        macs: Vec::new(),
                        copies,
                        lost: Vec::new(),
                    });
                }
                (Line::Batch(batch), Some(read)) if read.ending.is_none() => {
                    read.lost.clone_from(&batch.lost);
                    read.batches.push(*batch);
                }
                (Line::Moved(_), Some(read)) => read.moved = true,
                (Line::Resume(resume), Some(read))
                    if read.ending.is_none() || resume.discarded_from.is_some() =>
                {
                    if let Some(from) = resume.discarded_from {
                        read.discard(from);
                    }
                    read.departures.extend(resume.departures);
                    let last = read.batches.last().map_or(0, |batch| batch.number);
                    read.resumed.push(last.saturating_add(1));
                    (read.copies, read.lost) = (resume.copies, resume.lost);
                }
                (Line::End(ending), Some(read)) if read.ending.is_none() => {
                    let crew = keys.open(&ending.crew)?;
                    read.ending = Some(Ending { crew, ..*ending });
                }
                _ => return Err(altered("it may not stand there")),
            }
            if let Some(read) = &mut read {
                read.length = length;
            }
        }
        if let Some(read) = &mut read {
            read.macs = macs;
            let behind = usize::try_from(length).ok().and_then(|length| bytes.get(length..));
            read.rest = behind.unwrap_or_default().to_vec();
        }
        Ok(read)
    }

    /// Forgets the batches from this one on, and what was said of the end.
    pub(crate) fn discard(&mut self, from: u64) {
        self.batches.retain(|batch| batch.number < from);
        self.ending = None;
    }

    /// Notes in the journal at `path`, a copy of this one, that the package lies in another place from here on. The case
    /// folder learns of it once the copy has its name.
    pub(crate) fn note_move(
        &self,
        disk: &Disk,
        path: &Path,
        keys: &Keys,
        files: u64,
        bytes: u64,
    ) -> Result<(), PackageError> {
        let last = self.macs.last().map_or("", String::as_str);
        let (text, _) = keys.line(last, &Line::Moved(Moved { files, bytes }))?;
        let mut file = disk.append(path, self.length)?;
        let _ = file.write_all(text.as_bytes()); // latched: `finish` reports it
        file.finish()?;
        Ok(())
    }
}

/// A line, what its `mac` is over, and the `mac`.
pub(super) fn split(bytes: &[u8]) -> Option<(Line, String, String)> {
    let text = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?.strip_suffix(END)?;
    let (open, mac) = text.rsplit_once(MAC)?;
    let body = format!("{open}}}");
    let line = serde_json::from_str(&body).ok()?;
    Some((line, body, mac.to_owned()))
}
