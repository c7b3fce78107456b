//! The value of an attribute: in the record or in runs of clusters, read by position.

use std::sync::Arc;

use crate::bytes::{ByteSource, length};
use crate::ntfs::boot::Boot;
use crate::ntfs::corrupt;
use crate::ntfs::record::{Attribute, Mapped, Record, Value};
use crate::ntfs::runs::{MAX_CLUSTERS, Run, decode};
use crate::walk::{SourceError, stated};

/// The clusters of a volume.
pub(crate) struct Disk {
    pub(crate) bytes: Arc<dyn ByteSource>,
    pub(crate) boot: Boot,
}

impl Disk {
    /// Fills `buf` from cluster `cluster` on, `skip` bytes into it.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where the clusters are outside the volume or cannot be read.
    pub(crate) fn read(&self, cluster: u64, skip: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        let at = cluster.checked_mul(self.boot.cluster).and_then(|at| at.checked_add(skip));
        let end = at.and_then(|at| at.checked_add(length(buf.len())));
        match at.filter(|_| end.is_some_and(|end| end <= self.boot.length())) {
            Some(at) => Ok(self.bytes.read_exact_at(at, buf)?),
            None => Err(corrupt("a cluster number beyond the end of the volume")),
        }
    }
}

/// An attribute's value.
#[derive(Debug)]
pub(crate) struct Data {
    /// Length in bytes.
    pub(crate) size: u64,
    /// Bytes that were ever written; what follows reads as zeros.
    pub(crate) valid: u64,
    pub(crate) form: Form,
}

/// Where a value stands.
#[derive(Debug)]
pub(crate) enum Form {
    /// In the record.
    Resident(Vec<u8>),
    /// In clusters.
    Clusters {
        runs: Vec<Run>,
        /// Whether runs without clusters are holes, and not damage.
        holes: bool,
        /// Clusters in a compression unit; `None` where the value is not compressed.
        unit: Option<u64>,
    },
}

impl Data {
    /// The value that begins with `attribute`; [`Data::extend`] adds its further parts.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where it is encrypted, compressed in an unknown way, or damaged.
    pub(crate) fn first(disk: &Disk, record: &Record, attribute: &Attribute) -> Result<Self, SourceError> {
        if attribute.is_encrypted() {
            return Err(SourceError::NoContent("encrypted by the file system (EFS)".into()));
        }
        let Value::Mapped(mapped) = &attribute.value else {
            let value = record.resident(attribute).unwrap_or_default().to_vec();
            let size = length(value.len());
            return Ok(Self { size, valid: size, form: Form::Resident(value) });
        };
        let size = sound_size(&disk.boot, attribute)
            .ok_or_else(|| corrupt("an attribute states a size that its clusters cannot have"))?;
        let unit = match attribute.compression() {
            0 => None,
            1 => Some(unit(disk, mapped)?),
            _ => return Err(SourceError::NoContent("compressed in a way that is not known".into())),
        };
        let holes = attribute.is_sparse() || unit.is_some();
        let form = Form::Clusters { runs: Vec::new(), holes, unit };
        let mut data = Self { size, valid: mapped.valid.min(size), form };
        data.extend(disk, record, mapped)?;
        Ok(data)
    }

    /// Adds a part of the value.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where it does not follow on the parts before.
    pub(crate) fn extend(&mut self, disk: &Disk, record: &Record, part: &Mapped) -> Result<(), SourceError> {
        let Form::Clusters { runs, .. } = &mut self.form else {
            return Err(corrupt("a value stands in the record and in clusters"));
        };
        if part.first != runs.last().map_or(0, Run::end) {
            return Err(corrupt("a part of a value is missing, or there twice"));
        }
        let end = decode(record.runs(part), part.first, disk.boot.clusters, runs)?;
        // Old writers leave the last cluster of a single part at 0.
        let is_single = part.first == 0 && part.last == 0;
        if !is_single && part.last.wrapping_add(1) != end {
            return Err(corrupt("a run list ends elsewhere than its attribute states"));
        }
        Ok(())
    }

    /// Bytes that the run lists reach.
    pub(crate) fn mapped(&self, disk: &Disk) -> u64 {
        match &self.form {
            Form::Resident(value) => length(value.len()),
            Form::Clusters { runs, .. } => runs.last().map_or(0, Run::end).saturating_mul(disk.boot.cluster),
        }
    }

    /// Where on the volume the byte `offset` stands, where it is in clusters.
    pub(crate) fn place(&self, disk: &Disk, offset: u64) -> Option<u64> {
        let Form::Clusters { runs, .. } = &self.form else { return None };
        let cluster = disk.boot.cluster;
        let run = run_at(runs, offset.checked_div(cluster)?)?;
        let within = offset.checked_sub(run.first.checked_mul(cluster)?)?;
        run.start?.checked_mul(cluster)?.checked_add(within)
    }

