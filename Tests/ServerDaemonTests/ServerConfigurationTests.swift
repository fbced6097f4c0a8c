import Database
import Runtime
import ServerDaemon
import StoreService
import Telemetry
import Testing

@Suite struct ServerConfigurationTests {
    private func problem(_ change: (inout ServerConfiguration) -> Void) -> String? {
        var configuration = ServerConfiguration(database: "dbname=none", keysFile: "/tmp/none")
        change(&configuration)
        return configuration.problem
    }

    // Shows W-A-22
    @Test func otherMachinesAreServedOnlyOverTLSOrWhenSomebodySaysSo() {
        let everywhere = ListenAddress(host: "0.0.0.0", port: 7700)
        #expect(problem { _ in } == nil)
        #expect(problem { $0.listen = everywhere }?.contains("--tls-cert") == true)
        #expect(
            problem {
                $0.listen = everywhere
                $0.tls = .init(certificate: "a", key: "b")
            } == nil)
        #expect(
            problem {
                $0.listen = everywhere
                $0.isInsecureAllowed = true
            } == nil)
    }

    @Test func numbersOutOfRangeAreRefused() {
        #expect(problem { $0.poolSize = 0 } != nil)
        #expect(problem { $0.poolSize = 101 } != nil)
        #expect(problem { $0.configPoll = .zero } != nil)
        #expect(problem { $0.retentionGrace = .seconds(-1) } != nil)
        #expect(problem { $0.retentionGrace = .zero } == nil)
        #expect(problem { $0.sealInterval = .zero } != nil)
    }

    @Test func limitsOfSeriesAreHeldToReason() {
        #expect(problem { $0.limits.seriesPerSource = 0 } != nil)
        #expect(problem { $0.limits.seriesPerHost = 9_999 }?.contains("10000") == true)
        #expect(problem { $0.limits.newLayouts = 0 } != nil)
        #expect(problem { $0.limits = .init(seriesPerSource: 20_000, seriesPerHost: 20_000, newLayouts: 1) } == nil)
    }

    @Test func openPathsOpenNothingBesideThemselves() {
        let open = OpenPaths(["/healthz"], folders: ["/assets/"])
        #expect(open.contains("/healthz"))
        #expect(open.contains("/assets/plumb.css"))
        for path in ["/", "/healthz/", "/healthzz", "/assets", "/assets/../v1/config", "/HEALTHZ", "//assets/x"] {
            #expect(!open.contains(path), "\(path)")
        }
    }
}
