//! Archives opened by the program's own process, compared with the same opened here.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

use std::io::Read as _;
use std::sync::Arc;

use source::archive::{Form, Limits};
use source::{ByteSource, ReadFault, Reader, Unpacker};

fn apart() -> Unpacker {
    let reader = Reader::process(env!("CARGO_BIN_EXE_ambit"), [source::guard::READ_MEDIUM.into()]);
    Unpacker::new(&reader)
}

fn entry(name: &str, content: &[u8]) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    block[148..156].fill(b' ');
    block[156] = b'0';
    block[257..263].copy_from_slice(b"ustar\0");
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block.extend(content);
    block.resize(block.len().next_multiple_of(512), 0);
    block
}

fn tar() -> Vec<u8> {
    let long: Vec<u8> = (0..3_000_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    [entry("short", b"a few bytes"), entry("long", &long), entry("../up", b""), vec![0; 1024]].concat()
}

type Listed = Result<(Vec<(Vec<u8>, Result<Vec<u8>, String>)>, u64), String>;

fn read(unpacker: &Unpacker, form: Form, bytes: Arc<dyn ByteSource>) -> Listed {
    let unpacked = unpacker.open(form, bytes, &Limits::default()).map_err(|error| error.to_string())?;
    let members = unpacked.archive.members.iter().enumerate().map(|(number, member)| {
        let mut content = Vec::new();
        let read = unpacked
            .content(number)
            .map_err(|error| error.to_string())
            .and_then(|mut stream| stream.read_to_end(&mut content).map_err(|error| error.to_string()));
        (member.name.clone(), read.map(|_| content))
    });
    Ok((members.collect(), unpacked.archive.loose))
}

#[test]
fn a_process_finds_what_is_found_here() {
    let (here, there) = (Unpacker::default(), apart());
    let tar = tar();
    let mut loose = tar.clone();
    loose.extend(b"more");
    let mut cut = tar.clone();
    cut.truncate(700_000);
    for bytes in [tar.clone(), loose, cut, Vec::new(), vec![7; 5000]] {
        for form in [Form::Tar, Form::Zip, Form::Gzip] {
            let bytes: Arc<dyn ByteSource> = Arc::new(bytes.clone());
            assert_eq!(read(&here, form, Arc::clone(&bytes)), read(&there, form, bytes));
        }
    }
    let (members, loose) = read(&there, Form::Tar, Arc::new(tar)).unwrap();
    assert_eq!((members.len(), loose), (3, 0));
    assert_eq!(members[0], (b"short".to_vec(), Ok(b"a few bytes".to_vec())));
    assert_eq!(members[1].1.as_ref().unwrap().len(), 3_000_000);
}

/// Bytes of which some cannot be read.
struct Bad(Vec<u8>);

impl ByteSource for Bad {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        if offset + buf.len() as u64 > 2_000_000 {
            return Err(ReadFault { offset, length: buf.len() as u64, reason: "Input/output error".into() });
        }
        self.0.read_at(offset, buf)
    }
}

#[test]
fn bytes_that_cannot_be_read_are_an_error_there_too() {
    let error = read(&apart(), Form::Tar, Arc::new(Bad(tar()))).unwrap_err();
    assert!(error.contains("Input/output error"), "{error}");
}

#[test]
fn a_program_that_is_no_reader_opens_nothing() {
    for program in ["/bin/cat", "/bin/false"] {
        let unpacker = Unpacker::new(&Reader::process(program, []));
        let opened = unpacker.open(Form::Tar, Arc::new(tar()) as Arc<dyn ByteSource>, &Limits::default());
        assert!(opened.is_err(), "{program}");
    }
}

/// What is in a member, read as a page: its pieces, and how it ended.
fn text(unpacker: &Unpacker, bytes: &Arc<dyn ByteSource>, number: usize, most: usize) -> (usize, bool) {
    let unpacked = unpacker.open(Form::Tar, Arc::clone(bytes), &Limits::default()).unwrap();
    let mut length = 0;
    let read = unpacked.extract(number, source::extract::Form::Html, &mut |piece| {
        length += piece.len();
        if length > most { Err(std::io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    });
    // The process goes on with the next member, also where it was told to stop.
    let mut content = Vec::new();
    unpacked.content(0).unwrap().read_to_end(&mut content).unwrap();
    assert_eq!(content, b"first");
    (length, read.is_ok())
}

#[test]
fn what_is_in_a_member_is_read_out_there() {
    let page = format!("<!DOCTYPE html><html><body><p>{}</p></body></html>", "a needle ".repeat(500_000));
    let bytes = [entry("first", b"first"), entry("page", page.as_bytes()), vec![0; 1024]].concat();
    let bytes: Arc<dyn ByteSource> = Arc::new(bytes);
    let (here, there) = (Unpacker::default(), apart());
    let found = text(&there, &bytes, 1, usize::MAX);
    assert!(found.1 && found.0 > 4_000_000, "{found:?}");
    assert_eq!(found, text(&here, &bytes, 1, usize::MAX));
    assert!(!text(&there, &bytes, 1, 100).1);
    assert!(!text(&there, &bytes, 7, usize::MAX).1);
    assert_eq!(found, text(&there, &bytes, 1, usize::MAX));
}
