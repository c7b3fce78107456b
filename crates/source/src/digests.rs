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
use crate::unread::Range;

/// The digests of a whole medium.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MediumDigests {
    /// SHA-256 of every byte.
    pub sha256: Digest,
    /// Every digest that was stated, in its order, with the one that was computed in lower-case hex; `None` for an
    /// algorithm that is not known.
    pub stated: Vec<(StoredDigest, Option<String>)>,
    /// The ranges that could not be read, ascending, none touching the next: the digests are over zeros there, and are those of no
    /// medium. Empty where every byte was read.
    pub unreadable: Vec<(u64, u64)>,
}

impl MediumDigests {
    /// The stated digests that are not those of the bytes; none where not every byte was read.
    pub fn differing(&self) -> impl Iterator<Item = &(StoredDigest, Option<String>)> {
        let all = self.unreadable.is_empty();
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
    let mut md5 = wanted("md5").then(Md5::new);
    let mut sha1 = wanted("sha1").then(Sha1::new);
    let mut buf = vec![0; CHUNK];
    let mut at = 0;
    let range = Range { bytes: Arc::clone(bytes), at: 0, end: bytes.len() };
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
        let piece = buf.get(..count).unwrap_or_default();
        if piece.is_empty() {
            break;
        }
        sha256.update(piece);
        if let Some(md5) = &mut md5 {
            md5.update(piece);
        }
        if let Some(sha1) = &mut sha1 {
            sha1.update(piece);
        }
        at = at.saturating_add(length(count));
        progress(at);
    }
    let sha256 = Digest(sha256.finalize().into());
    let md5 = md5.map(|state| hex(&state.finalize()));
    let sha1 = sha1.map(|state| hex(&state.finalize()));
    let computed = |digest: &StoredDigest| match digest.algorithm.as_str() {
        "md5" => md5.clone(),
        "sha1" => sha1.clone(),
        "sha256" => Some(sha256.hex()),
        _ => None,
    };
    Ok(MediumDigests {
        sha256,
        stated: stated.iter().map(|digest| (digest.clone(), computed(digest))).collect(),
        unreadable: stream.missing().to_vec(),
    })
}

/// Bytes read at once: large enough that the calls do not count, small enough for any laptop.
const CHUNK: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

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
}
