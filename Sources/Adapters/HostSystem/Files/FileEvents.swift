import Glibc
import Runtime
import Synchronization

/// Tells when something about watched files and folders may have changed, by inotify(7): whoever looks at them then need not
/// look at anything while nothing changes.
///
/// The kernel tells of names made, removed and renamed in a folder, and of content written to a file by whatever name. It
/// does not tell what is written through a mapping in memory, and on file systems of a network what others do; and it
/// watches a folder, not the way that leads there. ``watch(_:)`` answers whether what it was given can be left to it; a look
/// now and then is needed all the same.
package final class FileEvents: Sendable {
    /// What a look found at a path.
    package struct Place: Hashable, Sendable {
        package enum Kind: Sendable {
            /// Its list of names is watched.
            case folder
            /// Its content is.
            case file
        }
        package var kind: Kind
        package var path: String
        package var identity: FileIdentity

        package init(_ kind: Kind, _ path: String, _ identity: FileIdentity) {
            self.kind = kind
            self.path = path
            self.identity = identity
        }

        /// What tells of every change of one file: the file, where there is one, and the folder that its name is in, or
        /// would be in.
        package static func ofFile(_ path: String) -> Set<Place> {
            var places: Set<Place> = wherePathBegins(path)
            if let file = FoundFile(path) { places.insert(Place(.file, path, file.identity)) }
            return places
        }

        /// The nearest folder above a path: where a part of it that is not there would appear.
        package static func wherePathBegins(_ path: String) -> Set<Place> {
            var rest: Substring = path[...]
            while let slash = rest.lastIndex(of: "/") {
                rest = rest[..<slash]
                let folder: String = rest.isEmpty ? "/" : String(rest)
                if let stamp = FolderStamp(folder) { return [Place(.folder, folder, stamp.identity)] }
            }
            return []
        }
    }

    private struct State {
        /// The kernel's number of the watch; nil where there can be none. Two names of a file have the same.
        var watches: [Place: Int32?] = [:]
        var isWhole = false
    }

    private let state = Mutex(State())
    private let queue: EventQueue
    private let listener = Listener()
    private let pace: Duration
    private let onChange: @Sendable () -> Void

    /// How long what comes after an event is awaited, so that what is written together is told together.
    private static let settling = Duration.milliseconds(50)

    /// Calls `onChange` after a change, not more often than once each `pace`; on a thread of its own, while ``run()`` runs.
    /// Nil where the kernel gives no queue of events: the limit of a user is 128 by default.
    package init?(pace: Duration, onChange: @escaping @Sendable () -> Void) {
        guard let queue = EventQueue() else { return nil }
        self.queue = queue
        self.pace = pace
        self.onChange = onChange
    }

    /// Listens until cancelled.
    package func run() async {
        await withTaskCancellationHandler {
            await listener.listen(self)
        } onCancel: {
            queue.close()
        }
    }

    /// Watches these places from now on, and no others. Each change from now on is told if ``isWhole`` says so; what changed
    /// between the look that found a place and this call is not.
    package func watch(_ places: Set<Place>) {
        state.withLock { state in
            guard
                !state.isWhole || places.count != state.watches.count
                    || !places.allSatisfy({ state.watches[$0] != nil })
            else { return }
            let before = Set(state.watches.values.compactMap(\.self))
            state.watches = state.watches.filter { places.contains($0.key) }
            for place in places where state.watches[place] == nil { state.watches[place] = .some(queue.add(place)) }
            let now = Set(state.watches.values.compactMap(\.self))
            for watch in before.subtracting(now) { queue.remove(watch) }
            state.isWhole = state.watches.values.allSatisfy { $0 != nil }
        }
    }

    /// Whether all changes of the places that were given last are told.
    package var isWhole: Bool { state.withLock(\.isWhole) }

    fileprivate func listen() {
        var last: ContinuousClock.Instant?
        while queue.waitForEvents() {
            let rest: Duration = last.map { pace - (.now - $0) } ?? .zero
            guard queue.waitForEnd(atMost: max(Self.settling, rest)) == false else { return }
            let ended: Set<Int32> = queue.drain()
            if !ended.isEmpty { forget(ended) }
            last = .now
            onChange()
        }
    }

    /// The kernel ends the watch of a file that is gone. Another file may get its number.
    private func forget(_ ended: Set<Int32>) {
        state.withLock { state in
            let before: Int = state.watches.count
            state.watches = state.watches.filter { entry in entry.value.map { !ended.contains($0) } ?? true }
            if state.watches.count < before { state.isWhole = false }
        }
    }
}

