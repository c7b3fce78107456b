//! What programs make of a message, and what only looks like it.

use super::*;

fn found(content: &[u8]) -> bool {
    let mut last = None;
    for size in [1, 2, 7, content.len().max(1)] {
        let mut saved = Saved::default();
        content.chunks(size).for_each(|piece| saved.feed(piece));
        assert!(last.is_none_or(|last| last == saved.found()), "{}", content.escape_ascii());
        last = Some(saved.found());
    }
    last.unwrap()
}

#[test]
fn a_message_that_was_saved_as_data_is_a_sign() {
    for content in [
        r#"{"from": "a@x.org"}"#,
        r#"{"id":7,"from":"Ann <a@x.org>","text":"hi"}"#,
        r#"{"to":["b","c@y.example"]}"#,
        r#"{"From" : { "emailAddress": {"name": "Ann", "address": "a@x.org"}}}"#,
        r#"{"toRecipients":[{"emailAddress":{"address":"a@x.org"}}]}"#,
        r#"{"headers":[{"name":"From","value":"a@x.org"}]}"#,
        r#"{"from":"a\u0040x.org"}"#,
        r#"{"from":"mailto:a%40x.org"}"#,
        // Of a domain without a dot only the fields of a message tell.
        r#"{"from":"root@intranet","subject":"x"}"#,
        r#"{"subject":"x","cc":["root@intranet"]}"#,
        "{\n  \"cc\": [\n    \"a@x.org\"\n  ]\n}\n",
        "Subject,From,To\nx,a@x.org,b\n",
        "\u{feff}\"Betreff\";\"Von: (Name)\";\"Von: (Adresse)\"\r\nx;Ann;a@x.org\r\n",
        "sep=;\r\nDate;Sender;Recipients\r\n1;a@x.org;b@x.org\r\n",
        "from\tto\tbody\nann\tbob@x.org\thi\n",
        "From Address,To Address\na%40x.org,b\n",
        "BEGIN:VCALENDAR\r\nORGANIZER;CN=Ann:mailto:a@x.org\r\n",
        "BEGIN:VEVENT\nattendee;ROLE=X;\n CN=Ann:MAILTO:a@intranet\n",
    ] {
        assert!(found(content.as_bytes()), "{content}");
        let wide: Vec<u8> = content.bytes().flat_map(|byte| [byte, 0]).collect();
        assert!(found(&wide), "{content}");
    }
}

#[test]
fn what_only_looks_like_one_is_none() {
    for content in [
        "",
        r#"{"from": "2020-01-01", "to": "2021-01-01", "contact": "a@x.org"}"#,
        r#"{"dependencies":{"x":{"version":"1.0.2","from":"x@1.0.2","resolved":"https://r.example/x"}}}"#,
        r#"{"from": "git+ssh://git@host.example/x.git"}"#,
        r#"{"from": "git@host.example:x.git"}"#,
        r#"{"author": "Ann <a@x.org>", "name": "x"}"#,
        r#"{"from": "x"} write to a@x.org"#,
        r#"{"from": {"a": 1}, "mail": "a@x.org"}"#,
        r#"{"name": "From", "other": "a@x.org"}"#,
        r#"say "from": here, and a@x.org there"#,
        "\"from\": x\n\"subject\": a @ b\n",
        "from,weight\n1,a@x.org\n",
        "name,mail\nAnn,a@x.org\n",
        "prose\nSubject,From,To\nx,a@x.org\n",
        "Subject,From,To\nx,Ann,Bob\n",
        "from, to\n\n@param x\n",
        "ORGANIZER;CN=Ann\nCONTACT:a@x.org\n",
        "the organizer: a@x.org\n",
        "BEGIN:VCARD\nEMAIL:a@x.org\n",
    ] {
        assert!(!found(content.as_bytes()), "{content}");
    }
}
