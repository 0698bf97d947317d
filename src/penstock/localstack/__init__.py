"""LocalStack on this machine without Docker: its environment, its process, and the plugin that runs inside it.

    pythons        finds a Python that LocalStack can run on
    environments   makes LocalStack's virtual environment and those of the functions, from a lock file
    plugin_folder  lets LocalStack find the plugin: this package, and nothing else of ours
    processes      tells a process from another that got its id later; ends what was started, and its children
    manager        up, down, status
    plugin/        runs inside LocalStack: functions as processes, DynamoDB by moto, JSONata by our evaluator

1. LocalStack never shares an environment with the project: its pins are its own, and it needs Python 3.12 or newer.
2. Only `plugin/` imports LocalStack or moto.
3. Whatever is started carries `PENSTOCK_LOCALSTACK` in its environment, by which it is found again after a crash.
"""
