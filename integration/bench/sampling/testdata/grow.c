// grow PROCESSES THREADS [ZOMBIES]: makes a tree that does nothing, says "ready" and stays. Zombies are never waited for.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <signal.h>
#include <unistd.h>

static void *idle(void *unused) {
	for (;;) pause();
	return unused;
}

static void be_a_process(int threads, int ready) {
	pthread_attr_t attr;
	pthread_t t;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 16384);
	for (int i = 1; i < threads; i++)
		if (pthread_create(&t, &attr, idle, NULL)) exit(1);
	if (write(ready, "x", 1) != 1) exit(1);
	close(ready);
	idle(NULL);
}

int main(int argc, char **argv) {
	int processes = atoi(argv[1]), threads = atoi(argv[2]), zombies = argc > 3 ? atoi(argv[3]) : 0, ready[2];
	char c;
	if (pipe(ready)) return 1;
	for (int i = 0; i < processes; i++) {
		pid_t pid = fork();
		if (pid < 0) { perror("fork"); return 1; }
		if (pid == 0) be_a_process(threads, ready[1]);
		if (read(ready[0], &c, 1) != 1) return 1;
	}
	for (int i = 0; i < zombies; i++) {
		pid_t pid = fork();
		if (pid < 0) { perror("fork"); return 1; }
		if (pid == 0) _exit(0);
	}
	puts("ready");
	fflush(stdout);
	idle(NULL);
}
