/* A plugin that says which version of the library it was built with, and which it got. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int dep_version(void);

int fs_plugin_test_built(void) { return VERSION; }

int fs_plugin_test_used(void) { return dep_version(); }

int fs_plugin_test_loads(void) {
    static int loads;
    return ++loads;
}

/* The same in a file, for hosts that do not call the functions. */
__attribute__((constructor)) static void announce(void) {
    const char *path = getenv("ISOLATION_ANNOUNCE");
    if (path == NULL)
        return;
    int file = open(path, O_WRONLY | O_APPEND);
    dprintf(file, "%s %d %d\n", NAME, VERSION, dep_version());
    close(file);
}

static const struct {
    unsigned name_size, manifest_size, type;
    char name[8], manifest[sizeof MANIFEST - 1];
} note __attribute__((used, aligned(4), section(".note.fsplug"))) = {
    sizeof "fsplug", sizeof MANIFEST - 1, NOTE_TYPE, "fsplug", MANIFEST,
};
