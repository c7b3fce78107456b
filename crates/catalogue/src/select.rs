//! Which definitions are meant.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::Catalogue;
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
    /// A name without its folders, which several have.
    #[error("`{name}` may be {}", all.join(" or "))]
    Several {
        /// The name.
        name: String,
        /// The names that it may stand for.
        all: Vec<String>,
    },
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

/// The definitions of these names, and of the groups among them. A definition that is called after its file may be
/// named without its folders, where only one has that name; KAPE takes no notice of case.
///
/// # Errors
///
/// [`SelectionError`] for a name that no definition has, or two.
pub fn select<'d>(all: &'d [Definition], names: &[String]) -> Result<Selection<'d>, SelectionError> {
    let index = Index::of(all)?;
    let mut selection = Selection { definitions: Vec::new(), refused: Vec::new() };
    let mut waiting: VecDeque<&'d Definition> = VecDeque::new();
    for name in names {
        match index.find(name).as_slice() {
            [own] => waiting.push_back(own),
            [] => return Err(SelectionError::Unknown(name.clone())),
            several => {
                let all = several.iter().map(|own| own.name.clone()).collect();
                return Err(SelectionError::Several { name: name.clone(), all });
            }
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
                let reason = match index.find(name).as_slice() {
                    [member] => {
                        waiting.push_back(member);
                        continue;
                    }
                    [] => Reason::Missing(name.clone()),
                    several => {
                        Reason::Several(name.clone(), several.iter().map(|own| own.name.clone()).collect())
                    }
                };
                selection.refused.push((&own.name, Refusal { what: "group".to_owned(), reason }));
            }
        }
    }
    Ok(selection)
}

/// Definitions by their names: whole, and without folders.
struct Index<'d> {
    whole: BTreeMap<&'d str, &'d Definition>,
    last: BTreeMap<String, Vec<&'d Definition>>,
}

impl<'d> Index<'d> {
    fn of(all: &'d [Definition]) -> Result<Self, SelectionError> {
        let mut index = Self { whole: BTreeMap::new(), last: BTreeMap::new() };
        for own in all {
            if let Some(first) = index.whole.insert(&own.name, own) {
                let (name, first, second) = (own.name.clone(), first.file.clone(), own.file.clone());
                return Err(SelectionError::Doubled { name, first, second });
            }
            let last = match own.catalogue {
                Catalogue::ForensicArtifacts => continue,
                Catalogue::Uac => last(&own.name).to_owned(),
                Catalogue::Kape => last(&own.name).to_lowercase(),
            };
            index.last.entry(last).or_default().push(own);
        }
        Ok(index)
    }

    fn find(&self, name: &str) -> Vec<&'d Definition> {
        if let Some(own) = self.whole.get(name) {
            return vec![own];
        }
        let all = self.last.get(name).into_iter().flatten();
        let folded = self.last.get(&name.to_lowercase()).into_iter().flatten();
        let folded = folded.filter(|own| own.catalogue == Catalogue::Kape);
        let mut found: Vec<&'d Definition> = Vec::new();
        for own in all.chain(folded) {
            if !found.iter().any(|other| std::ptr::eq(*other, *own)) {
                found.push(own);
            }
        }
        found
    }
}

fn last(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, last)| last)
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
