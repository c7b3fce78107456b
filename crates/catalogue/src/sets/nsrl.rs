//! The Reference Data Set of the National Software Reference Library, version 3.

use std::io;

use scope::{Digest, ListBytes};

use super::sqlite::{Database, SqliteError, Value};
use super::{SetError, digest};

const TABLE: &str = "FILE";
const COLUMN: &str = "sha256";
const VERSION: &str = "VERSION";
/// version, build_set, build_date, release_date, description.
const VERSION_COLUMNS: usize = 5;
const DELTA: &[u8] = b"delta";
/// Longest text shown of it, in characters.
const MAX_SHOWN: usize = 100;

pub(super) fn digests(
    bytes: &dyn ListBytes,
    take: &mut dyn FnMut(Digest) -> io::Result<()>,
) -> Result<u64, SetError> {
    let database = Database::open(bytes)?;
    let unsupported = |what: String| SqliteError::Unsupported(what);
    let (root, sql) = database
        .table(TABLE)?
        .ok_or_else(|| unsupported(format!("it has no table {TABLE}: it is no RDS of version 3")))?;
    if sql.to_ascii_uppercase().contains("WITHOUT ROWID") {
        return Err(
            unsupported(format!("its table {TABLE} is kept without row ids, which is not read")).into()
        );
    }
    let column =
        column(&sql).ok_or_else(|| unsupported(format!("its table {TABLE} has no column {COLUMN}")))?;
    let Some(versions) = versions(&database)? else {
        return Err(unsupported(format!(
            "it has no table {VERSION}, or an empty one, so that it cannot be told whether it is a whole set or a delta; get it \
             anew, or give its digests as text"
        ))
        .into());
    };
    if let Some(version) = versions.delta {
        return Err(unsupported(format!(
            "its table {VERSION} says `{version}`: a delta has what changed since another set, and is not the set; take the \
             full one"
        ))
        .into());
    }
    let mut row = 0_u64;
    let mut bad = false;
    let found = database.rows(root, column.saturating_add(1), &mut |values| {
        row = row.saturating_add(1);
        match values.get(column) {
            Some(Value::Text(text)) if let Some(digest) = digest(text) => Ok(take(digest)?),
            _ => {
                bad = true;
                Err(unsupported("a row".to_owned()))
            }
        }
    });
    if bad {
        return Err(SetError::Row { row });
    }
    found?;
    Ok(row)
}

/// What the table VERSION says.
struct Versions {
    /// The text that says that this is a delta.
    delta: Option<String>,
}

/// The table VERSION; `None` where it is not there, or has no row.
fn versions(database: &Database<'_>) -> Result<Option<Versions>, SqliteError> {
    let Some((root, _)) = database.table(VERSION)? else { return Ok(None) };
    let (mut delta, mut rows) = (None, 0_u64);
    database.rows(root, VERSION_COLUMNS, &mut |values| {
        rows = rows.saturating_add(1);
        for value in values {
            if let Value::Text(text) = value
                && text.to_ascii_lowercase().windows(DELTA.len()).any(|word| word == DELTA)
            {
                let shown: String =
                    String::from_utf8_lossy(text).chars().filter(|c| !c.is_control()).collect();
                delta.get_or_insert(shown.chars().take(MAX_SHOWN).collect());
            }
        }
        Ok(())
    })?;
    Ok((rows > 0).then_some(Versions { delta }))
}

/// Which column of a CREATE statement it is, from 0.
fn column(sql: &str) -> Option<usize> {
    let (_, columns) = sql.split_once('(')?;
    let (mut depth, mut at, mut word) = (0_usize, 0_usize, String::new());
    let is_it = |word: &str| {
        let name = word.split_whitespace().next().unwrap_or_default();
        name.trim_matches(['"', '`', '[', ']', '\'']).eq_ignore_ascii_case(COLUMN)
    };
    for c in columns.chars() {
        match c {
            '(' => depth = depth.saturating_add(1),
            ')' if depth == 0 => break,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                if is_it(&word) {
                    return Some(at);
                }
                at = at.saturating_add(1);
                word.clear();
            }
            c => word.push(c),
        }
    }
    is_it(&word).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::column;

    #[test]
    fn the_column_is_found_by_name() {
        assert_eq!(column("CREATE TABLE FILE (sha256 VARCHAR NOT NULL, sha1 VARCHAR)"), Some(0));
        assert_eq!(column("CREATE TABLE FILE(a DECIMAL(1,2), \"SHA256\" TEXT)"), Some(1));
        assert_eq!(column("CREATE TABLE FILE(a, PRIMARY KEY (sha256, a))"), None);
    }
}
