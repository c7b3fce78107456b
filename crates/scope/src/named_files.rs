//! Which list files a `policy.toml` names: what a reader of folders must put into the bundle.

use crate::bundle::{Bundle, is_file_name};

impl Bundle {
    /// The list files that the bundle's `policy.toml` names, sorted, none twice.
    ///
    /// Lenient: of a policy that cannot be read nothing is named, and [`crate::Policy::parse`] says what is
    /// wrong with it. A name that could not stand in a bundle is passed over here and refused there.
    #[must_use]
    pub fn named_files(&self) -> Vec<String> {
        let text =
            self.get(Self::POLICY).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
        let Ok(table) = text.parse::<toml::Table>() else {
            return Vec::new();
        };
        let lists = table.get("list").and_then(toml::Value::as_table);
        let mut names: Vec<String> = lists
            .into_iter()
            .flat_map(toml::Table::values)
            .filter_map(|list| list.get("file")?.as_str())
            .filter(|name| is_file_name(name) && *name != Self::POLICY)
            .map(str::to_owned)
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_kept_in_files_are_named_once() {
        let check = |toml: &str, expected: &[&str]| {
            let mut bundle = Bundle::new();
            bundle.insert(Bundle::POLICY, toml).expect("bundle");
            assert_eq!(bundle.named_files(), expected, "{toml}");
        };
        check(
            "[list.b]\nfile = 'b.txt'\n[list.a]\nfile = 'a.txt'\n[list.c]\nfile = 'a.txt'",
            &["a.txt", "b.txt"],
        );
        check("[list.a]\nfile = '../../etc/passwd'", &[]);
        check("[list.a]\nfile = 'policy.toml'", &[]);
        check("not toml", &[]);
    }
}
