/*
 * Uses a filesystem plugin from C: lists, reads, writes, copies, and publishes a file exactly once, across a restart.
 *
 *     demo PLUGIN.so ROOT first  STATE [KEY=VALUE...]
 *     demo PLUGIN.so ROOT second STATE [KEY=VALUE...]
 *
 * ROOT is for example s3://bucket. The first run ends in the middle of a file, of which it keeps the state in the
 * file STATE; the second one goes on from there and commits.
 */
#include <dlfcn.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fsplug.h"

enum { WRITERS = 4, MAX_PAIRS = 32, REPORT = 6 * 1024 * 1024 };

static fsplug_api api;

/* Ends the program if a call failed. An error says in one line what is to be done. */
static void check(fsplug_error *error) {
    if (error == NULL) return;
    fprintf(stderr, "demo: %s\n", error->text);
    error->release(error);
    exit(1);
}

static void fail(const char *what, const char *detail) {
    fprintf(stderr, "demo: %s: %s\n", what, detail);
    exit(1);
}

/* Some operations in callback form, and how many have not ended yet. */
struct group {
    pthread_mutex_t mutex;
    pthread_cond_t ended;
    int running;
    fsplug_error *failed;
};

static void operation_ended(void *context, fsplug_error *error) {
    struct group *group = context;
    pthread_mutex_lock(&group->mutex);
    if (error != NULL && group->failed != NULL) {
        error->release(error);
    } else if (error != NULL) {
        group->failed = error;
    }
    group->running--;
    pthread_cond_signal(&group->ended);
    pthread_mutex_unlock(&group->mutex);
}

static void group_wait(struct group *group) {
    pthread_mutex_lock(&group->mutex);
    while (group->running > 0) pthread_cond_wait(&group->ended, &group->mutex);
    fsplug_error *failed = group->failed;
    group->failed = NULL;
    pthread_mutex_unlock(&group->mutex);
    check(failed);
}

/* Before each call that is to tell its end to the group. */
static void group_add(struct group *group) {
    pthread_mutex_lock(&group->mutex);
    group->running++;
    pthread_mutex_unlock(&group->mutex);
}

static void path_of(char *path, size_t size, const char *root, const char *name) {
    if ((size_t)snprintf(path, size, "%s/%s", root, name) >= size) fail("the path is too long", name);
}

/* ANCHOR: blocking */
static void write_file(fsplug_file_system *fs, const char *path, const char *text) {
    fsplug_create_options options = {.struct_size = sizeof options, .flags = FSPLUG_OVERWRITE};
    fsplug_output_stream *stream;
    check(api.create(fs, path, &options, &stream, NULL));
    check(api.output_write(stream, (const uint8_t *)text, strlen(text), NULL));
    check(api.output_close(stream, NULL, NULL)); /* only now the file is there */
    api.release(stream);
}

static void print_file(fsplug_file_system *fs, const char *path) {
    fsplug_input_stream *stream;
    check(api.open(fs, path, NULL, &stream, NULL));
    for (;;) {
        fsplug_bytes *chunk; /* the plugin's own memory: nothing is copied */
        check(api.input_read_chunk(stream, 1 << 16, &chunk, NULL));
        if (chunk->size > 0) fwrite(chunk->data, 1, chunk->size, stdout);
        int at_end = chunk->size == 0;
        chunk->release(chunk);
        if (at_end) break;
    }
    api.release(stream);
}
/* ANCHOR_END: blocking */

static void print_listing(fsplug_file_system *fs, const char *path) {
    fsplug_list_options options = {.struct_size = sizeof options, .flags = FSPLUG_RECURSIVE, .page_size = 3};
    fsplug_lister *lister;
    check(api.list(fs, path, &options, &lister, NULL));
    for (;;) {
        fsplug_page *page;
        check(api.list_next(lister, &page, NULL));
        if (page == NULL) break;
        for (size_t i = 0; i < page->entry_count; i++) {
            const fsplug_status *entry = page->entries[i];
            printf("%10" PRIu64 "  %s\n", entry->size, entry->path);
        }
        page->release(page);
    }
    api.release(lister);
}

