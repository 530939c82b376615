//! An empty root directory.

use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    unistd::{chdir, pivot_root},
};

/// Directories that nearly every system has, any of which serves as the place of the new root.
const PLACES: [&str; 4] = ["/proc", "/tmp", "/run", "/mnt"];
/// One page, one directory.
const OPTIONS: &str = "size=4k,nr_inodes=2,mode=0555";

/// Makes the root of this mount namespace an empty, read-only file system, and lets go of the old one.
pub(super) fn empty() -> Option<()> {
    const NOTHING: Option<&str> = None;
    mount(NOTHING, "/", NOTHING, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NOTHING).ok()?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let place =
        PLACES.into_iter().find(|place| mount(Some("keep"), *place, Some("tmpfs"), flags, Some(OPTIONS)).is_ok())?;
    chdir(place).ok()?;
    // The old root is stacked on the new one, and is then the topmost mount at ".": pivot_root(2), NOTES.
    pivot_root(".", ".").ok()?;
    umount2(".", MntFlags::MNT_DETACH).ok()?;
    chdir("/").ok()?;
    let read_only = flags | MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
    mount(NOTHING, "/", NOTHING, read_only, NOTHING).ok()
}
