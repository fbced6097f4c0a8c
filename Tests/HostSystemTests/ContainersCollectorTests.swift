import Declarations
import Glibc
@testable import HostSystem
import Runtime
import Synchronization
import Telemetry
import TestSupport
import Testing

private let web = String(repeating: "ab", count: 32)
private let worker = String(repeating: "cd", count: 32)

private func group(_ path: String, cpu: Int) -> [String: String] {
    [
        "\(path)/cpu.stat":
            "usage_usec \(cpu)\nuser_usec 300\nsystem_usec 200\nnr_periods 7\nnr_throttled 2\nthrottled_usec 1500000\n",
        "\(path)/memory.current": "1000\n", "\(path)/memory.max": "max\n",
        "\(path)/memory.stat": "anon 400\nfile 500\ninactive_file 250\n",
        "\(path)/memory.events": "low 0\noom 1\noom_kill 1\n", "\(path)/pids.current": "12\n",
        "\(path)/io.stat":
            "8:0 rbytes=100 wbytes=200 rios=3 wios=4 dbytes=0 dios=0\n8:16 rbytes=1 wbytes=2 rios=5 wios=6\n",
        "\(path)/cgroup.procs": "1\n",
    ]
}

private func host() -> RecordedHostFiles {
    var files: [String: String] = ["/sys/fs/cgroup/cgroup.controllers": "cpu io memory pids\n"]
    for (path, cpu) in [
        ("/sys/fs/cgroup/system.slice/docker-\(web).scope", 2_500_000),
        ("/sys/fs/cgroup/machine.slice/libpod-\(worker).scope", 1_000_000),
        ("/sys/fs/cgroup/machine.slice/machine-lab.scope", 4_000_000), ("/sys/fs/cgroup/system.slice/ssh.service", 9),
    ] {
        files.merge(group(path, cpu: cpu)) { _, last in last }
    }
    return RecordedHostFiles(files)
}

/// Counts how often it is asked.
private final class Engine: ContainerEngine {
    let questions = Mutex(0)

    func containers() throws(FileError) -> [ContainerDescription] {
        questions.withLock { $0 += 1 }
        return [ContainerDescription(id: web, name: "shop", image: "shop:7")]
    }
}

/// Gives each of these answers once, then knows the container.
private final class FalteringEngine: ContainerEngine {
    let failures: Mutex<[FileError]>
    let questions = Mutex(0)

    init(_ failures: [FileError]) { self.failures = Mutex(failures) }

    func containers() throws(FileError) -> [ContainerDescription] {
        questions.withLock { $0 += 1 }
        let failure: FileError? = failures.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        if let failure { throw failure }
        return [ContainerDescription(id: web, name: "shop", image: "shop:7")]
    }
}

