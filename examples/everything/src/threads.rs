//! What std asks of a libc about threads, where the libc does not even say that it has none.

/// `ENOTSUP` of WASI.
const NOT_SUPPORTED: i32 = 58;

// SAFETY: nobody else defines these where this is compiled, and nobody starts a thread whom they could be asked about.
#[unsafe(no_mangle)]
extern "C" fn pthread_detach(_thread: usize) -> i32 {
    NOT_SUPPORTED
}

// SAFETY: as above.
#[unsafe(no_mangle)]
extern "C" fn pthread_join(_thread: usize, _value: *mut *mut u8) -> i32 {
    NOT_SUPPORTED
}
