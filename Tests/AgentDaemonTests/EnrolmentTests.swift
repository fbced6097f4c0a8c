@testable import AgentDaemon
import ConfigAPI
import Declarations
import Glibc
import Runtime
import Telemetry
import Testing

@Suite struct EnrolmentTests {
    private let load = collector("load", "load", every: "1s")

    /// An agent that has no token but a file with a one-time one.
    private func enrolling(_ harness: AgentHarness) throws -> (inout AgentConfiguration) -> Void {
        let path = "\(harness.folder)/state/enrolment"
        try Files.write(Array("one-time\n".utf8), to: path, mode: 0o600)
        return {
            $0.tokenFile = nil
            $0.enrolmentFile = path
        }
    }

    // Shows F-AG-15 W-A-01
    @Test func aOneTimeTokenBecomesASecretAndTokensAreRenewedBeforeTheyEnd() async throws {
        try await withServer { server, harness in
            server.expectEnrolment("one-time")
            server.send(config(1, [load]))
            try await harness.running(adjust: try enrolling(harness)) {
                try await eventually("tokens of several lives") { server.issuedTokens >= 4 }
                let count: Int = harness.files.loadReads
                try await eventually("frames") { server.values("node_load1", producer: "load").count >= count }
            }
            #expect(server.refusals == 0, "no request was ever made with a token that had ended")
            let path = "\(harness.folder)/state/credential.json"
            var status = stat()
            #expect(stat(path, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o600)
            #expect(!Files.exists("\(path).pending"))
            let issued: Int = server.issuedTokens
            // The one-time token is not needed again.
            try await harness.running(adjust: { $0.tokenFile = nil }) {
                try await eventually("another token") { server.issuedTokens > issued }
            }
            let values: [Double] = server.values("node_load1", producer: "load")
            #expect(values == (1...values.count).map(Double.init))
        }
    }

    // Shows F-AG-15
    @Test func aRevokedAgentKeepsItsDataUntilItIsEnrolledAgain() async throws {
        try await withServer { server, harness in
            server.expectEnrolment("one-time")
            server.send(config(1, [load]))
            try await harness.running(adjust: try enrolling(harness)) {
                try await eventually("frames") { server.values("node_load1", producer: "load").count >= 3 }
                server.expectEnrolment("second")
                let reads: Int = harness.files.loadReads
                try await eventually("collection goes on") { harness.files.loadReads >= reads + 5 }
            }
            try Files.removeTree("\(harness.folder)/state/credential.json")
            let adjust: (inout AgentConfiguration) -> Void = try enrolling(harness)
            try Files.write(Array("second\n".utf8), to: "\(harness.folder)/state/enrolment", mode: 0o600)
            let reads: Int = harness.files.loadReads
            try await harness.running(adjust: adjust) {
                try await eventually("everything") { server.values("node_load1", producer: "load").count > reads }
            }
            let values: [Double] = server.values("node_load1", producer: "load")
            #expect(values.filter { $0 < Double(reads) } == (1..<reads).map(Double.init))
        }
    }

    // Shows F-AG-20
    @Test func aServerThatGivesNoTokenHoldsUpNoStop() async throws {
        try await withServer { server, harness in
            server.expectEnrolment("one-time")
            server.send(config(1, [load]))
            let enrolling: (inout AgentConfiguration) -> Void = try enrolling(harness)
            let adjust: (inout AgentConfiguration) -> Void = {
                enrolling(&$0)
                $0.requestTimeout = .seconds(60)
                $0.flushDeadline = .seconds(3)
            }
            let stopped = ContinuousClock().stopwatch()
            var stopBegan: Duration = .zero
            try await harness.running(adjust: adjust) {
                try await eventually("frames") { server.values("node_load1", producer: "load").count >= 2 }
                server.holdTokens()
                try await eventually("a token is due") { server.heldTokens >= 1 }
                let reads: Int = harness.files.loadReads
                try await eventually("frames in the queue") { harness.files.loadReads > reads }
                stopBegan = stopped()
            }
            #expect(stopped() - stopBegan < .seconds(20), "it waited for the token that was asked for")
        }
    }

    // Shows F-AG-15
    @Test func aRevokedAgentTakesAnEnrolmentTokenThatIsNewerThanItsSecret() async throws {
        try await withServer { server, harness in
            server.expectEnrolment("one-time")
            server.send(config(1, [load]))
            try await harness.running(adjust: try enrolling(harness)) {
                func isStored(_ read: Int) -> Bool { server.values("node_load1", producer: "load").count >= read }
                try await eventually("frames") { isStored(3) }
                // Revoked. The token that it was enrolled with is still there, and means nothing new.
                server.expectEnrolment("one-time")
                let reads: Int = harness.files.loadReads
                try await eventually("collection goes on") { harness.files.loadReads >= reads + 40 }
                #expect(!isStored(reads + 5))
                #expect(!Files.exists("\(harness.folder)/state/credential.json.pending"))
                server.expectEnrolment("second")
                try Files.write(Array("second\n".utf8), to: "\(harness.folder)/state/enrolment", mode: 0o600)
                try await eventually("everything, without a restart") { isStored(reads + 40) }
            }
        }
    }

    @Test func aCredentialThatOthersCanReadIsNotUsed() throws {
        let path = "/tmp/plumb-credential-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        defer { unlink(path) }
        #expect(try AgentCredential(reading: path) == nil)
        let credential = AgentCredential(host: "web-1")
        #expect(credential.secret.utf8.count == 64)
        try credential.write(to: path)
        #expect(try AgentCredential(reading: path) == credential)
        #expect(chmod(path, 0o644) == 0)
        #expect(throws: FileError.self) { try AgentCredential(reading: path) }
        try Files.write(Array("{}".utf8), to: path, mode: 0o600)
        #expect(throws: FileError.self) { try AgentCredential(reading: path) }
    }
}
