//! Addresses of mail, as a policy lists them and as they compare.
//!
//! Implements `docs/spec/mail.md`, "Addresses".
//!
//! ```text
//! Kanzlei@XN--MLLER-KVA.example   kanzlei@müller.example
//! @firm.example                   every address of that domain
//! ```

use unicode_normalization::UnicodeNormalization as _;

use crate::fold::text_symbols;
use crate::read::is_visible;

/// Longest address in bytes: 64 before the `@` and 255 behind it, as RFC 5321 has it.
pub const MAX_ADDRESS: usize = 320;

/// What is wrong with an entry of a list of addresses; `None` where it is `local@domain` or `@domain`.
#[must_use]
pub fn fault(entry: &str) -> Option<&'static str> {
    if entry.len() > MAX_ADDRESS {
        return Some("an address has at most 320 bytes");
    }
    let barred = |c: char| c.is_whitespace() || c.is_control() || "<>()[],;:\\\"".contains(c);
    if entry.chars().any(barred) {
        return Some("an address has no spaces, no quotes and no name beside it: local@domain, or @domain");
    }
    if !entry.chars().all(is_visible) {
        return Some(
            "an address has no invisible character in it, such as the byte order mark with which some programs begin a file",
        );
    }
    if entry.contains('*') {
        return Some(
            "an address is no pattern: @domain stands for every address of a domain, and each domain below it is listed itself",
        );
    }
    let Some((local, domain)) = entry.rsplit_once('@') else {
        return Some("an address has an `@`: local@domain, or @domain for every address of a domain");
    };
    if local.contains('@') || domain.split('.').any(str::is_empty) {
        return Some("an address is local@domain, or @domain for every address of a domain");
    }
    None
}

/// The form in which addresses compare.
///
/// Both sides of the last `@` are folded by fold/1; labels of the domain that are in the ASCII form of
/// internationalised names are decoded before, and a last dot is dropped.
#[must_use]
pub fn normal(address: &str) -> String {
    let (local, domain) = address.rsplit_once('@').unwrap_or(("", address));
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let labels: Vec<String> = domain.split('.').map(label).collect();
    format!("{}@{}", folded(local), folded(&labels.join(".")))
}

/// The form in which addresses compare for some programs: what is alike here may be one address, or two.
///
/// IDNA has had several mappings. They take compatibility forms for the letters themselves, other full
/// stops for a dot, `ss` for `ß` or not, and drop some characters.
#[must_use]
pub fn loose(address: &str) -> String {
    if address.is_ascii() && !address.to_ascii_lowercase().contains("xn--") {
        return normal(address);
    }
    let exact = normal(&mapped(address));
    mapped(&exact)
}

fn mapped(text: &str) -> String {
    let kept = text.nfkc().filter(|letter| !is_unseen(*letter));
    let mut out = String::new();
    for letter in kept.flat_map(char::to_lowercase) {
        match letter {
            '\u{3002}' | '\u{ff0e}' | '\u{ff61}' => out.push('.'),
            'ß' | 'ẞ' => out.push_str("ss"),
            'ς' => out.push('σ'),
            letter => out.push(letter),
        }
    }
    out.nfkc().collect()
}

