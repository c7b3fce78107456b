//! The signed heads of a log, and whether anybody would believe the log as a whole.

use super::{Log, folder};
use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::sshsig::PublicKey;
use crate::trust::Trust;

impl Log {
    /// The last signed head that can be read, and what is wrong with any of them: each is signed by the log key, over a tree
    /// that is this log's.
    pub(crate) fn heads(&self, origin: &str, log_key: &[u8; 32]) -> (Option<Checkpoint>, Vec<String>) {
        let mut problems = Vec::new();
        let mut last = None;
        for (covers, bytes) in self.checkpoints() {
            let at = folder(covers.saturating_sub(1));
            let note = match SignedCheckpoint::parse(bytes) {
                Ok(note) => note,
                Err(e) => {
                    problems.push(format!("{at}/checkpoint: {e}"));
                    continue;
                }
            };
            if let Err(e) = note.verify(origin, log_key) {
                problems.push(format!("{at}/checkpoint: {e}"));
            }
            let head = note.checkpoint;
            if head.size != covers {
                problems
                    .push(format!("{at}/checkpoint: of {} entries, and lies with entry {covers}", head.size));
            }
            match self.head_at(head.size).and_then(|head| head.tree()) {
                Some(tree) if tree.root == head.root => {}
                Some(tree) => {
                    problems.push(format!("{at}/checkpoint: root {}, the log's is {}", head.root, tree.root))
                }
                None => {
                    problems.push(format!("{at}/checkpoint: the log has {} entries", self.entries.len()));
                }
            }
            last = Some(head);
        }
        (last, problems)
    }

    /// Why everybody who reads this log under this trust file would refuse it, one line each; empty for a log that holds.
    ///
    /// What is appended to a log that is refused is refused with it: ask before anything is.
    #[must_use]
    pub fn refused(&self, trust: &Trust) -> Vec<String> {
        let mut refused: Vec<String> = self.problems.iter().chain(&self.unfinished).cloned().collect();
        refused.extend(self.replay(trust).problems);
        if let PublicKey::Ed25519(log_key) = trust.log_key() {
            refused.extend(self.heads(trust.origin(), log_key).1);
        }
        refused
    }
}
