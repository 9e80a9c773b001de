/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_TESTS_SUPPORT_PROCESS_H
#define RAINBOWS_TESTS_SUPPORT_PROCESS_H

#include <sys/types.h>

/* What the kernel knows of a process of the server, from /proc. */

/* What its threads have used so far, in ticks of a CPU (a hundredth of a
 * second each). */
long process_ticks(pid_t pid);

/* Its state: 'R', 'S', 'Z' ...; 0: there is no such process. */
char process_state(pid_t pid);

/* How many descriptors it has open. */
int process_files(pid_t pid);

/* Bytes of its address space. */
long process_size(pid_t pid);

/* Waits until it has that state; until it has so many children. */
void process_await_state(pid_t pid, char state);
void process_await_children(pid_t pid, int count);

/* How many children it has; how many of them have ended and were not
 * reaped. */
int process_children(pid_t pid);
int process_zombies(pid_t pid);

/* Waits until the test itself has no child any more. */
void process_await_no_child(void);

#endif
