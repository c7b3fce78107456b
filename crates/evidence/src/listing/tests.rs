//! The three forms, and what is refused.

use super::*;

fn listed(text: &[u8]) -> Result<Vec<Seen>, String> {
    let mut seen = Vec::new();
    read(text, &mut |entry| seen.push(entry)).map(|_| seen).map_err(|error| error.to_string())
}

fn one(text: &[u8]) -> Seen {
    let seen = listed(text).unwrap();
    assert_eq!(seen.len(), 1, "{seen:?}");
    seen.into_iter().next().unwrap()
}

#[test]
fn a_bodyfile_tells_files_from_what_the_tool_makes_of_them() {
    let check = |name: &str, inode: &str, mode: &str, path: &str, class: Class| {
        let line = format!("0|{name}|{inode}|{mode}|0|0|158|1|2|3|-4\n");
        let seen = one(line.as_bytes());
        assert_eq!((String::from_utf8_lossy(&seen.path).as_ref(), seen.class), (path, class), "{line}");
    };
    check("/a/b.txt", "58", "r/rrw-r--r--", "/a/b.txt", Class::Ordinary);
    check("/a|b|c", "58", "r/rrw-r--r--", "/a|b|c", Class::Ordinary);
    check("a", "58", "r/rrw-r--r--", "/a", Class::Ordinary);
    check("/a (deleted)", "58", "r/rrw-r--r--", "/a", Class::Deleted);
    check("/a (deleted-realloc)", "58", "r/-rw-r--r--", "/a", Class::Deleted);
    check("/a", "58", "-/rrw-r--r--", "/a", Class::Deleted);
    check("/$OrphanFiles", "99", "V/V---------", "/$OrphanFiles", Class::Virtual);
    check("/$OrphanFiles/x.txt", "98", "-/rrw-r--r--", "/$OrphanFiles/x.txt", Class::Virtual);
    check("/Logs ($FILE_NAME)", "73-48-2", "d/drwxrwxrwx", "/Logs", Class::Attribute);
    check("/Logs", "73-144-1", "d/drwxrwxrwx", "/Logs", Class::Ordinary);
    check("/$Secure:$SDH", "9-144-3", "r/rr-xr-xr-x", "/$Secure:$SDH", Class::Attribute);
    check("/a:s", "83-128-3", "r/rrwxrwxrwx", "/a:s", Class::Ordinary);
    let file = one(b"900150983CD24FB0D6963F7D28E17F72|/a|1|r/rrw-|0|0|3|1|1|1|1");
    assert_eq!(file.md5.as_deref(), Some("900150983cd24fb0d6963f7d28e17f72"));
    assert_eq!((file.size, one(b"0|/d|1|d/drw-|0|0|1024|1|1|1|1").size), (Some(3), None));
    assert!(one(b"0|/l -> /t|1|l/lrw-|0|0|2|1|1|1|1").link);
    for wrong in [
        "x",
        "0|/a|1|r/r|0|0|3|1|1|1",
        "0|/a|1|r/r|0|0|-3|1|1|1|1",
        "0|/a|1|mode|0|0|3|1|1|1|1",
        "0|/a|1|r/r|0|0|3|1|1|1|now",
    ] {
        assert!(listed(wrong.as_bytes()).unwrap_err().contains("line 1: not a bodyfile"), "{wrong}");
    }
    assert_eq!(listed(b"").unwrap_err(), "line 1: the file is empty");
    let long = vec![b'x'; 70_000];
    assert!(listed(&long).unwrap_err().contains("longer than any line"));
}

/// Whoever signs for a listing signs for these bytes, the last ones too.
#[test]
fn the_digest_is_that_of_every_byte() {
    let xml = b"<dfxml><fileobject><filename>a</filename></fileobject></dfxml>\n\n ";
    for (text, form) in [
        (&b"0|/a|58|r/rrw-|0|0|158|1|2|3|4\n"[..], Form::Bodyfile),
        (b"path,size\na,1\n\n", Form::Csv),
        (xml, Form::Dfxml),
    ] {
        let whole = read(text, &mut |_| {}).unwrap();
        assert_eq!(whole, (form, Digest::of(text)));
        let small = io::BufReader::with_capacity(3, text);
        assert_eq!(read(small, &mut |_| {}).unwrap(), whole);
    }
}

#[test]
fn csv_has_a_header_and_quotes() {
    let text = b"size,path,note,sha256\r\n3,\"/a,\"\"b\"\"\",x,BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD\r\n,c,,\r\n";
    let seen = listed(text).unwrap();
    assert_eq!((seen[0].path.as_slice(), seen[0].size), (&b"/a,\"b\""[..], Some(3)));
    assert!(seen[0].sha256.as_ref().is_some_and(|digest| digest.starts_with("ba7816bf")));
    assert_eq!((seen[1].path.as_slice(), seen[1].size, &seen[1].sha256), (&b"/c"[..], None, &None));
    assert_eq!(one(b"path,size\n\"a\nb\",1\n").path, b"/a\nb");
    for (row, why) in [
        ("a", "another number of fields"),
        ("a,x", "not a number"),
        ("a,-1", "not a number"),
        ("\"a,1", "does not end"),
        ("a\"b\",1", "quotes stand"),
    ] {
        let error = listed(format!("path,size\n{row}\n").as_bytes()).unwrap_err();
        assert!(error.contains(why), "{row}: {error}");
    }
    assert!(listed(b"path,sha256\na,abc\n").unwrap_err().contains("another length"));
}

