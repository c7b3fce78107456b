//! Stacks written by the tests, byte for byte, and checked with mdadm and lvm2 where they are installed.

#![allow(clippy::single_range_in_vec_init, reason = "lists of ranges, some with one")]

pub(crate) mod lvm;
pub(crate) mod md;

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use super::{Assembled, Assembly, Known, Piece, Unassembled};
use crate::bytes::{ByteSource, ReadFault};

/// Bytes that look like nothing, the same each time.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(0x9E37_79B9_7F4A_7C15);
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32).to_le_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// Bytes of which some cannot be read.
struct Bad(Vec<u8>, Vec<Range<u64>>);

impl ByteSource for Bad {
    fn len(&self) -> u64 {
        ByteSource::len(&self.0)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        if self.1.iter().any(|bad| offset < bad.end && offset + buf.len() as u64 > bad.start) {
            return Err(ReadFault { offset, length: buf.len() as u64, reason: "bad sector".into() });
        }
        self.0.read_at(offset, buf)
    }
}

fn assemble(pieces: &[Piece]) -> Result<Assembly, ReadFault> {
    super::assemble(pieces, &mut Known::default())
}

fn assemble_all(pieces: &[Piece]) -> Result<Assembly, ReadFault> {
    super::assemble_all(pieces, &mut Known::default())
}

/// The limits of a volume, but for those that every mirror and every array with a missing member bears.
fn limits(volume: &Assembled) -> Vec<&str> {
    let all = volume.limits.iter().map(String::as_str);
    all.filter(|limit| !limit.starts_with("the copies are not compared") && !limit.contains(MISSING))
        .collect()
}

const MISSING: &str = "are not among what was given, or are not used";

fn piece(number: usize, bytes: &[u8]) -> Piece {
    Piece { place: format!("gpt:{number}"), bytes: Arc::new(bytes.to_vec()) }
}

fn pieces<'a>(all: impl IntoIterator<Item = &'a Vec<u8>>) -> Vec<Piece> {
    all.into_iter().enumerate().map(|(index, bytes)| piece(index + 1, bytes)).collect()
}

/// All bytes of a volume, read at once and in odd bits.
fn content(volume: &Assembled) -> Vec<u8> {
    let bytes = volume.bytes.as_ref();
    let mut all = vec![0; bytes.len().try_into().unwrap()];
    assert_eq!(bytes.read_at(0, &mut all).unwrap(), all.len());
    for seed in 0..40 {
        let at = noise(8, seed).into_iter().fold(0_usize, |at, byte| at * 31 + usize::from(byte)) % all.len();
        let mut bit = vec![0; 3000 + 777 * (seed as usize % 5)];
        let count = bytes.read_at(at as u64, &mut bit).unwrap();
        assert_eq!(bit[..count], all[at..all.len().min(at + bit.len())]);
    }
    assert_eq!(bytes.read_at(bytes.len(), &mut [0; 9]).unwrap(), 0);
    all
}

/// The only volume, and nothing unread.
fn one(assembly: Assembly) -> Assembled {
    assert!(assembly.unread.is_empty(), "{:?}", assembly.unread);
    assert_eq!(assembly.volumes.len(), 1);
    assembly.volumes.into_iter().next().unwrap()
}

/// The only thing unread, and no volume.
fn unread(assembly: Assembly) -> Unassembled {
    assert!(assembly.volumes.is_empty());
    assert_eq!(assembly.unread.len(), 1, "{:?}", assembly.unread);
    assembly.unread.into_iter().next().unwrap()
}

/// Whether a tool is there. Without it a comparison is not made, and that is said; in CI it is a failure.
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    let found = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].iter().map(|path| Path::new(path).join(name));
    let found = found.into_iter().find(|path| path.exists());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "{name} is not installed");
        eprintln!("{name} is not installed: its comparison was NOT made");
    }
    found
}

pub(crate) fn run(program: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).output().map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

#[test]
fn one_bad_piece_does_not_end_the_others() {
    let mut all = pieces(&lvm::pair());
    all.push(Piece { place: "gpt:9".into(), bytes: Arc::new(Bad(vec![0; 1 << 20], [0..1 << 20].into())) });
    let found = assemble(&all).unwrap();
    assert_eq!((found.volumes.len(), found.unread.len()), (2, 2));
    assert!(found.unread.iter().all(|other| other.place == "gpt:9" && other.why.contains("bad sector")));
}

#[test]
fn a_group_may_span_an_array_and_a_partition() {
    let [first, second] = lvm::pair();
    let array = md::Array { level: 1, disks: 2, size: first.len() as u64 / 512, ..md::Array::default() };
    for minor in 0..3 {
        let array = md::Array { minor, ..array.clone() };
        let members = [array.member(0, &first), array.member(1, &first), second.clone()];
        let found = assemble_all(&pieces(&members)).unwrap();
        assert!(found.unread.is_empty(), "{:?}", found.unread);
        let places: Vec<&str> = found.volumes.iter().map(|volume| volume.place.as_str()).collect();
        assert!(
            places[0].starts_with("lvm:") && places[1].starts_with("lvm:") && places[2].starts_with("md:")
        );
        let kinds: BTreeSet<&str> = found.ids.iter().map(|(kind, ..)| *kind).collect();
        assert_eq!(kinds, BTreeSet::from(["md_uuid", "vg_uuid"]), "also what lies on what");
        let truth = assemble(&pieces(&[first.clone(), second.clone()])).unwrap();
        for (volume, truth) in found.volumes.iter().zip(&truth.volumes) {
            assert!(content(volume) == content(truth));
            assert!(volume.members.iter().any(|place| place.starts_with("md:")));
        }
    }
}

#[test]
fn nothing_is_made_of_nothing() {
    let found =
        assemble_all(&pieces(&[Vec::new(), vec![0; 100], vec![0; 1 << 17], noise(1 << 17, 1)])).unwrap();
    assert!(found.volumes.is_empty() && found.unread.is_empty());
}
