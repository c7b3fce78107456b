//! Nothing is overwritten, and no error is lost.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[test]
fn nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::new();
    let path = |name: &str| folder.path().join(name);
    disk.write_new(&path("a"), b"first").unwrap();
    disk.write_new(&path("b"), b"second").unwrap();
    for taken in [
        disk.write_new(&path("a"), b"x"),
        disk.rename(&path("b"), &path("a")),
        disk.create_folder(&path("a")),
    ] {
        assert!(matches!(taken, Err(DurableError::Exists { .. })), "{taken:?}");
    }
    assert_eq!(disk.read(&path("a"), 10).unwrap(), b"first");
    assert!(matches!(disk.read(&path("a"), 4), Err(DurableError::TooLong { limit: 4, .. })));
}

#[test]
fn the_first_error_is_kept_and_every_later_write_fails() {
    let folder = tempfile::tempdir().unwrap();
    let writes = AtomicUsize::new(0);
    let disk = Disk::with_hook(Arc::new(move |op, _: &Path| {
        let full = op == Op::Write && writes.fetch_add(1, Ordering::Relaxed) == 1;
        if full { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }));
    let mut file = disk.create_new(&folder.path().join("part")).unwrap();
    assert!(file.write_all(b"12345").is_ok());
    assert!(file.write_all(b"fails").is_err());
    assert!(file.write_all(b"would work").is_err());
    let error = file.finish().unwrap_err();
    assert!(matches!(error, DurableError::Full { written: 5, .. }), "{error}");
    assert!(error.to_string().contains("5 bytes of it were written"), "{error}");
}
