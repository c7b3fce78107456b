//! Digests of a whole medium, and those that its container states for it.

use std::io::{self, Read as _};
use std::sync::Arc;

use md5::Md5;
use scope::Digest;
use scope::digest::hex;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::bytes::{ByteSource, ReadFault, length};
use crate::exact::Exact;
use crate::image::StoredDigest;
use crate::past::PastGaps;
use crate::patient::merged;
use crate::unread::Range;

/// The digests of a whole medium.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MediumDigests {
    /// SHA-256 of every byte, with zeros in the ranges `unreadable`.
    pub sha256: Digest,
    /// SHA-256 of every byte that an image holds, where its maker could not read some of the drive and put something in their
    /// place. `None` where nothing was put in place, and where the image itself cannot be read whole.
    pub held: Option<Digest>,
    /// Every digest that was stated, in its order, with the one that was computed in lower-case hex; `None` for an
    /// algorithm that is not known.
    pub stated: Vec<(StoredDigest, Option<String>)>,
    /// The ranges that could not be read, by us or by the maker of an image, ascending, none touching the next: `sha256` is over zeros
    /// there, and is that of no medium. Empty where every byte was read.
    pub unreadable: Vec<(u64, u64)>,
    /// Of these, the ranges that the maker of an image could not read.
    pub filled: Vec<(u64, u64)>,
    /// Whether every byte was read and is zero: a disk that was wiped, or never used.
    pub zeros: bool,
}

impl MediumDigests {
    /// Whether the stated digests can be compared: an image's are over what it holds, so that what its maker could not read does
    /// not matter.
    #[must_use]
    pub fn is_comparable(&self) -> bool {
        self.unreadable.is_empty() || self.held.is_some()
    }

    /// The SHA-256 of what there is to read: of the medium, or of all that an image holds. `None` where that could not be read whole.
    #[must_use]
    pub fn of_all(&self) -> Option<Digest> {
        if self.unreadable.is_empty() { Some(self.sha256) } else { self.held }
    }

    /// The stated digests that are not those of the bytes; none where they cannot be compared.
    pub fn differing(&self) -> impl Iterator<Item = &(StoredDigest, Option<String>)> {
        let all = self.is_comparable();
        self.stated
            .iter()
            .filter(move |_| all)
            .filter(|(stated, computed)| computed.as_ref().is_some_and(|is| *is != stated.hex))
    }
}

/// Reads every byte once, and computes SHA-256 and each algorithm of `stated`. `progress` is told how many bytes were read.
///
/// # Errors
///
/// [`ReadFault`] where the medium is given up: where it has more bad ranges than a list can hold.
pub fn digests(
    bytes: &Arc<dyn ByteSource>,
    stated: &[StoredDigest],
    progress: &mut dyn FnMut(u64),
) -> Result<MediumDigests, ReadFault> {
    let wanted = |algorithm: &str| stated.iter().any(|digest| digest.algorithm == algorithm);
    let mut sha256 = Sha256::new();
    let filled = bytes.filled_ranges();
    let mut held = (!filled.is_empty()).then(Sha256::new);
    let mut md5 = wanted("md5").then(Md5::new);
    let mut sha1 = wanted("sha1").then(Sha1::new);
    let mut buf = vec![0; CHUNK];
    let (mut at, mut zeros) = (0, true);
    let range = Range { bytes: Arc::new(Held(Arc::clone(bytes))), at: 0, end: bytes.len() };
    let mut stream = PastGaps::new(Exact::new(range, bytes.len()));
    loop {
        let count = match stream.read(&mut buf) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                let length = bytes.len().saturating_sub(at);
                return Err(ReadFault { offset: at, length, reason: error.to_string() });
            }
        };
        let piece = buf.get_mut(..count).unwrap_or_default();
        if piece.is_empty() {
            break;
        }
        if let Some(held) = &mut held {
            held.update(&*piece);
        }
        zeros = zeros && piece.chunks(ZEROS.len()).all(|part| ZEROS.get(..part.len()) == Some(part));
        if let Some(md5) = &mut md5 {
            md5.update(&*piece);
        }
        if let Some(sha1) = &mut sha1 {
            sha1.update(&*piece);
        }
        blank(&filled, at, piece);
        sha256.update(&*piece);
        at = at.saturating_add(length(count));
        progress(at);
    }
    let sha256 = Digest(sha256.finalize().into());
    let md5 = md5.map(|state| hex(&state.finalize()));
    let sha1 = sha1.map(|state| hex(&state.finalize()));
    let failed = stream.missing();
    let held = held.filter(|_| failed.is_empty()).map(|state| Digest(state.finalize().into()));
    let unreadable =
        merged(failed.iter().map(|(from, to)| *from..*to).chain(filled.iter().cloned()).collect());
    let pairs = |ranges: Vec<std::ops::Range<u64>>| {
        ranges.into_iter().map(|range| (range.start, range.end)).collect()
    };
    let computed = |digest: &StoredDigest| match digest.algorithm.as_str() {
        "md5" => md5.clone(),
        "sha1" => sha1.clone(),
        "sha256" => Some(held.unwrap_or(sha256).hex()),
        _ => None,
    };
    Ok(MediumDigests {
        zeros: zeros && unreadable.is_empty(),
        sha256,
        held,
        stated: stated.iter().map(|digest| (digest.clone(), computed(digest))).collect(),
        unreadable: pairs(unreadable),
        filled: pairs(filled),
    })
}

