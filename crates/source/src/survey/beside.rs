//! A file system and a partition table at one place, of which neither shows that the other is what an earlier use left: how much of
//! each lies in the other.
//!
//! Implements `docs/spec/volumes.md`, "A file system beside a table".

use super::{Survey, shown};

impl Survey {
    /// Says of each such place what the file system beside the table counts where the partitions have their structures, and where its
    /// own stand.
    pub(super) fn lie_in_each_other(&mut self) {
        let told: Vec<String> = self.both.iter().flat_map(|place| self.of_place(place)).collect();
        self.limits.extend(told);
    }

    fn of_place(&self, place: &str) -> Vec<String> {
        let parts: Vec<_> = self.spans.iter().filter(|span| span.outer == place).collect();
        let theirs: Vec<u64> = parts
            .iter()
            .flat_map(|part| {
                let sources = self.sources.iter().filter(|source| source.info().place == part.place);
                let places = sources.flat_map(|source| source.structures());
                places.filter_map(|at| part.range.start.checked_add(at)).collect::<Vec<u64>>()
            })
            .collect();
        let beside = self.sources.iter().filter(|source| source.info().place == place);
        let told = beside.filter_map(|source| {
            let counted = |wanted| theirs.iter().filter(|at| source.uses(**at) == Some(wanted)).count();
            let (used, free) = (counted(true), counted(false));
            let own = source.structures();
            let within =
                own.iter().filter(|at| parts.iter().any(|part| part.range.contains(*at))).count();
            let shared = match used {
                0 => "no such place is of both, and nothing here shows which of the two was used last",
                _ => "so files of one hold bytes of the other: a disk that was kept in a file, or a file that was written over",
            };
            (used.saturating_add(free) > 0).then(|| {
                format!(
                    "{}: of {} places where structures of the file systems in its partitions stand, the {} beside the table counts \
                     {used} as in use and {free} as free; of {} places of its own, {within} lie in partitions; {shared}",
                    shown(place),
                    theirs.len(),
                    source.info().file_system,
                    own.len()
                )
            })
        });
        told.collect()
    }
}
