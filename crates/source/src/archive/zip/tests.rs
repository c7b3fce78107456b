//! Archives made for the purpose: honest ones, and such as want to be read in two ways.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use super::*;

/// A member to be written.
#[derive(Clone)]
struct File {
    name: Vec<u8>,
    content: Vec<u8>,
    deflate: bool,
    described: bool,
    flags: u16,
    extra: Vec<u8>,
}

fn file(name: &[u8], content: &[u8]) -> File {
    let (name, content) = (name.to_vec(), content.to_vec());
    File { name, content, deflate: false, described: false, flags: 0, extra: Vec::new() }
}

fn deflated(name: &[u8], content: &[u8]) -> File {
    File { deflate: true, ..file(name, content) }
}

/// What an archive looks like, piece by piece, so that each can be made wrong.
struct Pieces {
    locals: Vec<Vec<u8>>,
    entries: Vec<Vec<u8>>,
    end: Vec<u8>,
}

impl Pieces {
    fn bytes(&self) -> Vec<u8> {
        [self.locals.concat(), self.entries.concat(), self.end.clone()].concat()
    }
}

fn end(entries: u16, size: u32, start: u32) -> Vec<u8> {
    let mut end = Vec::new();
    end.extend(END_MARK.to_le_bytes());
    end.extend([0; 4]);
    end.extend([entries.to_le_bytes(), entries.to_le_bytes()].concat());
    end.extend([size.to_le_bytes(), start.to_le_bytes()].concat());
    end.extend([0; 2]);
    end
}

fn pieces(files: &[File]) -> Pieces {
    let (mut locals, mut entries, mut at) = (Vec::new(), Vec::new(), 0_u32);
    for file in files {
        let mut sum = flate2::Crc::new();
        sum.update(&file.content);
        let mut packed = file.content.clone();
        if file.deflate {
            let mut pack = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
            pack.write_all(&file.content).unwrap();
            packed = pack.finish().unwrap();
        }
        let flags = file.flags | if file.described { DESCRIBED } else { 0 };
        let sizes = [
            sum.sum().to_le_bytes(),
            (packed.len() as u32).to_le_bytes(),
            (file.content.len() as u32).to_le_bytes(),
        ]
        .concat();
        let method = if file.deflate { DEFLATE } else { STORED };
        // 2011-03-16 19:20:30
        let head = [20_u16, flags, method, 0x9A8F, 0x3E70].map(u16::to_le_bytes).concat();
        let lengths = [file.name.len() as u16, file.extra.len() as u16].map(u16::to_le_bytes).concat();
        let mut local = [LOCAL_MARK.to_le_bytes().to_vec(), head.clone()].concat();
        local.extend(if file.described { vec![0; 12] } else { sizes.clone() });
        local.extend([&lengths[..], &file.name, &file.extra, &packed].concat());
        if file.described {
            local.extend([&DESCRIPTOR_MARK.to_le_bytes()[..], &sizes].concat());
        }
        let mut entry = [&ENTRY_MARK.to_le_bytes()[..], &[20, 3], &head, &sizes, &lengths].concat();
        entry.extend([0; 10]);
        entry.extend([&at.to_le_bytes()[..], &file.name, &file.extra].concat());
        at += local.len() as u32;
        locals.push(local);
        entries.push(entry);
    }
    let size = entries.concat().len() as u32;
    Pieces { locals, end: end(entries.len() as u16, size, at), entries }
}

fn zip(files: &[File]) -> Vec<u8> {
    pieces(files).bytes()
}

fn content(archive: &Archive, number: usize, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut stream = archive.open(number, Arc::new(bytes.to_vec())).map_err(|error| error.to_string())?;
    let mut content = Vec::new();
    stream.read_to_end(&mut content).map_err(|error| error.to_string())?;
    Ok(content)
}

fn refused(bytes: &[u8], because: &str) {
    match read(&bytes.to_vec(), &Limits::default()) {
        Ok(archive) => {
            panic!("read with {} members and {} loose bytes", archive.members.len(), archive.loose)
        }
        Err(error) => assert!(error.to_string().contains(because), "{error}"),
    }
}

