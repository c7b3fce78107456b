//! Sets of digests: databases that another program wrote, and texts; and what is refused of them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

use std::path::Path;
use std::process::Command;

use catalogue::sets::{SetForm, digests};
use scope::{Digest, ListBytes};

fn taken(form: SetForm, bytes: &dyn ListBytes) -> Result<Vec<Digest>, String> {
    let mut found = Vec::new();
    let count = digests(form, bytes, &mut |digest| {
        found.push(digest);
        Ok(())
    });
    let count = count.map_err(|error| error.to_string())?;
    assert_eq!(count, found.len() as u64);
    Ok(found)
}

fn numbered(n: u64) -> Digest {
    Digest::of(&n.to_be_bytes())
}

/// A database as the NSRL has it, made by Python's `sqlite3`, which is not ours.
fn database(folder: &Path, name: &str, script: &str) -> Vec<u8> {
    let path = folder.join(name);
    let code = format!(
        "import sqlite3, hashlib, struct\ndb = sqlite3.connect({:?})\ndef d(n): return hashlib.sha256(struct.pack('>Q', n)).hexdigest().upper()\n{script}\ndb.commit(); db.close()",
        path.to_str().unwrap()
    );
    let ran = Command::new("python3").args(["-c", &code]).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    std::fs::read(path).unwrap()
}

/// What the set says of itself.
const VERSION: &str = "db.execute('CREATE TABLE VERSION (version VARCHAR, build_set VARCHAR, build_date TIMESTAMP, release_date TIMESTAMP, description VARCHAR)')\ndb.execute('INSERT INTO VERSION VALUES (?,?,?,?,?)', ('2026.03.1', 'SET', 'x', 'x', 'RDS 2026.03.1 - modern'))\n";

const FILE: &str = "db.execute('CREATE TABLE PKG (package_id INTEGER, name VARCHAR)')\ndb.execute('CREATE TABLE FILE (sha256 VARCHAR NOT NULL, sha1 VARCHAR NOT NULL, md5 VARCHAR NOT NULL, file_name VARCHAR NOT NULL, file_size INTEGER NOT NULL, package_id INTEGER NOT NULL, CONSTRAINT PK PRIMARY KEY (sha256, sha1, md5, file_name, file_size, package_id))')\n";

#[test]
fn a_database_gives_every_row() {
    let folder = tempfile::tempdir().unwrap();
    for (page, count) in [(512, 3), (512, 3000), (1024, 1), (4096, 20_000), (65_536, 5000), (4096, 0)] {
        // Names of every length, so that records go over pages at each place.
        let script = format!(
            "db.execute('PRAGMA page_size = {page}')\n{VERSION}{FILE}\ndb.executemany('INSERT INTO FILE VALUES (?,?,?,?,?,?)', ((d(n), 'a'*40, 'b'*32, 'x' * (n * 37 % 2500 if n % 7 == 0 else n % 90), -n, n) for n in range({count})))"
        );
        let bytes = database(folder.path(), &format!("{page}-{count}.db"), &script);
        let found = taken(SetForm::Nsrl, &bytes).unwrap();
        let expected: Vec<Digest> = (0..count).map(numbered).collect();
        assert!(found == expected, "{page} {count}: {} rows", found.len());
    }
    // The column in another place, behind one that goes over several pages.
    let script = format!(
        "{VERSION}db.execute('CREATE TABLE file (name TEXT, size DECIMAL(10,2), SHA256 TEXT)')\ndb.executemany('INSERT INTO file VALUES (?,?,?)', (('y' * 20000, n, d(n)) for n in range(50)))"
    );
    let bytes = database(folder.path(), "late.db", &script);
    assert_eq!(taken(SetForm::Nsrl, &bytes).unwrap().len(), 50);
}

#[test]
fn what_is_no_set_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, script: &str, expected: &str| {
        let error = taken(SetForm::Nsrl, &database(folder.path(), name, script)).unwrap_err();
        assert!(error.contains(expected), "{name}: {error}");
    };
    check("none.db", "db.execute('CREATE TABLE x (a)')", "no table FILE");
    let whole = format!("{VERSION}{FILE}");
    assert_eq!(taken(SetForm::Nsrl, &database(folder.path(), "whole.db", &whole)).unwrap().len(), 0);
    let delta = whole.replace("'SET'", "'modern_minimal_Delta'");
    check("delta.db", &delta, "`modern_minimal_Delta`: a delta has what changed");
    check("column.db", "db.execute('CREATE TABLE FILE (sha1 TEXT)')", "no column sha256");
    check(
        "index.db",
        "db.execute('CREATE TABLE FILE (sha256 TEXT PRIMARY KEY) WITHOUT ROWID')",
        "without row ids",
    );
    check(
        "utf16.db",
        "db.execute(\"PRAGMA encoding = 'UTF-16'\")\ndb.execute('CREATE TABLE FILE (sha256 TEXT)')",
        "UTF-8",
    );
    check("silent.db", FILE, "no table VERSION");
    check(
        "empty.db",
        &whole.replace("INSERT INTO VERSION VALUES (?,?,?,?,?)", "SELECT ?,?,?,?,?"),
        "no table VERSION",
    );
    let rows =
        "db.execute('CREATE TABLE FILE (sha256 TEXT)')\ndb.execute('INSERT INTO FILE VALUES (?)', (d(1),))\n";
    check(
        "null.db",
        &format!("{VERSION}{rows}db.execute('INSERT INTO FILE VALUES (NULL)')"),
        "row 2 of the table FILE",
    );
    check(
        "short.db",
        &format!("{VERSION}{rows}db.execute('INSERT INTO FILE VALUES (?)', ('A' * 63,))"),
        "row 2 of the table",
    );
    let no_database = taken(SetForm::Nsrl, &vec![0; 4096]).unwrap_err();
    assert!(no_database.contains("does not begin as an SQLite database"), "{no_database}");
}