const OBJECT: &str = "<fileobject><parent_object><inode>2</inode><filesize>9</filesize></parent_object><filename>a &amp; b&#x263a;</filename>\
<name_type>r</name_type><filesize>3</filesize><hashdigest type='sha1'>A9993E364706816ABA3E25717850C26C9CD0D89D</hashdigest></fileobject>";

#[test]
fn dfxml_gives_each_objects_own_words() {
    let text = format!(
        "<?xml version='1.0'?>\n<dfxml>\n<!-- > --><volume offset='1048576'>\n{OBJECT}\n</volume></dfxml>\n"
    );
    let seen = one(text.as_bytes());
    assert_eq!(seen.path, "/a & b\u{263a}".as_bytes());
    assert_eq!((seen.size, seen.volume_at), (Some(3), Some(1 << 20)), "not the parent's size");
    assert_eq!(seen.sha1.as_deref(), Some("a9993e364706816aba3e25717850c26c9cd0d89d"));
    let with = |from: &str, to: &str| format!("<dfxml>{}</dfxml>", OBJECT.replacen(from, to, 1)).into_bytes();
    assert_eq!(one(&with("<name_type>", "<unalloc>1</unalloc><name_type>")).class, Class::Deleted);
    assert_eq!(one(&with("a &amp; b&#x263a;", "$OrphanFiles/x")).class, Class::Virtual);
    assert!(listed(&with("a &amp; b&#x263a;", "a/..")).unwrap().is_empty());
    for (from, to, why) in [
        ("&amp;", "&bomb;", "an entity that is not known"),
        ("&amp;", "&#xD800;", "an entity that is not known"),
        ("&amp;", "&amp", "an entity"),
        ("<filename>", "<filename><x>", "not the one that began last"),
        ("<fileobject>", "<fileobject><fileobject>", "a fileobject in a fileobject"),
        ("<fileobject>", "<!DOCTYPE x><fileobject>", "a DOCTYPE"),
        ("<filesize>3", "<filesize>three", "a size that is not a number"),
        ("</fileobject>", "", "not the one that began last"),
        ("<filename>a &amp; b&#x263a;</filename>", "", "without a filename"),
    ] {
        let error = listed(&with(from, to)).unwrap_err();
        assert!(error.contains(why), "{to}: {error}");
    }
    assert!(listed(b"<dfxml><volume>").unwrap_err().contains("does not end"));
    assert!(listed(b"<a/><b/>").unwrap_err().contains("a second document"));
    assert!(listed("<a>".repeat(100).as_bytes()).unwrap_err().contains("nested deeper"));
    assert!(listed(format!("<a>{}", "x\n".repeat(2000)).as_bytes()).unwrap_err().contains("longer than any"));
}

/// `fiwalk` escapes its own mark, so that each of its names has one meaning; of another tool nobody knows.
#[test]
fn escapes_of_fiwalk_are_undone_and_no_others() {
    let check = |creator: &str, written: &str, path: &[u8], escapes: bool| {
        let text = format!(
            "<dfxml>{creator}<fileobject><filename>{written}</filename><name_type>r</name_type></fileobject></dfxml>"
        );
        let seen = one(text.as_bytes());
        assert_eq!(
            (seen.path.escape_ascii().to_string(), seen.escapes),
            (path.escape_ascii().to_string(), escapes),
            "{text}"
        );
    };
    let fiwalk = "<creator version='1.0'><program>fiwalk</program><version>4.11.1</version></creator>";
    for (written, path) in [
        ("back\\x5Cslash", &b"/back\\slash"[..]),
        ("spelt\\x5Cx41", b"/spelt\\x41"),
        ("spelt\\x5Cx5Cx41", b"/spelt\\x5Cx41"),
        ("bytes\\xFF\\xfe\\x0A", b"/bytes\xff\xfe\n"),
        ("odd\\x+5\\xG0\\x4", b"/odd\\x+5\\xG0\\x4"),
        ("&amp;\\x26amp;", b"/&&amp;"),
    ] {
        check(fiwalk, written, path, false);
        let plain = written.replace("&amp;", "&");
        check("", written, format!("/{plain}").as_bytes(), true);
    }
    for other in [
        "<creator><program>other</program></creator>",
        "<program>fiwalk</program>",
        "<creator><library><program>fiwalk</program></library></creator>",
        "<fileobject><filename>x</filename><name_type>d</name_type><creator><program>fiwalk</program></creator></fileobject>",
    ] {
        let text = format!("<dfxml>{other}<fileobject><filename>a\\x5Cb</filename></fileobject></dfxml>");
        assert_eq!(listed(text.as_bytes()).unwrap().last().unwrap().path, b"/a\\x5Cb", "{other}");
    }
}
