//! The scoping policy: what the order allows to be looked at and taken.
//!
//! This crate reads no files, asks no clock and draws no randomness. Callers
//! hand it bytes and facts; it hands back decisions.
//!
//! ```text
//! bundle (policy.toml and its lists)  ->  Policy::parse  ->  Policy
//! Policy + Facts of one item          ->  decide         ->  Step::Look(..) or Step::Decided(..)
//! Policy                              ->  render, lint
//! Policy + Policy                     ->  diff: whether the one is narrower
//! ```
//!
//! Start with [`Policy::parse`] (what the authority approves), [`decide`](decide())
//! (what becomes of an item), [`decide_from_metadata`] (how an auditor replays it).

mod artifact;
mod atom;
mod board;
pub mod bundle;
mod closed;
mod compile;
pub mod contribution;
mod dead_paths;
pub mod decide;
pub mod diff;
pub mod digest;
pub mod explain;
pub mod facts;
pub mod fold;
pub mod glob;
pub mod hash_list;
mod hours;
pub mod identity;
pub mod lint;
mod looks;
pub mod magic;
pub mod mail;
mod members;
pub mod name;
mod named_files;
pub mod outcome;
pub mod placeholder;
pub mod policy;
pub mod problem;
mod read;
pub mod render;
mod selector;
mod trit;

pub use artifact::Artifact;
pub use bundle::{Bundle, BundleFile};
pub use dead_paths::PathsMet;
pub use decide::{
    MissingLook, atoms, decide, decide_from_metadata, is_barred, may_be_barred, opens, visible_names,
};
pub use diff::{Difference, Verdict, diff, diff_in};
pub use digest::Digest;
pub use explain::{Explanation, explain, explain_visible};
pub use facts::{Facts, Look};
pub use hash_list::{HashList, ListBytes, ListFile};
pub use lint::{Lint, lint};
pub use members::{asks_for_end, opened_as};
pub use name::RawName;
pub use outcome::{Decision, Outcome, Step, Tier};
pub use policy::Policy;
pub use problem::{PolicyProblems, Problem};
pub use render::{Language, render, render_in};
