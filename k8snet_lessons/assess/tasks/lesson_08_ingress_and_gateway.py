"""Exercise of lesson 8: which rule, how long, and how patient a proxy should be."""

import math
from random import Random
from typing import Any

from k8snet_lessons.assess.answers import TODO, type_name, whole
from k8snet_lessons.assess.exercise import Assignment
from k8snet_lessons.assess.task import UNANSWERED, Field, Given, Slip, Task, asking
from k8snet_lessons.assess.verdict import Part
from k8snet_lessons.cluster import load_manifests
from k8snet_lessons.control.routing import ProxyTimeouts, answer_slowly, route

# --- which rule ----------------------------------------------------------------------------


def _draw_rules(rng: Random) -> dict[str, Any]:
    return {
        "root": rng.choice(("/api", "/v1", "/v2", "/shop")),
        "leaf": rng.choice(("pay", "order", "cart", "user")),
        "tail": rng.choice(("x", "s", "-old", "2")),
    }


def _manifest(given: Given) -> str:
    leaf = f"{given['root']}/{given['leaf']}"
    return f"""apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: shop, namespace: default}}
spec:
  rules:
  - host: shop.example.com
    http:
      paths:
      - path: {given["root"]}
        pathType: Prefix
        backend: {{service: {{name: wide, port: {{number: 80}}}}}}
      - path: {leaf}
        pathType: Prefix
        backend: {{service: {{name: narrow, port: {{number: 80}}}}}}
      - path: {leaf}
        pathType: Exact
        backend: {{service: {{name: exact, port: {{number: 80}}}}}}
"""


def _service(given: Given, ending: str) -> str:
    path = f"{given['root']}/{given['leaf']}{ending}"
    found = route(load_manifests(_manifest(given)), "shop.example.com", path)
    return found.service if found else "none"


def _prompt_rules(given: Given) -> str:
    leaf = f"{given['root']}/{given['leaf']}"
    return f"""```yaml
{_manifest(given)}```

Which Service gets a request to `shop.example.com` for

- `"bare"`: `{leaf}`
- `"slash"`: `{leaf}/`
- `"longer"`: `{leaf}{given["tail"]}`

Each answer is `"wide"`, `"narrow"`, `"exact"` or `"none"`."""


_SERVICES = ("wide", "narrow", "exact", "none")
RULES = asking(
    name="rules",
    title="Which rule takes it?",
    draw=_draw_rules,
    prompt=_prompt_rules,
    asked=(
        Field(
            "bare", 1, lambda given: _service(given, ""),
            (Slip("the-first-rule-wins", lambda given: "wide",
                  "The order in the file does not decide. What does?"),
             Slip("prefix-beats-exact", lambda given: "narrow",
                  "Two rules of the same length match. Which type goes first?")),
            "Three rules match. Length first, then type.", choices=_SERVICES,
        ),
        Field(
            "slash", 1, lambda given: _service(given, "/"),
            (Slip("exact-forgives-a-slash", lambda given: "exact",
                  "Exact takes the path as it stands, to the last character."),),
            "Which rules match once the slash is there? The longest wins.", choices=_SERVICES,
        ),
        Field(
            "longer", 1, lambda given: _service(given, given["tail"]),
            (Slip("prefix-is-a-string-prefix", lambda given: "narrow",
                  "Prefix compares whole path elements, not characters."),),
            "Split the paths at the slashes and compare element by element.", choices=_SERVICES,
        ),
    ),
    debrief="The longest match wins, Exact before Prefix, and Prefix means whole elements.",
    hints=("Write the elements of each path in a row.", "`route(cluster, host, path)` answers."),
)  # fmt: skip

# --- how long ------------------------------------------------------------------------------


def _draw_wait(rng: Random) -> dict[str, Any]:
    read_s = rng.randint(6, 20)
    return {"read_s": read_s, "tries": rng.choice((2, 3, 4)), "think_s": read_s + rng.randint(2, 5)}


def _answer(given: Given, method: str) -> Any:
    limits = ProxyTimeouts(5, given["read_s"], given["tries"])
    return answer_slowly([given["think_s"]], limits, handshake_s=0, method=method)


def _prompt_wait(given: Given) -> str:
    return f"""ingress-nginx runs with `proxy-connect-timeout: "5"`, `proxy-read-timeout: "{given["read_s"]}"`
and `proxy-next-upstream-tries: "{given["tries"]}"`. Every pod accepts connections at once and needs
**{given["think_s"]} s** to its first byte.

- `"get_s"`: after how many seconds does the client of a GET have its answer or error?
- `"post_s"`: and the client of a POST?
- `"started"`: how often is the work of that one GET begun?"""


