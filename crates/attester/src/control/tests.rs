//! What frames let pass, and what they refuse.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::{fd::AsFd as _, unix::thread::JoinHandleExt as _},
    thread,
    time::Duration,
};

use super::*;

fn start() -> Start {
    Start {
        contract: vec![1],
        manifest: vec![2],
        program: b"SELECT 1".to_vec(),
        datasets: vec!["a".into()],
        brokers: vec!["b".into()],
        artifact: Vec::new(),
    }
}

#[test]
fn a_message_arrives_with_its_descriptors() {
    let (launcher, keep) = UnixStream::pair().unwrap();
    let file = tempfile::tempfile().unwrap();
    (&file).write_all(b"sealed").unwrap();
    send(&launcher, &ToKeep::Start(start()), &[file.as_fd()]).unwrap();
    send(&launcher, &ToKeep::Evidence(vec![7]), &[]).unwrap();
    let received = receive::<ToKeep>(&keep).unwrap();
    assert_eq!(received.message, ToKeep::Start(start()));
    let [descriptor] = <[OwnedFd; 1]>::try_from(received.descriptors).unwrap();
    let mut text = String::new();
    let mut same = File::from(descriptor);
    std::io::Seek::rewind(&mut same).unwrap();
    same.read_to_string(&mut text).unwrap();
    assert_eq!(text, "sealed");
    let next = receive::<ToKeep>(&keep).unwrap();
    assert_eq!((next.message, next.descriptors.len()), (ToKeep::Evidence(vec![7]), 0));
}

#[test]
fn every_message_re_encodes_to_itself() {
    let reason = Reason::new("rule", "expected", "actual", "remedy");
    let messages = [
        FromKeep::Done(Done {
            results: vec![PartyResult { party: "p".into(), file: vec![1] }],
            bundle: vec![2],
            ordinary_bytes: 3,
        }),
        FromKeep::EvidenceRequest([3; 64]),
        FromKeep::Hardened(Hardened { lacks: vec![Lack::SecretKeys], secret_bytes: 4 }),
        FromKeep::Isolated(Isolated { lacks: Lack::ALL.to_vec() }),
        FromKeep::Progress(Progress { step: Step::Delivered, broker: Some(1) }),
        FromKeep::Refused(Refused { broker: None, reasons: vec![reason] }),
    ];
    for message in messages {
        assert_eq!(decode::<FromKeep>(&encode(&message), FRAME_BYTES_MAX).unwrap(), message);
    }
    let harden =
        ToKeep::Harden(Harden { limits: Limits { wall_s: 9, ..Limits::default() }, debug: true, may_spill: false });
    assert_eq!(decode::<ToKeep>(&encode(&harden), FRAME_BYTES_MAX).unwrap(), harden);
}

#[test]
fn refuses_what_is_no_frame() {
    let body = encode(&FromKeep::EvidenceRequest([0; 64]));
    let length = u32::try_from(body.len()).unwrap();
    let frame = |length: u32, body: &[u8]| [length.to_be_bytes().as_slice(), body].concat();
    for (crime, bytes) in [
        ("nothing", Vec::new()),
        ("half a length", vec![0, 0]),
        ("a length without a body", frame(length, &[])),
        ("a body cut short", frame(length, &body[..body.len() - 1])),
        ("a length beyond the limit", frame(u32::MAX, &body)),
        ("an unknown variant", frame(2, &[0x82, 0x18])),
        ("a byte too many in the frame", frame(length + 1, &[body.as_slice(), &[0]].concat())),
        (
            "the other direction's message",
            frame(u32::try_from(encode(&ToKeep::Start(start())).len()).unwrap(), &encode(&ToKeep::Start(start()))),
        ),
    ] {
        let (mut writer, reader) = UnixStream::pair().unwrap();
        writer.write_all(&bytes).unwrap();
        drop(writer);
        assert!(receive::<FromKeep>(&reader).is_err(), "{crime}");
    }
}

#[test]
fn the_kernel_names_the_sender_only_where_it_is_asked() {
    let (launcher, keep) = UnixStream::pair().unwrap();
    send(&keep, &FromKeep::Isolated(Isolated::default()), &[]).unwrap();
    assert_eq!(receive::<FromKeep>(&launcher).unwrap().sender, None);
    nix::sys::socket::setsockopt(&launcher, nix::sys::socket::sockopt::PassCred, &true).unwrap();
    send(&keep, &FromKeep::Isolated(Isolated::default()), &[]).unwrap();
    assert_eq!(receive::<FromKeep>(&launcher).unwrap().sender, Some(std::process::id().cast_signed()));
}

extern "C" fn nothing(_signal: libc::c_int) {}

/// As when a person stops the program and lets it go on, or a child of it ends.
#[test]
#[expect(unsafe_code, reason = "a signal to one thread")]
fn a_signal_is_no_end_of_the_conversation() {
    let (launcher, keep) = UnixStream::pair().unwrap();
    launcher.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let handler: extern "C" fn(libc::c_int) = nothing;
    // SAFETY: the handler does nothing, and stays for as long as the process.
    unsafe { libc::signal(libc::SIGUSR2, handler as libc::sighandler_t) };
    let waiting = thread::spawn(move || receive::<FromKeep>(&launcher).map(|received| received.message));
    for _ in 0..50 {
        // SAFETY: the thread is joined below, so its handle is valid.
        assert_eq!(unsafe { libc::pthread_kill(waiting.as_pthread_t(), libc::SIGUSR2) }, 0);
        thread::sleep(Duration::from_millis(1));
    }
    let said = FromKeep::Isolated(Isolated::default());
    send(&keep, &said, &[]).unwrap();
    assert_eq!(waiting.join().unwrap().unwrap(), said);
}

#[test]
fn a_message_beyond_the_limit_is_not_sent() {
    let (launcher, _keep) = UnixStream::pair().unwrap();
    let bundle = vec![0; FRAME_BYTES_MAX + 1];
    let sent = send(&launcher, &FromKeep::Done(Done { bundle, ..Done::default() }), &[]);
    assert!(matches!(sent, Err(ControlError::TooLong(_))));
}
