//! The three compressions of file content. What an extent unpacks to is bounded by btrfs: 128 KiB.

mod lzo;

use std::io::Read as _;

use crate::field::{byte, le16, le32, le64};

/// A compression.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Method {
    /// zlib, RFC 1950.
    Zlib,
    /// LZO1X in btrfs's own frame.
    Lzo,
    /// Zstandard, RFC 8878.
    Zstd,
}

impl Method {
    /// The compression with the number `number`, from 1.
    pub(crate) fn of(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Zlib),
            2 => Some(Self::Lzo),
            3 => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Unpacks `packed` to exactly `length` bytes.
    ///
    /// Linux packs the content up to the end of the file, and counts whole sectors: what is missing of the last sector
    /// is zeros. More missing, an end that does not come, or bytes beyond the last sector are an error.
    ///
    /// # Errors
    ///
    /// What is wrong, in words.
    pub(crate) fn unpack(self, packed: &[u8], length: usize, sector: usize) -> Result<Vec<u8>, String> {
        if length > MAX_UNPACKED || packed.len() > MAX_UNPACKED {
            return Err(format!("{} bytes are said to unpack to {length}", packed.len()));
        }
        let most = length.next_multiple_of(sector.max(1));
        let mut bytes = match self {
            Self::Zlib => zlib(packed, most),
            Self::Lzo => lzo::unpack(packed, most, sector),
            Self::Zstd => zstd(packed, most),
        }?;
        if bytes.len().saturating_add(sector) <= length {
            return Err(format!("{} bytes unpacked, of {length}", bytes.len()));
        }
        bytes.resize(length, 0);
        Ok(bytes)
    }
}

fn zlib(packed: &[u8], most: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(most);
    let mut state = flate2::Decompress::new(true);
    match state.decompress_vec(packed, &mut bytes, flate2::FlushDecompress::Finish) {
        Ok(flate2::Status::StreamEnd) => Ok(bytes),
        Ok(_) => Err("the zlib stream does not end where it should".into()),
        Err(_) => Err("the zlib stream is damaged".into()),
    }
}

fn zstd(packed: &[u8], most: usize) -> Result<Vec<u8>, String> {
    if window(packed).is_none_or(|window| window > MAX_WINDOW) {
        return Err("the Zstandard frame has no sound header".into());
    }
    let damaged = |_| "the Zstandard frame is damaged".to_owned();
    let decoder = ruzstd::decoding::StreamingDecoder::new(packed).map_err(|_| damaged(()))?;
    let mut bytes = Vec::with_capacity(most);
    let limit = crate::bytes::length(most).saturating_add(1);
    decoder.take(limit).read_to_end(&mut bytes).map_err(|_| damaged(()))?;
    if bytes.len() > most {
        return Err("the Zstandard frame is longer than its extent".into());
    }
    Ok(bytes)
}

/// How far back a frame refers, by its header: as much memory as that is needed.
fn window(packed: &[u8]) -> Option<u64> {
    if le32(packed, 0)? != 0xFD2F_B528 {
        return None;
    }
    let descriptor = byte(packed, 4)?;
    if descriptor & 0x20 == 0 {
        let window = byte(packed, 5)?;
        let base = 1_u64.checked_shl(u32::from(window >> 3).saturating_add(10))?;
        return (base >> 3).checked_mul(u64::from(window & 7))?.checked_add(base);
    }
    // One segment: the frame's own length follows, after the number of a dictionary, which btrfs never uses.
    match (descriptor & 3, descriptor >> 6) {
        (0, 0) => byte(packed, 5).map(u64::from),
        (0, 1) => le16(packed, 5).map(|length| u64::from(length).saturating_add(256)),
        (0, 2) => le32(packed, 5).map(u64::from),
        (0, _) => le64(packed, 5),
        _ => None,
    }
}

/// Most bytes in a compressed extent, packed or not: btrfs's own bound.
pub(crate) const MAX_UNPACKED: usize = 128 << 10;
/// Longest reach of a Zstandard frame: eight times what Linux writes and reads.
const MAX_WINDOW: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: Method, packed: &[u8], length: usize, expect: Result<&[u8], &str>) {
        let found = method.unpack(packed, length, 4096);
        assert_eq!(found.as_deref().map_err(String::as_str), expect, "{method:?} {length}");
    }

    /// `abcabcabc...`, 30 bytes, by zlib.
    const ZLIB: &[u8] = &[0x78, 0x9C, 0x4B, 0x4C, 0x4A, 0x4E, 0xC4, 0x8D, 0x00, 0xB2, 0x0C, 0x0B, 0x7D];

    #[test]
    fn exactly_the_length_or_an_error() {
        let content = b"abc".repeat(10);
        let padded = [content.clone(), vec![0; 4066]].concat();
        check(Method::Zlib, ZLIB, 30, Ok(&content));
        check(Method::Zlib, ZLIB, 4096, Ok(&padded));
        check(Method::Zlib, ZLIB, 20, Ok(&content[..20]));
        check(Method::Zlib, ZLIB, 4126, Err("30 bytes unpacked, of 4126"));
        check(Method::Zlib, &ZLIB[..8], 30, Err("the zlib stream does not end where it should"));
        check(Method::Zlib, ZLIB, 131_073, Err("13 bytes are said to unpack to 131073"));
        check(Method::Zstd, ZLIB, 30, Err("the Zstandard frame has no sound header"));
    }

    /// Sixty lines, by zstd 1.5.
    const ZSTD: &str = "\
        28b52ffd603c076d0800e6532c14b0271d004853c48168a8b2dc3bc99492d44bd2952d00240022007bcdabafb3c78ddb\
        66365b29bf94c97b227dae9a800d44310cc5101481c338140311202486c010181b03435108b5ced4742e4597c222213c\
        f9493cf184cc22952e26678f331eee35b365554876e247240564e34d1c92df9a5d2eab7d32966f9ef9c623ad6a7ba5f5\
        8e14f772d4cd9db533760f809977bee216f96da1324bba9e8853a2af68aa292c7908798e6688431bb3ec298b6bc876a8\
        11909ccefbbf01d01b190e11246c8122c27ffeaf62ef8d784ef4e43823e9872fe239d153a37e1279d92e09ac8cccf9f0\
        580d1e7327da942b5cec4e993b66ae30329f4e7c3a52de908a057f190431125c10c60e6000a40a\
    ";

    #[test]
    fn nothing_that_is_packed_brings_it_down() {
        let content: String =
            (1..=60).map(|line| format!("line {line} and what is said in it {}\n", line * line)).collect();
        let digit = |digit: u8| (digit as char).to_digit(16).unwrap() as u8;
        let frame: Vec<u8> =
            ZSTD.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect();
        check(Method::Zstd, &frame, content.len(), Ok(content.as_bytes()));
        let padded = [frame.clone(), vec![0; 900]].concat();
        check(Method::Zstd, &padded, content.len(), Ok(content.as_bytes()));
        for at in 0..frame.len() {
            assert!(Method::Zstd.unpack(&frame[..at], content.len(), 4096).is_err(), "cut at {at}");
            for change in [1, 2, 4, 8, 16, 32, 64, 128, 255] {
                let mut forged = frame.clone();
                forged[at] ^= change;
                let found = Method::Zstd.unpack(&forged, content.len(), 4096);
                assert!(found.is_err() || found.is_ok_and(|bytes| bytes.len() == content.len()));
            }
        }
        for at in 0..ZLIB.len() {
            assert!(Method::Zlib.unpack(&ZLIB[..at], 30, 4096).is_err(), "cut at {at}");
        }
    }
}
