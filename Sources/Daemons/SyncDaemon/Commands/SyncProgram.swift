import ArgumentParser
import GitStore

/// The program `gitops-sync`.
package enum SyncProgram {
    package static func main() async {
        // The program runs itself again as the git worker: that must come before anything else is set up.
        GitWorker.runIfWorker(arguments: CommandLine.arguments)
        await SyncCommand.main()
    }
}
