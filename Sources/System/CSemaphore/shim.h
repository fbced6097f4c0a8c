// sem_clockwait(3), which Swift's Glibc module leaves out: `semaphore` is a sem_t, `deadline` a timespec. Their headers are
// that module's, which would lose their types to this one.
int sem_clockwait(void *semaphore, int clock, const void *deadline);
