//! The look *type*: what a file is, from its first 4096 bytes alone.
//!
//! Implements `docs/spec/magic.md`, version 1. The rules stand here in the
//! order of the page, and the first that fits decides. Names and extensions are
//! in [`scope::magic`].
//!
//! ```text
//! {"name":"zip","encrypted":true,"examined":4096}
//! ```

use scope::facts::TypeFact;

/// How many bytes of a file are examined.
pub const HEAD: usize = 4096;

/// The type of a file that begins with `head`: its first [`HEAD`] bytes, or all of them where it is shorter.
///
/// Bytes beyond [`HEAD`] are ignored.
#[must_use]
pub fn detect(head: &[u8]) -> TypeFact {
    let head = head.get(..HEAD).unwrap_or(head);
    let (name, encrypted) = signature(head).or_else(|| text(head)).unwrap_or(("unknown", None));
    TypeFact { name: name.to_owned(), encrypted, examined: head.len() as u64, end: None }
}

type Found = (&'static str, Option<bool>);

type Rule = fn(&[u8]) -> Option<Found>;

/// Rules 1 to 3 of the page: no bytes at all, fixed signatures, and signatures with a condition.
fn signature(head: &[u8]) -> Option<Found> {
    if head.is_empty() {
        return Some(("empty", Some(false)));
    }
    // First of all: the name of its first file may be a signature.
    if is_tar(head) {
        return Some(("tar", Some(false)));
    }
    let fixed = FIXED.iter().find(|rule| starts_at(head, rule.at, rule.bytes));
    fixed.map(|rule| (rule.name, rule.encrypted)).or_else(|| conditional(head))
}

/// Whether the head is that of a tar, of whatever form: the check sum of its first header is right.
fn is_tar(head: &[u8]) -> bool {
    let Some((header, _)) = head.split_first_chunk::<512>() else { return false };
    let (before, rest) = header.split_at(148);
    let (field, after) = rest.split_at(8);
    let digits: Vec<u8> = field.iter().copied().filter(|byte| !matches!(byte, b' ' | 0)).collect();
    if digits.is_empty() || !digits.iter().all(|digit| (b'0'..=b'7').contains(digit)) {
        return false;
    }
    let stated = digits.iter().fold(0_u64, |sum, digit| (sum << 3) | u64::from(digit & 7));
    // The sum counts its own field as spaces.
    let sum = before.iter().chain(after).fold(8 * 32, |sum: u64, byte| sum.saturating_add(u64::from(*byte)));
    stated == sum
}

fn conditional(head: &[u8]) -> Option<Found> {
    let rules: [Rule; 12] =
        [bmp, riff, mp3, iso_media, executable, mach_o_or_class, pdf, zip, archive, rar, cfb, keys];
    rules.iter().find_map(|rule| rule(head))
}

/// A signature that needs nothing else: these bytes at this offset.
struct Fixed {
    at: usize,
    bytes: &'static [u8],
    name: &'static str,
    encrypted: Option<bool>,
}

const fn fixed(at: usize, bytes: &'static [u8], name: &'static str, encrypted: Option<bool>) -> Fixed {
    Fixed { at, bytes, name, encrypted }
}

const FIXED: &[Fixed] = &[
    fixed(0, b"\x89PNG\r\n\x1a\n", "png", Some(false)),
    fixed(0, b"\xff\xd8\xff", "jpeg", Some(false)),
    fixed(0, b"GIF87a", "gif", Some(false)),
    fixed(0, b"GIF89a", "gif", Some(false)),
    fixed(0, b"II*\0", "tiff", Some(false)),
    fixed(0, b"MM\0*", "tiff", Some(false)),
    fixed(0, b"OggS", "ogg", Some(false)),
    fixed(0, b"fLaC", "flac", Some(false)),
    fixed(0, b"\x7fELF", "elf", Some(false)),
    fixed(0, b"\0asm", "wasm", Some(false)),
    fixed(0, b"\x1f\x8b\x08", "gzip", Some(false)),
    fixed(0, b"\xfd7zXZ\0", "xz", Some(false)),
    fixed(0, b"\x28\xb5\x2f\xfd", "zstd", Some(false)),
    fixed(0, b"\x04\x22\x4d\x18", "lz4", Some(false)),
    fixed(0, b"7z\xbc\xaf\x27\x1c", "7z", None),
    fixed(257, b"ustar\0", "tar", Some(false)),
    fixed(257, b"ustar ", "tar", Some(false)),
    fixed(0, b"MSCF\0\0\0\0", "cab", Some(false)),
    fixed(0, b"!<arch>\n", "ar", Some(false)),
    fixed(0, b"SQLite format 3\0", "sqlite", Some(false)),
    fixed(0, b"{\\rtf", "rtf", Some(false)),
    fixed(0, b"!BDN", "pst", None),
    fixed(0, b"ElfFile\0", "evtx", Some(false)),
    fixed(0, b"regf", "registry-hive", Some(false)),
    fixed(0, b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F", "lnk", Some(false)),
    fixed(0, b"\xd4\xc3\xb2\xa1", "pcap", Some(false)),
    fixed(0, b"\xa1\xb2\xc3\xd4", "pcap", Some(false)),
    fixed(0, b"\x0a\x0d\x0d\x0a", "pcap", Some(false)),
    fixed(0, b"age-encryption.org/v1\n", "age", Some(true)),
    fixed(0, b"-----BEGIN AGE ENCRYPTED FILE-----", "age", Some(true)),
    fixed(0, b"-----BEGIN PGP MESSAGE-----", "pgp-message", Some(true)),
    fixed(0, b"-----BEGIN PGP PUBLIC KEY BLOCK-----", "pgp-key", Some(false)),
    fixed(0, b"-----BEGIN PGP PRIVATE KEY BLOCK-----", "pgp-key", None),
    fixed(0, b"LUKS\xba\xbe", "luks", Some(true)),
];

fn bmp(head: &[u8]) -> Option<Found> {
    const HEADER_SIZES: [u32; 7] = [12, 40, 52, 56, 64, 108, 124];
    let plain = head.starts_with(b"BM") && starts_at(head, 6, &[0; 4]);
    (plain && HEADER_SIZES.contains(&u32_le(head, 14)?)).then_some(("bmp", Some(false)))
}

fn riff(head: &[u8]) -> Option<Found> {
    let name = match (head.get(..4)?, head.get(8..12)?) {
        (b"RIFF", b"WEBP") => "webp",
        (b"RIFF", b"WAVE") => "wav",
        (b"RIFF", b"AVI ") => "avi",
        _ => return None,
    };
    Some((name, Some(false)))
}

fn mp3(head: &[u8]) -> Option<Found> {
    let tagged = head.starts_with(b"ID3") && matches!(head.get(3)?, 2..=4);
    let frame = || {
        let [0xff, second, third, ..] = head else { return false };
        // Layer III of MPEG 1 or 2, with a bit rate and a sample rate that exist.
        matches!(second, 0xfa | 0xfb | 0xf2 | 0xf3) && !matches!(third >> 4, 0 | 15) && third >> 2 & 3 != 3
    };
    (tagged || frame()).then_some(("mp3", Some(false)))
}

fn iso_media(head: &[u8]) -> Option<Found> {
    if !starts_at(head, 4, b"ftyp") || u32_be(head, 0)? < 8 {
        return None;
    }
    let name = match head.get(8..12)? {
        b"qt  " => "mov",
        b"heic" | b"heix" | b"mif1" | b"msf1" => "heif",
        _ => "mp4",
    };
    Some((name, Some(false)))
}

fn executable(head: &[u8]) -> Option<Found> {
    if !head.starts_with(b"MZ") {
        return None;
    }
    let header = u32_le(head, 0x3c).and_then(|at| usize::try_from(at).ok());
    if header.is_some_and(|at| starts_at(head, at, b"PE\0\0")) {
        return Some(("pe", Some(false)));
    }
    // A DOS header of 28 bytes has a zero in it; a text that begins with MZ has none.
    head.get(..28)?.contains(&0).then_some(("mz", Some(false)))
}

fn mach_o_or_class(head: &[u8]) -> Option<Found> {
    match u32_be(head, 0)? {
        0xfeed_face | 0xfeed_facf | 0xcefa_edfe | 0xcffa_edfe => Some(("mach-o", Some(false))),
        // The same four bytes begin two formats. A fat binary has few architectures; a class has a
        // major version of 45 or more in the same place.
        0xcafe_babe if u32_be(head, 4)? < 43 => Some(("mach-o", Some(false))),
        0xcafe_babe => Some(("java-class", Some(false))),
        _ => None,
    }
}

fn pdf(head: &[u8]) -> Option<Found> {
    let body = head.strip_prefix(BOM).unwrap_or(head);
    body.starts_with(b"%PDF-").then(|| ("pdf", contains(head, b"/Encrypt").then_some(true)))
}

fn zip(head: &[u8]) -> Option<Found> {
    match head.get(..4)? {
        b"PK\x05\x06" => return Some(("zip", Some(false))),
        b"PK\x07\x08" => return Some(("zip", None)),
        b"PK\x03\x04" => {}
        _ => return None,
    }
    // A member after the first may be encrypted: a clear first one says nothing of the others.
    let encrypted = head.get(6).is_some_and(|flags| flags & 1 == 1).then_some(true);
    let length = u16_le(head, 26).unwrap_or(0);
    let extra = u16_le(head, 28).unwrap_or(0);
    let end = 30_usize.saturating_add(length);
    let member = head.get(30..end).unwrap_or(&[]);
    let content = head.get(end.saturating_add(extra)..).unwrap_or(&[]);
    let name = match member {
        b"[Content_Types].xml" | b"_rels/.rels" => "ooxml",
        b"mimetype" if content.starts_with(b"application/vnd.oasis.opendocument.") => "odf",
        b"mimetype" if content.starts_with(b"application/epub+zip") => "epub",
        b"META-INF/" | b"META-INF/MANIFEST.MF" | b"AndroidManifest.xml" => "jar",
        _ => "zip",
    };
    Some((name, encrypted))
}

fn archive(head: &[u8]) -> Option<Found> {
    let block = [b"1AY&SY".as_slice(), b"\x17rE8P\x90"];
    let level = head.get(3)?;
    let bzip2 = head.starts_with(b"BZh")
        && matches!(level, b'1'..=b'9')
        && block.iter().any(|magic| starts_at(head, 4, magic));
    bzip2.then_some(("bzip2", Some(false)))
}

fn rar(head: &[u8]) -> Option<Found> {
    let encrypted = if head.starts_with(b"Rar!\x1a\x07\x00") {
        // Version 4: the archive header follows; its flag 0x0080 says that the headers are encrypted.
        u16_le(head, 10).is_some_and(|flags| flags & 0x80 != 0)
    } else if head.starts_with(b"Rar!\x1a\x07\x01\x00") {
        // Version 5: after a CRC of 4 bytes and a size of one, header type 4 is encryption.
        starts_at(head, 13, &[4])
    } else {
        return None;
    };
    Some(("rar", encrypted.then_some(true)))
}

fn cfb(head: &[u8]) -> Option<Found> {
    const ENCRYPTED_PACKAGE: &[u8] = b"E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0";
    let fits = head.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1");
    fits.then(|| ("cfb", contains(head, ENCRYPTED_PACKAGE).then_some(true)))
}

fn keys(head: &[u8]) -> Option<Found> {
    const OPENSSH: &[u8] = b"-----BEGIN OPENSSH PRIVATE KEY-----";
    // Base64 of `openssh-key-v1`, NUL, and the cipher name `none` with its length.
    const OPENSSH_CLEAR: &[u8] = b"b3BlbnNzaC1rZXktdjEAAAAABG5vbmU";
    if head.starts_with(OPENSSH) {
        return Some(("openssh-key", Some(!contains(head, OPENSSH_CLEAR))));
    }
    if head.starts_with(b"-----BEGIN ") {
        let marks = [b"-----BEGIN ENCRYPTED PRIVATE KEY-----".as_slice(), b"Proc-Type: 4,ENCRYPTED"];
        return Some(("pem", Some(marks.iter().any(|mark| contains(head, mark)))));
    }
    match head {
        // OpenPGP, a session key for a public key: packet of two length bytes, version 3, a known algorithm.
        [0x84 | 0x85, _, _, 3, _, _, _, _, _, _, _, _, 1 | 2 | 16 | 18 | 25, ..] => {
            Some(("pgp-message", Some(true)))
        }
        // OpenPGP, a session key for a passphrase: version 4, a known cipher, salted and iterated.
        [0x8c, 0x0d, 4, 1..=13, 3, ..] => Some(("pgp-message", Some(true))),
        _ => None,
    }
}

/// Rules 4 and 5 of the page: text, and the kinds of text.
fn text(head: &[u8]) -> Option<Found> {
    if is_utf_16(head) {
        return Some(("text-utf-16", Some(false)));
    }
    let body = head.strip_prefix(BOM).unwrap_or(head);
    if body.iter().any(|&byte| is_control(u32::from(byte))) {
        return None;
    }
    if let Some(name) = markup(body) {
        return Some((name, Some(false)));
    }
    if is_utf_8(body, head.len() == HEAD) { Some(("text", Some(false))) } else { Some(("text-8bit", None)) }
}

/// Control characters that texts do not have: all but tab, line feed, form feed, carriage return, escape.
fn is_control(unit: u32) -> bool {
    matches!(unit, 0..=8 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f | 0x7f)
}

fn is_utf_8(body: &[u8], cut: bool) -> bool {
    match std::str::from_utf8(body) {
        Ok(_) => true,
        // The head may end within a character, where the file goes on.
        Err(error) => cut && error.error_len().is_none(),
    }
}

fn is_utf_16(head: &[u8]) -> bool {
    let (units, rest) = head.as_chunks::<2>();
    let read: fn([u8; 2]) -> u16 = match units.first() {
        Some([0xff, 0xfe]) => u16::from_le_bytes,
        Some([0xfe, 0xff]) => u16::from_be_bytes,
        _ => return false,
    };
    let cut = head.len() == HEAD;
    let body = units.iter().skip(1).map(|unit| read(*unit));
    let mut left = units.len().saturating_sub(1);
    let whole = char::decode_utf16(body).all(|decoded| {
        left = left.saturating_sub(decoded.as_ref().map_or(1, |c| c.len_utf16()));
        match decoded {
            Ok(c) => !is_control(u32::from(c)) && !matches!(c, '\u{fffe}' | '\u{ffff}'),
            // A high surrogate may be the last unit of the head, where the file goes on.
            Err(error) => cut && left == 0 && error.unpaired_surrogate() < 0xdc00,
        }
    });
    whole && rest.is_empty()
}

fn markup(body: &[u8]) -> Option<&'static str> {
    let trimmed = body.trim_ascii_start();
    let begins =
        |mark: &[u8]| trimmed.get(..mark.len()).is_some_and(|start| start.eq_ignore_ascii_case(mark));
    if body.starts_with(b"#!") {
        Some("script")
    } else if contains(body, b"<?php") || trimmed.starts_with(b"<?=") {
        Some("php")
    } else if trimmed.starts_with(b"<?xml") {
        Some("xml")
    } else if [b"<!doctype html".as_slice(), b"<html", b"<head", b"<body"].iter().any(|mark| begins(mark)) {
        Some("html")
    } else if is_json(trimmed) {
        Some("json")
    } else if is_mbox(body) {
        Some("mbox")
    } else if is_message(body) {
        Some("eml")
    } else {
        None
    }
}

fn is_json(trimmed: &[u8]) -> bool {
    let Some((open, rest)) = trimmed.split_first() else { return false };
    let next = rest.trim_ascii_start().first();
    match open {
        b'{' => matches!(next, Some(b'"' | b'}')),
        b'[' => matches!(next, Some(b'{' | b'[' | b'"' | b']' | b'-' | b'0'..=b'9')),
        _ => false,
    }
}

/// `From `, and a line that ends with the four digits of a year.
fn is_mbox(body: &[u8]) -> bool {
    let line = body.split(|&byte| byte == b'\n').next().unwrap_or(&[]).trim_ascii_end();
    let year = line.last_chunk::<4>().is_some_and(|digits| digits.iter().all(u8::is_ascii_digit));
    line.starts_with(b"From ") && year
}

/// A first line that is a header field of a message, and two of them before the first empty line.
fn is_message(body: &[u8]) -> bool {
    const FIELDS: [&str; 9] = [
        "from",
        "to",
        "date",
        "subject",
        "received",
        "message-id",
        "return-path",
        "mime-version",
        "delivered-to",
    ];
    let known = |line: &[u8]| {
        let name = line.split(|&byte| byte == b':').next().unwrap_or(&[]);
        name.len() < line.len() && FIELDS.iter().any(|field| name.eq_ignore_ascii_case(field.as_bytes()))
    };
    let mut lines = body.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end).peekable();
    lines.peek().is_some_and(|line| known(line))
        && lines.take_while(|line| !line.is_empty()).filter(|line| known(line)).count() >= 2
}