/// All bytes that an image holds, those too that stand in place of what its maker could not read.
struct Held(Arc<dyn ByteSource>);

impl ByteSource for Held {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        self.0.read_filled_at(offset, buf)
    }
}

/// Puts zeros into `piece`, the bytes from `at` on, in the ranges `filled`.
fn blank(filled: &[std::ops::Range<u64>], at: u64, piece: &mut [u8]) {
    let end = at.saturating_add(length(piece.len()));
    let first = filled.partition_point(|range| range.end <= at);
    for range in filled.iter().skip(first).take_while(|range| range.start < end) {
        let inside = |place: u64| usize::try_from(place.saturating_sub(at)).unwrap_or(usize::MAX);
        let (from, to) = (inside(range.start.max(at)), inside(range.end.min(end)));
        piece.get_mut(from..to).unwrap_or_default().fill(0);
    }
}

/// Bytes read at once: large enough that the calls do not count, small enough for any laptop.
const CHUNK: usize = 1 << 20;
const ZEROS: [u8; 4096] = [0; 4096];

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_wiped_medium_is_told_from_one_with_a_single_byte() {
        let check = |bytes: Vec<u8>, zeros| {
            let found = digests(&(Arc::new(bytes) as Arc<dyn ByteSource>), &[], &mut |_| {}).unwrap();
            assert_eq!(found.zeros, zeros);
        };
        let mut bytes = vec![0; CHUNK + 5000];
        check(bytes.clone(), true);
        bytes[CHUNK + 4999] = 1;
        check(bytes, false);
    }

    #[test]
    fn stated_digests_are_compared_with_the_bytes() {
        let stated =
            |algorithm: &str, hex: &str| StoredDigest { algorithm: algorithm.into(), hex: hex.into() };
        let found = digests(
            &(Arc::new(b"abc".to_vec()) as Arc<dyn ByteSource>),
            &[
                stated("md5", "900150983cd24fb0d6963f7d28e17f72"),
                stated("sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"),
                stated("sha1", "a9993e364706816aba3e25717850c26c9cd0d89e"),
                stated("crc32", "352441c2"),
            ],
            &mut |_| {},
        )
        .unwrap();
        assert_eq!(found.sha256, Digest::of(b"abc"));
        let differing: Vec<_> = found.differing().map(|(stated, _)| stated.hex.as_str()).collect();
        assert_eq!(differing, ["a9993e364706816aba3e25717850c26c9cd0d89e"]);
        assert_eq!(found.stated[3].1, None);
    }

    /// An image that holds `7`s, of which its maker could not read the second sector, and of which we cannot read the last byte where `torn`.
    struct Filled {
        torn: bool,
    }

    impl ByteSource for Filled {
        fn len(&self) -> u64 {
            1536
        }

        fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
            let end = offset + length(buf.len());
            if offset < 1024 && end > 512 {
                return Err(ReadFault { offset, length: end - offset, reason: "filled".into() });
            }
            self.read_filled_at(offset, buf)
        }

        fn filled_ranges(&self) -> Vec<std::ops::Range<u64>> {
            std::iter::once(512..1024).collect()
        }

        fn read_filled_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
            let count = usize::try_from(1536_u64.saturating_sub(offset)).unwrap().min(buf.len());
            if self.torn && offset + length(count) == 1536 && count > 0 {
                return Err(ReadFault { offset, length: length(count), reason: "torn".into() });
            }
            buf.get_mut(..count).unwrap().fill(7);
            Ok(count)
        }
    }

    #[test]
    fn what_a_maker_could_not_read_is_in_the_images_digests_alone() {
        let sevens = vec![7; 1536];
        let md5 = StoredDigest { algorithm: "md5".into(), hex: hex(&Md5::digest(&sevens)) };
        let image = |torn| Arc::new(crate::Patient::new(Arc::new(Filled { torn }))) as Arc<dyn ByteSource>;
        let found = digests(&image(false), std::slice::from_ref(&md5), &mut |_| {}).unwrap();
        let mut zeroed = sevens.clone();
        zeroed[512..1024].fill(0);
        assert_eq!((found.sha256, found.held), (Digest::of(&zeroed), Some(Digest::of(&sevens))));
        assert_eq!(
            (found.unreadable.as_slice(), found.filled.as_slice()),
            ([(512, 1024)].as_slice(), [(512, 1024)].as_slice())
        );
        assert!(found.is_comparable() && found.differing().next().is_none(), "{found:?}");
        assert_eq!(crate::bytes::digest(image(false).as_ref()), Ok(Digest::of(&sevens)));
        // What cannot be read of the image itself makes its digests none.
        let found = digests(&image(true), std::slice::from_ref(&md5), &mut |_| {}).unwrap();
        assert_eq!((found.of_all(), found.is_comparable()), (None, false));
        assert_eq!(
            (found.unreadable.as_slice(), found.filled.as_slice()),
            ([(512, 1536)].as_slice(), [(512, 1024)].as_slice())
        );
        assert!(found.differing().next().is_none());
    }
}