#[test]
fn each_member_has_its_name_and_content() {
    let files = [
        file(b"a.txt", b"stored"),
        deflated(b"b/c.txt", &b"deflated ".repeat(1000)),
        File { described: true, ..deflated(b"later", b"sizes come later") },
        File { described: true, ..file(b"later2", b"also where stored") },
        file(b"folder/", b""),
        file(b"empty", b""),
    ];
    let bytes = zip(&files);
    let archive = read(&bytes, &Limits::default()).unwrap();
    assert_eq!((archive.members.len(), archive.others.len(), archive.loose), (5, 1, 0));
    for (number, file) in files.iter().filter(|file| file.name != b"folder/").enumerate() {
        assert_eq!(archive.members[number].name, file.name);
        assert_eq!(archive.members[number].size, file.content.len() as u64);
        assert_eq!(content(&archive, number, &bytes).unwrap(), file.content);
    }
    let modified = archive.members[0].modified.unwrap();
    assert_eq!((modified.ns, modified.local), (1_300_303_230_000_000_000, true));
    assert!(read(&end(0, 0, 0), &Limits::default()).unwrap().members.is_empty());
}

#[test]
fn names_are_bytes_and_not_judged() {
    let names: [&[u8]; 8] =
        [b"../../etc/passwd", b"/etc/passwd", b"a\0b", b"\xff\xfe", b"", b"x!/y", b"twice", b"twice"];
    let bytes = zip(&names.map(|name| file(name, b"x")));
    let archive = read(&bytes, &Limits::default()).unwrap();
    let read: Vec<&[u8]> = archive.members.iter().map(|member| &member.name[..]).collect();
    assert_eq!(read, names);
}

#[test]
fn a_unix_time_goes_before_a_local_one() {
    let extra = [&0x5455_u16.to_le_bytes()[..], &[5, 0, 1], &1_300_000_000_u32.to_le_bytes()].concat();
    let bytes = zip(&[File { extra, ..file(b"a", b"x") }]);
    let modified = read(&bytes, &Limits::default()).unwrap().members[0].modified.unwrap();
    assert_eq!(modified, Modified { ns: 1_300_000_000_000_000_000, local: false });
}

#[test]
fn an_encrypted_member_has_a_name_and_no_content() {
    let bytes = zip(&[File { flags: ENCRYPTED, ..file(b"secret", b"xxxxxxxxxxxx") }, file(b"open", b"x")]);
    let archive = read(&bytes, &Limits::default()).unwrap();
    assert!(content(&archive, 0, &bytes).unwrap_err().contains("encrypted"));
    assert_eq!(content(&archive, 1, &bytes).unwrap(), b"x");
}

#[test]
fn what_the_header_says_otherwise_than_the_directory_is_refused() {
    let files = [file(b"name", b"content"), file(b"other", b"x")];
    let at = |field: usize| {
        let mut pieces = pieces(&files);
        pieces.locals[0][field] ^= 1;
        pieces.bytes()
    };
    refused(&at(0), "no header of a member");
    refused(&at(8), "another member");
    refused(&at(6), "another member");
    refused(&at(30), "another member");
    refused(&at(14), "other sizes");
    refused(&at(18), "other sizes");
    refused(&at(22), "other sizes");
}

#[test]
fn members_that_share_bytes_are_refused() {
    // Fifield's bomb: many entries, one kernel.
    let mut pieces = pieces(&[deflated(b"a", &vec![0; 1 << 20]), deflated(b"b", b"x")]);
    let first = pieces.entries[0].clone();
    pieces.entries[1][..].copy_from_slice(&first);
    refused(&pieces.bytes(), "overlap");
    // A header inside the data of another.
    let inner = zip(&[file(b"inner", b"hidden")]);
    let mut pieces = self::pieces(&[file(b"outer", &inner), file(b"inner", b"hidden")]);
    pieces.entries[1][42..46].copy_from_slice(&35_u32.to_le_bytes());
    refused(&pieces.bytes(), "overlap");
}

#[test]
fn bytes_that_no_member_holds_are_told_of() {
    let mut pieces = pieces(&[file(b"a", b"x"), file(b"b", b"y")]);
    let gap = pieces.locals[0].len() as u32;
    pieces.locals.insert(1, b"hidden between".to_vec());
    let start = u32::from_le_bytes(pieces.entries[1][42..46].try_into().unwrap());
    assert_eq!(start, gap);
    pieces.entries[1][42..46].copy_from_slice(&(start + 14).to_le_bytes());
    let directory: usize = pieces.locals.iter().map(Vec::len).sum();
    pieces.end[16..20].copy_from_slice(&(directory as u32).to_le_bytes());
    assert_eq!(read(&pieces.bytes(), &Limits::default()).unwrap().loose, 14);
}

