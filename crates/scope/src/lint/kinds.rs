//! The kinds of remarks, each with what to do about it.

/// One kind of remark.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LintKind {
    /// Its stable id.
    pub id: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

const fn kind(id: &'static str, meaning: &'static str, remedy: &'static str) -> LintKind {
    LintKind { id, meaning, remedy }
}

/// All kinds, by id.
pub const KINDS: [LintKind; 39] = [
    kind(
        "any-folder",
        "a path glob begins with `/**`: it matches in any folder of the medium",
        "begin it with the folder that the order names, or have the whole medium approved",
    ),
    kind(
        "archive-alone",
        "an include asks for the digest, type or name of an archive, and archives are opened: a file in it is taken only where an include fits that file",
        "include by the place of the archives, which is the place of their files, too, or leave the form out of `target.containers.open`",
    ),
    kind(
        "archive-path",
        "a path goes into an archive, and nothing can come of it: no include reaches the archive, its form is not opened, it lies too deep, or a `!/` is missing",
        "include the archive's own path, too; open its form in `target.containers`; write one `!/` for each archive on the way, of a `.tar.gz` two",
    ),
    kind(
        "closed-include",
        "what an include means lies below a closed folder, so the walk never gets there",
        "take the folder out of `target.closed`, or the glob out of the selector",
    ),
    kind(
        "court-key",
        "the case team has a key of the court, which opens the ledger",
        "give the case team and the court keys of their own",
    ),
    kind(
        "dead-include",
        "all of a glob of an include is excluded, and no `unless` can rescue it",
        "take the glob or the exclude out, or give the exclude an `unless` that fits it",
    ),
    kind(
        "duplicate-rule",
        "two rules have the same effect and the same selectors",
        "keep one of them, with both grounds in its `basis`",
    ),
    kind("execute-after-review", "`execute_by` is later than `review_by`", "correct the two dates"),
    kind(
        "folded-duplicate",
        "two keywords of a list are the same once folded, and count as two",
        "keep one of them: `at_least` counts terms",
    ),
    kind(
        "hash-exclude",
        "a rule excludes by digest alone: lists of known files hold tools and unwanted software, too",
        "use the list to narrow an include, or name the place of what is excluded",
    ),
    kind(
        "idle-hold",
        "a hold or withhold lies apart from every include, so only a second name of a file can fall under it",
        "widen the include, or take the rule out",
    ),
    kind(
        "idle-unless",
        "an `unless` lies apart from what its rule means, so it rescues nothing",
        "correct the globs of the one or the other",
    ),
    kind(
        "kept-forever",
        "facts of what was left are kept, and `until` says no end",
        "name a date or an event in `record.until`, or keep `counts`",
    ),
    kind(
        "late-window",
        "a window begins after the last day of copying: nothing on the medium can be in it",
        "correct the window or `execute_by`",
    ),
    kind(
        "literal-keyword",
        "a keyword has a `*` or an invisible character, and is searched for as it is written",
        "write what the text has; a keyword is found inside of words, too",
    ),
    kind(
        "mailbox-whole",
        "an include takes a whole mailbox for one message that fits",
        "ask for every message with `messages = \"all\"`, hold such files for segregation, or have the order say that the whole mailbox is taken",
    ),
    kind(
        "never-true",
        "the conditions of a selector contradict each other: it selects nothing",
        "correct the selector: all of its fields must hold",
    ),
    kind(
        "nobodys-key",
        "a recipient is the placeholder of an imported draft, of whom nobody has the key",
        "take the public keys of the people who are to open it",
    ),
    kind(
        "nothing-included",
        "no rule includes anything: every item is left",
        "add a rule with effect = \"include\"",
    ),
    kind(
        "one-spelling",
        "a keyword has a letter with a mark, in one of its two spellings; searching does not equate them",
        "list the term in the other Unicode form, too",
    ),
    kind(
        "overlap",
        "two compartments hold some of the same paths; the first of them gets the items",
        "make the globs apart, or have the order of the compartments approved",
    ),
    kind(
        "placeholder",
        "an imported draft was not filled in: a text says so, or a date lies in 1970",
        "write what the order says",
    ),
    kind(
        "privileged-names",
        "a withhold on a ground of privilege shows names to the case team",
        "add a `hold` with the same selectors: then the names go to its compartment alone",
    ),
    kind(
        "redundant-glob",
        "a glob lies within another one of the same list",
        "take it out, or narrow the other",
    ),
    kind(
        "rooted-path",
        "archives are opened, and an exclude, withhold or hold by paths from the root of a volume does not reach the same paths in an archive",
        "write the paths in archives, too, as `/**/*!/home/anna/**`",
    ),
    kind(
        "shadowed-hold",
        "all that a hold means is held for an earlier compartment",
        "put the compartment first, or take the rule out",
    ),
    kind(
        "shared-identity",
        "two media have an identity in common; neither is known by it",
        "give each an identity that is its own",
    ),
    kind(
        "shared-key",
        "the case team has a key of a compartment, or of the auditor",
        "give each compartment and the auditor keys of their own",
    ),
    kind(
        "short-keyword",
        "a keyword has fewer than 4 characters and hits by chance",
        "lengthen it, or ask for several terms with `at_least`",
    ),
    kind(
        "short-name",
        "a glob has the form of a short (8.3) name; only long names are compared",
        "write the long name",
    ),
    kind(
        "unlimited",
        "an include has neither place, period, owner nor digest",
        "add a selector by `path`, `time`, `owner` or `hash_in` to `all`",
    ),
    kind(
        "unnamed-version",
        "a version after the first does not say which policy it takes the place of",
        "give `supersedes` the policy id of the version before",
    ),
    kind(
        "unopened",
        "containers are opened, and what is unknown is left: so is a container that cannot be opened, also where a rule includes it",
        "hold what is unknown, or leave `target.containers` out",
    ),
    kind(
        "unread-text",
        "a condition on keywords is unknown for files whose text is not read for certain: PDF, mail, damaged documents, older sets of characters, pictures",
        "narrow the selector by path, type or period; have the order say what becomes of such files",
    ),
    kind(
        "unrecorded-time",
        "a condition asks for a time that items may not have; there it is unknown, or skipped",
        "ask for `modified`, or say in the order what becomes of items without that time",
    ),
    kind(
        "unseen",
        "a condition needs a look that is not allowed",
        "allow the look in `target.inspect`, or take the condition out",
    ),
    kind("unused", "nothing refers to it", "take it out, or name it where it was meant"),
    kind(
        "weak-identity",
        "a medium is known by the signature of its MBR alone, which each copy of a disk has, too; or so where an image shows no more",
        "give the UUID of the array, the volume group or a file system as well, or the digest of the image",
    ),
    kind(
        "zoneless",
        "times without a zone are unknown, and what is unknown is left, or held",
        "set `defaults.zoneless_times` to the offset of the medium's clock, or have the order say what becomes of such media",
    ),
];
