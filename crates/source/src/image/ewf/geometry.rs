//! The volume section: how long the disk is, and how it was cut into chunks.
//!
//! ```text
//! 01 00 00 00  5c 00 00 00  40 00 00 00  00 02 00 00  e3 16 00 00 ...      92 chunks of 64 sectors of 512 bytes, 5,859 sectors
//! ```

use super::section::checked;
use crate::field::{byte, le32, le64};
use crate::image::ImageError;

/// Size and layout of a disk.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Geometry {
    /// Chunks in all.
    pub(super) chunks: u64,
    /// Bytes of each chunk but the last, which may be shorter.
    pub(super) chunk: u64,
    /// Bytes of a sector.
    pub(super) sector: u32,
    /// Bytes of the disk.
    pub(super) len: u64,
    /// The image's identifier, which each segment repeats; zero where there is none.
    set: [u8; 16],
}

impl Geometry {
    /// Reads the content of a volume section, or of its copy.
    pub(super) fn read(content: &[u8]) -> Result<Self, ImageError> {
        let corrupt = |what: &str| ImageError::Corrupt(format!("volume section: {what}"));
        let short = || corrupt("too short");
        if ![SHORT, LONG].contains(&content.len()) {
            return Err(corrupt(&format!("{} bytes long, where {SHORT} or {LONG} are known", content.len())));
        }
        checked(content).ok_or_else(|| corrupt("its checksum does not fit"))?;
        let long = content.len() == LONG;
        if long && byte(content, 0) == Some(LOGICAL) {
            return Err(ImageError::Unsupported(
                "an EnCase logical image (L01), which holds files and not a disk".into(),
            ));
        }
        let chunks = le32(content, 4).map(u64::from).ok_or_else(short)?;
        let sectors =
            if long { le64(content, 16) } else { le32(content, 16).map(u64::from) }.ok_or_else(short)?;
        let per_chunk = le32(content, 8).map(u64::from).ok_or_else(short)?;
        let sector = le32(content, 12).ok_or_else(short)?;
        let chunk = per_chunk.saturating_mul(u64::from(sector));
        if chunk == 0 {
            return Err(corrupt("chunks of 0 bytes"));
        }
        if chunk > MAX_CHUNK {
            return Err(ImageError::Unsupported(format!("an E01 image with chunks of {chunk} bytes")));
        }
        let len = sectors.saturating_mul(u64::from(sector));
        if len.div_ceil(chunk) != chunks || len > MAX_LEN {
            return Err(corrupt(&format!(
                "{sectors} sectors of {sector} bytes do not make {chunks} chunks of {chunk} bytes"
            )));
        }
        Ok(Self { chunks, chunk, sector, len, set: Self::set(content) })
    }

    /// Whether a copy of the volume section, in another segment, can be of the same image.
    pub(super) fn agrees(&self, copy: &[u8]) -> bool {
        let fields = (le32(copy, 8), le32(copy, 12));
        let chunk = match fields {
            (Some(sectors), Some(sector)) => u64::from(sectors).saturating_mul(sector.into()),
            _ => 0,
        };
        let set = Self::set(copy);
        chunk == self.chunk && (set == self.set || set == [0; 16] || self.set == [0; 16])
    }

    fn set(content: &[u8]) -> [u8; 16] {
        let long = content.get(64..).filter(|_| content.len() == LONG);
        long.and_then(|rest| rest.first_chunk().copied()).unwrap_or_default()
    }
}

/// A volume section as the first versions and SMART write it.
const SHORT: usize = 94;
/// A volume section as EnCase writes it.
const LONG: usize = 1_052;
/// The media type of a logical image.
const LOGICAL: u8 = 0x0E;
/// Longest chunk: twice what ewfacquire writes at most of sectors of 512 bytes. One reader holds a few of them in memory.
const MAX_CHUNK: u64 = 32 << 20;
/// Longest disk: offsets stay far from the end of 64 bits.
const MAX_LEN: u64 = 1 << 60;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::ewf::adler32::adler32;

    fn volume(len: usize, fields: [u32; 4]) -> Vec<u8> {
        let mut content = vec![0; len - 4];
        for (index, field) in fields.iter().enumerate() {
            content[4 + 4 * index..8 + 4 * index].copy_from_slice(&field.to_le_bytes());
        }
        content.extend(adler32(&content).to_le_bytes());
        content
    }

    fn check(len: usize, fields: [u32; 4], expect: Result<u64, &str>) {
        match (Geometry::read(&volume(len, fields)), expect) {
            (Ok(geometry), Ok(expected)) => assert_eq!(geometry.len, expected),
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            (found, _) => panic!("{fields:?}: {found:?}"),
        }
    }

    #[test]
    fn sizes_have_to_fit() {
        for len in [SHORT, LONG] {
            check(len, [7, 64, 512, 403], Ok(206_336));
            check(len, [0, 64, 512, 0], Ok(0));
            check(len, [6, 64, 512, 403], Err("do not make 6 chunks"));
            check(len, [8, 64, 512, 403], Err("do not make 8 chunks"));
            check(len, [7, 0, 512, 403], Err("chunks of 0 bytes"));
            check(len, [7, 64, 0, 403], Err("chunks of 0 bytes"));
            check(len, [1, u32::MAX, u32::MAX, 403], Err("with chunks of"));
        }
        check(1_000, [7, 64, 512, 403], Err("1000 bytes long"));
        let mut damaged = volume(LONG, [7, 64, 512, 403]);
        damaged[900] ^= 1;
        assert!(Geometry::read(&damaged).unwrap_err().to_string().contains("checksum"));
    }
}
