use scope::mail::{MailCause, MailDate};

use super::*;

/// Reads in pieces of every size that matters, and expects the same.
fn told(content: &[u8], surely: bool) -> (Vec<Message>, Layer) {
    told_of(content, surely, false)
}

fn told_of(content: &[u8], surely: bool, bounded: bool) -> (Vec<Message>, Layer) {
    let mut last = None;
    for size in [1, 7, 4096, usize::MAX] {
        let mut pieces = Pieces { content, size };
        let mut all = Vec::new();
        read(&mut pieces, surely, bounded, &mut |told| {
            all.push(told.clone());
            Ok(())
        })
        .unwrap();
        let Some(Told::Layer(layer)) = all.pop() else { panic!("no layer at the end") };
        let messages: Vec<Message> = all
            .into_iter()
            .map(|told| match told {
                Told::Message(message) => message,
                Told::Layer(_) => panic!("a layer before the end"),
            })
            .collect();
        let found = (messages, layer);
        assert!(last.as_ref().is_none_or(|last| *last == found), "pieces of {size}");
        last = Some(found);
    }
    last.unwrap()
}

struct Pieces<'c> {
    content: &'c [u8],
    size: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.content.len().min(buffer.len()).min(self.size);
        let (now, later) = self.content.split_at(count);
        buffer[..count].copy_from_slice(now);
        self.content = later;
        Ok(count)
    }
}

#[test]
fn vectors() {
    let mut count = 0;
    for line in include_str!("../../../../../docs/spec/vectors/mail-1.txt").lines() {
        if line.starts_with('#') {
            continue;
        }
        let mut fields = line.split('\t');
        let content: scope::RawName = fields.next().unwrap().parse().unwrap();
        let surely = fields.next() == Some("surely");
        let layer = fields.next().unwrap();
        let (messages, found) = told(content.bytes(), surely);
        assert_eq!(format!("{found:?}").to_lowercase(), layer, "{line}");
        let shown = |parties: &scope::mail::Parties| {
            let fault = parties.fault.map(|cause| format!("!{}", word(cause))).unwrap_or_default();
            parties.addresses.join(" ") + &fault
        };
        let messages: Vec<String> = messages
            .iter()
            .map(|own| {
                let date = match own.date {
                    MailDate::Utc(seconds) => seconds.to_string(),
                    MailDate::Local(seconds) => format!("local {seconds}"),
                    MailDate::Fault(cause) => format!("!{}", word(cause)),
                };
                [own.at.to_string(), shown(&own.parties[0]), shown(&own.parties[1]), date].join("|")
            })
            .collect();
        assert_eq!(messages, fields.collect::<Vec<_>>(), "{line}");
        count += 1;
    }
    assert!(count >= 14, "only {count} vectors were read");
}

fn word(cause: MailCause) -> String {
    serde_json::to_value(cause).unwrap().as_str().unwrap().to_owned()
}

fn senders(messages: &[Message]) -> Vec<(u64, String)> {
    messages.iter().map(|own| (own.at, own.parties[0].addresses.join(" "))).collect()
}

#[test]
fn one_message() {
    let content = b"Received: by x\r\nfrom: Ann\r\n <ann@x.org>\r\nTO : bob@y.org,\r\n\tc@z.org\r\nDate: 3 Feb 2025 08:30 +0000\r\n\r\nFrom: nobody@x.org\r\n";
    let (messages, layer) = told(content, true);
    assert_eq!((messages.len(), layer), (1, Layer::Full));
    let [from, to, cc, bcc] = &messages[0].parties;
    assert_eq!(from.addresses, ["ann@x.org"]);
    assert_eq!(to.addresses, ["bob@y.org", "c@z.org"]);
    assert!(cc.addresses.is_empty() && bcc.addresses.is_empty());
    assert!(messages[0].parties.iter().all(|own| own.fault.is_none()));
    assert_eq!(messages[0].date, MailDate::Utc(1_738_571_400));
}

