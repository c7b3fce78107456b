//! Reading a journal: line by line, each authenticated by the one before.

use evidence::acquisition::Departure;

use super::{Batch, Begun, END, Keys, Line, MAC};
use crate::close::Ending;
use crate::package::PackageError;

/// What a journal says.
pub(crate) struct Journaled {
    pub(crate) begun: Begun,
    pub(crate) batches: Vec<Batch>,
    /// What departed from the order or the procedure, at the start and whenever it went on.
    pub(crate) departures: Vec<Departure>,
    /// Where the run has ended, what is said of it.
    pub(crate) ending: Option<Ending>,
    /// Bytes up to the end of the last whole line.
    pub(crate) length: u64,
    pub(crate) last_mac: String,
}

impl Journaled {
    /// Reads a journal; `None` where not even its first line was made durable.
    ///
    /// A last line that is not whole was never committed. Any other line that does not hold was changed.
    pub(crate) fn read(bytes: &[u8], keys: &Keys) -> Result<Option<Self>, PackageError> {
        let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        let mut read: Option<Self> = None;
        let (mut length, mut last_mac) = (0, String::new());
        for (index, bytes) in lines.iter().enumerate() {
            let number = index.saturating_add(1);
            let altered = |what: &str| PackageError::Journal { line: number, what: what.to_owned() };
            let Some((line, body, mac)) = split(bytes) else {
                // The writing of the last line was cut off: nothing rests on it.
                if number == lines.len() {
                    break;
                }
                return Err(altered("it is not a line of a journal"));
            };
            if mac != keys.mac_of(&last_mac, &body)? {
                return Err(altered("it is not as it was written"));
            }
            length += bytes.len() as u64;
            last_mac = mac;
            match (line, &mut read) {
                (Line::Begin(begun), None) => {
                    let departures = begun.departures.clone();
                    let (batches, begun) = (Vec::new(), *begun);
                    let last_mac = last_mac.clone();
                    read = Some(Self { begun, batches, departures, ending: None, length, last_mac });
                }
                (Line::Batch(batch), Some(read)) if read.ending.is_none() => read.batches.push(*batch),
                (Line::Resume(resume), Some(read)) if read.ending.is_none() => {
                    read.departures.extend(resume.departures);
                }
                (Line::End(ending), Some(read)) if read.ending.is_none() => {
                    let crew = keys.open(&ending.crew)?;
                    read.ending = Some(Ending { crew, ..*ending });
                }
                _ => return Err(altered("it may not stand there")),
            }
            if let Some(read) = &mut read {
                (read.length, read.last_mac) = (length, last_mac.clone());
            }
        }
        Ok(read)
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
