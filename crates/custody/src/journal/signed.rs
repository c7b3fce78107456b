//! Who wrote a line: the run key of a process, which is in its memory alone, has signed it.
//!
//! The signature is Ed25519 in the form of SSHSIG, namespace [`sshsig::JOURNAL`], over the `mac` of the line before, in hex, and
//! the line without `signature` and `mac`. The first line of a process, `begin` or `resume`, and all that follow it up to the
//! next `resume` have one key. `moved` has no signature: it is written without a capture, and says nothing of one.

use std::iter;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evidence::acquisition::Departure;
use evidence::sshsig::{self, MessageDigest, PublicKey};

use super::Journaled;
use crate::keys::SecretKey;
use crate::package::PackageError;

/// A line that a process of a capture wrote.
pub(super) struct Signed {
    /// Which line, from 1.
    pub(super) line: usize,
    /// Whether it is the first of its process.
    pub(super) opens: bool,
    pub(super) digest: MessageDigest,
    pub(super) signature: [u8; 64],
}

/// What one process said of itself, and what its batches said since.
pub(super) struct Passage {
    /// Before which batch it went on; 0 for the beginning.
    pub(super) batch: u64,
    pub(super) departures: Vec<Departure>,
    pub(super) copies: u64,
    pub(super) lost: Vec<String>,
    /// Whether a run key that was announced has signed it, or nobody has asked yet.
    pub(super) believed: bool,
}

impl Signed {
    fn is_by(&self, key: &PublicKey) -> bool {
        let PublicKey::Ed25519(key) = key else { return false };
        let message = sshsig::to_be_signed(sshsig::JOURNAL, &self.digest);
        sshsig::verify_ed25519(key, &message, &self.signature).is_ok()
    }
}

impl Journaled {
    /// Believes what the run keys have signed that were announced, in this order, and nothing else.
    ///
    /// A process that ended before its key was announced has read nothing: its first line may stand, and what it says does
    /// not count, but for batches that are not committed any more.
    pub(crate) fn believe(&mut self, announced: &[String]) -> Result<(), PackageError> {
        let announced: Vec<PublicKey> = announced.iter().filter_map(|key| key.parse().ok()).collect();
        let mut rest = announced.iter();
        let mut first = 0;
        let mut own: Option<&PublicKey> = None;
        let mut believed = Vec::new();
        for signed in &self.signed {
            let altered = |line, what| Err(PackageError::Journal { line, what });
            if signed.opens {
                let mut left = rest.clone();
                first = signed.line;
                own = left.find(|key| signed.is_by(key));
                if own.is_some() {
                    rest = left;
                }
                believed.push(own.is_some());
                continue;
            }
            match own {
                Some(key) if signed.is_by(key) => {}
                Some(_) => {
                    return altered(signed.line, format!("the run key of line {first} has not signed it"));
                }
                None => {
                    let what = format!(
                        "no run key that the custody log announces has signed it, and line {} rests on it",
                        signed.line
                    );
                    return altered(first, what);
                }
            }
        }
        for (passage, believed) in self.passages.iter_mut().zip(believed) {
            passage.believed = believed;
        }
        self.tell();
        Ok(())
    }

    /// Departures of processes that ended before their keys were announced.
    pub(crate) fn unannounced(&self) -> impl Iterator<Item = &Departure> {
        self.passages.iter().filter(|passage| !passage.believed).flat_map(|passage| &passage.departures)
    }

    /// Sums up what the processes said that are believed.
    pub(super) fn tell(&mut self) {
        let believed = || self.passages.iter().filter(|passage| passage.believed);
        let departures = believed().flat_map(|passage| passage.departures.iter().cloned()).collect();
        let resumed = believed().map(|passage| passage.batch).filter(|batch| *batch > 0).collect();
        let last = believed().next_back().map(|last| (last.copies, last.lost.clone()));
        (self.copies, self.lost) = last.unwrap_or((1, Vec::new()));
        (self.departures, self.resumed) = (departures, resumed);
    }
}

/// A line with its signature.
pub(super) fn sign(run_key: &SecretKey, last: &str, line: &str) -> String {
    let signature = run_key.sign_raw(&sshsig::to_be_signed(sshsig::JOURNAL, &digest(last, line)));
    let open = line.strip_suffix('}').unwrap_or(line);
    format!("{open}{SIGNATURE}{}{END}", STANDARD.encode(signature))
}

/// A line without its signature, and this, where it has one.
pub(super) fn split(line: &str) -> (String, Option<[u8; 64]>) {
    let parts = line.strip_suffix(END).and_then(|line| line.rsplit_once(SIGNATURE));
    let own = parts.and_then(|(open, signature)| {
        let signature = STANDARD.decode(signature).ok()?.try_into().ok()?;
        Some((iter::once(open).chain(["}"]).collect(), signature))
    });
    own.map_or_else(|| (line.to_owned(), None), |(line, signature)| (line, Some(signature)))
}

/// What is signed.
pub(super) fn digest(last: &str, line: &str) -> MessageDigest {
    MessageDigest::of([last, line].concat().as_bytes())
}

const SIGNATURE: &str = ",\"signature\":\"";
const END: &str = "\"}";
