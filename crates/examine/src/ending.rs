//! Whether a file ends as a zip, whatever it begins with: programs find a zip by its end.
//!
//! Implements `docs/spec/magic.md`, "The end".
//!
//! ```text
//! #!/bin/sh ... | PK 3 4 ... | PK 1 2 ... | PK 5 6 ... comment, or other bytes       a script, and a zip
//!                              o or p - s   p
//! ```

use scope::facts::EndFact;
use source::{ByteSource, ReadFault};

/// What the end of `bytes` tells. An error is a reason in words that name nothing of the item.
pub(crate) fn of(bytes: &dyn ByteSource) -> Result<EndFact, String> {
    let length = bytes.len();
    let examined = length.min(TAIL);
    let start = length.saturating_sub(examined);
    let mut tail = vec![0; usize::try_from(examined).unwrap_or_default()];
    bytes.read_exact_at(start, &mut tail).map_err(|fault| unread(&fault))?;
    let mut tried = 0_usize;
    let mut zip = false;
    for at in (0..tail.len()).rev().filter(|at| is_at(&tail, *at, b"PK\x05\x06")) {
        let Some(end) = tail.get(at..at.saturating_add(22)) else { continue };
        let place = start.saturating_add(u64::try_from(at).unwrap_or_default());
        if length.saturating_sub(place) > NARROW {
            break;
        }
        tried = tried.saturating_add(1);
        let wide = at.checked_sub(20).is_some_and(|at| is_at(&tail, at, b"PK\x06\x07"));
        // So many marks mislead somebody: which of them counts is for whoever reads the zip.
        zip = wide || tried > MARKS || points(bytes, end, place)?;
        if zip {
            break;
        }
    }
    Ok(EndFact { zip, examined })
}

/// Whether an entry of a directory stands where the end record at `place` says, from the beginning of the file, or right before it.
fn points(bytes: &dyn ByteSource, end: &[u8], place: u64) -> Result<bool, String> {
    let field = |at| -> Option<u64> { Some(u64::from(u32::from_le_bytes(*end.get(at..)?.first_chunk()?))) };
    let (Some(size), Some(stated)) = (field(12), field(16)) else { return Ok(false) };
    for at in [place.checked_sub(size), Some(stated)].into_iter().flatten() {
        let mut mark = [0; 4];
        if at.checked_add(4).is_some_and(|stop| stop <= place) {
            bytes.read_exact_at(at, &mut mark).map_err(|fault| unread(&fault))?;
        }
        if mark == *b"PK\x01\x02" {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_at(bytes: &[u8], at: usize, mark: &[u8]) -> bool {
    bytes.get(at..).is_some_and(|rest| rest.starts_with(mark))
}

fn unread(fault: &ReadFault) -> String {
    if fault.is_of_archive() { crate::examine::of_archive() } else { "its end could not be read".to_owned() }
}

/// Bytes in which an end record stands: it has 22 bytes, and a comment of at most 65,535.
const NARROW: u64 = 22 + 65_535;
/// Bytes at the end of a file that the look at the type reads: an end record, and the 20 bytes before it, in which a zip of 64 bits
/// says where its own is.
pub const TAIL: u64 = NARROW + 20;
/// Marks of an end record that are tried.
const MARKS: usize = 16;

#[cfg(test)]
mod tests {
    use super::of;

    fn end(size: u32, start: u32) -> Vec<u8> {
        let counts = [0, 0, 0, 0, 1, 0, 1, 0];
        [b"PK\x05\x06".as_slice(), &counts, &size.to_le_bytes(), &start.to_le_bytes(), &[0; 2]].concat()
    }

    fn is_zip(bytes: &[u8]) -> bool {
        let found = of(&bytes.to_vec()).unwrap();
        assert_eq!(found.examined, (bytes.len() as u64).min(65_577));
        found.zip
    }

    #[test]
    fn an_end_counts_where_it_points_to_a_directory() {
        let stub = |length| vec![b'#'; length];
        let entry = [b"PK\x01\x02".as_slice(), &[7; 60]].concat();
        let zip = |before: usize, end: Vec<u8>, after: usize| {
            [stub(before), entry.clone(), end, vec![b'.'; after]].concat()
        };
        assert!(is_zip(&zip(100, end(64, 100), 0)), "the place is counted from the beginning");
        assert!(is_zip(&zip(100, end(64, 0), 0)), "a zip was put behind other bytes as it was");
        assert!(is_zip(&zip(100, end(9, 100), 0)), "some programs believe the place alone");
        assert!(is_zip(&zip(9, end(64, 9), 65_535)), "other bytes may follow");
        assert!(!is_zip(&zip(9, end(64, 9), 65_536)), "so far no program looks");
        assert!(!is_zip(&zip(100, end(63, 99), 0)), "no entry is there");
        assert!(!is_zip(&zip(100, end(u32::MAX, u32::MAX), 0)));
        let wide = [b"PK\x06\x07".to_vec(), vec![0; 16], end(u32::MAX, u32::MAX)].concat();
        assert!(is_zip(&[stub(9), wide.clone()].concat()), "64 bits");
        assert!(is_zip(&[stub(9), wide, vec![b'.'; 65_535]].concat()));
        assert!(is_zip(&end(1, 1).repeat(17)), "so many ends mislead");
        assert!(!is_zip(&end(1, 1).repeat(16)));
        for short in [&b""[..], b"PK", b"PK\x05\x06", &end(0, 0)[..21], &end(0, 0)] {
            assert!(!is_zip(short));
        }
    }
}