#[test]
fn what_may_be_a_message_is_one_with_a_sender_and_more() {
    for (content, count, layer) in [
        (&b"X-Mozilla-Status: 0001\nFrom: a@x.org\nDate: 3 Feb 2025 08:30 +0000\n\n"[..], 1, Layer::Full),
        (b"\xef\xbb\xbfX: y\nFrom: a@x.org\nTo: b@x.org", 1, Layer::Full),
        (b"1234      \nX: y\nFrom: a@x.org\nSubject: z\n\n", 1, Layer::Full),
        (b"X: y\nFrom: a@x.org\nTo: b@x.org\nno field\n\n", 1, Layer::Full),
        (b"From - Mon Jan 01 00:00:00 2024\nX: y\n\n", 1, Layer::Full),
        (b"key: value\nother: value\n", 0, Layer::None),
        (b"Some prose: it goes on\nand on.\n", 0, Layer::None),
        (b"from: here\n", 0, Layer::None),
        (b"From the sea to the hills.\nAnd back.\n", 0, Layer::None),
        (b"1234\n", 0, Layer::None),
        (b"", 0, Layer::None),
        (b"Cc: a@x.org\nSubject: y\n\n", 1, Layer::Full),
        (b"OggS: 1\nTo: a@x.org\nSubject: y\n\n", 1, Layer::Full),
    ] {
        let found = told(content, false);
        assert_eq!((found.0.len(), found.1), (count, layer), "{}", content.escape_ascii());
    }
    let mut long = b"a: ".to_vec();
    long.resize(2 << 20, b'x');
    assert_eq!(told(&long, false), (Vec::new(), Layer::Unread));
}

#[test]
fn a_mailbox_is_cut_where_a_header_follows() {
    let content = b"From a Mon Jan  1 00:00:00 2024\nFrom: a@x.org\nDate: 3 Feb 2025 08:30 +0000\n\nFrom here on it is text.\n\nFrom there, too.\n\n>From quoted\n\nFrom b Mon Jan  1 00:00:00 2024\n>From b\nFrom: b@x.org\n\nno empty line after this\nFrom c Mon Jan  1 00:00:00 2024\r\nFrom: c@x.org\nFrom d Mon Jan  1 00:00:00 2024\nFrom: d@x.org";
    let (messages, layer) = told(content, true);
    assert_eq!(layer, Layer::Full);
    let found = senders(&messages);
    let at = |who: &str| {
        content.windows(7).position(|own| own == format!("From {who} ").as_bytes()).unwrap() as u64
    };
    let expected = ["a", "b", "c", "d"].map(|who| (at(who), format!("{who}@x.org")));
    assert_eq!(found, expected);
    // Without an empty line before it, a message begins for some programs alone.
    let faults = messages.iter().map(|own| own.parties[0].fault);
    assert_eq!(faults.collect::<Vec<_>>(), [None, None, Some(MailCause::Begin), Some(MailCause::Begin)]);
}

const FIRST: &[u8] = b"From a Mon Jan  1 00:00:00 2024\nFrom: a@x.org\nTo: b@x.org\n\nbody\n";
const NEXT: &[u8] = b"From: c@x.org\nTo: d@x.org\n\nbody\n";

