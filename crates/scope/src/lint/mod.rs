//! Lints: what a person should look at before signing; not errors.
//!
//! Implements `docs/spec/lints.md`. They stand in the rendering, so that whoever
//! signs has seen them.
//!
//! ```text
//! warning: rule I-1: `/home/ann/**` is never in scope: X-1 excludes all of it [dead-include]
//!  --> policy.toml:40:14
//!   |
//! 40 | path  = ["/home/ann/**"]
//!    |          ^^^^^^^^^^^^^^
//! hint: take the include out, or give the exclude an `unless` that fits it
//! ```

mod archives;
mod conditions;
mod fields;
mod kinds;
mod lists;
mod relations;
mod rules;
mod unused;

use std::cell::Cell;
use std::fmt;

use crate::glob::language::Budget;
use crate::glob::{Answer, Glob, covered_in, disjoint_in};
use crate::policy::{PathCase, Policy};
use crate::problem::Problem;

pub use kinds::{KINDS, LintKind};

/// Something in a policy that a person should look at; not an error.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lint {
    /// The kind of remark, one of [`KINDS`].
    pub id: &'static str,
    /// What it is about: `selector tenant-web`, `rule I-1`.
    pub about: String,
    /// The remark: what is so, and what follows from it.
    pub message: String,
    /// The same with its place in the file, and with what to do about it as the hint.
    pub problem: Problem,
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "warning: {}: {} [{}]", self.about, self.message, self.id)?;
        self.problem.fmt_place(f)
    }
}

/// Remarks on a policy, in a fixed order.
#[must_use]
pub fn lint(policy: &Policy) -> Vec<Lint> {
    let mut remarks = Remarks { policy, lints: Vec::new(), budget: Cell::new(Budget(MAX_WORK)) };
    unused::unused(&mut remarks);
    rules::rules(&mut remarks);
    conditions::selectors(&mut remarks);
    lists::keywords(&mut remarks);
    lists::unread_text(&mut remarks);
    fields::keys(&mut remarks);
    fields::fields(&mut remarks);
    fields::placeholders(&mut remarks);
    relations::relations(&mut remarks);
    archives::paths(&mut remarks);
    remarks.lints
}

/// The remarks found so far.
struct Remarks<'p> {
    policy: &'p Policy,
    lints: Vec<Lint>,
    /// What may still be spent on relations of globs.
    budget: Cell<Budget>,
}

impl Remarks<'_> {
    /// Whether two globs have no path in common, however names compare on the medium.
    fn apart(&self, a: &Glob, b: &Glob) -> bool {
        self.always(|folded, budget| disjoint_in(a, b, folded, budget).0)
    }

    /// Whether each path of a glob is one of the others', however names compare on the medium.
    fn within(&self, glob: &Glob, others: &[&Glob]) -> bool {
        !others.is_empty() && self.always(|folded, budget| covered_in(glob, others, folded, budget).0)
    }

    fn always(&self, ask: impl Fn(bool, &mut Budget) -> Answer) -> bool {
        let modes: &[bool] = match self.policy.defaults().path_case {
            PathCase::AsVolume => &[false, true],
            PathCase::Sensitive => &[false],
            PathCase::Insensitive => &[true],
        };
        let mut budget = self.budget.get();
        let holds = modes.iter().all(|folded| ask(*folded, &mut budget) == Answer::Yes);
        self.budget.set(budget);
        holds
    }

    /// Adds a remark. `place` is a path in the file: `selector.logs.path.3`.
    fn add(&mut self, id: &'static str, about: String, place: &str, message: impl Into<String>) {
        if self.lints.len() >= MAX_LINTS {
            return;
        }
        let message = message.into();
        let remedy = KINDS.iter().find(|kind| kind.id == id).map_or("", |kind| kind.remedy);
        let problem = self.policy.tree.places.problem(place, &message, remedy);
        self.lints.push(Lint { id, about, message, problem });
    }
}

/// Most places of automata that are looked at for the remarks on one policy, about a second: a policy may be an
/// enemy's, and remarks are made whenever it is shown. Beyond, relations of globs are not remarked upon.
const MAX_WORK: u64 = 10_000_000;

/// Most remarks on one policy: who has more reads the first of them first.
const MAX_LINTS: usize = 200;
