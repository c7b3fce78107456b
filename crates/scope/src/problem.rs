//! Problems of a policy: each with its place, the line, a caret and a hint.
//!
//! ```text
//! error: unknown selector `tenant-wbe`
//!   --> policy.toml:102:11
//!     |
//! 102 | any    = ["tenant-wbe", "tenant-db"]
//!     |           ^^^^^^^^^^^^
//! hint: did you mean `tenant-web`?
//! ```

use std::fmt;

/// One thing that is wrong with a policy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// The file of the bundle: `policy.toml` or a list.
    pub file: String,
    /// Line, from 1; 0 where the problem is of the whole file.
    pub line: usize,
    /// Column in characters, from 1; 0 where the problem is of the whole file.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// The line of the file, and below it a line with carets; empty where the problem is of the whole file.
    pub snippet: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Everything that is wrong with a policy, in the order of the file. Never empty.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PolicyProblems(pub Vec<Problem>);

impl std::error::Error for PolicyProblems {}

impl fmt::Display for PolicyProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.0 {
            writeln!(f, "{problem}")?;
        }
        let count = self.0.len();
        write!(f, "{count} problem{} in the policy", if count == 1 { "" } else { "s" })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.message)?;
        self.fmt_place(f)
    }
}

impl Problem {
    /// The place, the line with its caret, and the hint.
    pub(crate) fn fmt_place(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            writeln!(f, "  --> {}", self.file)?;
        } else {
            let width = self.line.to_string().len();
            writeln!(f, "{:width$}--> {}:{}:{}", "", self.file, self.line, self.column)?;
            if self.snippet.is_empty() {
                return self.fmt_hint(f);
            }
            writeln!(f, "{:width$} |", "")?;
            let mut lines = self.snippet.lines();
            writeln!(f, "{} | {}", self.line, lines.next().unwrap_or_default())?;
            writeln!(f, "{:width$} | {}", "", lines.next().unwrap_or_default())?;
        }
        self.fmt_hint(f)
    }

    fn fmt_hint(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hint.iter().try_for_each(|hint| writeln!(f, "hint: {hint}"))
    }
}
