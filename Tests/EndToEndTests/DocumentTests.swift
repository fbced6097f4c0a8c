import Declarations
import Foundation
import MongoDouble
import Testing

#if MongoDB

    /// Documents that wait in MongoDB become events because a manifest was pushed.
    @Suite(.serialized) struct DocumentTests {
        private static let namespace = "reading-analytics.articles"

        private func manifest(_ double: MongoDouble, source: String) -> String {
            """
            apiVersion: plumbline/v1
            kind: Pipeline
            metadata:
              name: reading
            spec:
              every: 1s
              batchSize: 10
              source:
                mongodb:
                  uri: \(double.uri)
                  database: reading-analytics
                  collection: articles
              mapping:
                time: { from: [/timestamp] }
                source: { default: \(source) }
                type: { from: [/event_type] }
                payload: { required: true }

            """
        }

        private func documents(_ numbers: Range<Int>) -> [BSONDocument] {
            numbers.map { number in
                [
                    "_id": .objectID(numbered: number), "timestamp": .date(1_763_618_400_000 + Int64(number)),
                    "event_type": "extraction", "status": "ingested", "payload": ["n": .int32(Int32(number))],
                ]
            }
        }

        // Shows F-ET-01, F-ET-02, F-ET-06
        @Test(.timeLimit(.minutes(4)))
        func aPushedPipelineTakesDocumentsAndAnotherPushChangesHow() async throws {
            let double = try MongoDouble()
            double.insert(documents(0..<25), into: Self.namespace)
            double.insert(
                [["_id": "legacy", "status": "ingested", "article": ["title": "T"]]], into: Self.namespace)
            let platform: Platform = try await Platform.start()
            try await platform.commit(
                ["pipelines/reading.yaml": manifest(double, source: "reading")], message: "Read articles")
            let pushed: Finished = try await platform.push()
            #expect(pushed.status == 0, "\(pushed.all)")
            #expect(pushed.all.contains("Pipeline/reading"))
            _ = try await eventually("all documents are marked", within: 30) {
                double.documents(in: Self.namespace).allSatisfy { $0["status"] == "processed" } ? true : nil
            }
            #expect(try await platform.count("plumbline.events WHERE source = 'reading'") == 25)
            #expect(try await platform.count("plumbline_proxy.dead_letters") == 1)

            double.insert(documents(25..<30), into: Self.namespace)
            try await platform.commit(
                ["pipelines/reading.yaml": manifest(double, source: "library")], message: "Name the source better")
            #expect(try await platform.push().status == 0)
            double.insert(documents(30..<40), into: Self.namespace)
            _ = try await eventually("the new documents are events", within: 30) {
                try await platform.count("plumbline.events") == 40 ? true : nil
            }
            #expect(try await platform.count("plumbline.events WHERE source = 'library'") >= 10)
            #expect(double.updated(in: Self.namespace).values.allSatisfy { $0 == 1 })
            try await platform.dispose()
        }
    }

    extension Platform {
        fileprivate func count(_ table: String) async throws -> Int {
            let text: String = try await operatorSQL("SELECT count(*) FROM \(table)")
            return Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) ?? -1
        }
    }

#endif
