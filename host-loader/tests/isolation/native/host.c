/* Opens libraries in one of the ways that there are, and prints what each was built with, got, and how often
 * it has been opened. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#ifdef EXPORTS
int dep_version(void) { return HOST_VERSION; }
#elif defined LINKED
int dep_version(void);
#endif

static int ask(void *library, const char *name) {
    int (*function)(void) = (int (*)(void))dlsym(library, name);
    return function == NULL ? -1 : function();
}

int main(int count, char **arguments) {
    const char *mode = arguments[1];
    int flags = RTLD_NOW | RTLD_LOCAL | (strcmp(mode, "deepbind") == 0 ? RTLD_DEEPBIND : 0);
#ifdef LINKED
    if (dep_version() != HOST_VERSION)
        return 3;
#endif
    for (int i = 2; i < count; i++) {
        const char *path = arguments[i];
        void *library;
        if (strncmp(path, "global:", 7) == 0)
            library = dlopen(path + 7, RTLD_NOW | RTLD_GLOBAL);
        else if (strcmp(mode, "dlmopen") == 0)
            library = dlmopen(LM_ID_NEWLM, path, flags);
        else
            library = dlopen(path, flags);
        if (library == NULL) {
            printf("error %s\n", dlerror());
            continue;
        }
        printf("%d %d %d\n", ask(library, "fs_plugin_test_built"), ask(library, "fs_plugin_test_used"),
               ask(library, "fs_plugin_test_loads"));
    }
    return 0;
}
