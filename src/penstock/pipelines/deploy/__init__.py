"""Deploying to AWS, or to an endpoint that answers like it.

sessions      where to, and the clients for it
errors        what botocore raises, with what to do about it
parameters    what the template allows as their values
uploading     the code bucket
stacks        a stack's state, and mending it
change_sets   what would change, and carrying it out
events        telling what happens
validation    what CloudFormation found before it made anything
failures      the failing resource, led back to the declaration
ready         waiting until functions and mappings work
endpoints     what LocalStack takes otherwise
ministack     what MiniStack takes otherwise
differences   the plan against what is deployed
kept          what deleting a stack keeps
actual        what that is like now
importing     taking it over into the stack
deploying     all of it, in order
"""

from penstock.pipelines.deploy.deploying import (
    Build,
    Deployed,
    Request,
    Terminal,
    code_differences,
    deploy,
    destroy,
    planned_for,
)
from penstock.pipelines.deploy.differences import deployed_template, differences
from penstock.pipelines.deploy.sessions import Destination, connect

__all__ = [
    "Build",
    "Deployed",
    "Destination",
    "Request",
    "Terminal",
    "code_differences",
    "connect",
    "deploy",
    "deployed_template",
    "destroy",
    "differences",
    "planned_for",
]
