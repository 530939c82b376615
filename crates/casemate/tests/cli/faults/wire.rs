//! The network between a runner and one broker: it listens where the contract says, and passes on to where the broker is.
//!
//! Its unit is the TLS record [RFC 8446 §5.1]: five bytes, of which the last two say how many follow. All that a broker and
//! its visitors say is in records, so that the n-th message of a run is the same one each time.

use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

const HEADER_BYTES: usize = 5;
/// How often whoever stands still looks whether the run is over.
const LOOK: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Direction {
    /// What the broker says.
    From,
    /// What it is told.
    To,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mishap {
    /// The connection ends before it.
    Cut,
    /// It comes later, and all after it.
    Delayed(Duration),
    /// It comes twice.
    Doubled,
    /// It is lost; what follows is not.
    Dropped,
    /// One bit of it is another, counted from its end.
    Flipped(u64),
    /// The connection ends within it.
    Shortened(u64),
    /// Nothing passes any more in either direction, and nobody is told.
    Stalled,
}

impl Mishap {
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Cut => "cut off",
            Self::Delayed(_) => "delayed",
            Self::Doubled => "doubled",
            Self::Dropped => "dropped",
            Self::Flipped(_) => "with a bit flipped",
            Self::Shortened(_) => "cut in two",
            Self::Stalled => "never passed, nor any other",
        }
    }
}

/// A message by its direction and by how many went before it.
pub(crate) type Place = (Direction, u32);

pub(crate) struct Wire {
    run: Arc<Mutex<Arc<Run>>>,
}

/// What passes during one run, and what is to happen to it.
#[derive(Default)]
struct Run {
    counts: Mutex<[u32; 2]>,
    mishaps: Mutex<Vec<(Place, Mishap)>>,
    hits: Mutex<Vec<Place>>,
    is_over: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
}

impl Wire {
    /// Listens at `here` for as long as the tests run, and passes on to `there`.
    pub(crate) fn between(here: &str, there: &str) -> Self {
        let listener = TcpListener::bind(here).unwrap();
        let wire = Self { run: Arc::default() };
        let (current, there) = (Arc::clone(&wire.run), there.to_owned());
        thread::spawn(move || {
            for visitor in listener.incoming().map_while(Result::ok) {
                let run = Arc::clone(&current.lock().unwrap());
                // Without a broker the visitor sees the connection end.
                if let Ok(broker) = TcpStream::connect(&there) {
                    let _ = join(&run, visitor, broker);
                }
            }
        });
        wire
    }

    /// Ends all connections, and begins to count anew.
    pub(crate) fn begin(&self, mishaps: Vec<(Place, Mishap)>) {
        let next = Run { mishaps: Mutex::new(mishaps), ..Run::default() };
        let earlier = std::mem::replace(&mut *self.run.lock().unwrap(), Arc::new(next));
        earlier.is_over.store(true, Ordering::Relaxed);
        for stream in earlier.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// How many messages passed from the broker, and to it.
    pub(crate) fn counts(&self) -> [u32; 2] {
        *self.run.lock().unwrap().counts.lock().unwrap()
    }

    /// The messages to which something happened.
    pub(crate) fn hits(&self) -> Vec<Place> {
        self.run.lock().unwrap().hits.lock().unwrap().clone()
    }
}

fn join(run: &Arc<Run>, visitor: TcpStream, broker: TcpStream) -> io::Result<()> {
    visitor.set_nodelay(true)?;
    broker.set_nodelay(true)?;
    let is_stalled = Arc::new(AtomicBool::new(false));
    run.streams.lock().unwrap().extend([visitor.try_clone()?, broker.try_clone()?]);
    let ways = [(broker.try_clone()?, visitor.try_clone()?, Direction::From), (visitor, broker, Direction::To)];
    for (from, to, direction) in ways {
        let (run, is_stalled) = (Arc::clone(run), Arc::clone(&is_stalled));
        thread::spawn(move || {
            let mut way = Way { from, to, direction, run, is_stalled };
            if way.pass().is_err() {
                let _ = way.end();
            }
        });
    }
    Ok(())
}

/// One direction of one connection.
struct Way {
    from: TcpStream,
    to: TcpStream,
    direction: Direction,
    run: Arc<Run>,
    is_stalled: Arc<AtomicBool>,
}

impl Way {
    fn pass(&mut self) -> io::Result<()> {
        while let Ok(mut record) = self.record() {
            let mishap = self.run.next(self.direction);
            if mishap == Some(Mishap::Stalled) {
                self.is_stalled.store(true, Ordering::Relaxed);
            }
            self.wait_while_stalled();
            match mishap {
                None | Some(Mishap::Stalled) => self.to.write_all(&record)?,
                Some(Mishap::Cut) => return self.end(),
                Some(Mishap::Delayed(time)) => {
                    thread::sleep(time);
                    self.to.write_all(&record)?;
                }
                Some(Mishap::Doubled) => {
                    self.to.write_all(&record)?;
                    self.to.write_all(&record)?;
                }
                Some(Mishap::Dropped) => {}
                Some(Mishap::Flipped(place)) => {
                    let bit = usize::try_from(place % (record.len() as u64 * 8)).unwrap();
                    let byte = record.len() - 1 - bit / 8;
                    record[byte] ^= 1 << (bit % 8);
                    self.to.write_all(&record)?;
                }
                Some(Mishap::Shortened(place)) => {
                    let left = usize::try_from(place % record.len() as u64).unwrap();
                    self.to.write_all(&record[..left])?;
                    return self.end();
                }
            }
        }
        self.wait_while_stalled();
        self.to.shutdown(Shutdown::Write)
    }

