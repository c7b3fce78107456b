//! Frames: what passes between a program and the process that reads a medium for it.
//!
//! ```text
//! 49 0b000000 {"more":...}        one byte that says what it is, the length as 32 bits little-endian, that many bytes
//! ```

use std::io::{self, Read};

/// Longest frame. One item's names alone may be 4 MiB, three times that once escaped; its attributes come on top.
pub(super) const MAX_FRAME: usize = 32 << 20;
/// Bytes before what a frame holds.
pub(super) const HEAD: usize = 5;
/// The version of all this. Both sides are one program; a stranger is told from an accident by it.
pub(super) const VERSION: u32 = 5;

/// What the program asks.
pub(super) mod ask {
    /// Open the medium: [`super::super::words::Begin`]. First, and once.
    pub(crate) const BEGIN: u8 = b'B';
    /// Walk a source: [`super::super::words::WalkAsk`].
    pub(crate) const WALK: u8 = b'W';
    /// Whether the directory asked about is closed: one byte, 0 or 1.
    pub(crate) const ANSWER: u8 = b'A';
    /// Open an item's content: [`super::super::words::OpenAsk`].
    pub(crate) const OPEN: u8 = b'O';
    /// Read an item's content as something: [`super::super::words::ExtractAsk`]. Answered by [`super::tell::DATA`] and then [`super::tell::END`].
    pub(crate) const EXTRACT: u8 = b'X';
    /// Read bytes of the medium: [`super::super::words::BytesAsk`].
    pub(crate) const BYTES: u8 = b'R';
    /// Tell which ranges of the medium could not be read so far.
    pub(crate) const BAD: u8 = b'D';
    /// List the members of an archive.
    pub(crate) const ARCHIVE: u8 = b'V';
    /// Open a member: its number, and how many bytes of it are not wanted, as 64 bits little-endian each.
    pub(crate) const MEMBER: u8 = b'M';
    /// Read a member's content as something: [`super::super::unpack::ReadAsk`]. Answered by [`super::tell::DATA`], more of it for each
    /// [`MORE`], and then [`super::tell::END`].
    pub(crate) const READ: u8 = b'T';
    /// Tell more: members, or content.
    pub(crate) const MORE: u8 = b'+';
    /// Bytes of the archive that were wanted.
    pub(crate) const GIVEN: u8 = b'G';
    /// They cannot be read: [`super::super::words::Fault`].
    pub(crate) const NOT_GIVEN: u8 = b'N';
    /// Stop what is being sent. Answered by [`super::tell::CANCELLED`], whatever else was sent before.
    pub(crate) const CANCEL: u8 = b'C';
}

/// What the process that reads tells.
pub(super) mod tell {
    /// The medium is open: [`super::super::words::Survey`].
    pub(crate) const SURVEY: u8 = b's';
    /// The medium is not opened: [`super::super::words::Refusal`].
    pub(crate) const REFUSED: u8 = b'n';
    /// What was asked failed: [`super::super::words::Fault`].
    pub(crate) const FAULT: u8 = b'f';
    /// Items and issues of a walk: a list of [`super::super::words::Event`].
    pub(crate) const EVENTS: u8 = b'i';
    /// Is this directory closed? Its path.
    pub(crate) const CLOSED: u8 = b'q';
    /// The walk came to its end: a `WalkReport`.
    pub(crate) const REPORT: u8 = b'r';
    /// Content: a byte, 1 where all of it is here, the declared length as 64 bits little-endian, the first of the bytes that
    /// are wanted.
    pub(crate) const OPENED: u8 = b'o';
    /// More bytes.
    pub(crate) const DATA: u8 = b'd';
    /// Bytes that the medium does not give: how many, as 64 bits little-endian, and a [`super::super::words::Fault`]. More may follow.
    pub(crate) const GAP: u8 = b'g';
    /// The ranges that could not be read, a list for each drive: [`super::super::words::Bad`].
    pub(crate) const BAD: u8 = b'b';
    /// The content came to its end.
    pub(crate) const END: u8 = b'e';
    /// The medium is being read, and nothing can be told yet.
    pub(crate) const PROGRESS: u8 = b'p';
    /// The medium is gone, and this process ends: why, as text.
    pub(crate) const LOST: u8 = b'L';
    /// Archives can be opened.
    pub(crate) const READY: u8 = b'y';
    /// Bytes of the archive are wanted.
    pub(crate) const WANT: u8 = b'w';
    /// Some members of the archive.
    pub(crate) const MEMBERS: u8 = b'm';
    /// These were all members.
    pub(crate) const LISTED: u8 = b'l';
    /// What was to be stopped has stopped.
    pub(crate) const CANCELLED: u8 = b'x';
}

/// The head of a frame of `kind` with `length` bytes; `None` where a frame cannot hold so many.
pub(super) fn head(kind: u8, length: usize) -> Option<[u8; HEAD]> {
    let bytes = u32::try_from(length).ok().filter(|_| length <= MAX_FRAME)?.to_le_bytes();
    let [a, b, c, d] = bytes;
    Some([kind, a, b, c, d])
}

/// Kind and length out of a head; `None` where the length is beyond [`MAX_FRAME`].
pub(super) fn parse_head(head: [u8; HEAD]) -> Option<(u8, usize)> {
    let [kind, a, b, c, d] = head;
    let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).ok()?;
    (length <= MAX_FRAME).then_some((kind, length))
}

/// A whole frame, ready to be written at once.
pub(super) fn frame(kind: u8, holds: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(HEAD.saturating_add(holds.len()));
    bytes.extend(head(kind, holds.len())?);
    bytes.extend(holds);
    Some(bytes)
}

/// Reads one frame, waiting as long as it takes: the reading process's side.
///
/// # Errors
///
/// [`io::ErrorKind::UnexpectedEof`] at the end, [`io::ErrorKind::InvalidData`] for a frame that is too long.
pub(super) fn read(input: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; HEAD];
    input.read_exact(&mut head)?;
    let (kind, length) = parse_head(head).ok_or(io::ErrorKind::InvalidData)?;
    let mut holds = Vec::new();
    let count = input.take(crate::bytes::length(length)).read_to_end(&mut holds)?;
    if count == length { Ok((kind, holds)) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        let bytes = frame(ask::ANSWER, b"abc").unwrap();
        assert_eq!(bytes, b"A\x03\0\0\0abc");
        assert_eq!(read(&mut bytes.as_slice()).unwrap(), (ask::ANSWER, b"abc".to_vec()));
        for end in 0..bytes.len() {
            assert!(read(&mut &bytes[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn a_frame_is_bounded() {
        assert!(head(0, MAX_FRAME).is_some());
        assert!(head(0, MAX_FRAME + 1).is_none());
        assert_eq!(parse_head([1, 0xFF, 0xFF, 0xFF, 0xFF]), None);
        assert_eq!(parse_head([1, 0, 0, 0, 2]), Some((1, MAX_FRAME)));
    }
}
