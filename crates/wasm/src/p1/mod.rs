//! WASI preview 1, for core modules: every function of `wasi_snapshot_preview1`, over files in memory.
//!
//! [WASI preview 1, `wasi_snapshot_preview1.witx`]. Numbers and layouts below are that document's. A pointer outside the
//! program's memory is answered with `fault`; sockets, links, signals and new directories are answered with a refusal.

mod clocks;
mod descriptors;
mod directories;
mod files;
mod guest;
mod start;

use wasmtime::{Caller, Extern, Linker};

pub(crate) use descriptors::Descriptors;

use crate::{
    errno::Errno,
    world::{Stop, World},
};
use guest::Guest;

/// The one module that programs import from.
pub(crate) const MODULE: &str = "wasi_snapshot_preview1";

/// Adds functions, each with the names and types of its parameters.
macro_rules! calls {
    ($linker:ident; $($function:path = $name:ident($($argument:ident: $type:ty),*);)*) => {$(
        $linker.func_wrap(MODULE, stringify!($name), |mut caller: Caller<'_, World>, $($argument: $type),*| {
            answer(&mut caller, |guest| $function(guest, $($argument),*))
        })?;
    )*};
}

/// Gives a program all of preview 1, and nothing else.
pub(crate) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<World>> {
    let mut linker = Linker::new(engine);
    add_program(&mut linker)?;
    add_files(&mut linker)?;
    add_directories(&mut linker)?;
    Ok(linker)
}

fn add_program(linker: &mut Linker<World>) -> wasmtime::Result<()> {
    calls! { linker;
        start::args_get = args_get(pointers: u32, text: u32);
        start::args_sizes_get = args_sizes_get(count: u32, size: u32);
        start::environ_get = environ_get(pointers: u32, text: u32);
        start::environ_sizes_get = environ_sizes_get(count: u32, size: u32);
        start::random_get = random_get(buffer: u32, length: u32);
        start::nothing = sched_yield();
        start::proc_raise = proc_raise(signal: u32);
        clocks::clock_res_get = clock_res_get(clock: u32, result: u32);
        clocks::clock_time_get = clock_time_get(clock: u32, precision: u64, result: u32);
        clocks::poll_oneoff = poll_oneoff(subscriptions: u32, events: u32, count: u32, result: u32);
        start::sock_accept = sock_accept(fd: u32, flags: u32, result: u32);
        start::sock_recv = sock_recv(fd: u32, data: u32, count: u32, flags: u32, size: u32, result: u32);
        start::sock_send = sock_send(fd: u32, data: u32, count: u32, flags: u32, size: u32);
        start::sock_shutdown = sock_shutdown(fd: u32, how: u32);
    }
    linker.func_wrap(MODULE, "proc_exit", |code: u32| -> wasmtime::Result<()> {
        Err(Stop::Exit { well: code == 0 }.into())
    })?;
    Ok(())
}

fn add_files(linker: &mut Linker<World>) -> wasmtime::Result<()> {
    calls! { linker;
        files::fd_advise = fd_advise(fd: u32, offset: u64, length: u64, advice: u32);
        files::fd_allocate = fd_allocate(fd: u32, offset: u64, length: u64);
        files::fd_close = fd_close(fd: u32);
        files::fd_sync = fd_datasync(fd: u32);
        files::fd_fdstat_get = fd_fdstat_get(fd: u32, result: u32);
        files::fd_fdstat_set_flags = fd_fdstat_set_flags(fd: u32, flags: u32);
        files::fd_fdstat_set_rights = fd_fdstat_set_rights(fd: u32, base: u64, inheriting: u64);
        files::fd_filestat_get = fd_filestat_get(fd: u32, result: u32);
        files::fd_filestat_set_size = fd_filestat_set_size(fd: u32, size: u64);
        files::fd_filestat_set_times = fd_filestat_set_times(fd: u32, accessed: u64, modified: u64, flags: u32);
        files::fd_pread = fd_pread(fd: u32, buffers: u32, count: u32, offset: u64, result: u32);
        files::fd_pwrite = fd_pwrite(fd: u32, buffers: u32, count: u32, offset: u64, result: u32);
        files::fd_read = fd_read(fd: u32, buffers: u32, count: u32, result: u32);
        files::fd_renumber = fd_renumber(from: u32, to: u32);
        files::fd_seek = fd_seek(fd: u32, offset: i64, whence: u32, result: u32);
        files::fd_sync = fd_sync(fd: u32);
        files::fd_tell = fd_tell(fd: u32, result: u32);
        files::fd_write = fd_write(fd: u32, buffers: u32, count: u32, result: u32);
    }
    Ok(())
}

fn add_directories(linker: &mut Linker<World>) -> wasmtime::Result<()> {
    calls! { linker;
        directories::fd_prestat_dir_name = fd_prestat_dir_name(fd: u32, path: u32, length: u32);
        directories::fd_prestat_get = fd_prestat_get(fd: u32, result: u32);
        directories::fd_readdir = fd_readdir(fd: u32, buffer: u32, length: u32, cookie: u64, result: u32);
        directories::path_create_directory = path_create_directory(fd: u32, path: u32, length: u32);
        directories::path_filestat_get = path_filestat_get(fd: u32, flags: u32, path: u32, length: u32, result: u32);
        directories::path_filestat_set_times = path_filestat_set_times(
            fd: u32, flags: u32, path: u32, length: u32, accessed: u64, modified: u64, which: u32);
        directories::path_link = path_link(
            from: u32, flags: u32, old: u32, old_length: u32, to: u32, new: u32, new_length: u32);
        directories::path_open = path_open(
            fd: u32, lookup: u32, path: u32, length: u32, how: u32, rights: u64, inheriting: u64, flags: u32, result: u32);
        directories::path_readlink = path_readlink(
            fd: u32, path: u32, length: u32, buffer: u32, buffer_length: u32, result: u32);
        directories::path_remove_directory = path_remove_directory(fd: u32, path: u32, length: u32);
        directories::path_rename = path_rename(
            from: u32, old: u32, old_length: u32, to: u32, new: u32, new_length: u32);
        directories::path_symlink = path_symlink(old: u32, old_length: u32, fd: u32, new: u32, new_length: u32);
        directories::path_unlink_file = path_unlink_file(fd: u32, path: u32, length: u32);
    }
    Ok(())
}

/// Carries a call out over the program's memory and world; the answer is an error number, 0 for none.
fn answer(
    caller: &mut Caller<'_, World>,
    call: impl FnOnce(&mut Guest<'_>) -> Result<(), Errno>,
) -> wasmtime::Result<i32> {
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else { return Err(Stop::Host.into()) };
    let (memory, world) = memory.data_and_store_mut(&mut *caller);
    Ok(match call(&mut Guest { memory, world }) {
        Ok(()) => 0,
        Err(errno) => errno.preview1(),
    })
}
