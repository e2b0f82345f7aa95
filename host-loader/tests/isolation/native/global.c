/* Opens a library so that the whole process sees its symbols, before the program starts. */
#include <dlfcn.h>
#include <stdlib.h>

__attribute__((constructor)) static void open_globally(void) {
    if (dlopen(getenv("ISOLATION_GLOBAL"), RTLD_NOW | RTLD_GLOBAL) == NULL)
        abort();
}
