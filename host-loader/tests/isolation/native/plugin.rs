extern crate dep;

unsafe extern "C" {
    fn getenv(name: *const u8) -> *const u8;
    fn open(path: *const u8, flags: i32, ...) -> i32;
    fn dprintf(file: i32, format: *const u8, ...) -> i32;
    fn close(file: i32) -> i32;
}

#[unsafe(no_mangle)]
pub extern "C" fn fs_plugin_test_built() -> i32 {
    @VERSION
}

#[unsafe(no_mangle)]
pub extern "C" fn fs_plugin_test_used() -> i32 {
    dep::dep_version()
}

#[unsafe(no_mangle)]
pub extern "C" fn fs_plugin_test_loads() -> i32 {
    dep::count()
}

extern "C" fn announce() {
    unsafe {
        let path = getenv(c"ISOLATION_ANNOUNCE".as_ptr().cast());
        if path.is_null() {
            return;
        }
        // O_WRONLY | O_APPEND.
        let file = open(path, 0x401);
        let format = c"@NAME %d %d\n".as_ptr().cast();
        dprintf(file, format, fs_plugin_test_built(), fs_plugin_test_used());
        close(file);
    }
}

#[used]
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn() = announce;
