//! Many keeps at once: how fast they come and go, and what each holds.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::Instant,
};

use casemate_launch::{Broker, Spec};

use crate::{
    keeps::{own, run, spec},
    parties::descendants,
};

/// What `count` keeps at once come to.
pub(crate) struct Many {
    /// Started, their program compiled and run, and gone.
    pub(crate) per_second: f64,
    /// Of each, while all are there: what is its own of ordinary memory, and of secret memory.
    pub(crate) private_bytes: f64,
    pub(crate) secret_bytes: f64,
    /// Of each: the sealed copy of the runtime, which its launcher holds.
    pub(crate) image_bytes: f64,
}

pub(crate) fn measure(count: usize) -> Many {
    let started = Instant::now();
    thread::scope(|scope| {
        for _ in 0..count {
            scope.spawn(|| run(spec(&own(), "begin")));
        }
    });
    let per_second = count as f64 / started.elapsed().as_secs_f64();

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (private, secret) = thread::scope(|scope| {
        for _ in 0..count {
            let brokers = vec![Broker { owner: "bench".into(), address: address.clone() }];
            scope.spawn(|| run(Spec { brokers, ..spec(&own(), "hold") }));
        }
        let mut here = meet(&listener, count);
        let held = descendants(std::process::id()).into_iter().skip(1).map(memory);
        let held = held.fold((0.0, 0.0), |(private, secret), more| (private + more.0, secret + more.1));
        for keep in &mut here {
            keep.write_all(b"g").unwrap();
        }
        held
    });
    let each = count as f64;
    let image_bytes = fs::metadata(own()).unwrap().len() as f64;
    Many { per_second, private_bytes: private / each, secret_bytes: secret / each, image_bytes }
}

/// Waits for a word of `count` keeps. Where one takes longer than a broker's patience, its launcher connects a second time.
fn meet(listener: &TcpListener, count: usize) -> Vec<TcpStream> {
    let (tell, told) = mpsc::channel();
    let listener = listener.try_clone().unwrap();
    thread::spawn(move || {
        for mut keep in listener.incoming().flatten() {
            let tell = tell.clone();
            thread::spawn(move || keep.read_exact(&mut [0]).is_ok().then(|| tell.send(keep)));
        }
    });
    told.iter().take(count).collect()
}

/// Bytes of a process: of ordinary memory that is its own, and of secret memory.
fn memory(process: u32) -> (f64, f64) {
    let text = fs::read_to_string(format!("/proc/{process}/smaps")).unwrap_or_default();
    let (mut private, mut secret, mut is_secret) = (0.0, 0.0, false);
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or_default();
        if !first.ends_with(':') {
            is_secret = line.contains("/secretmem");
        } else if first == if is_secret { "Rss:" } else { "Anonymous:" } {
            let kib: f64 = words.next().and_then(|kib| kib.parse().ok()).unwrap_or(0.0);
            *(if is_secret { &mut secret } else { &mut private }) += kib * 1024.0;
        }
    }
    (private, secret)
}
