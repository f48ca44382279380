//! SQLite's C interface to a disk: a `sqlite3_vfs` and its files (<https://www.sqlite.org/vfs.html>).
//!
//! The one unsafe module of the project. A VFS is a table of C functions that take raw pointers, so there is no safe
//! way to write one. Each function here does no more than turn pointers into references and ask [`State`]. It is a
//! test's: no shipped program links it.
//!
//! What SQLite promises and this relies on: a file pointer is used by one thread at a time, from `xOpen` to `xClose`;
//! buffers have the lengths that are passed with them.

#![allow(unsafe_code)]

use super::{Code, DISKS, State, lock};
use rusqlite::ffi;
use std::{
    alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error},
    ffi::{CStr, c_char, c_int, c_void},
    ptr,
    sync::{
        Arc, Mutex, Once, Weak,
        atomic::{Ordering, fence},
    },
};

/// The name of the VFS.
pub(super) const NAME: &str = "posd-disk";
const C_NAME: &CStr = c"posd-disk";

/// SQLite's own number of locks on the index of a write-ahead log.
const LOCKS: usize = ffi::SQLITE_SHM_NLOCK as usize;

/// The index of one write-ahead log, as its connections share it.
pub(super) struct Shared {
    regions: Mutex<Vec<Region>>,
    /// Per lock: -1 held by one alone, otherwise by how many.
    locks: Mutex<[i32; LOCKS]>,
}

/// A block of memory that C writes to, so that no reference to it is ever made here.
struct Region(*mut u8, Layout);

// SAFETY: the pointer is only handed to SQLite, which orders its own accesses with the locks and barriers below.
unsafe impl Send for Region {}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, and freed once.
        unsafe { dealloc(self.0, self.1) }
    }
}

/// An open file.
struct Open {
    disk: Arc<Mutex<State>>,
    name: String,
    /// Who holds locks.
    id: u64,
    /// The process's life in which it was opened.
    life: u64,
    shared: Option<Arc<Shared>>,
    /// The locks it holds on `shared`, as bits.
    shared_locks: u16,
    exclusive_locks: u16,
}

/// What SQLite allocates for a file: its own part first.
#[repr(C)]
struct Handle {
    base: ffi::sqlite3_file,
    open: *mut Open,
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(take_lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(characteristics),
    xShmMap: Some(shared_map),
    xShmLock: Some(shared_lock),
    xShmBarrier: Some(shared_barrier),
    xShmUnmap: Some(shared_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// Makes the VFS known to SQLite, once in a process.
pub(super) fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let vfs = Box::new(ffi::sqlite3_vfs {
            iVersion: 2,
            szOsFile: size_of::<Handle>() as c_int,
            mxPathname: 256,
            pNext: ptr::null_mut(),
            zName: C_NAME.as_ptr(),
            pAppData: ptr::null_mut(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_path),
            xDlOpen: None,
            xDlError: None,
            xDlSym: None,
            xDlClose: None,
            xRandomness: Some(randomness),
            xSleep: Some(sleep),
            xCurrentTime: Some(current_time),
            xGetLastError: None,
            xCurrentTimeInt64: Some(current_time_ms),
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        });
        // SAFETY: the table lives as long as the process, as SQLite demands.
        let code = unsafe { ffi::sqlite3_vfs_register(Box::leak(vfs), 0) };
        assert_eq!(code, ffi::SQLITE_OK, "SQLite refuses the disk");
    });
}

fn code(result: Result<(), Code>) -> c_int {
    result.err().unwrap_or(ffi::SQLITE_OK)
}

/// The disk and the name on it that a path such as `/disk-3/journal` means.
///
/// # Safety
/// `path` is null or a C string.
unsafe fn locate(path: *const c_char) -> Option<(Arc<Mutex<State>>, String)> {
    if path.is_null() {
        return None;
    }
    // SAFETY: as the caller promises.
    let path = unsafe { CStr::from_ptr(path) }.to_str().ok()?;
    let (number, name) = path.strip_prefix("/disk-")?.split_once('/')?;
    let disk = lock(&DISKS).get(&number.parse().ok()?)?.upgrade()?;
    Some((disk, name.to_owned()))
}

/// The open file behind SQLite's pointer.
///
/// # Safety
/// `file` was opened by [`open`] and is not closed; no other reference to it is alive.
unsafe fn opened<'a>(file: *mut ffi::sqlite3_file) -> &'a mut Open {
    // SAFETY: as the caller promises; `open` put a valid box there.
    unsafe { &mut *(*file.cast::<Handle>()).open }
}

impl Open {
    /// Asks the disk, unless the process that opened the file is dead.
    fn ask<T>(&self, question: impl FnOnce(&mut State) -> Result<T, Code>) -> Result<T, Code> {
        let mut state = lock(&self.disk);
        if state.life == self.life { question(&mut state) } else { Err(ffi::SQLITE_IOERR) }
    }