    fn record(&mut self) -> io::Result<Vec<u8>> {
        let mut record = vec![0; HEADER_BYTES];
        self.from.read_exact(&mut record)?;
        let length = u16::from_be_bytes([record[3], record[4]]);
        record.resize(HEADER_BYTES + usize::from(length), 0);
        self.from.read_exact(&mut record[HEADER_BYTES..])?;
        Ok(record)
    }

    fn wait_while_stalled(&self) {
        while self.is_stalled.load(Ordering::Relaxed) && !self.run.is_over.load(Ordering::Relaxed) {
            thread::sleep(LOOK);
        }
    }

    fn end(&self) -> io::Result<()> {
        self.from.shutdown(Shutdown::Both)?;
        self.to.shutdown(Shutdown::Both)
    }
}

impl Run {
    fn next(&self, direction: Direction) -> Option<Mishap> {
        let place = {
            let count = &mut self.counts.lock().unwrap()[direction as usize];
            *count += 1;
            (direction, *count - 1)
        };
        let mut mishaps = self.mishaps.lock().unwrap();
        let found = mishaps.iter().position(|(at, _)| *at == place)?;
        self.hits.lock().unwrap().push(place);
        Some(mishaps.swap_remove(found).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::free_address;

    const FIRST: &[u8] = b"\x17\x03\x03\x00\x02ab";
    const SECOND: &[u8] = b"\x17\x03\x03\x00\x01c";

    /// What comes out at the other end of two records, something happening to the first.
    fn passed(mishap: Option<Mishap>) -> Vec<u8> {
        let (here, broker) = (free_address(), TcpListener::bind("127.0.0.1:0").unwrap());
        let wire = Wire::between(&here, &broker.local_addr().unwrap().to_string());
        wire.begin(mishap.map(|mishap| ((Direction::To, 0), mishap)).into_iter().collect());
        let mut visitor = TcpStream::connect(here).unwrap();
        let (mut broker, _) = broker.accept().unwrap();
        let _ = visitor.write_all(&[FIRST, SECOND].concat());
        let _ = visitor.shutdown(Shutdown::Write);
        if mishap == Some(Mishap::Stalled) {
            // Not even the end is passed on, until the run is over.
            broker.set_read_timeout(Some(LOOK * 5)).unwrap();
            assert!(broker.read(&mut [0]).is_err());
            wire.begin(Vec::new());
            return Vec::new();
        }
        let mut all = Vec::new();
        let _ = broker.read_to_end(&mut all);
        assert_eq!(wire.hits().len(), usize::from(mishap.is_some()));
        all
    }

    #[test]
    fn each_mishap_is_what_it_is_called() {
        assert_eq!(passed(None), [FIRST, SECOND].concat());
        assert_eq!(passed(Some(Mishap::Delayed(LOOK))), [FIRST, SECOND].concat());
        assert!(passed(Some(Mishap::Cut)).is_empty());
        assert_eq!(passed(Some(Mishap::Doubled)), [FIRST, FIRST, SECOND].concat());
        assert_eq!(passed(Some(Mishap::Dropped)), SECOND);
        assert_eq!(passed(Some(Mishap::Flipped(8))), [b"\x17\x03\x03\x00\x02\x60b", SECOND].concat());
        assert_eq!(passed(Some(Mishap::Shortened(6))), FIRST[..6]);
        passed(Some(Mishap::Stalled));
    }
}
