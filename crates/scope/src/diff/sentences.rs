//! The sentences of the plain-language form that differ.

use crate::policy::Policy;
use crate::render::{Language, render_in};

/// One place where the plain-language forms differ: the old sentences, and those in their stead.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Change {
    /// What the earlier one says.
    pub old: Vec<String>,
    /// What the later one says.
    pub new: Vec<String>,
}

/// Most pairs of sentences that are compared; longer forms differ as a whole between what is common at both ends.
const MAX_PAIRS: usize = 4_000_000;

pub(super) fn changes(before: &Policy, after: &Policy, language: Language) -> Vec<Change> {
    let (old, new) = (render_in(before, language), render_in(after, language));
    let (old, new) = (sentences(&old, before), sentences(&new, after));
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let (old, new) = (old.get(head..).unwrap_or_default(), new.get(head..).unwrap_or_default());
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    let old = old.get(..old.len().saturating_sub(tail)).unwrap_or_default();
    let new = new.get(..new.len().saturating_sub(tail)).unwrap_or_default();
    let owned = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
    if old.is_empty() && new.is_empty() {
        return Vec::new();
    }
    if old.len().saturating_mul(new.len()) > MAX_PAIRS {
        return vec![Change { old: owned(old), new: owned(new) }];
    }
    runs(old, new)
}

/// The lines that say something; the policy's id, which stands on every page, is left out.
fn sentences<'t>(text: &'t str, policy: &Policy) -> Vec<&'t str> {
    let id = policy.id().to_string();
    text.lines().filter(|line| !line.trim().is_empty() && !line.contains(&id)).collect()
}

/// Along a longest common subsequence.
fn runs(old: &[&str], new: &[&str]) -> Vec<Change> {
    let width = new.len().saturating_add(1);
    let mut longest = vec![0_u32; old.len().saturating_add(1).saturating_mul(width)];
    let at = |i: usize, j: usize| i.saturating_mul(width).saturating_add(j);
    let get = |table: &[u32], i: usize, j: usize| table.get(at(i, j)).copied().unwrap_or(0);
    for (i, a) in old.iter().enumerate().rev() {
        for (j, b) in new.iter().enumerate().rev() {
            let (down, right) = (i.saturating_add(1), j.saturating_add(1));
            let value = if a == b {
                get(&longest, down, right).saturating_add(1)
            } else {
                get(&longest, down, j).max(get(&longest, i, right))
            };
            if let Some(cell) = longest.get_mut(at(i, j)) {
                *cell = value;
            }
        }
    }
    let mut changes = Vec::new();
    let mut change = Change::default();
    let (mut i, mut j) = (0, 0);
    loop {
        match (old.get(i), new.get(j)) {
            (Some(a), Some(b)) if a == b => {
                if change != Change::default() {
                    changes.push(std::mem::take(&mut change));
                }
                (i, j) = (i.saturating_add(1), j.saturating_add(1));
            }
            (Some(a), b)
                if b.is_none()
                    || get(&longest, i.saturating_add(1), j) >= get(&longest, i, j.saturating_add(1)) =>
            {
                change.old.push((*a).to_owned());
                i = i.saturating_add(1);
            }
            (_, Some(b)) => {
                change.new.push((*b).to_owned());
                j = j.saturating_add(1);
            }
            _ => break,
        }
    }
    if change != Change::default() {
        changes.push(change);
    }
    changes
}
