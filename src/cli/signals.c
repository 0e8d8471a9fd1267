#include "cli/signals.h"

#include "core/error.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

struct signals {
    struct cancel *cancel;
    sigset_t set;
    pthread_t thread;
    bool started;
};

static void *wait_main(void *user)
{
    static const char MESSAGE[] =
        "\nsluice: stopping after the transaction at hand; once more to stop at once\n";
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
        cancel_request(s->cancel);
        ssize_t ignored = write(STDERR_FILENO, MESSAGE, sizeof MESSAGE - 1);
        (void)ignored;
    }
}

struct signals *signals_catch(struct cancel *cancel)
{
    struct signals *s = calloc(1, sizeof *s);
    if (!s) {
        abort();
    }
    s->cancel = cancel;
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

void signals_release(struct signals *s)
{
    if (s->started) {
        pthread_kill(s->thread, SIGUSR2);
        pthread_join(s->thread, NULL);
    }
    free(s);
}
