"""Files are uploaded, cut into chunks, added up in parallel, and merged into a report.

    uploads/incoming/  ->  file-events  ->  start-job  ->  process-file (Plan, Map over chunks, Merge, Notify)
                                                              |-> results/reports/<job>/
                                                              |-> file-results    done, or failed and why
                                                              |-> failed-chunks   chunks that failed, with input
                                                              `-> rejected-rows   rows that could not be used

A queue of dead letters, `undelivered-files`, has the events that could not be started.

`POST /jobs` starts the same for an object that lies elsewhere in the bucket of uploads, `GET /jobs/{job}` tells how
far a job is (`penstock serve file-processing`). On AWS only callers whose IAM policies allow it may ask.
"""

from pathlib import Path

from handlers import file_processing as handlers
from penstock.pipelines import (
    Bucket,
    BucketNotification,
    Entry,
    Function,
    HttpApi,
    IamAuthorizer,
    Named,
    Pipeline,
    Queue,
    QueueMapping,
    Results,
    StateMachine,
    reads,
    uses,
    writes,
)
from pipelines.flights import write_flights

uploads = Bucket("penstock-uploads")
results = Bucket("penstock-results")

undelivered_files = Queue("undelivered-files", message_retention_seconds=1_209_600)
file_events = Queue(
    "file-events",
    visibility_timeout_seconds=180,
    dead_letter_queue=undelivered_files,
    max_receive_count=3,
)
failed_chunks = Queue("failed-chunks", message_retention_seconds=1_209_600)
rejected_rows = Queue("rejected-rows.fifo", fifo=True, message_retention_seconds=1_209_600)
file_results = Queue("file-results", message_retention_seconds=1_209_600)

start_job = Function(
    "start-job",
    handlers.start_job,
    timeout_seconds=30,
    memory_mb=256,
    environment={"STATE_MACHINE_ARN": Named("process-file")},
    calls=(writes(Named("process-file")),),
)
plan = Function(
    "plan-file",
    handlers.plan,
    timeout_seconds=300,
    environment={"RESULTS_BUCKET": results},
    calls=(reads(uploads), writes(results)),
)
process_chunk = Function(
    "process-chunk",
    handlers.process_chunk,
    timeout_seconds=300,
    memory_mb=1024,
    environment={"REJECTED_ROWS_QUEUE_URL": rejected_rows},
    calls=(reads(uploads), uses(results), writes(rejected_rows)),
)
merge = Function("merge-totals", handlers.merge, timeout_seconds=300, memory_mb=1024, calls=(uses(results),))

process_file = StateMachine(
    "process-file",
    Path("statemachines/process_file.asl.yaml"),
    substitutions={
        "PlanFunction": plan,
        "ProcessChunkFunction": process_chunk,
        "MergeFunction": merge,
        "FailedChunksQueue": failed_chunks,
        "FileResultsQueue": file_results,
        "ResultsBucket": results,
    },
)

jobs_api = Function(
    "jobs-api",
    "handlers.jobs_api.api",
    timeout_seconds=29,
    memory_mb=256,
    environment={
        "STATE_MACHINE_ARN": process_file,
        "UPLOADS_BUCKET": uploads,
        "RESULTS_BUCKET": results,
    },
    calls=(reads(uploads), process_file),
)
jobs = HttpApi(
    "jobs", {"POST /jobs": jobs_api, "GET /jobs/{job}": jobs_api}, authorizer=IamAuthorizer("callers")
)

pipeline = Pipeline(
    "file-processing",
    parts=(
        BucketNotification(uploads, to=file_events, prefix="incoming/"),
        QueueMapping(file_events, start_job, batch_size=10),
        process_file,
        jobs,
    ),
    entry=Entry(
        uploads,
        key_prefix="incoming/",
        options={
            "group_by": "",
            "sum": "",
            "format": "auto",
            "chunk_mb": "4",
            "delimiter": ",",
            "quoted_newlines": "false",
            "tolerated_failure_percentage": "0",
        },
    ),
    results=Results(results, key_prefix="reports/", announced_in=file_results),
    demo=write_flights,
)
