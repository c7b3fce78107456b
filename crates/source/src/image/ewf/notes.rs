//! What an image tells beside its chunks: digests, the disk's serial number, sectors that could not be read.
//!
//! ```text
//! 1 | main | c n a e t md sn ... | CASE-7  disk 2  ...  ST500  W1A2B3C4 ...        lines, with tabs between fields
//! ```
//!
//! Names of people and cases are in there too. They are told where somebody asks for names, and nowhere else.

use std::ops::Range;

use flate2::{Decompress, FlushDecompress, Status};

use super::section::checked;
use crate::field::le32;
use crate::image::StoredDigest;
use crate::names::shown;

/// The digests of a digest or hash section; `None` where its checksum does not fit. All zeros mean that there is none.
pub(super) fn digests(content: &[u8]) -> Option<Vec<StoredDigest>> {
    let content = checked(content)?;
    // hash: MD5 and 16 bytes. digest: MD5, SHA-1 and 40 bytes.
    let sha1 = if content.len() >= DIGEST { content.get(16..36) } else { None };
    let found = [("md5", content.get(..16)), ("sha1", sha1)];
    let stated = found.into_iter().filter_map(|(algorithm, bytes)| {
        let bytes = bytes.filter(|bytes| bytes.iter().any(|byte| *byte != 0))?;
        let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Some(StoredDigest { algorithm: algorithm.into(), hex })
    });
    Some(stated.collect())
}

/// The disk's serial number in a header section, if it is printable.
pub(super) fn serial(content: &[u8], wide: bool) -> Option<String> {
    let fields = main(content, wide);
    let (_, value) = fields.iter().find(|(key, _)| key == "sn")?;
    let plain = !value.is_empty()
        && value.len() <= MAX_SERIAL
        && value.chars().all(|c| c == ' ' || c.is_ascii_graphic());
    plain.then(|| value.clone())
}

/// What the image's maker wrote in a header section: what it is about, and the text, escaped. Times are as they stand there.
pub(super) fn said(content: &[u8], wide: bool) -> Vec<(String, String)> {
    let about = |key: &str| {
        Some(match key {
            "c" | "cn" => "case",
            "n" | "en" => "evidence number",
            "a" | "de" => "description",
            "e" | "ex" => "examiner",
            "t" | "nt" => "notes",
            "m" | "ad" => "acquired",
            "u" => "system time",
            "md" => "model",
            "av" => "program version",
            "ov" => "operating system",
            _ => return None,
        })
    };
    let fields = main(content, wide).into_iter();
    fields.filter_map(|(key, value)| Some((about(&key)?.to_owned(), shown(value.as_bytes())?))).collect()
}

