//! A sample that nobody could foresee: which lines, and which items of the medium, an auditor looks at.
//!
//! Implements `docs/spec/sampling.md`, version 1.
//!
//! ```text
//! seed = SHA-256("ambit/sample/1" 0 root nonce)        the nonce is chosen after the root was sealed
//! rank = SHA-256(seed population 0 member)             the n members of least rank are drawn
//! ```
//!
//! No number is reduced modulo another, so nothing is drawn more often than anything else; and the order in which
//! members are met does not matter.

mod places;

use std::collections::BTreeMap;

use scope::Digest;
use sha2::{Digest as _, Sha256};

pub use places::{Elsewhere, Unpack, outermost};

/// Most members drawn: a person looks at each.
pub const MAX_DRAWN: usize = 100_000;

/// What is drawn from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Population {
    /// The lines of the inventory, without their LF.
    Lines,
    /// The locators of all items that a walk of the medium gives today.
    Nodes,
}

impl Population {
    fn word(self) -> &'static str {
        match self {
            Self::Lines => "lines",
            Self::Nodes => "nodes",
        }
    }
}

/// What decides who is drawn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Seed([u8; 32]);

/// Why a text cannot be a nonce.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected 8 to 200 printable ASCII characters, chosen by chance after the package was sealed")]
pub struct NonceError;

impl Seed {
    /// The seed of an inventory's root and a nonce that was chosen after it.
    ///
    /// # Errors
    ///
    /// [`NonceError`].
    pub fn new(root: &Digest, nonce: &str) -> Result<Self, NonceError> {
        let sound =
            (8..=200).contains(&nonce.len()) && nonce.bytes().all(|c| c.is_ascii_graphic() || c == b' ');
        if !sound {
            return Err(NonceError);
        }
        let mut hash = Sha256::new_with_prefix(b"ambit/sample/1\0");
        hash.update(root.0);
        hash.update(nonce);
        Ok(Self(hash.finalize().into()))
    }

    fn rank(self, population: Population, member: &[u8]) -> [u8; 32] {
        let mut hash = Sha256::new_with_prefix(self.0);
        hash.update(population.word());
        hash.update([0]);
        hash.update(member);
        hash.finalize().into()
    }
}

/// Draws from a population whose members are met once each, in any order, in memory for `n` of them.
#[derive(Clone, Debug)]
pub struct Draw<T> {
    seed: Seed,
    population: Population,
    n: usize,
    met: u64,
    drawn: BTreeMap<[u8; 32], T>,
}

impl<T> Draw<T> {
    /// Nothing met yet; at most `n`, of which there can be [`MAX_DRAWN`].
    #[must_use]
    pub fn new(seed: Seed, population: Population, n: usize) -> Self {
        Self { seed, population, n: n.min(MAX_DRAWN), met: 0, drawn: BTreeMap::new() }
    }

    /// Meets a member. `keep` is called only if it is among the drawn so far.
    pub fn meet(&mut self, member: &[u8], keep: impl FnOnce() -> T) {
        self.met = self.met.saturating_add(1);
        let rank = self.seed.rank(self.population, member);
        let is_full = self.drawn.len() >= self.n;
        if is_full && self.drawn.last_key_value().is_none_or(|(last, _)| *last <= rank) {
            return;
        }
        self.drawn.insert(rank, keep());
        if is_full {
            self.drawn.pop_last();
        }
    }

    /// Takes in what another draw of this seed, this population and this many met: members that this one did not meet.
    pub fn join(&mut self, other: Self) {
        self.met = self.met.saturating_add(other.met);
        self.drawn.extend(other.drawn);
        while self.drawn.len() > self.n {
            self.drawn.pop_last();
        }
    }

    /// How many members there are.
    #[must_use]
    pub fn met(&self) -> u64 {
        self.met
    }

    /// Those that were drawn, least rank first.
    pub fn drawn(self) -> impl ExactSizeIterator<Item = T> {
        self.drawn.into_values()
    }
}

/// The most members of `population` that can be wrong, to 95 %, when `drawn` of them were looked at and none was.
///
/// Hypergeometric: the largest K for which a sample without a wrong member has a probability of at least 1 in 20.
/// The probability is computed in whole numbers and rounded up at each step, so that the bound errs to the safe side.
#[must_use]
pub fn most_wrong(population: u64, drawn: u64) -> u64 {
    if drawn == 0 || drawn >= population {
        return if drawn == 0 { population } else { 0 };
    }
    // More wrong members make a sample without one less likely: the first that is too unlikely is searched for.
    let (mut likely, mut unlikely) = (0, population);
    while unlikely.saturating_sub(likely) > 1 {
        let middle = likely.saturating_add(unlikely.saturating_sub(likely) / 2);
        if is_likely(population, drawn, middle) { likely = middle } else { unlikely = middle }
    }
    likely
}