#[test]
fn bytes_before_the_archive_are_loose_and_none_are_behind() {
    let bytes = zip(&[file(b"a", b"x"), deflated(b"b", b"yy")]);
    let stub = b"#!/bin/sh\n";
    let behind = [stub, &bytes[..]].concat();
    let archive = read(&behind, &Limits::default()).unwrap();
    assert_eq!(archive.loose, 10);
    let contents: Vec<Vec<u8>> = (0..2).map(|n| content(&archive, n, &behind).unwrap()).collect();
    assert_eq!(contents, [b"x".to_vec(), b"yy".to_vec()]);
    // Where the directory is said to be, another one stands: some programs believe that.
    let mut pieces = pieces(&[file(b"a", b"x")]);
    let shift = pieces.locals.concat().len();
    let [locals, entries] = [pieces.locals.concat(), pieces.entries.concat()];
    pieces.end[16..20].copy_from_slice(&(shift as u32).to_le_bytes());
    refused(&[&locals[..], &entries, &locals, &entries, &pieces.end].concat(), "and another before its end");
    refused(&[&bytes[..], b"\0"].concat(), "ends before the end");
    refused(&[&bytes[..], &bytes].concat(), "and another before its end");
    for cut in 0..bytes.len() {
        assert!(read(&bytes[..cut].to_vec(), &Limits::default()).is_err(), "cut at {cut}");
    }
}

#[test]
fn two_ends_of_a_directory_are_one_too_many() {
    let files = pieces(&[file(b"a", b"x")]);
    let mut first = files.end.clone();
    let second = end(0, 0, 0);
    first[20..22].copy_from_slice(&(second.len() as u16).to_le_bytes());
    let bytes = [files.locals.concat(), files.entries.concat(), first, second].concat();
    refused(&bytes, "more than one end");
}

#[test]
fn an_end_that_is_not_used_is_one_too_many_wherever_it_stands() {
    let files = pieces(&[file(b"a", b"x")]);
    let with = |comment: &[u8]| {
        let mut end = files.end.clone();
        end[20..22].copy_from_slice(&(comment.len() as u16).to_le_bytes());
        [files.locals.concat(), files.entries.concat(), end, comment.to_vec()].concat()
    };
    assert_eq!(read(&with(b"only words"), &Limits::default()).unwrap().aside, 10);
    // An archive in the comment, whose own comment is longer, or shorter, than what follows.
    let inner = zip(&[file(b"priv/letter.txt", b"dear counsel")]);
    refused(&with(&[&inner[..], b"\0\0"].concat()), "another end of a directory");
    let mut longer = inner.clone();
    let stated = longer.len() - 2;
    longer[stated] = 5;
    refused(&with(&longer), "another end of a directory");
    for mark in [END_MARK, WIDE_MARK, LOCATOR_MARK] {
        refused(&with(&mark.to_le_bytes()), "another end of a directory");
        // In the comment of an entry, and in the name.
        let mut pieces = pieces(&[file(b"a", b"x")]);
        pieces.entries[0].extend(mark.to_le_bytes());
        pieces.entries[0][32] = 4;
        let size = pieces.entries[0].len() as u32;
        pieces.end[12..16].copy_from_slice(&size.to_le_bytes());
        refused(&pieces.bytes(), "another end of a directory");
        refused(&zip(&[file(&mark.to_le_bytes(), b"x")]), "another end of a directory");
        // What is in a member is looked into by itself.
        assert!(read(&zip(&[file(b"a", &mark.to_le_bytes())]), &Limits::default()).is_ok());
    }
    assert_eq!(read(&zip(&[file(b"in.zip", &inner)]), &Limits::default()).unwrap().loose, 0);
}

#[test]
fn bytes_that_say_something_and_are_no_members_are_told_of() {
    let aside = |file: File| read(&zip(&[file]), &Limits::default()).unwrap().aside;
    let extra = |id: u16, holds: &[u8]| File {
        extra: [&id.to_le_bytes()[..], &(holds.len() as u16).to_le_bytes(), holds].concat(),
        ..file(b"a", b"x")
    };
    // Once before the member, and once in the directory.
    assert_eq!(aside(extra(0x4141, b"dear counsel")), 32);
    assert_eq!(aside(extra(0x5455, &[1, 0, 0, 0, 0])), 0);
    assert_eq!(aside(extra(0x7875, &[1, 4, 1, 2, 3, 4, 4, 1, 2, 3, 4])), 0);
    assert_eq!(aside(extra(0x000A, &[0; 32])), 0);
    assert_eq!(aside(extra(0x000A, &[0; 33])), 74);
    assert_eq!(aside(extra(0xA220, &[0x28, 0xA0, 0, 0, 0, 0])), 0);
    assert_eq!(aside(extra(0xA220, &[0x28, 0xA0, 0, 0, 0, 1])), 20);
    assert_eq!(aside(File { extra: b"abc".to_vec(), ..file(b"a", b"x") }), 6);
    // A name for another name.
    assert_eq!(aside(extra(0x7075, b"\x01\0\0\0\0priv")), 8);
}

