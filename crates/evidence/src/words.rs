//! A digest as eight words, to compare with paper and over the telephone.
//!
//! ```text
//! raccoon seven onion twelve hybrid canvas ozone mimic
//! ```
//!
//! The first 88 bits of a SHA-256 digest, eleven bits a word, from the 2,048 English words of BIP-39: none shares its
//! first four letters with another, so a word half heard is still one word. Implements `docs/spec/seal.md`.

use bip0039::English;
use scope::Digest;

/// Number of words.
pub const COUNT: usize = 8;

/// The first 88 bits of a digest as eight words.
#[must_use]
pub fn words(digest: &Digest) -> [&'static str; COUNT] {
    let list = English::words();
    let bit = |at: usize| digest.0.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1);
    std::array::from_fn(|word| {
        let bits = word.saturating_mul(BITS)..word.saturating_add(1).saturating_mul(BITS);
        let index = bits.fold(0, |number, at| number << 1 | usize::from(bit(at)));
        // INVARIANT: eleven bits index a list of 2^11 words.
        list.get(index).copied().unwrap_or_default()
    })
}

/// Whether a text that a person typed is the words of this digest.
///
/// Case does not count, and anything that is not a letter separates words. All eight are needed.
#[must_use]
pub fn matches(digest: &Digest, typed: &str) -> bool {
    parted(typed).eq(words(digest))
}

/// Why the words that somebody typed can be no digest at all: a slip of the pen, most likely, which says nothing of any file.
#[must_use]
pub fn slip(typed: &str) -> Option<String> {
    let list = English::words();
    if let Some(word) = parted(typed).find(|word| !list.contains(&word.as_str())) {
        return Some(format!("`{word}` is no word of the list that they are taken from; was it mistyped?"));
    }
    match parted(typed).count() {
        COUNT => None,
        count => Some(format!("{COUNT} words are needed, and {count} were given")),
    }
}

/// Whether the words that somebody typed are those of this digest, in whatever order.
#[must_use]
pub fn in_some_order(digest: &Digest, typed: &str) -> bool {
    let mut typed: Vec<String> = parted(typed).collect();
    let mut own = words(digest);
    typed.sort_unstable();
    own.sort_unstable();
    typed.iter().eq(own.iter())
}

fn parted(typed: &str) -> impl Iterator<Item = String> + '_ {
    typed.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

/// Bits a word: 2^11 is 2,048.
const BITS: usize = 11;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_named() {
        assert!(slip("verb toddler, Rangee crane").unwrap().starts_with("`rangee` is no word"));
        assert_eq!(slip("verb toddler Range crane").unwrap(), "8 words are needed, and 4 were given");
        let digest = Digest::of(b"abc");
        let mut paper = words(&digest).to_vec();
        assert_eq!(slip(&paper.join(" ")), None);
        paper.reverse();
        assert!(in_some_order(&digest, &paper.join("-")));
        assert!(!in_some_order(&Digest::of(b"abd"), &paper.join("-")));
    }

    #[test]
    fn the_list_is_the_published_one() {
        let list = English::words().iter().map(|word| format!("{word}\n")).collect::<String>();
        // SHA-256 of english.txt in the BIP-39 repository.
        let published = "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda";
        assert_eq!(Digest::of(list.as_bytes()).hex(), published);
    }

    #[test]
    fn eight_words_of_eleven_bits() {
        assert_eq!(words(&Digest([0; 32])), ["abandon"; 8]);
        assert_eq!(words(&Digest([0xff; 32])), ["zoo"; 8]);
        let mut one = [0; 32];
        one[1] = 0b0010_0000; // bit 10, the last of the first word
        one[10] = 1; // bit 87, the last of the last word
        one[11] = 0xff; // bit 88 and on: not looked at
        let expected = "ability abandon abandon abandon abandon abandon abandon ability";
        assert_eq!(words(&Digest(one)).join(" "), expected);
    }

    #[test]
    fn typed_words_are_compared_whole() {
        let digest = Digest::of(b"abc");
        let paper = words(&digest);
        let [first, ..] = paper;
        assert!(matches(&digest, &paper.join(" ")));
        assert!(matches(&digest, &format!(" 1. {}\n", paper.join(" - ").to_uppercase())));
        for wrong in
            [paper[..7].join(" "), format!("{} {first}", paper.join(" ")), String::new(), paper.concat()]
        {
            assert!(!matches(&digest, &wrong), "{wrong}");
        }
        assert!(!matches(&Digest::of(b"abd"), &paper.join(" ")));
    }
}
