//! Whether the volume was unmounted cleanly, by its own flag and by `$LogFile`. The log itself is not applied.

use crate::field::{le16, le32, le64};
use crate::ntfs::data::{Data, Disk};
use crate::ntfs::fixup;

/// What the log's restart pages say: `None` where there are none, as after formatting.
///
/// The newer of two pages holds. A log is finished where it has no client, or is marked as clean.
pub(crate) fn is_finished(disk: &Disk, log: &Data) -> Option<bool> {
    let first = page(disk, log, 0, None);
    let second = page(disk, log, first.map_or(PAGE, |page| page.size), first.map(|page| page.size));
    let newest = [first, second].into_iter().flatten().max_by_key(|page| page.newest)?;
    Some(newest.is_finished)
}

#[derive(Clone, Copy)]
struct Page {
    size: u64,
    /// The newest sequence number that it knows.
    newest: u64,
    is_finished: bool,
}

fn page(disk: &Disk, log: &Data, at: u64, size: Option<u64>) -> Option<Page> {
    let size = match size {
        Some(size) => size,
        None => {
            let mut head = [0; 32];
            (log.fill(disk, at, &mut head).ok()? == head.len()).then_some(())?;
            u64::from(le32(&head, 16)?)
        }
    };
    if !size.is_power_of_two() || !(512..=1 << 16).contains(&size) {
        return None;
    }
    let mut raw = vec![0; usize::try_from(size).ok()?];
    (log.fill(disk, at, &mut raw).ok()? == raw.len()).then_some(())?;
    fixup::restore(&mut raw, b"RSTR").ok()?;
    let area = raw.get(usize::from(le16(&raw, 24)?)..)?;
    let has_client = le16(area, 0x0C)? != NO_CLIENT;
    let is_clean = le16(area, 0x0E)? & 0x2 != 0;
    Some(Page { size, newest: le64(area, 0)?, is_finished: !has_client || is_clean })
}

const NO_CLIENT: u16 = 0xFFFF;
/// Where the second page stands if the first does not tell.
const PAGE: u64 = 4096;