/// Whether a sample without a wrong member has a probability of 1 in 20 or more, when `wrong` members are.
fn is_likely(population: u64, drawn: u64, wrong: u64) -> bool {
    let mut chance = ONE;
    for taken in 0..drawn {
        let rest = u128::from(population.saturating_sub(taken));
        let sound = rest.saturating_sub(u128::from(wrong));
        // INVARIANT: chance <= 2^63 and sound < 2^64, so the product is below 2^127.
        chance = chance.saturating_mul(sound).div_ceil(rest.max(1));
        if chance.saturating_mul(20) < ONE {
            return false;
        }
    }
    true
}

/// Certainty, as a fraction of 2^63.
const ONE: u128 = 1 << 63;

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(n: usize, members: &[&str]) -> Vec<String> {
        let root = Digest::of(b"root");
        let mut draw = Draw::new(Seed::new(&root, "lottery 7 14 21 28").unwrap(), Population::Lines, n);
        members.iter().for_each(|member| draw.meet(member.as_bytes(), || (*member).to_owned()));
        assert_eq!(draw.met(), members.len() as u64);
        draw.drawn().collect()
    }

    #[test]
    fn the_vector_of_the_specification() {
        let members: Vec<String> = (0..10).map(|n| format!("left {}", Digest::of(&[n]).hex())).collect();
        let members: Vec<&str> = members.iter().map(String::as_str).collect();
        let drawn: Vec<usize> =
            draw(3, &members).iter().map(|drawn| members.iter().position(|m| m == drawn).unwrap()).collect();
        assert_eq!(drawn, VECTOR);
    }

    /// As `printf` and `sha256sum` compute it: see the page.
    const VECTOR: [usize; 3] = [2, 0, 3];

    #[test]
    fn the_order_of_meeting_does_not_matter_and_all_are_drawn_where_there_are_few() {
        let members = ["a", "b", "c", "d", "e", "f", "g"];
        let mut reversed = members;
        reversed.reverse();
        assert_eq!(draw(3, &members), draw(3, &reversed));
        assert_eq!(draw(7, &members).len(), 7);
        assert_eq!(draw(8, &members).len(), 7);
        assert_eq!(draw(0, &members).len(), 0);
        let four = draw(4, &members);
        assert_eq!(draw(3, &members), four[..3], "a larger sample continues a smaller one");
    }

    #[test]
    fn each_member_is_drawn_about_equally_often() {
        let root = Digest::of(b"root");
        let mut hits = [0_u32; 10];
        for nonce in 0..4000 {
            let seed = Seed::new(&root, &format!("nonce {nonce:08}")).unwrap();
            let mut draw = Draw::new(seed, Population::Nodes, 3);
            (0..10_u8).for_each(|member| draw.meet(&[member], || member));
            draw.drawn().for_each(|member| hits[usize::from(member)] += 1);
        }
        // 1,200 are expected, with a standard deviation of 29; the nonces are fixed, so this is no gamble.
        assert!(hits.iter().all(|hits| (1080..=1320).contains(hits)), "{hits:?}");
    }

    #[test]
    fn another_root_nonce_or_population_draws_others() {
        let seed = |root: &[u8], nonce: &str| Seed::new(&Digest::of(root), nonce).unwrap();
        let first = seed(b"a", "12345678");
        assert_ne!(first, seed(b"b", "12345678"));
        assert_ne!(first, seed(b"a", "12345679"));
        assert_ne!(first.rank(Population::Lines, b"x"), first.rank(Population::Nodes, b"x"));
        for wrong in ["", "1234567", "12345678\n", "\u{e9}12345678", &"x".repeat(201)] {
            assert_eq!(Seed::new(&Digest::of(b"a"), wrong), Err(NonceError), "{wrong:?}");
        }
    }

    #[test]
    fn the_bound_is_that_of_the_hypergeometric_distribution() {
        // By Python: max(K for K in range(N) if Fraction(comb(N-K, n), comb(N, n)) >= Fraction(1, 20)).
        for (population, drawn, most) in BOUNDS {
            assert_eq!(most_wrong(population, drawn), most, "{drawn} of {population}");
        }
        assert_eq!(most_wrong(0, 0), 0);
        assert_eq!(most_wrong(5, 5), 0);
        assert_eq!(most_wrong(5, 0), 5, "with nothing looked at nothing is excluded");
    }

    const BOUNDS: [(u64, u64, u64); 5] =
        [(475, 300, 2), (10, 3, 5), (1_000_000, 300, 9934), (100, 59, 3), (20_000, 1000, 58)];
}
