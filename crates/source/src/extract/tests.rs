use std::io::Write as _;

use super::*;

/// The text that is told of content, and the joined one, where all of it is.
fn told_twice(form: Form, content: &[u8]) -> Option<(String, String)> {
    let mut all = Vec::new();
    let taken = extract(form, &mut &*content, &mut |piece| {
        all.extend_from_slice(piece);
        Ok(())
    });
    taken.unwrap();
    let last = all.pop().unwrap();
    assert!(last == WHOLE || all.is_empty(), "nothing is told of a text that is not whole");
    if last != WHOLE {
        return None;
    }
    let at = all.iter().position(|byte| *byte == JOINED).unwrap();
    let joined = String::from_utf8(all.split_off(at + 1)).unwrap();
    all.pop();
    Some((String::from_utf8(all).unwrap(), joined))
}

/// The text that is told of content, where all of it is.
fn told(form: Form, content: &[u8]) -> Option<String> {
    told_twice(form, content).map(|(text, _)| text)
}

#[track_caller]
fn html(page: &str, expected: Option<&str>) {
    assert_eq!(told(Form::Html, page.as_bytes()).as_deref(), expected, "{page}");
}

#[test]
fn the_text_of_a_page_is_what_its_reader_sees() {
    html(
        "<p>vi<b>&#97;g</b>r&#x61;</p><p>M&uuml;ller &amp;\n Co&nbsp;KG</p>",
        Some("viagra\nM\u{fc}ller & Co KG\n"),
    );
    html(
        "<!DOCTYPE html><html><head><title>A &lt; B</title><script>if (a < b) x();</script><style>p{}</style></head><body>x<br>y",
        Some("A < B\nx\ny"),
    );
    html("a<!-- hid--den -->b<!---->c", Some("abc"));
    html("<a title=\"a > b\" href='x'>link</a>ed", Some("linked"));
    html("a < b, AT&T, 5 &  6, &; &#;", None);
    html("a < b, AT&T, 5 &  6, &;", Some("a < b, AT&T, 5 & 6, &;"));
    html("<ul><li>one<li>two</ul>", Some("one\ntwo\n"));
    html("\u{feff}  plain  text\u{a0}\u{a0}", Some("plain text "));
    html("", Some(""));
}

#[test]
fn what_of_a_page_can_be_read_in_two_ways_is_not_told() {
    for page in [
        "&unknown;",
        "&uumlaut",
        "&copy 2020",
        "&#0;",
        "&#150;",
        "&#xD800;",
        "&#x110000;",
        "&#97",
        "&#99999999999;",
        "a\0b",
        "<p",
        "<p title=\"x",
        "<p x\">",
        "<!-- never closed",
        "<!-->x-->",
        "<!--x--!>y-->",
        "<script>x",
        "<script><!--<script></script>--></script>",
        "<textarea><b></textarea>",
        "<![CDATA[x]]>",
        "</>",
        "<title>a<b></title>",
        "<p <b>",
        "<?php x ?>",
        "<iframe srcdoc='x'>",
        "<iframe src=' data:text/html;base64,a2lja2JhY2s='>",
        "<input value='&unknown;'>",
        "<input value='&copy'>",
        "<noframes><!--</noframes>x-->",
        "<NOSCRIPT><a title='</NOSCRIPT>'>",
        "<iframe>",
        "<table>x<tr><td>y</td></tr></table>",
        "<table><tr><td>y</td></tr>x</table>",
        "<ruby>x<rt>y",
    ] {
        html(page, None);
    }
    assert_eq!(told(Form::Html, b"caf\xe9"), None);
}

#[test]
fn what_a_line_shows_as_one_word_is_one() {
    for element in ["strike", "dfn", "time", "label", "x-y", "tspan", "mi", "button"] {
        html(&format!("<p>kick<{element}>back</{element}></p>"), Some("kickback\n"));
    }
    html("kick<img src=x>back<script>x</script>!", Some("kickback!"));
    html("<ruby>a<rp>(</rp><rt>x</rt><rp>)</rp>b<rt>y</rt></ruby>c", Some("abc\n(\nx\n)\ny"));
    html("<noscript><p>x</p></noscript>y", Some("x\ny"));
    html("<table> <tr><td>x</td> <td>y</td></tr></table>z", Some("x\ny\nz"));
}