const BOM: &[u8] = b"\xef\xbb\xbf";

fn starts_at(head: &[u8], at: usize, bytes: &[u8]) -> bool {
    head.get(at..).is_some_and(|rest| rest.starts_with(bytes))
}

fn contains(head: &[u8], bytes: &[u8]) -> bool {
    head.windows(bytes.len()).any(|window| window == bytes)
}

fn u16_le(head: &[u8], at: usize) -> Option<usize> {
    head.get(at..)?.first_chunk().map(|bytes| usize::from(u16::from_le_bytes(*bytes)))
}

fn u32_le(head: &[u8], at: usize) -> Option<u32> {
    head.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn u32_be(head: &[u8], at: usize) -> Option<u32> {
    head.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use scope::RawName;
    use scope::magic::TYPES;

    use super::*;

    #[test]
    fn vectors() {
        let mut met = BTreeSet::new();
        for line in include_str!("../../../docs/spec/vectors/magic-1.txt").lines() {
            if line.starts_with('#') {
                continue;
            }
            let mut fields = line.split('\t');
            let (name, encrypted) = (fields.next().unwrap(), fields.next().unwrap());
            let mut file = Vec::new();
            for part in fields {
                let (at, bytes) = part.split_once(':').unwrap();
                let bytes: RawName = bytes.parse().unwrap_or_else(|error| panic!("{error}: {line}"));
                file.resize(at.parse().unwrap(), 0);
                file.extend(bytes.bytes());
            }
            let found = detect(&file);
            let encrypted = word_of(encrypted);
            assert_eq!((found.name.as_str(), found.encrypted), (name, encrypted), "{line}");
            assert_eq!(found.examined, file.len().min(HEAD) as u64, "{line}");
            met.insert(name.to_owned());
        }
        let missing: Vec<_> = TYPES.iter().filter(|info| !met.contains(info.name)).collect();
        assert!(missing.is_empty(), "no vector for {missing:?}");
    }

    fn word_of(word: &str) -> Option<bool> {
        match word {
            "true" => Some(true),
            "false" => Some(false),
            "null" => None,
            _ => panic!("{word} is not true, false or null"),
        }
    }

    #[test]
    fn every_rule_names_a_type_of_the_table() {
        for rule in FIXED {
            assert!(scope::magic::is_type(rule.name), "{}", rule.name);
        }
    }

    #[test]
    fn a_head_may_end_within_a_character_where_the_file_goes_on() {
        for (text, name) in [("a", "text"), ("\u{e9}", "text"), ("\u{20ac}", "text"), ("\u{1f600}", "text")] {
            for shift in 0..4 {
                let mut file = vec![b'x'; shift];
                file.extend(text.repeat(HEAD).bytes());
                assert_eq!(detect(&file).name, name, "{text} shifted by {shift}");
            }
        }
        let wide: Vec<u8> = "\u{feff}\u{1f600}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut file = wide.clone();
        while file.len() < HEAD {
            file.extend(&wide[2..]);
        }
        assert_eq!(detect(&file).name, "text-utf-16");
    }

    #[test]
    fn any_bytes_have_a_type_of_the_table() {
        let mut seed = 7_u64;
        for length in 0..300 {
            let bytes: Vec<u8> = (0..length)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (seed >> 56) as u8
                })
                .collect();
            for rule in FIXED {
                // Every signature, cut short and followed by noise: no rule may reach beyond the bytes there are.
                let mut file = rule.bytes.to_vec();
                file.truncate(length % 9);
                file.extend(&bytes);
                assert!(scope::magic::is_type(&detect(&file).name));
            }
        }
    }
}