#[test]
fn packed_bytes_of_a_folder_are_loose() {
    let loose = |file: File, packed: &[u8], method: u16| {
        let mut pieces = pieces(&[file]);
        let count = (packed.len() as u32).to_le_bytes();
        pieces.locals[0].extend(packed);
        pieces.locals[0][18..22].copy_from_slice(&count);
        pieces.locals[0][8..10].copy_from_slice(&method.to_le_bytes());
        pieces.entries[0][20..24].copy_from_slice(&count);
        pieces.entries[0][10..12].copy_from_slice(&method.to_le_bytes());
        let directory = pieces.locals[0].len() as u32;
        pieces.end[16..20].copy_from_slice(&directory.to_le_bytes());
        let archive = read(&pieces.bytes(), &Limits::default()).unwrap();
        assert_eq!((archive.members.len(), archive.others.len()), (0, 1));
        archive.loose
    };
    assert_eq!(loose(file(b"x/", b""), b"\x03\0dear counsel", DEFLATE), 14);
    assert_eq!(loose(file(b"x/", b""), b"dear counsel", 12), 12);
    assert_eq!(loose(File { flags: ENCRYPTED, ..file(b"x/", b"") }, b"\x03\0", DEFLATE), 2);
    // As programs in Java write a folder.
    assert_eq!(loose(file(b"x/", b""), b"\x03\0", DEFLATE), 0);
}

#[test]
fn a_name_in_unicode_is_one_of_the_names() {
    let named = |name: &[u8], unicode: &[u8]| {
        let mut sum = flate2::Crc::new();
        sum.update(name);
        let holds = [&[1][..], &sum.sum().to_le_bytes(), unicode].concat();
        let extra = [&0x7075_u16.to_le_bytes()[..], &(holds.len() as u16).to_le_bytes(), &holds].concat();
        let member =
            read(&zip(&[File { extra, ..file(name, b"x") }]), &Limits::default()).unwrap().members.remove(0);
        (member.name, member.also, member.doubtful)
    };
    let (report, letter) = (b"report.txt".to_vec(), b"priv/letter.txt".to_vec());
    assert_eq!(named(b"report.txt", b"priv/letter.txt"), (report, vec![letter.clone()], false));
    assert_eq!(named(b"Anw\x84ltin", "Anw\u{e4}ltin".as_bytes()), ("Anw\u{e4}ltin".into(), vec![], false));
    let plain = read(&zip(&[file(b"Anw\x84ltin", b"x")]), &Limits::default()).unwrap();
    assert!(plain.members[0].doubtful);
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    let mut pieces = pieces(&[deflated(b"a", b"x")]);
    for piece in [&mut pieces.entries[0][24..28], &mut pieces.locals[0][22..26]] {
        piece.copy_from_slice(&0x7FFF_FFFF_u32.to_le_bytes());
    }
    refused(&pieces.bytes(), "sizes contradict");
}

#[test]
fn a_bomb_is_refused_before_it_is_unpacked() {
    let bytes = zip(&[deflated(b"a", &vec![0; 1 << 20])]);
    let limits = Limits { total: 1 << 19, ..Limits::default() };
    assert!(read(&bytes, &limits).unwrap_err().to_string().contains("bytes unpacked"));
    let bytes = zip(&vec![file(b"a", b""); 11]);
    let error = read(&bytes, &Limits { entries: 10, ..Limits::default() }).unwrap_err().to_string();
    assert_eq!(error, "more than 10 entries");
    let mut pieces = pieces(&vec![file(b"a", b""); 11]);
    pieces.end[8..12].copy_from_slice(&[10, 0, 10, 0]);
    refused(&pieces.bytes(), "other entries than its end says");
}

