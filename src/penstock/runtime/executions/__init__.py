"""Step Functions: executions of the States Language engine, driven by the run's scheduler and journal.

drive         one execution on its way, as a value
driver        one execution at a time is stepped; its commands are carried out, its happenings journaled
children      child executions of a Distributed Map: how they begin, are refused and end
tasks         what a Task state asks for: Lambda, SQS, nested executions, any API through boto3
sdk           names, parameters and errors of the `aws-sdk` integrations
reading       the items of a Distributed Map, from S3
manifests     items in objects that another object names
writing       the results of a Distributed Map, to S3
map_runs      how far each Distributed Map is
reports       what readers of the journal learn of executions
answers       executions in the shapes of the API
questions     the calls of the API that ask and change nothing
trials        TestState and ValidateStateMachineDefinition
service       the Step Functions API
"""
