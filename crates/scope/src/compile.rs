//! Compiled form.
use crate::policy::Tree;

#[derive(Debug)]
pub(crate) struct Compiled {}
impl Compiled {
    pub(crate) fn of(_tree: &Tree) -> Self {
        Self {}
    }
}
