"""What runs inside LocalStack: plugins of the namespaces that it has for them.

    runtime_api, function_process   a function as a process: Lambda's Runtime API, and what runs against it
    executor                        LocalStack's face of the two (`localstack.lambda.runtime_executor`)
    tables, table_streams           DynamoDB and its streams, by moto (`localstack.aws.provider`)
    jsonata                         JSONata by `penstock.statemachines`
    stream_mappings                 tumbling windows and bisecting, which LocalStack's mappings leave out
    hooks                           the last two, put in place (`localstack.hooks.on_infra_start`)

Runs on LocalStack's Python with LocalStack's packages: of penstock only what needs no others may be imported.
"""
