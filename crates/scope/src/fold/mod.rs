//! Symbols: what names and globs compare as.
//!
//! Implements `docs/spec/fold.md`, fold/1. Bytes are decoded as UTF-8; a byte
//! that cannot be decoded is the symbol U+DC00 + byte, as in Python's
//! `surrogateescape`, so that no name is lost and none is altered. What lies
//! between such symbols is brought to NFC; where case does not count, each
//! symbol is then folded.
//!
//! ```text
//! 43 61 66 65 CC 81 FF   "Cafe", combining acute, a stray byte
//! 43 61 66 E9 DCFF       symbols
//! 63 61 66 E9 DCFF       folded
//! ```

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

mod table;

use table::RUNS;

/// A Unicode scalar value, or U+DC80 to U+DCFF for a byte that is not part of UTF-8.
pub type Symbol = u32;

/// The symbol of a byte that cannot be decoded.
#[must_use]
pub fn undecodable(byte: u8) -> Symbol {
    0xDC00 + Symbol::from(byte)
}

/// Simple case folding of one symbol, by the pinned table.
#[must_use]
pub fn fold(symbol: Symbol) -> Symbol {
    if symbol < 0x80 {
        return if (0x41..=0x5A).contains(&symbol) { symbol + 0x20 } else { symbol };
    }
    let after = RUNS.partition_point(|run| run.first <= symbol);
    match after.checked_sub(1).and_then(|at| RUNS.get(at)) {
        Some(run) if symbol <= run.last && (symbol - run.first).is_multiple_of(run.step) => {
            symbol.checked_add_signed(run.delta).unwrap_or(symbol)
        }
        _ => symbol,
    }
}

/// The symbols of `bytes`, in NFC, and folded if `folded`.
#[must_use]
pub fn symbols(bytes: &[u8], folded: bool) -> Vec<Symbol> {
    if bytes.is_ascii() {
        // What stands for most names: no table is asked.
        let lower = |byte: &u8| Symbol::from(if folded { byte.to_ascii_lowercase() } else { *byte });
        return bytes.iter().map(lower).collect();
    }
    let mut symbols = Vec::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        push_nfc(chunk.valid(), &mut symbols);
        symbols.extend(chunk.invalid().iter().map(|&byte| undecodable(byte)));
    }
    if folded {
        symbols.iter_mut().for_each(|symbol| *symbol = fold(*symbol));
    }
    symbols
}

/// The symbols of a text of ours, such as an extension in a policy.
#[must_use]
pub fn text_symbols(text: &str, folded: bool) -> Vec<Symbol> {
    symbols(text.as_bytes(), folded)
}

fn push_nfc(text: &str, symbols: &mut Vec<Symbol>) {
    if is_nfc_quick(text.chars()) == IsNormalized::Yes {
        symbols.extend(text.chars().map(Symbol::from));
    } else {
        symbols.extend(text.chars().nfc().map(Symbol::from));
    }
}

/// The runs of the table that touch `first..=last`, one by one as (source, target).
pub(crate) fn folded_in(first: Symbol, last: Symbol) -> impl Iterator<Item = (Symbol, Symbol)> {
    let start = RUNS.partition_point(|run| run.last < first);
    let runs = RUNS.get(start..).unwrap_or_default().iter().take_while(move |run| run.first <= last);
    runs.flat_map(|run| (run.first..=run.last).step_by(run.step as usize))
        .filter(move |source| (first..=last).contains(source))
        .map(|source| (source, fold(source)))
}

/// The symbols that fold to `symbol`, itself among them where it folds to itself.
pub(crate) fn unfolded(symbol: Symbol) -> Vec<Symbol> {
    let own = (fold(symbol) == symbol).then_some(symbol);
    own.into_iter()
        .chain(folded_in(0, Symbol::MAX).filter(|(_, to)| *to == symbol).map(|(from, _)| from))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Vec<(Symbol, Symbol)> {
        let text = include_str!("../../../../docs/spec/fold-1.txt");
        let hex = |field: &str| Symbol::from_str_radix(field, 16).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.split_once(' ').unwrap()).map(|(from, to)| (hex(from), hex(to))).collect()
    }

    #[test]
    fn the_table_and_the_page_agree() {
        let page = page();
        assert_eq!(page.len(), 1454);
        let mut listed = page.iter();
        let mut next = listed.next();
        for symbol in 0..=0x0011_0000 {
            match next {
                Some((from, to)) if *from == symbol => {
                    assert_eq!(fold(symbol), *to, "{symbol:04X}");
                    next = listed.next();
                }
                _ => assert_eq!(fold(symbol), symbol, "{symbol:04X} is not on the page"),
            }
        }
        assert_eq!(next, None, "the page is sorted");
        assert_eq!(folded_in(0, u32::MAX).collect::<Vec<_>>(), page);
    }

    #[test]
    fn folding_twice_changes_nothing() {
        for (_, to) in page() {
            assert_eq!(fold(to), to, "{to:04X}");
        }
    }

    #[test]
    fn vectors() {
        let hex = |field: &str| Symbol::from_str_radix(field, 16).unwrap();
        let mut count = 0;
        for line in include_str!("../../../../docs/spec/vectors/fold-1-symbols.txt").lines() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut fields = line.split('\t');
            let name: crate::name::RawName = fields.next().unwrap().parse().unwrap();
            for folded in [false, true] {
                let expected: Vec<Symbol> = fields.next().unwrap().split(' ').map(hex).collect();
                assert_eq!(symbols(name.bytes(), folded), expected, "{line}");
            }
            count += 1;
        }
        assert!(count >= 14, "only {count} vectors were read");
    }
}
