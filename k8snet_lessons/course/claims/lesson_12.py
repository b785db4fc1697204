"""What lesson 12 claims: the incident room."""

from k8snet_lessons.course.claims.claim import chosen

CLAIMS = (chosen("zones lie 6 ms apart", "a setting of the simulated cluster"),)
