//! LZO1X, as described in the Linux kernel's `Documentation/staging/lzo.rst`, in the frame that btrfs puts around it.
//!
//! ```text
//! total length  (length of a piece, piece)...      32-bit lengths; no length crosses the end of a sector
//! ```

use crate::field::{byte, le16, le32};

/// Unpacks all pieces, to at most `most` bytes.
pub(super) fn unpack(packed: &[u8], most: usize, sector: usize) -> Result<Vec<u8>, String> {
    let damaged = || "the LZO frame is damaged".to_owned();
    let size = |at| le32(packed, at).and_then(|size| usize::try_from(size).ok()).ok_or_else(damaged);
    let total = size(0)?;
    let packed = packed.get(..total).ok_or_else(damaged)?;
    let (mut at, mut bytes) = (LENGTH, Vec::with_capacity(most));
    while at < total {
        let begin = at.saturating_add(LENGTH);
        let piece = packed.get(begin..begin.saturating_add(size(at)?)).ok_or_else(damaged)?;
        let room = most.saturating_sub(bytes.len()).min(sector);
        bytes.extend(unpack_piece(piece, room).ok_or_else(damaged)?);
        at = begin.saturating_add(piece.len());
        // What is left of a sector is skipped where a length has no room in it.
        let left = at.next_multiple_of(sector.max(1)).saturating_sub(at);
        if left < LENGTH {
            at = at.saturating_add(left);
        }
    }
    Ok(bytes)
}

/// What the last instruction left behind.
#[derive(Clone, Copy, Eq, PartialEq)]
enum State {
    /// No literals were copied.
    None,
    /// One to three literals were copied.
    Few,
    /// Four or more literals were copied.
    Many,
}

struct Reader<'a> {
    packed: &'a [u8],
    at: usize,
    bytes: Vec<u8>,
    most: usize,
}

/// Unpacks one piece, to at most `most` bytes. `None` where it contradicts itself or does not end.
fn unpack_piece(packed: &[u8], most: usize) -> Option<Vec<u8>> {
    let mut reader = Reader { packed, at: 0, bytes: Vec::with_capacity(most), most };
    let mut state = State::None;
    let first = byte(packed, 0)?;
    if first > 17 {
        reader.at = 1;
        let count = usize::from(first).checked_sub(17)?;
        reader.literals(count)?;
        state = if count < 4 { State::Few } else { State::Many };
    }
    loop {
        let code = usize::from(reader.byte()?);
        let (distance, length, literals) = match code {
            0..16 if state == State::None => {
                let length = reader.length(code, 15)?.checked_add(3)?;
                reader.literals(length)?;
                state = State::Many;
                continue;
            }
            0..16 => {
                let high = usize::from(reader.byte()?) << 2;
                let (nearest, length) = if state == State::Few { (1, 2) } else { (2049, 3) };
                (high.checked_add(code >> 2)?.checked_add(nearest)?, length, code & 3)
            }
            16..32 => {
                let length = reader.length(code & 7, 7)?.checked_add(2)?;
                let low = usize::from(reader.two_bytes()?);
                let distance = (16384_usize).checked_add((code & 8) << 11)?.checked_add(low >> 2)?;
                if distance == 16384 {
                    // The end: nothing may follow it.
                    return (reader.at == packed.len() && length == 3).then_some(reader.bytes);
                }
                (distance, length, low & 3)
            }
            32..64 => {
                let length = reader.length(code & 31, 31)?.checked_add(2)?;
                let low = usize::from(reader.two_bytes()?);
                ((low >> 2).checked_add(1)?, length, low & 3)
            }
            64.. => {
                let high = usize::from(reader.byte()?) << 3;
                let length = if code < 128 { 3 + (code >> 5 & 1) } else { 5 + (code >> 5 & 3) };
                (high.checked_add(code >> 2 & 7)?.checked_add(1)?, length, code & 3)
            }
        };
        reader.copy(distance, length)?;
        reader.literals(literals)?;
        state = if literals == 0 { State::None } else { State::Few };
    }
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = byte(self.packed, self.at)?;
        self.at = self.at.checked_add(1)?;
        Some(byte)
    }

    fn two_bytes(&mut self) -> Option<u16> {
        let both = le16(self.packed, self.at)?;
        self.at = self.at.checked_add(2)?;
        Some(both)
    }

    /// A length: `short`, or, where that is zero, `base` and as much as the next bytes add.
    fn length(&mut self, short: usize, base: usize) -> Option<usize> {
        if short != 0 {
            return Some(short);
        }
        let mut length = base;
        loop {
            match self.byte()? {
                0 => length = length.checked_add(255)?,
                last => return length.checked_add(usize::from(last)),
            }
        }
    }

    fn literals(&mut self, count: usize) -> Option<()> {
        let end = self.at.checked_add(count)?;
        let literals = self.packed.get(self.at..end)?;
        self.at = end;
        self.room(count)?;
        self.bytes.extend(literals);
        Some(())
    }

    /// Repeats `length` bytes from `distance` back; they may include those that this adds.
    fn copy(&mut self, distance: usize, length: usize) -> Option<()> {
        self.room(length)?;
        let mut from = self.bytes.len().checked_sub(distance)?;
        for _ in 0..length {
            let byte = byte(&self.bytes, from)?;
            self.bytes.push(byte);
            from = from.checked_add(1)?;
        }
        Some(())
    }

    fn room(&self, count: usize) -> Option<()> {
        (count <= self.most.saturating_sub(self.bytes.len())).then_some(())
    }
}