#[test]
fn what_is_not_shown_parts_no_letters() {
    let joined = |page: &str| told_twice(Form::Html, page.as_bytes()).unwrap().1;
    for hidden in [
        "<span hidden>x</span>",
        "<span hidden=''>x<span>y</span><br>z</span>",
        "<span class=\"a hidden\">x</span>",
        "<i STYLE='color:red; Display : none'>x</i>",
        "<b style=visibility:hidden>x</b>",
        "<b style='font-size:0px'>x</b>",
        "<b style='opacity:0'>x</b>",
    ] {
        let page = format!("kick{hidden}back");
        assert_eq!(joined(&page), "kickback", "{page}");
        assert!(!told(Form::Html, page.as_bytes()).unwrap().contains("kickback"), "{page}");
    }
    assert_eq!(joined("kick<span class=hiddenmost aria-hidden=true>x</span>back"), "kickxback");
    assert_eq!(joined("kick<input type=hidden>back"), "kickback");
    html("<svg><style>kick&#98;ack</style></svg>", None);
    html("<svg><g></g><script>a<b></script></svg>", None);
    html("<svg><style>a>b{}</style></svg>x<style>a{b:'&'}</style>", Some("x"));
}

#[test]
fn values_with_references_stand_aside() {
    html("a<input value=\"kick&#98;ack\" alt=plain>b<img alt='&lt;'>", Some("ab\nkickback\n<"));
    html("<a href='?x=1&y=2&copy=3&amps'>z</a>", Some("z"));
    html("<img src=data:image/png;base64,AAAA>z", Some("z"));
}

#[test]
fn the_joined_text_has_no_lines_but_for_what_parts_words() {
    let joined = |form, content: &[u8]| told_twice(form, content).unwrap().1;
    let page = b"<div>kick<div>back</div></div><p>a<br>b<td>c<td>d<img alt='&lt;'>";
    assert_eq!(joined(Form::Html, page), "kickbacka b c d");
    let part = b"<d><p><t>k</t></p><p><t>ick</t></p><p><del><delText>not</delText></del><AlternateContent><Choice><t>ba</t></Choice><Fallback><t>BA</t></Fallback></AlternateContent><ruby><rt><t>x</t></rt><rubyBase><t>ck</t></rubyBase></ruby><br/><t>y</t></p></d>";
    assert_eq!(joined(Form::Ooxml, &zip(&[("word/document.xml", part)])), "kickback y ");
}

/// A zip of these members.
fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut directory = Vec::new();
    for (name, content) in members {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        packer.write_all(content).unwrap();
        let packed = packer.finish().unwrap();
        let number = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
        let fields = [
            &[20, 0, 0, 0, 8, 0, 0, 0, 0x21, 0][..],
            &crc.sum().to_le_bytes(),
            &number(packed.len()),
            &number(content.len()),
            &u16::try_from(name.len()).unwrap().to_le_bytes(),
            &[0, 0],
        ]
        .concat();
        let at = number(bytes.len());
        directory.push([b"PK\x01\x02\x14\0", fields.as_slice(), &[0; 10], &at, name.as_bytes()].concat());
        bytes.extend([b"PK\x03\x04", fields.as_slice(), name.as_bytes(), &packed].concat());
    }
    let start = u32::try_from(bytes.len()).unwrap().to_le_bytes();
    let directory = directory.concat();
    let count = u16::try_from(members.len()).unwrap().to_le_bytes();
    let size = u32::try_from(directory.len()).unwrap().to_le_bytes();
    [bytes, directory, [b"PK\x05\x06\0\0\0\0", &count[..], &count, &size, &start, &[0, 0]].concat()].concat()
}

#[track_caller]
fn ooxml(members: &[(&str, &[u8])], expected: Option<&str>) {
    assert_eq!(told(Form::Ooxml, &zip(members)).as_deref(), expected);
}

const TYPES: (&str, &[u8]) = ("[Content_Types].xml", b"<Types/>");

#[test]
fn the_text_of_a_document_is_that_of_its_paragraphs_and_what_stands_aside() {
    let document = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<w:document xmlns:w=\"u\"><w:body>\n <w:p><w:r><w:t>via</w:t></w:r><w:del><w:r><w:delText>not</w:delText></w:r></w:del>\n <w:r><w:t xml:space=\"preserve\">gra </w:t></w:r><w:r><w:t>&amp; M&#xFC;ller</w:t></w:r></w:p><w:p><w:t>x</w:t><w:noBreakHyphen/><w:t>y</w:t><w:tab/><w:t>z</w:t></w:p></w:body></w:document>";
    ooxml(
        &[TYPES, ("word/document.xml", document), ("word/media/1.png", b"\x89PNG\r\n\x1a\n....")],
        Some("\nviagra & M\u{fc}ller\nx-y z\n\nnot\nu\npreserve\n"),
    );
    let sheet = b"<sst><si><r><t>micro</t></r><r><t>soft</t></r><rPh><t>aside</t></rPh></si><si><t>lottery</t></si></sst>";
    ooxml(&[TYPES, ("xl/sharedStrings.xml", sheet)], Some("\nmicrosoft\nlottery\n\naside\n"));
}

