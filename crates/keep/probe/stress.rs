//! Uses secret memory in every way that a workload does, and checks what comes back.

use std::{
    alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc},
    sync::mpsc,
    thread,
};

use casemate_keep::secret::SecretMemories;
use wasmtime::{MemoryCreator as _, MemoryType};

const WASM_PAGE_BYTES: usize = 65_536;
const RESERVED_BYTES: usize = 4 << 30;
const GUARD_BYTES: usize = 32 << 20;

pub(crate) fn stress() -> String {
    blocks();
    threads();
    memories();
    "ok".into()
}

/// Every alignment and many sizes: aligned, apart from each other, kept through growth, zero where that was asked for.
fn blocks() {
    let mut held: Vec<(*mut u8, Layout, u8)> = Vec::new();
    for round in 0..20_000_usize {
        let bytes = 1 + (round * 7919) % if round % 50 == 0 { 300_000 } else { 600 };
        let layout = Layout::from_size_align(bytes, 1 << (round % 13)).unwrap();
        let mark = u8::try_from(round % 251).unwrap();
        // SAFETY: each block is written within its layout, and freed once with it.
        unsafe {
            let block = if round % 3 == 0 { alloc_zeroed(layout) } else { alloc(layout) };
            assert!(!block.is_null() && block.addr().is_multiple_of(layout.align()), "{layout:?}");
            assert!(round % 3 != 0 || (0..bytes).all(|at| block.add(at).read() == 0), "{layout:?} is not zero");
            block.write_bytes(mark, bytes);
            held.push((block, layout, mark));
            if held.len() < 400 {
                continue;
            }
            let (block, layout, mark) = held.swap_remove(round % 400);
            let more = layout.size() + round % 900;
            let block = realloc(block, layout, more);
            assert!((0..layout.size()).all(|at| block.add(at).read() == mark), "{layout:?} was overwritten");
            dealloc(block, Layout::from_size_align(more, layout.align()).unwrap());
        }
    }
    for (block, layout, mark) in held {
        // SAFETY: as above.
        unsafe {
            assert!((0..layout.size()).all(|at| block.add(at).read() == mark), "{layout:?} was overwritten");
            dealloc(block, layout);
        }
    }
}

/// More threads than there are places for their stacks, joined and detached; blocks freed by others than their makers.
fn threads() {
    for round in 0..300_usize {
        let (send, receive) = mpsc::channel::<Vec<u8>>();
        let makers: Vec<_> = (0..8)
            .map(|number| {
                let send = send.clone();
                thread::spawn(move || send.send(vec![number; 100 + round]).unwrap())
            })
            .collect();
        drop(send);
        assert_eq!(receive.iter().map(|block| block.len()).sum::<usize>(), 8 * (100 + round));
        for (index, maker) in makers.into_iter().enumerate() {
            if index % 2 == 0 {
                maker.join().unwrap();
            }
        }
    }
    let deep = thread::Builder::new().stack_size(4 << 20).spawn(|| recurse(800)).unwrap();
    assert_eq!(deep.join().unwrap(), 800);
}

fn recurse(depth: u32) -> u32 {
    let room = std::hint::black_box([1_u8; 1024]);
    if depth == 0 { 0 } else { recurse(depth - 1) + u32::from(room[usize::try_from(depth).unwrap() % 1024]) }
}

/// Memories grow without moving, begin with zeros also when their pages were used before, and end where they end.
fn memories() {
    let creator = SecretMemories::default();
    for round in 0..20_u8 {
        let ty = MemoryType::new(1, Some(64));
        let (least, most) = (WASM_PAGE_BYTES, Some(64 * WASM_PAGE_BYTES));
        let mut memory = creator.new_memory(ty, least, most, Some(RESERVED_BYTES), GUARD_BYTES).unwrap();
        let base = memory.as_ptr();
        for pages in [1, 2, 10, 40] {
            memory.grow_to(pages * WASM_PAGE_BYTES).unwrap();
            assert_eq!((memory.as_ptr(), memory.byte_size()), (base, pages * WASM_PAGE_BYTES));
        }
        let bytes = memory.byte_size();
        // SAFETY: the memory's own bytes; beyond them only the kernel is asked to write, and answers that it can't.
        unsafe {
            let contents = std::slice::from_raw_parts_mut(base, bytes);
            assert!(contents.iter().all(|byte| *byte == 0), "a new memory is not zero in round {round}");
            contents.fill(round + 1);
            for beyond in [bytes, RESERVED_BYTES - 1, RESERVED_BYTES + GUARD_BYTES - 1] {
                assert_eq!(libc::getrandom(base.add(beyond).cast(), 1, 0), -1, "{beyond} can be written");
            }
        }
        assert!(memory.grow_to(RESERVED_BYTES * 2).is_err());
    }
}
