"""Record forty submissions, a line on standard output for each; killed by a test half-way."""

import sys

from gradebook_room import graded

from k8snet_lessons.assess.gradebook import Gradebook

MANY = 40

if __name__ == "__main__":
    one = graded(answers={"size": {"limit": 1, "per_s": 2.0}})
    with Gradebook(sys.argv[1]) as book:
        print("open", flush=True)
        for number in range(MANY):
            student = f"student-{number:02d}"
            if not book.has(student, one.assignment, one.digest):
                print(f"grading {student}", flush=True)
                book.record(type(one)(**{**one.__dict__, "student": student}))
                print(f"recorded {student}", flush=True)
    print("done", flush=True)
