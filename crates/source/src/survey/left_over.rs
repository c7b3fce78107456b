//! The mark of a file system that a partition table came after: whoever divides a disk leaves most of sector 0 as it was.
//!
//! Implements `docs/spec/volumes.md`, "A mark that a table came after".

use std::sync::Arc;

use super::{Found, Survey, shown};
use crate::bytes::ByteSource;
use crate::file_system::{Kind, recognise};
use crate::probe::{self, Probe};
use crate::stack;
use crate::volumes::{VolumeMap, Window};

impl Survey {
    /// Whether the file system whose mark stands before a table is what an earlier use left, and says so where it is.
    ///
    /// Both have to speak against it: a table in whose partitions something known begins, and its own first structures, so that
    /// no program that uses it would have mounted it. A table alone can be planted before files.
    pub(super) fn is_left_over(&mut self, found: &Found, kind: &Kind, table: &VolumeMap) -> bool {
        let Some(why) = (kind.written_over)(&found.bytes) else { return false };
        let is_table = table.scheme == "mbr" || table.guid.is_some();
        if !is_table || !table.partitions.iter().any(|part| is_known(&found.bytes, part.start, part.length)) {
            return false;
        }
        self.limits.push(format!(
            "{}: the mark of {} in its first sector is left over from before the partition table: {why}, and in the table's \
             partitions stands what is known; what is left of it is not read, and identifies nothing",
            shown(&found.place),
            kind.name
        ));
        true
    }
}

/// Whether a partition begins with a file system that can be read, a member of a stack, or the mark of what is not read.
fn is_known(bytes: &Arc<dyn ByteSource>, start: u64, length: u64) -> bool {
    let part: Arc<dyn ByteSource> = Arc::new(Window::new(Arc::clone(bytes), start, length));
    let Ok(head) = probe::head(part.as_ref()) else { return false };
    match recognise(&head) {
        Some(kind) => super::copies::opened(kind, &part).is_some(),
        None if stack::is_member(part.as_ref(), false) => true,
        None => {
            matches!(probe::probe(part.as_ref()), Ok(Probe::Known(name, _)) if !matches!(name, probe::MBR | probe::GPT))
        }
    }
}
