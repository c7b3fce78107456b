//! Globs.

/// One glob.
#[derive(Clone, Debug)]
pub struct Glob {
    text: String,
}

impl Glob {
    /// The pattern as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}