    fn leave_shared(&mut self) {
        if let Some(shared) = self.shared.take() {
            let mut locks = lock(&shared.locks);
            for (number, count) in locks.iter_mut().enumerate() {
                if self.exclusive_locks & (1 << number) != 0 {
                    *count = 0;
                } else if self.shared_locks & (1 << number) != 0 {
                    *count -= 1;
                }
            }
        }
        (self.shared_locks, self.exclusive_locks) = (0, 0);
    }
}

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite passes room for a `Handle`, and a C string or null.
    let (handle, place) = unsafe { (&mut *file.cast::<Handle>(), locate(path)) };
    handle.base.pMethods = ptr::null();
    let Some((disk, name)) = place else { return ffi::SQLITE_CANTOPEN };
    let open = {
        let mut state = lock(&disk);
        let exists = state.files.contains_key(&name);
        if exists && flags & ffi::SQLITE_OPEN_EXCLUSIVE != 0 {
            return ffi::SQLITE_CANTOPEN;
        }
        if !exists {
            if flags & ffi::SQLITE_OPEN_CREATE == 0 {
                return ffi::SQLITE_CANTOPEN;
            }
            if let Err(code) = state.create(&name) {
                return code;
            }
        }
        state.next_handle += 1;
        let (id, life) = (state.next_handle, state.life);
        drop(state);
        Open { disk, name, id, life, shared: None, shared_locks: 0, exclusive_locks: 0 }
    };
    handle.open = Box::into_raw(Box::new(open));
    handle.base.pMethods = &raw const METHODS;
    if !out_flags.is_null() {
        // SAFETY: not null, so SQLite's own variable.
        unsafe { *out_flags = flags };
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: `open` made the box; SQLite closes a file once.
    let mut open = unsafe { Box::from_raw((*file.cast::<Handle>()).open) };
    open.leave_shared();
    // Of an older life: its locks are gone already.
    let _ = open.ask(|state| {
        state.unlock(&open.name, open.id, ffi::SQLITE_LOCK_NONE);
        Ok(())
    });
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    buffer: *mut c_void,
    amount: c_int,
    at: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite's buffer has `amount` bytes.
    let (open, buffer) =
        unsafe { (opened(file), std::slice::from_raw_parts_mut(buffer.cast::<u8>(), amount as usize)) };
    code(open.ask(|state| {
        let bytes = state.file(&open.name)?.seen();
        let rest = bytes.get(at as usize..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        let (head, tail) = buffer.split_at_mut(count);
        head.copy_from_slice(&rest[..count]);
        tail.fill(0);
        if tail.is_empty() { Ok(()) } else { Err(ffi::SQLITE_IOERR_SHORT_READ) }
    }))
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    buffer: *const c_void,
    amount: c_int,
    at: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite's buffer has `amount` bytes.
    let (open, bytes) =
        unsafe { (opened(file), std::slice::from_raw_parts(buffer.cast::<u8>(), amount as usize)) };
    code(open.ask(|state| state.write(&open.name, at as usize, bytes)))
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, length: ffi::sqlite3_int64) -> c_int {
    // SAFETY: an open file.
    let open = unsafe { opened(file) };
    code(open.ask(|state| state.truncate(&open.name, length as usize)))
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    // SAFETY: an open file.
    let open = unsafe { opened(file) };
    code(open.ask(|state| state.sync(&open.name)))
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, size: *mut ffi::sqlite3_int64) -> c_int {
    // SAFETY: an open file, and SQLite's own variable.
    let (open, size) = unsafe { (opened(file), &mut *size) };
    code(open.ask(|state| {
        *size = state.file(&open.name)?.seen().len() as ffi::sqlite3_int64;
        Ok(())
    }))
}

unsafe extern "C" fn take_lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: an open file.
    let open = unsafe { opened(file) };
    code(open.ask(|state| state.lock(&open.name, open.id, level)))
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: an open file.
    let open = unsafe { opened(file) };
    code(open.ask(|state| {
        state.unlock(&open.name, open.id, level);
        Ok(())
    }))
}

unsafe extern "C" fn check_reserved(file: *mut ffi::sqlite3_file, reserved: *mut c_int) -> c_int {
    // SAFETY: an open file, and SQLite's own variable.
    let (open, reserved) = unsafe { (opened(file), &mut *reserved) };
    code(open.ask(|state| {
        *reserved = c_int::from(state.is_reserved(&open.name));
        Ok(())
    }))
}

unsafe extern "C" fn file_control(_: *mut ffi::sqlite3_file, _: c_int, _: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_: *mut ffi::sqlite3_file) -> c_int {
    4096
}

