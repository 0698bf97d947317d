"""Where functions run: in this process (`inline`), or in processes forked from a zygote (`pool`).

context       the context object that a handler is given
running       importing a handler and running it once
inline        the invoker for the virtual clock
frames        what the processes tell each other
environment   one execution environment: a forked process for one function
logs          what a function says
zygote        the process that environments are forked from
starting      starting it
pool          the invoker for the real clock
"""