/* ANCHOR: callbacks */
/* Writes some files at the same time, from this one thread. */
static void write_together(fsplug_file_system *fs, const char *root) {
    struct group group = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, NULL};
    fsplug_completion completion = {sizeof completion, operation_ended, &group, NULL};
    fsplug_create_options options = {.struct_size = sizeof options, .flags = FSPLUG_OVERWRITE};
    fsplug_output_stream *streams[WRITERS];
    char paths[WRITERS][256];

    for (int i = 0; i < WRITERS; i++) {
        char name[32];
        snprintf(name, sizeof name, "together/%d.txt", i);
        path_of(paths[i], sizeof paths[i], root, name);
        group_add(&group);
        check(api.create(fs, paths[i], &options, &streams[i], &completion));
    }
    group_wait(&group);
    for (int i = 0; i < WRITERS; i++) {
        /* What is written has to stay where it is until the callback. */
        group_add(&group);
        check(api.output_write(streams[i], (const uint8_t *)paths[i], strlen(paths[i]), &completion));
    }
    group_wait(&group);
    for (int i = 0; i < WRITERS; i++) {
        group_add(&group);
        check(api.output_close(streams[i], NULL, &completion));
    }
    group_wait(&group);
    for (int i = 0; i < WRITERS; i++) api.release(streams[i]);
}
/* ANCHOR_END: callbacks */

/* An operation that is cancelled ends with its result or with FSPLUG_ERROR_CANCELLED, whichever is first. */
static void cancel_something(fsplug_file_system *fs, const char *root) {
    struct group group = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 1, NULL};
    fsplug_operation *operation;
    fsplug_completion completion = {sizeof completion, operation_ended, &group, &operation};
    fsplug_lister *lister;
    check(api.list(fs, root, NULL, &lister, &completion));
    check(api.cancel(operation));
    pthread_mutex_lock(&group.mutex);
    while (group.running > 0) pthread_cond_wait(&group.ended, &group.mutex);
    pthread_mutex_unlock(&group.mutex);
    if (group.failed != NULL) {
        if (group.failed->kind != FSPLUG_ERROR_CANCELLED) check(group.failed);
        group.failed->release(group.failed);
    } else {
        api.release(lister);
    }
    api.release(operation);
}

static void copied(void *context, size_t request, uint64_t bytes) {
    (void)request;
    *(uint64_t *)context += bytes; /* one file at a time: no lock is needed */
}

/* Downloads a file with the plugin's bulk copy. */
static void download(fsplug_file_system *fs, const char *path, const char *local) {
    char target[600];
    uint64_t bytes = 0;
    snprintf(target, sizeof target, "file://%s", local);
    fsplug_copy_request request = {.source = path, .target = target};
    fsplug_copy_options options = {
        .struct_size = sizeof options, .max_concurrent = 1, .advanced = copied, .context = &bytes};
    check(api.copy_files(fs, &request, 1, &options, NULL));
    printf("downloaded %" PRIu64 " bytes\n", bytes);
}

static void save_state(const char *file, const fsplug_bytes *state) {
    FILE *out = fopen(file, "wb");
    if (out == NULL) fail("cannot write the state", file);
    if (fwrite(&state->version, sizeof state->version, 1, out) != 1 ||
        fwrite(state->data, 1, state->size, out) != state->size || fclose(out) != 0) {
        fail("cannot write the state", file);
    }
}

static uint8_t *load_state(const char *file, uint32_t *version, size_t *size) {
    enum { MOST = 64 * 1024 * 1024 };
    uint8_t *state = malloc(MOST);
    FILE *in = fopen(file, "rb");
    if (state == NULL || in == NULL || fread(version, sizeof *version, 1, in) != 1) {
        fail("cannot read the state", file);
    }
    *size = fread(state, 1, MOST, in);
    fclose(in);
    return state;
}