    /// Fills as much of `buf` from `offset` as one run holds. Returns the number of bytes, 0 only at the end.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where the bytes cannot be read, or the value is compressed.
    pub(crate) fn read(&self, disk: &Disk, offset: u64, buf: &mut [u8]) -> Result<usize, SourceError> {
        let left = self.size.saturating_sub(offset);
        let buf = head(buf, left);
        if buf.is_empty() {
            return Ok(0);
        }
        let (runs, holes) = match &self.form {
            Form::Resident(value) => {
                let from = usize::try_from(offset).ok().and_then(|at| value.get(at..)).unwrap_or_default();
                for (to, from) in buf.iter_mut().zip(from) {
                    *to = *from;
                }
                return Ok(buf.len().min(from.len()));
            }
            Form::Clusters { unit: Some(_), .. } => {
                return Err(corrupt("a compressed value read as a plain one"));
            }
            Form::Clusters { runs, holes, .. } => (runs, *holes),
        };
        if offset >= self.valid {
            buf.fill(0);
            return Ok(buf.len());
        }
        let buf = head(buf, self.valid.saturating_sub(offset));
        let cluster = disk.boot.cluster;
        let number = offset.checked_div(cluster).unwrap_or(0);
        let run = run_at(runs, number).ok_or_else(|| corrupt("a run list ends before its value"))?;
        let within = offset.saturating_sub(run.first.saturating_mul(cluster));
        let room = run.clusters.saturating_mul(cluster).saturating_sub(within);
        let buf = head(buf, room);
        match run.start {
            Some(start) => disk.read(start, within, buf)?,
            None if holes => buf.fill(0),
            None => return Err(corrupt("a hole in a value that is not marked as sparse")),
        }
        Ok(buf.len())
    }

    /// Fills all of `buf` from `offset`, or as much as there is before the value ends. Returns the number of bytes.
    ///
    /// # Errors
    ///
    /// As [`Data::read`].
    pub(crate) fn fill(&self, disk: &Disk, offset: u64, buf: &mut [u8]) -> Result<usize, SourceError> {
        let mut done = 0;
        loop {
            let rest = buf.get_mut(done..).unwrap_or_default();
            match self.read(disk, offset.saturating_add(length(done)), rest)? {
                0 => return Ok(done),
                count => done = done.saturating_add(count),
            }
        }
    }

    /// The whole of a value that is kept in memory.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where it is longer than `limit`, or as [`Data::read`].
    pub(crate) fn whole(&self, disk: &Disk, limit: u64) -> Result<Vec<u8>, SourceError> {
        if self.size > limit {
            return Err(corrupt("a value is longer than its kind allows"));
        }
        let mut value = vec![0; usize::try_from(self.size).map_err(|_| corrupt("longer than memory"))?];
        let count = self.fill(disk, 0, &mut value)?;
        if count == value.len() { Ok(value) } else { Err(corrupt("a value ends before its size")) }
    }
}

/// The size of a value, unless its clusters cannot have it or a record cannot state it: then it is damage, and
/// nothing may be read or allotted by it.
pub(crate) fn sound_size(boot: &Boot, attribute: &Attribute) -> Option<u64> {
    match &attribute.value {
        Value::Resident(range) => Some(length(range.len())),
        Value::Mapped(mapped) => stated(mapped.size).filter(|size| {
            *size <= mapped.spanned && mapped.spanned <= MAX_CLUSTERS.saturating_mul(boot.cluster)
        }),
    }
}

/// The run that holds the value's cluster `number`.
pub(crate) fn run_at(runs: &[Run], number: u64) -> Option<&Run> {
    let after = runs.partition_point(|run| run.first <= number);
    runs.get(after.checked_sub(1)?).filter(|run| number < run.end())
}

/// The first `length` bytes of `buf`, or all of it.
pub(crate) fn head(buf: &mut [u8], length: u64) -> &mut [u8] {
    let end = usize::try_from(length).unwrap_or(usize::MAX).min(buf.len());
    buf.get_mut(..end).unwrap_or_default()
}

fn unit(disk: &Disk, mapped: &Mapped) -> Result<u64, SourceError> {
    let unit = 1_u64.checked_shl(mapped.unit.into()).filter(|unit| *unit > 1);
    let fits = |unit: &u64| unit.checked_mul(disk.boot.cluster).is_some_and(|bytes| bytes <= MAX_UNIT);
    unit.filter(fits).ok_or_else(|| corrupt("a compression unit of a length that cannot be"))
}

/// Longest compression unit: 16 clusters, and Windows compresses clusters up to 4 KiB. Larger ones were never written,
/// but cost nothing up to here.
const MAX_UNIT: u64 = 1 << 20;
