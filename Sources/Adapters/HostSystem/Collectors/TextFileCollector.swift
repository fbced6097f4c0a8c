import Exposition
import Runtime
import Telemetry

/// Files `*.prom` of a folder, which programs of the host write: Prometheus' text format.
struct TextFileCollector: HostCollector {
    let name = "textfile"
    let exclusion: Exclusion
    private let files: any HostFiles
    private let directory: String

    init(files: any HostFiles, exclusion: Exclusion, directory: String) {
        self.files = files
        self.exclusion = exclusion
        self.directory = directory
    }

    mutating func collect(into collected: inout Collected) async {
        var names: [String] = []
        do throws(FileError) { names = try files.list(directory) } catch {
            // Nobody writes such files here.
            if !error.isAbsent { collected.problems.append(error.description) }
        }
        for name in names.sorted() where name.hasSuffix(".prom") && !exclusion.covers(name) {
            read("\(directory)/\(name)", &collected)
        }
        collected.add("node_textfile_scrape_error", collected.problems.isEmpty ? 0 : 1)
    }

    private func read(_ path: String, _ collected: inout Collected) {
        guard let content = content(path, files, &collected) else { return }
        let variant: Int = Array(path.utf8)[...].fingerprint
        var faults = 0
        for result in ExpositionReader(content, format: .prometheus) {
            do throws(ExpositionError) {
                let line: ExposedLine = try result.get()
                guard !line.hasTimestamp else {
                    throw ExpositionError(line: line.number, "a file must not say when it was measured")
                }
                try add(line, variant, &collected)
            } catch {
                faults += 1
                // A binary file is a thousand faults of one cause.
                if faults <= 3 { collected.problems.append("\(path): \(error)") }
            }
        }
        if faults > 3 { collected.problems.append("\(path): and \(faults - 3) more lines") }
        if let modifiedAt = try? files.modificationTime(ofFileAt: path) {
            collected.add("node_textfile_mtime_seconds", "file", Array(path.utf8)[...], modifiedAt.seconds)
        }
    }

    private func add(_ line: ExposedLine, _ variant: Int, _ collected: inout Collected) throws(ExpositionError) {
        var failure: ExpositionError?
        collected.add(exposed: line.series, of: variant, line.value) {
            do throws(ExpositionError) { return .series(try ExposedSeries.parse(line.series)) } catch {
                failure = error
                return .faulty
            }
        }
        if let failure { throw ExpositionError(line: line.number, failure.message) }
    }
}
