//! A mirror on drives that do not give some sectors: what one has serves, and no more is missing than both lack.

use std::io::Read as _;
use std::ops::{ControlFlow, Range};

use super::*;
use crate::bytes::ReadFault;
use crate::past::PastGaps;
use crate::patient::Patient;
use crate::walk::WalkEvent;

/// A drive of which some ranges cannot be read.
struct Torn(Vec<u8>, Vec<Range<u64>>);

impl ByteSource for Torn {
    fn len(&self) -> u64 {
        ByteSource::len(&self.0)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let end = offset + buf.len() as u64;
        if self.1.iter().any(|bad| offset < bad.end && bad.start < end) {
            return Err(ReadFault { offset, length: buf.len() as u64, reason: "bad sector".into() });
        }
        self.0.read_at(offset, buf)
    }
}

/// A FAT file system with the file `EVIDENCE` of noise, and the noise.
fn exhibit() -> Option<(Vec<u8>, Vec<u8>)> {
    let bytes = fat()?;
    let tool = crate::stack::tests::tool("mcopy")?;
    let folder = tempfile::tempdir().unwrap();
    let (image, file) = (folder.path().join("fat.img"), folder.path().join("evidence"));
    let mut state = 9_u32;
    let noise: Vec<u8> = (0..200 * SECTOR)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect();
    std::fs::write(&image, bytes).unwrap();
    std::fs::write(&file, &noise).unwrap();
    crate::stack::tests::run(&tool, &["-i", image.to_str().unwrap(), file.to_str().unwrap(), "::EVIDENCE"])
        .unwrap();
    Some((std::fs::read(&image).unwrap(), noise))
}

/// The content of the only file, past what is missing, and what that is.
fn kept(found: &Survey) -> (Vec<u8>, Vec<(u64, u64)>) {
    let source = found.sources[0].as_ref();
    let mut file = None;
    source
        .walk(&mut |event| {
            match event {
                WalkEvent::Item(entry) if entry.facts.size.is_some() => file = Some(entry),
                WalkEvent::Item(_) => {}
                WalkEvent::Issue(issue) => panic!("{issue:?}"),
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    let mut stream = PastGaps::new(source.open_to_keep(&file.unwrap()).unwrap());
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    (bytes, stream.missing().to_vec())
}

#[test]
fn of_a_mirror_no_more_is_missing_than_both_lack() {
    let Some((fat, evidence)) = exhibit() else { return };
    let array = Array { size: (fat.len() / SECTOR) as u64, ..Array::default() };
    let members = [array.member(0, &fat), array.member(1, &fat)];
    let place = |member: &[u8], sector: usize| {
        let wanted = &evidence[sector * SECTOR..][..SECTOR];
        let at = member.chunks(SECTOR).position(|found| found == wanted).unwrap() as u64 * 512;
        at..at + 512
    };
    let check = |bad: [&[usize]; 2], dead: bool, missing: &[u64]| {
        let drive = |index: usize| {
            let bytes = members[index].clone();
            let mut torn: Vec<_> = bad[index].iter().map(|sector| place(&bytes, *sector)).collect();
            if dead && index == 1 {
                torn.push(0..bytes.len() as u64);
            }
            Arc::new(Patient::new(Arc::new(Torn(bytes, torn)))) as Arc<dyn ByteSource>
        };
        let found = survey(&[drive(0), drive(1)], false);
        assert_eq!(read(&found), [MD], "{:?}", found.limits);
        let mut expected = evidence.clone();
        for sector in missing {
            expected[*sector as usize * SECTOR..][..SECTOR].fill(0);
        }
        let (bytes, ranges) = kept(&found);
        assert!(bytes == expected, "{bad:?} {dead}");
        let missing: Vec<_> = missing.iter().map(|sector| sector * 512..(sector + 1) * 512).collect();
        let missing: Vec<_> =
            crate::patient::merged(missing).into_iter().map(|range| (range.start, range.end)).collect();
        assert_eq!(ranges, missing, "{bad:?} {dead}");
        found
    };
    check([&[], &[]], false, &[]);
    check([&[3, 10, 11], &[]], false, &[]);
    check([&[3, 10, 11], &[4, 12, 150]], false, &[]);
    check([&[3, 10, 11], &[10, 11, 150]], false, &[10, 11]);
    // A drive that gives nothing at all: what the other lacks is missing, and the mirror is said to be of one.
    let found = check([&[3, 150], &[]], true, &[3, 150]);
    let array = found.layers.iter().find(|layer| layer.place == MD).unwrap();
    assert!(array.stated.contains("1 missing"), "{array:?}");
}
