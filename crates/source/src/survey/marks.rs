//! What must not vanish beside what is read: marks of what is known and not read, and what partitions share.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::{Found, Span, Survey, join, shown};
use crate::medium::{LayerState, UnreadVolume};
use crate::probe;
use crate::volumes::Window;
use crate::walk::SourceError;

/// A mark of what is known and not read, on a piece that also holds something else.
pub(super) struct Mark {
    found: Found,
    what: &'static str,
    next: &'static str,
}

impl Mark {
    pub(super) fn new(found: &Found, what: &'static str, next: &'static str) -> Self {
        Self { found: found.clone(), what, next }
    }
}

impl Survey {
    /// The marks on a piece of what is none of `file_systems`, and no member of a stack where the piece is one.
    pub(super) fn other_marks<'a>(
        &self,
        found: &Found,
        is_member: bool,
        file_systems: impl Iterator<Item = &'a &'a str> + Clone,
    ) -> Result<Vec<(&'static str, &'static str)>, SourceError> {
        let mut marks = probe::marks(found.bytes.as_ref())?;
        marks.retain(|(mark, _)| {
            let of_member = is_member && probe::is_of_member(mark);
            !of_member && !file_systems.clone().any(|name| probe::is_name_of(mark, name))
        });
        Ok(marks)
    }

    /// Whether the volume at a place can be preserved already.
    pub(super) fn is_unread(&self, place: &str) -> bool {
        self.unread.iter().any(|volume| volume.place == place)
    }

    /// Names the marks, once it is known what is read: where nothing of it is, the piece can be preserved.
    pub(super) fn name_marks(&mut self) {
        let carrying = self.carrying();
        for Mark { found, what, next } in std::mem::take(&mut self.marks) {
            let place = shown(&found.place);
            if carrying.contains(&found.place) {
                self.limits.push(format!(
                    "{place} also bears the mark of {what}, of which no file is read; since it carries what is \
                     read, it is not preserved whole"
                ));
                continue;
            }
            self.limits.push(format!("{place} also bears the mark of {what}, of which no file is read"));
            if !self.is_unread(&found.place) {
                self.not_read(&found, what, next.to_owned());
            }
        }
    }

    /// The places of what is read, of what that lies in, and of what it is made of.
    pub(super) fn carrying(&self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        let mut next: Vec<String> = self.sources.iter().map(|source| source.info().place.clone()).collect();
        while let Some(place) = next.pop() {
            if all.contains(&place) {
                continue;
            }
            next.extend(self.made_of.get(&place).into_iter().flatten().cloned());
            match place.rsplit_once('/') {
                Some((outer, _)) => next.push(outer.to_owned()),
                None if self.made_of.contains_key(&place) => {}
                None => next.push(String::new()),
            }
            all.insert(place);
        }
        all
    }

    /// A partition or a gap that overlaps a partition, or the data of an array or a logical volume, that carries what is
    /// read is not preserved with the other's bytes: what is left of it becomes volumes of its own.
    pub(super) fn part_what_overlaps(&mut self) {
        let carrying = self.carrying();
        let spans = std::mem::take(&mut self.spans);
        let mut within: BTreeMap<&str, Vec<&Span>> = BTreeMap::new();
        for span in spans.iter().filter(|span| carrying.contains(&span.place)) {
            within.entry(&span.outer).or_default().push(span);
        }
        for span in &spans {
            if !self.is_unread(&span.place) || carrying.contains(&span.place) {
                continue;
            }
            let others = within.get(span.outer.as_str()).into_iter().flatten().copied().filter(|other| {
                other.place != span.place
                    && other.range.start < span.range.end
                    && span.range.start < other.range.end
            });
            let others: Vec<&Span> = others.collect();
            if !others.is_empty() {
                self.part(span, &others);
            }
        }
    }

    fn part(&mut self, span: &Span, others: &[&Span]) {
        let mut what = String::new();
        self.unread.retain(|volume| {
            let is_it = volume.place == span.place;
            if is_it {
                what.clone_from(&volume.what);
            }
            !is_it
        });
        let at = self.layers.iter().position(|layer| layer.place == span.place);
        for layer in self.layers.iter_mut().filter(|layer| layer.place == span.place) {
            layer.state = LayerState::Divided;
        }
        let names: Vec<&str> = others.iter().map(|other| other.place.as_str()).collect();
        self.limits.push(format!(
            "{} overlaps {}, of which files are read: it is not preserved whole, only what is not shared",
            span.place,
            names.join(", ")
        ));
        let mut shared: Vec<Range<u64>> = others.iter().map(|other| other.range.clone()).collect();
        shared.sort_by_key(|range| range.start);
        shared.push(span.range.end..span.range.end);
        let (mut from, mut at) = (span.range.start, at.map_or(self.layers.len(), |at| at.saturating_add(1)));
        for Range { start, end } in shared {
            let until = start.min(span.range.end);
            if from < until {
                let first = from.saturating_sub(span.range.start);
                let bytes = Window::new(Arc::clone(&span.bytes), first, until.saturating_sub(from));
                let volume = UnreadVolume {
                    place: join(&span.place, &format!("rest:{first}")),
                    what: format!("a part of {what}"),
                    ids: Vec::new(),
                    bytes: Arc::new(bytes),
                };
                self.layers
                    .insert(at, super::rest_layer(&volume, first, LayerState::Unread(PARTED.to_owned())));
                self.unread.push(volume);
                at = at.saturating_add(1);
            }
            from = from.max(end);
        }
    }
}

/// Why a part of a partition is not read.
const PARTED: &str = "the partition that it is of overlaps one of which files are read";
