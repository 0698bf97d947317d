"""Handing things over to targets, for the services that send: rules, topics and pipes.

addresses   where rules and schedules deliver, and on which terms
targets     the one place that knows how each kind of target is given something
faults      targets that cannot be reached, on purpose
deliveries  trying again, and the dead letters of what could not be delivered
"""
