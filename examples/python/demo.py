#!/usr/bin/env python3
"""Uses a filesystem plugin from Python, with nothing but the standard library.

    demo.py PLUGIN.so ROOT first  STATE [KEY=VALUE...]
    demo.py PLUGIN.so ROOT second STATE [KEY=VALUE...]

Lists, writes, reads, and publishes a file exactly once: the first run ends in the middle of a file, of which it keeps
the state in the file STATE; the second one goes on from there and commits. What the structs and functions mean is in
plugin-api/include/fsplug.h.
"""

import ctypes
import os
import struct
import sys
import threading
from ctypes import POINTER, Structure, byref, c_bool, c_char_p, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p

# Every function of the table, in its order.
FUNCTIONS = """
    release cancel factory_new factory_shutdown file_system
    close capabilities entropy_key status exists list list_next open create delete_path rename mkdirs
    can_copy copy_files
    input_read input_read_chunk input_read_ranges input_seek input_position input_size input_close
    output_write output_position output_location output_flush output_sync output_close output_abort
    recoverable_open recoverable_recover recoverable_recover_for_commit recoverable_requires_cleanup
    recoverable_cleanup recoverable_discard recoverable_inspect recoverable_verify pending_uploads abort_upload
    recoverable_write recoverable_position recoverable_location recoverable_flush recoverable_persist
    recoverable_close_for_commit recoverable_close
    committer_commit committer_commit_after_recovery committer_state
""".split()

ABI_MAJOR, OVERWRITE, RECURSIVE = 1, 1, 1


class Api(Structure):
    _fields_ = [("struct_size", c_size_t), ("abi_major", c_uint32), ("abi_minor", c_uint32),
                ("manifest", c_void_p), ("manifest_size", c_size_t),
                *((name, c_void_p) for name in FUNCTIONS)]


class Error(Structure):
    _fields_ = [("struct_size", c_size_t), ("kind", c_uint32), ("retry", c_uint32), ("retry_after_ms", c_uint64),
                ("http_status", c_uint32), ("attempts", c_uint32), ("text", c_char_p), ("message", c_char_p),
                ("operation", c_char_p), ("path", c_char_p), ("remedy", c_char_p), ("service_code", c_char_p),
                ("request_id", c_char_p), ("release", c_void_p)]


class Bytes(Structure):
    _fields_ = [("struct_size", c_size_t), ("data", c_void_p), ("size", c_size_t), ("version", c_uint32),
                ("release", c_void_p)]


class Status(Structure):
    _fields_ = [("struct_size", c_size_t), ("path", c_char_p), ("path_size", c_size_t), ("size", c_uint64),
                ("modified_ms", c_int64), ("is_directory", c_uint32), ("attribute_count", c_uint32),
                ("etag", c_char_p), ("attributes", c_void_p)]


class Page(Structure):
    _fields_ = [("struct_size", c_size_t), ("entry_count", c_size_t), ("entries", POINTER(POINTER(Status))),
                ("release", c_void_p)]


class Pair(Structure):
    _fields_ = [("key", c_char_p), ("value", c_char_p)]


class ListOptions(Structure):
    _fields_ = [("struct_size", c_size_t), ("flags", c_uint32), ("page_size", c_uint32),
                ("extensions", c_void_p), ("extension_count", c_size_t)]


class CreateOptions(Structure):
    _fields_ = [("struct_size", c_size_t), ("flags", c_uint32), ("reserved", c_uint32),
                ("content_type", c_char_p), ("size_hint", c_uint64),
                ("extensions", c_void_p), ("extension_count", c_size_t)]


DONE = ctypes.CFUNCTYPE(None, c_void_p, POINTER(Error))
RELEASE = ctypes.CFUNCTYPE(None, c_void_p)


class Completion(Structure):
    _fields_ = [("struct_size", c_size_t), ("done", DONE), ("context", c_void_p), ("operation", c_void_p)]


class PluginError(Exception):
    """An error of the plugin, as one line."""


def check(error):
    if error:
        text = error.contents.text.decode()
        release(error)
        raise PluginError(text)


def release(given):
    """Gives back an error, bytes or a page."""
    RELEASE(given.contents.release)(ctypes.cast(given, c_void_p))


