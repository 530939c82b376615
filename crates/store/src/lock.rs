//! Advisory locks [flock(2)], which end with the process, however it ends: `NAME.lock` for one process a role, `.lock`
//! for the moments in which a folder's files are made.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use nix::fcntl::{Flock, FlockArg};

use crate::StoreError;

/// The right to be the only `casemate NAME` on a state folder, until it is dropped.
#[derive(Debug)]
pub struct StateLock(#[expect(dead_code, reason = "held, not read: dropping it unlocks")] Flock<File>);

impl StateLock {
    /// Takes the lock of the role `name` in the folder `dir`, which exists.
    ///
    /// # Errors
    /// [`StoreError::Locked`] with the other's process id; [`StoreError::Unwritable`] and its siblings.
    pub fn acquire(dir: &Path, name: &str) -> Result<Self, StoreError> {
        let (path, mut held) = lock(dir, name, FlockArg::LockExclusiveNonblock)?;
        let tell = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        tell(&mut held).map_err(|error| StoreError::io(&path, error))?;
        Ok(Self(held))
    }

    /// Takes the lock of the role `name` together with others that share it: nobody can [`StateLock::acquire`] it then.
    ///
    /// # Errors
    /// As [`StateLock::acquire`].
    pub fn share(dir: &Path, name: &str) -> Result<Self, StoreError> {
        let (path, held) = lock(dir, name, FlockArg::LockSharedNonblock)?;
        // One of several has no number to tell; that of whoever was alone before must not stand there.
        held.set_len(0).map_err(|error| StoreError::io(&path, error))?;
        Ok(Self(held))
    }
}

fn lock(dir: &Path, name: &str, how: FlockArg) -> Result<(PathBuf, Flock<File>), StoreError> {
    let path = dir.join(format!("{name}.lock"));
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = file.map_err(|error| StoreError::io(&path, error))?;
    match Flock::lock(file, how) {
        Ok(held) => Ok((path, held)),
        Err((mut file, nix::errno::Errno::EWOULDBLOCK)) => {
            let mut text = String::new();
            let pid = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
            Err(StoreError::Locked { name: name.to_owned(), path: dir.to_owned(), pid })
        }
        Err((_, error)) => Err(StoreError::io(&path, error.into())),
    }
}

/// Waits until no other process or task holds `.lock` in `folder`, which is made, and holds it.
pub(crate) async fn wait(folder: &Path) -> Result<Flock<File>, StoreError> {
    let folder = folder.to_owned();
    blocking(move || {
        fs::create_dir_all(&folder).map_err(|error| StoreError::io(&folder, error))?;
        let path = folder.join(".lock");
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(|error| StoreError::io(&path, error))?;
        Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| StoreError::io(&path, error.into()))
    })
    .await
}

/// Does work on files away from the tasks.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(StoreError::Io { path: PathBuf::from("state"), source: io::Error::other(error) }),
    }
}

#[cfg(test)]
mod tests {
    use casemate_testkit::Folder;

    use super::*;

    #[test]
    fn a_second_of_one_role_is_refused_with_the_firsts_pid() {
        let folder = Folder::new("lock");
        let first = StateLock::acquire(folder.path(), "broker").unwrap();
        let error = StateLock::acquire(folder.path(), "broker").unwrap_err();
        let pid = std::process::id();
        assert_eq!(error.to_string(), format!("another `casemate broker` uses this state folder, pid {pid}"));
        assert_eq!(error.remedy().unwrap(), format!("wait for it, or stop it with `kill {pid}`"));
        StateLock::acquire(folder.path(), "run").unwrap();
        drop(first);
        StateLock::acquire(folder.path(), "broker").unwrap();
    }

    #[test]
    fn a_shared_lock_keeps_out_who_wants_it_alone_and_no_other() {
        let folder = Folder::new("lock-shared");
        drop(StateLock::acquire(folder.path(), "key").unwrap());
        let [first, second] = [(); 2].map(|()| StateLock::share(folder.path(), "key").unwrap());
        let alone = || StateLock::acquire(folder.path(), "key");
        assert!(
            matches!(alone().unwrap_err(), StoreError::Locked { pid: None, .. }),
            "whoever came before is not blamed"
        );
        drop(first);
        assert!(matches!(alone().unwrap_err(), StoreError::Locked { .. }));
        drop(second);
        let held = alone().unwrap();
        assert!(matches!(StateLock::share(folder.path(), "key").unwrap_err(), StoreError::Locked { .. }));
        drop(held);
        StateLock::share(folder.path(), "key").unwrap();
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = StateLock::acquire(Path::new("/nonexistent/state"), "broker").unwrap_err();
        assert!(error.to_string().contains("/nonexistent/state/broker.lock"), "{error}");
    }
}
