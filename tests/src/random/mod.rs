//! Random policies, items and globs, for comparing two implementations.
//!
//! ```text
//! let mut dice = Dice::new(4711);
//! let files = policy(&mut dice);          policy.toml, sometimes with a list beside it
//! let facts = item(&mut dice);            facts of one item, odd ones too
//! ```
//!
//! What stands in a policy and what is found of an item is drawn from the same small pools, so that conditions are
//! met, missed and left open about equally often. The same seed gives the same sequence, on every machine.

mod globs;
mod items;
mod policies;

pub use globs::{any_glob, glob, path};
pub use items::item;
pub use policies::policy;

/// A sequence of numbers that a seed determines: `SplitMix64` (Steele and others, 2014).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The sequence of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.number() % end as u64).expect("it is below a usize")
    }

    /// Whether something of this probability happens.
    pub fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    /// One of them; there is one.
    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    /// Some of them in their order, at least one where there is one.
    pub fn some<T: Clone>(&mut self, from: &[T]) -> Vec<T> {
        let mut some: Vec<T> = from.iter().filter(|_| self.percent(35)).cloned().collect();
        if some.is_empty() && !from.is_empty() {
            some.push(self.pick(from));
        }
        some
    }
}

/// Names of the volumes.
const VOLUMES: [&str; 3] = ["ext4:9f0c2a51-0000-4000-8000-000000000001", "gpt:2", "tree"];
/// Digests that lists and items draw from: each is one digit, 64 times.
const DIGITS: [&str; 6] = ["0", "1", "2", "7", "a", "f"];
/// User ids; the last is the largest that a record can state.
const UIDS: [u64; 4] = [0, 33, 10_044, (1 << 53) - 1];
/// Security identifiers.
const SIDS: [&str; 3] = ["S-1-5-18", "S-1-5-21-1000-1000-1000-1104", "S-1-5-21-1000-1000-1000-1105"];
/// Types of magic/1, of every text layer, and one for which there is no extension.
const TYPES: [&str; 13] = [
    "text", "html", "script", "zip", "jar", "ooxml", "pdf", "jpeg", "pe", "pgp-key", "empty", "luks",
    "unknown",
];
/// Sizes at limits.
const SIZES: [u64; 9] = [0, 1, 100, 4095, 4096, 4097, 1 << 32, (1 << 53) - 2, (1 << 53) - 1];
/// Moments that windows begin and end at, as policies write them and in nanoseconds.
const MOMENTS: [(&str, i128); 8] = [
    ("1601-01-01T00:00:00Z", -11_644_473_600_000_000_000),
    ("1969-12-31T23:59:59.999999999Z", -1),
    ("1970-01-01T00:00:00Z", 0),
    ("2010-06-01T00:00:00-05:00", 1_275_368_400_000_000_000),
    ("2011-03-17T00:00:00+05:30", 1_300_300_200_000_000_000),
    ("2011-03-17T00:00:00.5Z", 1_300_320_000_500_000_000),
    ("2024-02-29T23:59:59+14:00", 1_709_200_799_000_000_000),
    ("2105-01-01T00:00:00Z", 4_260_211_200_000_000_000),
];
/// Offsets for local times, as policies write them and in seconds.
const OFFSETS: [(&str, i128); 4] =
    [("+00:00", 0), ("+05:30", 19_800), ("-06:00", -21_600), ("+14:00", 50_400)];
/// The keyword lists that a policy may have, and how many terms each has.
const KEYWORDS: [(&str, u64); 3] = [("marks", 4), ("codes", 1), ("aliases", 2)];
