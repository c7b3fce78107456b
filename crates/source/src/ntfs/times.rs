//! Times: 100 nanoseconds since 1601, four at a time.

use scope::facts::{Stamp, TimeKind, Zone};

use crate::field::le64;

/// Adds the four times that stand in `raw`, in the order of NTFS. One that is zero was never set; none is added twice.
pub(crate) fn add(times: &mut Vec<Stamp>, from: &str, raw: &[u8]) {
    let order = [TimeKind::Created, TimeKind::Modified, TimeKind::Changed, TimeKind::Accessed];
    for (of, at) in order.into_iter().zip([0, 8, 16, 24]) {
        let Some(time) = le64(raw, at).filter(|time| *time != 0) else { continue };
        let stamp = Stamp { of, from: from.to_owned(), ns: nanoseconds(time), zone: Zone::Recorded };
        if !times.contains(&stamp) {
            times.push(stamp);
        }
    }
}

fn nanoseconds(time: u64) -> i128 {
    (i128::from(time) - EPOCH) * 100
}

/// 1970 in this count.
const EPOCH: i128 = 116_444_736_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_since_1601() {
        let check = |time, expect| assert_eq!(nanoseconds(time), expect);
        check(116_444_736_000_000_000, 0);
        check(1, -11_644_473_599_999_999_900);
        check(u64::MAX, 1_833_029_933_770_955_161_500); // the year 60056
        check(131_277_024_000_000_001, 1_483_228_800_000_000_100); // 2017-01-01
    }
}
