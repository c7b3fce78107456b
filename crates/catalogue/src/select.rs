//! Which definitions are meant.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::definition::{Definition, Part, Reason, Refusal};

/// Definitions that were asked for, and those of their groups, each once.
#[derive(Debug)]
pub struct Selection<'d> {
    /// In the order in which they were asked for.
    pub definitions: Vec<&'d Definition>,
    /// What of them cannot be expressed: the definition's name, and what of it.
    pub refused: Vec<(&'d str, Refusal)>,
}

/// Why nothing is selected.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectionError {
    /// There is no such definition.
    #[error("none of the files has a definition `{0}`")]
    Unknown(String),
    /// Two definitions have the same name.
    #[error("two definitions are called `{name}`, in {first} and in {second}")]
    Doubled {
        /// Their name.
        name: String,
        /// The file of the one.
        first: String,
        /// The file of the other.
        second: String,
    },
}

/// The definitions of these names, and of the groups among them.
///
/// # Errors
///
/// [`SelectionError`] for a name that no definition has, or two.
pub fn select<'d>(all: &'d [Definition], names: &[String]) -> Result<Selection<'d>, SelectionError> {
    let mut by_name: BTreeMap<&str, &'d Definition> = BTreeMap::new();
    for own in all {
        if let Some(first) = by_name.insert(&own.name, own) {
            let (name, first, second) = (own.name.clone(), first.file.clone(), own.file.clone());
            return Err(SelectionError::Doubled { name, first, second });
        }
    }
    let mut selection = Selection { definitions: Vec::new(), refused: Vec::new() };
    let mut waiting: VecDeque<&'d Definition> = VecDeque::new();
    for name in names {
        match by_name.get(name.as_str()) {
            Some(own) => waiting.push_back(own),
            None => return Err(SelectionError::Unknown(name.clone())),
        }
    }
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    while let Some(own) = waiting.pop_front() {
        // A group may name itself through another.
        if !seen.insert(&own.name) {
            continue;
        }
        selection.definitions.push(own);
        selection.refused.extend(own.refusals().map(|refusal| (own.name.as_str(), refusal.clone())));
        for part in &own.parts {
            let Part::Group(names) = part else { continue };
            for name in names {
                match by_name.get(name.as_str()) {
                    Some(member) => waiting.push_back(member),
                    None => {
                        let reason = Reason::Missing(name.clone());
                        selection.refused.push((&own.name, Refusal { what: "group".to_owned(), reason }));
                    }
                }
            }
        }
    }
    Ok(selection)
}

/// Every definition.
///
/// # Errors
///
/// [`SelectionError::Doubled`].
pub fn select_all(all: &[Definition]) -> Result<Selection<'_>, SelectionError> {
    let names: Vec<String> = all.iter().map(|own| own.name.clone()).collect();
    select(all, &names)
}