@Suite struct ContainersCollectorTests {
    @Test(arguments: [ETIMEDOUT, ECONNREFUSED, 0])
    func anEngineThatFailsForAMomentIsAskedAgain(code: Int32) async {
        let failure = FileError(path: "/engine", operation: "ask", reason: "not now", code: code)
        let engine = FalteringEngine([failure, failure])
        var dependencies = dependencies(host())
        dependencies.engines = [engine]
        var collector = makeCollector(.containers, exclude: [], dependencies)
        for _ in 1...2 { #expect(await collector.collect().remarks == [failure.description]) }
        for _ in 1...2 {
            let collected: Collected = await collector.collect()
            #expect(collected[#"container_threads{name="shop"}"#] == 12)
            #expect(collected.remarks == [])
        }
        #expect(engine.questions.withLock { $0 } == 3)
    }

    @Test(arguments: [ENOENT, EACCES]) func anEngineThatIsNotHereOrNotForThisUserIsAskedOnce(code: Int32) async {
        let failure = FileError(path: "/engine", operation: "ask", reason: "no", code: code)
        let engine = FalteringEngine([failure])
        var dependencies = dependencies(host())
        dependencies.engines = [engine]
        var collector = makeCollector(.containers, exclude: [], dependencies)
        for _ in 1...2 { #expect(await collector.collect().remarks == []) }
        #expect(engine.questions.withLock { $0 } == 1)
    }

    @Test func containersAreToldByNameAsTheEngineKnowsThem() async {
        let engine = Engine()
        var dependencies = dependencies(host())
        dependencies.engines = [engine]
        var collector = makeCollector(.containers, exclude: ["lab"], dependencies)
        for _ in 1...3 {
            let collected: Collected = await collector.collect()
            #expect(collected.problems == [])
            #expect(
                collected.lines.filter { $0.contains("shop") } == [
                    #"container_cpu_cfs_periods_total{name="shop"} 7.0"#,
                    #"container_cpu_cfs_throttled_periods_total{name="shop"} 2.0"#,
                    #"container_cpu_cfs_throttled_seconds_total{name="shop"} 1.5"#,
                    #"container_cpu_system_seconds_total{name="shop"} 0.0002"#,
                    #"container_cpu_usage_seconds_total{name="shop"} 2.5"#,
                    #"container_cpu_user_seconds_total{name="shop"} 0.0003"#,
                    #"container_fs_reads_bytes_total{name="shop"} 101.0"#,
                    #"container_fs_reads_total{name="shop"} 8.0"#,
                    #"container_fs_writes_bytes_total{name="shop"} 202.0"#,
                    #"container_fs_writes_total{name="shop"} 10.0"#,
                    "container_info{id=\"\(web)\",image=\"shop:7\",name=\"shop\"} 1.0",
                    #"container_memory_cache{name="shop"} 500.0"#, #"container_memory_rss{name="shop"} 400.0"#,
                    #"container_memory_usage_bytes{name="shop"} 1000.0"#,
                    #"container_memory_working_set_bytes{name="shop"} 750.0"#,
                    #"container_oom_events_total{name="shop"} 1.0"#, #"container_threads{name="shop"} 12.0"#,
                ])
            // Nobody knows its name.
            #expect(collected[#"container_cpu_usage_seconds_total{name="cdcdcdcdcdcd"}"#] == 1)
            #expect(!collected.lines.contains { $0.contains("lab") || $0.contains("ssh") })
            #expect(collected["plumb_containers"] == 3)
        }
        #expect(engine.questions.withLock { $0 } == 1)
    }

    @Test func withoutControlGroupsOfVersion2ThereIsNothingToTell() async {
        var collector = makeCollector(.containers, exclude: [], dependencies(RecordedHostFiles([:])))
        let collected: Collected = await collector.collect()
        #expect(collected.lines == [])
        #expect(collected.problems == [])
    }

    @Test func theEngineIsAskedOverItsSocket() async throws {
        let folder = try TemporaryFolder()
        let requests = Mutex<[String]>([])
        let server = try UnixServer(path: folder("engine.sock")) { request in
            requests.withLock { $0.append(request) }
            let body =
                #"[{"Id":"\#(web)","Names":["/shop"],"Image":"shop:7","State":"running"},{"Id":"x"}]"#
            return "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n\(body)"
        }
        #expect(
            try EngineSocket(path: folder("engine.sock")).containers() == [
                ContainerDescription(id: web, name: "shop", image: "shop:7")
            ])
        #expect(requests.withLock { $0 } == ["GET /containers/json HTTP/1.0\r\nHost: localhost\r\n\r\n"])
        _ = server
        #expect(throws: FileError.self) { try EngineSocket(path: folder("nobody.sock")).containers() }
    }
}

/// Answers connections on a unix socket, one after the other.
private final class UnixServer: Sendable {
    private let descriptor: Int32

    init(path: String, _ answer: @escaping @Sendable (String) -> String) throws {
        let listener: Int32 = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let isListening: Bool = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0 && listen(listener, 8) == 0
            }
        }
        guard isListening else { throw TestSupportError("cannot listen on \(path)") }
        descriptor = listener
        BlockingThread.detach {
            while true {
                let connection: Int32 = accept(listener, nil, nil)
                guard connection >= 0 else { return }
                var buffer = [UInt8](repeating: 0, count: 4096)
                let count: Int = read(connection, &buffer, buffer.count)
                let text: String = answer(String(decoding: buffer.prefix(max(0, count)), as: UTF8.self))
                _ = write(connection, Array(text.utf8), text.utf8.count)
                close(connection)
            }
        }
    }

    deinit {
        shutdown(descriptor, Int32(SHUT_RDWR))
        close(descriptor)
    }
}
