//! What a row of a manifest shows of its item.

use scope::facts::{Fact, Facts};

use super::HolderError;
use crate::commit::{Opening, OpeningError};
use crate::item::{Control, DecisionValue, NAMES_AT, ObjectValue, RecordError};

/// An opened item, as far as its reader may see it.
#[derive(Debug)]
pub(super) struct Seen {
    /// The facts, with the names that are open and a link count to match.
    pub(super) facts: Facts,
    /// How many names are closed.
    pub(super) hidden: usize,
    pub(super) decision: DecisionValue,
    pub(super) object: Option<ObjectValue>,
}

/// Reads what is open, and checks that nothing is closed but names, and the trits where a name is.
pub(super) fn see(control: &Control, opening: &Opening) -> Result<Seen, HolderError> {
    let cannot = |source: OpeningError| HolderError::Opening { control: control.clone(), source };
    let wrong = |what: &str| HolderError::Row { control: control.clone(), what: what.to_owned() };
    opening.locator().map_err(cannot)?;
    let leaves = opening.facts().map_err(cannot)?;
    let hidden = leaves.iter().filter(|fact| fact.is_none()).count();
    // Names follow the first four facts and are followed by others: what is closed elsewhere is not a name.
    let may_be_name = |fact: &Option<Fact>| matches!(fact, None | Some(Fact::Name(_)));
    let names = leaves.iter().skip(NAMES_AT).take_while(|fact| may_be_name(fact));
    if names.filter(|fact| fact.is_none()).count() != hidden {
        return Err(wrong("a fact is closed that is not a name"));
    }
    let open: Vec<Fact> = leaves.into_iter().flatten().collect();
    let mut facts =
        Facts::from_list(&open).map_err(|error| cannot(OpeningError::Record(RecordError::Facts(error))))?;
    if hidden > 0 {
        // The closed names are not missing from the medium, which would make what the open ones match unknown.
        facts.links = Some(u64::try_from(facts.names.len()).unwrap_or(u64::MAX));
    }
    let trits = opening.trits().map_err(cannot)?;
    if trits.is_some() != (hidden == 0) {
        return Err(wrong("the trits are open exactly where every name is"));
    }
    Ok(Seen {
        facts,
        hidden,
        decision: opening.decision().map_err(cannot)?,
        object: opening.object().map_err(cannot)?,
    })
}
