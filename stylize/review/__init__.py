"""The review page: see why the keys are where they are, change them, and watch what becomes of it.

A small server on this machine and one page, `page/`, without a build step: plain HTML, modules and a style
sheet. `serve` opens it; `gate` keeps strangers out; `desk` changes the plan; `outlook` tells what the plan
will cost and how sure the result is; `pictures` makes what is shown; `running` runs and cancels the pipeline.
"""
