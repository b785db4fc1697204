"""What runs inside the sandbox, beside the student's code: nothing here decides a point.

Everything in these modules may be rewritten by the student's code while it runs. A forged
message from here is a student's own answer and nothing more.
"""
