import HostSystem
import ServiceLifecycle

/// Lets go of the code that only starting needed, once the agent has done everything at least once.
struct Settling: Service {
    let clock: any Clock<Duration>

    private static let after = Duration.seconds(60)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            guard (try? await clock.sleep(for: Self.after)) != nil else { return }
            ProgramPages.letGo()
        }
    }
}
