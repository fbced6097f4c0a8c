import ArgumentParser

/// What of the store is measured.
enum StorePart: String, CaseIterable, ExpressibleByArgument {
    /// A day of 100 hosts: stored, asked about, sealed, asked about again.
    case day
    /// Backlogs, 100 ticks a request.
    case bulk
    /// More and more hosts.
    case growth
    /// One tick a request, as agents send.
    case live
    /// What series cost, in an empty store.
    case series
    /// The same rows by COPY, without anything around it.
    case copy
    /// TimescaleDB's compressed chunks.
    case timescale
}

/// Hosts that send for a while.
struct StoreLoad: Sendable {
    var name: String
    var part: StorePart
    var hosts: Int
    var series: Int
    var ticks: Int
    var perRequest: Int
    /// Who send at once; nil is the benchmark's number.
    var clients: Int?

    var title: String {
        "\(hosts) x \(series), \(perRequest) tick\(perRequest == 1 ? "" : "s") a request"
            + (clients.map { ", \($0) at once" } ?? "")
    }

    static let all: [StoreLoad] = [
        StoreLoad(name: "bulk-a", part: .bulk, hosts: 1000, series: 50, ticks: 300, perRequest: 100),
        StoreLoad(name: "bulk-b", part: .bulk, hosts: 100, series: 500, ticks: 300, perRequest: 100),
        StoreLoad(name: "live-a", part: .live, hosts: 1000, series: 50, ticks: 20, perRequest: 1),
        StoreLoad(name: "live-b", part: .live, hosts: 1000, series: 50, ticks: 40, perRequest: 1, clients: 64),
        StoreLoad(name: "live-c", part: .live, hosts: 100, series: 500, ticks: 100, perRequest: 1),
    ]
}
