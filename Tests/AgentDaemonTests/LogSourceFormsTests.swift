@testable import AgentDaemon
import ConfigAPI
import Declarations
import Glibc
import HostSystem
import Runtime
import Telemetry
import Testing

/// Multi-line entries and logs of containers, through a whole agent.
@Suite struct LogSourceFormsTests {
    private func append(_ text: String, to path: String) {
        let descriptor: Int32 = open(path, O_WRONLY | O_APPEND | O_CREAT, 0o644)
        defer { close(descriptor) }
        let bytes: [UInt8] = Array(text.utf8)
        #expect(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
    }

    private let trace = "2026-11-21T03:09:42Z ERROR it failed\njava.lang.X$YError: z\n\tat a.b(c)\n"

    @Test func aStackTraceIsOneEntryHoweverItIsWrittenAndAnswered() async throws {
        try await withServer { server, harness in
            server.send(
                config(1, [logSource("app", ["\(harness.logs)/app.log"], ["multiline": ["stacktrace": true]])]))
            server.answerLogs { number, _ in number % 3 == 1 ? .storeAndFail : .accept }
            let path = "\(harness.logs)/app.log"
            let whole = String(trace.dropLast())
            try await harness.running {
                for round in 1...20 {
                    for line in trace.split(separator: "\n") { append("\(line)\n", to: path) }
                    try await eventually("entry \(round)") { server.logLines.count >= round }
                }
                append(trace + trace + "next\n", to: path)
                try await eventually("the rest") { server.logLines.count >= 23 }
            }
            #expect(server.messages == (0..<22).map { _ in whole } + ["next"])
            #expect(server.logLines.filter { $0.level == .error }.count == 22)
        }
    }

    /// A line that comes after the wait is an entry of its own, and the answer that was lost meanwhile costs nothing.
    @Test func anEntryThatWasSentIsNotSentAgainWhenItGrows() async throws {
        try await withServer { server, harness in
            server.send(
                config(1, [logSource("app", ["\(harness.logs)/app.log"], ["multiline": ["stacktrace": true]])]))
            let path = "\(harness.logs)/app.log"
            server.answerLogs { number, _ in number == 1 ? .storeAndFail : .refuse(503) }
            append("one\n of one\n", to: path)
            try await harness.running {
                try await eventually("the first entry") { server.logLines.count >= 1 }
            }
            append(" late\ntwo\n", to: path)
            server.answerLogs { _, _ in .accept }
            try await harness.running {
                try await eventually("the rest") { server.logLines.count >= 3 }
            }
            #expect(server.messages == [" late", "one\n of one", "two"])
        }
    }

    // Shows F-AG-19
    @Test func containersAreReadByNameAndTheAgentsOwnIsNot() async throws {
        try await withServer { server, harness in
            let docker = "\(harness.logs)/docker"
            let pods = "\(harness.logs)/pods"
            func container(_ id: String, _ name: String?) throws -> String {
                try Files.createFolder("\(docker)/\(id)")
                if let name {
                    try Files.write(
                        Array(#"{"ID":"\#(id)","Name":"/\#(name)"}"#.utf8), to: "\(docker)/\(id)/config.v2.json")
                }
                return "\(docker)/\(id)/\(id)-json.log"
            }
            func line(_ text: String, partial: Bool = false) -> String {
                #"{"log":"\#(text)\#(partial ? "" : #"\n"#)","stream":"stderr","time":"\#(Timestamp.now())"}"# + "\n"
            }
            try Files.createFolder(docker)
            try Files.createFolder(pods)
            let web: String = try container("aaaa1111", "web")
            append(line("ERROR one "), to: web)
            append(line("two ", partial: true) + line("halves"), to: web)
            append(line("nobody asked"), to: try container("bbbb2222", "db"))
            append(line("our own"), to: try container("cccc3333", "web-agent"))
            append(line("nameless"), to: try container("web4444444444444", nil))
            try Files.createFolder("\(pods)/shop_web-7_uid/web")
            append("\(Timestamp.now()) stdout F of a pod\n", to: "\(pods)/shop_web-7_uid/web/0.log")
            let folders = ContainerFolders(docker: docker, pods: pods, own: ["cccc3333"])
            server.send(config(1, [logSource("all", containers: ["web*"])]))
            try await harness.running(adjust: { $0.containers = folders }) {
                try await eventually("four lines") { server.logLines.count >= 4 }
                // A new container, and a rotation of the first.
                append(line("later"), to: try container("dddd5555", "web-2"))
                append(line("before"), to: web)
                #expect(rename(web, "\(web).1") == 0)
                append(line("after"), to: web)
                try await eventually("three more") { server.logLines.count >= 7 }
            }
            #expect(
                server.messages == ["ERROR one ", "after", "before", "later", "nameless", "of a pod", "two halves"])
            let labels: Set<Labels> = Set(server.logStreams.values.map(\.origin.labels))
            #expect(
                labels == [
                    ["container": "web"], ["container": "web-2"], ["container": "web444444444"],
                    ["container": "web", "pod": "web-7", "namespace": "shop"],
                ])
            #expect(server.logLines.first { $0.message == "ERROR one " }?.level == .error)
            #expect(server.logLines.allSatisfy { $0.fields.contains("\"stream\"") })
        }
    }

    // Shows F-AG-19, W-B-18
    @Test func aContainersMountsSayWhichItIs() {
        let mounts = """
            1 2 8:1 / / rw - overlay overlay rw
            3 1 8:1 /var/lib/docker/containers/abc123/hostname /etc/hostname rw - ext4 /dev/sda1 rw
            4 1 8:1 /var/lib/kubelet/pods/uid-7/etc-hosts /etc/hosts rw - ext4 /dev/sda1 rw
            5 1 8:1 /var/lib/docker/containers/other/x /srv/x rw - ext4 /dev/sda1 rw
            """
        #expect(ContainerFolders.ownIdentifiers(mounts: mounts) == ["abc123", "uid-7"])
    }
}