#[test]
fn where_a_message_begins_for_some_it_is_told_with_a_doubt() {
    for between in [
        "From c\n",
        "\nFrom c\n",
        "From c Mon Jan  1 00:00:00 2024\n",
        "From c Mon Jan  1 00:00:00 2024 remote from host\n",
        "\nFrom c Mon Jan  1 00:00:00 2024\n\n",
        "\nFrom c Mon Jan  1 00:00:00 2024\nno field\n",
        "\r\rFrom c Mon Jan  1 00:00:00 2024\r",
        "\nFrom c Mon Jan  1 00:00:00 2024\nFrom d Mon Jan  1 00:00:00 2024\n",
    ] {
        for first in [FIRST, FIRST.split_at(32).1] {
            let (messages, layer) = told(&[first, between.as_bytes(), NEXT].concat(), true);
            assert_eq!((messages.len(), layer), (2, Layer::Full), "{between:?}");
            assert_eq!(messages[0].parties[0].fault, None, "{between:?}");
            assert_eq!(messages[1].parties[1].addresses, ["d@x.org"], "{between:?}");
            assert!(messages[1].parties.iter().all(|own| own.fault == Some(MailCause::Begin)), "{between:?}");
            assert_eq!(messages[1].date, MailDate::Fault(MailCause::Begin), "{between:?}");
        }
    }
    let sure = [FIRST, b"\nFrom c Mon Jan  1 00:00:00 +0100 2024\n", NEXT].concat();
    let begin = |content: &[u8]| told(content, true).0[1].parties[0].fault;
    assert_eq!(begin(&sure), None);
    // What begins as one message has no others for those who read it so.
    assert_eq!(begin(sure.split_at(32).1), Some(MailCause::Begin));
    for prose in
        ["From here on it is text.\n\n", "\nFrom now on: all\nof it\n\n", "From now to 2024\n\n\n\n\n"]
    {
        assert_eq!(told(&[FIRST, prose.as_bytes()].concat(), true).0.len(), 1, "{prose:?}");
    }
}

#[test]
fn lines_that_end_for_some_leave_a_header_doubtful() {
    let whole = [FIRST, b"\n", FIRST].concat();
    for (from, to, sure) in [("\n", "\r\n", true), ("\n", "\r", false), ("\n", "\r\r\n", false)] {
        for mailbox in [true, false] {
            let content = String::from_utf8(whole[if mailbox { 0 } else { 32 }..].to_vec()).unwrap();
            let (messages, layer) = told(content.replace(from, to).as_bytes(), true);
            assert_eq!((messages.is_empty(), layer), (false, Layer::Full), "{to:?}");
            assert_eq!(messages[0].parties[1].fault.is_none(), sure, "{to:?}");
        }
    }
    for odd in ['\r', '\u{b}', '\0', '\u{1b}', '\u{7f}'] {
        let content = format!("From: a@x.org\nSubject: x{odd}To: b@x.org\n\n");
        let messages = told(content.as_bytes(), true).0;
        assert_eq!(messages[0].parties[1].fault, Some(MailCause::Header), "{odd:?}");
    }
}

#[test]
fn what_begins_like_no_mail_and_may_hold_some_is_unread() {
    let wide: Vec<u8> = FIRST.iter().flat_map(|byte| [*byte, 0]).collect();
    for content in [
        [b"\n", FIRST].concat(),
        [b"\r\n \r\n", FIRST.split_at(32).1].concat(),
        [b"Exported on Monday\n\n", FIRST].concat(),
        [b"#! rnews 200\n", FIRST.split_at(32).1].concat(),
        [b"\xff\xfe".as_slice(), &wide].concat(),
        [b"GIF89a\x01\n", FIRST].concat(),
        b"Cc: a@x.org\n\nbody".to_vec(),
        b"From the sea.\n\nTo: a@x.org\n".to_vec(),
    ] {
        for bounded in [false, true] {
            let found = told_of(&content, false, bounded);
            assert_eq!(found, (Vec::new(), Layer::Unread), "{}", content.escape_ascii());
        }
    }
    // Of what is hardly mail, the beginning alone is looked through.
    let mut far = vec![b'.'; WINDOW as usize];
    far.extend_from_slice(b"\nTo: a@x.org\n");
    assert_eq!(told_of(&far, false, true).1, Layer::None);
    assert_eq!(told_of(&far, false, false).1, Layer::Unread);
}