#[test]
fn a_document_of_which_not_all_can_be_told_is_not_told() {
    let part = |text: &'static str| ("word/document.xml", text.as_bytes());
    ooxml(&[TYPES, part("<p>x</p>")], Some("\nx\n\n"));
    for text in [
        "<p>x",
        "<p>x</q>",
        "<p>x</p></p>",
        "x",
        "",
        "<p>&unknown;</p>",
        "<p>&#0;</p>",
        "<p>&amp</p>",
        "<!DOCTYPE p><p>x</p>",
        "<p a=1>x</p>",
        "<p a=\"<\">x</p>",
        "<p><w:sym w:char=\"F0\"/></p>",
        "<?xml version=\"1.0\" encoding=\"UTF-16\"?><p>x</p>",
        "<p>x</p><p>y</p>",
        "<p><!-- a -- b --></p>",
        "<p>\u{1}</p>",
        "<p><w:altChunk/></p>",
        "<p><pkg:binaryData>a2lja2JhY2s=</pkg:binaryData></p>",
        "<p><w:rPr><w:vanish/></w:rPr></p>",
        "<t>kick_x0062_ack</t>",
        "<row><c><f>1+1</f></c></row>",
        "<row><c><f>1+1</f><v>2</v></c><c><f>1+1</f></c></row>",
    ] {
        ooxml(&[TYPES, part(text)], None);
    }
    let deep = format!("{}{}", "<p>".repeat(300), "</p>".repeat(300));
    ooxml(&[TYPES, ("word/document.xml", deep.as_bytes())], None);
    ooxml(&[TYPES, ("word/document.xml", b"<p>caf\xe9</p>")], None);
    ooxml(&[TYPES, part("<p>x</p>"), ("word/embeddings/1.bin", b"\xd0\xcf\x11\xe0....")], None);
    ooxml(&[TYPES, part("<p>x</p>"), ("word/DOCUMENT.xml", b"<p>y</p>")], None);
    ooxml(&[TYPES, part("<p>x</p>"), ("word/a.txt", b"GIF89a kickback")], None);
    // A picture with a zip behind it.
    let picture = [b"\x89PNG\r\n\x1a\n....".as_slice(), &zip(&[TYPES])].concat();
    ooxml(&[TYPES, part("<p>x</p>"), ("word/media/1.png", &picture)], None);
    ooxml(&[TYPES, part("<p>x</p>"), ("word/media/1.png", picture.get(..40).unwrap())], Some("\nx\n\n"));
    // A bomb, and what is no zip at all.
    let zeros = [b"<p>".as_slice(), &vec![b' '; 64 << 20], b"</p>"].concat();
    ooxml(&[TYPES, ("word/document.xml", &zeros)], None);
    assert_eq!(told(Form::Ooxml, b"PK\x03\x04 and no more"), None);
    let whole = zip(&[TYPES, part("<p>x</p>")]);
    for cut in 0..whole.len() {
        assert_eq!(told(Form::Ooxml, &whole[..cut]), None, "cut at {cut}");
    }
}

#[test]
fn a_table_is_told_where_its_numbers_are_shown_as_they_are_stored() {
    let format = |code: &str| format!("<numFmt formatCode=\"{code}\"/>");
    for plain in [
        "0.00",
        "#,##0.00\\ &quot;\u{20ac}&quot;;[Red]-#,##0.00",
        "[$-409]d\\-mmm\\-yy",
        "dd/mm/yyyy hh:mm",
        "0.00E+00",
        "# ?/?",
        "_-* #,##0.00_-",
        "0%",
        "@",
        "General",
    ] {
        assert!(told(Form::Ooxml, &zip(&[("xl/styles.xml", format(plain).as_bytes())])).is_some(), "{plain}");
    }
    for other in
        ["000\\-00\\-0000", "&quot;account &quot;0", "00-00", "(000) 000-0000", "0\\x", "0&quot;.&quot;0"]
    {
        ooxml(&[("xl/styles.xml", format(other).as_bytes())], None);
    }
    ooxml(
        &[("xl/s.xml", b"<row><c><f>1+1</f><v>2</v></c><c><v>a_xb</v></c></row>")],
        Some("1+12\na_xb\n\n\n"),
    );
}

#[test]
fn no_bytes_stop_it() {
    let seeds: [(Form, Vec<u8>); 2] = [
        (Form::Html, b"<p a=\"b\">x&amp;y<!-- z --><script>1</script></p>&#65;".to_vec()),
        (Form::Ooxml, zip(&[TYPES, ("word/document.xml", b"<p a=\"b\">x&amp;y<!-- z --><![CDATA[c]]></p>")])),
    ];
    let mut state = 1_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    for _ in 0..4_000 {
        for (form, seed) in &seeds {
            let mut content = seed.clone();
            for _ in 0..=random(4) {
                let at = random(content.len());
                content[at] = b"\0<>&;\"'-!/x \xff"[random(13)];
            }
            content.truncate(random(content.len() * 4).max(1));
            let _ = told(*form, &content);
        }
    }
}
