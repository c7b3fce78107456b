//! Check `objects`: with a holder's key, every object of the sets that it opens.

use super::{Checked, Context, Stop};

/// What is said where no key was given.
const NO_KEY: &str = "contents of the captured parts, held parts and ledger: no key was given; a part may hold other \
                      things than its set should, until somebody who holds its key has checked it";

pub(crate) fn check(context: &mut Context<'_>) -> Checked {
    let _ = &context.options.identities;
    Err(Stop::NotChecked(NO_KEY.to_owned()))
}
