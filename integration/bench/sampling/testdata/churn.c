// churn PER_SECOND: forks that many short-lived processes a second, and waits for each.
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
	long gap = 1000000000L / atol(argv[argc - 1]);
	struct timespec next;
	puts("ready");
	fflush(stdout);
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (;;) {
		pid_t pid = fork();
		if (pid == 0) {
			usleep(1000);
			_exit(0);
		}
		if (pid > 0) waitpid(pid, NULL, 0);
		next.tv_nsec += gap;
		if (next.tv_nsec >= 1000000000L) next.tv_nsec -= 1000000000L, next.tv_sec++;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
}
