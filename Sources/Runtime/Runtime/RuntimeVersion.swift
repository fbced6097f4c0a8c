/// The version that every program of this package reports.
package enum RuntimeVersion {
    package static let current = "0.1.0"
}
