import CMalloc

/// The heap of a program that has many threads and little to do.
package enum Heap {
    private static let arenas: Int32 = 1
    /// What lies free at the heap's end and is not given back, in bytes.
    private static let slack: Int32 = 128 << 10

    /// Makes all threads take memory from one place. glibc's way, a place for each of up to eight threads a processor,
    /// spares them waiting for each other and costs memory for each; threads that wait for the next tick all day have
    /// nothing to wait for. To be called before the first thread is made. Also sets glibc's threshold for giving memory
    /// back, which it would else raise by itself.
    package static func beSmall() {
        _ = mallopt(M_ARENA_MAX, arenas)
        _ = mallopt(M_TRIM_THRESHOLD, slack)
        _ = mallopt(M_MMAP_THRESHOLD, slack)
    }

    /// Gives whole free pages back to the kernel, also those in the heap's middle: for after work that took much at once.
    /// Takes about a millisecond for each 30 MB of heap.
    package static func giveBack() { _ = malloc_trim(0) }
}