/// Whether the character is seen by nobody: soft hyphens, joiners, marks of direction, selectors of variants.
#[must_use]
pub fn is_unseen(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

fn folded(text: &str) -> String {
    text_symbols(text, true).into_iter().filter_map(char::from_u32).collect()
}

/// A label in letters, where it is in the ASCII form and that can be decoded.
fn label(label: &str) -> String {
    let encoded = match label.get(..4) {
        Some(prefix) if prefix.eq_ignore_ascii_case("xn--") => label.get(4..).unwrap_or_default(),
        _ => return label.to_owned(),
    };
    punycode(encoded).unwrap_or_else(|| label.to_owned())
}

/// Decodes RFC 3492. `None` where it is not one, or longer than a label can be.
fn punycode(encoded: &str) -> Option<String> {
    const BASE: u32 = 36;
    if encoded.len() > MAX_LABEL || !encoded.is_ascii() {
        return None;
    }
    let (plain, deltas) = encoded.rsplit_once('-').unwrap_or(("", encoded));
    let mut letters: Vec<char> = plain.chars().collect();
    let (mut code, mut at, mut bias) = (128_u32, 0_u32, 72_u32);
    let mut digits = deltas.bytes();
    while let Some(first) = digits.next() {
        let before = at;
        let (mut weight, mut step, mut next) = (1_u32, BASE, Some(first));
        loop {
            let digit = match next? {
                letter @ b'a'..=b'z' => u32::from(letter.checked_sub(b'a')?),
                letter @ b'A'..=b'Z' => u32::from(letter.checked_sub(b'A')?),
                figure @ b'0'..=b'9' => u32::from(figure.checked_sub(b'0')?).checked_add(26)?,
                _ => return None,
            };
            at = at.checked_add(digit.checked_mul(weight)?)?;
            let threshold = step.saturating_sub(bias).clamp(1, 26);
            if digit < threshold {
                break;
            }
            weight = weight.checked_mul(BASE.checked_sub(threshold)?)?;
            step = step.checked_add(BASE)?;
            next = digits.next();
        }
        let count = u32::try_from(letters.len()).ok()?.checked_add(1)?;
        bias = adapted(at.checked_sub(before)?, count, before == 0)?;
        code = code.checked_add(at.checked_div(count)?)?;
        at = at.checked_rem(count)?;
        letters.insert(usize::try_from(at).ok()?, char::from_u32(code)?);
        at = at.checked_add(1)?;
    }
    Some(letters.into_iter().collect())
}

/// The bias for the next delta: RFC 3492, section 6.1.
fn adapted(delta: u32, count: u32, first: bool) -> Option<u32> {
    let mut delta = delta.checked_div(if first { 700 } else { 2 })?;
    delta = delta.checked_add(delta.checked_div(count)?)?;
    let mut steps = 0_u32;
    while delta > 455 {
        delta = delta.checked_div(35)?;
        steps = steps.checked_add(36)?;
    }
    let more = delta.checked_mul(36)?.checked_div(delta.checked_add(38)?)?;
    steps.checked_add(more)
}

/// Longest label that is decoded, in bytes: DNS has 63.
const MAX_LABEL: usize = 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_compare_without_case_and_in_letters() {
        for (address, expected) in [
            ("Ann.Q@Firm.Example", "ann.q@firm.example"),
            ("kanzlei@XN--MLLER-KVA.example", "kanzlei@m\u{fc}ller.example"),
            ("kanzlei@M\u{dc}LLER.example", "kanzlei@m\u{fc}ller.example"),
            ("kanzlei@mu\u{308}ller.example", "kanzlei@m\u{fc}ller.example"),
            ("a@xn--strae-oqa.de", "a@stra\u{df}e.de"),
            ("a@xn--fiqs8s", "a@\u{4e2d}\u{56fd}"),
            (
                "a@xn--0000000000000000000000000000000000000000000000.x",
                "a@xn--0000000000000000000000000000000000000000000000.x",
            ),
            ("a@firm.example.", "a@firm.example"),
            ("@Firm.example", "@firm.example"),
            ("two@ats@x.org", "two@ats@x.org"),
            ("nobody", "@nobody"),
        ] {
            assert_eq!(normal(address), expected, "{address}");
        }
    }

    #[test]
    fn forms_that_idna_has_mapped_are_alike() {
        for (one, other) in [
            ("x@stra\u{df}e.example", "x@strasse.example"),
            ("x@stra\u{df}e.example", "x@xn--strae-oqa.example"),
            ("a@firm\u{ff61}example", "a@firm.example"),
            ("a@\u{ff46}\u{ff49}\u{ff52}\u{ff4d}.example", "a@firm.example"),
            ("a@fi\u{ad}rm.example.", "a@firm.example"),
            ("a@M\u{dc}LLER\u{3002}example", "a@xn--mller-kva.example"),
        ] {
            assert_eq!(loose(one), loose(other), "{one} {other}");
            assert_eq!(loose(&loose(one)), loose(one), "{one}");
        }
        assert_ne!(loose("a@firm.example"), loose("a@sub.firm.example"));
    }

    #[test]
    fn an_entry_is_an_address_or_a_domain() {
        for good in ["ann@firm.example", "@firm.example", "m\u{fc}ller@b\u{fc}ro.example", "a+b@localhost"] {
            assert_eq!(fault(good), None, "{good}");
        }
        for bad in [
            "firm.example",
            "Ann <ann@x.org>",
            "ann @x.org",
            "a@b@x.org",
            "ann@",
            "ann@x..org",
            "ann@x.org.",
            "@*.firm.example",
            "\u{feff}ann@x.org",
            "ann\u{200b}@x.org",
            "\"ann\"@x.org",
            "ann@[127.0.0.1]",
            "a,b@x.org",
        ] {
            assert!(fault(bad).is_some(), "{bad}");
        }
        assert!(fault(&format!("{}@x.org", "a".repeat(MAX_ADDRESS))).is_some());
    }

    #[test]
    fn no_label_stops_the_decoder() {
        let mut state = 7_u32;
        for _ in 0..20_000 {
            let text: String = (0..20)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    char::from(b"abcz019-"[usize::try_from(state >> 29).unwrap()])
                })
                .collect();
            let _ = punycode(&text);
        }
    }
}
