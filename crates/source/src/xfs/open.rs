//! Which superblock is believed: the first, or where it is damaged, a copy.

use std::sync::Arc;

use crate::bytes::{ByteSource, length};
use crate::walk::SourceError;
use crate::xfs::superblock::{Superblock, corrupt, is_xfs};

/// A superblock, and what must be said of it.
pub(crate) struct Found {
    pub(crate) sb: Superblock,
    /// Whether it is the first one, whose counters Linux keeps.
    pub(crate) is_first: bool,
    pub(crate) limits: Vec<String>,
}

/// Reads the superblock. Each allocation group begins with one; the others are copies from when the volume was made or grown.
///
/// # Errors
///
/// [`SourceError`] where no superblock can be read, or uses a feature that is not read, by name.
pub(crate) fn superblock(bytes: &Arc<dyn ByteSource>) -> Result<Found, SourceError> {
    let first = read(bytes.as_ref(), 0);
    if let Ok(sb) = &first
        && sb.checksum_fits
        && sb.root.is_some()
    {
        return Ok(Found { sb: sb.clone(), is_first: true, limits: sb.limits() });
    }
    match (copy(bytes.as_ref()), first) {
        (Some((group, sb)), _) => {
            let mut limits = sb.limits();
            limits.push(format!(
                "the first superblock is damaged; the copy of group {group} is used, which does not know the newest counters"
            ));
            Ok(Found { sb, is_first: false, limits })
        }
        // No better one: it is used as it is, and its limits say so.
        (None, Ok(sb)) if sb.root.is_some() => {
            let limits = sb.limits();
            Ok(Found { sb, is_first: true, limits })
        }
        (None, Ok(_)) => Err(corrupt("the superblock does not know the root directory")),
        (None, Err(error)) => Err(error),
    }
}

fn read(bytes: &dyn ByteSource, at: u64) -> Result<Superblock, SourceError> {
    let mut raw = vec![0; MAX_SECTOR];
    let count = bytes.read_at(at, &mut raw)?;
    raw.truncate(count);
    Superblock::parse(&raw)
}

/// What shows that the first sector was written to after the file system was made.
pub(crate) fn written_over(bytes: &Arc<dyn ByteSource>) -> Option<&'static str> {
    let sb = read(bytes.as_ref(), 0).ok()?;
    let mut mark = [0; 4];
    bytes.read_exact_at(sb.sector_size.into(), &mut mark).ok()?;
    match sb.checksum_fits {
        false => Some("the checksum of its superblock does not fit"),
        true if &mark != b"XAGF" => Some("the header of its first group is not there"),
        true => None,
    }
}

/// Where a copy stands by which the volume can be read, found at the likely places alone.
pub(crate) fn likely_copy(bytes: &Arc<dyn ByteSource>) -> Option<u64> {
    let bytes = bytes.as_ref();
    let (_, sb) = likely(bytes).into_iter().find_map(|at| copy_at(bytes, at))?;
    let (group, sb) = with_root(bytes, &sb)?;
    u64::from(sb.group_blocks).checked_mul(sb.block_size.into())?.checked_mul(group)
}

/// A copy that fits the place at which it stands, and the group that it begins.
fn copy(bytes: &dyn ByteSource) -> Option<(u64, Superblock)> {
    let (_, sb) = likely(bytes).into_iter().find_map(|at| copy_at(bytes, at)).or_else(|| search(bytes))?;
    with_root(bytes, &sb)
}

/// A copy of the same volume as `sb` that knows the root directory, and the group that it begins.
fn with_root(bytes: &dyn ByteSource, sb: &Superblock) -> Option<(u64, Superblock)> {
    // Only some copies know the root directory: the last group's, and the middle one's.
    let size = u64::from(sb.group_blocks).saturating_mul(sb.block_size.into());
    let groups = u64::from(sb.groups);
    [groups.saturating_sub(1), groups >> 1, 1].into_iter().find_map(|group| {
        let (group, other) = copy_at(bytes, size.checked_mul(group).filter(|at| *at != 0)?)?;
        (other.root.is_some() && other.is_same_layout(sb)).then_some((group, other))
    })
}

/// Where a second group begins on most volumes: by what mkfs makes of a size, and by what the first superblock still says.
fn likely(bytes: &dyn ByteSource) -> Vec<u64> {
    let mut places = Vec::new();
    let mut raw = [0; 512];
    if bytes.read_exact_at(0, &mut raw).is_ok() {
        let field = |at| crate::field::be32(&raw, at).map_or(0, u64::from);
        places.push(field(4).saturating_mul(field(84)));
    }
    for groups in GROUPS {
        for block_size in [4096, 1024] {
            let blocks = bytes.len().checked_div(block_size).unwrap_or(0);
            places.push(blocks.div_ceil(groups).saturating_mul(block_size));
            places.push(blocks.checked_div(groups).unwrap_or(0).saturating_mul(block_size));
        }
    }
    places.push(1 << 40); // the largest group there is
    places.retain(|at| *at != 0 && *at < bytes.len());
    places
}

/// Reads the beginning of the volume for a copy.
fn search(bytes: &dyn ByteSource) -> Option<(u64, Superblock)> {
    let mut buf = vec![0; CHUNK];
    let mut at = 0;
    while at < bytes.len().min(MAX_SEARCH) {
        // What cannot be read is no superblock.
        let count = bytes.read_at(at, &mut buf).unwrap_or(0);
        for (index, sector) in buf.get(..count).unwrap_or_default().chunks(512).enumerate() {
            let place = at.saturating_add(length(index).saturating_mul(512));
            if place != 0
                && is_xfs(sector)
                && let Some(found) = copy_at(bytes, place)
            {
                return Some(found);
            }
        }
        at = at.saturating_add(length(CHUNK));
    }
    None
}

/// The copy at `at`, if the group that it begins is said to begin there: an image inside a file does not say so.
fn copy_at(bytes: &dyn ByteSource, at: u64) -> Option<(u64, Superblock)> {
    let sb = read(bytes, at).ok().filter(|sb| sb.checksum_fits)?;
    let size = u64::from(sb.group_blocks).checked_mul(sb.block_size.into())?;
    let group = at.checked_div(size)?;
    let fits = group != 0 && group < sb.groups.into() && size.checked_mul(group) == Some(at);
    fits.then_some((group, sb))
}

/// How many groups mkfs makes, most often first.
const GROUPS: [u64; 10] = [4, 2, 3, 8, 16, 32, 6, 12, 24, 64];
/// Largest sector: the format's own limit.
const MAX_SECTOR: usize = 32 << 10;
const CHUNK: usize = 1 << 20;
/// How far a copy is searched for, where it does not stand at a likely place: some seconds of reading.
const MAX_SEARCH: u64 = 4 << 30;
