//! The files of one run: names, quota, and what is open.

use proptest::prelude::*;

use super::*;

const WRITING: Opening = Opening { create: true, directory: false, exclusive: false, truncate: false, write: true };

fn files(quota_bytes: u64) -> Files {
    Files::new(vec![("in.csv".to_owned(), Bytes::from_static(b"12345"))], quota_bytes)
}

fn opened(files: &mut Files, name: &str) -> File {
    match files.open(Directory::Out, name, WRITING) {
        Ok(Node::File(file)) => file,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn an_open_file_is_not_removed() {
    let mut files = files(100);
    let file = opened(&mut files, "a");
    assert_eq!(files.unlink(Directory::Out, "a"), Err(Errno::Busy));
    files.hold(file);
    files.close(Node::File(file));
    assert_eq!(files.unlink(Directory::Out, "a"), Err(Errno::Busy));
    files.close(Node::File(file));
    assert_eq!(files.unlink(Directory::Out, "a"), Ok(()));
    assert_eq!(files.find(Directory::Out, "a"), Err(Errno::NoEntry));
}

#[test]
fn what_was_removed_is_not_read_by_what_comes_next() {
    let mut files = files(100);
    let first = opened(&mut files, "a");
    files.write(first, 0, b"secret").unwrap();
    files.close(Node::File(first));
    files.unlink(Directory::Out, "a").unwrap();
    let second = opened(&mut files, "b");
    assert_eq!(first, second, "the place is used again");
    assert_eq!(files.bytes(second), Ok(&b""[..]));
}

#[test]
fn a_file_replaces_another() {
    let mut files = files(10);
    for (name, data) in [("a", b"first"), ("b", b"other")] {
        let file = opened(&mut files, name);
        files.write(file, 0, data).unwrap();
        files.close(Node::File(file));
    }
    files.rename((Directory::Out, "a"), (Directory::Out, "b")).unwrap();
    let third = opened(&mut files, "c");
    assert_eq!(files.write(third, 0, b"third"), Ok(()), "what was replaced counts no more");
    files.close(Node::File(third));
    let left: Vec<(String, Vec<u8>)> = files.into_outputs().into_iter().collect();
    assert_eq!(left, [("b".to_owned(), b"first".to_vec()), ("c".to_owned(), b"third".to_vec())]);
}

#[test]
fn a_gap_is_zeros_and_counts() {
    let mut files = files(8);
    let file = opened(&mut files, "a");
    assert_eq!(files.write(file, 6, b"xy"), Ok(()));
    assert_eq!(files.bytes(file), Ok(&b"\0\0\0\0\0\0xy"[..]));
    assert_eq!(files.write(file, 7, b"xy"), Err(Errno::NoSpace));
    assert_eq!(files.write(file, 1 << 60, b""), Ok(()), "nothing at all needs no room");
    assert_eq!(files.bytes(file).unwrap().len(), 8);
}

#[test]
fn reading_past_the_end_gives_what_is_there() {
    let files = files(0);
    let input = File::Input(0);
    assert_eq!(files.read(input, 3, u64::MAX), Ok(&b"45"[..]));
    assert_eq!(files.read(input, 5, 1), Ok(&b""[..]));
    assert_eq!(files.read(input, u64::MAX, u64::MAX), Ok(&b""[..]));
    assert_eq!(files.read(File::Input(1), 0, 1), Err(Errno::BadDescriptor));
}

/// A step of a program that does anything.
#[derive(Clone, Debug)]
enum Step {
    Close(u8),
    Open(u8),
    Rename(u8, u8),
    Resize(u8, u64),
    Unlink(u8),
    Write(u8, u64, u8),
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![0_u64..200, Just(u64::MAX), any::<u64>()];
    prop_oneof![
        (0_u8..4).prop_map(Step::Close),
        (0_u8..4).prop_map(Step::Open),
        (0_u8..4, 0_u8..4).prop_map(|(from, to)| Step::Rename(from, to)),
        (0_u8..4, size.clone()).prop_map(|(file, size)| Step::Resize(file, size)),
        (0_u8..4).prop_map(Step::Unlink),
        (0_u8..4, size, 0_u8..100).prop_map(|(file, at, length)| Step::Write(file, at, length)),
    ]
}

proptest! {
    /// Whatever is done, all bytes of all files stay below the quota, and the count of them is right.
    #[test]
    fn the_quota_holds(steps in prop::collection::vec(step(), 0..200)) {
        let mut files = files(300);
        let mut open: Vec<File> = Vec::new();
        for step in steps {
            match step {
                Step::Close(place) if usize::from(place) < open.len() => {
                    files.close(Node::File(open.remove(usize::from(place))));
                }
                Step::Open(name) => {
                    if let Ok(Node::File(file)) = files.open(Directory::Out, &name.to_string(), WRITING) {
                        open.push(file);
                    }
                }
                Step::Rename(from, to) => {
                    let _ = files.rename((Directory::Out, &from.to_string()), (Directory::Out, &to.to_string()));
                }
                Step::Resize(place, size) => {
                    let _ = open.get(usize::from(place)).map(|file| files.resize(*file, size));
                }
                Step::Unlink(name) => {
                    let _ = files.unlink(Directory::Out, &name.to_string());
                }
                Step::Write(place, at, length) => {
                    let data = vec![7; usize::from(length)];
                    let _ = open.get(usize::from(place)).map(|file| files.write(*file, at, &data));
                }
                Step::Close(_) => {}
            }
            let there: usize = files.slots.iter().map(|slot| slot.bytes.len()).sum();
            prop_assert_eq!(there as u64, files.used_bytes);
            prop_assert!(files.used_bytes <= 300);
        }
    }

    /// No path panics, and none finds anything but the input by its name.
    #[test]
    fn paths_find_names_only(path in "[./a-z\\PC]{0,40}") {
        if let Ok(Node::File(_)) = files(0).find(Directory::In, &path) {
            prop_assert_eq!(path.trim_start_matches("./").trim_start_matches('/'), "in.csv");
        }
    }
}