/// The fields of the part `main`, keys and values, without blanks around; none where it cannot be read.
fn main(content: &[u8], wide: bool) -> Vec<(String, String)> {
    let Some(bytes) = unpack(content) else { return Vec::new() };
    let text = if wide {
        let units = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
        char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    } else {
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let mut lines = text.lines().skip_while(|line| *line != "main").skip(1);
    let (Some(keys), Some(values)) = (lines.next(), lines.next()) else { return Vec::new() };
    let pairs = keys.split('\t').zip(values.split('\t')).take(MAX_FIELDS);
    pairs.map(|(key, value)| (key.to_owned(), value.trim().to_owned())).collect()
}

fn unpack(content: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(MAX_TEXT);
    let status = Decompress::new(true).decompress_vec(content, &mut text, FlushDecompress::Finish).ok()?;
    (status == Status::StreamEnd).then_some(text)
}

/// The sectors that the image's maker could not read, first and count; `None` where a checksum does not fit.
pub(super) fn errors(content: &[u8]) -> Option<Vec<(u64, u64)>> {
    let header = checked(content.get(..ERRORS_HEADER)?)?;
    let bytes = usize::try_from(le32(header, 0)?).ok()?.checked_mul(8)?;
    let end = ERRORS_HEADER.checked_add(bytes)?;
    let entries = checked(content.get(ERRORS_HEADER..end.checked_add(4)?)?)?;
    let pairs = entries.as_chunks::<8>().0.iter();
    Some(pairs.filter_map(|pair| Some((le32(pair, 0)?.into(), le32(pair, 4)?.into()))).collect())
}

/// Sorts ranges and joins those that touch.
pub(super) fn merge(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.retain(|range| range.start < range.end);
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// Most bytes of a list of unreadable sectors: half a million entries, some thousand times what a disk worth imaging has.
pub(super) const MAX_ERRORS: u64 = 4 << 20;
/// Most bytes of a digest section.
pub(super) const MAX_DIGEST: u64 = 1 << 12;
/// Most bytes of a header section, packed.
pub(super) const MAX_HEADER: u64 = 1 << 18;
/// Most bytes of a header section, unpacked: notes of an examiner, which nobody writes longer.
const MAX_TEXT: usize = 1 << 20;
/// Longest serial number taken over.
const MAX_SERIAL: usize = 200;
/// Most fields: EnCase writes some twenty.
const MAX_FIELDS: usize = 100;
/// Bytes of a digest section, without its checksum.
const DIGEST: usize = 76;
/// Bytes of the header of a list of unreadable sectors.
const ERRORS_HEADER: usize = 520;

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::image::ewf::adler32::adler32;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut pack = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        pack.write_all(text).unwrap();
        pack.finish().unwrap()
    }

    fn check(text: &str, expect: Option<&str>) {
        assert_eq!(serial(&packed(text.as_bytes()), false).as_deref(), expect, "{text:?}");
        let wide: Vec<u8> =
            std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        assert_eq!(serial(&packed(&wide), true).as_deref(), expect, "{text:?}");
    }

    #[test]
    fn serial_numbers() {
        check("3\nmain\na\tc\tsn\tav\nx\ty\t W1A2 B3\tz\n\nsrce\n", Some("W1A2 B3"));
        check("1\r\nmain\r\nc\tsn\r\ny\tW1\r\n\r\n", Some("W1"));
        check("1\nmain\nc\tsn\ny\t\n", None);
        check("1\nmain\nc\tn\ny\tz\n", None);
        check("1\nmain\nc\tsn\ny\tfoo\u{1b}[1m\n", None);
        check("1\nother\nc\tsn\ny\tW1\n", None);
        check("main", None);
        check("", None);
        assert_eq!(serial(b"not packed", false), None);
        assert_eq!(serial(&packed(&vec![b'a'; MAX_TEXT + 1]), false), None);
    }

    #[test]
    fn what_the_maker_wrote_is_told_escaped() {
        let text = "1\nmain\nc\tn\ta\te\tt\tsn\tzz\nKC-7\t 3 \t\tA. B\u{1b}erg\t\tW1\tq\n";
        let told = said(&packed(text.as_bytes()), false);
        let told: Vec<(&str, &str)> =
            told.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(told, [("case", "KC-7"), ("evidence number", "3"), ("examiner", "A. B%1Berg")]);
        assert!(said(b"not packed", false).is_empty());
    }

    fn sealed(mut content: Vec<u8>) -> Vec<u8> {
        content.extend(adler32(&content).to_le_bytes());
        content
    }

    #[test]
    fn digests_and_their_absence() {
        let md5 = |content: Vec<u8>| digests(&sealed(content)).unwrap();
        assert_eq!(md5([vec![1; 16], vec![0; 16]].concat()).len(), 1);
        assert_eq!(md5([vec![0; 16], vec![0; 16]].concat()).len(), 0);
        let both = md5([vec![1; 16], vec![2; 20], vec![0; 40]].concat());
        assert_eq!(both.last().map(|digest| digest.hex.as_str()), Some("02".repeat(20).as_str()));
        assert_eq!(digests(&[0; 36]), None);
        assert_eq!(digests(&[]), None);
    }

    #[test]
    fn lists_of_unreadable_sectors() {
        let list = |count: u32, entries: &[u32]| {
            let mut content = count.to_le_bytes().to_vec();
            content.resize(516, 0);
            let entries = entries.iter().flat_map(|entry| entry.to_le_bytes()).collect();
            [sealed(content), sealed(entries)].concat()
        };
        assert_eq!(errors(&list(2, &[5, 1, 9, 3])), Some(vec![(5, 1), (9, 3)]));
        assert_eq!(errors(&list(0, &[])), Some(vec![]));
        assert_eq!(errors(&list(3, &[5, 1, 9, 3])), None);
        assert_eq!(errors(&list(u32::MAX, &[5, 1, 9, 3])), None);
        assert_eq!(errors(&[0; 100]), None);
    }

    #[test]
    fn ranges_are_merged() {
        assert_eq!(merge(vec![9..12, 0..3, 3..5, 10..11, 7..7]), [0..5, 9..12]);
    }
}