/* ANCHOR: recoverable */
static void begin_report(fsplug_file_system *fs, const char *path, const char *state_file) {
    fsplug_recoverable_stream *stream;
    uint8_t *data = malloc(REPORT);
    if (data == NULL) fail("no memory", path);
    for (size_t i = 0; i < REPORT; i++) data[i] = (uint8_t)('a' + i % 26);
    check(api.recoverable_open(fs, path, NULL, &stream, NULL));
    check(api.recoverable_write(stream, data, REPORT, NULL));

    fsplug_bytes *state; /* goes into a checkpoint, with its version */
    check(api.recoverable_persist(stream, &state, NULL));
    save_state(state_file, state);
    state->release(state);

    /* This comes after the checkpoint: whoever recovers from it does not find it. */
    check(api.recoverable_write(stream, (const uint8_t *)"lost", 4, NULL));
    api.release(stream);
    free(data);
}

static void finish_report(fsplug_file_system *fs, const char *state_file) {
    fsplug_recoverable_stream *stream;
    fsplug_committer *committer;
    uint32_t version;
    size_t size;
    uint8_t *state = load_state(state_file, &version, &size);
    check(api.recoverable_recover(fs, version, state, size, &stream, NULL));
    free(state);
    check(api.recoverable_write(stream, (const uint8_t *)"END\n", 4, NULL));
    check(api.recoverable_close_for_commit(stream, &committer, NULL));
    check(api.committer_commit(committer, NULL));
    api.release(committer);
    api.release(stream);
}
/* ANCHOR_END: recoverable */

static void log_event(void *context, const fsplug_event *event) {
    (void)context;
    fprintf(stderr, "plugin: %s: %s\n", event->target, event->message);
}

/* ANCHOR: load */
static void load(const char *plugin) {
    void *library = dlopen(plugin, RTLD_NOW | RTLD_LOCAL); /* stays loaded to the end */
    if (library == NULL) fail("cannot load the plugin", dlerror());
    void *symbol = dlsym(library, FSPLUG_ENTRY);
    if (symbol == NULL) fail("this is no plugin", plugin);
    fsplug_entry entry;
    memcpy(&entry, &symbol, sizeof entry); /* ISO C has no cast from data to functions */
    if (entry(FSPLUG_ABI_MAJOR, &api, sizeof api) != FSPLUG_OK) fail("the plugin is not compatible", plugin);
    /* A plugin that is older than this header has not filled in all of the table. */
    if (api.committer_state == NULL) fail("the plugin is too old", plugin);
}
/* ANCHOR_END: load */

int main(int argc, char **argv) {
    if (argc < 5) {
        fprintf(stderr, "usage: %s PLUGIN.so ROOT first|second STATE [KEY=VALUE...]\n", argv[0]);
        return 2;
    }
    const char *root = argv[2], *state_file = argv[4];
    fsplug_pair config[MAX_PAIRS];
    size_t pairs = 0;
    for (int i = 5; i < argc && pairs < MAX_PAIRS; i++) {
        char *equals = strchr(argv[i], '=');
        if (equals == NULL) fail("not KEY=VALUE", argv[i]);
        *equals = '\0';
        config[pairs++] = (fsplug_pair){argv[i], equals + 1};
    }

    load(argv[1]);
    fsplug_factory_options options = {.struct_size = sizeof options, .log = log_event, .log_level = 2};
    fsplug_factory *factory;
    fsplug_file_system *fs;
    check(api.factory_new(&options, &factory));
    check(api.file_system(factory, root, config, pairs, &fs, NULL));

    char greeting[256], report[256];
    path_of(greeting, sizeof greeting, root, "greeting.txt");
    path_of(report, sizeof report, root, "report.txt");
    if (strcmp(argv[3], "first") == 0) {
        write_file(fs, greeting, "hello from C\n");
        print_file(fs, greeting);
        write_together(fs, root);
        cancel_something(fs, root);
        begin_report(fs, report, state_file);
        print_listing(fs, root);
    } else {
        char local[512];
        finish_report(fs, state_file);
        print_listing(fs, root);
        snprintf(local, sizeof local, "%s.downloaded", state_file);
        download(fs, report, local);
    }

    check(api.close(fs, 5000, NULL));
    api.release(fs);
    check(api.factory_shutdown(factory, 5000, NULL));
    api.release(factory);
    return 0;
}