#[test]
fn a_broken_header_leaves_all_of_it_doubtful_and_the_next_message_whole() {
    let content = b"From a 2024\nFrom: a@x.org\nnot a field\nTo: b@x.org\n\nbody\n\nFrom b 2024\nFrom: b@x.org\nTo: c@x.org\n\n";
    let (messages, _) = told(content, true);
    assert_eq!(messages.len(), 2);
    assert!(messages[0].parties.iter().all(|own| own.fault == Some(MailCause::Header)));
    assert_eq!(messages[0].parties[0].addresses, ["a@x.org"]);
    assert_eq!(messages[0].date, MailDate::Fault(MailCause::Header));
    assert!(messages[1].parties.iter().all(|own| own.fault.is_none()));
}

#[test]
fn faults_have_their_cause() {
    let one = |header: &str| {
        let (mut messages, layer) =
            told(format!("Received: x\nMIME-Version: 1.0\n{header}\n\n").as_bytes(), true);
        assert_eq!((messages.len(), layer), (1, Layer::Full), "{header}");
        messages.remove(0)
    };
    let from = |header: &str| one(header).parties[0].fault;
    assert_eq!(from("From: a@x.org"), None);
    assert_eq!(from("Subject: none"), Some(MailCause::NoFrom));
    assert_eq!(from("From: a@x.org\nFrom: b@x.org"), Some(MailCause::Twice));
    assert_eq!(from("From: not an address"), Some(MailCause::Address));
    assert_eq!(from("From: a@x.org\n \nTo: b@x.org"), Some(MailCause::Header));
    assert_eq!(one("From: a@x.org").date, MailDate::Fault(MailCause::NoDate));
    assert_eq!(one("Date: soon").date, MailDate::Fault(MailCause::Date));
    assert_eq!(
        one("Date: 3 Feb 2025 08:30 +0000\ndate: 3 Feb 2025 08:30 +0000").date,
        MailDate::Fault(MailCause::Twice)
    );
}

#[test]
fn a_huge_header_is_told_and_passed() {
    let mut content = b"From a 2024\nFrom: a@x.org\n".to_vec();
    content.extend(b"X-Padding: ......................................................\n".repeat(30_000));
    content.extend(b"To: hidden@x.org\n\nbody\n\nFrom b 2024\nFrom: b@x.org\nTo: c@x.org\n\n");
    let (messages, layer) = told(&content, true);
    assert_eq!((messages.len(), layer), (2, Layer::Full));
    assert_eq!(messages[0].parties[1].fault, Some(MailCause::TooLong));
    assert_eq!(messages[1].parties[1].addresses, ["c@x.org"]);
    // The same in one line.
    let mut content = b"Received: x\nFrom: a@x.org\nTo: ".to_vec();
    content.resize(3 << 20, b'x');
    let (messages, _) = told(&content, true);
    assert_eq!(messages[0].parties[0].fault, Some(MailCause::TooLong));
}

#[test]
fn any_bytes_are_read_to_their_end() {
    let seed = b"From a 2024\nFrom: \"Q, A\" <a@x.org>, g: b@x.org (c);\nTo: m@x.org\nDate: Mon, 3 Feb 2025 09:30:00 +0100\n\nbody\n";
    let mut state = 1_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    for _ in 0..3_000 {
        let mut content = seed.repeat(1 + random(3));
        for _ in 0..random(6) {
            let at = random(content.len());
            content[at] = b"\0\n\r<>(),;:@.\"\\ \xff\xc3F"[random(18)];
        }
        content.truncate(random(content.len() + 1));
        let surely = random(2) == 0;
        let mut count = 0;
        read(&mut &content[..], surely, false, &mut |told| {
            // What is told can be read again.
            let json = serde_json::to_vec(told).unwrap();
            assert_eq!(serde_json::from_slice::<Told>(&json).unwrap(), *told);
            count += 1;
            Ok(())
        })
        .unwrap();
        assert!(count >= 1);
    }
}