/// The thread that waits for events.
private actor Listener {
    private let executor = BlockingExecutor(name: "changes")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    func listen(_ events: FileEvents) { events.listen() }
}

/// inotify's descriptor, and a pipe that ends the waiting for it.
private final class EventQueue: Sendable {
    private let events: Int32
    private let end: (reading: Int32, writing: Int32)

    init?() {
        var pipes: [Int32] = [-1, -1]
        guard pipe(&pipes) == 0 else { return nil }
        for descriptor in pipes { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        events = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
        end = (pipes[0], pipes[1])
        if events < 0 {
            for descriptor in pipes { Glibc.close(descriptor) }
            return nil
        }
    }

    deinit { for descriptor in [events, end.reading, end.writing] { Glibc.close(descriptor) } }

    /// Ends the waiting, now and ever after.
    func close() {
        var byte: UInt8 = 0
        _ = write(end.writing, &byte, 1)
    }

    /// The number of the new watch; nil where the kernel refuses, or would not tell all.
    func add(_ place: FileEvents.Place) -> Int32? {
        guard place.identity.isOnDisk, isDirect(place.path) else { return nil }
        let mask: Int32 =
            switch place.kind {
            case .file: IN_MODIFY | IN_DELETE_SELF | IN_MOVE_SELF
            case .folder:
                IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR
            }
        let watch: Int32 = place.path.withCString { inotify_add_watch(events, $0, UInt32(bitPattern: mask)) }
        guard watch >= 0 else { return nil }
        // Not another file that has the name by now.
        guard let present = FileIdentity(of: place.path), present == place.identity else {
            remove(watch)
            return nil
        }
        return watch
    }

    func remove(_ watch: Int32) { inotify_rm_watch(events, watch) }

    /// Whether no symbolic link is on the way: that it leads elsewhere by now would not be told.
    private func isDirect(_ path: String) -> Bool {
        guard let real = realpath(path, nil) else { return false }
        defer { free(real) }
        return strcmp(real, path) == 0
    }

    /// Whether there are events; false at the end.
    func waitForEvents() -> Bool {
        var waiting: [pollfd] = [end.reading, events].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        while poll(&waiting, 2, -1) < 0, errno == EINTR {}
        return waiting[0].revents == 0
    }

    /// Whether the end came within `span`.
    func waitForEnd(atMost span: Duration) -> Bool {
        var waiting = pollfd(fd: end.reading, events: Int16(POLLIN), revents: 0)
        return poll(&waiting, 1, Int32(clamping: span.inMilliseconds)) > 0
    }

    /// Takes all events; answers which watches the kernel ended.
    func drain() -> Set<Int32> {
        var ended: Set<Int32> = []
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: MemoryLayout<inotify_event>.alignment) { buffer in
            while true {
                let count: Int = read(events, buffer.baseAddress, buffer.count)
                guard count > 0 else { return }
                var place = 0
                while place + MemoryLayout<inotify_event>.size <= count {
                    let event: inotify_event = buffer.loadUnaligned(fromByteOffset: place, as: inotify_event.self)
                    if event.mask & UInt32(IN_IGNORED) != 0 { ended.insert(event.wd) }
                    place += MemoryLayout<inotify_event>.size + Int(event.len)
                }
            }
        }
        return ended
    }
}
