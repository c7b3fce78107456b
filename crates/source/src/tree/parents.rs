//! The directories through which items were opened last: most items lie in the same directory as the one before.
//!
//! A directory that is held open stays the same one, wherever it is moved to meanwhile. What is opened in it is compared with
//! what the walk saw of the item in any case.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::io::Result;

use super::beneath;

/// See the module's page.
#[derive(Default)]
pub(crate) struct Parents(Mutex<VecDeque<(Vec<u8>, Arc<OwnedFd>)>>);

impl Parents {
    /// The directory `path` beneath `root`, to pass through.
    ///
    /// # Errors
    ///
    /// As [`beneath::directory`].
    pub(crate) fn directory(&self, root: impl AsFd, path: &[u8]) -> Result<Arc<OwnedFd>> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, directory)) = held.iter().find(|(of, _)| of == path) {
            return Ok(Arc::clone(directory));
        }
        drop(held);
        let directory = Arc::new(beneath::directory(root, path)?);
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.truncate(MOST.saturating_sub(1));
        held.push_front((path.to_vec(), Arc::clone(&directory)));
        Ok(directory)
    }
}

/// Most directories held: some for each thread that reads, and few open files.
const MOST: usize = 16;
