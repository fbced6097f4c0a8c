import ArgumentParser

/// The entry of the executable, which holds nothing itself.
package enum ServerProgram {
    package static func main() async { await ServerCommand.main() }
}
