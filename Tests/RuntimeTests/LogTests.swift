import Logging
import Runtime
import Synchronization
import Telemetry
import Testing

@Suite struct LogTests {
    private static let instant = Timestamp(seconds: 1_800_000_000.25)

    /// The lines that `body` logs.
    private func lines(
        _ format: LineLogHandler.Format, level: Logger.Level = .info, _ body: (Logger) -> Void
    ) -> [String] {
        let lines = Mutex<[String]>([])
        let setup = LogSetup(service: "plumb-test", level: level, format: format)
        let logger: Logger = setup.logger(clock: { Self.instant }, sink: { line in lines.withLock { $0.append(line) } })
        body(logger)
        return lines.withLock { $0 }
    }

    // Shows F-LG-01
    @Test func machinesGetOneObjectALineWithTheFixedKeysFirst() {
        let found: [String] = lines(.json) { logger in
            logger.with(.host, "web-1").warning(
                "disk \"full\"", metadata: ["count": "3", "path": "/var", "list": ["a", "b"]])
        }
        #expect(
            found == [
                #"{"time":"2027-01-15T08:00:00.25Z","level":"warning","msg":"disk \"full\"","service":"plumb-test","#
                    + #""count":"3","host":"web-1","list":["a","b"],"path":"/var"}"# + "\n"
            ])
    }

    @Test func peopleGetTimeLevelMessageAndMetadata() {
        let found: [String] = lines(.text) { logger in
            logger.info("listening", metadata: .of([.port: 7700, .reason: "two words"]))
        }
        #expect(found == ["2027-01-15T08:00:00.25Z INFO     listening port=7700 reason=\"two words\"\n"])
    }

    @Test(arguments: LineLogHandler.Format.allCases)
    func aLineIsOneLineWhateverItSays(format: LineLogHandler.Format) {
        let found: [String] = lines(format) { logger in
            logger.info("a\n{\"level\":\"critical\"}", metadata: ["name": "b\nc\u{1B}[31m"])
        }
        #expect(found.count == 1)
        #expect(found.allSatisfy { $0.dropLast().allSatisfy { !$0.isNewline && $0 != "\u{1B}" } })
    }

    // Shows F-LG-01, F-GO-13
    @Test(arguments: LineLogHandler.Format.allCases)
    func secretsThatErrorsQuoteAreTakenOut(format: LineLogHandler.Format) {
        let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"
        let found: String = lines(format) { logger in
            logger.error(
                "cannot open postgres://plumb:hunter2@db:5432/x",
                metadata: [
                    "header": "Authorization: Bearer s3cr3t-t0ken", "token": "\(token)", "url": "http://h:80/a@b",
                ])
        }.joined()
        for secret in ["hunter2", "s3cr3t", "eyJ", "c2lnbmF0dXJl"] { #expect(!found.contains(secret), "\(found)") }
        for kept in ["postgres://plumb:[secret]@db:5432/x", "Bearer [token]", "http://h:80/a@b"] {
            #expect(found.contains(kept), "\(found)")
        }
    }

    @Test func metadataCannotPassForAFixedKey() {
        let found: [String] = lines(.json) { $0.info("hello", metadata: ["level": "critical"]) }
        #expect(found.first?.contains(#""level":"info""#) == true)
        #expect(found.first?.contains(#""meta.level":"critical""#) == true)
    }

    @Test func whatIsBelowTheLevelIsNotWritten() {
        #expect(lines(.text, level: .warning) { $0.info("quiet") }.isEmpty)
    }

    @Test func theEnvironmentChoosesLevelAndForm() {
        let variables: [String: String] = ["PLUMB_LOG_LEVEL": "DEBUG", "PLUMB_LOG_FORMAT": "json"]
        let said = LogSetup(service: "x") { variables[$0] }
        #expect(said.level == .debug && said.format == .json)
        // A typing error does not stop a daemon.
        #expect(LogSetup(service: "x") { $0 == "PLUMB_LOG_LEVEL" ? "loud" : nil }.level == .info)
    }
}
