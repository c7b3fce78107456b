//! The conditions of which generated policies are made.

/// Each predicate of the schema, several times: two conditions of a selector must differ in their field.
pub const CONDITIONS: &[(&str, &str)] = &[
    ("path", r#"["/a/**"]"#),
    ("path", r#"["/a/x*", "/b/**"]"#),
    ("name", r#"["*.txt"]"#),
    ("ext", r#"["txt", "JPG"]"#),
    ("kind", r#"["file"]"#),
    ("kind", r#"["directory", "symlink"]"#),
    ("type", r#"["text"]"#),
    ("type_mismatch", "true"),
    ("type_mismatch", "false"),
    ("size", "{ min = 10 }"),
    ("size", "{ max = 100 }"),
    ("time", r#"{ of = ["modified", "created"], within = "w" }"#),
    ("time", r#"{ of = ["modified", "created", "message_date"], within = "w", mode = "all" }"#),
    ("time", r#"{ of = ["message_date"], within = "w" }"#),
    ("owner", r#"["c"]"#),
    ("hash_in", r#"["h"]"#),
    ("encrypted", "true"),
    ("encrypted", "false"),
    ("keywords", r#"{ list = "k" }"#),
    ("keywords", r#"{ list = "k", at_least = 2 }"#),
    ("mail", r#"{ party = ["a"], role = ["from", "cc"], messages = "any" }"#),
    ("mail", r#"{ party = ["a"], role = ["from"], within = "w", messages = "all" }"#),
    ("mail", r#"{ within = "w", messages = "any" }"#),
    ("volume", r#"["v1"]"#),
];
