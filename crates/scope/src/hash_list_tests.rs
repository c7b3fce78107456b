#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

use std::sync::Mutex;

use super::*;

/// A file in memory that can be changed behind its reader's back.
#[derive(Debug)]
struct Changing(Mutex<Vec<u8>>);

impl ListBytes for Changing {
    fn length(&self) -> u64 {
        self.0.lock().unwrap().len() as u64
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let bytes = self.0.lock().unwrap();
        let from = bytes.get(offset as usize..).unwrap_or_default();
        let found = from.get(..into.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(found);
        Ok(())
    }
}

fn digests(count: u64) -> Vec<Digest> {
    let mut all: Vec<Digest> = (0..count).map(|n| Digest::of(&n.to_be_bytes())).collect();
    all.sort_unstable();
    all
}

fn text(digests: &[Digest]) -> Vec<u8> {
    digests.iter().flat_map(|digest| (digest.hex() + "\n").into_bytes()).collect()
}

fn file(bytes: Vec<u8>) -> (Arc<Changing>, ListFile) {
    let bytes = Arc::new(Changing(Mutex::new(bytes)));
    (bytes.clone(), ListFile::read(bytes).unwrap())
}

/// In the file and in memory, a list answers the same: around the borders of blocks, too.
#[test]
fn where_a_list_lies_makes_no_difference() {
    for count in [0, 1, 2, 503, 504, 505, 1008, 1009, 2500] {
        let all = digests(count);
        for cut in [false, true] {
            let mut bytes = text(&all);
            if cut {
                bytes.pop();
            }
            let digest = Digest::of(&bytes);
            let (_, found) = file(bytes);
            assert_eq!((found.fault(), found.digest()), (None, digest), "{count}");
            let (outside, memory) = (HashList::outside(Arc::new(found)), HashList::of(all.clone()));
            assert_eq!(outside, memory);
            assert!(outside.iter().map(Result::unwrap).eq(memory.iter().map(Result::unwrap)));
            for (at, digest) in all.iter().enumerate() {
                assert_eq!(outside.contains(digest), Some(true));
                assert_eq!(outside.get(at as u64), Some(*digest));
            }
            assert_eq!(outside.get(count), None);
            for n in 0..2000_u64 {
                let digest = Digest::of(&(count + n).to_be_bytes());
                assert_eq!(outside.contains(&digest), Some(false));
            }
            for ends in [Digest([0; 32]), Digest([255; 32])] {
                assert_eq!(outside.contains(&ends), Some(false));
            }
            // Asking for one more than there is is a question about the number, not about the file.
            assert_eq!(memory.trouble(), None);
        }
    }
}

#[test]
fn what_is_out_of_order_is_refused_with_its_line() {
    let all = digests(1200);
    let check = |bytes: Vec<u8>, line: u64, what: &str| {
        let (_, found) = file(bytes);
        let fault = found.fault().unwrap();
        assert!(fault.line == line && fault.what.contains(what), "{fault:?}");
    };
    let mut swapped = all.clone();
    swapped.swap(700, 701);
    check(text(&swapped), 702, "ascending order");
    let mut doubled = all.clone();
    doubled[504] = doubled[503];
    check(text(&doubled), 505, "the same");
    let mut upper = text(&all);
    upper[65 * 10 + 3] = b'G';
    check(upper, 11, "64 lower-case");
    let mut joined = text(&all);
    joined[65 * 503 + 64] = b' ';
    check(joined, 504, "line feed");
    let mut longer = text(&all);
    longer.push(b'\n');
    check(longer, 1201, "64 lower-case");
    let mut shorter = text(&all);
    shorter.truncate(65 * 1200 - 2);
    check(shorter, 1200, "64 lower-case");
    let mut windows = text(&all[..2]);
    windows.insert(64, b'\r');
    check(windows, 1, "line feed");
}

/// INVARIANT: a file that changes after it was read answers nothing wrong, and says so.
#[test]
fn a_list_that_changes_answers_nothing() {
    let all = digests(1500);
    let (bytes, found) = file(text(&all));
    let list = HashList::outside(Arc::new(found));
    assert_eq!((list.contains(&all[700]), list.trouble()), (Some(true), None));
    // One line is another now, in order and well formed.
    let mut other = all[700];
    other.0[31] ^= 1;
    bytes.0.lock().unwrap()[65 * 700..][..64].copy_from_slice(other.hex().as_bytes());
    assert_eq!(list.contains(&all[100]), Some(true), "another block is as it was");
    assert_eq!(list.contains(&other), None);
    assert_eq!(list.contains(&all[700]), None);
    assert!(list.trouble().unwrap().contains("no longer the file"));
    let Held::Outside(file) = &list.0 else { unreachable!() };
    assert!(file.copy(&mut |_| Ok(())).is_err(), "nor is it copied");
    bytes.0.lock().unwrap().truncate(65);
    assert_eq!(list.contains(&all[100]), None);
}