#[test]
fn content_of_another_length_or_sum_is_an_error() {
    for (field, local) in [(16, 14), (24, 22)] {
        let mut pieces = pieces(&[deflated(b"a", &b"abc".repeat(100))]);
        pieces.entries[0][field] ^= 1;
        pieces.locals[0][local] ^= 1;
        let bytes = pieces.bytes();
        let archive = read(&bytes, &Limits::default()).unwrap();
        assert!(content(&archive, 0, &bytes).is_err(), "field {field}");
    }
    // More packed bytes than the content needs.
    let mut pieces = pieces(&[deflated(b"a", b"abc")]);
    let packed = u32::from_le_bytes(pieces.locals[0][18..22].try_into().unwrap()) + 6;
    pieces.locals[0].extend(b"hidden");
    pieces.locals[0][18..22].copy_from_slice(&packed.to_le_bytes());
    pieces.entries[0][20..24].copy_from_slice(&packed.to_le_bytes());
    let directory = pieces.locals[0].len() as u32;
    pieces.end[16..20].copy_from_slice(&directory.to_le_bytes());
    let bytes = pieces.bytes();
    let archive = read(&bytes, &Limits::default()).unwrap();
    assert!(content(&archive, 0, &bytes).unwrap_err().contains("packed bytes follow"));
    let unsound = |bytes: &[u8]| {
        read_whole(Arc::new(bytes.to_vec()), &Limits::default(), &mut Known::default()).unwrap().unsound
    };
    assert_eq!((unsound(&bytes), unsound(&zip(&[deflated(b"a", b"abc")]))), (1, 0));
}

#[test]
fn what_follows_damage_is_missing_and_said_to_be() {
    let data: Vec<u8> =
        (0..200_000_u32).flat_map(|number| (number.wrapping_mul(2_654_435_761) >> 7).to_le_bytes()).collect();
    let mut pieces = pieces(&[deflated(b"a", &data)]);
    let middle = pieces.locals[0].len() / 2;
    pieces.locals[0][middle..middle + 64].fill(0xFF);
    let bytes = pieces.bytes();
    let archive = read(&bytes, &Limits::default()).unwrap();
    let mut stream = archive.open(0, Arc::new(bytes)).unwrap();
    let mut got = Vec::new();
    assert!(stream.read_to_end(&mut got).is_err());
    let missing = stream.pass().unwrap();
    assert_eq!(got.len() as u64 + missing, data.len() as u64);
    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn no_byte_that_is_changed_makes_it_panic() {
    let bytes =
        zip(&[file(b"a.txt", b"stored"), File { described: true, ..deflated(b"b", &b"xyz".repeat(50)) }]);
    for at in 0..bytes.len() {
        for value in [0, 1, 0x7F, 0xFF] {
            let mut bytes = bytes.clone();
            bytes[at] = value;
            let Ok(archive) = read(&bytes, &Limits::default()) else { continue };
            for number in 0..archive.members.len() {
                let _ = content(&archive, number, &bytes);
            }
        }
    }
}

#[test]
fn sizes_of_64_bits_are_read_where_they_are_needed() {
    let wide = |first: u64, second: u64| {
        [&1_u16.to_le_bytes()[..], &16_u16.to_le_bytes(), &first.to_le_bytes(), &second.to_le_bytes()]
            .concat()
    };
    let mut pieces = pieces(&[File { extra: wide(7, 7), ..file(b"a", b"content") }]);
    pieces.locals[0][18..26].fill(0xFF);
    pieces.entries[0][20..28].fill(0xFF);
    let start = pieces.locals[0].len() as u64;
    let size = pieces.entries[0].len() as u64;
    let mut wide_end =
        [WIDE_MARK.to_le_bytes().to_vec(), 44_u64.to_le_bytes().to_vec(), vec![45, 0, 45, 0]].concat();
    wide_end.extend([0; 8]);
    wide_end.extend([1, 1, size, start].map(u64::to_le_bytes).concat());
    wide_end.extend(
        [&LOCATOR_MARK.to_le_bytes()[..], &[0; 4], &(start + size).to_le_bytes(), &1_u32.to_le_bytes()]
            .concat(),
    );
    pieces.end[16..20].fill(0xFF);
    let at = wide_end.len();
    pieces.end = [wide_end, pieces.end.clone()].concat();
    let bytes = pieces.bytes();
    let archive = read(&bytes, &Limits::default()).unwrap();
    assert_eq!(content(&archive, 0, &bytes).unwrap(), b"content");
    pieces.end[at + 8..at + 12].copy_from_slice(&[9, 0, 9, 0]);
    refused(&pieces.bytes(), "contradict each other");
}
