#include "hubspot/budget_share.h"

#include "hubspot/budget_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LAYOUT = 3, BOOT_ID_BYTES = 40 }; // a change of struct budget_state must raise LAYOUT

struct shared_budget {
    char magic[16];
    uint32_t layout;
    uint32_t bytes;
    char boot[BOOT_ID_BYTES]; // the times in it are of this run of the machine
    struct budget_state state;
};

static const char MAGIC[16] = "sluice budget";

// Which run of the machine this is; empty when the kernel does not say.
static void read_boot_id(char ret[BOOT_ID_BYTES])
{
    memset(ret, 0, BOOT_ID_BYTES);
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t n = read(fd, ret, BOOT_ID_BYTES - 1);
        ret[MAX(n, 0)] = '\0';
        close(fd);
    }
}

static bool fail(const char *path, const char *what, int error_number, struct error *err)
{
    char text[128];
    return error_set(err, ERR_STORE, "%s: %s: %s", path, what,
                     strerror_r(error_number, text, sizeof text));
}

// Whether the file, which is locked, holds a state that can be used.
static bool is_usable(int fd)
{
    char boot[BOOT_ID_BYTES];
    size_t head_bytes = offsetof(struct shared_budget, state);
    struct stat st;
    struct shared_budget *head = calloc(1, sizeof *head); // too large for a worker's stack
    if (!head) {
        abort();
    }
    read_boot_id(boot);
    bool ok = fstat(fd, &st) == 0 && st.st_size == (off_t)sizeof(struct shared_budget) &&
              pread(fd, head, head_bytes, 0) == (ssize_t)head_bytes &&
              memcmp(head->magic, MAGIC, sizeof MAGIC) == 0 && head->layout == LAYOUT &&
              head->bytes == sizeof(struct shared_budget) &&
              memcmp(head->boot, boot, sizeof boot) == 0;
    free(head);
    return ok;
}

static struct shared_budget *map(int fd)
{
    void *at = mmap(NULL, sizeof(struct shared_budget), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return at == MAP_FAILED ? NULL : at;
}

// Whole before it gets its name, so that nobody sees half of it.
static bool make_file(const char *path, uint64_t seed, struct error *err)
{
    char next[4096];
    if (snprintf(next, sizeof next, "%s.%ld", path, (long)getpid()) >= (int)sizeof next) {
        return fail(path, "cannot be made", ENAMETOOLONG, err);
    }
    int fd = open(next, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return fail(path, "cannot be made", errno, err);
    }
    // A hole in a mapped file would end the program when the disk is full.
    int rc = posix_fallocate(fd, 0, (off_t)sizeof(struct shared_budget));
    struct shared_budget *s = rc == 0 ? map(fd) : NULL;
    if (s) {
        memcpy(s->magic, MAGIC, sizeof MAGIC);
        s->layout = LAYOUT;
        s->bytes = sizeof *s;
        read_boot_id(s->boot);
        budget_state_init(&s->state, seed);
        munmap(s, sizeof *s);
    }
    bool ok = s && rename(next, path) == 0;
    int error_number = rc != 0 ? rc : errno;
    close(fd);
    if (!ok) {
        unlink(next);
        return fail(path, "cannot be made", error_number, err);
    }
    return true;
}

// Opens the file if it can be used; *ret_fd is -1 when it must be made first.
static bool open_usable(const char *path, int *ret_fd, struct error *err)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    *ret_fd = -1;
    if (fd < 0) {
        return errno == ENOENT || fail(path, "cannot be opened", errno, err);
    }
    if (is_usable(fd)) {
        *ret_fd = fd;
    } else {
        close(fd);
    }
    return true;
}

// Holds the lock file while it is decided who makes the file.
static int lock_file(const char *path, struct error *err)
{
    char name[4096];
    int n = snprintf(name, sizeof name, "%s.lock", path);
    int fd =
        n < (int)sizeof name ? open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
    if (fd < 0 || flock(fd, LOCK_EX) != 0) {
        fail(path, "cannot be locked", n < (int)sizeof name ? errno : ENAMETOOLONG, err);
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

bool budget_open(const char *path, const struct budget_options *options, struct budget **ret,
                 struct error *err)
{
    int lock = lock_file(path, err);
    int fd = -1;
    if (lock < 0) {
        return false;
    }
    bool ok = open_usable(path, &fd, err) &&
              (fd >= 0 || (make_file(path, options->seed, err) && open_usable(path, &fd, err)));
    struct shared_budget *s = ok && fd >= 0 ? map(fd) : NULL;
    if (ok && !s) {
        ok = fail(path, "cannot be mapped", errno, err);
    }
    if (s) {
        *ret = budget_attach(&s->state, s, sizeof *s, options);
    }
    if (fd >= 0) {
        close(fd);
    }
    close(lock);
    return ok;
}

void budget_adopt(struct budget *to, struct budget *from, int64_t wall_ms)
{
    budget_lock(from);
    budget_lock(to);
    budget_day_roll(to, wall_ms);
    const struct budget_app *old = budget_app_of(from);
    struct budget_app *new = budget_app_of(to);
    for (uint32_t i = 0; i < old->window.n; i++) {
        send_times_add(&new->window, send_times_nth(&old->window, i));
    }
    if (new->max < 0) {
        new->max = old->max;
        new->interval_us = old->interval_us;
        new->heard_us = old->heard_us;
    }
    new->daily = new->daily || old->daily;
    const struct budget_day *told = &from->state->day;
    if (told->max >= 0 && told->heard_wall_ms >= to->state->day.heard_wall_ms) {
        to->state->day.max = told->max;
        to->state->day.used = told->used;
        to->state->day.heard_wall_ms = told->heard_wall_ms;
        to->state->day.blocked_until_wall_ms = told->blocked_until_wall_ms;
    }
    budget_unlock(to);
    budget_unlock(from);
}