WAIT = asking(
    name="wait",
    title="How long does the client wait?",
    draw=_draw_wait,
    prompt=_prompt_wait,
    asked=(
        Field(
            "get_s", 1, lambda given: float(_answer(given, "GET").elapsed_s[0]),
            (Slip("the-timeout-is-the-whole-wait", lambda given: given["read_s"],
                  "That is one try. What does the proxy do after a time-out?"),
             Slip("slow-answers-get-through", lambda given: given["think_s"],
                  "The first byte comes later than the read time-out allows.")),
            "Each try ends at the read time-out. How many are there?",
        ),
        Field(
            "post_s", 1, lambda given: float(_answer(given, "POST").elapsed_s[0]),
            (Slip("a-post-is-repeated", lambda given: given["read_s"] * given["tries"],
                  "A pod has this POST already. May the proxy send it again?"),),
            "How many tries does a request get that must not be done twice?",
        ),
        Field(
            "started", 1, lambda given: int(_answer(given, "GET").started[0]),
            (Slip("retries-are-free", lambda given: 1,
                  "The first pod does not know that the proxy stopped waiting."),),
            "One for each try that reached a pod.", rel_tol=1e-9,
        ),
    ),
    debrief="A GET waits tries × read and repeats its work; a POST that was sent fails after one.",
    hints=("Tries includes the first.", "`answer_slowly([...], ProxyTimeouts(...))` computes it."),
)  # fmt: skip

# --- the decision --------------------------------------------------------------------------


def _draw_patience(rng: Random) -> dict[str, Any]:
    needs_s = rng.randint(12, 30)
    return {"needs_s": needs_s, "most_s": 2 * needs_s + rng.randint(4, 8)}


def _prompt_patience(given: Given) -> str:
    return f"""The slowest *good* GET of a service takes **{given["needs_s"]} s** to its first byte. Decide, as a dictionary
`{{"read_s": ..., "tries": ...}}` of whole numbers, so that in the model (`answer_slowly`)

- that GET succeeds,
- a GET to pods that accept and then hang forever fails after at most **{given["most_s"]} s**,
- and one pod that cannot be reached does not fail a request: there is at least one further try.

More than one decision is right."""


def _judge_patience(given: Given, answer: Any) -> tuple[Part, ...]:
    if type(answer) is not dict:
        return (Part("patience", 0, 4, f"The answer is {type_name(answer)}, not a dictionary."),)
    read_s, tries = (whole(answer.get(name, TODO)) for name in ("read_s", "tries"))
    if read_s is TODO and tries is TODO:
        return (Part("patience", 0, 4, UNANSWERED, attempted=False),)
    for name, value, most in (("read_s", read_s, 3_600), ("tries", tries, 20)):
        if type(value) is not int or not 1 <= value <= most:
            return (Part("patience", 0, 4, f"{name!r} is a whole number from 1 to {most:,}."),)
    limits = ProxyTimeouts(5, read_s, tries)
    found = answer_slowly([given["needs_s"], math.inf], limits, handshake_s=0)
    good = int(found.status[0]) == 200
    ends = float(found.elapsed_s[1]) <= given["most_s"]
    again = tries >= 2
    return (
        Part("good", 1.5 if good else 0, 1.5, "Right." if good else
             "The slowest good answer is cut off.", "" if good else "timeouts-fit-the-mean"),
        Part("hanging", 1.5 if ends else 0, 1.5, "Right." if ends else
             f"A GET to a hanging pod fails after {found.elapsed_s[1]:.0f} s only.",
             "" if ends else "retries-are-free"),
        Part("again", 1 if again and good and ends else 0, 1,
             "Right." if again and good and ends else
             "There is a further try; it counts once both other bounds are met." if again else
             "One unreachable pod fails the request.", "" if again else "never-retry"),
    )  # fmt: skip


PATIENCE = Task(
    name="patience",
    title="How patient should it be?",
    draw=_draw_patience,
    prompt=_prompt_patience,
    max_points=4,
    judge_plain=_judge_patience,
    debrief="The read time-out follows the slowest good answer; tries multiply it for the bad ones.",
    wrong=(
        Slip("timeouts-fit-the-mean",
             lambda given: {"read_s": given["needs_s"] // 2, "tries": 2}, "cut off"),
        Slip("retries-are-free",
             lambda given: {"read_s": given["needs_s"], "tries": 3}, "fails after"),
        Slip("never-retry",
             lambda given: {"read_s": given["needs_s"], "tries": 1}, "One unreachable pod"),
    ),
    hints=("Which knob must be above the slowest good answer?", "Wait of a hanging GET: tries × read."),
)  # fmt: skip

ASSIGNMENT = Assignment("08-ingress-and-gateway", (RULES, WAIT, PATIENCE))
