#include "cli/signals.h"
#include "core/wait.h"

#include "core/error.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

struct signals {
    struct cancel *cancel;
    sigset_t set;
    const char *message;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t came;
};

static void announce(struct signals *s)
{
    pthread_mutex_lock(&s->lock);
    cancel_request(s->cancel);
    pthread_cond_broadcast(&s->came);
    pthread_mutex_unlock(&s->lock);
}

static void *wait_main(void *user)
{
    struct signals *s = user;
    for (;;) {
        int signal = 0;
        if (sigwait(&s->set, &signal) != 0) {
            continue;
        }
        if (signal == SIGUSR2) {
            return NULL; // signals_release
        }
        if (cancel_requested(s->cancel)) {
            _exit(error_info(ERR_INTERRUPTED)->exit_code);
        }
        announce(s);
        ssize_t ignored = write(STDERR_FILENO, s->message, strlen(s->message));
        (void)ignored;
    }
}

struct signals *signals_catch(struct cancel *cancel)
{
    return signals_catch_saying(
        cancel, "\nsluice: stopping after the transaction at hand; once more to stop at once\n");
}

struct signals *signals_catch_saying(struct cancel *cancel, const char *message)
{
    struct signals *s = calloc(1, sizeof *s);
    if (!s) {
        abort();
    }
    s->cancel = cancel;
    s->message = message;
    pthread_mutex_init(&s->lock, NULL);
    wait_init(&s->came);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); // a file at its size limit is a full disk, not the end of the program
    sigemptyset(&s->set);
    sigaddset(&s->set, SIGINT);
    sigaddset(&s->set, SIGTERM);
    sigaddset(&s->set, SIGHUP);
    sigaddset(&s->set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &s->set, NULL);
    s->started = pthread_create(&s->thread, NULL, wait_main, s) == 0;
    return s;
}

bool signals_wait(struct signals *s, int64_t max_ms)
{
    struct timespec until = wait_deadline(MAX(max_ms, 0) * 1000);
    pthread_mutex_lock(&s->lock);
    int result = 0;
    while (!cancel_requested(s->cancel) && result == 0) {
        result = max_ms < 0 ? pthread_cond_wait(&s->came, &s->lock)
                            : pthread_cond_timedwait(&s->came, &s->lock, &until);
    }
    pthread_mutex_unlock(&s->lock);
    return cancel_requested(s->cancel);
}

void signals_release(struct signals *s)
{
    if (s->started) {
        pthread_kill(s->thread, SIGUSR2);
        pthread_join(s->thread, NULL);
    }
    pthread_cond_destroy(&s->came);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