/// What SQLite's Unix VFS says of every disk.
unsafe extern "C" fn characteristics(_: *mut ffi::sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

unsafe extern "C" fn shared_map(
    file: *mut ffi::sqlite3_file,
    region: c_int,
    size: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: an open file, and SQLite's own variable.
    let (open, out) = unsafe { (opened(file), &mut *out) };
    *out = ptr::null_mut();
    if open.shared.is_none() {
        let shared = open.ask(|state| {
            let slot = state.shared.entry(open.name.clone()).or_insert_with(Weak::new);
            Ok(slot.upgrade().unwrap_or_else(|| {
                let new = Arc::new(Shared { regions: Mutex::new(Vec::new()), locks: Mutex::new([0; LOCKS]) });
                *slot = Arc::downgrade(&new);
                new
            }))
        });
        match shared {
            Ok(shared) => open.shared = Some(shared),
            Err(code) => return code,
        }
    }
    let Some(shared) = &open.shared else { return ffi::SQLITE_IOERR_SHMMAP };
    let mut regions = lock(&shared.regions);
    while regions.len() <= region as usize {
        if extend == 0 {
            return ffi::SQLITE_OK;
        }
        let Ok(layout) = Layout::from_size_align(size as usize, 8) else { return ffi::SQLITE_NOMEM };
        // SAFETY: SQLite's regions are 32 KiB, never empty.
        let memory = unsafe { alloc_zeroed(layout) };
        if memory.is_null() {
            handle_alloc_error(layout);
        }
        regions.push(Region(memory, layout));
    }
    *out = regions[region as usize].0.cast();
    ffi::SQLITE_OK
}

unsafe extern "C" fn shared_lock(
    file: *mut ffi::sqlite3_file,
    offset: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    // SAFETY: an open file.
    let open = unsafe { opened(file) };
    let Some(shared) = &open.shared else { return ffi::SQLITE_IOERR_SHMLOCK };
    let mut locks = lock(&shared.locks);
    let range = offset as usize..LOCKS.min((offset + count) as usize);
    let mask = range.clone().fold(0, |mask, number| mask | (1 << number));
    if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
        for number in range {
            if open.exclusive_locks & (1 << number) != 0 {
                locks[number] = 0;
            } else if open.shared_locks & (1 << number) != 0 {
                locks[number] -= 1;
            }
        }
        open.exclusive_locks &= !mask;
        open.shared_locks &= !mask;
    } else if flags & ffi::SQLITE_SHM_SHARED != 0 {
        if locks[range.clone()].iter().any(|held| *held < 0) {
            return ffi::SQLITE_BUSY;
        }
        for number in range {
            if open.shared_locks & (1 << number) == 0 {
                locks[number] += 1;
            }
        }
        open.shared_locks |= mask;
    } else {
        if locks[range.clone()].iter().any(|held| *held != 0) {
            return ffi::SQLITE_BUSY;
        }
        locks[range].fill(-1);
        open.exclusive_locks |= mask;
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn shared_barrier(_: *mut ffi::sqlite3_file) {
    fence(Ordering::SeqCst);
}

unsafe extern "C" fn shared_unmap(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    // SAFETY: an open file. The memory goes with the last connection that has it, deleted or not: the index is
    // made anew by whoever opens first, as on a real system.
    unsafe { opened(file) }.leave_shared();
    ffi::SQLITE_OK
}

unsafe extern "C" fn delete(_: *mut ffi::sqlite3_vfs, path: *const c_char, sync_directory: c_int) -> c_int {
    // SAFETY: a C string.
    match unsafe { locate(path) } {
        Some((disk, name)) => code(lock(&disk).delete(&name, sync_directory != 0)),
        None => ffi::SQLITE_IOERR_DELETE,
    }
}

unsafe extern "C" fn access(
    _: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    _: c_int,
    result: *mut c_int,
) -> c_int {
    // SAFETY: a C string, and SQLite's own variable.
    let (place, result) = unsafe { (locate(path), &mut *result) };
    *result = c_int::from(place.is_some_and(|(disk, name)| lock(&disk).files.contains_key(&name)));
    ffi::SQLITE_OK
}

unsafe extern "C" fn full_path(
    _: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    room: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: a C string, and `room` bytes at `out`; the copy ends with the string's zero.
    unsafe {
        let bytes = CStr::from_ptr(path).to_bytes_with_nul();
        if bytes.len() > room as usize {
            return ffi::SQLITE_CANTOPEN;
        }
        ptr::copy_nonoverlapping(bytes.as_ptr().cast(), out, bytes.len());
    }
    ffi::SQLITE_OK
}

/// Salts of the write-ahead log and the like: SQLite stirs them, and nothing that is decided rests on them.
unsafe extern "C" fn randomness(_: *mut ffi::sqlite3_vfs, amount: c_int, out: *mut c_char) -> c_int {
    // SAFETY: `amount` bytes at `out`.
    unsafe { ptr::write_bytes(out, 0x5A, amount as usize) };
    amount
}

unsafe extern "C" fn sleep(_: *mut ffi::sqlite3_vfs, microseconds: c_int) -> c_int {
    microseconds
}

/// Milliseconds since noon of 24 November 4714 BC: 2026-01-01.
const NOW: ffi::sqlite3_int64 = 212_633_985_600_000;

unsafe extern "C" fn current_time(_: *mut ffi::sqlite3_vfs, out: *mut f64) -> c_int {
    // SAFETY: SQLite's own variable.
    unsafe { *out = NOW as f64 / 86_400_000.0 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn current_time_ms(_: *mut ffi::sqlite3_vfs, out: *mut ffi::sqlite3_int64) -> c_int {
    // SAFETY: SQLite's own variable.
    unsafe { *out = NOW };
    ffi::SQLITE_OK
}