class Plugin:
    """The table of a plugin. `plugin.call("open", ...)` waits until the call is done and raises what went wrong."""

    ARGUMENTS = {
        "factory_new": [c_void_p, c_void_p],
        "factory_shutdown": [c_void_p, c_uint64, c_void_p],
        "file_system": [c_void_p, c_char_p, c_void_p, c_size_t, c_void_p, c_void_p],
        "close": [c_void_p, c_uint64, c_void_p],
        "exists": [c_void_p, c_char_p, c_void_p, c_void_p],
        "list": [c_void_p, c_char_p, c_void_p, c_void_p, c_void_p],
        "list_next": [c_void_p, c_void_p, c_void_p],
        "open": [c_void_p, c_char_p, c_void_p, c_void_p, c_void_p],
        "create": [c_void_p, c_char_p, c_void_p, c_void_p, c_void_p],
        "input_read_chunk": [c_void_p, c_size_t, c_void_p, c_void_p],
        "output_write": [c_void_p, c_char_p, c_size_t, c_void_p],
        "output_close": [c_void_p, c_void_p, c_void_p],
        "recoverable_open": [c_void_p, c_char_p, c_void_p, c_void_p, c_void_p],
        "recoverable_recover": [c_void_p, c_uint32, c_char_p, c_size_t, c_void_p, c_void_p],
        "recoverable_write": [c_void_p, c_char_p, c_size_t, c_void_p],
        "recoverable_persist": [c_void_p, c_void_p, c_void_p],
        "recoverable_close_for_commit": [c_void_p, c_void_p, c_void_p],
        "committer_commit": [c_void_p, c_void_p],
    }

    def __init__(self, path):
        library = ctypes.CDLL(path, mode=os.RTLD_NOW | os.RTLD_LOCAL)
        entry = library.fs_plugin_c_api
        entry.argtypes, entry.restype = [c_uint32, c_void_p, c_size_t], c_int32
        self.table = Api()
        code = entry(ABI_MAJOR, byref(self.table), ctypes.sizeof(self.table))
        if code != 0:
            raise PluginError(f"{path} is not compatible: {code}")
        self.functions = {
            name: ctypes.CFUNCTYPE(POINTER(Error), *arguments)(getattr(self.table, name))
            for name, arguments in self.ARGUMENTS.items()
        }

    def call(self, name, *arguments):
        check(self.functions[name](*arguments, None))

    def start(self, name, *arguments):
        """Starts a call; what it returns waits for its end."""
        ended, failed = threading.Event(), []

        def done(_context, error):
            if error:
                failed.append(error.contents.text.decode())
                release(error)
            ended.set()

        callback = DONE(done)
        completion = Completion(ctypes.sizeof(Completion), callback, None, None)
        check(self.functions[name](*arguments, byref(completion)))

        def wait(_kept=(callback, completion, arguments)):
            ended.wait()
            if failed:
                raise PluginError(failed[0])

        return wait

    def release(self, handle):
        RELEASE(self.table.release)(handle)


def write_file(plugin, fs, path, content):
    options = CreateOptions(struct_size=ctypes.sizeof(CreateOptions), flags=OVERWRITE)
    stream = c_void_p()
    plugin.call("create", fs, path, byref(options), byref(stream))
    plugin.call("output_write", stream, content, len(content))
    plugin.call("output_close", stream, None)
    plugin.release(stream)


def read_file(plugin, fs, path):
    stream, content = c_void_p(), b""
    plugin.call("open", fs, path, None, byref(stream))
    while True:
        chunk = POINTER(Bytes)()
        plugin.call("input_read_chunk", stream, 1 << 20, byref(chunk))
        data = ctypes.string_at(chunk.contents.data, chunk.contents.size)
        release(chunk)
        if not data:
            break
        content += data
    plugin.release(stream)
    return content


def listing(plugin, fs, path):
    options = ListOptions(struct_size=ctypes.sizeof(ListOptions), flags=RECURSIVE, page_size=3)
    lister, entries = c_void_p(), []
    plugin.call("list", fs, path, byref(options), byref(lister))
    while True:
        page = POINTER(Page)()
        plugin.call("list_next", lister, byref(page))
        if not page:
            break
        for index in range(page.contents.entry_count):
            entry = page.contents.entries[index].contents
            entries.append((ctypes.string_at(entry.path, entry.path_size).decode(), entry.size))
        release(page)
    plugin.release(lister)
    return entries


def begin_report(plugin, fs, path, state_file):
    stream, state = c_void_p(), POINTER(Bytes)()
    content = b"0123456789" * 600_000
    plugin.call("recoverable_open", fs, path, None, byref(stream))
    plugin.call("recoverable_write", stream, content, len(content))
    plugin.call("recoverable_persist", stream, byref(state))
    with open(state_file, "wb") as file:
        file.write(struct.pack("<I", state.contents.version))
        file.write(ctypes.string_at(state.contents.data, state.contents.size))
    release(state)
    # This comes after the checkpoint: whoever recovers from it does not find it.
    plugin.call("recoverable_write", stream, b"lost", 4)
    plugin.release(stream)


def finish_report(plugin, fs, state_file):
    with open(state_file, "rb") as file:
        (version,), state = struct.unpack("<I", file.read(4)), file.read()
    stream, committer = c_void_p(), c_void_p()
    plugin.call("recoverable_recover", fs, version, state, len(state), byref(stream))
    plugin.call("recoverable_write", stream, b"END\n", 4)
    plugin.call("recoverable_close_for_commit", stream, byref(committer))
    # In callback form: this thread could do something else meanwhile.
    wait = plugin.start("committer_commit", committer)
    wait()
    plugin.release(committer)
    plugin.release(stream)


def main(arguments):
    if len(arguments) < 4 or arguments[2] not in ("first", "second"):
        sys.exit(__doc__)
    library, root, run, state_file = arguments[:4]
    pairs = [pair.partition("=")[::2] for pair in arguments[4:]]
    config = (Pair * len(pairs))(*(Pair(key.encode(), value.encode()) for key, value in pairs))
    greeting, report = f"{root}/greeting.txt".encode(), f"{root}/report.txt".encode()

    plugin = Plugin(library)
    factory, fs = c_void_p(), c_void_p()
    check(plugin.functions["factory_new"](None, byref(factory)))
    plugin.call("file_system", factory, root.encode(), config, len(config), byref(fs))
    if run == "first":
        write_file(plugin, fs, greeting, b"hello from Python\n")
        print(read_file(plugin, fs, greeting).decode(), end="")
        begin_report(plugin, fs, report, state_file)
    else:
        finish_report(plugin, fs, state_file)
        print(len(read_file(plugin, fs, report)), "bytes in the report")
    found = c_bool()
    plugin.call("exists", fs, report, byref(found))
    print("the report", "is there" if found.value else "is not there yet")
    for path, size in listing(plugin, fs, root.encode()):
        print(f"{size:10}  {path}")

    plugin.call("close", fs, 5000)
    plugin.release(fs)
    plugin.call("factory_shutdown", factory, 5000)
    plugin.release(factory)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except PluginError as error:
        sys.exit(f"demo.py: {error}")
