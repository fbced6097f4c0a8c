import Declarations
import Exposition
import HostSystem
import Scraping
import Telemetry

/// What one target exposes, from scrape to scrape. A value: the worker does the asking.
struct ScrapedPage: Sendable {
    private(set) var collected = Collected()
    private let sampleLimit: Int
    private let target: TargetLabels
    private let relabelling: Relabelling

    init(name: String, _ spec: ScrapeTargetSpec) {
        sampleLimit = spec.sampleLimit
        target = TargetLabels(job: name, instance: spec.instance, labels: spec.labels)
        relabelling = Relabelling(spec.relabel)
    }

    /// Takes an answer, or that there was none. A page that breaks a limit, or that was cut off, counts as none: half a
    /// page would look like series that ended.
    mutating func take(_ answer: Result<ScrapeClient.Answer, ScrapeClient.Failure>, seconds: Double) {
        collected.begin()
        var exposed = 0
        var rejected = 0
        var failure: String?
        switch answer {
        case .failure(let reason): failure = reason.message
        case .success(let answer): failure = read(answer, exposed: &exposed, rejected: &rejected)
        }
        let kept: Int = collected.presentCount
        if let failure {
            collected.begin()
            collected.problems.append(failure)
        }
        collected.add(target.series("up"), failure == nil ? 1 : 0)
        collected.add(target.series("scrape_duration_seconds"), seconds)
        collected.add(target.series("scrape_samples_scraped"), Double(exposed))
        collected.add(
            target.series("scrape_samples_post_metric_relabeling"), failure == nil ? Double(kept) : 0)
        collected.add(target.series("scrape_lines_rejected"), Double(rejected))
    }

    /// Reads a page; answers why it cannot be taken.
    private mutating func read(
        _ answer: ScrapeClient.Answer, exposed: inout Int, rejected: inout Int
    ) -> String? {
        for result in ExpositionReader(answer.body, format: answer.format) {
            do throws(ExpositionError) {
                let line: ExposedLine = try result.get()
                exposed += 1
                try add(line)
            } catch {
                guard error.line != nil else { return error.message }
                rejected += 1
                // Said for the first few: a page of another kind is a thousand faults of one cause.
                if rejected <= 3 { collected.remarks.append("\(error), left out") }
            }
            guard collected.presentCount <= sampleLimit else {
                return "more than \(sampleLimit) series after relabelling, which is the target's sampleLimit"
            }
        }
        if exposed == 0, rejected > 0 { return "no line of the answer is one of metrics" }
        if rejected > 3 { collected.remarks.append("\(rejected) lines left out in all") }
        return nil
    }

    private mutating func add(_ line: ExposedLine) throws(ExpositionError) {
        var fault: ExpositionError?
        let target: TargetLabels = self.target
        let relabelling: Relabelling = self.relabelling
        collected.add(exposed: line.series, line.value) {
            do throws(ExpositionError) {
                let series: Series = target.applied(to: try ExposedSeries.parse(line.series))
                return relabelling.applied(to: series).map { .series($0) } ?? .leftOut
            } catch {
                fault = error
                return .faulty
            }
        }
        if let fault { throw ExpositionError(line: line.number, fault.message) }
    }
}
