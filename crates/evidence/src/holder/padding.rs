//! Size classes: how far a held part is padded, so that its length tells little.
//!
//! Implements `docs/spec/part-padding.md`.

use std::cell::Cell;
use std::io::{self, Read};

/// The least size class that holds `len` bytes.
///
/// Padmé (Nikitin and others, *Reducing Metadata Leakage from Encrypted Files
/// and Communication with PURBs*, 2019): the length, rounded up to a number
/// whose floating-point form has a mantissa no longer than its exponent. It
/// grows a part by at most 12 %, and lengths up to L leave only
/// O(log log L) bits of information.
///
/// ```
/// assert_eq!(evidence::holder::padme(1_000_000), 1_015_808);
/// assert_eq!(evidence::holder::padme(8), 8);
/// ```
#[must_use]
pub fn padme(len: u64) -> u64 {
    let Some(exponent) = len.checked_ilog2() else { return 0 };
    let mantissa = exponent.checked_ilog2().map_or(0, |bits| bits.saturating_add(1));
    let mask = match exponent.checked_sub(mantissa) {
        Some(zeros) => (1u64 << zeros).saturating_sub(1),
        None => 0,
    };
    // Near 2^64 there is no class above; no part comes near.
    len.checked_add(mask).map_or(len, |sum| sum & !mask)
}

/// Counts the bytes of an archive as they are read.
pub(super) struct Counted<'c, R> {
    pub(super) inner: R,
    pub(super) count: &'c Cell<u64>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buf)?;
        self.count.set(self.count.get().saturating_add(u64::try_from(count).unwrap_or(u64::MAX)));
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_hold_and_do_not_waste() {
        assert_eq!([0, 1, 9, 100, 1000, 65537].map(padme), [0, 1, 10, 104, 1024, 67584]);
        for len in (1..1 << 20).step_by(997).chain([u64::from(u32::MAX), 1 << 40, (1 << 40) + 1, u64::MAX]) {
            let class = padme(len);
            assert!(class >= len, "{len} in {class}");
            assert_eq!(padme(class), class, "a class is its own class");
            assert!(class == u64::MAX || class - len <= len / 8 + 1, "{len} in {class}");
        }
    }
}