const LENGTH: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(packed: &[u8], most: usize, expect: Option<&[u8]>) {
        assert_eq!(unpack_piece(packed, most).as_deref(), expect, "{packed:?}");
    }

    #[test]
    fn instructions_of_the_description() {
        let end = [0x11, 0, 0];
        let piece = |instructions: &[u8]| [instructions, &end].concat();
        check(&piece(&[17 + 5, b'a', b'b', b'c', b'd', b'e']), 5, Some(b"abcde"));
        check(&piece(&[17 + 5, b'a', b'b', b'c', b'd', b'e']), 4, None);
        check(&piece(&[1, b'a', b'b', b'c', b'd']), 9, Some(b"abcd")); // three and one literals
        check(&piece(&[1, b'a', b'b', b'c', b'd', 0x40 | 3 << 2, 0]), 7, Some(b"abcdabc"));
        check(&piece(&[1, b'a', b'b', b'c', b'd', 0x40, 0]), 7, Some(b"abcdddd"));
        check(&piece(&[1, b'a', b'b', b'c', b'd', 0xE0 | 1 << 2, 0]), 12, Some(b"abcdcdcdcdcd"));
        check(&piece(&[18, b'z', 0x40 | 1, 0, b'y']), 6, Some(b"zzzzy"));
        check(&piece(&[18, b'z', 0x04, 0]), 6, None); // farther back than the beginning
        check(&[17 + 5, b'a', b'b', b'c', b'd', b'e'], 5, None); // no end
        check(&[], 5, None);
        // Three bytes from farther back, after many literals: 2,100 of them, of which 18, 255 times 8, and 42 are counted.
        let many: Vec<u8> = (0..2100_u32).map(|index| (index % 251) as u8).collect();
        let far = [&[0; 9][..], &[42], &many, &[0, 0]].concat();
        check(&piece(&far), 2103, Some(&[&many, &many[51..54]].concat()));
    }

    #[test]
    fn nothing_that_is_packed_brings_it_down() {
        let mut state = 1_u64;
        for length in (0..64).cycle().take(20_000) {
            let packed = std::iter::repeat_with(|| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 32) as u8 & if state & 1 == 0 { 0xFF } else { 0x1F }
            });
            let packed: Vec<u8> = packed.take(length).collect();
            assert!(unpack_piece(&packed, 500).is_none_or(|bytes| bytes.len() <= 500));
            let total = [&u32::try_from(length).unwrap().to_le_bytes(), packed.as_slice()].concat();
            assert!(unpack(&total, 500, 4096).map_or(0, |bytes| bytes.len()) <= 500);
        }
    }
}