/// Whatever a database says of itself, reading it ends, and with no more memory than a record takes.
#[test]
fn a_damaged_database_is_an_error_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "db.execute('PRAGMA page_size = 512')\n{VERSION}{FILE}\ndb.executemany('INSERT INTO FILE VALUES (?,?,?,?,?,?)', ((d(n), 'a', 'b', 'x' * (n * 13 % 700), n, n) for n in range(300)))"
    );
    let whole = database(folder.path(), "whole.db", &script);
    let mut cut = whole.clone();
    cut.truncate(whole.len() - 512);
    assert!(taken(SetForm::Nsrl, &cut).is_err(), "a page is gone");
    cut.truncate(whole.len() - 700);
    assert!(taken(SetForm::Nsrl, &cut).unwrap_err().contains("whole pages"));
    let (mut damaged, mut number) = (0, 0x9E37_79B9_7F4A_7C15_u64);
    for _ in 0..3000 {
        let mut bytes = whole.clone();
        for _ in 0..4 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (number >> 33) as usize % bytes.len();
            bytes[at] = (number >> 20) as u8;
        }
        damaged += usize::from(taken(SetForm::Nsrl, &bytes).is_err());
    }
    assert!(damaged > 100, "{damaged} of 3000 were noticed");
    // A page that is its own child.
    let mut looped = whole.clone();
    let root = whole.chunks(512).position(|page| page[0] == 5).unwrap();
    looped[root * 512 + 8..][..4].copy_from_slice(&(root as u32 + 1).to_be_bytes());
    assert!(taken(SetForm::Nsrl, &looped).unwrap_err().contains("the tree"), "it ends");
}

#[test]
fn hashdeep() {
    let (a, b) = (numbered(1), numbered(2));
    let check = |text: String, expected: Result<&[Digest], &str>| {
        let found = taken(SetForm::Hashdeep, &text.clone().into_bytes());
        match (&found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{text}"),
            (Err(error), Err(expected)) => assert!(error.contains(expected), "{error}\n{text}"),
            other => panic!("{other:?}\n{text}"),
        }
    };
    let head = "%%%% HASHDEEP-1.0\n%%%% size,md5,sha256,filename\n## Invoked from: /x\n##\n";
    check(format!("{head}1,m,{},/a,b\n2,m,{},/b\n", a.hex(), b.hex()), Ok(&[a, b]));
    check(format!("{head}1,m,{},/a", a.hex()).replace('\n', "\r\n"), Ok(&[a]));
    check("%%%% HASHDEEP-1.0\n%%%% size,sha256,filename\n".into(), Ok(&[]));
    check(format!("1,m,{},/a\n", a.hex()), Err("line 1"));
    check("%%%% HASHDEEP-1.0\n".into(), Err("line 2: it does not name the columns"));
    check("%%%% HASHDEEP-1.0\n%%%% size,md5,filename\n".into(), Err("line 2: there is no column `sha256`"));
    check(format!("{head}1,m,{},/a\n2,m,,/b\n", a.hex()), Err("line 6: its `sha256`"));
    check(format!("{head}1,m,{}\n", a.hex()), Err("line 5: it has fewer fields"));
    check(format!("{head}\n"), Err("line 5"));
    check(format!("{head}{head}"), Err("line 5"));
}

#[test]
fn plain_digests() {
    let (a, b) = (numbered(1), numbered(2));
    let text = format!("{}\n{}\n{}", b.hex(), a.hex().to_uppercase(), a.hex());
    assert_eq!(taken(SetForm::Digests, &text.into_bytes()).unwrap(), [b, a, a]);
    let error = taken(SetForm::Digests, &format!("{}\nx\n", a.hex()).into_bytes()).unwrap_err();
    assert!(error.contains("line 2: not 64"), "{error}");
    assert!(taken(SetForm::Digests, &vec![b'a'; 3 << 20]).unwrap_err().contains("a line of more than"));
}
