/// One series: a metric's name and its labels. The host and the producer are not labels of it: they are its source.
package struct Series: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var name: String
    package var labels: Labels

    package init(_ name: String, _ labels: Labels = .none) {
        self.name = name
        self.labels = labels
    }

    package static func < (left: Series, right: Series) -> Bool {
        left.name != right.name ? left.name < right.name : left.labels < right.labels
    }

    /// `node_load1`, `node_cpu_seconds_total{cpu="0",mode="idle"}`. Equal series have equal text: the text is what
    /// layouts are hashed over.
    package var description: String { name + labels.description }
}

/// One producer of samples on one host: a collector, a scrape target, a remote-write sender.
package struct Source: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var host: String
    package var producer: String

    package init(host: String, producer: String) {
        self.host = host
        self.producer = producer
    }

    package static func < (left: Source, right: Source) -> Bool {
        left.host != right.host ? left.host < right.host : left.producer < right.producer
    }

    package var description: String { "\(host)/\(producer)" }
}

/// One value of one series at one instant. NaN and infinities are legal.
package struct Sample: Hashable, Sendable {
    package var time: Timestamp
    package var value: Double

    package init(_ time: Timestamp, _ value: Double) {
        self.time = time
        self.value = value
    }
}
